//! The list of traces, narrowed by what the address says.

use leptos::prelude::*;
use leptos_router::{
    components::Form,
    hooks::{use_params_map, use_query_map},
};

use super::{
    super::{
        model::{CENTS_FROM, TOKENS_FROM, TOOK_FROM, TraceLabels, TraceOutcome, TracePage, TraceSource, TraceSummary, TracesQuery},
        state::{TRACES, day_of, traces_address, traces_query, use_trace, use_traces},
    },
    cost_words,
    detail::TracePane,
    duration_words, outcome_mark,
};
use crate::{
    browser::response,
    features::accounts::ui::WorkspaceChoice,
    ids::TraceId,
    ui::{
        Again, Avatar, EmptyState, ErrorView, Icon, Loading, PageTitle, Time, Transition, count, drop_down, kept_fields, late, list_keys,
        plural,
    },
};

/// What the keys go along.
const GOALS: &str = ".traces .main-cell a";

#[component]
pub fn TracesPage() -> impl IntoView {
    let (params, asked) = (use_params_map(), use_query_map());
    let query = Memo::new(move |_| asked.with(traces_query));
    let open = Memo::new(move |_| TraceId::in_address(params.read().get("id")));
    let traces = use_traces(query);
    let trace = use_trace(open);
    list_keys(GOALS);
    view! {
        <PageTitle text="Traces"/>
        <main class="main panes p-traces" id="main" tabindex="-1" data-show=move || if open.get().is_some() { "side" } else { "main" }>
            <section class="pane" data-part="main" aria-label="Traces">
                <header class="bar">
                    <h1>"Traces"</h1>
                    <span class="push row gap-4"><Again act=Callback::new(move |()| traces.refetch())/><WorkspaceChoice chosen=Signal::derive(move || query.with(|query| query.team)) to=|team| traces_address(&TracesQuery { team, ..TracesQuery::default() }, None)/></span>
                </header>
                <div class="scroll" tabindex="0">
                    <Transition fallback=|| view! { <Loading/> }>
                        {move || {
                            let query = query.get();
                            traces
                                .arrived()
                                .map(|traces| late(move || match traces.read() {
                                    Ok(page) => view! { <List page=page query=query open=open/> }.into_any(),
                                    Err(error) => {
                                        response::set_status(error.code.status());
                                        view! { <ErrorView error=error/> }.into_any()
                                    }
                                }))
                        }}
                    </Transition>
                </div>
            </section>
            <TracePane open=open query=query trace=trace changed=Callback::new(move |()| traces.refetch())/>
        </main>
    }
}

#[component]
fn List(page: TracePage, query: TracesQuery, open: Memo<Option<TraceId>>) -> impl IntoView {
    let unfiltered = TracesQuery { team: query.team, ..TracesQuery::default() };
    let is_filtered = TracesQuery { before: None, ..query.clone() } != unfiltered;
    let all = traces_address(&unfiltered, None);
    let (total, next, items) = (page.labels.total, page.next, page.items);
    let newest = query.before.map(|_| traces_address(&TracesQuery { before: None, ..query.clone() }, None));
    let older = next.map(|next| traces_address(&TracesQuery { before: Some(next), ..query.clone() }, None));
    if total == 0 {
        return view! {
            <EmptyState icon="list" title="No trace yet" text="A trace is the record of one run of an agent. Send them to /api/v1/traces, point an OpenTelemetry exporter here, or import files with the command line.">
                <a class="btn" href="/help/traces" rel="external">"How to send them"</a>
            </EmptyState>
        }
        .into_any();
    }
    let shown = StoredValue::new(query.clone());
    view! {
        <Filters labels=page.labels query=query/>
        {if items.is_empty() {
            view! { <EmptyState icon="filter" title="No trace matches" text="Other words or fewer filters may find it."><a class="btn" href=all>"Show all"</a></EmptyState> }.into_any()
        } else {
            view! {
                <table class="table sticky stacks traces">
                    <thead>
                        <tr>
                            <th><span class="sr">"Outcome"</span></th>
                            <th>"Goal"</th>
                            <th>"By"</th>
                            <th class="num">"Steps"</th>
                            <th class="num">"Took"</th>
                            <th class="num">"Tokens"</th>
                            <th class="num">"Cost"</th>
                            <th class="num">"Began"</th>
                        </tr>
                    </thead>
                    <tbody>{items.into_iter().map(|trace| row(trace, shown, open)).collect_view()}</tbody>
                </table>
            }
                .into_any()
        }}
        <nav class="pager" aria-label="Pages">
            <span>{if is_filtered { format!("of {}", plural(total, "trace", "traces")) } else { plural(total, "trace", "traces") }}</span>
            {newest.map(|address| view! { <a class="btn s" href=address>"Newest"</a> })}
            {older.map(|address| view! { <a class="btn s" href=address>"Older"<Icon name="chev-r"/></a> })}
        </nav>
    }
    .into_any()
}

fn row(trace: TraceSummary, query: StoredValue<TracesQuery>, open: Memo<Option<TraceId>>) -> impl IntoView {
    let id = trace.id;
    let address = query.with_value(|query| traces_address(query, Some(id)));
    let steps = match trace.failed_steps {
        0 => count(trace.steps),
        failed => format!("{}, {} failed", count(trace.steps), count(failed)),
    };
    let name = trace.person.clone().unwrap_or_else(|| trace.by.name.clone());
    let took = duration_words(trace.duration_ms());
    let goal = if trace.goal.is_empty() { "No goal told".to_owned() } else { trace.goal.clone() };
    view! {
        <tr aria-selected=move || (open.get() == Some(id)).then_some("true")>
            <td class="shrink" data-l="Outcome">{outcome_mark(trace.outcome)}</td>
            <td class="main-cell">
                <a class="link" href=address>{goal}</a>
                <span class="row wrap gap-4 f12">
                    {trace.rating.map(stars)}
                    {trace.skills.into_iter().map(|skill| view! { <span class="chip line">{skill}</span> }).collect_view()}
                </span>
            </td>
            <td data-l="By"><span class="row gap-4">{trace.person.is_none().then(|| view! { <Avatar person=trace.by size="s"/> })}<span class="trunc">{name}</span></span></td>
            <td class="num t2" data-l="Steps">{steps}</td>
            <td class="num t2" data-l="Took">{took}</td>
            <td class="num t2" data-l="Tokens">{count(trace.tokens_in + trace.tokens_out)}</td>
            <td class="num t2" data-l="Cost">{cost_words(trace.cost)}</td>
            <td class="num t3" data-l="Began"><Time at=trace.started_at/></td>
        </tr>
    }
}

/// A rating by a person.
pub fn stars(rating: i64) -> impl IntoView {
    view! { <span class="chip line"><Icon name="star"/><span class="sr">"Rated "</span>{rating}</span> }
}

#[component]
fn Filters(labels: TraceLabels, query: TracesQuery) -> impl IntoView {
    let to = |change: &dyn Fn(&mut TracesQuery)| {
        let mut next = TracesQuery { before: None, ..query.clone() };
        change(&mut next);
        traces_address(&next, None)
    };
    // A filter of names: what is chosen, and how choosing changes the query.
    let named = |label: &'static str, found: Vec<(String, i64)>, chosen: Option<String>, set: fn(&mut TracesQuery, Option<String>)| {
        let odd = chosen.clone().filter(|chosen| found.iter().all(|(name, _)| name != chosen)).map(|name| (name, 0));
        let mut entries = vec![(to(&|query| set(query, None)), "any".to_owned(), None, chosen.is_none())];
        for (name, runs) in odd.into_iter().chain(found) {
            let is_chosen = chosen.as_ref() == Some(&name);
            entries.push((to(&|query| set(query, Some(name.clone()))), name.clone(), Some(runs), is_chosen));
        }
        let shown = chosen.clone().unwrap_or_else(|| "any".to_owned());
        (entries.len() > 1).then(|| drop_down(label, shown, chosen.is_some(), entries))
    };
    let of = |found: &[(String, i64)], name: &str| found.iter().find(|(known, _)| known == name).map_or(0, |(_, runs)| *runs);
    let outcomes = TraceOutcome::ALL.iter().copied().filter(|one| of(&labels.outcomes, one.as_str()) > 0 || query.outcome == Some(*one));
    let outcomes = outcomes
        .map(|outcome| {
            let is_chosen = query.outcome == Some(outcome);
            let address = to(&|query| query.outcome = (!is_chosen).then_some(outcome));
            view! { <a href=address aria-current=is_chosen.then_some("true")>{outcome.words()}" "<span class="count">{count(of(&labels.outcomes, outcome.as_str()))}</span></a> }
        })
        .collect_view();
    let sources = {
        let mut entries = vec![(to(&|query| query.source = None), "any".to_owned(), None, query.source.is_none())];
        for source in TraceSource::ALL.iter().copied().filter(|one| of(&labels.sources, one.as_str()) > 0) {
            let is_chosen = query.source == Some(source);
            entries.push((
                to(&|query| query.source = Some(source)),
                source.words().to_owned(),
                Some(of(&labels.sources, source.as_str())),
                is_chosen,
            ));
        }
        let shown = query.source.map_or("any", TraceSource::words).to_owned();
        (entries.len() > 2 || query.source.is_some()).then(|| drop_down("Source", shown, query.source.is_some(), entries))
    };
    let ratings = {
        let mut entries = vec![(to(&|query| query.min_rating = None), "any".to_owned(), None, query.min_rating.is_none())];
        entries.extend((2..=5).rev().map(|least| {
            (to(&|query| query.min_rating = Some(least)), format!("{least} or better"), None, query.min_rating == Some(least))
        }));
        let shown = query.min_rating.map_or_else(|| "any".to_owned(), |least| format!("{least} or better"));
        drop_down("Rated", shown, query.min_rating.is_some(), entries)
    };
    // A number from which on: what is chosen, and how choosing changes the query.
    let from = |label: &'static str, thresholds: [(i64, &'static str); 4], chosen: Option<i64>, set: fn(&mut TracesQuery, Option<i64>)| {
        let mut entries = vec![(to(&|query| set(query, None)), "any".to_owned(), None, chosen.is_none())];
        for (least, words) in thresholds {
            entries.push((to(&|query| set(query, Some(least))), format!("{words} or more"), None, chosen == Some(least)));
        }
        let shown =
            thresholds.iter().find(|(least, _)| chosen == Some(*least)).map_or("any".to_owned(), |(_, words)| format!("{words} or more"));
        drop_down(label, shown, chosen.is_some(), entries)
    };
    let named_of = |thresholds: [i64; 4], words: [&'static str; 4]| {
        let mut named = [(0, ""); 4];
        named.iter_mut().zip(thresholds.into_iter().zip(words)).for_each(|(slot, one)| *slot = one);
        named
    };
    let numbers = view! {
        {from("Took", named_of(TOOK_FROM, ["10 s", "1 min", "10 min", "1 h"]), query.min_took_ms, |query, least| query.min_took_ms = least)}
        {from("Tokens", named_of(TOKENS_FROM, ["1,000", "10,000", "100,000", "1,000,000"]), query.min_tokens, |query, least| query.min_tokens = least)}
        {from("Cost", named_of(CENTS_FROM, ["$0.01", "$0.10", "$1", "$10"]), query.min_cost_cents, |query, least| query.min_cost_cents = least)}
    };
    let steps = {
        let (any, failed) = (to(&|query| query.failed_steps = false), to(&|query| query.failed_steps = true));
        let entries = vec![(any, "any".to_owned(), None, !query.failed_steps), (failed, "one failed".to_owned(), None, query.failed_steps)];
        drop_down("Steps", if query.failed_steps { "one failed" } else { "any" }.to_owned(), query.failed_steps, entries)
    };
    // What one gets to from elsewhere: it is taken out here.
    let only = [
        (query.pattern.is_some(), "Of one pattern", to(&|query| query.pattern = None)),
        (query.session.is_some(), "Of one session", to(&|query| query.session = None)),
        (query.conversation.is_some(), "Of one conversation", to(&|query| query.conversation = None)),
        (query.commit.is_some(), "Of one commit", to(&|query| query.commit = None)),
    ];
    let only = only
        .into_iter()
        .filter(|(is_asked, ..)| *is_asked)
        .map(|(_, words, without)| {
            let label = format!("{words}: show all");
            view! { <a class="chip line on" href=without aria-label=label>{words}<Icon name="x"/></a> }
        })
        .collect_view();
    let when = {
        let (since, until) = (query.since.map(|at| day_of(at, false)), query.until.map(|at| day_of(at, true)));
        let shown = match (&since, &until) {
            (None, None) => "any time".to_owned(),
            (Some(since), None) => format!("from {since}"),
            (None, Some(until)) => format!("to {until}"),
            (Some(since), Some(until)) => format!("{since} to {until}"),
        };
        let class = if since.is_some() || until.is_some() { "chip line on" } else { "chip line" };
        let fields = kept_fields(&query, &["since", "until", "before"]);
        view! {
            <details class="drop">
                <summary class=class><span class="trunc">{format!("Began: {shown}")}</span><Icon name="chev-d"/></summary>
                <div class="pop trace-when">
                    <Form method="GET" action=TRACES>
                        {fields}
                        <div class="field"><label for="traces-since">"First day"</label><input class="input" type="date" id="traces-since" name="since" value=since/></div>
                        <div class="field"><label for="traces-until">"Last day"</label><input class="input" type="date" id="traces-until" name="until" value=until/></div>
                        <p class="hint">"Days of UTC."</p>
                        <button class="btn s">"Show"</button>
                    </Form>
                </div>
            </details>
        }
    };
    let fields = kept_fields(&query, &["q", "before"]);
    let words = query.q.clone().unwrap_or_default();
    view! {
        <div class="toolbar trace-filters">
            <Form method="GET" action=TRACES attr:role="search">
                {fields}
                <label class="input">
                    <Icon name="filter"/>
                    <span class="sr">"Filter"</span>
                    <input type="search" name="q" placeholder="Words of the goal" autocomplete="off" data-filter="" value=words/>
                </label>
            </Form>
            <span class="seg" role="group" aria-label="Outcome">{outcomes}</span>
            {named("Tool", labels.tools, query.tool.clone(), |query, name| query.tool = name)}
            {named("Skill", labels.skills, query.skill.clone(), |query, name| query.skill = name)}
            {named("By", labels.people, query.person.clone(), |query, name| query.person = name)}
            {named("Model", labels.models, query.model.clone(), |query, name| query.model = name)}
            {sources}
            {ratings}
            {numbers}
            {steps}
            {when}
            {only}
        </div>
    }
}
