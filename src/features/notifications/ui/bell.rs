//! The bell in the frame: how many notifications are unread, and the way to them.

use leptos::prelude::*;
use leptos_router::hooks::use_location;

use crate::{
    features::{
        collaboration::ui::LiveStatus,
        notifications::state::{NotificationsContext, use_notifications},
    },
    lazy_function,
    ui::Icon,
};

pub const ADDRESS: &str = "/notifications";
/// More are not counted out.
const COUNTED: i64 = 99;

fn words(unread: i64) -> String {
    match unread {
        0 => "Notifications".to_owned(),
        unread => format!("Notifications, {unread} unread"),
    }
}

fn badge(unread: i64) -> Option<impl IntoView> {
    let number = if unread > COUNTED { format!("{COUNTED}+") } else { unread.to_string() };
    (unread > 0).then(|| view! { <span class="badge" aria-hidden="true">{number}</span> })
}

/// In the rail.
#[component]
pub fn Bell() -> impl IntoView {
    let notifications = use_notifications();
    let path = use_location().pathname;
    view! {
        <a class="btn ghost icon-only s bell" href=ADDRESS title="Notifications" aria-current=move || (path.get() == ADDRESS).then_some("page")>
            <Icon name="bell"/>
            <Told notifications=notifications/>
        </a>
    }
}

/// In the tab bar of a phone.
#[component]
pub fn BellTab() -> impl IntoView {
    let notifications = use_notifications();
    let path = use_location().pathname;
    view! {
        <a class="bell" href=ADDRESS aria-current=move || (path.get() == ADDRESS).then_some("page")>
            <Icon name="bell"/>
            <span aria-hidden="true">"Bell"</span>
            <Told notifications=notifications/>
        </a>
    }
}

/// The number, for the eye and for the ear.
#[component]
fn Told(notifications: NotificationsContext) -> impl IntoView {
    view! {
        <Suspense fallback=|| view! { <span class="sr">"Notifications"</span> }>
            {move || {
                let unread = notifications.unread();
                view! {
                    <span class="sr">{words(unread)}</span>
                    {badge(unread)}
                }
            }}
        </Suspense>
    }
}

enum Listening {
    ToNotifications,
}

// The frame is in the first load of every page, the connection's code is not.
lazy_function!(load_listening, |what: Listening| match what {
    Listening::ToNotifications => Listen().into_any(),
});

#[component]
fn Listen() -> impl IntoView {
    let live = use_notifications().listen();
    view! { <LiveStatus link=live.link/> }
}

/// Listens for notifications as soon as the page is there, and says how the connection stands.
#[component]
pub fn Listener() -> impl IntoView {
    let there = RwSignal::new(false);
    Effect::new(move |_| there.set(true));
    view! { <Suspense>{move || there.get().then(|| Suspend::new(load_listening(Listening::ToNotifications)))}</Suspense> }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bell_says_how_many_are_unread() {
        assert_eq!(words(0), "Notifications");
        assert_eq!(words(2), "Notifications, 2 unread");
        assert!(badge(0).is_none() && badge(1).is_some());
    }
}
