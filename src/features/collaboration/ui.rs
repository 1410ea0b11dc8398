//! Who is here, how the connection stands, and what administrators see of the rooms.

mod rooms;

pub use rooms::RoomsView;

use leptos::prelude::*;

use super::{client, link::Link, model::RoomUser, state::use_here};
use crate::{
    features::accounts::{
        model::{Person, UserKind},
        state::sign_in_here,
    },
    ui::{Avatar, Icon, count, plural},
};

/// More than these are a number.
const SHOWN: usize = 4;

/// Avatars of who is here. `size` is that of [`Avatar`]; `all`: how many there are, where not all of them are named.
#[component]
pub fn Presence(
    #[prop(into)] users: Signal<Vec<RoomUser>>,
    #[prop(optional)] size: &'static str,
    #[prop(optional, into)] all: Signal<usize>,
    /// More than these are a number.
    #[prop(default = SHOWN)]
    most: usize,
    #[prop(default = "Here now")] label: &'static str,
) -> impl IntoView {
    view! {
        {move || {
            let users = users.get();
            let more = users.len().max(all.get()).saturating_sub(most);
            let rest = users.iter().skip(most).map(|user| user.user_name.clone()).collect::<Vec<_>>().join(", ");
            (!users.is_empty())
                .then(|| {
                    view! {
                        <ul class="avatars" aria-label=label>
                            {users
                                .into_iter()
                                .take(most)
                                .map(|user| view! { <li><Avatar person=Person::from(user) size=size/></li> })
                                .collect_view()}
                            {(more > 0).then(|| view! { <li class="count" title=rest.clone()><span aria-hidden="true">{format!("+{more}")}</span><span class="sr">{rest.clone()}</span></li> })}
                        </ul>
                    }
                })
        }}
    }
}

/// Everybody who is here, by name, behind their avatars; `elsewhere`: who else belongs here.
#[component]
pub fn PresenceMenu(#[prop(into)] users: Signal<Vec<RoomUser>>, #[prop(into)] elsewhere: Signal<Vec<Person>>) -> impl IntoView {
    let others = Memo::new(move |_| {
        let here = users.get();
        elsewhere.get().into_iter().filter(|person| here.iter().all(|user| user.user_id != person.id)).collect::<Vec<_>>()
    });
    let row = |person: Person, away: bool| {
        let agent = person.kind == UserKind::Agent;
        let name = person.name.clone();
        view! {
            <li class:away=away>
                <Avatar person=person size="s"/>
                <span class="trunc">{name}</span>
                {agent.then(|| view! { <span class="chip line">"Agent"</span> })}
            </li>
        }
    };
    view! {
        <Show when=move || users.with(|users| !users.is_empty())>
            <details class="drop end who">
                <summary class="btn ghost" title="Who is here">
                    <Presence users=users/>
                    <span class="sr">"Who is here"</span>
                </summary>
                // Nothing in it takes the focus, and fifty names have to scroll by keyboard too.
                <div class="pop" tabindex="0">
                    <h2 class="sect">{move || format!("Here now: {}", users.with(|users| headcount(users)))}</h2>
                    <ul>{move || users.get().into_iter().map(|user| row(Person::from(user), false)).collect_view()}</ul>
                    <Show when=move || others.with(|others| !others.is_empty())>
                        <h2 class="sect">"Elsewhere"</h2>
                        <ul>{move || others.get().into_iter().map(|person| row(person, true)).collect_view()}</ul>
                    </Show>
                </div>
            </details>
        </Show>
    }
}

/// "3 people, 1 agent".
pub fn headcount(users: &[RoomUser]) -> String {
    let agents = users.iter().filter(|user| user.kind == UserKind::Agent).count() as i64;
    let people = users.len() as i64 - agents;
    let people = (people > 0 || agents == 0).then(|| if people == 1 { "1 person".to_owned() } else { format!("{} people", count(people)) });
    let agents = (agents > 0).then(|| plural(agents, "agent", "agents"));
    people.into_iter().chain(agents).collect::<Vec<_>>().join(", ")
}

/// In the status line: how the connection stands, and who is in the place that the page shows.
#[component]
pub fn LiveStatus(#[prop(into)] link: Signal<Link>) -> impl IntoView {
    let here = use_here();
    view! {
        <LinkState link=link/>
        {move || {
            here.with(|users| (!users.is_empty()).then(|| format!("{} here", headcount(users))))
                .map(|words| view! { <span><Icon name="users"/>{words}</span> })
        }}
    }
}

/// How the connection stands, in a word; nothing happens to what one writes meanwhile.
#[component]
pub fn LinkState(#[prop(into)] link: Signal<Link>) -> impl IntoView {
    let alone = client::alone();
    view! {
        <span class="link-state" role="status">
            {move || match link.get() {
                Link::Live if alone.get() => {
                    view! { <i class="dot"></i><span title="What others do shows a little later: this server cannot hear those beside it.">"Live, with delay"</span> }.into_any()
                }
                Link::Live => view! { <i class="dot live"></i>"Live" }.into_any(),
                Link::Connecting => view! { <i class="dot"></i>"Connecting" }.into_any(),
                Link::Reconnecting => view! { <Icon name="refresh"/>"Reconnecting" }.into_any(),
                Link::Offline => view! { <Icon name="offline"/>"Offline" }.into_any(),
                Link::Refused(_) => view! { <Icon name="alert"/>"Signed out" }.into_any(),
            }}
        </span>
    }
}

/// What one reads differently while the connection is away for longer; quiet in between.
#[component]
pub fn LinkBanner(#[prop(into)] link: Signal<Link>) -> impl IntoView {
    // Back to what one was at, once one is signed in again.
    let sign_in = sign_in_here();
    move || match link.get() {
        Link::Offline => view! {
            <div class="banner" role="status">
                <Icon name="offline"/>
                <span>"You are offline. What you write is kept here and sent when the connection is back."</span>
            </div>
        }
        .into_any(),
        Link::Refused(why) => view! {
            <div class="banner warn" role="alert">
                <Icon name="alert"/>
                <span>{why}</span>
                <a class="btn s push" href=move || sign_in.get()>"Sign in"</a>
            </div>
        }
        .into_any(),
        Link::Connecting | Link::Live | Link::Reconnecting => ().into_any(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::UserId;

    #[test]
    fn people_and_agents_are_counted_apart() {
        let user = |kind| RoomUser { user_id: UserId::generate(), user_name: "x".to_owned(), color: 1, kind, avatar: None };
        let (human, agent) = (user(UserKind::Human), user(UserKind::Agent));
        assert_eq!(headcount(std::slice::from_ref(&human)), "1 person");
        assert_eq!(headcount(&[human.clone(), human.clone(), agent.clone()]), "2 people, 1 agent");
        assert_eq!(headcount(&[agent.clone(), agent]), "2 agents");
        assert_eq!(headcount(&[]), "0 people");
    }
}
