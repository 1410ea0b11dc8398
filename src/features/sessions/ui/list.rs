//! Every session that one may open: filtered by what the address says.

use std::collections::BTreeMap;

use leptos::prelude::*;
use leptos_router::{
    NavigateOptions,
    hooks::{use_navigate, use_query_map},
};

use super::new::{NEW_SESSION, NewSessionDialog};
use crate::{
    browser::{page, socket},
    features::{
        collaboration::ui::Presence,
        sessions::{
            model::{SessionPage, SessionQuery, SessionSort, SessionStatus, SessionSummary, SessionView, TRASH_DAYS},
            state::{read_sessions, session_address, session_query, sessions_address, undelete_session, use_sessions},
        },
    },
    ids::SessionId,
    ui::{EmptyState, ErrorView, Icon, Loading, PageTitle, Time, count, page_keys, toast, toast_error, use_toasts},
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
const SORTS: [(SessionSort, &str); 3] =
    [(SessionSort::Activity, "Newest activity"), (SessionSort::Created, "Newest first"), (SessionSort::Title, "Title")];

#[component]
pub fn SessionsPage() -> impl IntoView {
    let params = use_query_map();
    let query = Memo::new(move |_| params.with(session_query));
    let sessions = use_sessions(query);
    page_keys(|key| {
        let step = match key.key.as_str() {
            "j" | "ArrowDown" => 1,
            "k" | "ArrowUp" => -1,
            _ => return false,
        };
        !key.command && page::step_focus(ROWS, step).is_some()
    });
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
                        <button type="button" class="btn primary" on:click=move |_| page::open_dialog(NEW_SESSION)><Icon name="plus"/>"New session"</button>
                    </span>
                </header>
                <Filters query=query/>
                <div class="scroll">
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

#[component]
fn Filters(query: Memo<SessionQuery>) -> impl IntoView {
    let navigate = use_navigate();
    let go = Callback::new(move |next: SessionQuery| {
        navigate(&sessions_address(&next), NavigateOptions { replace: true, scroll: false, ..NavigateOptions::default() });
    });
    let typed = StoredValue::new(0_u32);
    let search = move |text: String| {
        typed.update_value(|typed| *typed += 1);
        let number = typed.get_value();
        page::after_forget(180, move || {
            if typed.try_get_value() == Some(number) {
                let q = Some(text.trim().to_owned()).filter(|text| !text.is_empty());
                go.run(SessionQuery { q, cursor: None, ..query.get_untracked() });
            }
        });
    };
    let to_view = move |view| move || query.with(|query| sessions_address(&SessionQuery { view, cursor: None, ..query.clone() }));
    let sort = move |event| {
        let value = event_target_value(&event);
        let sort = SORTS.into_iter().map(|(sort, _)| sort).find(|sort| key(*sort) == value).unwrap_or_default();
        go.run(SessionQuery { sort, cursor: None, ..query.get_untracked() });
    };
    view! {
        <form class="toolbar wrap" role="search" action="/sessions" method="get" on:submit=|event| event.prevent_default()>
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
                    name="q"
                    data-filter=""
                    placeholder="Filter by title or goal"
                    autocomplete="off"
                    value=query.with_untracked(|query| query.q.clone())
                    on:input=move |event| search(event_target_value(&event))
                />
                <kbd class="kbd wide-only" aria-hidden="true">"/"</kbd>
            </label>
            <label class="select auto">
                <span class="sr">"Sort"</span>
                <select class="input" on:change=sort>
                    {SORTS
                        .map(|(sort, words)| view! { <option value=key(sort) selected=move || query.with(|query| query.sort) == sort>{words}</option> })
                        .collect_view()}
                </select>
                <Icon name="chev-d"/>
            </label>
        </form>
    }
}

fn key(sort: SessionSort) -> &'static str {
    match sort {
        SessionSort::Activity => "activity",
        SessionSort::Created => "created",
        SessionSort::Title => "title",
    }
}

/// A page of the list, read again while one looks: who is where, and what is unread. The order stays as long as a pointer or the focus is
/// in the list, so that nothing moves away from under them.
#[component]
fn Rows(page: SessionPage, query: SessionQuery) -> impl IntoView {
    let next = page.next_cursor.map(|cursor| sessions_address(&SessionQuery { cursor: Some(cursor), ..query.clone() }));
    let sessions = RwSignal::new(page.items);
    let asking = StoredValue::new(false);
    let trash = query.view == SessionView::Trash;
    let query = StoredValue::new(query);
    let ask = move || {
        if !page::is_visible() || asking.try_get_value() != Some(false) {
            return;
        }
        asking.set_value(true);
        let answer = read_sessions(query.get_value());
        leptos::task::spawn_local(async move {
            // A failure is no news here: what is shown stays.
            if let Ok(page) = answer.await {
                let held = page::has_pointer_or_focus(LIST);
                sessions.try_update(|sessions| *sessions = renewed(std::mem::take(sessions), page.items, held));
            }
            asking.try_set_value(false);
        });
    };
    // In an effect: the server looks once.
    Effect::new(move |_| {
        let ticker = StoredValue::new_local(Some(socket::every(AGAIN, ask)));
        on_cleanup(move || {
            ticker.try_update_value(Option::take);
        });
    });
    view! {
        {trash.then(|| view! { <p class="filters hint">{format!("Sessions stay here for {TRASH_DAYS} days.")}</p> })}
        <SessionRows sessions=sessions/>
        {next.map(|address| view! { <nav class="more" aria-label="Pages"><a class="btn" href=address>"Older sessions"</a></nav> })}
    }
}

/// What is shown now, from what was shown and what was read. `held`: each stays at its place, and new ones wait.
pub fn renewed(shown: Vec<SessionSummary>, read: Vec<SessionSummary>, held: bool) -> Vec<SessionSummary> {
    if !held {
        return read;
    }
    let mut read: BTreeMap<SessionId, SessionSummary> = read.into_iter().map(|session| (session.id, session)).collect();
    shown.into_iter().map(|old| read.remove(&old.id).unwrap_or(old)).collect()
}

#[component]
pub fn SessionRows(#[prop(into)] sessions: Signal<Vec<SessionSummary>>) -> impl IntoView {
    view! {
        <ul class="rows sessions">
            <For
                each=move || sessions.with(|sessions| sessions.iter().map(|session| (session.id, session.deleted_at.is_some())).collect::<Vec<_>>())
                key=|key| *key
                children=move |(id, _)| {
                    let find = move |sessions: &Vec<SessionSummary>| sessions.iter().find(|session| session.id == id).cloned();
                    sessions
                        .with_untracked(find)
                        .map(|first| {
                            let session = Memo::new(move |last: Option<&SessionSummary>| sessions.with(find).unwrap_or_else(|| last.unwrap_or(&first).clone()));
                            view! { <Row session=session/> }
                        })
                }
            />
        </ul>
    }
}

#[component]
fn Row(session: Memo<SessionSummary>) -> impl IntoView {
    let (id, private, deleted) = session.with_untracked(|session| (session.id, session.team_id.is_none(), session.deleted_at.is_some()));
    let title = move || session.with(|session| session.title.clone());
    let goal = move || {
        session.with(|session| if session.goal.is_empty() { format!("Begun by {}", session.owner.name) } else { session.goal.clone() })
    };
    let unread = Memo::new(move |_| session.with(|session| session.unread));
    let here = Memo::new(move |_| session.with(|session| session.here.clone()));
    let at = Memo::new(move |_| session.with(|session| session.deleted_at.unwrap_or(session.active_at)));
    let committed = move || session.with(|session| session.status == SessionStatus::Committed);
    view! {
        <li>
            <Icon name=if private { "lock" } else { "session" }/>
            <div class="tx">
                <a class="cover" href=session_address(id)><b>{title}</b></a>
                <small class="trunc">{goal}</small>
            </div>
            <span class="tail">
                {move || {
                    let unread = unread.get();
                    (unread > 0).then(|| view! { <span class="count unread"><span aria-hidden="true">{count(unread)}</span><span class="sr">{format!("{unread} unread")}</span></span> })
                }}
                <Presence users=here size="xs"/>
                {move || session.with(|session| session.team_name.clone()).map(|name| view! { <span class="chip line wide-only"><span class="trunc">{name}</span></span> })}
                {move || committed().then(|| view! { <span class="chip ok wide-only">"Committed"</span> })}
                {move || view! { <Time at=at.get()/> }}
                {deleted.then(|| view! { <TakeBack id=id/> })}
            </span>
        </li>
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        features::accounts::model::{Person, UserKind},
        ids::UserId,
    };

    fn session(id: SessionId, unread: i64) -> SessionSummary {
        SessionSummary {
            id,
            title: String::new(),
            goal: String::new(),
            status: SessionStatus::Active,
            team_id: None,
            team_name: None,
            owner: Person { id: UserId::generate(), name: String::new(), kind: UserKind::Human, color: 1, avatar: None },
            entries: 0,
            unread,
            here: Vec::new(),
            created_at: 0,
            active_at: 0,
            deleted_at: None,
        }
    }

    #[test]
    fn a_list_that_somebody_points_at_keeps_its_order() {
        let [a, b, c] = [(); 3].map(|()| SessionId::generate());
        let shown = || vec![session(a, 0), session(b, 0)];
        let read = || vec![session(c, 1), session(b, 2)];
        let ids = |list: &[SessionSummary]| list.iter().map(|one| (one.id, one.unread)).collect::<Vec<_>>();
        assert_eq!(ids(&renewed(shown(), read(), false)), [(c, 1), (b, 2)]);
        assert_eq!(ids(&renewed(shown(), read(), true)), [(a, 0), (b, 2)]);
    }
}
