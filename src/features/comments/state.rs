//! Threads as pages read and write them.

use std::future::Future;

use serde::Serialize;

use super::model::{Anchor, CreateReply, CreateThread, Subject, Thread, ThreadPage, ThreadQuery, ThreadState, UpdateComment};
use crate::{
    browser::{
        data::{self, Fetched, Sent},
        outbox::Wish,
    },
    error::AppResult,
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

/// Says something about a subject, answers or changes it, now or when the server can be reached; what comes later does not build on it. `object` is what keeps its
/// order: a thread, or a comment of one's own.
async fn say_later(object: String, method: &'static str, path: String, body: &impl Serialize, label: &str) -> AppResult<Sent> {
    data::send_later(Wish::new(object, method, path, body, label.to_owned()).alone()).await
}

fn thread_object(id: ThreadId) -> String {
    format!("thread:{id}")
}

fn comment_object(id: CommentId) -> String {
    format!("comment:{id}")
}

pub async fn create_thread(subject: Subject, anchor: Option<Anchor>, text: String) -> AppResult<Sent> {
    let id = ThreadId::generate();
    let new = CreateThread { id: Some(id), anchor, text, ..CreateThread::default() };
    // Not in the order of what it is about: a text that waits to be merged holds up nothing that is said of it.
    let new = match subject {
        Subject::Artifact(artifact) => CreateThread { artifact_id: Some(artifact), ..new },
        Subject::Entry(session, entry) => CreateThread { session_id: Some(session), entry_id: Some(entry), ..new },
    };
    say_later(thread_object(id), "POST", "/comments/threads".to_owned(), &new, "Comment").await
}

pub async fn create_reply(thread: ThreadId, text: String) -> AppResult<Sent> {
    let reply = CreateReply { id: Some(CommentId::generate()), text };
    say_later(thread_object(thread), "POST", format!("/comments/threads/{thread}/replies"), &reply, "Reply to a comment").await
}

pub async fn edit_comment(id: CommentId, text: String) -> AppResult<Sent> {
    say_later(comment_object(id), "PATCH", format!("/comments/{id}"), &UpdateComment { text }, "Comment edited").await
}

pub async fn delete_comment(id: CommentId) -> AppResult<Sent> {
    say_later(comment_object(id), "DELETE", format!("/comments/{id}"), &(), "Comment deleted").await
}

/// Resolves a thread, or takes it up again, now or when the server can be reached.
pub async fn set_resolved(thread: ThreadId, resolved: bool) -> AppResult<Sent> {
    let (verb, label) = if resolved { ("resolve", "Comment resolved") } else { ("reopen", "Comment taken up again") };
    say_later(thread_object(thread), "POST", format!("/comments/threads/{thread}/{verb}"), &(), label).await
}
