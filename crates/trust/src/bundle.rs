//! What travels with a release, and what whoever installs it checks: all of it without a network.

use serde::{Deserialize, Serialize};

use crate::archive::{self, File, Limits};
use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::digest::Digest;
use crate::envelope::{Envelope, EnvelopeError};
use crate::history::{HistoryError, KeyFault, KeyHistory};
use crate::keys::{KeyId, PublicKey};
use crate::log::{self, Hash, LogError};
use crate::proof::Proof;
use crate::statement::{FileDigest, KeyStatement, ReleaseStatement, RenameStatement, Statement};

/// In bytes of JSON: the files of a release take some 200 each.
const BUNDLE: usize = 4 << 20;
/// Each costs three verifications.
const KEYS: usize = 256;
/// Each costs two verifications.
const RENAMES: usize = 64;

/// A release's envelope with its place in the log, and the keys of its publisher. As JSON it is versioned by `mediaType`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Bundle {
    /// `Bundle::MEDIA_TYPE`.
    pub media_type: String,
    /// A `ReleaseStatement`, signed by its publisher and by the registry.
    pub release: Entry,
    /// All key statements about the publisher's account, in the order of the log. Without any, the registry's signature alone says that the
    /// key is the account's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<Entry>,
    /// How the item came from the name that the release was signed under to the one it has now, in the order of the log.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub renames: Vec<Entry>,
}

/// Something that is in the log, and the proof of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    pub envelope: Envelope,
    pub proof: Proof,
}

/// What one trusts to begin with; from somewhere else than the bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TrustRoot {
    /// The registry, as it is in its checkpoints and in what it takes.
    pub origin: String,
    /// Its keys: one, and another while one takes the other's place. One that is trusted no longer is left out.
    pub keys: Vec<PublicKey>,
}

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected<'a> {
    pub slug: &'a str,
    pub version: &'a str,
    /// A key of the publisher that was seen before: the release is by it, or by one that it brought in.
    pub publisher_key: Option<PublicKey>,
}

/// A release of which everything is as it should be.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified {
    pub release: Logged<ReleaseStatement>,
    /// The verified bytes, to be installed.
    pub files: Vec<File>,
}

/// A statement that the registry signed and logged.
#[derive(Debug, Clone, PartialEq)]
pub struct Logged<S> {
    pub statement: S,
    /// Its number in the log.
    pub index: u64,
    /// Of a tree that it is in.
    pub checkpoint: Checkpoint,
}

/// Which step failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("This is no bundle of a release: {0}.")]
    Json(String),
    #[error("The bundle is of the kind {0:?}, which this version does not know: a newer one may.")]
    MediaType(String),
    #[error("The bundle has more than {KEYS} key statements.")]
    TooManyKeys,
    #[error("The bundle has more than {RENAMES} renames.")]
    TooManyRenames,
    #[error("The bundle has a rename from {from:?} to {to:?}, which is none of {item:?}.")]
    OtherRename { item: String, from: String, to: String },
    #[error("The signed statement cannot be read. {0}")]
    Statement(EnvelopeError),
    #[error("None of the keys that you trust for {origin:?} signed this; it names {}.", named(signed_by))]
    UntrustedRegistry { origin: String, signed_by: Vec<String> },
    #[error("The registry's signature is wrong: the statement was changed after the registry {0:?} signed it.")]
    RegistrySignature(String),
    #[error("The head of the log cannot be trusted. {0}")]
    Checkpoint(CheckpointError),
    #[error("The registry {origin:?} does not prove that this is in its public log. {fault}")]
    NotInLog { origin: String, fault: LogError },
    #[error("This was published in the registry {found:?} and not in {expected:?}.")]
    OtherRegistry { found: String, expected: String },
    #[error("{expected:?} was asked for, and this is {found:?}.")]
    OtherItem { found: String, expected: String },
    #[error("Version {expected} was asked for, and this is {found}.")]
    OtherVersion { found: String, expected: String },
    #[error("The publisher's signature is missing or wrong: this was not signed with the key {0}, or changed afterwards.")]
    PublisherSignature(KeyId),
    #[error("Key statement {number} of the bundle is not valid. {fault}")]
    KeyStatement { number: usize, fault: HistoryError },
    #[error("The publisher's key was not valid for this release. {0}")]
    Key(KeyFault),
    #[error("The publisher's key is {found} and not {pinned}, which was seen before, and the holder of that did not bring in the new one.")]
    OtherPublisherKey { found: KeyId, pinned: KeyId },
    #[error("{path:?} was changed after it was signed: it is {found}, and {signed} was signed.")]
    FileChanged { path: String, signed: Digest, found: Digest },
    #[error("{path:?} was signed and is missing.")]
    FileMissing { path: String },
    #[error("{path:?} was added after the release was signed.")]
    FileAdded { path: String },
    #[error("The archive was changed after it was signed: it is {found}, and {signed} was signed.")]
    Archive { signed: Digest, found: Digest },
    #[error("The archive is as it was signed, but nothing to be installed. {0}")]
    NotCanonical(archive::ArchiveError),
    #[error("The list of files that was signed is not that of the archive.")]
    Files,
    #[error("The registry's log was at {old} entries and is at {new} now: what it said before is taken back.")]
    RolledBack { old: u64, new: u64 },
    #[error("The registry's log contradicts what it said before. {0}")]
    Forked(LogError),
}

fn named(keys: &[String]) -> String {
    if keys.is_empty() { "no key at all".to_owned() } else { format!("the keys {}", keys.join(", ")) }
}

impl Bundle {
    pub const MEDIA_TYPE: &str = "application/vnd.llmos.bundle.v1+json";

    pub fn new(release: Entry, keys: Vec<Entry>) -> Self {
        Self { media_type: Self::MEDIA_TYPE.to_owned(), release, keys, renames: Vec::new() }
    }

    /// # Errors
    /// `Json`, `MediaType`.
    pub fn from_bytes(json: &[u8]) -> Result<Self, Refusal> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Versioned {
            media_type: String,
        }
        if json.len() > BUNDLE {
            return Err(Refusal::Json(format!("it is over {BUNDLE} bytes long")));
        }
        let failed = |error: serde_json::Error| Refusal::Json(error.to_string());
        let Versioned { media_type } = serde_json::from_slice(json).map_err(failed)?;
        if media_type != Self::MEDIA_TYPE {
            return Err(Refusal::MediaType(media_type));
        }
        serde_json::from_slice(json).map_err(failed)
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        // Strings, numbers and lists of them always have JSON.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Whether `archive` (not compressed) is the release that was asked for, signed by its publisher with a key that was his, signed and
    /// logged by the registry. What the bundle cannot say is what was logged after it was made: a withdrawal, a revocation.
    ///
    /// # Errors
    /// The first step that failed.
    pub fn verify(&self, archive: &[u8], trust: &TrustRoot, expected: &Expected<'_>) -> Result<Verified, Refusal> {
        if self.media_type != Self::MEDIA_TYPE {
            return Err(Refusal::MediaType(self.media_type.clone()));
        }
        let release: Logged<ReleaseStatement> = self.release.open(trust)?;
        let statement = &release.statement;
        let different = |found: &str, expected: &str| (found != expected).then(|| (found.to_owned(), expected.to_owned()));
        if let Some((found, expected)) = different(&statement.registry, &trust.origin) {
            return Err(Refusal::OtherRegistry { found, expected });
        }
        if !self.names(statement, trust)?.iter().any(|name| name == expected.slug) {
            return Err(Refusal::OtherItem { found: statement.slug.clone(), expected: expected.slug.to_owned() });
        }
        if let Some((found, expected)) = different(&statement.version, expected.version) {
            return Err(Refusal::OtherVersion { found, expected });
        }
        let key = statement.publisher_key;
        self.release.envelope.verify(1, &[key]).map_err(|_| Refusal::PublisherSignature(key.id()))?;
        let history = self.history(&statement.publisher, trust)?;
        if !self.keys.is_empty() {
            history.check(&key, release.index).map_err(Refusal::Key)?;
        }
        if let Some(pinned) = expected.publisher_key.filter(|pinned| !history.descends(&key, pinned)) {
            return Err(Refusal::OtherPublisherKey { found: key.id(), pinned: pinned.id() });
        }
        let files = signed_files(archive, statement)?;
        Ok(Verified { release, files })
    }

    /// The name that the release was signed under, and those that its item had afterwards.
    fn names(&self, release: &ReleaseStatement, trust: &TrustRoot) -> Result<Vec<String>, Refusal> {
        if self.renames.len() > RENAMES {
            return Err(Refusal::TooManyRenames);
        }
        let mut names = vec![release.slug.clone()];
        for entry in &self.renames {
            let RenameStatement { item, from, to, .. } = entry.open(trust)?.statement;
            if item != release.item || names.last() != Some(&from) {
                return Err(Refusal::OtherRename { item: release.slug.clone(), from, to });
            }
            names.push(to);
        }
        Ok(names)
    }

    fn history(&self, account: &str, trust: &TrustRoot) -> Result<KeyHistory, Refusal> {
        if self.keys.len() > KEYS {
            return Err(Refusal::TooManyKeys);
        }
        let mut history = KeyHistory::new(account);
        for (entry, number) in self.keys.iter().zip(1..) {
            let Logged { index, .. } = entry.open::<KeyStatement>(trust)?;
            history.push(index, &entry.envelope, &trust.keys).map_err(|fault| Refusal::KeyStatement { number, fault })?;
        }
        Ok(history)
    }
}

impl Entry {
    /// What it says, if the registry signed it and it is in the registry's log. Of a release, whether its publisher signed it is for
    /// `Bundle::verify` to say, and of a key statement for `KeyHistory::push`.
    ///
    /// # Errors
    /// `Statement`, `UntrustedRegistry`, `RegistrySignature`, `Checkpoint`, `NotInLog`.
    pub fn open<S: Statement>(&self, trust: &TrustRoot) -> Result<Logged<S>, Refusal> {
        let Self { envelope, proof } = self;
        let statement = envelope.statement().map_err(Refusal::Statement)?;
        let origin = || trust.origin.clone();
        if envelope.verify(1, &trust.keys).is_err() {
            let signed_by: Vec<String> = envelope.signatures.iter().map(|signature| signature.keyid.clone()).collect();
            let known = trust.keys.iter().any(|key| signed_by.contains(&key.id().to_string()));
            return Err(if known {
                Refusal::RegistrySignature(origin())
            } else {
                Refusal::UntrustedRegistry { origin: origin(), signed_by }
            });
        }
        let checkpoint = Checkpoint::open(&proof.checkpoint, &trust.origin, &trust.keys).map_err(Refusal::Checkpoint)?;
        let leaf = log::leaf_hash(&envelope.to_bytes());
        log::verify_inclusion(&leaf, proof.index, checkpoint.size, &proof.hashes, &checkpoint.root)
            .map_err(|fault| Refusal::NotInLog { origin: origin(), fault })?;
        Ok(Logged { statement, index: proof.index, checkpoint })
    }
}

/// The files of `archive`, if they are those that were signed; else which is not.
fn signed_files(archive: &[u8], statement: &ReleaseStatement) -> Result<Vec<File>, Refusal> {
    // Whoever holds the archive in memory has limited it already.
    let size = archive.len() as u64;
    let limits = Limits { files: usize::MAX, file_bytes: size, total_bytes: size, path_bytes: usize::MAX };
    let found = Digest::of(archive);
    if found != statement.digest || size != statement.size {
        let files = archive::unpack(archive, &limits).unwrap_or_default();
        return Err(changed(&files, &statement.files).unwrap_or(Refusal::Archive { signed: statement.digest, found }));
    }
    let files = archive::unpack(archive, &limits).map_err(Refusal::NotCanonical)?;
    if FileDigest::of(&files) == statement.files { Ok(files) } else { Err(Refusal::Files) }
}

fn changed(files: &[File], signed: &[FileDigest]) -> Option<Refusal> {
    if files.is_empty() {
        return None;
    }
    let changed = signed.iter().find_map(|FileDigest { path, digest }| {
        let path = path.clone();
        let Some(file) = files.iter().find(|file| file.path == path) else { return Some(Refusal::FileMissing { path }) };
        let found = Digest::of(&file.bytes);
        (found != *digest).then_some(Refusal::FileChanged { path, signed: *digest, found })
    });
    let added = || files.iter().find(|file| !signed.iter().any(|signed| signed.path == file.path));
    changed.or_else(|| added().map(|file| Refusal::FileAdded { path: file.path.clone() }))
}

/// Whether a log only grew from `old`, the head that one remembers, to `new`. Both are of one log and opened already.
///
/// # Errors
/// `OtherRegistry`, `RolledBack`, `Forked`.
pub fn verify_consistency_of(old: &Checkpoint, new: &Checkpoint, proof: &[Hash]) -> Result<(), Refusal> {
    if old.origin != new.origin {
        return Err(Refusal::OtherRegistry { found: new.origin.clone(), expected: old.origin.clone() });
    }
    if new.size < old.size {
        return Err(Refusal::RolledBack { old: old.size, new: new.size });
    }
    log::verify_consistency(old.size, new.size, proof, &old.root, &new.root).map_err(Refusal::Forked)
}
