//! Rooms as pages use them: [`use_collaboration`]. One connection serves all rooms of a tab; it is there as long as a page uses one.

use std::{
    cell::{Cell, RefCell},
    future::Future,
    rc::Rc,
};

use leptos::prelude::*;
use serde_json::Value;

use super::{
    client::{self, Part, Told},
    link::Link,
    model::{Position, RoomEvent, RoomUser, RoomsQuery, RoomsReport, SentEvent},
};
use crate::{
    browser::{data, json, page},
    error::AppResult,
    ids::{RunId, UserId},
};

pub use client::Room;

/// Pointers are told no more often than this, in milliseconds.
const POINT_EVERY: i64 = 50;

/// Somebody typed, came, went …
#[derive(Clone, Copy, Debug)]
pub struct Person {
    pub user_id: UserId,
}

/// Somebody points there.
#[derive(Clone, Copy, Debug)]
pub struct Pointed {
    pub user_id: UserId,
    pub position: Position,
}

/// An entry of the timeline is new or was changed.
#[derive(Clone, Copy, Debug)]
pub struct Message {
    pub user_id: UserId,
    pub number: i64,
}

/// A session or an artifact was changed.
#[derive(Clone, Debug)]
pub struct Update {
    pub user_id: UserId,
    pub id: String,
    pub data: Value,
}

#[derive(Clone, Debug)]
pub struct Committed {
    pub user_id: UserId,
    pub volume_type: String,
    pub commit_sha: String,
}

#[derive(Clone, Debug)]
pub struct Commented {
    pub user_id: UserId,
    pub subject_id: String,
    pub thread_id: String,
}

/// A page's part in a room. Handlers are called until the page is gone.
#[derive(Clone, Copy)]
pub struct Collaboration {
    part: Part,
    /// Who is here, oneself included.
    pub users: Signal<Vec<RoomUser>>,
    pub link: Signal<Link>,
    pub is_connected: Signal<bool>,
}

/// What is called: with an event, or when what is shown has to be read again.
#[derive(Clone)]
enum Handler {
    Event(Rc<dyn Fn(&SentEvent)>),
    Entered(Rc<dyn Fn()>),
    Resync(Rc<dyn Fn()>),
}

thread_local! {
    static HANDLERS: RefCell<Vec<(Part, Handler)>> = const { RefCell::new(Vec::new()) };
    /// When a pointer was told last.
    static POINTED: Cell<i64> = const { Cell::new(0) };
}

/// Takes part in `room` for as long as the calling component lives. On the server nothing happens.
pub fn use_collaboration(room: Signal<Option<Room>>) -> Collaboration {
    let users = RwSignal::new(Vec::new());
    let link = RwSignal::new(Link::Connecting);
    let part = Part::nowhere();
    Effect::new(move |_| {
        let told = move |told: &Told| match told {
            Told::Link => drop(link.try_set(client::link())),
            Told::Users => drop(users.try_set(part.users())),
            Told::Entered { resync } => {
                for handler in handlers_of(part) {
                    match handler {
                        Handler::Entered(act) => act(),
                        Handler::Resync(act) if *resync => act(),
                        _ => {}
                    }
                }
            }
            Told::Event(event) => {
                // What is not understood is of a later version.
                let Ok(event) = json::read(event) else { return };
                for handler in handlers_of(part) {
                    if let Handler::Event(act) = handler {
                        act(&event);
                    }
                }
            }
        };
        part.enter(room.get(), Rc::new(told));
    });
    on_cleanup(move || {
        part.leave();
        HANDLERS.with_borrow_mut(|handlers| handlers.retain(|(of, _)| *of != part));
    });
    Collaboration {
        part,
        users: users.into(),
        link: link.into(),
        is_connected: Signal::derive(move || link.with(|link| *link == Link::Live)),
    }
}

/// A copy: one that is called may add others.
fn handlers_of(part: Part) -> Vec<Handler> {
    HANDLERS.with_borrow(|handlers| handlers.iter().filter(|(of, _)| *of == part).map(|(_, handler)| handler.clone()).collect())
}

impl Collaboration {
    fn handle(self, handler: impl FnOnce() -> Handler + 'static) {
        // In an effect: the server, where nobody listens, keeps no handlers.
        let mut handler = Some(handler);
        Effect::new(move |_| {
            if let Some(handler) = handler.take() {
                // Made first: it may call the page, which may add another.
                let handler = handler();
                HANDLERS.with_borrow_mut(|handlers| handlers.push((self.part, handler)));
            }
        });
    }

    fn on(self, act: impl Fn(&SentEvent) + 'static) {
        self.handle(|| Handler::Event(Rc::new(act)));
    }

    /// One has come into the room, for the first time or again: from here on everything is told. What the page read before may be older.
    pub fn on_entered(self, act: impl Fn() + 'static) {
        self.handle(move || {
            // Another part of the page may have brought it there.
            if self.part.has_entered() {
                act();
            }
            Handler::Entered(Rc::new(act))
        });
    }

    /// More was missed than can be told again: what is shown has to be read again.
    pub fn on_resync(self, act: impl Fn() + 'static) {
        self.handle(|| Handler::Resync(Rc::new(act)));
    }

    pub fn on_message(self, act: impl Fn(Message) + 'static) {
        self.on(move |sent| {
            if let RoomEvent::Message { number, .. } = sent.event {
                act(Message { user_id: sent.user_id, number });
            }
        });
    }

    /// The assistant of the session says something: of which answer, how many bytes were said before, and what.
    pub fn on_assistant_delta(self, act: impl Fn(RunId, usize, &str) + 'static) {
        self.on(move |sent| {
            if let RoomEvent::AssistantDelta { run_id, from, text, .. } = &sent.event
                && let Ok(run) = run_id.parse()
            {
                act(run, usize::try_from(*from).unwrap_or(usize::MAX), text);
            }
        });
    }

    pub fn on_session_update(self, act: impl Fn(Update) + 'static) {
        self.on(move |sent| {
            if let RoomEvent::SessionUpdate { session_id, data } = &sent.event {
                act(Update { user_id: sent.user_id, id: session_id.clone(), data: data.clone() });
            }
        });
    }

    pub fn on_artifact_created(self, act: impl Fn(Update) + 'static) {
        self.on(move |sent| {
            if let RoomEvent::ArtifactCreated { artifact_id, data } = &sent.event {
                act(Update { user_id: sent.user_id, id: artifact_id.clone(), data: data.clone() });
            }
        });
    }

    pub fn on_artifact_updated(self, act: impl Fn(Update) + 'static) {
        self.on(move |sent| {
            if let RoomEvent::ArtifactUpdated { artifact_id, data } = &sent.event {
                act(Update { user_id: sent.user_id, id: artifact_id.clone(), data: data.clone() });
            }
        });
    }

    pub fn on_commit(self, act: impl Fn(Committed) + 'static) {
        self.on(move |sent| {
            if let RoomEvent::Commit { volume_type, commit_sha } = &sent.event {
                act(Committed { user_id: sent.user_id, volume_type: volume_type.clone(), commit_sha: commit_sha.clone() });
            }
        });
    }

    /// What is shown was disabled, or may be used again.
    pub fn on_quarantine(self, act: impl Fn(Person) + 'static) {
        self.on(move |sent| {
            if matches!(sent.event, RoomEvent::Quarantine { .. }) {
                act(Person { user_id: sent.user_id });
            }
        });
    }

    /// A task of the team changed.
    pub fn on_task(self, act: impl Fn(Person) + 'static) {
        self.on(move |sent| {
            if matches!(sent.event, RoomEvent::Task { .. }) {
                act(Person { user_id: sent.user_id });
            }
        });
    }

    /// How a volume of the workspace and its repository stand has changed, or a pull request to it.
    pub fn on_repository(self, act: impl Fn() + 'static) {
        self.on(move |sent| {
            if matches!(sent.event, RoomEvent::Repository {}) {
                act();
            }
        });
    }

    /// Numbers of the workspace have moved.
    pub fn on_analytics(self, act: impl Fn() + 'static) {
        self.on(move |sent| {
            if matches!(sent.event, RoomEvent::Analytics {}) {
                act();
            }
        });
    }

    pub fn on_comment(self, act: impl Fn(Commented) + 'static) {
        self.on(move |sent| {
            if let RoomEvent::Comment { subject_id, thread_id } = &sent.event {
                act(Commented { user_id: sent.user_id, subject_id: subject_id.clone(), thread_id: thread_id.clone() });
            }
        });
    }

    pub fn on_typing(self, act: impl Fn(Person) + 'static) {
        self.on(move |sent| {
            if matches!(sent.event, RoomEvent::Typing { .. }) {
                act(Person { user_id: sent.user_id });
            }
        });
    }

    pub fn on_cursor_move(self, act: impl Fn(Pointed) + 'static) {
        self.on(move |sent| {
            if let RoomEvent::CursorMove { position } = sent.event {
                act(Pointed { user_id: sent.user_id, position });
            }
        });
    }

    pub fn on_user_joined(self, act: impl Fn(Person) + 'static) {
        self.on(move |sent| {
            if matches!(sent.event, RoomEvent::UserJoined { .. }) {
                act(Person { user_id: sent.user_id });
            }
        });
    }

    pub fn on_user_left(self, act: impl Fn(Person) + 'static) {
        self.on(move |sent| {
            if matches!(sent.event, RoomEvent::UserLeft {}) {
                act(Person { user_id: sent.user_id });
            }
        });
    }

    fn broadcast(self, event: impl FnOnce(Room) -> RoomEvent) {
        let Some(room) = self.part.room() else { return };
        let event = event(room);
        if matches!(event, RoomEvent::CursorMove { .. }) {
            let now = page::now_ms();
            if now - POINTED.get() < POINT_EVERY {
                return;
            }
            POINTED.set(now);
        }
        if let Ok(text) = serde_json::to_string(&event) {
            self.part.broadcast(&text, event.passing().is_none());
        }
    }

    /// That one types; the room has to be a session's.
    pub fn broadcast_typing(self) {
        self.broadcast(|room| RoomEvent::Typing { session_id: room.id.to_string() });
    }

    /// Where one points.
    pub fn broadcast_cursor_move(self, x: f64, y: f64) {
        self.broadcast(|_| RoomEvent::CursorMove { position: Position { x, y } });
    }

    pub fn broadcast_session_update(self, data: Value) {
        self.broadcast(|room| RoomEvent::SessionUpdate { session_id: room.id.to_string(), data });
    }

    pub fn broadcast_artifact_created(self, artifact_id: String, data: Value) {
        self.broadcast(|_| RoomEvent::ArtifactCreated { artifact_id, data });
    }

    pub fn broadcast_artifact_updated(self, artifact_id: String, data: Value) {
        self.broadcast(|_| RoomEvent::ArtifactUpdated { artifact_id, data });
    }

    pub fn broadcast_commit(self, volume_type: String, commit_sha: String) {
        self.broadcast(|_| RoomEvent::Commit { volume_type, commit_sha });
    }
}

/// Who is in the place that the page shows, for the status line of the frame.
#[derive(Clone, Copy)]
pub struct HereContext(RwSignal<Vec<RoomUser>>);

/// Provides the [`HereContext`] to the frame and everything in it.
pub fn provide_here() {
    provide_context(HereContext(RwSignal::new(Vec::new())));
}

pub fn use_here() -> RwSignal<Vec<RoomUser>> {
    expect_context::<HereContext>().0
}

/// Shows in the status line who is in the room, for as long as the calling component lives.
pub fn show_here(users: Signal<Vec<RoomUser>>) {
    let here = use_here();
    Effect::new(move |_| here.set(users.get()));
    on_cleanup(move || {
        here.try_set(Vec::new());
    });
}

/// Where administrators see the rooms.
pub fn rooms_address(query: RoomsQuery) -> String {
    data::with_query("/admin/rooms", &query)
}

pub fn read_rooms(query: RoomsQuery) -> impl Future<Output = AppResult<RoomsReport>> + Send + 'static {
    // The page and what it reads go by the same name.
    data::get(rooms_address(query))
}
