//! The key that one publishes with: a file of one's own that never leaves the machine.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use llmos_trust::{
    Envelope, Signature, SigningKey,
    statement::{KeyAction, KeyStatement},
};

use super::{BoxError, Client, read};
use crate::{
    features::marketplace::model::{AddKey, PublisherKey, Signed},
    server::clock,
};

/// What one publishes with is named by this beside the option.
const KEY_FILE: &str = "LLMOS_KEY_FILE";

/// The file of the key that one publishes with.
pub(super) fn key_path(given: Option<PathBuf>) -> Result<PathBuf, BoxError> {
    if let Some(path) = given.or_else(|| std::env::var_os(KEY_FILE).map(PathBuf::from)) {
        return Ok(path);
    }
    let home =
        std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".config")));
    Ok(home.ok_or("there is no home folder: name a file with --key")?.join("llmos").join("publisher.key"))
}

/// The key of a file, registered with the server; made if it is not there and may be.
pub(super) async fn registered(client: &Client, path: &Path, make: bool) -> Result<SigningKey, BoxError> {
    if make && !path.exists() {
        make_key(path)?;
    }
    let key = key_in(path)?;
    register(client, &key, None).await?;
    Ok(key)
}

/// A new key takes the place of the one in a file, which is kept beside it.
pub(super) async fn rotate(client: &Client, path: &Path) -> Result<SigningKey, BoxError> {
    let (next, kept) = (path.with_extension("next"), path.with_extension("old"));
    let old = registered(client, path, false).await?;
    // What a try before this one made, and perhaps registered, is taken up.
    if !next.exists() {
        make_key(&next)?;
    }
    let key = key_in(&next)?;
    register(client, &key, Some(&old)).await?;
    fs::rename(path, &kept)?;
    fs::rename(&next, path)?;
    Ok(key)
}

fn make_key(path: &Path) -> Result<(), BoxError> {
    let mut seed = [0u8; 32];
    getrandom::fill(&mut seed)?;
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = fs::File::options().write(true).create_new(true).mode(0o600).open(path)?;
    writeln!(file, "{}", BASE64_STANDARD.encode(seed))?;
    file.sync_all()?;
    eprintln!("made the key {}: whoever has this file can publish as you", path.display());
    Ok(())
}

fn key_in(path: &Path) -> Result<SigningKey, BoxError> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}; “llmos market key” makes one", path.display()))?;
    let seed = BASE64_STANDARD.decode(text.trim()).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    Ok(SigningKey::from_seed(&seed.ok_or_else(|| format!("{} is no key of llmos", path.display()))?))
}

/// Tells the server of a key, by a statement that the key itself signs; with `old`, in the place of that one, which signs it too.
async fn register(client: &Client, key: &SigningKey, old: Option<&SigningKey>) -> Result<(), BoxError> {
    let host = fs::read_to_string("/etc/hostname").unwrap_or_default();
    let name = if host.trim().is_empty() { "Command line".to_owned() } else { format!("Command line on {}", host.trim()) };
    let me: serde_json::Value = read(client.http.get(client.url("/me")).send().await?).await?;
    let statement = KeyStatement {
        account: me["person"]["id"].as_str().unwrap_or_default().to_owned(),
        key: key.public(),
        action: if old.is_some() { KeyAction::Rotate } else { KeyAction::Add },
        by: old.map(|old| old.public().id()),
        reason: String::new(),
        compromised_since: None,
        at: clock::rfc3339(clock::now_ms()),
    };
    let mut envelope = Envelope::new(&statement)?;
    envelope.sign(key);
    if let Some(old) = old {
        envelope.sign(old);
    }
    let signed = |signature: &Signature| Signed { key_id: signature.keyid.clone(), signature: BASE64_STANDARD.encode(&signature.sig) };
    let input = AddKey {
        public_key: key.public().to_string(),
        name,
        payload: BASE64_STANDARD.encode(&envelope.payload),
        signatures: envelope.signatures.iter().map(signed).collect(),
    };
    let _: PublisherKey = read(client.http.post(client.url("/marketplace/keys")).json(&input).send().await?).await?;
    Ok(())
}
