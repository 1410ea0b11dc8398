//! Who is here, how the connection stands, and what administrators see of the rooms.

mod rooms;

pub use rooms::RoomsView;

use leptos::prelude::*;

use super::{link::Link, model::RoomUser};
use crate::{
    features::accounts::model::Person,
    ui::{Avatar, Icon},
};

/// More than these are a number.
const SHOWN: usize = 4;

/// Avatars of who is here. `size` is that of [`Avatar`]; `all`: how many there are, where not all of them are named.
#[component]
pub fn Presence(
    #[prop(into)] users: Signal<Vec<RoomUser>>,
    #[prop(optional)] size: &'static str,
    #[prop(optional, into)] all: Signal<usize>,
    #[prop(default = "Here now")] label: &'static str,
) -> impl IntoView {
    view! {
        {move || {
            let users = users.get();
            let more = users.len().max(all.get()).saturating_sub(SHOWN);
            let rest = users.iter().skip(SHOWN).map(|user| user.user_name.clone()).collect::<Vec<_>>().join(", ");
            (!users.is_empty())
                .then(|| {
                    view! {
                        <ul class="avatars" aria-label=label>
                            {users
                                .into_iter()
                                .take(SHOWN)
                                .map(|user| view! { <li><Avatar person=person(user) size=size/></li> })
                                .collect_view()}
                            {(more > 0).then(|| view! { <li class="count" title=rest.clone()><span aria-hidden="true">{format!("+{more}")}</span><span class="sr">{rest.clone()}</span></li> })}
                        </ul>
                    }
                })
        }}
    }
}

fn person(user: RoomUser) -> Person {
    Person { id: user.user_id, name: user.user_name, kind: user.kind, color: user.color, avatar: None }
}

/// How the connection stands, in a word; nothing happens to what one writes meanwhile.
#[component]
pub fn LinkState(#[prop(into)] link: Signal<Link>) -> impl IntoView {
    view! {
        <span class="link-state" role="status">
            {move || match link.get() {
                Link::Live => view! { <i class="dot live"></i>"Live" }.into_any(),
                Link::Connecting => view! { <i class="dot"></i>"Connecting" }.into_any(),
                Link::Reconnecting => view! { <Icon name="refresh"/>"Reconnecting" }.into_any(),
                Link::Offline => view! { <Icon name="offline"/>"Offline: what you write is kept" }.into_any(),
                Link::Refused(why) => view! { <Icon name="alert"/>{why} <a class="link" href="/login">"Sign in"</a> }.into_any(),
            }}
        </span>
    }
}
