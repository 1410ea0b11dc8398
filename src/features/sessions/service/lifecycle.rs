//! A session from its beginning to the trash, and who has come and read.

use super::{
    access::{self, SessionAccess, archived},
    detail,
    live::{announce_entry, announce_update},
};
use crate::{
    error::{AppError, AppResult},
    features::{
        accounts::{
            self, Action, Scope,
            model::check_shown,
            service::{Audit, note},
        },
        analytics::service::{Event, UsageKind, record},
        comments,
        notifications::{self, model::SubjectKind},
        sessions::{
            model::{CreateSession, GOAL_MAX, MarkRead, SessionDetail, SessionStatus, TITLE_MAX, TRASH_DAYS, UpdateSession},
            store::{self, NewEntry, NewSession},
        },
    },
    ids::{EntryId, SessionId, TeamId, UserId},
    server::{clock, context::Ctx, db::Tx},
};

pub fn checked_title(title: &str) -> AppResult<String> {
    let title = title.trim();
    if title.is_empty() || title.chars().count() > TITLE_MAX || title.chars().any(char::is_control) {
        return Err(AppError::field("title", format!("A title has 1 to {TITLE_MAX} characters on one line.")));
    }
    check_shown("title", title)?;
    Ok(title.to_owned())
}

fn checked_goal(goal: &str) -> AppResult<String> {
    let goal = goal.trim();
    if goal.chars().count() > GOAL_MAX {
        return Err(AppError::field("goal", format!("A goal has at most {GOAL_MAX} characters.")));
    }
    Ok(goal.chars().filter(|c| *c == '\n' || !c.is_control()).collect())
}

/// Begins a session. The client may choose the id; the same again gives the same session.
pub async fn create_session(ctx: &Ctx, input: CreateSession) -> AppResult<SessionDetail> {
    let actor = ctx.actor_with(Scope::Write)?.id();
    if let Some(team) = input.team_id {
        accounts::service::authorise_team(ctx, team, Action::Converse).await?;
    }
    let title = checked_title(&input.title)?;
    let goal = checked_goal(&input.goal)?;
    let now = ctx.now();
    let id = SessionId::chosen(input.id, now)?;
    let mut tx = ctx.db().write_tx().await?;
    if let Some(existing) = store::by_id(&mut *tx, id, actor).await? {
        if existing.owner_id == actor.to_string() && existing.team()? == input.team_id && existing.title == title {
            drop(tx);
            return detail::get_session(ctx, id).await;
        }
        return Err(AppError::conflict("This id is in use already: make a new one."));
    }
    let new = NewSession { id, owner: actor, team: input.team_id, title: &title, goal: &goal, status: SessionStatus::Active, now };
    store::insert(&mut tx, &new).await?;
    // Whoever begins it is there from the beginning.
    store::mark_joined(&mut tx, id, actor, now).await?;
    record(ctx, &mut tx, Event::new(UsageKind::SessionCreated).team(input.team_id).subject(id).at(input.id.and_then(SessionId::made_at)))
        .await?;
    tx.commit().await?;
    detail::get_session(ctx, id).await
}

pub async fn rename_session(ctx: &Ctx, id: SessionId, input: UpdateSession) -> AppResult<SessionDetail> {
    let access = live(access::find_managed(ctx, id).await?)?;
    let title = input.title.as_deref().map_or_else(|| Ok(access.row.title.clone()), checked_title)?;
    let goal = input.goal.as_deref().map_or_else(|| Ok(access.row.goal.clone()), checked_goal)?;
    let mut tx = ctx.db().write_tx().await?;
    store::rename(&mut tx, id, &title, &goal, ctx.now()).await?;
    record(ctx, &mut tx, Event::new(UsageKind::SessionRenamed).team(access.team).subject(id)).await?;
    tx.commit().await?;
    announce_update(ctx, id, "title");
    detail::get_session(ctx, id).await
}

/// Refuses what is in the trash.
fn live(access: SessionAccess) -> AppResult<SessionAccess> {
    if access.row.deleted_at.is_some() {
        return Err(AppError::conflict("This session is in the trash: take it out first."));
    }
    Ok(access)
}

pub async fn archive_session(ctx: &Ctx, id: SessionId) -> AppResult<SessionDetail> {
    let access = live(access::find_managed(ctx, id).await?)?;
    let now = ctx.now();
    let mut tx = ctx.db().write_tx().await?;
    let changed = store::archive(&mut tx, id, now).await?;
    turned(ctx, tx, &access, changed, UsageKind::SessionArchived).await
}

pub async fn unarchive_session(ctx: &Ctx, id: SessionId) -> AppResult<SessionDetail> {
    let access = live(access::find_managed(ctx, id).await?)?;
    let now = ctx.now();
    let mut tx = ctx.db().write_tx().await?;
    let changed = store::unarchive(&mut tx, id, now).await?;
    turned(ctx, tx, &access, changed, UsageKind::SessionUnarchived).await
}

async fn turned(ctx: &Ctx, mut tx: Tx, access: &SessionAccess, changed: bool, event: UsageKind) -> AppResult<SessionDetail> {
    if changed {
        record(ctx, &mut tx, Event::new(event).team(access.team).subject(access.id)).await?;
        tx.commit().await?;
        announce_update(ctx, access.id, "status");
    }
    detail::get_session(ctx, access.id).await
}

/// Into the trash.
pub async fn delete_session(ctx: &Ctx, id: SessionId) -> AppResult<()> {
    bin(ctx, id, true).await
}

/// Out of the trash.
pub async fn undelete_session(ctx: &Ctx, id: SessionId) -> AppResult<()> {
    bin(ctx, id, false).await
}

async fn bin(ctx: &Ctx, id: SessionId, deletes: bool) -> AppResult<()> {
    let access = access::find_managed(ctx, id).await?;
    let now = ctx.now();
    let mut tx = ctx.db().write_tx().await?;
    if !store::set_deleted(&mut tx, id, deletes.then_some(now), now).await? {
        return Ok(());
    }
    let kind = if deletes { UsageKind::SessionDeleted } else { UsageKind::SessionUndeleted };
    // What others wrote went with it: that is for the log of the team.
    if let Some(team) = access.team {
        note(ctx, &mut tx, Audit::new(kind.as_str(), &access.row.title).team(team)).await?;
    }
    record(ctx, &mut tx, Event::new(kind).team(access.team).subject(id)).await?;
    tx.commit().await?;
    announce_update(ctx, id, "status");
    Ok(())
}

/// Housekeeping: what is longer than 30 days in the trash is removed, a few rows at a time, and uploads that nobody sent.
pub async fn empty_old_trash(ctx: &Ctx) -> AppResult<()> {
    const SLICE: i64 = 20;
    const ROWS: i64 = 1_000;
    let now = ctx.now();
    let mut tx = ctx.db().write_tx().await?;
    store::drop_unsent(&mut tx, now - clock::DAY).await?;
    tx.commit().await?;
    loop {
        let old = store::old_trash(ctx.db().read(), now - TRASH_DAYS * clock::DAY, SLICE).await?;
        for id in &old {
            let mut done = false;
            while !done {
                let mut tx = ctx.db().write_tx().await?;
                done = store::erase_slice(&mut tx, id, ROWS).await?;
                if done {
                    forget(&mut tx, id).await?;
                    record(ctx, &mut tx, Event::new(UsageKind::SessionErased).subject(id)).await?;
                }
                tx.commit().await?;
            }
        }
        if (old.len() as i64) < SLICE {
            return Ok(());
        }
    }
}

/// A session is removed for good: what others keep about it goes too.
async fn forget(tx: &mut Tx, id: &str) -> AppResult<()> {
    comments::service::forget_session(tx, id).await?;
    notifications::service::forget_subjects(tx, SubjectKind::Session, &[id]).await
}

/// Somebody opened the session; the first time it becomes an entry.
pub async fn join_session(ctx: &Ctx, id: SessionId) -> AppResult<()> {
    let actor = ctx.actor_with(Scope::Write)?.id();
    let access = access::find(ctx, id, Action::Read).await?;
    if access.team.is_none() || access.row.status() == SessionStatus::Archived {
        return Ok(());
    }
    let now = ctx.now();
    let mut tx = ctx.db().write_tx().await?;
    // The session's row first, as whoever writes does.
    let Some(number) = store::advance(&mut tx, id, 1, now).await? else { return Ok(()) };
    if !store::mark_joined(&mut tx, id, actor, now).await? {
        return Ok(());
    }
    let entry = NewEntry {
        id: EntryId::generate(),
        session: id,
        number,
        kind: "joined",
        author: actor,
        text: "",
        html: "",
        rendering: 0,
        data: "{}".to_owned(),
        created_at: now,
    };
    store::insert_entries(&mut tx, &[entry]).await?;
    record(ctx, &mut tx, Event::new(UsageKind::SessionJoined).team(access.team).subject(id)).await?;
    tx.commit().await?;
    announce_entry(ctx, id, number);
    Ok(())
}

/// One has read up to a number; it never goes back, and not beyond the newest.
pub async fn mark_read(ctx: &Ctx, id: SessionId, input: MarkRead) -> AppResult<()> {
    let actor = ctx.actor_with(Scope::Write)?.id();
    let access = access::find(ctx, id, Action::Read).await?;
    let number = input.number.clamp(0, access.row.entries);
    if access.row.read_number.unwrap_or(0) >= number {
        return Ok(());
    }
    let mut tx = ctx.db().write_tx().await?;
    store::mark_read(&mut tx, id, actor, number, ctx.now()).await?;
    let mentions = notifications::service::seen_messages(&mut tx, actor, id, number, ctx.now()).await?;
    tx.commit().await?;
    notifications::service::tell_read(ctx, actor, &mentions).await;
    Ok(())
}

/// Takes the session's next numbers, or says why nothing can be written there.
pub async fn next_numbers(tx: &mut Tx, id: SessionId, count: i64, now: i64) -> AppResult<i64> {
    store::advance(tx, id, count, now).await?.ok_or_else(archived)
}

/// Refuses what is to be written into a session that is archived or gone, and keeps it as it is until the transaction ends.
pub async fn keep_open(ctx: &Ctx, tx: &mut Tx, id: SessionId) -> AppResult<()> {
    next_numbers(tx, id, 0, ctx.now()).await.map(drop)
}

/// An account is deleted: its private sessions go into the trash, and out of it in 30 days.
pub async fn delete_private_sessions(tx: &mut Tx, owner: UserId, now: i64) -> AppResult<()> {
    store::delete_private_of(tx, owner, now).await
}

/// A sample team goes with everything that was in it.
pub async fn erase_sessions_of_team(tx: &mut Tx, team: TeamId) -> AppResult<()> {
    for id in store::ids_of_team(tx, team).await? {
        while !store::erase_slice(tx, &id, 1_000).await? {}
        forget(tx, &id).await?;
    }
    Ok(())
}

/// A volume is erased: the records that commits saved into it go too.
pub async fn forget_volume(tx: &mut Tx, volume: &str) -> AppResult<()> {
    store::erase_records(tx, volume).await
}
