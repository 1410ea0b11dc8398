//! Notifications as pages read them; how many are unread, live.

use std::rc::Rc;

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::model::{
    AddPushDevice, MarkAllNotifications, MarkNotifications, NotificationPage, NotificationQuery, Preferences, PushDevice, SendTest, Unread,
};
use crate::{
    browser::{
        data::{self, Fetched, Sent},
        json,
        outbox::Wish,
        page, push, pwa,
    },
    error::{AppError, AppResult},
    features::{
        accounts::{model::Team, state::use_session},
        collaboration::{
            client::{self, Part, Room, Told},
            link::Link,
            model::RoomType,
        },
        jobs::model::{JobState, JobStatus},
        volumes::state::tell,
    },
    ids::{InvitationId, NotificationId, PushDeviceId},
};

/// An installed artifact that was disabled.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Quarantined {
    pub artifact_id: String,
    pub name: String,
    pub reason: String,
}

/// How many are unread: read with the page, then told.
#[derive(Clone, Copy)]
pub struct NotificationsContext {
    read: Fetched<Unread>,
    told: RwSignal<Option<i64>>,
    /// What was disabled last of what one has installed.
    pub quarantined: RwSignal<Option<Quarantined>>,
    /// Counts up with everything that was told.
    pub news: RwSignal<u32>,
}

/// Provides the [`NotificationsContext`] to everything below.
pub fn provide_notifications() -> NotificationsContext {
    let read = data::fetch(|| Some("/notifications/unread".to_owned()));
    let context = NotificationsContext { read, told: RwSignal::new(None), quarantined: RwSignal::new(None), news: RwSignal::new(0) };
    provide_context(context);
    context
}

pub fn use_notifications() -> NotificationsContext {
    expect_context()
}

impl NotificationsContext {
    /// Reactive; inside a `Suspense` or `Transition`.
    pub fn unread(self) -> i64 {
        let read = self.read.get().and_then(Result::ok).map_or(0, |answer| answer.unread);
        self.told.get().unwrap_or(read)
    }

    /// Listens in one's own room for as long as the calling component lives; gives how the connection stands.
    pub fn listen(self) -> Signal<Link> {
        let session = use_session();
        let part = Part::nowhere();
        let link = RwSignal::new(Link::Connecting);
        Effect::new(move |_| {
            let told = move |told: &Told| {
                match told {
                    Told::Link => {
                        link.try_set(client::link());
                        return;
                    }
                    Told::Event(event) if json::member(event, "type") == Some(r#""notification""#) => {
                        // Wherever it was read, this device need not show it any more.
                        if let Some(read) = json::member(event, "read") {
                            leptos::task::spawn_local(push::close(read.to_owned()));
                        }
                        match json::read(event) {
                            Ok(Unread { unread }) => {
                                self.told.try_set(Some(unread));
                                leptos::task::spawn_local(pwa::badge(unread));
                            }
                            Err(_) => return,
                        }
                    }
                    Told::Event(event) if json::member(event, "type") == Some(r#""quarantine""#) => {
                        drop(self.quarantined.try_set(json::read(event).ok()));
                        return;
                    }
                    Told::Entered { resync: true } => {
                        self.told.try_set(None);
                        self.read.refetch();
                    }
                    _ => return,
                }
                self.news.try_update(|news| *news += 1);
            };
            let me = session.account();
            part.enter(me.map(|me| Room { id: me.person.id.same_as(), kind: RoomType::Workspace }), Rc::new(told));
        });
        on_cleanup(move || part.leave());
        link.into()
    }
}

pub fn use_notification_page(query: Memo<NotificationQuery>) -> Fetched<NotificationPage> {
    data::fetch(move || Some(query.with(|query| data::with_query("/notifications", query))))
}

/// Notes what was read, now or when the server can be reached: other devices are told then.
async fn note_read(path: &str, body: &impl Serialize) -> AppResult<Sent> {
    data::send_later(Wish::new("notifications".to_owned(), "POST", path.to_owned(), body, "Notifications read".to_owned()).alone()).await
}

pub async fn mark_read(ids: Vec<NotificationId>) -> AppResult<Sent> {
    note_read("/notifications/read", &MarkNotifications { ids, subject_id: None }).await
}

pub async fn mark_subject_read(subject_id: String) -> AppResult<Sent> {
    note_read("/notifications/read", &MarkNotifications { ids: Vec::new(), subject_id: Some(subject_id) }).await
}

pub async fn mark_all_read(up_to: Option<NotificationId>) -> AppResult<Sent> {
    note_read("/notifications/read-all", &MarkAllNotifications { up_to }).await
}

pub async fn accept_invitation(id: InvitationId) -> AppResult<Team> {
    data::post(format!("/me/invitations/{id}/accept"), &()).await
}

/// What the settings' part about notifications reads.
#[derive(Clone, Copy)]
pub struct NotificationSettingsData {
    pub preferences: Fetched<Preferences>,
    pub devices: Fetched<Vec<PushDevice>>,
}

/// Read while `open`.
pub fn use_notification_settings(open: Memo<bool>) -> NotificationSettingsData {
    let read = move |path: &'static str| move || open.get().then(|| path.to_owned());
    NotificationSettingsData {
        preferences: data::fetch(read("/notifications/preferences")),
        devices: data::fetch(read("/notifications/devices")),
    }
}

/// Asks this browser to take messages, and tells the server where they go.
pub async fn turn_on_push(key: String) -> AppResult<PushDevice> {
    let push::Subscribed { endpoint, p256dh, auth } = push::subscribe(&key).await?;
    data::post("/notifications/devices", &AddPushDevice { endpoint, p256dh, auth, name: None }).await
}

pub async fn remove_device(id: PushDeviceId) -> AppResult<()> {
    tell("DELETE", format!("/notifications/devices/{id}"), ()).await
}

/// Sends a test, and waits until it was taken or refused.
pub async fn send_test(what: SendTest) -> AppResult<()> {
    const LOOKS: usize = 40;
    const PAUSE_MS: u32 = 700;
    let mut job: JobStatus = data::post("/notifications/test", &what).await?;
    for _ in 0..LOOKS {
        if job.state.ended() {
            break;
        }
        page::pause(PAUSE_MS).await;
        job = data::get(format!("/jobs/{}", job.id)).await?;
    }
    match job.state {
        JobState::Done => Ok(()),
        JobState::Failed | JobState::Cancelled => Err(AppError::invalid(job.error.unwrap_or_default())),
        JobState::Queued | JobState::Running => Err(AppError::invalid("It is still on its way: look whether it arrives.")),
    }
}
