//! Pull requests to the branch that a volume is linked to.

use serde::{Deserialize, Serialize};

use crate::features::{artifacts::model::Kind, marketplace::model::Finding};

/// Those that a volume's page shows.
pub const PULLS_SHOWN: i64 = 20;
/// Changes and findings that are kept of one.
pub const CHANGES_KEPT: usize = 100;
pub const FINDINGS_KEPT: usize = 100;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum PullState {
    Open,
    Closed,
    Merged,
}

impl PullState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Merged => "merged",
        }
    }
    pub fn parse(text: &str) -> Self {
        match text {
            "open" => Self::Open,
            "merged" => Self::Merged,
            _ => Self::Closed,
        }
    }
}

/// What its reviewers say, taken together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReviewStatus {
    #[default]
    None,
    Approved,
    ChangesRequested,
}

/// An artifact that a pull request would change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PullChange {
    pub path: String,
    pub kind: Kind,
    pub slug: String,
    pub change: ChangeKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    Created,
    Updated,
    Deleted,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PullRequest {
    /// `owner/name` in lower case.
    pub repository: String,
    pub number: i64,
    pub title: String,
    /// The login at GitHub.
    pub author: String,
    pub url: String,
    pub state: PullState,
    pub draft: bool,
    pub review: ReviewStatus,
    pub head_sha: String,
    /// The commit that the preview is of; none: it is not there yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looked_sha: Option<String>,
    pub changes: Vec<PullChange>,
    /// What the scanner says of what it would change.
    pub findings: Vec<Finding>,
    /// One sentence: why there is no preview.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// One sentence: how the result was told to GitHub, or why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked: Option<String>,
    pub created_at: i64,
    pub updated_at: i64,
}

/// One review: who, when, its number at GitHub, and whether it approves; none where it was dismissed.
pub struct Reviewed<'a> {
    pub reviewer: &'a str,
    pub at: (i64, i64),
    pub approves: Option<bool>,
}

/// Of each reviewer the latest counts; one who wants changes outweighs those who approve.
pub fn review_status<'a>(reviews: impl IntoIterator<Item = Reviewed<'a>>) -> ReviewStatus {
    let mut latest: std::collections::HashMap<&str, Reviewed<'_>> = std::collections::HashMap::new();
    for review in reviews {
        let newer = latest.get(review.reviewer).is_none_or(|known| known.at < review.at);
        if newer {
            latest.insert(review.reviewer, review);
        }
    }
    let says = |approves: bool| latest.values().any(|review| review.approves == Some(approves));
    match (says(false), says(true)) {
        (true, _) => ReviewStatus::ChangesRequested,
        (false, true) => ReviewStatus::Approved,
        (false, false) => ReviewStatus::None,
    }
}

/// What a preview says, in a line: "2 artifacts: pdf, calc. 1 finding holds it back."
pub fn preview_words(changes: &[PullChange], findings: &[Finding]) -> String {
    use crate::ui::plural;
    let blocking = findings.iter().filter(|finding| finding.blocks).count() as i64;
    let names: Vec<&str> = changes.iter().take(5).map(|change| change.slug.as_str()).collect();
    let changed = match changes.len() {
        0 => "No artifact would change.".to_owned(),
        all => {
            let more = if all > names.len() { " and others" } else { "" };
            format!("{} would change: {}{more}.", plural(all as i64, "artifact", "artifacts"), names.join(", "))
        }
    };
    let found = match (findings.len() as i64, blocking) {
        (0, _) => "Nothing was found in them.".to_owned(),
        (all, 0) => format!("{} to look at.", plural(all, "finding", "findings")),
        (all, blocking) => {
            format!("{}, of which {} would hold it back from the marketplace.", plural(all, "finding", "findings"), blocking)
        }
    };
    if changes.is_empty() { changed } else { format!("{changed} {found}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(reviews: &[(&str, i64, Option<bool>)]) -> ReviewStatus {
        review_status(reviews.iter().map(|(reviewer, at, approves)| Reviewed { reviewer, at: (*at, 0), approves: *approves }))
    }

    #[test]
    fn the_latest_review_of_each_counts() {
        assert_eq!(status(&[]), ReviewStatus::None);
        assert_eq!(status(&[("ana", 1, Some(false)), ("ana", 2, Some(true))]), ReviewStatus::Approved);
        assert_eq!(status(&[("ana", 2, Some(true)), ("ana", 1, Some(false))]), ReviewStatus::Approved, "in whatever order they came");
        assert_eq!(status(&[("ana", 1, Some(true)), ("tom", 2, Some(false))]), ReviewStatus::ChangesRequested);
        assert_eq!(status(&[("ana", 1, Some(true)), ("tom", 2, None)]), ReviewStatus::Approved);
        assert_eq!(status(&[("tom", 1, Some(false)), ("tom", 2, None)]), ReviewStatus::None);
    }
}
