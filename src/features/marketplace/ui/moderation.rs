//! What moderators have to look at, and the public record of what happened.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::{parts::Places, publish::Lines};
use crate::{
    browser::{page, response},
    error::AppError,
    features::{
        accounts::state::Running,
        marketplace::{
            model::{EventsPage, EventsQuery, ItemReport, MarketEvent, Moderation, ModerationAct, ModerationCase},
            state::{
                CATALOGUE, MODERATION, RECORD, SUBMISSIONS, events_query, item_address, moderate, record_address, submission_address,
                use_cases, use_events,
            },
        },
        pwa::ui::NeedsNetwork,
    },
    ui::{EmptyState, ErrorView, FieldError, Icon, KindMark, Loading, PageTitle, Time, Transition, late, plural, toast, use_toasts},
};

/// The moderators' list of items that somebody complained about.
#[component]
pub fn ModerationPage() -> impl IntoView {
    let cases = use_cases();
    let reload = Callback::new(move |()| cases.refetch());
    view! {
        <PageTitle text="Reports"/>
        <main class="main panes" id="main" tabindex="-1">
            <section class="pane" aria-label="Reports">
                <header class="bar">
                    <a class="btn ghost icon-only" href=CATALOGUE aria-label="Back to the marketplace" title="Back to the marketplace"><Icon name="chev-l"/></a>
                    <h1>"Reports"</h1>
                    <span class="push"><a class="btn" href=RECORD><Icon name="log"/>"Record"</a></span>
                </header>
                <div class="toolbar"><Places here=SUBMISSIONS/></div>
                <NeedsNetwork what="Moderating"/>
                <div class="scroll" tabindex="0">
                    <div class="page subs-page">
                        <ModeratorViews here=MODERATION/>
                        <Transition fallback=|| view! { <Loading/> }>
                            {move || {
                                cases.arrived()
                                    .map(|cases| late(move || match cases.read() {
                                        Ok(cases) => case_list(cases, reload),
                                        Err(error) => {
                                            response::set_status(error.code.status());
                                            view! { <ErrorView error=error/> }.into_any()
                                        }
                                    }))
                            }}
                        </Transition>
                    </div>
                </div>
            </section>
        </main>
    }
}

/// What moderators work through.
#[component]
pub fn ModeratorViews(here: &'static str) -> impl IntoView {
    let queue = format!("{SUBMISSIONS}?view=queue");
    let entries =
        [(SUBMISSIONS.to_owned(), "Yours", "yours"), (queue, "Review queue", "queue"), (MODERATION.to_owned(), "Reports", MODERATION)];
    view! {
        <nav class="seg" aria-label="For moderators">
            {entries.map(|(address, words, name)| view! { <a href=address aria-current=(name == here).then_some("true")>{words}</a> }).collect_view()}
        </nav>
    }
}

fn case_list(cases: Vec<ModerationCase>, reload: Callback<()>) -> AnyView {
    if cases.is_empty() {
        return view! { <EmptyState icon="ok" title="Nothing is reported" text="Items that somebody reports, appeals, and releases in which newer rules find something stand here."/> }.into_any();
    }
    let words = plural(cases.len() as i64, "item needs a decision", "items need a decision");
    view! {
        <p class="hint" role="status">{words}"."</p>
        <ul class="cases">{cases.into_iter().map(|case| view! { <Case case=case reload=reload/> }).collect_view()}</ul>
    }
    .into_any()
}

#[component]
fn Case(case: ModerationCase, reload: Callback<()>) -> impl IntoView {
    let away = case.standing.is_away();
    let heading = format!("case-{}", case.listing_id);
    let labelled = heading.clone();
    let report = |report: ItemReport| {
        view! {
            <li>
                <b>{report.reason.words()}</b>
                <p>{report.text}</p>
                <small class="t3">{report.by.name}", "<Time at=report.at/></small>
            </li>
        }
    };
    view! {
        <li>
            <section class="card" aria-labelledby=labelled>
                <header class="card-head">
                    <KindMark kind=case.kind small=true/>
                    <h2 id=heading><a class="link" href=item_address(&case.slug)>{case.name.clone()}</a></h2>
                    <span class="t3 f12">{format!("by {}", case.author.name)}</span>
                    {away.then(|| view! { <span class="push chip bad">{if case.standing.state == "quarantined" { "In quarantine" } else { "Hidden" }}</span> })}
                </header>
                <div class="card-body">
                    {(!case.standing.reason.is_empty()).then(|| view! { <p class="t2">{case.standing.reason}</p> })}
                    {(!case.standing.appeal.is_empty()).then(|| view! { <div class="banner info inset"><Icon name="comment"/><span><b>"Its publishers say: "</b>{case.standing.appeal}</span></div> })}
                    {(!case.reports.is_empty())
                        .then(|| view! { <h3>{plural(case.reports.len() as i64, "report", "reports")}</h3> <ul class="said">{case.reports.into_iter().map(report).collect_view()}</ul> })}
                    {case
                        .flagged
                        .into_iter()
                        .map(|release| {
                            view! {
                                <p class="row gap-4 wrap">
                                    <Icon name="bug"/>
                                    "Newer rules find in " <a class="link" href=submission_address(release.id)>"version "{release.version}</a> ": " <code class="wrap-any">{release.rules}</code>
                                </p>
                            }
                        })
                        .collect_view()}
                    <Act slug=case.slug name=case.name away=away done=reload/>
                </div>
            </section>
        </li>
    }
}

/// What a moderator decides about an item.
#[component]
pub fn Act(
    slug: String,
    name: String,
    /// It is hidden or in quarantine.
    away: bool,
    done: Callback<()>,
) -> impl IntoView {
    let toasts = use_toasts();
    let running = Running::new();
    let reason = RwSignal::new(String::new());
    let field = format!("act-{slug}");
    let (slug, id) = (StoredValue::new(slug), StoredValue::new(field.clone()));
    let decide = Callback::new(move |act: ModerationAct| {
        let reason = reason.with_untracked(|reason| reason.trim().to_owned());
        if reason.is_empty() && (away || act != ModerationAct::Dismiss) {
            running.error.set(Some(AppError::field("reason", "Say why: everybody reads it.")));
            page::focus(&id.get_value());
            return;
        }
        running.run(moderate(slug.get_value(), Moderation { act, reason }), move |_| {
            let said = match act {
                ModerationAct::Dismiss if away => "Given back",
                ModerationAct::Dismiss => "Dismissed",
                ModerationAct::Hide => "Hidden",
                ModerationAct::Quarantine => "In quarantine; what is installed is disabled",
            };
            toast(toasts, said);
            done.run(());
        });
    });
    // Enter in the field decides nothing: which of the buttons would it be?
    view! {
        <form class="form" aria-label=format!("Decide about {name}") on:submit=|event| event.prevent_default()>
            <Lines id=field label="Your reason" name="reason" value=reason rows=2 hint="It is part of the public record." error=running.error/>
            <FieldError error=running.error/>
            <footer class="row wrap">
                <button type="button" class="btn" class:busy=move || running.busy.get() on:click=move |_| decide.run(ModerationAct::Dismiss)>
                    <Icon name="check"/>
                    {if away { "Give it back" } else { "Dismiss" }}
                </button>
                <button type="button" class="btn" on:click=move |_| decide.run(ModerationAct::Hide)><Icon name="eye"/>"Hide"</button>
                <button type="button" class="btn danger" on:click=move |_| decide.run(ModerationAct::Quarantine)><Icon name="shield"/>"Quarantine"</button>
            </footer>
        </form>
    }
}

/// What happened in the marketplace, for everybody.
#[component]
pub fn RecordPage() -> impl IntoView {
    let params = use_query_map();
    let query = Memo::new(move |_| params.with(events_query));
    let events = use_events(query);
    view! {
        <PageTitle text="Record"/>
        <main class="main panes" id="main" tabindex="-1">
            <section class="pane" aria-label="Record">
                <header class="bar">
                    <a class="btn ghost icon-only" href=CATALOGUE aria-label="Back to the marketplace" title="Back to the marketplace"><Icon name="chev-l"/></a>
                    <h1>"Record"</h1>
                    {move || query.with(|query| query.item.clone()).map(|item| view! { <code class="trunc">{item}</code><a class="btn ghost" href=RECORD>"All items"</a> })}
                </header>
                <div class="toolbar"><Places here=RECORD/></div>
                <div class="scroll" tabindex="0">
                    <div class="page subs-page">
                        <p class="t2">"What publishers and moderators did, in the order in which it happened. Nothing is ever taken out of it."</p>
                        <Transition fallback=|| view! { <Loading/> }>
                            {move || {
                                events
                                    .arrived()
                                    .map(|events| late(move || match events.read() {
                                        Ok(page) => event_list(page, query.get_untracked()),
                                        Err(error) => {
                                            response::set_status(error.code.status());
                                            view! { <ErrorView error=error/> }.into_any()
                                        }
                                    }))
                            }}
                        </Transition>
                    </div>
                </div>
            </section>
        </main>
    }
}

fn event_list(page: EventsPage, query: EventsQuery) -> AnyView {
    if page.items.is_empty() {
        return view! { <EmptyState icon="log" title="Nothing recorded yet" text="Publications, withdrawals, reports and what moderators decide stand here."/> }.into_any();
    }
    let next = page.next.map(|cursor| record_address(&EventsQuery { cursor: Some(cursor), ..query }));
    let row = |event: MarketEvent| {
        let by = if event.by.is_empty() { String::new() } else { format!(" by {}", event.by) };
        view! {
            <li>
                <div class="tx">
                    <span><a class="link cover" href=item_address(&event.slug)><b>{event.slug.clone()}</b></a>" "{event.action}{by}</span>
                    {(!event.detail.is_empty()).then(|| view! { <small class="wrap-any">{event.detail}</small> })}
                </div>
                <span class="tail"><Time at=event.at/></span>
            </li>
        }
    };
    view! {
        <ul class="rows events">{page.items.into_iter().map(row).collect_view()}</ul>
        {next.map(|address| view! { <nav class="more" aria-label="Pages"><a class="btn" href=address>"Older"</a></nav> })}
    }
    .into_any()
}
