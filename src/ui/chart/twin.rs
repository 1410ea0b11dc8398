//! The table of a chart: what the server renders, and what is read where nothing can be drawn.

use leptos::prelude::*;

use super::data::{ChartData, Series, Shape};

/// A row for each point, the newest first, with what happened; of a grid, a row for each series.
pub fn twin(data: &ChartData) -> AnyView {
    if data.shape == Shape::Grid { grid(data) } else { points(data) }
}

fn cell(data: &ChartData, series: &Series, at: usize) -> AnyView {
    let words = data.words(series, at);
    // A link of nothing would have no name.
    match series.links.get(at).cloned().flatten().filter(|_| !words.is_empty()) {
        Some(href) => view! { <td class="num"><a href=href>{words}</a></td> }.into_any(),
        None => view! { <td class="num">{words}</td> }.into_any(),
    }
}

fn points(data: &ChartData) -> AnyView {
    let has_notes = !data.notes.is_empty();
    let head = data.series.iter().map(|series| view! { <th scope="col" class="num">{series.name.clone()}</th> }).collect_view();
    let row = |at: usize| {
        let point = data.points.get(at)?;
        let cells = data.series.iter().map(|series| cell(data, series, at)).collect_view();
        let notes = has_notes.then(|| {
            let words = data.notes.iter().filter(|note| note.at == at).map(|note| {
                let words = note.words.clone();
                match note.href.as_str() {
                    "" => view! { <span>{words}" "</span> }.into_any(),
                    href => view! { <a class="link" href=href.to_owned()>{words}</a>" " }.into_any(),
                }
            });
            view! { <td>{words.collect_view()}</td> }
        });
        Some(view! { <tr><th scope="row">{point.name.clone()}</th>{cells}{notes}</tr> })
    };
    view! {
        <table class="table sticky">
            <thead><tr><th scope="col">{data.head}</th>{head}{has_notes.then(|| view! { <th scope="col">"Notes"</th> })}</tr></thead>
            <tbody>{(0..data.points.len()).rev().filter_map(row).collect_view()}</tbody>
        </table>
    }
    .into_any()
}

fn grid(data: &ChartData) -> AnyView {
    let head = data
        .points
        .iter()
        .map(|point| view! { <th scope="col" class="num" title=point.name.clone()>{point.short.clone()}</th> })
        .collect_view();
    let row = |series: &Series| {
        let cells = (0..data.points.len()).map(|at| cell(data, series, at)).collect_view();
        view! { <tr><th scope="row">{series.name.clone()}</th>{cells}</tr> }
    };
    view! {
        <table class="table sticky">
            <thead><tr><th scope="col">{data.head}</th>{head}</tr></thead>
            <tbody>{data.series.iter().map(row).collect_view()}</tbody>
        </table>
    }
    .into_any()
}
