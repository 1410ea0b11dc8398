//! Beginning threads, answering, changing one's own words, resolving. Rows and notifications in one transaction, told after it.

use super::{
    access::{self, Place},
    reading::{comment, find_thread, whole},
};
use crate::{
    error::{AppError, AppResult},
    features::{
        accounts::{self, Action},
        analytics::service::{Event, UsageKind, record},
        comments::{
            model::{Comment, CreateReply, CreateThread, THREAD_MAX, Thread, UpdateComment, anchor_problem, length_problem, subject},
            store::{self, CommentRow, NewComment, ThreadRow},
        },
        notifications::{
            self,
            model::NotificationKind,
            service::{NewNotification, notify},
        },
        sessions::service::{RENDERING, Resolved, clean_text, rendered, resolve},
    },
    ids::{CommentId, ThreadId, UserId},
    server::{context::Ctx, db::Tx},
};

fn checked_text(text: &str) -> AppResult<String> {
    let text = clean_text(text);
    if text.trim().is_empty() {
        return Err(AppError::field("text", "Write something first."));
    }
    if let Some(problem) = length_problem(&text) {
        return Err(AppError::field("text", problem));
    }
    Ok(text)
}

fn id_in_use() -> AppError {
    AppError::conflict("This id is in use already: make a new one.")
}

fn no_comment() -> AppError {
    AppError::not_found("comment")
}

/// Begins a thread with its first comment. The same id again gives the thread that is there.
pub async fn create_thread(ctx: &Ctx, input: CreateThread) -> AppResult<Thread> {
    let about = subject(input.artifact_id, input.session_id, input.entry_id)
        .ok_or_else(|| AppError::invalid("A comment is about an artifact, or about an entry of a session: name one of them."))?;
    let place = access::find_open(ctx, about).await?;
    let (actor, now) = (ctx.actor()?.id(), ctx.now());
    let id = ThreadId::chosen(input.id, now)?;
    if let Some(row) = store::thread(ctx.db().read(), id).await? {
        return begun_before(ctx, &place, row).await;
    }
    if let Some(problem) = input.anchor.as_ref().and_then(|anchor| anchor_problem(anchor, about)) {
        return Err(AppError::field("anchor", problem));
    }
    let anchor = input.anchor.as_ref().map(serde_json::to_string).transpose()?;
    let resolved = resolve(ctx, place.team, &checked_text(&input.text)?).await?;
    let html = rendered(&resolved.text).await?;

    let mut tx = ctx.db().write_tx().await?;
    if let Some(row) = store::thread(&mut *tx, id).await? {
        drop(tx);
        return begun_before(ctx, &place, row).await;
    }
    store::insert_thread(&mut tx, id, about, anchor, actor, now).await?;
    let comment = CommentId::generate();
    let told = add(ctx, &mut tx, &place, (id, comment), &resolved, &html).await?;
    record(ctx, &mut tx, Event::new(UsageKind::CommentCreated).team(place.team).subject(comment).at(input.id.and_then(ThreadId::made_at)))
        .await?;
    tx.commit().await?;
    place.announce(ctx, id);
    notifications::service::tell(ctx, &told).await;
    let row = store::thread(ctx.db().read(), id).await?.ok_or_else(|| AppError::not_found("thread"))?;
    whole(ctx, row).await
}

/// What a repeated id is answered: the thread, if the caller began it here.
async fn begun_before(ctx: &Ctx, place: &Place, row: ThreadRow) -> AppResult<Thread> {
    let here = subject(row.artifact()?, row.session()?, row.entry()?) == Some(place.subject);
    if !here || row.author_id != ctx.actor()?.id().to_string() {
        return Err(id_in_use());
    }
    whole(ctx, row).await
}

/// Writes a thread's next comment and lets those know whom it concerns; gives them.
async fn add(
    ctx: &Ctx,
    tx: &mut Tx,
    place: &Place,
    (thread, id): (ThreadId, CommentId),
    resolved: &Resolved,
    html: &str,
) -> AppResult<Vec<UserId>> {
    let (actor, now) = (ctx.actor()?.id(), ctx.now());
    let number = store::advance(tx, thread, THREAD_MAX, now)
        .await?
        .ok_or_else(|| AppError::conflict(format!("This thread has {THREAD_MAX} comments: begin a new one.")))?;
    let mut others = store::authors(tx, thread).await?;
    // The first comment on a message answers whoever wrote that.
    others.extend(place.written_by().filter(|_| number == 1));
    store::insert_comment(tx, &NewComment { id, thread, number, author: actor, text: &resolved.text, html, rendering: RENDERING, now })
        .await?;
    let mentioned: Vec<UserId> = resolved.people.iter().copied().filter(|person| *person != actor).collect();
    others.retain(|person| *person != actor && !mentioned.contains(person));
    // Whoever has left sees it no more; one's own workspace nobody else sees.
    let others = match place.team {
        Some(team) => accounts::service::members_among(tx, team, &others).await?,
        None => Vec::new(),
    };
    concern(ctx, tx, place, (thread, id), NotificationKind::Mention, &resolved.text, &mentioned).await?;
    concern(ctx, tx, place, (thread, id), NotificationKind::Reply, &resolved.text, &others).await?;
    Ok(mentioned.into_iter().chain(others).collect())
}

async fn concern(
    ctx: &Ctx,
    tx: &mut Tx,
    place: &Place,
    (thread, id): (ThreadId, CommentId),
    kind: NotificationKind,
    text: &str,
    people: &[UserId],
) -> AppResult<()> {
    let (subject, subject_id, spot) = place.spot(thread);
    let new = NewNotification { kind, subject, subject_id, team: place.team, title: &place.title, source: id.to_string(), text, spot };
    notify(ctx, tx, people, &new).await
}

/// Answers in a thread. The same id again gives the comment that is there.
pub async fn create_reply(ctx: &Ctx, thread: ThreadId, input: CreateReply) -> AppResult<Comment> {
    let (_, place) = find_thread(ctx, thread, Action::Converse).await?;
    let id = CommentId::chosen(input.id, ctx.now())?;
    if let Some(row) = store::comment(ctx.db().read(), id).await? {
        return written_before(ctx, thread, row).await;
    }
    let resolved = resolve(ctx, place.team, &checked_text(&input.text)?).await?;
    let html = rendered(&resolved.text).await?;
    let mut tx = ctx.db().write_tx().await?;
    // Whoever answers here waits, so a second request with this id sees the first one's comment.
    store::lock(&mut tx, thread, ctx.now()).await?;
    if let Some(row) = store::comment(&mut *tx, id).await? {
        drop(tx);
        return written_before(ctx, thread, row).await;
    }
    let told = add(ctx, &mut tx, &place, (thread, id), &resolved, &html).await?;
    record(ctx, &mut tx, Event::new(UsageKind::CommentCreated).team(place.team).subject(id).at(input.id.and_then(CommentId::made_at)))
        .await?;
    tx.commit().await?;
    place.announce(ctx, thread);
    notifications::service::tell(ctx, &told).await;
    read_back(ctx, id).await
}

async fn written_before(ctx: &Ctx, thread: ThreadId, row: CommentRow) -> AppResult<Comment> {
    if row.thread_id != thread.to_string() || row.author()?.id != ctx.actor()?.id() {
        return Err(id_in_use());
    }
    comment(row).await
}

async fn read_back(ctx: &Ctx, id: CommentId) -> AppResult<Comment> {
    comment(store::comment(ctx.db().read(), id).await?.ok_or_else(no_comment)?).await
}

/// A comment of the caller's own, where they may still write.
async fn own(ctx: &Ctx, id: CommentId) -> AppResult<(CommentRow, ThreadRow, Place)> {
    ctx.actor_with(Action::Converse.scope())?;
    let row = store::comment(ctx.db().read(), id).await?.ok_or_else(no_comment)?;
    let thread = store::thread(ctx.db().read(), crate::server::db::parse_id(&row.thread_id)?).await?.ok_or_else(no_comment)?;
    let place = access::find_of(ctx, &thread, Action::Converse, "comment").await?;
    if row.author_id != ctx.actor()?.id().to_string() {
        return Err(AppError::forbidden("Only its author may change a comment."));
    }
    Ok((row, thread, place))
}

/// Another text for one's own comment; the page shows that it was edited.
pub async fn edit_comment(ctx: &Ctx, id: CommentId, input: UpdateComment) -> AppResult<Comment> {
    let (row, thread, place) = own(ctx, id).await?;
    let gone = || AppError::conflict("This comment was deleted: write a new one.");
    if row.deleted_at.is_some() {
        return Err(gone());
    }
    let resolved = resolve(ctx, place.team, &checked_text(&input.text)?).await?;
    if resolved.text == row.text {
        return read_back(ctx, id).await;
    }
    let html = rendered(&resolved.text).await?;
    let (thread, actor, now) = (thread.id()?, ctx.actor()?.id(), ctx.now());
    // Who was named before knows it, or has a notification of this comment that stays.
    let before = resolve(ctx, place.team, &row.text).await?.people;
    let new: Vec<UserId> = resolved.people.iter().copied().filter(|person| *person != actor && !before.contains(person)).collect();
    let mut tx = ctx.db().write_tx().await?;
    if !store::edit_comment(&mut tx, id, &resolved.text, &html, RENDERING, now).await? {
        return Err(gone());
    }
    notifications::service::reword(&mut tx, id, &resolved.text).await?;
    concern(ctx, &mut tx, &place, (thread, id), NotificationKind::Mention, &resolved.text, &new).await?;
    record(ctx, &mut tx, Event::new(UsageKind::CommentEdited).team(place.team).subject(id)).await?;
    tx.commit().await?;
    place.announce(ctx, thread);
    notifications::service::tell(ctx, &new).await;
    read_back(ctx, id).await
}

/// Empties one's own comment: its number, author and time stay.
pub async fn delete_comment(ctx: &Ctx, id: CommentId) -> AppResult<()> {
    let (_, thread, place) = own(ctx, id).await?;
    let mut tx = ctx.db().write_tx().await?;
    if !store::delete_comment(&mut tx, id, ctx.now()).await? {
        return Ok(());
    }
    let told = notifications::service::withdraw(&mut tx, id).await?;
    record(ctx, &mut tx, Event::new(UsageKind::CommentDeleted).team(place.team).subject(id)).await?;
    tx.commit().await?;
    place.announce(ctx, thread.id()?);
    notifications::service::tell(ctx, &told).await;
    Ok(())
}

/// Says that what a thread is about is done.
pub async fn resolve_thread(ctx: &Ctx, id: ThreadId) -> AppResult<Thread> {
    turn(ctx, id, true).await
}

/// Takes a thread up again.
pub async fn reopen_thread(ctx: &Ctx, id: ThreadId) -> AppResult<Thread> {
    turn(ctx, id, false).await
}

async fn turn(ctx: &Ctx, id: ThreadId, resolves: bool) -> AppResult<Thread> {
    let (_, place) = find_thread(ctx, id, Action::Converse).await?;
    let (actor, now) = (ctx.actor()?.id(), ctx.now());
    let mut tx = ctx.db().write_tx().await?;
    if store::set_resolved(&mut tx, id, resolves.then_some(actor), now).await? {
        let kind = if resolves { UsageKind::CommentResolved } else { UsageKind::CommentReopened };
        record(ctx, &mut tx, Event::new(kind).team(place.team).subject(id)).await?;
        tx.commit().await?;
        place.announce(ctx, id);
    } else {
        drop(tx);
    }
    let row = store::thread(ctx.db().read(), id).await?.ok_or_else(|| AppError::not_found("thread"))?;
    whole(ctx, row).await
}
