//! Messages: numbered by the server in the order in which it takes them, there once however often they are sent.

use super::{
    access::{self, SessionAccess, archived},
    artifacts::newcomers,
    entries::{EntryData, RENDERING, rendered, shown},
    lifecycle::next_numbers,
    live::{announce_entry, announce_update, notify_mentioned},
    naming::{self, Resolved},
};
use crate::{
    error::{AppError, AppResult},
    features::{
        accounts::Action,
        analytics::service::{Event, UsageKind, happened_at, record},
        assistant::{self, model::Answered},
        marketplace, notifications,
        sessions::{
            model::{ATTACHMENTS_MAX, CreateMessage, Entry, SessionArtifact, SessionStatus, UpdateMessage, length_problem},
            store::{self, EntryRow, NewEntry},
        },
    },
    ids::{ArtifactId, EntryId, RunId, SessionId, UserId},
    server::{clock, context::Ctx, db::Tx},
};

/// Between two messages of one session somebody is taken to be at it, so long at most.
const ACTIVE_MAX: i64 = 30 * clock::MINUTE;
/// Characters of an answer of the assistant: more than a person may write at once.
const ANSWER_MAX: usize = 200_000;

/// A text without what no page can show.
pub fn clean_text(text: &str) -> String {
    let text: String = text.replace("\r\n", "\n").chars().filter(|c| matches!(c, '\n' | '\t') || !c.is_control()).collect();
    text.trim_end().to_owned()
}

fn checked_text(text: &str, may_be_empty: bool) -> AppResult<String> {
    let text = clean_text(text);
    if text.trim().is_empty() && !may_be_empty {
        return Err(AppError::field("text", "Write something first."));
    }
    if let Some(problem) = length_problem(&text) {
        return Err(AppError::field("text", problem));
    }
    Ok(text)
}

fn not_found() -> AppError {
    AppError::not_found("message")
}

/// Writes a message. The same id again gives the entry that is there.
pub async fn send_message(ctx: &Ctx, session: SessionId, input: CreateMessage) -> AppResult<Entry> {
    let access = access::find(ctx, session, Action::Converse).await?;
    let (actor, now) = (ctx.actor()?.id(), ctx.now());
    let id = EntryId::chosen(input.id, now)?;
    if let Some(existing) = store::entry(ctx.db().read(), id).await? {
        return sent_before(ctx, session, actor, existing).await;
    }
    if access.row.status() == SessionStatus::Archived {
        return Err(archived());
    }
    if input.attachment_ids.len() > ATTACHMENTS_MAX {
        return Err(AppError::field("attachmentIds", format!("A message has at most {ATTACHMENTS_MAX} attachments.")));
    }
    let text = checked_text(&input.text, !input.attachment_ids.is_empty())?;
    let resolved = naming::resolve(ctx, access.team, &text).await?;
    let html = rendered(&resolved.text).await?;
    let data = EntryData { artifacts: resolved.artifacts.clone(), ..EntryData::default() }.json()?;

    let mut tx = ctx.db().write_tx().await?;
    // Whoever writes to the session waits here, so a second request with this id sees the first one's entry below.
    let number = next_numbers(&mut tx, session, 1, now).await?;
    store::count_change(&mut tx, session).await?;
    if let Some(existing) = store::entry(&mut *tx, id).await? {
        drop(tx);
        return sent_before(ctx, session, actor, existing).await;
    }
    let new = NewEntry {
        id,
        session,
        number,
        kind: "message",
        author: actor,
        text: &resolved.text,
        html: &html,
        rendering: RENDERING,
        data,
        created_at: now,
    };
    store::insert_entries(&mut tx, &[new]).await?;
    for (position, attachment) in input.attachment_ids.iter().enumerate() {
        if !store::attach(&mut tx, *attachment, session, actor, id, position as i64).await? {
            return Err(AppError::field("attachmentIds", "One of the attachments is not there any more: attach it again."));
        }
    }
    let last = newcomers(&mut tx, &access, &resolved.artifacts, actor, now).await?.unwrap_or(number);
    store::mark_read(&mut tx, session, actor, last, now).await?;
    let mentioned = others(&resolved, actor);
    marketplace::service::note_uses(ctx, &mut tx, actor, &named(&resolved), now).await?;
    notify_mentioned(ctx, &mut tx, &access, (id, number), &resolved.text, &mentioned).await?;
    if resolved.asks {
        assistant::service::ask_in(ctx, &mut tx, &access, id, RunId::generate()).await?;
    }
    let at = happened_at(id.made_at(), now);
    let active = store::message_before(&mut tx, session, number).await?.and_then(EntryId::made_at).map_or(0, |before| at - before);
    let sent = Event::new(UsageKind::SessionMessageSent).team(access.team).subject(session).at(Some(at));
    record(ctx, &mut tx, sent.amount(active.clamp(0, ACTIVE_MAX))).await?;
    tx.commit().await?;
    (number..=last).for_each(|number| announce_entry(ctx, session, number));
    if last > number {
        announce_update(ctx, session, "artifacts");
    }
    if resolved.asks {
        assistant::service::asked(ctx, session);
    }
    notifications::service::tell(ctx, &mentioned).await;
    read_back(ctx, id).await
}

fn others(resolved: &Resolved, actor: UserId) -> Vec<UserId> {
    resolved.people.iter().copied().filter(|person| *person != actor).collect()
}

fn named(resolved: &Resolved) -> Vec<ArtifactId> {
    resolved.artifacts.iter().map(|artifact| artifact.id).collect()
}

async fn read_back(ctx: &Ctx, id: EntryId) -> AppResult<Entry> {
    let row = store::entry(ctx.db().read(), id).await?.ok_or_else(not_found)?;
    shown(ctx, vec![row]).await?.pop().ok_or_else(not_found)
}

/// What a repeated id is answered: the entry, if it is the caller's own in this session.
async fn sent_before(ctx: &Ctx, session: SessionId, actor: UserId, row: EntryRow) -> AppResult<Entry> {
    if row.session_id != session.to_string() || row.author_id != actor.to_string() || row.kind != "message" {
        return Err(AppError::conflict("This id is in use already: make a new one."));
    }
    shown(ctx, vec![row]).await?.pop().ok_or_else(not_found)
}

/// A message of the caller's own, in a session where they may still write.
async fn own(ctx: &Ctx, session: SessionId, id: EntryId) -> AppResult<(SessionAccess, EntryRow)> {
    let access = access::find(ctx, session, Action::Converse).await?;
    let row = store::entry(ctx.db().read(), id).await?.ok_or_else(not_found)?;
    if row.session_id != session.to_string() || row.kind != "message" {
        return Err(not_found());
    }
    if row.author_id != ctx.actor()?.id().to_string() {
        return Err(AppError::forbidden("Only its author may change a message."));
    }
    if access.row.status() == SessionStatus::Archived {
        return Err(archived());
    }
    Ok((access, row))
}

/// Another text for one's own message; the page shows that it was edited.
pub async fn edit_message(ctx: &Ctx, session: SessionId, id: EntryId, input: UpdateMessage) -> AppResult<Entry> {
    let (access, row) = own(ctx, session, id).await?;
    let gone = || AppError::conflict("This message was deleted: write a new one.");
    if row.deleted_at.is_some() {
        return Err(gone());
    }
    let attached = !store::attachments_of(ctx.db().read(), &[row.id.as_str()]).await?.is_empty();
    let text = checked_text(&input.text, attached)?;
    let resolved = naming::resolve(ctx, access.team, &text).await?;
    if resolved.text == row.text {
        return read_back(ctx, id).await;
    }
    let before = naming::resolve(ctx, access.team, &row.text).await?.people;
    let html = rendered(&resolved.text).await?;
    let kept: EntryData = serde_json::from_str(&row.data)?;
    let data = EntryData { artifacts: resolved.artifacts.clone(), ..kept }.json()?;
    let (actor, now) = (ctx.actor()?.id(), ctx.now());
    let mut tx = ctx.db().write_tx().await?;
    let newest = next_numbers(&mut tx, session, 0, now).await?;
    store::count_change(&mut tx, session).await?;
    if !store::edit_message(&mut tx, id, &resolved.text, &html, RENDERING, &data, now).await? {
        return Err(gone());
    }
    let last = newcomers(&mut tx, &access, &resolved.artifacts, actor, now).await?.unwrap_or(newest);
    let new: Vec<UserId> = others(&resolved, actor).into_iter().filter(|person| !before.contains(person)).collect();
    marketplace::service::note_uses(ctx, &mut tx, actor, &named(&resolved), now).await?;
    notifications::service::reword(&mut tx, id, &resolved.text).await?;
    notify_mentioned(ctx, &mut tx, &access, (id, row.number), &resolved.text, &new).await?;
    record(ctx, &mut tx, Event::new(UsageKind::SessionMessageEdited).team(access.team).subject(session)).await?;
    tx.commit().await?;
    announce_entry(ctx, session, row.number);
    (newest + 1..=last).for_each(|number| announce_entry(ctx, session, number));
    notifications::service::tell(ctx, &new).await;
    read_back(ctx, id).await
}

/// Empties one's own message: its number, author and time stay.
pub async fn delete_message(ctx: &Ctx, session: SessionId, id: EntryId) -> AppResult<()> {
    let (access, row) = own(ctx, session, id).await?;
    let now = ctx.now();
    let mut tx = ctx.db().write_tx().await?;
    next_numbers(&mut tx, session, 0, now).await?;
    store::count_change(&mut tx, session).await?;
    if !store::delete_message(&mut tx, id, now).await? {
        return Ok(());
    }
    store::drop_attachments_of(&mut tx, id).await?;
    let told = notifications::service::withdraw(&mut tx, id).await?;
    record(ctx, &mut tx, Event::new(UsageKind::SessionMessageDeleted).team(access.team).subject(session)).await?;
    tx.commit().await?;
    announce_entry(ctx, session, row.number);
    notifications::service::tell(ctx, &told).await;
    Ok(())
}

/// Puts an answer of the assistant into the timeline, in whose name `ctx` is. The same id again changes nothing.
pub async fn write_answer(ctx: &Ctx, access: &SessionAccess, id: EntryId, text: &str, answered: Answered) -> AppResult<()> {
    let (session, now) = (access.id, ctx.now());
    let text: String = clean_text(text).chars().take(ANSWER_MAX).collect();
    let html = rendered(&text).await?;
    let data = EntryData { answered: Some(answered), ..EntryData::default() }.json()?;
    let mut tx = ctx.db().write_tx().await?;
    if store::entry(&mut *tx, id).await?.is_some() {
        return Ok(());
    }
    let number = next_numbers(&mut tx, session, 1, now).await?;
    store::count_change(&mut tx, session).await?;
    let author = ctx.actor()?.id();
    let new =
        NewEntry { id, session, number, kind: "message", author, text: &text, html: &html, rendering: RENDERING, data, created_at: now };
    store::insert_entries(&mut tx, &[new]).await?;
    record(ctx, &mut tx, Event::new(UsageKind::AssistantAnswered).team(access.team).subject(session)).await?;
    tx.commit().await?;
    announce_entry(ctx, session, number);
    Ok(())
}

/// Remembers an artifact with its names of now.
pub async fn remember(tx: &mut Tx, session: SessionId, artifact: &SessionArtifact, by: UserId, now: i64) -> AppResult<bool> {
    store::add_artifact(tx, session, artifact.id, &serde_json::to_string(artifact)?, by, now).await
}
