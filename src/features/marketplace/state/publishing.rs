//! From an artifact to a public release: what its author and the moderators read and send, and the keys that one signs with.

use leptos::prelude::*;

use crate::{
    browser::{
        data::{self, Fetched, encode},
        signing::{self, Device, DeviceKey},
    },
    error::{AppError, AppResult},
    features::{
        accounts::model::device_name,
        marketplace::model::{
            AddKey, Publish, PublishDraft, PublisherKey, Reason, ReleaseState, Review, Signed, Submission, SubmissionDetail,
        },
    },
    ids::{ArtifactId, ReleaseId, UserId},
};

pub const SUBMISSIONS: &str = "/marketplace/submissions";
pub const PUBLISHER_KEYS: &str = "/settings/keys";

/// The form that publishes an artifact.
pub fn publish_address(artifact: ArtifactId) -> String {
    format!("/marketplace/publish?artifact={artifact}")
}

pub fn submission_address(id: ReleaseId) -> String {
    format!("{SUBMISSIONS}/{id}")
}

/// The digits of a digest, without what it was made by.
pub fn digits(digest: &str) -> &str {
    digest.strip_prefix("sha256:").unwrap_or(digest)
}

/// Where a release's canonical archive is, under the server's address.
pub fn archive_address(id: ReleaseId) -> String {
    format!("/api/v1/marketplace/submissions/{id}/archive")
}

/// What the form begins with, for the artifact that the address names.
pub fn use_draft(artifact: Memo<Option<String>>) -> Fetched<PublishDraft> {
    data::fetch(move || artifact.get().map(|artifact| format!("/marketplace/draft?artifactId={}", encode(&artifact))))
}

/// What one submitted, the newest first.
pub fn use_mine(asked: Memo<bool>) -> Fetched<Vec<Submission>> {
    data::fetch(move || asked.get().then(|| "/marketplace/mine".to_owned()))
}

/// What waits for a moderator.
pub fn use_review_queue(asked: Memo<bool>) -> Fetched<Vec<Submission>> {
    data::fetch(move || asked.get().then(|| format!("/marketplace/submissions?state={}", ReleaseState::Review.as_str())))
}

pub fn use_submission(id: Memo<String>) -> Fetched<SubmissionDetail> {
    data::fetch(move || Some(format!("/marketplace/submissions/{}", encode(&id.get()))))
}

pub async fn submission(id: ReleaseId) -> AppResult<SubmissionDetail> {
    data::get(format!("/marketplace/submissions/{id}")).await
}

pub async fn submit(publish: Publish) -> AppResult<SubmissionDetail> {
    data::post("/marketplace/submissions", &publish).await
}

pub async fn review(id: ReleaseId, review: Review) -> AppResult<SubmissionDetail> {
    data::post(format!("/marketplace/submissions/{id}/review"), &review).await
}

/// Asks for another look at a release that was rejected.
pub async fn appeal(id: ReleaseId, reason: String) -> AppResult<SubmissionDetail> {
    data::post(format!("/marketplace/submissions/{id}/appeal"), &Reason { reason }).await
}

/// From then on nobody installs it anew.
pub async fn withdraw(id: ReleaseId, reason: String) -> AppResult<SubmissionDetail> {
    data::post(format!("/marketplace/submissions/{id}/withdraw"), &Reason { reason }).await
}

/// The keys that one publishes with, on whichever device they are.
pub fn use_keys(asked: Memo<bool>) -> Fetched<Vec<PublisherKey>> {
    data::fetch(move || asked.get().then(|| "/marketplace/keys".to_owned()))
}

/// How this device stands for an account: its own key, and whether the registry knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It cannot sign; why not.
    Unable(String),
    /// It has no key that is good for anything. What is here may have been revoked: it makes way for a new one.
    Without { instead: Option<String> },
    /// It has one that was never registered: somebody made it and left.
    Unregistered(DeviceKey),
    /// It signs with this key; the name is its owner's for this device.
    Ready { key: DeviceKey, name: String },
}

/// What `device` and the registered `keys` come to.
pub fn standing(device: Device, keys: &[PublisherKey]) -> Standing {
    if let Some(why) = device.unable {
        return Standing::Unable(why);
    }
    let Some(key) = device.key else { return Standing::Without { instead: None } };
    match keys.iter().find(|known| known.public_key == key.public_key) {
        None => Standing::Unregistered(key),
        Some(known) if known.revoked_at.is_some() => Standing::Without { instead: Some(key.key_id) },
        Some(known) => Standing::Ready { key, name: known.name.clone() },
    }
}

/// Looks at this device. Only in the browser.
pub async fn look_at_device(account: UserId) -> AppResult<(Standing, String)> {
    let device = signing::device(&account.to_string()).await?;
    let name = device_name(&device.agent);
    let keys = data::get::<Vec<PublisherKey>>("/marketplace/keys").await?;
    Ok((standing(device, &keys), name))
}

/// Has a key on this device that the registry knows: makes and registers what is missing. `name` says where it is, for whoever reads the
/// list of keys.
///
/// # Errors
/// A sentence for the person. A key that was made stays on the device, and is registered the next time.
pub async fn have_key(account: UserId, standing: Standing, name: String) -> AppResult<DeviceKey> {
    let key = match standing {
        Standing::Unable(why) => return Err(AppError::invalid(why)),
        Standing::Ready { key, .. } => return Ok(key),
        Standing::Unregistered(key) => key,
        Standing::Without { instead } => signing::make(&account.to_string(), &instead.unwrap_or_default()).await?,
    };
    let introduced = signing::introduce(&account.to_string()).await?;
    let signed = Signed { key_id: introduced.key_id, signature: introduced.signature };
    let new = AddKey { public_key: key.public_key.clone(), name, payload: introduced.payload, signatures: vec![signed] };
    data::post::<PublisherKey>("/marketplace/keys", &new).await?;
    Ok(key)
}

/// Signs a release with this device's key and tells the server: what is approved is public then, anything else as soon as it is.
///
/// # Errors
/// A sentence for the person. Nothing is signed then.
pub async fn sign_release(account: UserId, key: &DeviceKey, id: ReleaseId) -> AppResult<SubmissionDetail> {
    // Read for this key: what is signed names the key that signs it.
    let detail: SubmissionDetail = data::get(format!("/marketplace/submissions/{id}?key={}", key.key_id)).await?;
    let release = format!("{} {}", detail.submission.slug, detail.submission.version);
    let signed: Signed = signing::sign(&account.to_string(), &archive_address(id), &release, &detail.payload_type, &detail.payload).await?;
    data::post(format!("/marketplace/submissions/{id}/sign"), &signed).await
}

/// From then on nothing is taken that the key signs; if it is this device's, the device no longer has it.
pub async fn revoke_key(account: UserId, key: PublisherKey, reason: String, compromised_since: Option<i64>) -> AppResult<()> {
    let mut path = format!("/marketplace/keys/{}?reason={}", encode(&key.id), encode(&reason));
    if let Some(since) = compromised_since {
        path.push_str(&format!("&compromisedSince={since}"));
    }
    data::send::<()>("DELETE", path, &()).await?;
    // Revoked it is useless; should it stay where this browser cannot reach it, it harms nobody.
    let account = account.to_string();
    let here = signing::device(&account).await.ok().and_then(|device| device.key);
    if let Some(here) = here.filter(|here| here.public_key == key.public_key) {
        let _ = signing::forget(&account, &here.key_id).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: &str, revoked: bool) -> PublisherKey {
        PublisherKey {
            id: id.to_owned(),
            public_key: format!("ed25519:{id}"),
            name: "Chrome on Linux".to_owned(),
            revoked_at: revoked.then_some(1),
            created_at: 0,
        }
    }

    fn device(id: &str) -> Device {
        Device { key: Some(DeviceKey { key_id: id.to_owned(), public_key: format!("ed25519:{id}") }), ..Device::default() }
    }

    #[test]
    fn a_device_signs_with_a_key_that_is_registered_and_not_revoked() {
        let keys = [key("a", false), key("b", true)];
        assert_eq!(standing(Device::default(), &keys), Standing::Without { instead: None });
        assert!(matches!(standing(device("a"), &keys), Standing::Ready { name, .. } if name == "Chrome on Linux"));
        assert_eq!(standing(device("b"), &keys), Standing::Without { instead: Some("b".to_owned()) });
        assert!(matches!(standing(device("c"), &keys), Standing::Unregistered(key) if key.key_id == "c"));
        let unable = Device { unable: Some("Not here.".to_owned()), ..device("a") };
        assert_eq!(standing(unable, &keys), Standing::Unable("Not here.".to_owned()));
    }
}
