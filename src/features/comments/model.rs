//! Threads and comments as pages and programs see them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    features::accounts::model::Person,
    ids::{ArtifactId, CommentId, EntryId, SessionId, ThreadId},
    ui::count,
};

/// Characters of one comment.
pub const COMMENT_MAX: usize = 10_000;
/// Comments of one thread: it is shown whole.
pub const THREAD_MAX: i64 = 300;
/// Comments of a thread that a list shows, the newest; the first one is always among them.
pub const SHOWN: i64 = 20;
/// Threads of one page of a list.
pub const PAGE: u32 = 30;
pub const PAGE_MAX: u32 = 100;
/// Bytes of one end of an anchor.
pub const ANCHOR_END_MAX: usize = 2_000;
/// Characters of an anchor's quote.
pub const QUOTE_MAX: usize = 1_000;

/// What is wrong with the length of a comment.
pub fn length_problem(text: &str) -> Option<String> {
    let long = text.len() > COMMENT_MAX && text.chars().count() > COMMENT_MAX;
    long.then(|| format!("A comment has at most {} characters.", count(COMMENT_MAX as i64)))
}

/// A range of an artifact's text. `start` and `end` are positions as the editor writes them, which move along with the text; the server
/// keeps them as they are. `quote` is what stood there when the thread was begun.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Anchor {
    pub start: String,
    pub end: String,
    pub quote: String,
}

/// What comments are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    Artifact(ArtifactId),
    Entry(SessionId, EntryId),
}

/// Which threads of a subject a list shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ThreadState {
    #[default]
    Open,
    Resolved,
    All,
}

/// Names an artifact, or a session with or without one of its entries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", default)]
pub struct ThreadQuery {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact: Option<ArtifactId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<EntryId>,
    pub state: ThreadState,
    /// The last thread of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<ThreadId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

impl ThreadQuery {
    pub fn about(subject: Subject, state: ThreadState) -> Self {
        match subject {
            Subject::Artifact(artifact) => Self { artifact: Some(artifact), state, ..Self::default() },
            Subject::Entry(session, entry) => Self { session: Some(session), entry: Some(entry), state, ..Self::default() },
        }
    }
}

/// Threads, the newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ThreadPage {
    pub items: Vec<Thread>,
    /// How many threads of the subject are open, and how many are resolved.
    pub open: i64,
    pub resolved: i64,
    /// Whether one may write here.
    pub can_write: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_before: Option<ThreadId>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Thread {
    pub id: ThreadId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_id: Option<ArtifactId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<SessionId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry_id: Option<EntryId>,
    /// None: the artifact as a whole, or the entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anchor: Option<Anchor>,
    pub created_at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved_at: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved_by: Option<Person>,
    /// How many comments there are; a list may leave out some between the first and the newest.
    pub count: i64,
    pub comments: Vec<Comment>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Comment {
    pub id: CommentId,
    /// Counts from 1 in the thread.
    pub number: i64,
    pub author: Person,
    /// As it was written: markdown. Empty when deleted.
    pub text: String,
    /// The same as sanitised HTML, with mentions and references as links.
    pub html: String,
    pub created_at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<i64>,
}

/// Begins a thread; ids are made by the client, so that it is there once however often it is sent.
#[derive(Clone, Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct CreateThread {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<ThreadId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact_id: Option<ArtifactId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<SessionId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry_id: Option<EntryId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anchor: Option<Anchor>,
    pub text: String,
}

#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateReply {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<CommentId>,
    pub text: String,
}

#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpdateComment {
    pub text: String,
}

/// The one subject that these ids name; none when they name none, or two.
pub fn subject(artifact: Option<ArtifactId>, session: Option<SessionId>, entry: Option<EntryId>) -> Option<Subject> {
    match (artifact, session, entry) {
        (Some(artifact), None, None) => Some(Subject::Artifact(artifact)),
        (None, Some(session), Some(entry)) => Some(Subject::Entry(session, entry)),
        _ => None,
    }
}

/// What is wrong with an anchor, in a sentence.
pub fn anchor_problem(anchor: &Anchor, subject: Subject) -> Option<String> {
    let end = |text: &str| !text.is_empty() && text.len() <= ANCHOR_END_MAX && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !matches!(subject, Subject::Artifact(_)) {
        Some("Only a thread about an artifact has an anchor.".to_owned())
    } else if !end(&anchor.start) || !end(&anchor.end) {
        Some(format!("The ends of an anchor are text without spaces, at most {ANCHOR_END_MAX} bytes each."))
    } else if anchor.quote.chars().count() > QUOTE_MAX {
        Some(format!("A quote has at most {QUOTE_MAX} characters."))
    } else {
        None
    }
}

impl Thread {
    /// Comments between the first one and those that are here.
    pub fn left_out(&self) -> i64 {
        self.count - self.comments.len() as i64
    }
}

impl fmt::Display for ThreadState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Open => "open",
            Self::Resolved => "resolved",
            Self::All => "all",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_about_one_thing() {
        let (artifact, session, entry) = (ArtifactId::generate(), SessionId::generate(), EntryId::generate());
        assert_eq!(subject(Some(artifact), None, None), Some(Subject::Artifact(artifact)));
        assert_eq!(subject(None, Some(session), Some(entry)), Some(Subject::Entry(session, entry)));
        for wrong in [subject(None, None, None), subject(None, Some(session), None), subject(Some(artifact), Some(session), Some(entry))] {
            assert_eq!(wrong, None);
        }
    }

    #[test]
    fn anchors_are_short_text_about_artifacts() {
        let artifact = Subject::Artifact(ArtifactId::generate());
        let anchor = |start: &str, quote: &str| Anchor { start: start.to_owned(), end: "AAAB".to_owned(), quote: quote.to_owned() };
        assert_eq!(anchor_problem(&anchor("AAAA", "Ünï"), artifact), None);
        assert!(anchor_problem(&anchor("AAAA", ""), Subject::Entry(SessionId::generate(), EntryId::generate())).is_some());
        for bad in
            [anchor("", "x"), anchor("a b", "x"), anchor(&"x".repeat(ANCHOR_END_MAX + 1), "x"), anchor("A", &"ü".repeat(QUOTE_MAX + 1))]
        {
            assert!(anchor_problem(&bad, artifact).is_some(), "{bad:?}");
        }
    }
}
