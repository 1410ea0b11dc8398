//! The sessions in the rail: where somebody is now, and what had something new lately.

use leptos::prelude::*;
use leptos_router::hooks::use_location;

use super::summaries::{EachSession, Watched};
use crate::{
    browser::page,
    features::{
        collaboration::ui::Presence,
        sessions::{model::SessionSummary, state::session_address},
    },
    ui::{Icon, count},
};

const LISTS: &str = ".rail-sessions";
/// How often they are read again while one looks, in milliseconds.
const AGAIN: u32 = 15_000;
/// After going somewhere: what one did there is done by then.
const SOON: u32 = 600;
/// Of each list at most.
const SHOWN: usize = 6;
/// Written out: what makes paths of queries is not in the first load.
const READ: &str = "/sessions?limit=16";

/// They come after the page, and only where there is room: a phone has no rail.
#[component]
pub fn RailSessions() -> impl IntoView {
    let there = RwSignal::new(false);
    Effect::new(move |_| there.set(page::media("(min-width: 720px)")));
    move || there.get().then(|| view! { <Lists/> }.into_any())
}

#[component]
fn Lists() -> impl IntoView {
    let path = use_location().pathname;
    let watched = Watched::new(Vec::new(), READ.to_owned(), LISTS);
    watched.read_every(AGAIN);
    Effect::new(move |before: Option<String>| {
        let now = path.get();
        match before {
            Some(before) if before == now => {}
            // Again when one has entered: then one is there oneself.
            entered => {
                if entered.is_none() {
                    watched.read();
                }
                page::after_forget(SOON, move || watched.read());
            }
        }
        now
    });
    let list = move |words: &'static str, active: bool| {
        let some = Memo::new(move |_| {
            watched.sessions.with(|sessions| {
                let of_it = sessions.iter().filter(|session| session.here.is_empty() != active);
                of_it.take(SHOWN).cloned().collect::<Vec<_>>()
            })
        });
        view! {
            <Show when=move || some.with(|some| !some.is_empty())>
                <div class="rail-head">
                    <span>{words}</span>
                    <a class="btn ghost icon-only s" href="/sessions?new" aria-label="New session" title="New session"><Icon name="plus"/></a>
                </div>
                <nav class="nav sub rail-sessions" aria-label=if active { "Active sessions" } else { "Recent sessions" }>
                    <EachSession sessions=some row=|session| view! { <Row session=session/> }.into_any()/>
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
fn Row(session: Memo<SessionSummary>) -> impl IntoView {
    let path = use_location().pathname;
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
