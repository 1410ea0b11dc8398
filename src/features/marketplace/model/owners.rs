//! Who has a listing, and what they may do with it.

use serde::{Deserialize, Serialize};

use super::Publisher;
use crate::{
    features::{accounts::model::Person, artifacts::model::Kind},
    ids::{ListingId, TeamId, UserId},
};

/// Names that an account may hold without ever having published under them.
pub const UNUSED_NAMES: i64 = 10;
/// Names that a listing may have had before; each stays its own for ever.
pub const FORMER_NAMES: usize = 10;
pub const CO_OWNERS: usize = 20;
/// How long after its first publication a listing may still be deleted.
pub const DELETION_HOURS: i64 = 72;
/// Characters of a reason to deprecate.
pub const DEPRECATION_CHARS: usize = 500;

/// A name to take before anything is published under it.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reserve {
    pub slug: String,
    /// What is to be published under it; a skill if not given.
    #[serde(default, rename = "type")]
    pub kind: Option<Kind>,
    /// For this team, not for oneself.
    #[serde(default)]
    pub team: Option<TeamId>,
}

/// What changes of a listing itself; what is left out stays. Releases are immutable: another description comes with the next one.
#[derive(Clone, Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ChangeListing {
    /// Another slug. The one it had leads on to it for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether its publishers advise against it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deprecated: Option<bool>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deprecation: Option<String>,
    /// The slug of what to use instead; empty for nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub successor: Option<String>,
    /// A team that the caller may publish for, or a co-owner: the id of whom it belongs to from now on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
}

/// Why its publishers advise against an item, and what to use instead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Deprecation {
    pub reason: String,
    /// A slug; empty for nothing.
    pub successor: String,
}

impl Deprecation {
    /// "Deprecated: …", on one line.
    pub fn words(&self) -> String {
        let instead = if self.successor.is_empty() { String::new() } else { format!(" Instead: {}", self.successor) };
        format!("Deprecated: {}{instead}", self.reason)
    }
}

/// Somebody who publishes a listing beside its owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CoOwner {
    pub person: Person,
    /// UTC milliseconds.
    pub since: i64,
}

/// Whose a listing is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ListingOwners {
    /// The account or team that it belongs to.
    pub owner: Publisher,
    /// Accounts that publish it as well, the first of them first.
    pub co_owners: Vec<CoOwner>,
}

#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AddOwner {
    /// The id of an account, or its e-mail address.
    pub account: String,
}

/// One's own listing, whether or not anything is public under its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OwnListing {
    pub id: ListingId,
    pub slug: String,
    pub name: String,
    pub kind: Kind,
    /// reserved, listed, hidden or quarantined.
    pub state: String,
    /// The newest public version; empty without one.
    pub version: String,
    pub owner: Publisher,
    pub deprecated: bool,
    pub updated_at: i64,
}

/// A listing as its publishers manage it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ManagedListing {
    #[serde(flatten)]
    pub listing: OwnListing,
    pub co_owners: Vec<CoOwner>,
    /// Who asks.
    pub caller: UserId,
    /// Whether the caller decides on its name, its owners and its end; co-owners publish and deprecate.
    pub decides: bool,
    /// Names that lead on to it.
    pub former_names: Vec<String>,
    pub deprecation: Option<Deprecation>,
    /// Why it cannot be deleted; nothing if it can.
    pub undeletable: Option<String>,
    /// Until when it can be; nothing for a name under which nothing was ever public.
    pub deletable_until: Option<i64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_says_only_what_changes() {
        let json = serde_json::to_string(&ChangeListing { name: Some("tide".to_owned()), ..ChangeListing::default() });
        assert_eq!(json.unwrap_or_default(), r#"{"name":"tide"}"#);
        assert!(serde_json::from_str::<ChangeListing>(r#"{"description":"Better."}"#).is_err());
        let deprecation = Deprecation { reason: "Too slow.".to_owned(), successor: "tide-table".to_owned() };
        assert_eq!(deprecation.words(), "Deprecated: Too slow. Instead: tide-table");
    }
}
