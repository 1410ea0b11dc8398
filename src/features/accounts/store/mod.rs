//! The only SQL on accounts: users, sign-ins, teams, memberships, invitations, links, tokens, the audit log, settings.

pub mod archived;
pub mod audit;
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
