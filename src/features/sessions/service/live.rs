//! What leaves for the people who have a session open, after the commit.

use std::collections::HashMap;

use crate::{
    error::AppResult,
    features::{
        collaboration::model::{RoomEvent, RoomUser},
        sessions::service::access::SessionAccess,
    },
    ids::{SessionId, UserId},
    server::{context::Ctx, db::Tx},
};

/// Tells whoever is in the session's room.
// connects to collaboration::service::announce
pub fn announce(ctx: &Ctx, session: SessionId, event: RoomEvent) {
    let by = ctx.actor.as_ref().map(|actor| actor.id());
    tracing::debug!(%session, ?by, ?event, "announced");
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
// connects to collaboration::service::present
pub fn here(_ctx: &Ctx, _sessions: &[SessionId]) -> HashMap<SessionId, Vec<RoomUser>> {
    HashMap::new()
}

/// Lets those know whom a message names, in its transaction.
// connects to notifications::service::notify
pub async fn tell_mentioned(_ctx: &Ctx, _tx: &mut Tx, access: &SessionAccess, number: i64, people: &[UserId]) -> AppResult<()> {
    tracing::debug!(session = %access.id, number, people = people.len(), "mentioned");
    Ok(())
}
