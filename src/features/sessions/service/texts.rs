//! What sessions say, for search, which keeps a copy and asks for what changed. Nothing here looks at rights: search does, by scope.

use crate::{
    error::AppResult,
    features::{
        accounts::{self, Scope},
        sessions::store::{self, ChangedRow},
    },
    ids::{RoomId, SessionId, TeamId, UserId},
    server::{
        context::Ctx,
        db::{Tx, parse_id},
    },
};

/// Who reads a session: a team, or the one whose session it is, by its id.
pub type SessionScope = RoomId;

/// A session as it is searched.
pub struct SessionText {
    pub id: SessionId,
    pub scope: SessionScope,
    pub owner: UserId,
    pub title: String,
    pub goal: String,
    /// The messages one after the other, those of the last time where there are many.
    pub body: String,
    /// Where each message begins in the body, and its number.
    pub messages: Vec<(usize, i64)>,
    pub active_at: i64,
    pub changed: i64,
}

/// A session that changed: what it says now; none if it is gone.
pub struct ChangedSession {
    pub id: SessionId,
    pub changed: i64,
    pub text: Option<SessionText>,
}

/// Of a long session the newest characters are searched, at least three quarters of this.
const MOST: i64 = 128 * 1024;
/// The older ones are left out in steps of so many: most messages then leave everything where it was, and no passage is embedded anew.
const STEP: i64 = MOST / 4;

/// What the caller may read, and the number of its newest change.
pub async fn readable_scopes(ctx: &Ctx) -> AppResult<Vec<(SessionScope, i64)>> {
    let caller = ctx.actor_with(Scope::Read)?.id();
    let teams = accounts::service::roles_of(ctx).await?.into_iter().map(|(team, _)| team.same_as());
    let scopes: Vec<SessionScope> = teams.chain([caller.same_as()]).collect();
    let numbers = store::numbers(ctx.db().read(), &scopes.iter().map(ToString::to_string).collect::<Vec<_>>()).await?;
    Ok(scopes.into_iter().map(|scope| (scope, numbers.get(&scope.to_string()).copied().unwrap_or_default())).collect())
}

/// Has search find the sessions of a team that came with its archive, in the transaction that shows the team.
pub async fn reveal_team_sessions(tx: &mut Tx, team: TeamId) -> AppResult<()> {
    store::reveal_scope(tx, team).await
}

pub async fn all_scopes(ctx: &Ctx) -> AppResult<Vec<(SessionScope, i64)>> {
    store::all_numbers(ctx.db().read()).await?.into_iter().map(|(id, number)| Ok((parse_id(&id)?, number))).collect()
}

/// Sessions of a scope that changed after a number (and an id), in that order; a slice of them.
pub async fn changed_since(ctx: &Ctx, scope: SessionScope, after: (i64, &str), limit: i64) -> AppResult<Vec<ChangedSession>> {
    let rows = store::changed_since(ctx.db().read(), &scope.to_string(), after, limit).await?;
    let mut changed = Vec::with_capacity(rows.len());
    for row in rows {
        changed.push(ChangedSession { id: parse_id(&row.id)?, changed: row.changed, text: text(ctx, row).await? });
    }
    Ok(changed)
}

/// Those of these sessions that are there.
pub async fn texts_of(ctx: &Ctx, ids: &[SessionId]) -> AppResult<Vec<SessionText>> {
    let mut texts = Vec::with_capacity(ids.len());
    if !ids.is_empty() {
        for row in store::changed_by_id(ctx.db().read(), ids).await? {
            texts.extend(text(ctx, row).await?);
        }
    }
    Ok(texts)
}

async fn text(ctx: &Ctx, row: ChangedRow) -> AppResult<Option<SessionText>> {
    if row.deleted_at.is_some() {
        return Ok(None);
    }
    let pool = ctx.db().read();
    let from = newest(&store::message_lengths(pool, &row.id).await?);
    let (mut body, mut messages) = (String::new(), Vec::new());
    for (number, text) in store::messages_from(pool, &row.id, from).await? {
        messages.push((body.len(), number));
        body.push_str(&text);
        body.push_str("\n\n");
    }
    let owner = parse_id::<UserId>(&row.owner_id)?;
    let scope = row.team_id.as_deref().map(parse_id).transpose()?.unwrap_or_else(|| owner.same_as());
    let id = parse_id(&row.id)?;
    Ok(Some(SessionText {
        id,
        scope,
        owner,
        title: row.title,
        goal: row.goal,
        body,
        messages,
        active_at: row.active_at,
        changed: row.changed,
    }))
}

/// The number of the first message that is searched, of messages with their lengths.
fn newest(lengths: &[(i64, i64)]) -> i64 {
    let all: i64 = lengths.iter().map(|(_, length)| length).sum();
    let left_out = if all > MOST { (all - MOST).div_euclid(STEP) * STEP + STEP } else { 0 };
    let mut before = 0;
    for (number, length) in lengths {
        if before >= left_out {
            return *number;
        }
        before += length;
    }
    i64::MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_messages_the_newest_are_searched_from_one_that_stays_the_first_for_long() {
        let messages = |count: i64| (1..=count).map(|number| (number, 1_000)).collect::<Vec<_>>();
        assert_eq!(newest(&messages(131)), 1);
        let first = newest(&messages(132));
        assert!(first > 1 && 132 - first >= MOST * 3 / 4 / 1_000 - 1, "{first}");
        assert_eq!(newest(&messages(132 + 31)), first);
        assert!(newest(&messages(132 + 40)) > first);
        assert_eq!(newest(&[]), i64::MAX);
        assert_eq!(newest(&[(7, MOST * 2)]), i64::MAX, "one that is longer than all that is searched cannot be sent");
    }
}
