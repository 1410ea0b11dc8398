use super::model::RoomUser;
use leptos::prelude::*;
#[component]
pub fn Presence(users: Signal<Vec<RoomUser>>, #[prop(optional)] size: &'static str) -> impl IntoView {
    let _ = (users, size);
}
