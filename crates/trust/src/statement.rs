//! What is signed: who says what about which release, key or withdrawal.
//!
//! A statement travels as the payload of an `Envelope`, in the very bytes that were signed. A field that is not known here is refused:
//! nobody signs what he does not understand, and nobody is shown less than what was signed.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::archive::File;
use crate::digest::Digest;
use crate::keys::{KeyId, PublicKey};

/// What an envelope may carry.
pub trait Statement: Serialize + DeserializeOwned {
    /// Signed together with the payload, so that no statement is taken for one of another kind.
    const PAYLOAD_TYPE: &str;
}

impl Statement for ReleaseStatement {
    const PAYLOAD_TYPE: &str = "application/vnd.llmos.release+json";
}

impl Statement for KeyStatement {
    const PAYLOAD_TYPE: &str = "application/vnd.llmos.key+json";
}

impl Statement for WithdrawalStatement {
    const PAYLOAD_TYPE: &str = "application/vnd.llmos.withdrawal+json";
}

impl Statement for RenameStatement {
    const PAYLOAD_TYPE: &str = "application/vnd.llmos.rename+json";
}

/// "These files are version `version` of `slug`."
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReleaseStatement {
    /// The origin of the registry that it is for, as in its checkpoints: it is worth nothing in another.
    pub registry: String,
    /// The listing's id, a UUID.
    pub item: String,
    pub slug: String,
    pub kind: Kind,
    /// Semantic version. Compared as text.
    pub version: String,
    /// Of the canonical archive.
    pub digest: Digest,
    /// Of the canonical archive, in bytes.
    pub size: u64,
    /// The files of the archive, in its order: they say which one was changed, where the digest of the whole says only that one was.
    pub files: Vec<FileDigest>,
    /// An SPDX expression.
    pub licence: String,
    pub dependencies: Vec<Dependency>,
    /// What the release asks for, in the form that the application gives it.
    pub capabilities: Value,
    /// The account that publishes.
    pub publisher: String,
    /// The key that signs this.
    pub publisher_key: PublicKey,
    /// RFC 3339, as the publisher states it. For people: order is what the log says.
    pub at: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Skill,
    Tool,
    Agent,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FileDigest {
    pub path: String,
    pub digest: Digest,
}

impl FileDigest {
    /// Of all `files`, sorted as they are in an archive.
    pub fn of(files: &[File]) -> Vec<Self> {
        let mut digests: Vec<_> = files.iter().map(|file| Self { path: file.path.clone(), digest: Digest::of(&file.bytes) }).collect();
        digests.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        digests
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Dependency {
    pub slug: String,
    /// A range of semantic versions.
    pub range: String,
}

/// "This key speaks for the account" or "it does no longer"; what that needs is in `KeyHistory::push`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeyStatement {
    pub account: String,
    pub key: PublicKey,
    pub action: KeyAction,
    /// The key of the account that says so. Without one the registry alone does: for the first key, and when all others are lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<KeyId>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Only with `Revoke`: what was logged with the key at this number or above is not to be trusted either.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compromised_since: Option<u64>,
    /// RFC 3339, as its maker states it. For people: order is what the log says.
    pub at: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyAction {
    /// `key` speaks for the account, beside those that already do.
    Add,
    /// `key` takes the place of `by`.
    Rotate,
    /// `key` speaks for nobody from here on.
    Revoke,
}

/// "Do not install this version any more." The release stays in the log; this is beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WithdrawalStatement {
    /// The listing's id, a UUID.
    pub item: String,
    pub version: String,
    pub reason: String,
    /// RFC 3339, as its maker states it.
    pub at: String,
}

/// "What was called `from` is called `to` from here on." What was signed under the old name stays as it was signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RenameStatement {
    /// The listing's id, a UUID.
    pub item: String,
    pub from: String,
    pub to: String,
    /// RFC 3339, as its maker states it.
    pub at: String,
}
