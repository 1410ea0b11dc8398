use super::model::{RoomType, RoomUser};
use crate::ids::{RoomId, UserId};
use leptos::prelude::*;
#[derive(Clone, Copy, PartialEq)]
pub struct Room {
    pub id: RoomId,
    pub kind: RoomType,
}
#[derive(Clone, Copy)]
pub struct Collaboration {
    pub users: Signal<Vec<RoomUser>>,
    pub is_connected: Signal<bool>,
}
pub struct Typing {
    pub user_id: UserId,
}
pub struct Message {
    pub user_id: UserId,
    pub number: i64,
}
pub fn use_collaboration(_: Signal<Option<Room>>) -> Collaboration {
    Collaboration { users: Signal::stored(vec![]), is_connected: Signal::stored(false) }
}
impl Collaboration {
    pub fn on_typing(self, _: impl Fn(Typing) + 'static) {}
    pub fn on_message(self, _: impl Fn(Message) + 'static) {}
    pub fn on_session_update(self, _: impl Fn(()) + 'static) {}
    pub fn on_commit(self, _: impl Fn(()) + 'static) {}
    pub fn on_resync(self, _: impl Fn() + 'static) {}
    pub fn broadcast_typing(self) {}
}
