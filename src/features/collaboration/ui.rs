use leptos::prelude::*;
use super::model::RoomUser;
#[component]
pub fn Presence(users: Signal<Vec<RoomUser>>, #[prop(optional)] size: &'static str) -> impl IntoView { let _ = (users, size); }
