//! The room socket's frames, as docs/protocol.md describes them. JSON text, one frame a message.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    features::accounts::model::UserKind,
    ids::{RoomId, UserId},
};

/// What a room is about; its id is that thing's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RoomType {
    /// A team, or a user's own workspace.
    Workspace,
    Session,
    Artifact,
}

/// From a client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum ClientFrame {
    /// First, where neither a cookie nor `?token=` came with the request. Who somebody is always comes from the token.
    Auth {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user_id: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token: Option<String>,
    },
    Ping,
    JoinRoom {
        room_id: RoomId,
        room_type: RoomType,
        /// The last number seen: what came after it follows the answer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        since: Option<u64>,
    },
    LeaveRoom {
        room_id: RoomId,
    },
    Broadcast {
        room_id: RoomId,
        event: RoomEvent,
    },
}

/// From the server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum ServerFrame {
    Welcome {
        user_id: UserId,
        /// RFC 3339, UTC.
        timestamp: String,
    },
    Pong,
    RoomState {
        room_id: RoomId,
        users: Vec<RoomUser>,
        /// The room's newest number: what is sent from here on comes after it.
        seq: u64,
        /// What was missed cannot be told without a gap: read everything again.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        resync: bool,
    },
    Event {
        room_id: RoomId,
        /// None for what is not numbered and never repeated.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seq: Option<u64>,
        event: SentEvent,
    },
    Error {
        code: String,
        message: String,
    },
}

/// An event with who sent it, and when (RFC 3339, UTC), as the server states it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SentEvent {
    #[serde(flatten)]
    pub event: RoomEvent,
    pub user_id: UserId,
    pub timestamp: String,
}

/// Somebody in a room; several tabs of one account are one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RoomUser {
    pub user_id: UserId,
    pub user_name: String,
    /// 1..=8, the person colour.
    pub color: u8,
    pub kind: UserKind,
}

/// Where a pointer is: fractions of the page's content or whatever two numbers the page agrees on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Position {
    pub x: f64,
    pub y: f64,
}

/// What happens in a room. A receiver takes it as a hint and reads again what it shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum RoomEvent {
    SessionUpdate {
        session_id: String,
        #[serde(default)]
        data: Value,
    },
    ArtifactCreated {
        artifact_id: String,
        #[serde(default)]
        data: Value,
    },
    ArtifactUpdated {
        artifact_id: String,
        #[serde(default)]
        data: Value,
    },
    /// Only from the server; who came or went is the event's `userId`.
    UserJoined {
        user_name: String,
        color: u8,
        kind: UserKind,
    },
    UserLeft {},
    CursorMove {
        position: Position,
    },
    Typing {
        session_id: String,
    },
    Commit {
        volume_type: String,
        commit_sha: String,
    },
    /// An entry came into a session's timeline or was changed. Only from the server.
    Message {
        session_id: String,
        /// The entry's number in the timeline.
        number: i64,
    },
    /// A thread of comments changed. Only from the server.
    Comment {
        /// The artifact or session that it is about.
        subject_id: String,
        thread_id: String,
    },
    /// Something for one account; sent to its own workspace. Only from the server.
    Notification {
        unread: i64,
    },
}
