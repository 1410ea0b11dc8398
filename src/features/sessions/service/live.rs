//! What leaves for the people who have a session open, after the commit.

use std::collections::HashMap;

use crate::{
    error::AppResult,
    features::{
        collaboration::{
            self,
            model::{RoomEvent, RoomType, RoomUser},
        },
        notifications::{
            model::{NotificationKind, Spot, SubjectKind},
            service::{NewNotification, notify},
        },
        sessions::{model::references::plain, service::access::SessionAccess},
    },
    ids::{EntryId, RoomId, SessionId, UserId},
    server::{context::Ctx, db::Tx},
};

/// Tells whoever is in the session's room.
pub fn announce(ctx: &Ctx, session: SessionId, event: RoomEvent) {
    if let Ok(actor) = ctx.actor() {
        collaboration::service::announce(&ctx.state, RoomType::Session, session.same_as(), actor.id(), event);
    }
}

/// An entry came or was changed.
pub fn announce_entry(ctx: &Ctx, session: SessionId, number: i64) {
    announce(ctx, session, RoomEvent::Message { session_id: session.to_string(), number });
}

/// Its title, its state or its artifacts changed.
pub fn announce_update(ctx: &Ctx, session: SessionId, what: &'static str) {
    announce(ctx, session, RoomEvent::SessionUpdate { session_id: session.to_string(), data: serde_json::json!({ "changed": what }) });
}

/// Who has these sessions open now.
pub fn here(ctx: &Ctx, sessions: &[SessionId]) -> HashMap<SessionId, Vec<RoomUser>> {
    let rooms: Vec<RoomId> = sessions.iter().map(|session| session.same_as()).collect();
    collaboration::service::present(&ctx.state, &rooms).into_iter().map(|(room, users)| (room.same_as(), users)).collect()
}

/// Lets those know whom a message names, in its transaction; all of them see the session.
pub async fn notify_mentioned(
    ctx: &Ctx,
    tx: &mut Tx,
    access: &SessionAccess,
    (id, number): (EntryId, i64),
    text: &str,
    people: &[UserId],
) -> AppResult<()> {
    let new = NewNotification {
        kind: NotificationKind::Mention,
        subject: SubjectKind::Session,
        subject_id: access.id.to_string(),
        team: access.team,
        title: &access.row.title,
        source: id.to_string(),
        text: &plain(text),
        spot: Spot { number: Some(number), ..Spot::default() },
    };
    notify(ctx, tx, people, &new).await
}
