//! How evolution's usage events begin.

use super::super::model::Ground;
use crate::features::analytics::service::{Event, UsageKind, Workspace};

/// A usage event of a place.
pub fn counted(ground: Ground, kind: UsageKind) -> Event {
    Event::new(kind).workspace(match ground {
        Ground::Team(team) => Workspace::Team(team),
        Ground::Own(person) => Workspace::Person(person),
        Ground::System => Workspace::Instance,
    })
}

/// A share as events have it.
pub fn millionths(share: f64) -> i64 {
    (share * 1e6).round() as i64
}
