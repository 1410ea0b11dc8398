//! Ids: UUIDv7 behind one newtype for each kind of row, so that a team's id cannot be passed where a user's is meant.
//!
//! Text in SQL and JSON, in the usual hyphenated lower-case form. Clients may make ids too (`generate` works in the browser).

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! ids {
    ($($(#[doc = $doc:literal])* $name:ident;)*) => {$(
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
        #[serde(transparent)]
        #[schema(value_type = String, format = "uuid")]
        pub struct $name(Uuid);

        impl $name {
            /// A new id: time-ordered (UUIDv7), random below the millisecond.
            pub fn generate() -> Self { Self(Uuid::now_v7()) }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { self.0.fmt(f) }
        }
        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> { Uuid::parse_str(text).map(Self) }
        }
    )*};
}

ids! {
    /// A person or an agent account.
    UserId;
    /// A group with its own data.
    TeamId;
    /// One signed-in browser.
    SignInId;
    InvitationId;
    ApiTokenId;
    VolumeId;
    ArtifactId;
    /// One saved state of an artifact.
    RevisionId;
    CommitId;
    JobId;
}
