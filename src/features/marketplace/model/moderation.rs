//! What is said against items, what moderators do about it, and what everybody can read of that.

use serde::{Deserialize, Serialize};

use super::Publisher;
use crate::{
    features::{accounts::model::Person, artifacts::model::Kind},
    ids::{ListingId, ReleaseId},
};

/// Events of one page of the public record.
pub const EVENTS_DEFAULT: u32 = 50;
pub const EVENTS_MAX: u32 = 100;

/// What is wrong with an item, in the words of who reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReportReason {
    /// It does harm: it leaks secrets, runs what it should not, turns agents against their people.
    Malicious,
    /// It is not what it says it is, or imitates another.
    Deceptive,
    /// It does not work.
    Broken,
    /// It is published against its author's licence.
    Licence,
    Other,
}

impl ReportReason {
    pub const ALL: [Self; 5] = [Self::Malicious, Self::Deceptive, Self::Broken, Self::Licence, Self::Other];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Malicious => "malicious",
            Self::Deceptive => "deceptive",
            Self::Broken => "broken",
            Self::Licence => "licence",
            Self::Other => "other",
        }
    }

    pub fn words(self) -> &'static str {
        match self {
            Self::Malicious => "It does harm",
            Self::Deceptive => "It is not what it says it is",
            Self::Broken => "It does not work",
            Self::Licence => "It breaks somebody's licence",
            Self::Other => "Something else",
        }
    }

    pub fn parse(text: &str) -> Self {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text).unwrap_or(Self::Other)
    }

    /// Whether enough of these hide an item before a moderator has looked: what only does not work harms nobody.
    pub fn is_grave(self) -> bool {
        matches!(self, Self::Malicious | Self::Deceptive | Self::Licence)
    }
}

#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct NewReport {
    pub reason: ReportReason,
    /// What exactly, for the moderators.
    #[serde(default)]
    pub text: String,
}

/// A report that nobody has settled. Only moderators see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ItemReport {
    pub reason: ReportReason,
    pub text: String,
    pub by: Person,
    pub at: i64,
}

/// A public release in which newer rules found what would have been held back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FlaggedRelease {
    pub id: ReleaseId,
    pub version: String,
    /// The rules, by id.
    pub rules: String,
}

/// An item that a moderator has to look at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ModerationCase {
    pub listing_id: ListingId,
    pub slug: String,
    pub name: String,
    pub kind: Kind,
    pub author: Publisher,
    pub standing: ListingStanding,
    pub reports: Vec<ItemReport>,
    pub flagged: Vec<FlaggedRelease>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ModerationAct {
    /// There is nothing to it: reports, flags and appeal are settled, and what was hidden is shown again.
    Dismiss,
    /// Nobody finds or installs it any more; what is installed stays.
    Hide,
    /// The same, and what is installed is disabled until its volume's people decide.
    Quarantine,
}

#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Moderation {
    pub act: ModerationAct,
    /// Everybody reads it.
    #[serde(default)]
    pub reason: String,
}

/// How an item stands with the moderators.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ListingStanding {
    /// reserved, listed, hidden, quarantined.
    pub state: String,
    /// Why it is hidden or quarantined.
    pub reason: String,
    /// What its publishers say to that; empty when nothing waits for an answer.
    pub appeal: String,
}

impl ListingStanding {
    /// Moderators took it away.
    pub fn is_away(&self) -> bool {
        matches!(self.state.as_str(), "hidden" | "quarantined")
    }
}

/// Something that happened in the marketplace, for everybody to read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct MarketEvent {
    pub id: String,
    pub slug: String,
    /// reported, hidden, quarantined, restored, appealed, …
    pub action: String,
    pub detail: String,
    /// Who did it; empty where that is nobody's business, or the server did it by itself.
    pub by: String,
    pub at: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", default)]
pub struct EventsQuery {
    /// Only of this item: slug or id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
    /// Where the page before ended (`next`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// 50 without, 100 at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// The newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct EventsPage {
    pub items: Vec<MarketEvent>,
    pub next: Option<String>,
}
