//! Numbers on the page: each leads to the rows that it was made of.

use leptos::prelude::*;
use llmos_analytics::{
    day::Day,
    model::{Dashboard, Figure, Measure, Query},
};

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
    pub lead: Lead,
}

/// Where what a number was made of is seen.
#[derive(Clone, Copy)]
pub enum Lead {
    /// Its rows in the range.
    Rows(Measure),
    /// Its rows on other days: the first and the last.
    Days(Measure, fn(&Dashboard) -> (Day, Day)),
    /// A page that lists it; empty where none does.
    Page(fn(&Query) -> String),
}

impl Lead {
    fn href(self, query: &Query, data: &Dashboard) -> String {
        match self {
            Self::Rows(measure) => analytics_address(query, Some(&Behind::of(measure))),
            Self::Days(measure, days) => {
                let (from, to) = days(data);
                analytics_address(query, Some(&Behind::of(measure).days(from, to)))
            }
            Self::Page(page) => page(query),
        }
    }
}

/// A line whose number is counted.
pub const fn counted(name: &'static str, figure: fn(&Dashboard) -> Figure, behind: Measure) -> Line {
    Line { name, figure, unit: Unit::Count, better: Better::More, lead: Lead::Rows(behind) }
}

/// A line whose number is neither better nor worse when there is more of it.
pub const fn plain(name: &'static str, figure: fn(&Dashboard) -> Figure, unit: Unit, lead: Lead) -> Line {
    Line { name, figure, unit, better: Better::Neither, lead }
}

/// A number that is not compared.
pub fn alone(number: u64) -> Figure {
    Figure { now: Some(number as f64), ..Figure::default() }
}

impl Line {
    pub const fn unit(self, unit: Unit) -> Self {
        Self { unit, ..self }
    }
    pub const fn better(self, better: Better) -> Self {
        Self { better, ..self }
    }
    pub const fn lead(self, lead: Lead) -> Self {
        Self { lead, ..self }
    }

    fn view(&self, data: RwSignal<Dashboard>, query: &Query) -> impl IntoView + use<> {
        let (figure, unit, better, lead) = (self.figure, self.unit, self.better, self.lead);
        let figure = Memo::new(move |_| data.with(figure));
        let number = move || figure.get().now.map_or_else(|| "–".to_owned(), |now| unit.words(now));
        let number = if leads() && !data.with_untracked(|data| lead.href(query, data)).is_empty() {
            let query = query.clone();
            let href = move || data.with(|data| lead.href(&query, data));
            view! { <a class="link" href=href>{number}</a> }.into_any()
        } else {
            number.into_any()
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
