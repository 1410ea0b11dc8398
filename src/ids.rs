//! Ids: UUIDv7 behind one newtype for each kind of row, so that a team's id cannot be passed where a user's is meant.
//!
//! Text in SQL and JSON, in the usual hyphenated lower-case form. Clients may make ids too (`generate` works in the browser).

use std::{
    fmt,
    str::FromStr,
    sync::atomic::{AtomicI64, Ordering},
};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::{AppError, AppResult};

/// 2020-01-01. Ids of before name what is built in.
const EARLIEST: i64 = 1_577_836_800_000;
/// How far a client's clock may be ahead: what is made later has to sort behind it.
const AHEAD: i64 = 24 * 60 * 60 * 1_000;

/// Milliseconds that the server's clock is ahead of this device's, as far as it is known; 0 on the server.
static AHEAD_OF_US: AtomicI64 = AtomicI64::new(0);

/// Ids made from now on have the server's time: a device's clock may be off by days, and such ids would be refused, or sort wrongly.
pub fn follow_clock(ahead: i64) {
    AHEAD_OF_US.store(ahead, Ordering::Relaxed);
}

/// A UUIDv7 with its time moved by so many milliseconds. The time is in the upper 48 bits.
fn moved(id: Uuid, by: i64) -> Uuid {
    Uuid::from_u128(id.as_u128().wrapping_add((i128::from(by) as u128) << 80))
}

/// Ids order rows by the time they were made at, so one that a client made has to have one.
fn made_by_client(id: Uuid, now: i64) -> bool {
    let seconds = if id.get_version_num() == 7 { id.get_timestamp().map(|time| time.to_unix().0) } else { None };
    let millis = seconds.and_then(|seconds| i64::try_from(seconds).ok()?.checked_mul(1_000));
    millis.is_some_and(|millis| (EARLIEST..=now.saturating_add(AHEAD)).contains(&millis))
}

macro_rules! ids {
    ($($(#[doc = $doc:literal])* $name:ident;)*) => {$(
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
        #[serde(transparent)]
        #[schema(value_type = String, format = "uuid")]
        pub struct $name(Uuid);

        impl $name {
            /// A new id: time-ordered (UUIDv7), random below the millisecond.
            pub fn generate() -> Self { Self(moved(Uuid::now_v7(), AHEAD_OF_US.load(Ordering::Relaxed))) }

            /// The id that a client made for what it creates, so that a retry creates nothing twice; a new one without it.
            pub fn chosen(made: Option<Self>, now: i64) -> AppResult<Self> {
                match made {
                    Some(id) if !made_by_client(id.0, now) => {
                        Err(AppError::field("id", "An id made by the client is a UUIDv7 with the time it was made at."))
                    }
                    Some(id) => Ok(id),
                    None => Ok(Self::generate()),
                }
            }
        }
        impl $name {
            /// The id of another kind that names the same thing: a room's is that of what it is about.
            pub fn same_as<T: From<Uuid>>(self) -> T { self.0.into() }
            /// As the search index keeps it.
            pub fn bits(self) -> u128 { self.0.as_u128() }
            pub fn from_bits(bits: u128) -> Self { Self(Uuid::from_u128(bits)) }
            /// The id that an address names in one of its parts. What has not the form of one is that of nothing, and is not found.
            pub fn in_address(part: Option<String>) -> Option<Self> {
                part.filter(|part| !part.is_empty()).map(|part| Self(Uuid::parse_str(&part).unwrap_or_default()))
            }
            /// The time in it, in UTC milliseconds: of what a client made, when it did.
            pub fn made_at(self) -> Option<i64> {
                if self.0.get_version_num() == 7 { i64::try_from(self.bits() >> 80).ok() } else { None }
            }
        }
        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self { Self(id) }
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
    /// An app with one-time codes, or a passkey.
    FactorId;
    InvitationId;
    ApiTokenId;
    VolumeId;
    ArtifactId;
    /// One saved state of an artifact.
    RevisionId;
    CommitId;
    JobId;
    /// A shared piece of work.
    SessionId;
    /// One entry of a session's timeline.
    EntryId;
    /// Something attached to a session.
    AttachmentId;
    /// A thread of comments.
    ThreadId;
    CommentId;
    NotificationId;
    /// A browser that is told by Web Push.
    PushDeviceId;
    /// What is published in the marketplace under one slug.
    ListingId;
    /// One version of a listing.
    ReleaseId;
    /// A picture of a listing.
    ScreenshotId;
    /// One webhook call received from GitHub.
    DeliveryId;
    /// Something that a team has to do.
    TaskId;
    /// The record of one run.
    TraceId;
    /// A group of similar traces.
    PatternId;
    /// A skill drafted from a pattern.
    ProposalId;
    /// A question to analytics, kept under a name.
    AnalyticsViewId;
    /// A link that shows a dashboard to whoever has it.
    AnalyticsShareId;
    /// What somebody wants to be told of a number.
    AnalyticsAlertId;
    /// A question to the assistant.
    RunId;
    /// A call of a tool that the assistant wants to make.
    CallId;
    /// One life of a process that serves.
    NodeId;
    /// A team, a user (their own workspace), a session or an artifact, as a place where people meet: the same id.
    RoomId;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_follow_the_server_s_clock() {
        let made = |millis: u64| uuid::Builder::from_unix_timestamp_millis(millis, &[7; 10]).into_uuid();
        let now = 1_800_000_000_000;
        for by in [0, 1, -1, 40 * 86_400_000, -40 * 86_400_000] {
            assert_eq!(moved(made(now), by), made(now.saturating_add_signed(by)));
        }
    }

    #[test]
    fn clients_make_ids_of_version_7_with_a_time() {
        let now = 1_800_000_000_000;
        let at = |millis: u64| TeamId(uuid::Builder::from_unix_timestamp_millis(millis, &[7; 10]).into_uuid());
        let fine = at(1_790_000_000_000);
        assert_eq!(TeamId::chosen(Some(fine), now).ok(), Some(fine), "offline for months is fine");
        assert!(TeamId::chosen(None, now).is_ok());
        for bad in [at(0), at(1_800_000_000_000 + 2 * 86_400_000), TeamId(Uuid::nil()), TeamId(Uuid::max())] {
            let error = TeamId::chosen(Some(bad), now).expect_err("refused");
            assert!(error.fields.contains_key("id"));
        }
        // The same bits as version 4.
        let random = TeamId(uuid::Builder::from_random_bytes(*fine.0.as_bytes()).into_uuid());
        assert!(TeamId::chosen(Some(random), now).is_err());
    }
}
