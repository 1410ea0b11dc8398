//! The sessions in the rail: where somebody is now, and what had something new lately. Their code comes after the page.

use leptos::prelude::*;
use leptos_router::hooks::use_location;

use super::list::renewed;
use crate::{
    browser::{page, socket},
    features::{
        collaboration::ui::Presence,
        sessions::{
            model::{SessionQuery, SessionSummary},
            state::{read_sessions, session_address},
        },
    },
    lazy_function,
    ui::{Icon, Suspense, count},
};

const LISTS: &str = ".rail-sessions";
/// How often they are read again while one looks, in milliseconds.
const AGAIN: u32 = 15_000;
/// After going somewhere: what one did there is done by then.
const SOON: u32 = 600;
/// Of each list at most.
const SHOWN: usize = 6;
const READ: u32 = 16;

enum Listing {
    Sessions,
}

lazy_function!(load_rail, |what: Listing| match what {
    Listing::Sessions => Lists().into_any(),
});

#[component]
pub fn RailSessions() -> impl IntoView {
    let there = RwSignal::new(false);
    // A phone has no rail.
    Effect::new(move |_| there.set(page::media("(min-width: 720px)")));
    view! { <Suspense>{move || there.get().then(|| Suspend::new(load_rail(Listing::Sessions)))}</Suspense> }
}

#[component]
fn Lists() -> impl IntoView {
    let path = use_location().pathname;
    let sessions = RwSignal::new(Vec::<SessionSummary>::new());
    let asking = StoredValue::new(false);
    let ask = move || {
        if !page::is_visible() || asking.try_get_value() != Some(false) {
            return;
        }
        asking.set_value(true);
        let answer = read_sessions(SessionQuery { limit: Some(READ), ..SessionQuery::default() });
        leptos::task::spawn_local(async move {
            // A failure is no news here: what is shown stays.
            if let Ok(page) = answer.await {
                let held = page::has_pointer_or_focus(LISTS);
                sessions.try_update(|sessions| *sessions = renewed(std::mem::take(sessions), page.items, held && !sessions.is_empty()));
            }
            asking.try_set_value(false);
        });
    };
    Effect::new(move |_| {
        ask();
        let ticker = StoredValue::new_local(Some(socket::every(AGAIN, ask)));
        on_cleanup(move || {
            ticker.try_update_value(Option::take);
        });
    });
    Effect::new(move |before: Option<String>| {
        let now = path.get();
        if before.is_some_and(|before| before != now) {
            page::after_forget(SOON, ask);
        }
        now
    });
    let some = move |active: bool| {
        sessions.with(|sessions| {
            let of_it = sessions.iter().filter(|session| session.here.is_empty() != active);
            of_it.take(SHOWN).map(|session| session.id).collect::<Vec<_>>()
        })
    };
    let list = move |words: &'static str, active: bool| {
        view! {
            <Show when=move || !some(active).is_empty()>
                <div class="rail-head">
                    <span>{words}</span>
                    <a class="btn ghost icon-only s" href="/sessions?new" aria-label="New session" title="New session"><Icon name="plus"/></a>
                </div>
                <nav class="nav sub rail-sessions" aria-label=if active { "Active sessions" } else { "Recent sessions" }>
                    <For
                        each=move || some(active)
                        key=|id| *id
                        children=move |id| {
                            let find = move |sessions: &Vec<SessionSummary>| sessions.iter().find(|session| session.id == id).cloned();
                            sessions
                                .with_untracked(find)
                                .map(|first| {
                                    let session = Memo::new(move |last: Option<&SessionSummary>| sessions.with(find).unwrap_or_else(|| last.unwrap_or(&first).clone()));
                                    view! { <Row session=session path=path/> }
                                })
                        }
                    />
                </nav>
            </Show>
        }
    };
    view! {
        {list("Active now", true)}
        {list("Recent", false)}
    }
}

#[component]
fn Row(session: Memo<SessionSummary>, path: Memo<String>) -> impl IntoView {
    let (address, private) = session.with_untracked(|session| (session_address(session.id), session.team_id.is_none()));
    let title = Memo::new(move |_| session.with(|session| session.title.clone()));
    let unread = Memo::new(move |_| session.with(|session| session.unread));
    let here = Memo::new(move |_| session.with(|session| session.here.clone()));
    let link = address.clone();
    let current = Memo::new(move |_| path.with(|path| *path == address));
    view! {
        <a href=link title=move || title.get() aria-current=move || current.get().then_some("page")>
            {private.then(|| view! { <Icon name="lock"/> })}
            <span class="label">{move || title.get()}</span>
            // What is open is being read.
            {move || {
                let unread = unread.get();
                (unread > 0 && !current.get()).then(|| view! { <span class="count unread"><span aria-hidden="true">{count(unread)}</span><span class="sr">{format!(", {unread} unread")}</span></span> })
            }}
            <Presence users=here size="xs" most=3/>
        </a>
    }
}
