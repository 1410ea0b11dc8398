//! Threads as their readers see them.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::access::{self, Place};
use crate::{
    error::{AppError, AppResult},
    features::{
        accounts::Action,
        comments::{
            model::{Anchor, Comment, PAGE, PAGE_MAX, Thread, ThreadPage, ThreadQuery, subject},
            store::{self, CommentRow, Listed, ThreadRow},
        },
        sessions::{
            self,
            model::Completion,
            service::{RENDERING, rendered},
        },
    },
    ids::ThreadId,
    server::context::Ctx,
};

fn no_subject() -> AppError {
    AppError::invalid("Name what the comments are about: an artifact, or a session and one of its entries.")
}

/// The threads about an artifact, about an entry, or about all entries of a session.
pub async fn list_threads(ctx: &Ctx, query: ThreadQuery) -> AppResult<ThreadPage> {
    let limit = query.limit.unwrap_or(PAGE).clamp(1, PAGE_MAX) as usize;
    let (listed, can_write) = match (subject(query.artifact, query.session, query.entry), query.artifact, query.session) {
        (Some(subject), ..) => (Listed::Of(subject), access::find(ctx, subject, Action::Read).await?.can_write()),
        (None, None, Some(session)) => {
            sessions::service::find_session(ctx, session, Action::Read).await?;
            (Listed::Session(session), false)
        }
        _ => return Err(no_subject()),
    };
    let pool = ctx.db().read();
    // One more than the page shows: then there is a next one.
    let mut rows = store::threads(pool, listed, query.state, query.before, limit as i64 + 1).await?;
    let (open, resolved) = store::counts(pool, listed).await?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next_before = if more { rows.last().map(ThreadRow::id).transpose()? } else { None };
    let comments = if rows.is_empty() { Vec::new() } else { store::newest(pool, &rows).await? };
    Ok(ThreadPage { items: threads(rows, comments).await?, open, resolved, can_write, next_before })
}

async fn threads(rows: Vec<ThreadRow>, comments: Vec<CommentRow>) -> AppResult<Vec<Thread>> {
    let mut of_thread: HashMap<String, Vec<Comment>> = HashMap::with_capacity(rows.len());
    for row in comments {
        of_thread.entry(row.thread_id.clone()).or_default().push(comment(row).await?);
    }
    rows.into_iter()
        .map(|row| {
            Ok(Thread {
                id: row.id()?,
                artifact_id: row.artifact()?,
                session_id: row.session()?,
                entry_id: row.entry()?,
                anchor: row.anchor.as_deref().map(serde_json::from_str::<Anchor>).transpose()?,
                created_at: row.created_at,
                resolved_at: row.resolved_at,
                resolved_by: row.resolved_by()?,
                count: row.comments,
                comments: of_thread.remove(&row.id).unwrap_or_default(),
            })
        })
        .collect()
}

pub async fn comment(row: CommentRow) -> AppResult<Comment> {
    Ok(Comment {
        id: row.id()?,
        number: row.number,
        author: row.author()?,
        html: if row.rendering == RENDERING || row.text.is_empty() { row.html } else { rendered(&row.text).await? },
        text: row.text,
        created_at: row.created_at,
        edited_at: row.edited_at,
        deleted_at: row.deleted_at,
    })
}

/// A thread whole.
pub async fn get_thread(ctx: &Ctx, id: ThreadId) -> AppResult<Thread> {
    let (row, _) = find_thread(ctx, id, Action::Read).await?;
    whole(ctx, row).await
}

/// A stored thread and its place, if the caller may do `action` there.
pub async fn find_thread(ctx: &Ctx, id: ThreadId, action: Action) -> AppResult<(ThreadRow, Place)> {
    ctx.actor_with(action.scope())?;
    let row = store::thread(ctx.db().read(), id).await?.ok_or_else(|| AppError::not_found("thread"))?;
    let place = access::find_of(ctx, &row, action, "thread").await?;
    Ok((row, place))
}

pub async fn whole(ctx: &Ctx, row: ThreadRow) -> AppResult<Thread> {
    let comments = store::comments(ctx.db().read(), row.id()?).await?;
    threads(vec![row], comments).await?.pop().ok_or_else(AppError::internal)
}

/// The people and artifacts that `@` offers in a comment on an artifact or an entry.
pub async fn completions(ctx: &Ctx, query: ThreadQuery, typed: &str) -> AppResult<Vec<Completion>> {
    let subject = subject(query.artifact, query.session, query.entry).ok_or_else(no_subject)?;
    let place = access::find(ctx, subject, Action::Read).await?;
    sessions::service::complete(ctx, place.team, typed).await
}

/// Every comment that the caller wrote.
pub async fn own_comments(ctx: &Ctx) -> AppResult<Value> {
    let rows = store::comments_by(ctx.db().read(), ctx.actor()?.id()).await?;
    let comments = rows.into_iter().map(|row| {
        json!({
            "threadId": row.thread_id, "artifactId": row.artifact_id, "sessionId": row.session_id, "text": row.text,
            "createdAt": row.created_at, "editedAt": row.edited_at,
        })
    });
    Ok(comments.collect())
}
