//! The only SQL on accounts: users, sign-ins, teams, memberships, invitations, links, tokens, factors, the audit log, settings.

pub mod archived;
pub mod audit;
pub mod challenges;
pub mod devices;
pub mod factors;
pub mod identities;
pub mod invitations;
pub mod keys;
pub mod members;
pub mod password_links;
pub mod samples;
pub mod settings;
pub mod sign_ins;
pub mod teams;
pub mod tokens;
pub mod users;

use std::str::FromStr;

use crate::{
    error::{AppError, AppResult},
    features::accounts::{
        Role,
        model::{Person, UserKind},
    },
    server::error::internal,
};

/// What a person is made of, joined onto other rows as `u`.
macro_rules! person_columns {
    () => {
        "u.id AS user_id, u.kind AS user_kind, u.name AS user_name, u.color AS user_color, u.avatar_sha AS user_avatar"
    };
}
use person_columns;

/// Whether a team, joined as `t` with a membership `m`, shows itself to that member: it asks for no second factor, or the member has one. Agents
/// have none, and need none: who made their tokens has.
macro_rules! unlocked {
    () => {
        "(t.requires_factor = 0 OR EXISTS (SELECT 1 FROM factors f WHERE f.user_id = m.user_id) \
         OR EXISTS (SELECT 1 FROM users a WHERE a.id = m.user_id AND a.kind = 'agent'))"
    };
}
use unlocked;

/// An id as stored; we wrote it, so one that does not parse is a fault of ours.
pub fn id<T: FromStr<Err = uuid::Error>>(text: &str) -> AppResult<T> {
    text.parse().map_err(|error| internal("a stored id cannot be read", &error))
}

/// A role as stored.
pub fn role(text: &str) -> AppResult<Role> {
    text.parse().map_err(|()| {
        tracing::error!(role = text, "a stored role cannot be read");
        AppError::internal()
    })
}

/// Where the picture with this SHA-256 is served.
pub fn avatar_address(user: &str, sha: &str) -> String {
    format!("/avatars/{user}/{sha}")
}

/// The columns of `person_columns!` as one value.
pub fn person(user_id: &str, kind: &str, name: String, color: i64, avatar: Option<&str>) -> AppResult<Person> {
    Ok(Person {
        id: id(user_id)?,
        name,
        kind: UserKind::parse(kind),
        color: u8::try_from(color).unwrap_or(1),
        avatar: avatar.map(|sha| avatar_address(user_id, sha)),
    })
}
