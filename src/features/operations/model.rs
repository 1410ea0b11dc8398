//! The health of the server, part by part.

use serde::{Deserialize, Serialize};

/// How a part stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    Ready,
    /// It works, but not as well as it could; requests are still welcome.
    Degraded,
    /// Requests should go elsewhere until it is mended.
    Down,
}

impl Standing {
    pub fn words(self) -> &'static str {
        match self {
            Self::Ready => "Ready",
            Self::Degraded => "Not at its best",
            Self::Down => "Down",
        }
    }
}

/// One part of the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Component {
    /// Such as `database`.
    pub name: String,
    pub standing: Standing,
    /// What there is to say, in a few words.
    pub says: String,
    /// What to do about it; nothing while it is ready.
    pub todo: Option<String>,
}

/// The server at a glance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// Whether no part is down.
    pub ready: bool,
    pub version: String,
    /// When the process began, in UTC milliseconds.
    pub started_at: i64,
    pub components: Vec<Component>,
    /// Bytes of memory that the process has, where that can be found out.
    pub memory: Option<i64>,
    /// Free bytes where the data is.
    pub disk_free: Option<i64>,
    pub sockets: i64,
    pub rooms: i64,
    pub jobs_waiting: i64,
    pub jobs_failed: i64,
    /// From GitHub, not acted on yet.
    pub deliveries_waiting: i64,
    /// By mail and push, not sent yet.
    pub messages_waiting: i64,
}

/// Whether none of these parts is down.
pub fn is_ready(components: &[Component]) -> bool {
    components.iter().all(|component| component.standing != Standing::Down)
}
