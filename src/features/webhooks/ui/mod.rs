//! The page of deliveries: the list, and one of them beside it. For administrators.

mod detail;
mod secrets;

use leptos::prelude::*;
use leptos_router::{
    components::Form,
    hooks::{use_params_map, use_query_map},
};

use super::{
    model::{AllowList, DeliveriesQuery, Delivery, DeliveryPage, DeliveryState, WebhooksReport},
    state::{DELIVERIES, check_missing, deliveries_address, deliveries_query, read_deliveries, use_deliveries, use_delivery, use_report},
};
use crate::{
    browser::response,
    error::AppError,
    features::{
        accounts::state::{Running, use_session},
        pwa::ui::NeedsNetwork,
    },
    ids::DeliveryId,
    ui::{
        Again, EmptyState, ErrorView, FieldError, Icon, Loading, PageError, PageTitle, Polled, Time, Transition, count, late, plural,
        toast, use_toasts,
    },
};
use detail::DeliveryPane;
use secrets::SecretsButton;

/// Those that something acts on come first, then what a hook sends often.
const EVENTS: [&str; 12] = [
    "push",
    "pull_request",
    "pull_request_review",
    "issues",
    "release",
    "ping",
    "issue_comment",
    "check_run",
    "create",
    "delete",
    "fork",
    "star",
];

#[component]
pub fn DeliveriesPage() -> impl IntoView {
    let session = use_session();
    view! {
        <Transition fallback=|| view! { <main class="main panes" id="main" tabindex="-1"><section class="pane"><div class="scroll"><Loading/></div></section></main> }>
            {move || {
                session
                    .me
                    .arrived()
                    .map(|me| late(move || match me.read() {
                        Err(error) => view! { <PageError error=error/> }.into_any(),
                        Ok(me) if !me.administrator => {
                            view! { <PageError error=AppError::forbidden("Only administrators of this server see this page.")/> }.into_any()
                        }
                        Ok(_) => view! { <Deliveries/> }.into_any(),
                    }))
            }}
        </Transition>
    }
}

#[component]
fn Deliveries() -> impl IntoView {
    let (params, asked) = (use_params_map(), use_query_map());
    let query = Memo::new(move |_| asked.with(deliveries_query));
    let open = Memo::new(move |_| DeliveryId::in_address(params.read().get("id")));
    let deliveries = use_deliveries(query);
    let delivery = use_delivery(open);
    let report = use_report();
    let news = Callback::new(move |changed: Vec<DeliveryId>| {
        report.refetch();
        if open.get_untracked().is_some_and(|open| changed.contains(&open)) {
            delivery.refetch();
        }
    });
    let again = Callback::new(move |()| {
        deliveries.refetch();
        report.refetch();
    });
    view! {
        <PageTitle text="Deliveries"/>
        <main class="main panes p-deliv" id="main" tabindex="-1" data-show=move || if open.get().is_some() { "side" } else { "main" }>
            <section class="pane" data-part="main" aria-label="Deliveries">
                <header class="bar">
                    <h1>"Deliveries"</h1>
                    <span class="count wide-only">"GitHub webhooks"</span>
                    <span class="push row gap-4"><Again act=again/><SecretsButton changed=Callback::new(move |()| report.refetch())/><CheckButton/></span>
                </header>
                <NeedsNetwork what="Handling deliveries"/>
                <Transition>
                    {move || report.arrived().map(|report| late(move || report.read().ok().map(|report| view! { <Strip report=report/> })))}
                </Transition>
                <Filters query=query/>
                <div class="scroll" tabindex="0">
                    <Transition fallback=|| view! { <Loading/> }>
                        {move || {
                            let query = query.get();
                            deliveries
                                .arrived()
                                .map(|deliveries| late(move || match deliveries.read() {
                                    Ok(page) => view! { <DeliveryList first=page query=query open=open news=news/> }.into_any(),
                                    Err(error) => {
                                        response::set_status(error.code.status());
                                        view! { <ErrorView error=error/> }.into_any()
                                    }
                                }))
                        }}
                    </Transition>
                </div>
            </section>
            <DeliveryPane open=open query=query delivery=delivery/>
        </main>
    }
}

/// Asks GitHub now what it has sent.
#[component]
fn CheckButton() -> impl IntoView {
    let (running, toasts) = (Running::new(), use_toasts());
    let check = move |_| running.run(check_missing(), move |()| toast(toasts, "GitHub is asked what it has sent"));
    view! {
        <FieldError error=running.error/>
        <button type="button" class="btn" class:busy=move || running.busy.get() aria-label="Check for missing" title="Check for missing" on:click=check>
            <Icon name="search"/>
            <span class="wide-only">"Check for missing"</span>
        </button>
    }
}

/// How the intake stands, in a line.
#[component]
fn Strip(report: WebhooksReport) -> impl IntoView {
    let missing = match report.missing() {
        _ if report.checks.iter().any(|check| check.error.is_some()) => view! { <dd class="c-warn">"Not known"</dd> }.into_any(),
        None => view! { <dd class="t3">"Not asked"</dd> }.into_any(),
        Some(0) => view! { <dd class="c-ok">"0"</dd> }.into_any(),
        Some(missing) => view! { <dd class="c-warn">{count(missing)}</dd> }.into_any(),
    };
    let list = match report.allow_list {
        AllowList::Off => "Off".to_owned(),
        _ if report.networks == 0 => "Not known yet".to_owned(),
        AllowList::Shadow => format!("Shadow, {} from elsewhere", count(report.outside)),
        AllowList::Enforce => "Enforced".to_owned(),
    };
    let problems =
        report.checks.into_iter().filter_map(|check| Some(format!("{}: {}", check.repository, check.error?))).collect::<Vec<_>>();
    view! {
        {(!report.secret)
            .then(|| view! { <div class="banner warn" role="status"><Icon name="alert"/><span>"There is no webhook secret, so every delivery is refused. Set "<code>"GITHUB_WEBHOOK_SECRET"</code>" to the one that GitHub has."</span></div> })}
        <dl class="strip">
            <div><dt>"24 hours"</dt><dd>{count(report.day)}</dd></div>
            <div><dt>"Missing, 3 days"</dt>{missing}</div>
            <div><dt>"Push announced, p95"</dt><dd class:t3=report.announced_p95.is_none()>{announced_words(report.announced_p95)}</dd></div>
            <div><dt>"Waiting"</dt><dd>{count(report.waiting)}</dd></div>
            <div><dt>"Failed"</dt><dd class:c-bad=report.failed != 0>{count(report.failed)}</dd></div>
            <div><dt>"Address list"</dt><dd>{list}</dd></div>
        </dl>
        {problems.into_iter().map(|problem| view! { <p class="pad-x hint c-warn">{problem}</p> }).collect_view()}
    }
}

/// How long pushes took until the rooms were told.
fn announced_words(millis: Option<i64>) -> String {
    match millis {
        None => "None yet".to_owned(),
        Some(millis) if millis < 10_000 => format!("{} ms", count(millis)),
        Some(millis) => format!("{} s", count(millis / 1_000)),
    }
}

#[component]
fn Filters(query: Memo<DeliveriesQuery>) -> impl IntoView {
    let chosen = move |name: Option<String>| name.unwrap_or_default();
    view! {
        <Form method="GET" action=DELIVERIES attr:role="search" attr:class="toolbar deliv-filters">
            <label class="input">
                <Icon name="filter"/>
                <span class="sr">"Repository"</span>
                <input type="search" name="repository" placeholder="Repository" value=move || chosen(query.get().repository) autocomplete="off" data-filter=""/>
            </label>
            <label class="select">
                <span class="sr">"Event"</span>
                <select class="input" name="event">
                    {move || {
                        let here = chosen(query.get().event);
                        let odd = (!here.is_empty() && !EVENTS.contains(&here.as_str())).then(|| here.clone());
                        let names = odd.into_iter().chain(EVENTS.map(str::to_owned));
                        let options = names.map(|name| view! { <option value=name.clone() selected=name == here>{name.clone()}</option> }).collect_view();
                        view! { <option value="">"All events"</option> {options} }
                    }}
                </select>
                <Icon name="chev-d"/>
            </label>
            <label class="select">
                <span class="sr">"Result"</span>
                <select class="input" name="state">
                    {move || {
                        let here = query.get().state;
                        let option = |state: DeliveryState| view! { <option value=state.as_str() selected=Some(state) == here>{words_of(state)}</option> };
                        view! { <option value="">"All results"</option> {DeliveryState::ALL.map(option).collect_view()} }
                    }}
                </select>
                <Icon name="chev-d"/>
            </label>
            <button type="submit" class="btn">"Show"</button>
        </Form>
    }
}

#[component]
fn DeliveryList(
    first: DeliveryPage,
    query: DeliveriesQuery,
    open: Memo<Option<DeliveryId>>,
    news: Callback<Vec<DeliveryId>>,
) -> impl IntoView {
    let asked = query.clone();
    let polled = Polled::new(
        first,
        move || read_deliveries(&asked),
        move |shown: &DeliveryPage, now: &DeliveryPage, _| {
            let changed: Vec<DeliveryId> =
                now.deliveries.iter().filter(|delivery| !shown.deliveries.contains(delivery)).map(|delivery| delivery.id).collect();
            if !changed.is_empty() {
                news.run(changed);
            }
        },
    );
    let page = polled.report;
    let filtered = query.event.is_some() || query.state.is_some() || query.repository.is_some() || query.before.is_some();
    let query = StoredValue::new(query);
    let empty = move || {
        if filtered {
            view! { <EmptyState icon="filter" title="No such deliveries" text="None that is kept fits these filters."><a class="btn" href=DELIVERIES>"Show all"</a></EmptyState> }.into_any()
        } else {
            view! { <EmptyState icon="deliveries" title="Nothing came yet" text="Give a webhook at GitHub the address of this server with /webhook/github behind it; its first delivery is a ping."/> }.into_any()
        }
    };
    view! {
        <Show when=move || page.with(|page| !page.deliveries.is_empty()) fallback=empty>
            <table class="table sticky stacks deliveries">
                <thead>
                    <tr>
                        <th><span class="sr">"Result"</span></th>
                        <th>"Event"</th>
                        <th>"Repository"</th>
                        <th>"What was done"</th>
                        <th class="num">"Received"</th>
                    </tr>
                </thead>
                <tbody>
                    <For
                        each=move || page.with(|page| page.deliveries.iter().map(|delivery| delivery.id).collect::<Vec<_>>())
                        key=|id| *id
                        children=move |id| {
                            let find = move |page: &DeliveryPage| page.deliveries.iter().find(|delivery| delivery.id == id).cloned();
                            page.with_untracked(find)
                                .map(|first| {
                                    let delivery = Memo::new(move |last: Option<&Delivery>| page.with(find).unwrap_or_else(|| last.unwrap_or(&first).clone()));
                                    view! { <DeliveryRow id=id delivery=delivery query=query open=open/> }
                                })
                        }
                    />
                </tbody>
            </table>
            <nav class="pager" aria-label="Pages">
                <span>{move || page.with(|page| plural(page.deliveries.len() as i64, "delivery", "deliveries"))}</span>
                {query
                    .with_value(|query| query.before.map(|_| deliveries_address(&DeliveriesQuery { before: None, ..query.clone() }, None)))
                    .map(|address| view! { <a class="btn s" href=address>"Newest"</a> })}
                {move || {
                    page.with(|page| page.next)
                        .map(|next| {
                            let address = query.with_value(|query| deliveries_address(&DeliveriesQuery { before: Some(next), ..query.clone() }, None));
                            view! { <a class="btn s" href=address>"Older"<Icon name="chev-r"/></a> }
                        })
                }}
            </nav>
        </Show>
    }
}

#[component]
fn DeliveryRow(
    id: DeliveryId,
    delivery: Memo<Delivery>,
    query: StoredValue<DeliveriesQuery>,
    open: Memo<Option<DeliveryId>>,
) -> impl IntoView {
    let address = query.with_value(|query| deliveries_address(query, Some(id)));
    let (event, about, repository, received) = delivery
        .with_untracked(|delivery| (delivery.event.clone(), about_words(delivery), delivery.repository.clone(), delivery.received_at));
    let state = Memo::new(move |_| delivery.with(Delivery::ended));
    view! {
        <tr aria-selected=move || (open.get() == Some(id)).then_some("true")>
            <td class="shrink" data-l="Result">{move || state_icon(state.get())}</td>
            <td class="main-cell"><a class="link" href=address>{event}</a>" "<span class="t3">{about}</span></td>
            <td data-l="Repository">{repository}</td>
            <td class="t2" data-l="What was done">{move || delivery.with(result_words)}</td>
            <td class="num t3" data-l="Received"><Time at=received/></td>
        </tr>
    }
}

/// "opened #7", "main".
fn about_words(delivery: &Delivery) -> String {
    [delivery.action.as_str(), delivery.about.as_str()].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// What became of a delivery, in a line.
fn result_words(delivery: &Delivery) -> String {
    let words = match delivery.state {
        DeliveryState::Failed => delivery.error.clone().unwrap_or_else(|| "It failed.".to_owned()),
        DeliveryState::Received => match &delivery.error {
            Some(error) => format!("{error} It is tried again."),
            None => "It waits for its turn.".to_owned(),
        },
        DeliveryState::Ignored if delivery.done.is_empty() => "Stored, not acted on".to_owned(),
        DeliveryState::Ignored => delivery.done.join(" "),
        DeliveryState::Done => {
            let outcomes = delivery.outcomes.iter().map(|outcome| outcome.sentence.as_str());
            delivery.done.iter().map(String::as_str).chain(outcomes).collect::<Vec<_>>().join(" ")
        }
    };
    match delivery.repeats {
        0 => words,
        1 => format!("{words} Delivered again, nothing done twice"),
        times => format!("{words} Delivered again {} times, nothing done twice", count(times)),
    }
}

fn words_of(state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Received => "Waiting",
        DeliveryState::Done => "Done",
        DeliveryState::Ignored => "Not acted on",
        DeliveryState::Failed => "Failed",
    }
}

fn state_icon(state: DeliveryState) -> impl IntoView {
    let (look, icon) = match state {
        DeliveryState::Received => ("t2", "half"),
        DeliveryState::Done => ("c-ok", "ok"),
        DeliveryState::Ignored => ("t3", "dashed"),
        DeliveryState::Failed => ("c-bad", "fail"),
    };
    view! { <span class=look title=words_of(state)><Icon name=icon/><span class="sr">{words_of(state)}</span></span> }
}

#[cfg(test)]
mod tests {
    use super::{super::model::DeliveryOutcome, *};

    #[test]
    fn a_line_says_what_became_of_it() {
        let mut delivery = Delivery {
            id: DeliveryId::generate(),
            guid: String::new(),
            event: "issues".to_owned(),
            action: "opened".to_owned(),
            repository: "harbor/skills".to_owned(),
            about: "#7".to_owned(),
            state: DeliveryState::Done,
            done: vec!["Task made.".to_owned(), "Two people told.".to_owned()],
            outcomes: Vec::new(),
            error: None,
            repeats: 0,
            took: None,
            received_at: 0,
            updated_at: 0,
        };
        assert_eq!((about_words(&delivery).as_str(), result_words(&delivery).as_str()), ("opened #7", "Task made. Two people told."));
        delivery.outcomes = vec![DeliveryOutcome { sentence: "Playbook: nothing answered.".to_owned(), failed: true }];
        assert_eq!((delivery.ended(), result_words(&delivery).ends_with("Playbook: nothing answered.")), (DeliveryState::Failed, true));
        delivery.repeats = 2;
        assert!(result_words(&delivery).ends_with("Delivered again 2 times, nothing done twice"));
        (delivery.state, delivery.error, delivery.repeats) = (DeliveryState::Received, Some("No answer.".to_owned()), 0);
        assert_eq!(result_words(&delivery), "No answer. It is tried again.");
        delivery.state = DeliveryState::Failed;
        assert_eq!(result_words(&delivery), "No answer.");
        delivery.action.clear();
        assert_eq!(about_words(&delivery), "#7");
    }

    #[test]
    fn times_are_said_in_a_unit_that_fits() {
        assert_eq!([None, Some(115), Some(61_900)].map(announced_words), ["None yet", "115 ms", "61 s"]);
    }
}
