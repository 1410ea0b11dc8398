//! All numbers and charts of a question. They change in their place when something happens.

use leptos::prelude::*;
use llmos_analytics::{
    day::Day,
    model::{Cause, Dashboard, Figure, Forecasts, Measure, Query, Ranked, Shelf},
};

use super::{
    super::state::{Behind, ahead, analytics_address, library_address, live},
    charts::{activity, calendar, distribution, funnels, heat, learning, most_used, retention, success},
    figures::{Group, Lead, Line, Tile, alone, counted, leads, plain, rows_of},
    words::{Better, Unit, day_short},
};
use crate::{
    error::AppResult,
    ui::{
        EmptyState, Icon,
        chart::{Bar, Bars, Chart, ChartData, RankedBar, RankedBars, SaveMenu, ScaleKey, number_words},
        plural,
    },
};

/// `chosen` is the question as the address has it, `query` the same in the reader's zone. What happened may be missing: the numbers stand without it.
#[component]
pub fn Board(
    first: Dashboard,
    /// It may come after the numbers.
    causes: Signal<Option<AppResult<Vec<Cause>>>>,
    chosen: Query,
    query: Query,
    /// Up to when the numbers that are shown are counted, in UTC ms.
    counted_to: RwSignal<i64>,
) -> impl IntoView {
    let enabled = first.enabled;
    let has_operations = first.operations.is_some();
    let leads = leads();
    // Whoever has the numbers alone sees them as they were when the page was opened.
    let (data, ahead) = if leads { (live(first, query.clone()), ahead(query)) } else { (RwSignal::new(first), RwSignal::new(None)) };
    let off = (!enabled).then(|| {
        view! {
            <div class="banner info" role="status">
                <Icon name="info"/>
                <span>"Analytics is off: nothing new is counted. Whoever runs the server turns it on with "<code>"ANALYTICS_ENABLED=true"</code>"."</span>
            </div>
        }
    });
    Effect::new(move |_| counted_to.set(data.with(|data| data.counted_to)));
    let unread = move || {
        let error = causes.get().and_then(Result::err)?;
        let words = format!("What happened on these days could not be read. {}", error.message);
        Some(view! { <div class="banner info" role="status"><Icon name="alert"/><span>{words}</span></div> })
    };
    let asked = StoredValue::new(chosen);
    // The first thing that happens puts the numbers in place of the sentence.
    let nothing = Memo::new(move |_| data.with(is_empty));
    let body = move || {
        if nothing.get() {
            nothing_here(enabled, leads, &asked.get_value())
        } else {
            board(data, causes, asked, ahead, leads, has_operations)
        }
    };
    view! { {off} {unread} {body} }
}

/// Why there are no numbers, and how to get some.
fn nothing_here(enabled: bool, leads: bool, chosen: &Query) -> AnyView {
    let is_filtered = analytics_address(&Query { compare: true, ..chosen.clone() }, None)
        != analytics_address(&Query { compare: true, range: chosen.range, ..Query::default() }, None);
    if !leads {
        view! { <EmptyState icon="analytics" title="Nothing was counted" text="In these days there was nothing to count."/> }.into_any()
    } else if !enabled {
        view! { <EmptyState icon="analytics" title="Nothing was counted" text="While analytics is off, this page has no numbers."/> }
            .into_any()
    } else if is_filtered {
        view! { <EmptyState icon="filter" title="Nothing in these days" text="Nothing that was done fits these filters and days."><a class="btn" href=super::super::state::ANALYTICS>"Show all"</a></EmptyState> }.into_any()
    } else {
        view! { <EmptyState icon="analytics" title="Nothing to count yet" text="Sessions, commits, traces, searches and installs are counted as they happen. Begin with a session."><a class="btn" href="/sessions?new">"New session"</a></EmptyState> }.into_any()
    }
}

/// All numbers and charts.
fn board(
    data: RwSignal<Dashboard>,
    causes: Signal<Option<AppResult<Vec<Cause>>>>,
    asked: StoredValue<Query>,
    ahead: RwSignal<Option<Forecasts>>,
    leads: bool,
    has_operations: bool,
) -> AnyView {
    let chosen = asked.get_value();
    let led = move |chart: ChartData| if leads { chart } else { chart.without_links() };
    let chart = move |make: fn(&Dashboard, &Query) -> ChartData| {
        Signal::from(Memo::new(move |_| data.with(|data| asked.with_value(|query| led(make(data, query))))))
    };
    let timeline = Signal::from(Memo::new(move |_| {
        let causes = causes.get().and_then(Result::ok).unwrap_or_default();
        let drawn = |data: &Dashboard, ahead: &Option<_>| asked.with_value(|query| activity(data, query, &causes, ahead.as_ref()));
        led(data.with(|data| ahead.with(|ahead| drawn(data, ahead))))
    }));
    let heat_most = move || {
        let most = data.with(|data| data.collaboration.heat.iter().flatten().copied().max().unwrap_or_default());
        number_words(most as f64, 0)
    };
    view! {
        <div class="dash">
            <Tiles data=data query=chosen.clone()/>
            <div class="card c12"><Chart id="activity" data=timeline height="20rem" ahead=true/></div>
            <div class="quad">
                <Distribution data=data query=chosen.clone()/>
                <MostUsed data=data query=chosen.clone()/>
                <div class="card">
                    <Chart id="heat" data=chart(heat) height="11.5rem" ahead=true/>
                    <div class="card-body">{move || view! { <ScaleKey most=format!("{} an hour", heat_most())/> }}</div>
                </div>
                {leads.then(|| view! { <Insights data=data query=chosen.clone()/> })}
            </div>
            <div class="card c8"><Chart id="calendar" data=chart(calendar) height="11.5rem"/></div>
            <div class="card c4"><Chart id="retention" data=chart(retention) height="11.5rem"/></div>
            <div class="card c6"><Chart id="learning" data=chart(learning) height="13rem"/></div>
            <div class="card c6"><Chart id="success" data=chart(success) height="13rem"/></div>
            <div class="groups"><Groups data=data query=chosen has_operations=has_operations/></div>
        </div>
    }
    .into_any()
}

/// Nothing at all happened that is counted here.
fn is_empty(data: &Dashboard) -> bool {
    let none = |figure: &Figure| figure.now.unwrap_or_default() == 0.0;
    data.sessions.total == 0
        && data.artifacts.total == 0
        && [
            &data.sessions.created,
            &data.artifacts.edits,
            &data.collaboration.active,
            &data.evolution.traces,
            &data.search.queries,
            &data.marketplace.mine.views,
        ]
        .into_iter()
        .all(none)
}

fn share(part: Figure, all: Figure) -> Figure {
    let of = |part: Option<f64>, all: Option<f64>| part.zip(all).filter(|(_, all)| *all > 0.0).map(|(part, all)| part / all);
    Figure { now: of(part.now, all.now), before: of(part.before, all.before), trend: part.trend }
}

fn floats(values: &[u64]) -> Vec<f64> {
    values.iter().map(|value| *value as f64).collect()
}

/// The share of each day that has one.
fn shares(part: &[u64], all: &[u64]) -> Vec<f64> {
    part.iter().zip(all).filter(|(_, all)| **all > 0).map(|(part, all)| *part as f64 / *all as f64).collect()
}

#[component]
fn Tiles(data: RwSignal<Dashboard>, query: Query) -> impl IntoView {
    let rows = |measure| rows_of(&query, measure);
    view! {
        <section class="tiles" aria-label="At a glance">
            <Tile name="Sessions" data=data figure=|data| data.sessions.created unit=Unit::Count better=Better::More href=rows(Measure::Sessions) of=|data| format!("{} this week", number_words(data.sessions.this_week.now.unwrap_or_default(), 0)) daily=|data| floats(&data.sessions.daily.now)/>
            <Tile name="Artifacts edited" data=data figure=|data| data.artifacts.edits unit=Unit::Count better=Better::More href=rows(Measure::Edits) of=|data| format!("{} new this week", number_words(data.artifacts.this_week.now.unwrap_or_default(), 0)) daily=|data| floats(&data.artifacts.edits_daily.now)/>
            <Tile name="Commits" data=data figure=|data| data.collaboration.commits unit=Unit::Count better=Better::More href=rows(Measure::Commits) daily=|data| floats(&data.collaboration.commits_daily.now)/>
            <Tile name="People active" data=data figure=|data| data.collaboration.active unit=Unit::Count better=Better::More href=rows(Measure::Activity) of=|data| format!("{} on {}", data.collaboration.active_day, day_short(data.range.to)) daily=|_| Vec::new()/>
            <Tile name="Proposals accepted" data=data figure=|data| data.evolution.acceptance unit=Unit::Share better=Better::More href=rows(Measure::ProposalsDecided) daily=|data| data.evolution.acceptance_daily.iter().flatten().copied().collect()/>
            <Tile name="Searches without result" data=data figure=|data| share(data.search.empty, data.search.queries) unit=Unit::Share better=Better::Less href=rows(Measure::SearchesEmpty) daily=|data| shares(&data.search.empty_daily.now, &data.search.daily.now)/>
        </section>
    }
}

/// Ranked things as bars, each with where it leads.
fn bars(rows: &[Ranked], href: impl Fn(&Ranked) -> String) -> Vec<Bar> {
    let bar = |one: &Ranked| {
        let href = if one.id.is_empty() || !leads() { String::new() } else { href(one) };
        Bar::plain(if one.name.is_empty() { "nobody named" } else { one.name.as_str() }, one.count as f64, href)
    };
    rows.iter().take(7).map(bar).collect()
}

/// The rows of a number, narrowed to one line of a ranking.
fn narrowed(query: &Query, measure: Measure, filter: &'static str, one: &Ranked) -> String {
    analytics_address(query, Some(&Behind::of(measure).only(filter, one.id.clone())))
}

/// Where a line of a ranking leads.
type To = fn(&Query, &Ranked) -> String;

/// A ranking under its title; nothing where there is none.
fn ranking(
    data: RwSignal<Dashboard>,
    query: StoredValue<Query>,
    title: &'static str,
    pick: fn(&Dashboard) -> &[Ranked],
    to: To,
) -> impl IntoView {
    let rows = Memo::new(move |_| data.with(|data| query.with_value(|query| bars(pick(data), |one| to(query, one)))));
    move || (!rows.with(Vec::is_empty)).then(|| view! { <h3 class="sect">{title}</h3> <Bars rows=rows.get()/> })
}

#[component]
fn Distribution(data: RwSignal<Dashboard>, query: Query) -> impl IntoView {
    let query = StoredValue::new(query);
    let saved = Signal::derive(move || data.with(distribution));
    view! {
        <section class="card" aria-labelledby="ana-artifacts">
            <header class="card-head"><h2 id="ana-artifacts">"Artifacts"</h2><span class="count push">{move || data.with(|data| number_words(data.artifacts.total as f64, 0))}" now"</span><SaveMenu id="artifacts" title="Artifacts".to_owned() data=saved/></header>
            <div class="card-body stack">
                {move || data.with(|data| data.artifacts.total == 0).then(|| view! { <p class="t3 f12">"No artifacts here yet."</p> })}
                {ranking(data, query, "By kind", |data| &data.artifacts.by_kind, |query, kind| library_address(query, Some(("kind", &kind.id))))}
                {ranking(data, query, "By volume", |data| &data.artifacts.by_volume, |query, volume| library_address(query, Some(("volume", &volume.id))))}
                {ranking(data, query, "Most active categories", |data| &data.artifacts.by_category, |query, one| narrowed(query, Measure::ArtifactChanges, "category", one))}
            </div>
        </section>
    }
}

#[component]
fn MostUsed(data: RwSignal<Dashboard>, query: Query) -> impl IntoView {
    let query = StoredValue::new(query);
    let saved = Signal::derive(move || data.with(most_used));
    let all = query.with_value(|query| library_address(query, Some(("kind", "skill"))));
    let all = (leads() && !all.is_empty()).then_some(all);
    let rows = Memo::new(move |_| {
        data.with(|data| {
            let row = |skill: &Ranked| RankedBar {
                name: if skill.name.is_empty() { "not named".to_owned() } else { skill.name.clone() },
                value: skill.count as f64,
                aside: skill.share.map(|share| format!("{} % ok", number_words(share * 100.0, 0))).unwrap_or_default(),
                href: query.with_value(|query| uses_of(query, skill)),
            };
            data.skills.most_used.iter().take(10).map(row).collect::<Vec<_>>()
        })
    });
    view! {
        <section class="card" aria-labelledby="ana-skills">
            <header class="card-head">
                <h2 id="ana-skills">"Most used skills"</h2>
                <span class="push">{all.map(|address| view! { <a class="link f12" href=address>{move || data.with(|data| format!("All {}", number_words(data.skills.total as f64, 0)))}</a> })}</span>
                <SaveMenu id="skills" title="Most used skills".to_owned() data=saved/>
            </header>
            <div class="card-body">
                {move || {
                    if rows.with(Vec::is_empty) {
                        view! { <p class="t3 f12">"No trace of these days used a skill."</p> }.into_any()
                    } else {
                        view! { <RankedBars rows=rows.get()/> }.into_any()
                    }
                }}
            </div>
        </section>
    }
}

/// The uses of one skill; of one that is none of ours by the name that runs gave it.
fn uses_of(query: &Query, skill: &Ranked) -> String {
    let subject = if skill.id.is_empty() { &skill.name } else { &skill.id };
    if subject.is_empty() || !leads() {
        String::new()
    } else {
        analytics_address(query, Some(&Behind::of(Measure::SkillUses).subject(subject)))
    }
}

/// What the numbers say in words.
#[component]
fn Insights(data: RwSignal<Dashboard>, query: Query) -> impl IntoView {
    let query = StoredValue::new(query);
    let view = move || {
        data.with(|data| {
            let rows = |measure| query.with_value(|query| rows_of(query, measure));
            let count = |figure: Figure| figure.now.unwrap_or_default() as i64;
            let evolution = &data.evolution;
            let learned = format!(
                "{} from {}. {} accepted for each 100 of them.",
                plural(count(evolution.proposed), "proposal", "proposals"),
                plural(count(evolution.traces), "trace", "traces"),
                evolution.learning_rate.now.map_or_else(|| "None".to_owned(), |rate| number_words(rate, 1)),
            );
            let confidence = evolution.confidence.now.map(|confidence| format!(" Their mean confidence is {}.", number_words(confidence, 2)));
            let success = data.skills.success.now.zip(evolution.success.now).map(|(with, all)| {
                format!("Runs with a skill succeed {} % of the time, all runs {} %.", number_words(with * 100.0, 0), number_words(all * 100.0, 0))
            });
            let unused = (data.skills.unused > 0).then(|| {
                let longest = data.skills.unused_longest.first().filter(|one| !one.name.is_empty()).map(|one| format!(" The longest: {}, {} days.", one.name, one.count));
                format!("{} not used in 30 days.{}", plural(data.skills.unused as i64, "skill was", "skills were"), longest.unwrap_or_default())
            });
            view! {
                <ul>
                    <li class="insight"><Icon name="bulb"/><p>{learned}{confidence}" "<a href=rows(Measure::Proposals)>"Show them"</a></p></li>
                    {success.map(|words| view! { <li class="insight"><Icon name="arrow-ur"/><p>{words}" "<a href=rows(Measure::SkillUses)>"Show the runs"</a></p></li> })}
                    {unused.map(|words| view! { <li class="insight"><Icon name="clock"/><p>{words}" "<a href=UNUSED>"Which"</a></p></li> })}
                </ul>
            }
        })
    };
    view! {
        <section class="card" aria-labelledby="ana-evolution">
            <header class="card-head"><h2 id="ana-evolution">"Evolution"</h2><a class="link f12 push" href="/evolution">"Patterns"</a></header>
            <div class="card-body">{view}</div>
        </section>
    }
}

/// Where the skills are listed that nobody uses.
const UNUSED: &str = "#ana-unused";
/// Days of all that was ever: what a range may have at most, ten years.
const EVER: i32 = 3_652;

/// The steps of the funnel, each with its share of the step before. What others publish has no rows here.
fn funnel(shelf: &Shelf, query: Option<&Query>) -> Vec<RankedBar> {
    let steps = [
        ("Viewed", shelf.views, Measure::Views),
        ("Installed", shelf.installs, Measure::Installs),
        ("Used", shelf.first_uses, Measure::FirstUses),
    ];
    let mut before = None::<f64>;
    let row = |(name, figure, measure): (&str, Figure, Measure)| {
        let value = figure.now.unwrap_or_default();
        let aside = before
            .filter(|before| *before > 0.0)
            .map(|before| format!("{} %", number_words(value / before * 100.0, 0)))
            .unwrap_or_default();
        before = Some(value);
        RankedBar { name: name.to_owned(), value, aside, href: query.map(|query| rows_of(query, measure)).unwrap_or_default() }
    };
    steps.into_iter().map(row).collect()
}

#[component]
fn Groups(data: RwSignal<Dashboard>, query: Query, has_operations: bool) -> impl IntoView {
    let kept = StoredValue::new(query.clone());
    let funnel_of = move |title: &'static str, shelf: fn(&Dashboard) -> &Shelf, leads: bool| {
        let rows = Memo::new(move |_| data.with(|data| kept.with_value(|query| funnel(shelf(data), leads.then_some(query)))));
        move || view! { <h3 class="sect">{title}</h3> <RankedBars rows=rows.get()/> }
    };
    let saved = Signal::derive(move || data.with(funnels));
    let sessions = vec![
        counted("Begun", |data| data.sessions.created, Measure::Sessions),
        counted("This week", |data| data.sessions.this_week, Measure::Sessions).lead(this_week(Measure::Sessions)),
        plain(
            "Ever",
            |data| alone(data.sessions.total),
            Unit::Count,
            Lead::Days(Measure::Sessions, |data| (data.today.plus(-EVER), data.today)),
        ),
        counted("Messages", |data| data.sessions.messages, Measure::Messages),
        plain("Messages in each", |data| data.sessions.average_messages, Unit::Each, Lead::Rows(Measure::Messages)),
        plain("Active time in each", |data| data.sessions.average_minutes, Unit::Minutes, Lead::Rows(Measure::Messages)),
    ];
    let artifacts = vec![
        counted("Made", |data| data.artifacts.created, Measure::Artifacts),
        counted("This week", |data| data.artifacts.this_week, Measure::Artifacts).lead(this_week(Measure::Artifacts)),
        plain("There now", |data| alone(data.artifacts.total), Unit::Count, Lead::Page(|query| library_address(query, None))),
        plain("Made in a day", |data| data.artifacts.per_day, Unit::Each, Lead::Rows(Measure::Artifacts)),
        counted("Edits", |data| data.artifacts.edits, Measure::Edits),
    ];
    let skills = vec![
        counted("Generated", |data| data.skills.generated, Measure::SkillsGenerated),
        counted("Written by hand", |data| data.skills.written, Measure::SkillsWritten),
        counted("Uses", |data| data.skills.uses, Measure::SkillUses),
        plain("Uses in a day", |data| data.skills.uses_per_day, Unit::Each, Lead::Rows(Measure::SkillUses)),
        counted("Success with one", |data| data.skills.success, Measure::SkillUses).unit(Unit::Share),
        plain("Unused for 30 days", |data| alone(data.skills.unused), Unit::Count, Lead::Page(|_| UNUSED.to_owned())),
    ];
    let collaboration = vec![
        counted("People active", |data| data.collaboration.active, Measure::Activity),
        plain(
            "On the last day",
            |data| alone(data.collaboration.active_day),
            Unit::Count,
            Lead::Days(Measure::Activity, |data| last(data, 1)),
        ),
        plain(
            "In its week",
            |data| alone(data.collaboration.active_week),
            Unit::Count,
            Lead::Days(Measure::Activity, |data| last(data, 7)),
        ),
        plain(
            "In its month",
            |data| alone(data.collaboration.active_month),
            Unit::Count,
            Lead::Days(Measure::Activity, |data| last(data, 30)),
        ),
        counted("Commits", |data| data.collaboration.commits, Measure::Commits),
        counted("Pull requests opened", |data| data.collaboration.opened, Measure::PullRequestsOpened),
        counted("Merged", |data| data.collaboration.merged, Measure::PullRequestsMerged),
        counted("Time to merge", |data| data.collaboration.hours_to_merge, Measure::PullRequestsMerged)
            .unit(Unit::Hours)
            .better(Better::Less),
        counted("Edited together", |data| data.collaboration.coediting_minutes, Measure::Coediting).unit(Unit::Minutes),
        plain("Most at once", |data| data.collaboration.peak, Unit::Count, Lead::Rows(Measure::Presence)),
    ];
    let evolution = vec![
        counted("Traces", |data| data.evolution.traces, Measure::Traces),
        counted("Succeeded", |data| data.evolution.success, Measure::Traces).unit(Unit::Share),
        counted("Patterns found", |data| data.evolution.patterns, Measure::Patterns),
        counted("Skills generated", |data| data.evolution.generated, Measure::ProposalsGenerated),
        counted("Proposals", |data| data.evolution.proposed, Measure::Proposals),
        counted("Accepted", |data| data.evolution.accepted, Measure::ProposalsAccepted),
        plain("Rejected", |data| data.evolution.rejected, Unit::Count, Lead::Rows(Measure::ProposalsRejected)),
        counted("Acceptance", |data| data.evolution.acceptance, Measure::ProposalsDecided).unit(Unit::Share),
        counted("Mean confidence", |data| data.evolution.confidence, Measure::Proposals).unit(Unit::Mean),
        counted("Accepted for 100 traces", |data| data.evolution.learning_rate, Measure::ProposalsAccepted).unit(Unit::Each),
        counted("First run to skill", |data| data.evolution.hours_to_skill, Measure::ProposalsAccepted)
            .unit(Unit::Hours)
            .better(Better::Less),
    ];
    let market = vec![
        counted("Views of ours", |data| data.marketplace.mine.views, Measure::Views),
        counted("Installs of ours", |data| data.marketplace.mine.installs, Measure::Installs),
        counted("Updates of ours", |data| data.marketplace.mine.updates, Measure::Updates),
        counted("Ratings of ours", |data| data.marketplace.mine.ratings, Measure::Ratings),
        counted("Stars of ours", |data| data.marketplace.mine.stars, Measure::Ratings).unit(Unit::Stars),
        plain("Views of all", |data| data.marketplace.all.views, Unit::Count, CATALOGUE),
        plain("Installs of all", |data| data.marketplace.all.installs, Unit::Count, CATALOGUE),
        plain("Updates of all", |data| data.marketplace.all.updates, Unit::Count, CATALOGUE),
        plain("Ratings of all", |data| data.marketplace.all.ratings, Unit::Count, CATALOGUE),
        plain("Stars of all", |data| data.marketplace.all.stars, Unit::Stars, CATALOGUE),
    ];
    let search = vec![
        counted("Searches", |data| data.search.queries, Measure::Searches).better(Better::Neither),
        counted("Without result", |data| data.search.empty, Measure::SearchesEmpty).better(Better::Less),
        counted("Results opened", |data| data.search.opened, Measure::SearchesOpened),
        counted("Place of what was opened", |data| data.search.position, Measure::SearchesOpened).unit(Unit::Each).better(Better::Less),
        counted("Mean reciprocal rank", |data| data.search.reciprocal_rank, Measure::SearchesOpened).unit(Unit::Mean),
        counted("Average time", |data| data.search.average_ms, Measure::Searches).unit(Unit::Millis).better(Better::Less),
        counted("Slowest", |data| data.search.slowest_ms, Measure::Searches).unit(Unit::Millis).better(Better::Less),
    ];
    view! {
        <Group id="ana-g-sessions" title="Sessions" data=data query=query.clone() lines=sessions>
            {ranking(data, kept, "By person", |data| &data.sessions.by_person, |query, one| narrowed(query, Measure::Sessions, "person", one))}
            {ranking(data, kept, "By team", |data| &data.sessions.by_team, |query, one| narrowed(query, Measure::Sessions, "team", one))}
        </Group>
        <Group id="ana-g-collaboration" title="Collaboration" data=data query=query.clone() lines=collaboration>
            {ranking(data, kept, "Commits by person", |data| &data.collaboration.by_person, |query, one| narrowed(query, Measure::Commits, "person", one))}
        </Group>
        <Group id="ana-g-artifacts" title="Artifacts" data=data query=query.clone() lines=artifacts/>
        <Group id="ana-g-skills" title="Skills" data=data query=query.clone() lines=skills><Unused data=data/></Group>
        <Group id="ana-g-evolution" title="Evolution" data=data query=query.clone() lines=evolution/>
        <Group id="ana-g-market" title="Marketplace" data=data query=query.clone() lines=market>
            {ranking(data, kept, "Most installed of ours", |data| &data.marketplace.most_installed, |query, one| {
                analytics_address(query, Some(&Behind::of(Measure::Installs).subject(&one.id)))
            })}
            {funnel_of("From a view of ours to its first use", |data| &data.marketplace.mine, true)}
            {funnel_of("From a view of any to its first use", |data| &data.marketplace.all, false)}
            <SaveMenu id="funnel" title="From a view to its first use".to_owned() data=saved/>
        </Group>
        <Group id="ana-g-search" title="Search" data=data query=query.clone() lines=search/>
        {has_operations.then(|| view! { <Group id="ana-g-operations" title="Operations" data=data query=query lines=operations()/> })}
    }
}

/// What others publish is seen where they publish it.
const CATALOGUE: Lead = Lead::Page(|_| "/marketplace".to_owned());

/// The days since Monday, whatever the range.
fn this_week(measure: Measure) -> Lead {
    Lead::Days(measure, |data| (data.today.monday(), data.today))
}

/// So many days that end with the range.
fn last(data: &Dashboard, days: i32) -> (Day, Day) {
    (data.range.to.plus(1 - days), data.range.to)
}

/// The skills that nobody used for longest, each with the days since.
#[component]
fn Unused(data: RwSignal<Dashboard>) -> impl IntoView {
    let rows = Memo::new(move |_| {
        data.with(|data| {
            let bar = |skill: &Ranked| Bar {
                suffix: " days",
                ..Bar::plain(
                    if skill.name.is_empty() { "not named" } else { skill.name.as_str() },
                    skill.count as f64,
                    if skill.id.is_empty() || !leads() { String::new() } else { format!("/artifacts/{}", skill.id) },
                )
            };
            data.skills.unused_longest.iter().map(bar).collect::<Vec<_>>()
        })
    });
    move || {
        (!rows.with(Vec::is_empty)).then(|| {
            let (shown, all) = (rows.with(Vec::len) as u64, data.with(|data| data.skills.unused));
            let more = (all > shown).then(|| view! { <p class="hint">{format!("The {shown} of {all} that were unused for longest.")}</p> });
            view! { <h3 class="sect" id="ana-unused">"Unused for 30 days"</h3> <Bars rows=rows.get()/> {more} }
        })
    }
}

/// How the server runs: for those who run it.
fn operations() -> Vec<Line> {
    macro_rules! of {
        ($field:ident) => {
            |data: &Dashboard| data.operations.as_ref().map(|operations| operations.$field).unwrap_or_default()
        };
    }
    let time = |name, figure, measure| counted(name, figure, measure).unit(Unit::Millis).better(Better::Less);
    vec![
        counted("Deliveries", of!(deliveries), Measure::Deliveries).better(Better::Neither),
        counted("Deliveries failed", of!(deliveries_failed), Measure::DeliveriesFailed).better(Better::Less),
        time("Time of a delivery", of!(delivery_ms), Measure::Deliveries),
        counted("Jobs", of!(jobs), Measure::Jobs).better(Better::Neither),
        counted("Jobs failed", of!(jobs_failed), Measure::JobsFailed).better(Better::Less),
        time("Time of a job", of!(job_ms), Measure::Jobs),
        counted("Requests", of!(requests), Measure::Requests).better(Better::Neither),
        counted("Errors", of!(errors), Measure::Errors).better(Better::Less),
        time("Half are faster than", of!(p50_ms), Measure::Requests),
        time("95 of 100 are faster than", of!(p95_ms), Measure::Requests),
        time("99 of 100 are faster than", of!(p99_ms), Measure::Requests),
    ]
}
