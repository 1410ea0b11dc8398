//! The catalogue: what it is asked, and what it answers.

use std::{collections::BTreeMap, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{Capabilities, TopItem};
use crate::{features::artifacts::model::Kind, ids::ListingId};

pub const BROWSE_DEFAULT: u32 = 24;
pub const BROWSE_MAX: u32 = 100;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum MarketSort {
    /// Most installations first.
    #[default]
    Popular,
    /// Installations and downloads of seven days, the later ones counting more.
    Trending,
    /// Newest release first.
    Recent,
    /// By the lower bound of Wilson's score interval.
    Rating,
    Downloads,
}

impl MarketSort {
    pub const ALL: [MarketSort; 5] =
        [MarketSort::Popular, MarketSort::Trending, MarketSort::Recent, MarketSort::Rating, MarketSort::Downloads];

    pub fn as_str(self) -> &'static str {
        match self {
            MarketSort::Popular => "popular",
            MarketSort::Trending => "trending",
            MarketSort::Recent => "recent",
            MarketSort::Rating => "rating",
            MarketSort::Downloads => "downloads",
        }
    }

    pub fn words(self) -> &'static str {
        match self {
            MarketSort::Popular => "popular",
            MarketSort::Trending => "trending",
            MarketSort::Recent => "newest",
            MarketSort::Rating => "best rated",
            MarketSort::Downloads => "most downloaded",
        }
    }
}

impl FromStr for MarketSort {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        MarketSort::ALL.into_iter().find(|sort| sort.as_str() == text).ok_or(())
    }
}

/// What to list. Of several values, separated by commas, one is enough; of tags all are meant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BrowseQuery {
    /// In one's own words; the answer is then in the order of how well it fits, unless `sortBy` says otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub q: Option<String>,
    /// skill, tool, agent.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<String>,
    /// Ids of accounts and teams.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// SPDX expressions, as they were given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// From 1 to 5: the mean; what is not rated is left out then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_rating: Option<f64>,
    /// Only what is signed by a key of its publisher.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified: Option<bool>,
    /// UTC milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_since: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sort_by: Option<MarketSort>,
    /// 24 without, 100 at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u32>,
    /// Where the page before ended (`next`): new items do not shift what follows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// Who publishes: an account or a team.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Publisher {
    pub id: String,
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avatar: Option<String>,
    /// Whether it is a team.
    #[serde(default)]
    pub team: bool,
}

/// A card of the catalogue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ListingCard {
    pub id: ListingId,
    pub slug: String,
    pub kind: Kind,
    pub name: String,
    pub description: String,
    pub category: String,
    pub tags: Vec<String>,
    pub licence: String,
    pub author: Publisher,
    pub version: String,
    /// The mean of 1 to 5; 0 without ratings.
    pub rating: f64,
    pub ratings: i64,
    pub installs: i64,
    pub downloads: i64,
    pub capabilities: Capabilities,
    pub signed: bool,
    pub deprecated: bool,
    pub published_at: i64,
    /// In which of the caller's volumes it is, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub installed: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct MarketCount {
    pub value: String,
    /// What a person reads, where it is not the value.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    pub count: i64,
}

/// How many there are of each value, as if nothing of its own group were chosen; the most frequent first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MarketFacets {
    pub kinds: Vec<MarketCount>,
    pub categories: Vec<MarketCount>,
    pub tags: Vec<MarketCount>,
    pub licences: Vec<MarketCount>,
    pub authors: Vec<MarketCount>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BrowsePage {
    pub items: Vec<ListingCard>,
    pub total: i64,
    pub next: Option<String>,
    pub facets: MarketFacets,
}

/// The figures of the whole catalogue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MarketStats {
    pub total_items: i64,
    pub total_downloads: i64,
    pub categories: Vec<CategoryCount>,
    pub top_authors: Vec<AuthorCount>,
    /// What was taken most in the last `7d`, `30d` and `90d`, and of `all` time.
    #[serde(default)]
    pub top_items: BTreeMap<String, Vec<TopItem>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CategoryCount {
    pub name: String,
    pub count: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AuthorCount {
    pub name: String,
    pub items: i64,
}
