//! Commits of others, while the library is open.

use leptos::prelude::*;

use super::{library::ROWS, library_rows::Chosen};
use crate::{
    browser::page,
    features::{
        accounts::state::use_session,
        artifacts::state::use_list,
        collaboration::{
            model::RoomType,
            state::{Room, use_collaboration},
        },
        volumes::state::use_volumes,
    },
    ui::Icon,
};

/// Teams whose rooms an open library is in; a connection may be in 32.
const TEAMS: usize = 8;
/// Commits in so short a time are read once, in milliseconds.
const TOGETHER: u32 = 300;
const SCROLLED: &str = "[data-part=list] > .scroll";

/// Shows what others commit: at once where that moves nothing under anybody's hands, otherwise when it is asked for.
#[component]
pub fn LibraryNews(chosen: Chosen) -> impl IntoView {
    let (session, volumes, list) = (use_session(), use_volumes(), use_list());
    let (waits, by_others) = (StoredValue::new(false), StoredValue::new(false));
    let behind = RwSignal::new(false);
    let read = move || {
        waits.try_set_value(false);
        let others = by_others.try_update_value(std::mem::take);
        let free = chosen.try_with_untracked(|chosen| chosen.is_empty()) == Some(true);
        if free && page::scrolled(SCROLLED) == 0 && !page::has_focus(ROWS) {
            list.refresh.try_run(());
        } else {
            // Who commits knows of it, and reads the list anew where that was done.
            if others == Some(true) {
                behind.try_set(true);
            }
            list.recount.try_run(());
            volumes.refresh();
        }
    };
    let soon = move |another: bool| {
        by_others.try_update_value(|others| *others |= another);
        if waits.try_update_value(|waits| std::mem::replace(waits, true)) == Some(false) {
            page::after_forget(TOGETHER, read);
        }
    };
    for place in 0..TEAMS {
        let room = Signal::derive(move || {
            let team = session.account()?.teams.get(place)?.id;
            Some(Room { id: team.same_as(), kind: RoomType::Workspace })
        });
        let live = use_collaboration(room);
        live.on_commit(move |commit| soon(session.account_untracked().is_none_or(|me| me.person.id != commit.user_id)));
        live.on_resync(move || soon(true));
    }
    let show = move |_| {
        behind.set(false);
        page::scroll_to_top(SCROLLED);
        list.refresh.run(());
    };
    view! {
        <div role="status">
            {move || {
                behind
                    .get()
                    .then(|| {
                        view! {
                            <div class="banner inset">
                                <Icon name="commit"/>
                                <span>"Somebody committed."</span>
                                <button type="button" class="btn s push" on:click=show>"Show the list anew"</button>
                            </div>
                        }
                    })
            }}
        </div>
    }
}
