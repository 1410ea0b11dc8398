//! Threads as pages read and write them.

use std::future::Future;

use super::model::{Anchor, CreateReply, CreateThread, Subject, Thread, ThreadPage, ThreadQuery, ThreadState, UpdateComment};
use crate::{
    browser::data::{self, Fetched},
    error::AppResult,
    features::volumes::state::tell,
    ids::{CommentId, ThreadId},
};

fn address(query: &ThreadQuery) -> String {
    data::with_query("/comments/threads", query)
}

/// The threads of a subject, as the page begins with them.
pub fn use_threads(subject: Subject, state: ThreadState) -> Fetched<ThreadPage> {
    data::fetch(move || Some(address(&ThreadQuery::about(subject, state))))
}

pub fn read_threads(query: ThreadQuery) -> impl Future<Output = AppResult<ThreadPage>> + Send + 'static {
    data::get(address(&query))
}

pub fn read_thread(id: ThreadId) -> impl Future<Output = AppResult<Thread>> + Send + 'static {
    data::get(format!("/comments/threads/{id}"))
}

/// Where `@` asks what it can mean.
pub fn completions_path(subject: Subject) -> String {
    match subject {
        Subject::Artifact(artifact) => format!("/comments/completions?artifact={artifact}&"),
        Subject::Entry(session, entry) => format!("/comments/completions?session={session}&entry={entry}&"),
    }
}

pub fn create_thread(subject: Subject, anchor: Option<Anchor>, text: String) -> impl Future<Output = AppResult<()>> + Send + 'static {
    let new = CreateThread { id: Some(ThreadId::generate()), anchor, text, ..CreateThread::default() };
    let new = match subject {
        Subject::Artifact(artifact) => CreateThread { artifact_id: Some(artifact), ..new },
        Subject::Entry(session, entry) => CreateThread { session_id: Some(session), entry_id: Some(entry), ..new },
    };
    tell("POST", "/comments/threads".to_owned(), new)
}

pub fn create_reply(thread: ThreadId, text: String) -> impl Future<Output = AppResult<()>> + Send + 'static {
    tell("POST", format!("/comments/threads/{thread}/replies"), CreateReply { id: Some(CommentId::generate()), text })
}

pub fn edit_comment(id: CommentId, text: String) -> impl Future<Output = AppResult<()>> + Send + 'static {
    tell("PATCH", format!("/comments/{id}"), UpdateComment { text })
}

pub fn delete_comment(id: CommentId) -> impl Future<Output = AppResult<()>> + Send + 'static {
    tell("DELETE", format!("/comments/{id}"), ())
}

/// Resolves a thread, or takes it up again.
pub fn set_resolved(thread: ThreadId, resolved: bool) -> impl Future<Output = AppResult<()>> + Send + 'static {
    let verb = if resolved { "resolve" } else { "reopen" };
    tell("POST", format!("/comments/threads/{thread}/{verb}"), ())
}
