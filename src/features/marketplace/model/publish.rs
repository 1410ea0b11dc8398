//! From an artifact to a release: what is sent, what the checks and the reviewers say.

use serde::{Deserialize, Serialize};

use super::{Dependency, ItemFile, Publisher};
use crate::{
    features::{
        accounts::model::Person,
        artifacts::model::{Kind, diff::Diff},
    },
    ids::{ArtifactId, ListingId, ReleaseId, TeamId},
};

/// What a release says that it may use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Capabilities {
    /// Network hosts, such as `api.example.org` or `*.example.org`.
    pub hosts: Vec<String>,
    /// Paths outside of its own folder.
    pub paths: Vec<String>,
    pub commands: Vec<String>,
    /// Environment variables.
    pub env: Vec<String>,
    /// Tools that it calls.
    pub tools: Vec<String>,
}

impl Capabilities {
    /// Each group with its words, as it is shown.
    pub fn groups(&self) -> [(&'static str, &'static str, &[String]); 5] {
        [
            ("globe", "Network hosts", &self.hosts),
            ("folder", "Paths outside its folder", &self.paths),
            ("terminal", "Commands", &self.commands),
            ("key", "Environment variables", &self.env),
            ("tool", "Tools", &self.tools),
        ]
    }

    pub fn is_empty(&self) -> bool {
        self.groups().iter().all(|(_, _, values)| values.is_empty())
    }

    /// What this has and `before` has not.
    pub fn beyond(&self, before: &Self) -> Self {
        let new = |now: &[String], before: &[String]| now.iter().filter(|value| !before.contains(value)).cloned().collect();
        Self {
            hosts: new(&self.hosts, &before.hosts),
            paths: new(&self.paths, &before.paths),
            commands: new(&self.commands, &before.commands),
            env: new(&self.env, &before.env),
            tools: new(&self.tools, &before.tools),
        }
    }
}

/// A release to submit. What is left out is read from the artifact's frontmatter, or is as in the release before.
#[derive(Clone, Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Publish {
    /// The committed artifact that is published, with the files beside it.
    #[serde(default)]
    pub artifact_id: Option<ArtifactId>,
    /// Of the listing; made from the name without it.
    #[serde(default)]
    pub slug: Option<String>,
    #[serde(default, rename = "type")]
    pub kind: Option<Kind>,
    #[serde(default)]
    pub name: Option<String>,
    #[serde(default)]
    pub description: Option<String>,
    /// The main file, where no artifact is named.
    #[serde(default)]
    pub content: Option<String>,
    #[serde(default)]
    pub files: Vec<PublishFile>,
    #[serde(default)]
    pub category: Option<String>,
    #[serde(default)]
    pub tags: Option<Vec<String>>,
    /// An SPDX expression.
    #[serde(default)]
    pub license: Option<String>,
    /// Without it, the next patch; 1.0.0 at first.
    #[serde(default)]
    pub version: Option<String>,
    #[serde(default)]
    pub changelog: Option<String>,
    #[serde(default)]
    pub repository: Option<String>,
    /// `slug` or `slug@range`.
    #[serde(default)]
    pub dependencies: Option<Vec<String>>,
    #[serde(default)]
    pub capabilities: Option<Capabilities>,
    /// Publish for this team, not for oneself; only for a new listing.
    #[serde(default)]
    pub team: Option<TeamId>,
    /// Without it, it is signed later.
    #[serde(default)]
    pub signature: Option<SignedStatement>,
}

/// A file beside the main file.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PublishFile {
    pub path: String,
    /// Base64.
    pub content: String,
}

/// A signature over DSSE's pre-authentication encoding of a release's statement.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Signed {
    pub key_id: String,
    /// Base64.
    pub signature: String,
}

/// What a publisher signed before sending it: the server compares it with what it would have given to sign.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SignedStatement {
    #[serde(flatten)]
    pub signed: Signed,
    /// The statement, base64 of its JSON. Its item is a listing that is there: a new name is reserved first.
    pub payload: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReleaseState {
    /// Waits for a moderator.
    Review,
    /// Its author is asked for changes: another submission of the version takes its place.
    Changes,
    Rejected,
    /// May go public as soon as its author has signed it.
    Approved,
    Public,
    /// Public, and nobody installs it anew.
    Withdrawn,
}

impl ReleaseState {
    pub const ALL: [ReleaseState; 6] = [
        ReleaseState::Review,
        ReleaseState::Changes,
        ReleaseState::Rejected,
        ReleaseState::Approved,
        ReleaseState::Public,
        ReleaseState::Withdrawn,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            ReleaseState::Review => "review",
            ReleaseState::Changes => "changes",
            ReleaseState::Rejected => "rejected",
            ReleaseState::Approved => "approved",
            ReleaseState::Public => "public",
            ReleaseState::Withdrawn => "withdrawn",
        }
    }

    pub fn parse(text: &str) -> Self {
        Self::ALL.into_iter().find(|state| state.as_str() == text).unwrap_or(ReleaseState::Review)
    }

    /// Everybody may read it.
    pub fn is_out(self) -> bool {
        matches!(self, ReleaseState::Public | ReleaseState::Withdrawn)
    }

    pub fn words(self) -> &'static str {
        match self {
            ReleaseState::Review => "In review",
            ReleaseState::Changes => "Changes asked for",
            ReleaseState::Rejected => "Rejected",
            ReleaseState::Approved => "Approved, to be signed",
            ReleaseState::Public => "Public",
            ReleaseState::Withdrawn => "Withdrawn",
        }
    }
}

/// One thing that the checks found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    pub rule: String,
    pub class: String,
    /// info, low, medium, high, critical.
    pub severity: String,
    /// Nothing goes public with it unless a moderator lets it pass.
    pub blocks: bool,
    pub path: String,
    /// From 1; 0 for the whole file.
    pub line: i64,
    pub evidence: String,
    pub why: String,
    pub fix: String,
}

/// A release on its way to the public, or there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Submission {
    pub id: ReleaseId,
    pub listing_id: ListingId,
    pub slug: String,
    pub kind: Kind,
    pub name: String,
    pub description: String,
    pub version: String,
    pub author: Publisher,
    pub submitted_by: Person,
    pub state: ReleaseState,
    /// Whether a finding blocks.
    pub held: bool,
    /// Jobs still look at it: near copies, outside links.
    #[serde(default)]
    pub checking: bool,
    pub findings: i64,
    pub signed: bool,
    /// The first release of its listing.
    pub first: bool,
    pub created_at: i64,
    pub updated_at: i64,
}

/// What a reviewer, or its author, looks at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SubmissionDetail {
    pub submission: Submission,
    pub licence: String,
    pub category: String,
    pub tags: Vec<String>,
    pub changelog: String,
    pub dependencies: Vec<Dependency>,
    pub capabilities: Capabilities,
    /// What the release before did not declare.
    pub new_capabilities: Capabilities,
    pub report: Vec<Finding>,
    /// SHA-256 of the canonical archive: `sha256:` and hexadecimal digits.
    pub digest: String,
    pub size: i64,
    /// The version that `changes` is against.
    pub before: Option<String>,
    pub changes: Vec<FileDiff>,
    pub decisions: Vec<Decision>,
    /// Of what is to be signed: its DSSE payload type, and the payload in base64.
    pub payload_type: String,
    pub payload: String,
    /// What it was published from.
    #[serde(default)]
    pub artifact_id: Option<ArtifactId>,
    /// Whether the caller may decide on it.
    pub may_review: bool,
    /// Whether the caller is its publisher.
    pub own: bool,
}

/// How one file differs from the release before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FileDiff {
    pub path: String,
    /// created, updated, deleted.
    pub change: String,
    /// None for a file that is no text.
    pub diff: Option<Diff>,
    pub size: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// submitted, approved, changes, rejected, appealed, signed, passed.
    pub decision: String,
    pub reason: String,
    pub by: Person,
    pub at: i64,
}

/// What a form to publish an artifact begins with.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PublishDraft {
    /// Filled in from the artifact and from the release before.
    pub publish: Publish,
    /// What its texts seem to use.
    pub seen: Capabilities,
    /// What the checks say of it as it is.
    pub report: Vec<Finding>,
    /// The name is the caller's already: it and whose it is stay as they are.
    #[serde(default)]
    pub listed: bool,
    /// The newest version so far.
    pub before: Option<String>,
    pub files: Vec<ItemFile>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Approve,
    Changes,
    Reject,
}

/// What a moderator decides.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Review {
    pub verdict: Verdict,
    /// Needed unless it is approved without findings that block.
    #[serde(default)]
    pub reason: String,
}

/// Words with an act: an appeal, a withdrawal.
#[derive(Clone, Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Reason {
    #[serde(default)]
    pub reason: String,
}

/// A key that somebody publishes with. Its private half never leaves where it was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PublisherKey {
    pub id: String,
    /// `ed25519:` and the key in base64url without padding.
    pub public_key: String,
    /// Where it is, in its owner's words.
    pub name: String,
    pub revoked_at: Option<i64>,
    pub created_at: i64,
}

#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AddKey {
    pub public_key: String,
    pub name: String,
    /// What the key itself signs, so that nobody registers a stranger's: a key statement (docs/decisions/trust.md) in base64, as the payload of a
    /// DSSE envelope. Its action is `add`, or `rotate` where the key takes another one's place.
    #[serde(default)]
    pub payload: String,
    /// Over that payload: the key's own, and with `by` also that key's.
    #[serde(default)]
    pub signatures: Vec<Signed>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_new_in_capabilities_is_named() {
        let list = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>();
        let before = Capabilities { hosts: list(&["a.example"]), commands: list(&["git"]), ..Capabilities::default() };
        let now = Capabilities { hosts: list(&["a.example", "b.example"]), env: list(&["TOKEN"]), ..Capabilities::default() };
        let new = now.beyond(&before);
        assert_eq!(new, Capabilities { hosts: list(&["b.example"]), env: list(&["TOKEN"]), ..Capabilities::default() });
        assert!(before.beyond(&before).is_empty() && !new.is_empty());
    }
}
