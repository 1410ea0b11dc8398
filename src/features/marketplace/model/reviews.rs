//! Lists of reviews and what is said to them, pictures of an item, and what is taken most.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::ItemReview;
use crate::{
    features::artifacts::model::Kind,
    ids::{ListingId, ScreenshotId},
};

/// Reviews on one page of the list, and the most that a program gets.
pub const REVIEW_PAGE: u32 = 20;
pub const REVIEW_PAGE_MAX: u32 = 100;
/// Pictures of one item.
pub const SCREENSHOTS: usize = 5;
/// The largest upload of one.
pub const SCREENSHOT_BYTES: usize = 10 * 1024 * 1024;
/// Characters of what a picture shows, in words.
pub const ALT_CHARS: usize = 250;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReviewSort {
    #[default]
    Newest,
    /// The best ratings first.
    Highest,
    /// The worst ratings first.
    Lowest,
}

impl ReviewSort {
    pub const ALL: [Self; 3] = [Self::Newest, Self::Highest, Self::Lowest];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Newest => "newest",
            Self::Highest => "highest",
            Self::Lowest => "lowest",
        }
    }

    pub fn words(self) -> &'static str {
        match self {
            Self::Newest => "newest",
            Self::Highest => "best first",
            Self::Lowest => "worst first",
        }
    }
}

impl FromStr for ReviewSort {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|sort| sort.as_str() == text).ok_or(())
    }
}

/// Which reviews of an item.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReviewQuery {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sort: Option<ReviewSort>,
    /// Only those with so many stars.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rating: Option<i64>,
    /// 20 without, 100 at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Where the page before ended (`next`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ReviewPage {
    pub items: Vec<ItemReview>,
    /// Behind the last of `items`, if more follow.
    pub next: Option<String>,
}

/// What a publisher says to a review.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Reply {
    /// Empty: nothing any more.
    pub text: String,
}

/// A picture of an item, encoded by this server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Screenshot {
    pub id: ScreenshotId,
    pub url: String,
    /// What it shows, in words.
    pub alt: String,
    pub width: i64,
    pub height: i64,
}

/// The pictures of an item in their order, with what they show.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ArrangeScreenshots {
    /// All that there are.
    pub screenshots: Vec<ArrangedScreenshot>,
}

#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ArrangedScreenshot {
    pub id: ScreenshotId,
    pub alt: String,
}

/// What becomes of a licence as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LicenceCheck {
    /// Whether it is an SPDX expression.
    pub valid: bool,
    /// One sentence for whoever wrote it.
    pub message: String,
    /// What may have been meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meant: Option<String>,
}

/// One of the items that were taken most.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TopItem {
    pub id: ListingId,
    pub slug: String,
    pub name: String,
    #[serde(rename = "type")]
    pub kind: Kind,
    /// Installations and downloads.
    pub taken: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_read_as_they_are_written() {
        for sort in ReviewSort::ALL {
            assert_eq!(sort.as_str().parse(), Ok(sort));
            assert_eq!(serde_json::to_string(&sort).ok(), Some(format!("\"{}\"", sort.as_str())));
        }
        assert_eq!("helpful".parse::<ReviewSort>(), Err(()));
    }
}
