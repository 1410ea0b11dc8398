//! The bell in the frame: how many notifications are unread, and the way to them.

use leptos::prelude::*;
use leptos_router::hooks::use_location;

use crate::{
    features::notifications::state::{NotificationsContext, use_notifications},
    ui::{Icon, Suspense, plural},
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

/// Beside a word of its own.
fn words_of_tab(unread: i64) -> String {
    if unread == 0 { String::new() } else { plural(unread, "unread notification", "unread notifications") }
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
            <Told notifications=notifications words=words/>
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
            <span>"Bell"</span>
            <Told notifications=notifications words=words_of_tab/>
        </a>
    }
}

/// The number, for the eye and for the ear.
#[component]
fn Told(notifications: NotificationsContext, words: fn(i64) -> String) -> impl IntoView {
    view! {
        <Suspense fallback=move || view! { <span class="sr">{words(0)}</span> }>
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bell_says_how_many_are_unread() {
        assert_eq!(words(0), "Notifications");
        assert_eq!(words(2), "Notifications, 2 unread");
        assert_eq!((words_of_tab(0), words_of_tab(1)), (String::new(), "1 unread notification".to_owned()));
        assert!(badge(0).is_none() && badge(1).is_some());
    }
}
