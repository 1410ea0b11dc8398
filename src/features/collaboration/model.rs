//! The room socket's frames, as docs/protocol.md describes them. JSON text, one frame a message.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    features::accounts::model::{Person, UserKind},
    ids::{ArtifactId, RoomId, UserId},
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

impl RoomType {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Workspace => "workspace",
            Self::Session => "session",
            Self::Artifact => "artifact",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "workspace" => Some(Self::Workspace),
            "session" => Some(Self::Session),
            "artifact" => Some(Self::Artifact),
            _ => None,
        }
    }
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
    /// Whether this server goes on without the others that it serves with: what happens there comes a second or two later.
    Nodes {
        alone: bool,
    },
}

/// Somebody's rights in a room that they may enter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoomAccess {
    /// Whether they may tell more than where they point and that they type.
    pub write: bool,
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
    /// Where the picture is, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avatar: Option<String>,
}

impl From<Person> for RoomUser {
    fn from(Person { id, name, kind, color, avatar }: Person) -> Self {
        Self { user_id: id, user_name: name, color, kind, avatar }
    }
}

impl From<RoomUser> for Person {
    fn from(RoomUser { user_id, user_name, color, kind, avatar }: RoomUser) -> Self {
        Self { id: user_id, name: user_name, kind, color, avatar }
    }
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
        #[serde(default, skip_serializing_if = "Option::is_none")]
        avatar: Option<String>,
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
    /// The assistant says something in a session. Only from the server; its answer comes as a message when it is whole.
    AssistantDelta {
        session_id: String,
        run_id: String,
        /// How many bytes were said before this. Whoever has not that many reads what was said so far.
        from: u64,
        text: String,
    },
    /// Something for one account; sent to its own workspace. Only from the server.
    Notification {
        unread: i64,
        /// What was read: the names under which devices show messages about it, for them to be closed. An empty name is all of them.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        read: Vec<String>,
    },
    /// An installed artifact was disabled, or enabled again. To its own room, and to the workspaces of those who may decide. Only from the server.
    Quarantine {
        artifact_id: String,
        name: String,
        /// Why it was disabled; empty when it may be used again.
        reason: String,
    },
    /// A team's tasks changed; sent to its workspace. Only from the server.
    Task {
        task_id: String,
    },
    /// How a volume of a workspace and its repository stand has changed, or a pull request to it; sent to the workspace. Only from the server.
    Repository {},
    /// Numbers of a workspace have moved; sent to it. Only from the server.
    Analytics {},
}

/// Rooms and documents of one report, the fullest, and people of each.
pub const REPORTED: usize = 100;
pub const REPORTED_PEOPLE: usize = 12;

/// Which rooms a report shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", default)]
pub struct RoomsQuery {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<RoomType>,
}

/// A room in the memory of the server, for administrators.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RoomReport {
    pub room_id: RoomId,
    pub kind: RoomType,
    /// What it is about; none where the administrator may not read that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    pub connections: i64,
    /// Accounts, several connections of one counted once; the first of them are named.
    pub present: i64,
    pub people: Vec<RoomUser>,
    /// The newest number.
    pub seq: i64,
    /// Events that are not on disk yet.
    pub unsaved: i64,
    /// What waits for readers, of all together and of the slowest.
    pub queued_bytes: i64,
    pub longest_queue_bytes: i64,
    /// How long the reader furthest behind has had something waiting.
    pub lag_ms: i64,
    /// Frames that were left out for readers that could not keep up.
    pub dropped: i64,
    /// Events told since the room is in memory.
    pub told: i64,
}

/// A document that is open on the server, for administrators.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DocumentReport {
    pub artifact_id: ArtifactId,
    /// None where the administrator may not read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    pub connections: i64,
    pub people: Vec<RoomUser>,
    /// Of updates that are not on disk yet.
    pub unsaved_bytes: i64,
}

/// All rooms and documents in the memory of the server, in sums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RoomTotals {
    pub rooms: i64,
    pub documents: i64,
    /// Events told since the server started.
    pub told: i64,
    pub unsaved: i64,
    pub queued_bytes: i64,
    /// Of the reader furthest behind.
    pub lag_ms: i64,
    pub dropped: i64,
}

/// What the live part of the server holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RoomsReport {
    pub sockets: i64,
    pub total: RoomTotals,
    pub rooms: Vec<RoomReport>,
    pub documents: Vec<DocumentReport>,
}

/// A token that opens the room socket once within a minute, for programs that cannot send a header.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WsToken {
    pub token: String,
    /// UTC milliseconds.
    pub expires_at: i64,
}

impl RoomEvent {
    /// The name of an event that passes: it has no number and is never told again; a newer one takes its place.
    pub fn passing(&self) -> Option<&'static str> {
        match self {
            Self::CursorMove { .. } => Some("cursor_move"),
            Self::Typing { .. } => Some("typing"),
            Self::AssistantDelta { .. } => Some("assistant_delta"),
            Self::Repository {} => Some("repository"),
            Self::Analytics {} => Some("analytics"),
            _ => None,
        }
    }

    /// Whether clients may send it at all.
    pub fn from_clients(&self) -> bool {
        !matches!(
            self,
            Self::UserJoined { .. }
                | Self::UserLeft {}
                | Self::Message { .. }
                | Self::AssistantDelta { .. }
                | Self::Comment { .. }
                | Self::Notification { .. }
                | Self::Quarantine { .. }
                | Self::Task { .. }
                | Self::Repository {}
                | Self::Analytics {}
        )
    }

    /// What is wrong with an event that a client sent into a room, in a sentence.
    pub fn problem(&self, room: RoomId, kind: RoomType) -> Option<&'static str> {
        let is_id = |text: &str| uuid::Uuid::parse_str(text).is_ok();
        let this_session = |id: &str| kind != RoomType::Session || id == room.to_string();
        let this_artifact = |id: &str| kind != RoomType::Artifact || id == room.to_string();
        match self {
            _ if !self.from_clients() => Some("Only the server tells this event."),
            Self::SessionUpdate { session_id: id, .. } | Self::Typing { session_id: id } if !is_id(id) || !this_session(id) => {
                Some("sessionId has to be the id of the session that the room is of.")
            }
            Self::ArtifactCreated { artifact_id: id, .. } if !is_id(id) => Some("artifactId has to be an id."),
            Self::ArtifactUpdated { artifact_id: id, .. } if !is_id(id) || !this_artifact(id) => {
                Some("artifactId has to be the id of the artifact that the room is of.")
            }
            Self::CursorMove { position } if !position.x.is_finite() || !position.y.is_finite() => {
                Some("position takes two finite numbers.")
            }
            Self::Commit { volume_type, commit_sha } => {
                let sha = (7..=64).contains(&commit_sha.len()) && commit_sha.bytes().all(|byte| byte.is_ascii_hexdigit());
                let known = matches!(volume_type.as_str(), "system" | "team" | "user");
                (!sha || !known).then_some("volumeType is system, team or user, and commitSha a commit's.")
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The frames as docs/protocol.md has them.
    #[test]
    fn frames_are_written_as_agreed() {
        let (room, user) = (RoomId::generate(), UserId::generate());
        let join: ClientFrame =
            serde_json::from_str(&format!(r#"{{"type":"join_room","roomId":"{room}","roomType":"session","since":7}}"#))
                .unwrap_or(ClientFrame::Ping);
        assert_eq!(join, ClientFrame::JoinRoom { room_id: room, room_type: RoomType::Session, since: Some(7) });
        let event = SentEvent {
            event: RoomEvent::UserJoined { user_name: "Ines".to_owned(), color: 3, kind: UserKind::Human, avatar: None },
            user_id: user,
            timestamp: "2026-11-23T00:00:00.000Z".to_owned(),
        };
        let frame = serde_json::to_value(ServerFrame::Event { room_id: room, seq: Some(8), event }).unwrap_or_default();
        assert_eq!(
            frame,
            serde_json::json!({"type":"event","roomId":room,"seq":8,"event":{"type":"user_joined","userName":"Ines","color":3,"kind":"human","userId":user,"timestamp":"2026-11-23T00:00:00.000Z"}})
        );
        let cursor = serde_json::from_str::<ClientFrame>(&format!(
            r#"{{"type":"broadcast","roomId":"{room}","event":{{"type":"cursor_move","position":{{"x":1,"y":2.5}},"userId":"somebody else"}}}}"#
        ));
        assert!(matches!(cursor, Ok(ClientFrame::Broadcast { event: RoomEvent::CursorMove { .. }, .. })), "{cursor:?}");
    }

    #[test]
    fn events_that_a_client_may_not_send_say_why() {
        let room = RoomId::generate();
        let other = RoomEvent::Typing { session_id: RoomId::generate().to_string() };
        assert!(other.problem(room, RoomType::Session).is_some());
        assert!(other.problem(room, RoomType::Workspace).is_none());
        assert!(RoomEvent::UserLeft {}.problem(room, RoomType::Session).is_some());
        assert!(RoomEvent::Notification { unread: 1, read: Vec::new() }.problem(room, RoomType::Session).is_some());
        assert!(RoomEvent::Commit { volume_type: "team".into(), commit_sha: "'; drop".into() }.problem(room, RoomType::Session).is_some());
    }
}
