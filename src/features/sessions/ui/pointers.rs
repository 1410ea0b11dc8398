//! Where the others point in the timeline. A pointer belongs to an entry, so that it means the same in windows of another size and at
//! another place of the timeline: `x` is a fraction of the entry's width, `y` its number and the fraction of its height.

use std::collections::BTreeMap;

use leptos::prelude::*;

use super::timeline::{ITEMS, Timeline};
use crate::{
    browser::{page, scroll, socket, storage},
    features::collaboration::{model::RoomUser, state::Collaboration},
    ids::UserId,
};

const FRAME: &str = ".log-box";
/// A pointer that rests is still shown for this long, and its name for the shorter time, in milliseconds.
const LASTS: i64 = 5_000;
const NAMED: i64 = 2_000;
/// More would be unrest: those that moved last.
const SHOWN: usize = 6;
/// The preference by which a person neither shows nor sees pointers.
const PREFERENCE: &str = "pointers";

/// Whether pointers are shown, and told. Not where nothing hovers or moves, and not to those who asked for calm.
const WHERE: &str = "(hover: hover) and (pointer: fine) and (min-width: 720px) and (prefers-reduced-motion: no-preference)";

pub fn pointers_wanted() -> bool {
    storage::preference(PREFERENCE).as_deref() != Some("off")
}

pub fn want_pointers(wanted: bool) {
    storage::set_preference(PREFERENCE, if wanted { "on" } else { "off" });
}

#[derive(Clone, Copy, PartialEq)]
struct Spot {
    x: f64,
    y: f64,
    moved: i64,
}

#[derive(Clone, Copy)]
pub struct Pointers {
    live: Collaboration,
    timeline: Timeline,
    on: RwSignal<bool>,
    spots: RwSignal<BTreeMap<UserId, Spot>>,
    now: RwSignal<i64>,
}

impl Pointers {
    pub fn new(live: Collaboration, timeline: Timeline, on: RwSignal<bool>) -> Self {
        let pointers = Self { live, timeline, on, spots: RwSignal::new(BTreeMap::new()), now: RwSignal::new(0) };
        live.on_cursor_move(move |pointed| {
            if pointers.on.try_get_untracked() == Some(true) && page::media(WHERE) {
                let spot = Spot { x: pointed.position.x, y: pointed.position.y, moved: page::now_ms() };
                pointers.now.try_set(spot.moved);
                pointers.spots.try_update(|spots| spots.insert(pointed.user_id, spot));
            }
        });
        live.on_user_left(move |person| {
            pointers.spots.try_update(|spots| spots.remove(&person.user_id));
        });
        // In an effect: nobody points on the server.
        Effect::new(move |_| {
            let ticker = StoredValue::new_local(Some(socket::every(1_000, move || pointers.fade())));
            on_cleanup(move || {
                ticker.try_update_value(Option::take);
            });
        });
        pointers
    }

    fn fade(self) {
        if self.spots.try_with_untracked(|spots| !spots.is_empty()) == Some(true) {
            let now = page::now_ms();
            self.now.try_set(now);
            self.spots.try_update(|spots| spots.retain(|_, spot| now - spot.moved < LASTS));
        }
    }

    /// One's own pointer moved over the timeline.
    pub fn point(self, event: &leptos::ev::PointerEvent) {
        if event.pointer_type() != "mouse"
            || !self.on.get_untracked()
            || self.live.users.with_untracked(Vec::len) < 2
            || !page::media(WHERE)
        {
            return;
        }
        let Some((id, x, y)) = scroll::spot(event, ITEMS) else { return };
        if let Some(number) = id.strip_prefix("entry-").and_then(|number| number.parse::<f64>().ok()) {
            // A whole one more would be the next entry.
            self.live.broadcast_cursor_move(x, number + y.min(0.99));
        }
    }

    /// Who points, those that moved last.
    fn shown(self) -> Vec<RoomUser> {
        let mut spots: Vec<(i64, UserId)> = self.spots.with(|spots| spots.iter().map(|(user, spot)| (spot.moved, *user)).collect());
        spots.sort_unstable_by(|a, b| b.cmp(a));
        spots.truncate(SHOWN);
        let mut users: Vec<RoomUser> =
            self.live.users.with(|users| users.iter().filter(|user| spots.iter().any(|(_, id)| *id == user.user_id)).cloned().collect());
        users.sort_by_key(|user| user.user_id);
        users
    }

    /// Where that is in the window, in pixels.
    fn place(self, user: UserId) -> Option<(f64, f64)> {
        self.timeline.moved.track();
        let spot = self.spots.with(|spots| spots.get(&user).copied())?;
        scroll::place(FRAME, &format!("entry-{}", spot.y.floor()), spot.x, spot.y.fract())
    }
}

/// Over the timeline; nothing of it can be pressed.
#[component]
pub fn PointerViews(pointers: Pointers) -> impl IntoView {
    view! {
        <div class="pointers" aria-hidden="true" hidden=move || !pointers.on.get()>
            <For
                each=move || pointers.shown()
                key=|user| user.user_id
                children=move |user| {
                    let id = user.user_id;
                    let place = Memo::new(move |_| pointers.place(id));
                    let named = Memo::new(move |_| {
                        let now = pointers.now.get();
                        pointers.spots.with(|spots| spots.get(&id).is_some_and(|spot| now - spot.moved < NAMED))
                    });
                    let first = user.user_name.split_whitespace().next().unwrap_or_default().to_owned();
                    view! {
                        <span
                            class="pointer"
                            class:named=move || named.get()
                            style:--c=format!("var(--person-{})", user.color)
                            style:translate=move || place.get().map(|(left, top)| format!("{left:.0}px {top:.0}px"))
                            hidden=move || place.get().is_none()
                        >
                            <svg viewBox="0 0 12 12"><path d="M1 1l3.6 9.6 1.5-4.1 4.1-1.5z"></path></svg>
                            <i>{first}</i>
                        </span>
                    }
                }
            />
        </div>
    }
}
