//! Every session that one may open: filtered by what the address says.

use leptos::prelude::*;
use leptos_router::{
    NavigateOptions,
    hooks::{use_navigate, use_query_map},
};

use super::{
    new::{NEW_SESSION, NewSessionDialog},
    summaries::{SessionRow, SessionRows, Watched},
};
use crate::{
    browser::page,
    features::{
        accounts::state::use_session,
        outbox::{state::use_outbox, ui::SyncMark},
        sessions::{
            model::{SessionPage, SessionQuery, SessionSort, SessionStatus, SessionSummary, SessionView, TRASH_DAYS},
            state::{
                begins_session, session_address, session_object, session_query, sessions_address, sessions_begun_here, sessions_fields,
                sessions_path, undelete_session, use_sessions,
            },
        },
    },
    ids::SessionId,
    ui::{
        Again, EmptyState, ErrorView, Icon, Loading, PageTitle, Transition, count, drop_down, late, list_keys, toast, toast_error,
        use_toasts,
    },
};

const LIST: &str = ".rows.sessions";
const ROWS: &str = ".rows.sessions a.cover";
/// How often the list is read again while one looks, in milliseconds.
const AGAIN: u32 = 10_000;

const VIEWS: [(SessionView, &str); 5] = [
    (SessionView::All, "All"),
    (SessionView::Mine, "Mine"),
    (SessionView::Team, "Team"),
    (SessionView::Archived, "Archived"),
    (SessionView::Trash, "Trash"),
];
const STATUSES: [(SessionStatus, &str); 3] =
    [(SessionStatus::Active, "Active"), (SessionStatus::Committed, "Committed"), (SessionStatus::Archived, "Archived")];
const SORTS: [(SessionSort, &str); 3] =
    [(SessionSort::Activity, "newest activity"), (SessionSort::Created, "newest first"), (SessionSort::Title, "title")];

#[component]
pub fn SessionsPage() -> impl IntoView {
    let params = use_query_map();
    let query = Memo::new(move |_| params.with(session_query));
    let sessions = use_sessions(query);
    list_keys(ROWS);
    // `/?action=new-session` of the predecessor leads here.
    Effect::new(move |_| {
        if params.with(|params| params.get("new").is_some()) {
            page::open_dialog(NEW_SESSION);
        }
    });
    view! {
        <PageTitle text="Sessions"/>
        <main class="main panes" id="main" tabindex="-1">
            <section class="pane" aria-label="Sessions">
                <header class="bar">
                    <h1>"Sessions"</h1>
                    <span class="count">
                        <Transition>{move || sessions.get().and_then(Result::ok).map(|page| count(page.total))}</Transition>
                    </span>
                    <span class="push row gap-4">
                        <Again act=Callback::new(move |()| sessions.refetch())/>
                        <button type="button" class="btn primary" on:click=move |_| page::open_dialog(NEW_SESSION)><Icon name="plus"/>"New session"</button>
                    </span>
                </header>
                <Filters query=query/>
                <div class="scroll">
                    <BegunHere/>
                    <Transition fallback=|| view! { <Loading/> }>
                        {move || {
                            sessions
                                .get()
                                .map(|page| match page {
                                    Ok(page) if page.items.is_empty() => view! { <Nothing query=query.get_untracked()/> }.into_any(),
                                    Ok(page) => view! { <Rows page=page query=query.get_untracked()/> }.into_any(),
                                    Err(error) => view! { <ErrorView error=error/> }.into_any(),
                                })
                        }}
                    </Transition>
                </div>
            </section>
            <NewSessionDialog/>
        </main>
    }
}

/// Sessions that only this device knows of yet.
#[component]
fn BegunHere() -> impl IntoView {
    let outbox = use_outbox();
    let begun = Memo::new(move |_| sessions_begun_here(&outbox.those(begins_session)));
    view! {
        <ul class="rows sessions" aria-label="Not sent yet" hidden=move || begun.with(Vec::is_empty)>
            <For
                each=move || begun.get()
                key=|(id, _)| *id
                children=|(id, title)| {
                    view! {
                        <li>
                            <Icon name="clock"/>
                            <span class="tx"><a class="cover" href=session_address(id)><b>{title}</b></a><small>"Kept on this device until the server can be reached"</small></span>
                        </li>
                    }
                }
            />
        </ul>
    }
}

/// The id of the field of words.
const FILTER: &str = "sessions-q";

#[component]
fn Filters(query: Memo<SessionQuery>) -> impl IntoView {
    let navigate = use_navigate();
    let go = Callback::new(move |next: SessionQuery| {
        navigate(&sessions_address(&next), NavigateOptions { replace: true, scroll: false, ..NavigateOptions::default() });
    });
    let typed = StoredValue::new(0_u32);
    let look_for = move |text: &str| {
        let q = Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        go.run(SessionQuery { q, cursor: None, ..query.get_untracked() });
    };
    let search = move |text: String| {
        typed.update_value(|typed| *typed += 1);
        let number = typed.get_value();
        page::after_forget(180, move || {
            if typed.try_get_value() == Some(number) {
                look_for(&text);
            }
        });
    };
    // What stands in the field counts: it may have been typed before the script was ready.
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        typed.update_value(|typed| *typed += 1);
        if let Some(text) = page::input_value(FILTER) {
            look_for(&text);
        }
    };
    let to_view = move |view| move || query.with(|query| sessions_address(&SessionQuery { view, cursor: None, ..query.clone() }));
    let hidden = move || {
        let fields = query.with(sessions_fields).into_iter().filter(|(name, _)| !matches!(*name, "q" | "cursor"));
        fields.map(|(name, value)| view! { <input type="hidden" name=name value=value/> }).collect_view()
    };
    view! {
        <form class="toolbar wrap" role="search" action="/sessions" method="get" on:submit=submit>
            {hidden}
            <span class="seg" role="group" aria-label="Which sessions">
                {VIEWS
                    .map(|(view, words)| {
                        view! { <a href=to_view(view) aria-current=move || (query.with(|query| query.view) == view).then_some("true")>{words}</a> }
                    })
                    .collect_view()}
            </span>
            <label class="input grow">
                <Icon name="filter"/>
                <span class="sr">"Filter"</span>
                <input
                    type="text"
                    id=FILTER
                    name="q"
                    data-filter=""
                    placeholder="Filter by title or goal"
                    autocomplete="off"
                    value=query.with_untracked(|query| query.q.clone())
                    on:input=move |event| search(event_target_value(&event))
                />
                <kbd class="kbd wide-only" aria-hidden="true">"/"</kbd>
            </label>
        </form>
        <DropDowns query=query/>
    }
}

#[component]
fn DropDowns(query: Memo<SessionQuery>) -> impl IntoView {
    let session = use_session();
    let with = move |change: &dyn Fn(&mut SessionQuery)| {
        let mut next = query.get();
        next.cursor = None;
        change(&mut next);
        sessions_address(&next)
    };
    let teams = move || {
        let teams = session.account().map(|me| me.teams).unwrap_or_default();
        let chosen = query.with(|query| query.team);
        (!teams.is_empty()).then(|| {
            let mut entries = vec![(with(&|query| query.team = None), "Any".to_owned(), None, chosen.is_none())];
            let mut shown = if chosen.is_none() { "any" } else { "unknown" }.to_owned();
            for team in teams {
                let here = chosen == Some(team.id);
                if here {
                    shown.clone_from(&team.name);
                }
                entries.push((with(&|query| query.team = Some(team.id)), team.name, None, here));
            }
            late(move || drop_down("Team", shown, chosen.is_some(), entries))
        })
    };
    let statuses = move || {
        let chosen = query.with(|query| query.status);
        let mut entries = vec![(with(&|query| query.status = None), "Any".to_owned(), None, chosen.is_none())];
        for (status, words) in STATUSES {
            entries.push((with(&|query| query.status = Some(status)), words.to_owned(), None, chosen == Some(status)));
        }
        drop_down("Status", chosen.map_or_else(|| "any".to_owned(), |status| status.to_string()), chosen.is_some(), entries)
    };
    let sorts = move || {
        let chosen = query.with(|query| query.sort);
        let words = SORTS.iter().find(|(sort, _)| *sort == chosen).map_or("", |(_, words)| words);
        let entries = SORTS.map(|(sort, words)| (with(&|query| query.sort = sort), words.to_owned(), None, sort == chosen)).to_vec();
        drop_down("Sort", words.to_owned(), false, entries)
    };
    view! { <div class="filters"><Transition>{teams}</Transition>{statuses}{sorts}</div> }
}

/// A page of the list.
#[component]
fn Rows(page: SessionPage, query: SessionQuery) -> impl IntoView {
    let next = page.next_cursor.map(|cursor| sessions_address(&SessionQuery { cursor: Some(cursor), ..query.clone() }));
    let watched = Watched::new(page.items, sessions_path(&query), LIST);
    watched.read_every(AGAIN);
    view! {
        {(query.view == SessionView::Trash).then(|| view! { <p class="filters hint">{format!("Sessions stay here for {TRASH_DAYS} days.")}</p> })}
        <SessionRows sessions=watched.sessions row=row/>
        {next.map(|address| view! { <nav class="more" aria-label="Pages"><a class="btn" href=address>"Older sessions"</a></nav> })}
    }
}

fn row(session: Memo<SessionSummary>) -> AnyView {
    let (id, deleted) = session.with_untracked(|session| (session.id, session.deleted_at.is_some()));
    view! { <SessionRow session=session><SyncMark object=session_object(id)/>{deleted.then(|| view! { <TakeBack id=id/> })}</SessionRow> }
        .into_any()
}

/// Out of the trash.
#[component]
fn TakeBack(id: SessionId) -> impl IntoView {
    let toasts = use_toasts();
    let navigate = use_navigate();
    let act = move |_| {
        let answer = undelete_session(id);
        let navigate = navigate.clone();
        leptos::task::spawn_local(async move {
            match answer.await {
                Ok(()) => {
                    toast(toasts, "Back among the sessions");
                    navigate(&session_address(id), NavigateOptions::default());
                }
                Err(error) => toast_error(toasts, &error),
            }
        });
    };
    view! { <button type="button" class="btn s above" on:click=act><Icon name="undo"/>"Take back"</button> }
}

#[component]
fn Nothing(query: SessionQuery) -> impl IntoView {
    if query.view == SessionView::Archived {
        return view! { <EmptyState icon="session" title="Nothing is archived" text="Sessions that are done and put away stand here."/> }
            .into_any();
    }
    if query.view == SessionView::Trash {
        return view! { <EmptyState icon="trash" title="The trash is empty" text=format!("Deleted sessions stay here for {TRASH_DAYS} days.")/> }.into_any();
    }
    if query == SessionQuery::default() {
        return view! {
            <EmptyState icon="session" title="No session yet" text="A session is a piece of work with a goal: talk, edit skills together, and commit what came of it.">
                <button type="button" class="btn primary" on:click=move |_| page::open_dialog(NEW_SESSION)><Icon name="plus"/>"Begin one"</button>
            </EmptyState>
        }
        .into_any();
    }
    view! {
        <EmptyState icon="filter" title="No session matches" text="Other words or another view may find it.">
            <a class="btn" href="/sessions">"Show all"</a>
        </EmptyState>
    }
    .into_any()
}
