//! One usage event as it is counted.

use crate::kind::Kind;

/// What happened once. The `u32`s are keys of texts (ids, mostly) in the server's dictionary; 0 is none. All are as they were at the time of the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// Events are numbered in the order in which they were written, from 1.
    pub seq: i64,
    /// UTC, ms since 1970.
    pub at: i64,
    pub kind: Kind,
    /// The team, or the person whose personal workspace it is; 0 = the server.
    pub workspace: u32,
    pub actor: u32,
    pub volume: u32,
    /// What it happened to: see [`Kind`].
    pub subject: u32,
    /// 0 none, 1 skill, 2 tool, 3 agent.
    pub artifact_kind: u8,
    /// 0 none, then the categories in their order from 1.
    pub category: u8,
    /// See [`Kind`], as `extra`.
    pub amount: i64,
    pub extra: i64,
}
