//! Use cases of notifications: other features write them in their own transactions, accounts read them; jobs take them further.

mod delivery;
mod encryption;
mod mail;
mod preferences;
mod push;
mod timing;
mod unsubscribe;
mod words;

use std::collections::HashMap;

use serde_json::{Value, json};

use super::{
    model::{
        MARKED_MAX, MarkAllNotifications, MarkNotifications, Notification, NotificationGroup, NotificationKind, NotificationPage,
        NotificationQuery, PAGE, PAGE_MAX, Spot, SubjectKind, Unread, excerpt,
    },
    store::{self, GroupRow, NewRow, Which},
};
use crate::{
    error::{AppError, AppResult},
    features::{
        accounts::Scope,
        analytics::service::{Event, UsageKind, record},
        artifacts::markdown::message_to_text,
        collaboration::{
            self,
            model::{RoomEvent, RoomType},
        },
    },
    ids::{NotificationId, SessionId, TeamId, UserId},
    server::{clock, context::Ctx, db::Tx},
};

pub use delivery::{SEND_MAIL, SEND_PUSH, send_due, waiting};
pub use mail::Mailer;
pub use preferences::{
    SEND_TEST, add_device, change_preferences, list_devices, own_settings, preferences, remove_device, run_test, send_test,
};
pub use push::PushSender;
pub use unsubscribe::{Link, MailScope, link, resubscribe, unsubscribe};

/// Why a message was not handed over, in a sentence for the log and for whoever sent a test.
#[derive(Debug)]
enum Failure {
    /// The device is no more.
    Gone,
    /// It is refused, and would be again.
    Never { sentence: String },
    /// Not now; `after` so many milliseconds, if that was said.
    Later { sentence: String, after: Option<i64> },
    /// The server that takes all of them is not there.
    Down { sentence: String },
}

impl Failure {
    fn sentence(&self) -> &str {
        match self {
            Self::Gone => "The browser takes no messages any more: turn them off and on again there.",
            Self::Never { sentence } | Self::Later { sentence, .. } | Self::Down { sentence } => sentence,
        }
    }
}

/// Read ones are kept so long …
const READ_KEPT_MS: i64 = 90 * clock::DAY;
/// … and any so long.
const KEPT_MS: i64 = 365 * clock::DAY;

/// Something that concerns some accounts. Who may see the subject is for the feature to know that tells of it.
pub struct NewNotification<'a> {
    pub kind: NotificationKind,
    pub subject: SubjectKind,
    pub subject_id: String,
    /// Only its members see it.
    pub team: Option<TeamId>,
    /// What the subject is called.
    pub title: &'a str,
    /// The entry, comment or invitation: nobody is told of it twice.
    pub source: String,
    /// What was written, as markdown.
    pub text: &'a str,
    pub spot: Spot,
}

impl<'a> NewNotification<'a> {
    /// One that is seen whatever one's teams are and leads to the subject as a whole; each is one of its own.
    pub fn new(kind: NotificationKind, subject: (SubjectKind, impl ToString), title: &'a str, text: &'a str) -> Self {
        let (subject, subject_id) = (subject.0, subject.1.to_string());
        Self { kind, subject, subject_id, team: None, title, source: uuid::Uuid::now_v7().to_string(), text, spot: Spot::default() }
    }

    /// The same of something that nobody is told of twice.
    pub fn source(self, source: String) -> Self {
        Self { source, ..self }
    }
}

/// Lets accounts know of something that the caller does, in its transaction; the caller themselves not. [`tell`] follows the commit.
pub async fn notify(ctx: &Ctx, tx: &mut Tx, to: &[UserId], new: &NewNotification<'_>) -> AppResult<()> {
    let actor = ctx.actor()?.id();
    let to: Vec<UserId> = to.iter().copied().filter(|user| *user != actor).collect();
    write(ctx, tx, actor, &to, new).await
}

/// Lets the caller know of something that they asked to be told of, such as an alert of theirs. [`tell`] follows the commit.
pub async fn remind(ctx: &Ctx, tx: &mut Tx, new: &NewNotification<'_>) -> AppResult<()> {
    let actor = ctx.actor()?.id();
    write(ctx, tx, actor, &[actor], new).await
}

/// Accounts that chose to be told of `kind` by mail or on a device, and were not yet told of `source`.
pub async fn chosen_by(ctx: &Ctx, kind: NotificationKind, source: &str) -> AppResult<Vec<UserId>> {
    store::preferences::chosen_by(ctx.db().read(), kind, source).await
}

async fn write(ctx: &Ctx, tx: &mut Tx, actor: UserId, to: &[UserId], new: &NewNotification<'_>) -> AppResult<()> {
    if to.is_empty() {
        return Ok(());
    }
    // A message is read with its session; a comment on it is not.
    let entry_number = new.spot.number.filter(|_| new.spot.thread_id.is_none());
    let row = NewRow {
        kind: new.kind.as_str(),
        subject_kind: new.subject.as_str(),
        subject_id: &new.subject_id,
        team: new.team,
        source_id: &new.source,
        actor,
        title: new.title,
        excerpt: &excerpt(&message_to_text(new.text)),
        data: &serde_json::to_string(&new.spot)?,
        entry_number,
        now: ctx.now(),
    };
    let written = store::insert(tx, to, &row).await?;
    delivery::queue(ctx, tx, &written, new.kind, new.team).await
}

/// What was told of is gone; whom [`tell`] has to tell after the commit.
pub async fn withdraw(tx: &mut Tx, source: impl ToString) -> AppResult<Vec<UserId>> {
    store::delete_of_source(tx, &source.to_string()).await
}

/// What was told of reads differently now.
pub async fn reword(tx: &mut Tx, source: impl ToString, text: &str) -> AppResult<()> {
    store::set_excerpt(tx, &source.to_string(), &excerpt(&message_to_text(text))).await
}

/// Subjects are removed for good.
pub async fn forget_subjects(tx: &mut Tx, kind: SubjectKind, ids: &[impl ToString]) -> AppResult<()> {
    let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
    store::delete_of_subjects(tx, kind.as_str(), &ids).await
}

/// An account is deleted.
pub async fn forget_account(tx: &mut Tx, user: UserId) -> AppResult<()> {
    store::preferences::delete_all_of(tx, user).await?;
    store::delete_of_user(tx, user).await
}

/// What became read: the names under which devices show messages about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read(Vec<String>);

async fn mark_as_read(tx: &mut Tx, user: UserId, which: Which<'_>, now: i64) -> AppResult<Read> {
    let all = matches!(which, Which::All { .. });
    let subjects = store::mark_read(tx, user, which, now).await?;
    // Of everything there may be thousands; the empty name is all of them.
    let tags = if all && !subjects.is_empty() {
        vec![String::new()]
    } else {
        subjects.into_iter().map(|(kind, id)| SubjectKind::parse(&kind).tag(&id)).collect()
    };
    Ok(Read(tags))
}

/// One has read a session up to a number: the mentions in those messages are read too. [`tell_read`] follows the commit.
pub async fn seen_messages(tx: &mut Tx, user: UserId, session: SessionId, number: i64, now: i64) -> AppResult<Read> {
    mark_as_read(tx, user, Which::MessagesOf { session: &session.to_string(), number }, now).await
}

/// One has dealt with everything about a subject. [`tell_read`] follows the commit.
pub async fn seen(tx: &mut Tx, user: UserId, subject: impl ToString, now: i64) -> AppResult<Read> {
    mark_as_read(tx, user, Which::About(&subject.to_string()), now).await
}

/// Lets accounts know of something that is done already.
pub async fn send(ctx: &Ctx, to: &[UserId], new: &NewNotification<'_>) -> AppResult<()> {
    let mut tx = ctx.db().write_tx().await?;
    notify(ctx, &mut tx, to, new).await?;
    tx.commit().await?;
    tell(ctx, to).await;
    Ok(())
}

/// Tells accounts how many are unread now, after a commit.
pub async fn tell(ctx: &Ctx, users: &[UserId]) {
    tell_of(ctx, users, &[]).await;
}

/// Tells an account's open pages that it has read something, after a commit: how many are unread now, and what devices need not show any more.
pub async fn tell_read(ctx: &Ctx, user: UserId, read: &Read) {
    if !read.0.is_empty() {
        tell_of(ctx, &[user], &read.0).await;
    }
}

async fn tell_of(ctx: &Ctx, users: &[UserId], read: &[String]) {
    let Ok(actor) = ctx.actor() else { return };
    if users.is_empty() {
        return;
    }
    let counts = match store::unread(ctx.db().read(), users).await {
        Ok(counts) => counts,
        // It is written; who looks finds it.
        Err(error) => {
            tracing::warn!(%error, "unread notifications could not be counted");
            return;
        }
    };
    for user in users {
        let unread = counts.get(user).copied().unwrap_or(0);
        let event = RoomEvent::Notification { unread, read: read.to_vec() };
        collaboration::service::announce(&ctx.state, RoomType::Workspace, user.same_as(), actor.id(), event);
    }
}

/// How many of the caller's are unread.
pub async fn unread(ctx: &Ctx) -> AppResult<Unread> {
    let user = ctx.actor_with(Scope::Read)?.id();
    let counts = store::unread(ctx.db().read(), &[user]).await?;
    Ok(Unread { unread: counts.get(&user).copied().unwrap_or(0) })
}

pub async fn list_notifications(ctx: &Ctx, query: NotificationQuery) -> AppResult<NotificationPage> {
    let user = ctx.actor_with(Scope::Read)?.id();
    let limit = query.limit.unwrap_or(PAGE).clamp(1, PAGE_MAX) as usize;
    let after = query.cursor.as_deref().map(decode).transpose()?;
    // One more than the page shows: then there is a next one.
    let mut groups = store::groups(ctx.db().read(), user, after, limit as i64 + 1).await?;
    let more = groups.len() > limit;
    groups.truncate(limit);
    let next_cursor = if more { groups.last().map(encode) } else { None };
    Ok(NotificationPage { unread: unread(ctx).await?.unread, items: shown(ctx, user, groups).await?, next_cursor })
}

/// Everything that the caller was told.
pub async fn own_notifications(ctx: &Ctx) -> AppResult<Value> {
    let rows = store::all_of(ctx.db().read(), ctx.actor()?.id()).await?;
    let notifications = rows.into_iter().map(|row| {
        json!({
            "kind": row.kind, "by": row.actor_name, "about": row.title, "subject": row.subject_kind, "subjectId": row.subject_id,
            "excerpt": row.excerpt, "createdAt": row.created_at, "readAt": row.read_at,
        })
    });
    Ok(notifications.collect())
}

async fn shown(ctx: &Ctx, user: UserId, rows: Vec<GroupRow>) -> AppResult<Vec<NotificationGroup>> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let mut newest: HashMap<(String, String), (String, Vec<Notification>)> = HashMap::new();
    for row in store::newest(ctx.db().read(), user, &rows).await? {
        let notification = Notification {
            id: row.id()?,
            kind: NotificationKind::parse(&row.kind),
            actor: row.actor()?,
            excerpt: row.excerpt,
            spot: serde_json::from_str(&row.data)?,
            read_at: row.read_at,
            created_at: row.created_at,
        };
        // The newest one says what the subject is called now.
        newest.entry((row.subject_kind, row.subject_id)).or_insert_with(|| (row.title, Vec::new())).1.push(notification);
    }
    let groups = rows.into_iter().filter_map(|row| {
        let subject = SubjectKind::parse(&row.subject_kind);
        // What was taken back in between is not there any more.
        let (title, items) = newest.remove(&(row.subject_kind, row.subject_id.clone()))?;
        Some(NotificationGroup { subject, subject_id: row.subject_id, title, count: row.total, unread: row.unread, items })
    });
    Ok(groups.collect())
}

fn encode(row: &GroupRow) -> String {
    format!("{}.{}", row.done, row.newest)
}

fn decode(cursor: &str) -> AppResult<(i64, NotificationId)> {
    let place = cursor.split_once('.').and_then(|(done, newest)| Some((done.parse().ok()?, newest.parse().ok()?)));
    place.ok_or_else(|| AppError::field("cursor", "This page does not exist any more: begin with the first one."))
}

pub async fn mark_notifications(ctx: &Ctx, input: MarkNotifications) -> AppResult<Unread> {
    if input.ids.len() > MARKED_MAX {
        return Err(AppError::field("ids", format!("Mark at most {MARKED_MAX} at once.")));
    }
    match &input.subject_id {
        Some(subject) => mark(ctx, Which::About(subject)).await,
        None => mark(ctx, Which::These(&input.ids)).await,
    }
}

pub async fn mark_all_notifications(ctx: &Ctx, input: MarkAllNotifications) -> AppResult<Unread> {
    mark(ctx, Which::All { up_to: input.up_to }).await
}

async fn mark(ctx: &Ctx, which: Which<'_>) -> AppResult<Unread> {
    let user = ctx.actor_with(Scope::Write)?.id();
    let mut tx = ctx.db().write_tx().await?;
    let read = mark_as_read(&mut tx, user, which, ctx.now()).await?;
    if !read.0.is_empty() {
        record(ctx, &mut tx, Event::new(UsageKind::NotificationRead)).await?;
        tx.commit().await?;
        // One's other tabs show it too.
        tell_read(ctx, user, &read).await;
    }
    unread(ctx).await
}

/// Housekeeping.
pub async fn remove_old(ctx: &Ctx) -> AppResult<()> {
    let now = ctx.now();
    let mut tx = ctx.db().write_tx().await?;
    store::remove_old(&mut tx, now - READ_KEPT_MS, now - KEPT_MS).await?;
    Ok(tx.commit().await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_come_back_and_others_are_refused() {
        let newest = NotificationId::generate();
        let row =
            GroupRow { subject_kind: String::new(), subject_id: String::new(), total: 1, unread: 0, done: 1, newest: newest.to_string() };
        assert_eq!(decode(&encode(&row)).ok(), Some((1, newest)));
        for bad in ["", "1", "1.", "x.y", "1.7"] {
            assert!(decode(bad).is_err(), "{bad}");
        }
    }
}
