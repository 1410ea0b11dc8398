//! What leaves for the people who have a session open, after the commit.

use std::collections::{BTreeSet, HashMap};

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
        sessions::{service::access::SessionAccess, store},
    },
    ids::{ArtifactId, EntryId, RoomId, SessionId, UserId},
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
    announce(ctx, session, updated(session, what));
}

fn updated(session: SessionId, what: &'static str) -> RoomEvent {
    RoomEvent::SessionUpdate { session_id: session.to_string(), data: serde_json::json!({ "changed": what }) }
}

/// Artifacts have a draft, another head or another place now, by `by`: whoever has a session about them open learns it. Where nobody is,
/// nobody has to: a page that comes to a room reads the session.
pub async fn artifacts_changed(ctx: &Ctx, ids: &[ArtifactId], by: UserId) {
    let about = async {
        let open: Vec<SessionId> =
            collaboration::service::occupied(ctx, RoomType::Session).await?.into_iter().map(|room| room.same_as()).collect();
        let about: BTreeSet<SessionId> = store::sessions_about(ctx.db().read(), &open, ids).await?;
        AppResult::Ok(about)
    };
    match about.await {
        Ok(about) => {
            for session in about {
                collaboration::service::announce(&ctx.state, RoomType::Session, session.same_as(), by, updated(session, "artifacts"));
            }
        }
        // It is written; who looks finds it.
        Err(error) => tracing::warn!(%error, "sessions could not be told of changed artifacts"),
    }
}

/// Who has these sessions open now.
pub async fn here(ctx: &Ctx, sessions: &[SessionId]) -> AppResult<HashMap<SessionId, Vec<RoomUser>>> {
    let rooms: Vec<RoomId> = sessions.iter().map(|session| session.same_as()).collect();
    let present = collaboration::service::present(ctx, &rooms).await?;
    Ok(present.into_iter().map(|(room, users)| (room.same_as(), users)).collect())
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
        text,
        spot: Spot { number: Some(number), ..Spot::default() },
    };
    notify(ctx, tx, people, &new).await
}
