//! Numbers on the page: each leads to the rows that it was made of.

use leptos::prelude::*;
use llmos_analytics::model::{Dashboard, Figure, Measure, Query};

use super::{
    super::state::{Behind, analytics_address},
    words::{Better, Unit, change},
};
use crate::ui::chart::{ChangeMark, Sparkline};

/// In the context where somebody looks who has the numbers alone, and no way to what is behind them.
#[derive(Clone, Copy, Debug)]
pub struct NumbersAlone;

/// Whether numbers lead to their rows here.
pub fn leads() -> bool {
    use_context::<NumbersAlone>().is_none()
}

/// Where the rows of a number are; empty where it leads nowhere.
pub fn rows_of(query: &Query, measure: Measure) -> String {
    if leads() { analytics_address(query, Some(&Behind::of(measure))) } else { String::new() }
}

/// One of the numbers at the top: how it went stands beside it.
#[component]
pub fn Tile(
    name: &'static str,
    data: RwSignal<Dashboard>,
    figure: fn(&Dashboard) -> Figure,
    unit: Unit,
    better: Better,
    href: String,
    /// Stands behind the number in place of its unit.
    #[prop(optional)]
    of: Option<fn(&Dashboard) -> String>,
    /// A small line of each day.
    daily: fn(&Dashboard) -> Vec<f64>,
) -> impl IntoView {
    let figure = Memo::new(move |_| data.with(figure));
    let daily = Memo::new(move |_| data.with(daily));
    let value = move || {
        let (number, unit) = figure.get().now.map_or_else(|| ("–".to_owned(), ""), |now| unit.parts(now));
        let behind = of.map_or_else(|| unit.to_owned(), |of| data.with(of));
        let look = of.map(|_| "of");
        view! { {number}" "<small class=look>{behind}</small> }
    };
    let parts = view! {
        <span class="n">{name}</span>
        <span class="v">{value}</span>
        <span class="b">{move || change_view(figure.get(), unit, better)}</span>
        {move || view! { <Sparkline values=daily.get()/> }}
    };
    if href.is_empty() {
        view! { <div class="tile">{parts}</div> }.into_any()
    } else {
        view! { <a class="tile" href=href>{parts}</a> }.into_any()
    }
}

/// How a number went, in its place under it.
pub fn change_view(figure: Figure, unit: Unit, better: Better) -> AnyView {
    match change(figure, unit, better) {
        Some(change) => view! { <ChangeMark icon=change.icon look=change.look words=change.words/> <span>{change.note}</span> }.into_any(),
        None => ().into_any(),
    }
}

/// A line of a group: name, number, how it went.
pub struct Line {
    pub name: &'static str,
    pub figure: fn(&Dashboard) -> Figure,
    pub unit: Unit,
    pub better: Better,
    /// What it was made of; none where that is no list of rows.
    pub behind: Option<Measure>,
}

/// A line whose number is counted.
pub const fn counted(name: &'static str, figure: fn(&Dashboard) -> Figure, behind: Measure) -> Line {
    Line { name, figure, unit: Unit::Count, better: Better::More, behind: Some(behind) }
}

impl Line {
    pub const fn unit(self, unit: Unit) -> Self {
        Self { unit, ..self }
    }
    pub const fn better(self, better: Better) -> Self {
        Self { better, ..self }
    }

    fn view(&self, data: RwSignal<Dashboard>, query: &Query) -> impl IntoView + use<> {
        let (figure, unit, better) = (self.figure, self.unit, self.better);
        let figure = Memo::new(move |_| data.with(figure));
        let number = move || figure.get().now.map_or_else(|| "–".to_owned(), |now| unit.words(now));
        let number = match self.behind.filter(|_| leads()) {
            Some(measure) => view! { <a class="link" href=rows_of(query, measure)>{number}</a> }.into_any(),
            None => number.into_any(),
        };
        view! {
            <div>
                <dt>{self.name}</dt>
                <dd class="num">{number}</dd>
                <dd class="b">{move || change_view(figure.get(), unit, better)}</dd>
            </div>
        }
    }
}

/// All numbers of a part, as a list of names and values.
#[component]
pub fn Group(
    id: &'static str,
    title: &'static str,
    data: RwSignal<Dashboard>,
    query: Query,
    lines: Vec<Line>,
    #[prop(optional)] children: Option<Children>,
) -> impl IntoView {
    view! {
        <section class="card figures" aria-labelledby=id>
            <header class="card-head"><h2 id=id>{title}</h2></header>
            <dl>{lines.iter().map(|line| line.view(data, &query)).collect_view()}</dl>
            {children.map(|children| view! { <div class="card-body">{children()}</div> })}
        </section>
    }
}
