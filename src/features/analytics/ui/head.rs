//! What is looked at: the days, whether they are compared, and whose things. Links and a form, so that it works without script.

use leptos::prelude::*;
use leptos_router::components::Form;
use llmos_analytics::model::{Dashboard, Query, Ranked, Span};

use super::{
    super::state::{ANALYTICS, PERSONAL, analytics_address, with_filter},
    words::range_words,
};
use crate::{
    browser::{data::Fetched, page},
    features::{accounts::state::use_session, artifacts::model::CATEGORIES},
    ui::{Icon, Transition, clock_time, drop_down, late},
};

/// The ranges, the days of one's own choice, and the comparison.
#[component]
pub fn Ranges(query: Memo<Query>, dashboard: Fetched<Dashboard>) -> impl IntoView {
    let to = move |span: Span| {
        move || query.with(|query| analytics_address(&Query { range: span, from: None, to: None, ..query.clone() }, None))
    };
    let is = move |span: Span| move || query.with(|query| query.range == span).then_some("true");
    let named = [
        (Span::Week, "7d", "7 days"),
        (Span::Month, "30d", "30 days"),
        (Span::Quarter, "90d", "90 days"),
        (Span::Year, "12m", "12 months"),
    ];
    let compared = move || query.with(|query| analytics_address(&Query { compare: !query.compare, ..query.clone() }, None));
    let days = move || {
        dashboard.get().and_then(Result::ok).map(|data| {
            let before = data.before.map(|before| format!(", against {}", range_words(before))).unwrap_or_default();
            format!("{}{before}", range_words(data.range))
        })
    };
    view! {
        <span class="seg" role="group" aria-label="Days">
            {named
                .map(|(span, short, long)| view! { <a href=to(span) aria-current=is(span) title=long>{short}</a> })
                .into_iter()
                .collect_view()}
        </span>
        <details class="drop">
            <summary class="chip line" class:on=move || query.with(|query| query.range == Span::Custom)><Icon name="calendar"/><span class="wide-only">"Custom"</span><span class="sr">" days"</span></summary>
            <div class="pop pad"><Days query=query/></div>
        </details>
        <a class="ana-compare" role="switch" aria-checked=move || query.with(|query| query.compare).to_string() href=compared>
            "Compare"
        </a>
        <span class="count roomy"><Transition>{days}</Transition></span>
    }
}

/// The first and the last day, as a form that the address becomes.
#[component]
fn Days(query: Memo<Query>) -> impl IntoView {
    let kept = move || {
        query.with(|query| {
            let pairs = query.pairs().into_iter().filter(|(name, _)| !matches!(*name, "range" | "from" | "to" | "compare"));
            let compare = (!query.compare).then(|| ("compare", "false".to_owned()));
            pairs.chain(compare).map(|(name, value)| view! { <input type="hidden" name=name value=value/> }).collect_view()
        })
    };
    let from = move || query.with(|query| query.from.map(|day| day.to_string()));
    let to = move || query.with(|query| query.to.map(|day| day.to_string()));
    view! {
        <Form method="GET" action=ANALYTICS attr:class="stack ana-days">
            <input type="hidden" name="range" value="custom"/>
            {kept}
            <div class="field"><label for="ana-from">"First day"</label><input class="input" id="ana-from" type="date" name="from" required value=from/></div>
            <div class="field"><label for="ana-to">"Last day"</label><input class="input" id="ana-to" type="date" name="to" required value=to/></div>
            <button type="submit" class="btn">"Show"</button>
        </Form>
    }
}

/// Whose things: team, person, volume, kind and category, and the zone that days are in.
#[component]
pub fn Filters(
    query: Memo<Query>,
    dashboard: Fetched<Dashboard>,
    #[prop(into)] zone: Signal<String>,
    /// Up to when the numbers that are shown are counted, in UTC ms: they move on, the first answer does not.
    counted_to: RwSignal<i64>,
) -> impl IntoView {
    let session = use_session();
    // Value and words of each choice; the first is none.
    let choice = move |name: &'static str, label: &'static str, chosen: Option<String>, options: Vec<(String, String)>| {
        let here = query.get_untracked();
        let shown = chosen.as_ref().map_or_else(
            || "all".to_owned(),
            |value| options.iter().find(|(id, _)| id == value).map_or_else(|| "chosen".to_owned(), |(_, words)| words.clone()),
        );
        let all = (analytics_address(&with_filter(&here, name, None), None), "all".to_owned(), None, chosen.is_none());
        let entries = options.into_iter().map(|(value, words)| {
            let current = chosen.as_ref() == Some(&value);
            (analytics_address(&with_filter(&here, name, Some(value)), None), words, None, current)
        });
        drop_down(label, shown, chosen.is_some(), std::iter::once(all).chain(entries).collect())
    };
    let named = |ranked: Vec<Ranked>| ranked.into_iter().filter(|one| !one.id.is_empty()).map(|one| (one.id, one.name)).collect::<Vec<_>>();
    let all = move || {
        let query = query.get();
        let teams = session.account().map(|me| me.teams).unwrap_or_default();
        let choices = dashboard.get().and_then(Result::ok).map(|data| data.choices).unwrap_or_default();
        late(move || {
            let own = std::iter::once((PERSONAL.to_owned(), "my own".to_owned()));
            let teams = own.chain(teams.into_iter().map(|team| (team.id.to_string(), team.name))).collect();
            let kinds =
                [("skill", "Skills"), ("agent", "Agents"), ("tool", "Tools")].map(|(id, words)| (id.to_owned(), words.to_owned())).to_vec();
            let categories = CATEGORIES.iter().map(|(id, words)| ((*id).to_owned(), (*words).to_owned())).collect();
            view! {
                {choice("team", "Team", query.team, teams)}
                {choice("person", "Person", query.person, named(choices.people))}
                {choice("volume", "Volume", query.volume, named(choices.volumes))}
                {choice("kind", "Kind", query.kind, kinds)}
                {choice("category", "Category", query.category, categories)}
            }
        })
    };
    // The server writes UTC; the browser knows the zone.
    let offset = RwSignal::new(0);
    Effect::new(move |_| offset.set(zone.with(|zone| page::utc_offset(Some(zone)))));
    let counted = move || {
        dashboard
            .get()
            .and_then(Result::ok)
            .map(|data| data.counted_to.max(counted_to.get()))
            .filter(|at| *at > 0)
            .map(|at| format!(" Counted to {}.", clock_time(at, offset.get())))
    };
    view! {
        <div class="filters ana-filters">
            <Transition>{all}</Transition>
            <span class="push count">{move || format!("Days in {}.", zone.get().replace('_', " "))}<Transition>{counted}</Transition></span>
        </div>
    }
}
