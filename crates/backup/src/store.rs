//! The place where backups are: objects by name, packed and, if wished, sealed.

use std::{collections::HashMap, sync::Arc};

use age::secrecy::{ExposeSecret as _, SecretString};
use futures::TryStreamExt as _;
use object_store::{ObjectStore, ObjectStoreExt as _, path::Path as Key};
use serde::{Deserialize, Serialize};

use crate::{Credentials, Fault, blocking, place, sha256};

const FORMAT: u32 = 1;
const FORMAT_KEY: &str = "format.json";
const KEY_KEY: &str = "key.age";
/// Of scrypt, as a power of two: a tenth of a second and 64 MB for each guess. It is asked for once in the life of a process.
const WORK_FACTOR: u8 = 16;
const WORK_FACTOR_MAX: u8 = 22;
/// What an object of ours unpacks to at most; a store is not trusted with our memory.
const LARGEST: u32 = 2 << 30;

/// What a store is sealed with.
#[derive(Clone)]
pub enum Secret {
    Passphrase(String),
    /// `AGE-SECRET-KEY-1…`, as `age-keygen` prints it; lines that begin with # are passed over.
    Key(String),
}

impl Secret {
    /// Whether something can be sealed with it.
    ///
    /// # Errors
    /// The key is none, or the passphrase is empty.
    pub fn check(&self) -> Result<(), Fault> {
        match self {
            Self::Passphrase(text) if text.trim().is_empty() => Err(Fault::Refused("the passphrase of the backups is empty".to_owned())),
            Self::Passphrase(_) => Ok(()),
            Self::Key(text) => parse_key(text).map(drop),
        }
    }
}

#[derive(Serialize, Deserialize, PartialEq, Eq, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum Sealed {
    No,
    Passphrase,
    Key,
}

#[derive(Serialize, Deserialize)]
struct Format {
    format: u32,
    sealed: Sealed,
}

/// Cheap to clone.
#[derive(Clone)]
pub struct Store {
    inner: Arc<dyn ObjectStore>,
    name: String,
    key: Option<Arc<age::x25519::Identity>>,
}

impl Store {
    /// Opens `url`: a folder, `file:///folder`, or `s3://bucket/prefix` with these credentials or those of the environment ([`place`]). With
    /// `create` an empty place becomes a store.
    ///
    /// # Errors
    /// The place cannot be reached, is no store, is of a newer version, or is sealed with something else than `secret`.
    pub async fn open(url: &str, credentials: &Credentials, secret: Option<&Secret>, create: bool) -> Result<Self, Fault> {
        let Some(inner) = place(url, credentials, create)? else { return Err(Fault::Refused(format!("there is no backup in {url}"))) };
        let mut store = Self { inner, name: url.to_owned(), key: None };
        let wanted = match secret {
            None => Sealed::No,
            Some(Secret::Passphrase(_)) => Sealed::Passphrase,
            Some(Secret::Key(_)) => Sealed::Key,
        };
        let found = store.get_raw(FORMAT_KEY).await?.map(|bytes| serde_json::from_slice::<Format>(&bytes));
        match found {
            Some(Ok(format)) if format.format != FORMAT => {
                return Err(Fault::Refused(format!("the backups in {url} are of a newer version: use that version of llmos")));
            }
            Some(Ok(format)) if format.sealed != wanted => {
                return Err(Fault::Refused(match format.sealed {
                    Sealed::No => format!(
                        "the backups in {url} are not encrypted: choose another place for encrypted ones, or leave the passphrase and the key out"
                    ),
                    Sealed::Passphrase => format!("the backups in {url} are encrypted: give the passphrase in BACKUP_PASSPHRASE"),
                    Sealed::Key => format!("the backups in {url} are encrypted: give the key in BACKUP_KEY_FILE"),
                }));
            }
            Some(Ok(_)) => {}
            Some(Err(_)) => {
                return Err(Fault::Damaged(format!(
                    "{FORMAT_KEY} in {url} cannot be read: this is no place of backups, or it was changed"
                )));
            }
            None if !create => return Err(Fault::Refused(format!("there is no backup in {url}"))),
            None => {}
        }
        store.key = match secret {
            None => None,
            Some(Secret::Key(text)) => Some(Arc::new(parse_key(text)?)),
            Some(Secret::Passphrase(passphrase)) => Some(Arc::new(store.key_behind(passphrase, found.is_none()).await?)),
        };
        if found.is_none() {
            let bytes = serde_json::to_vec(&Format { format: FORMAT, sealed: wanted }).map_err(json)?;
            store.put_raw(FORMAT_KEY, bytes).await?;
        }
        Ok(store)
    }

    /// Where it is, as it was given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key that the passphrase seals; a new one where there is none.
    async fn key_behind(&self, passphrase: &str, create: bool) -> Result<age::x25519::Identity, Fault> {
        let passphrase = SecretString::from(passphrase.to_owned());
        match self.get_raw(KEY_KEY).await? {
            Some(sealed) => {
                let opened = blocking(move || {
                    let mut identity = age::scrypt::Identity::new(passphrase);
                    identity.set_max_work_factor(WORK_FACTOR_MAX);
                    age::decrypt(&identity, &sealed)
                        .map_err(|_| Fault::Refused("the passphrase is not the one of these backups".to_owned()))
                });
                parse_key(&String::from_utf8_lossy(&opened.await?))
            }
            None if create => {
                let key = age::x25519::Identity::generate();
                let text = key.to_string();
                let sealed = blocking(move || {
                    let mut recipient = age::scrypt::Recipient::new(passphrase);
                    recipient.set_work_factor(WORK_FACTOR);
                    age::encrypt(&recipient, text.expose_secret().as_bytes())
                        .map_err(|error| Fault::Refused(format!("the key cannot be sealed: {error}")))
                });
                self.put_raw(KEY_KEY, sealed.await?).await?;
                Ok(key)
            }
            None => Err(Fault::Damaged(format!("{KEY_KEY} is missing in {}: without it nothing there can be read", self.name))),
        }
    }

    /// Stores `plain` under `key`, packed and sealed. When this returns it is as durable as the place is.
    pub(crate) async fn put(&self, key: &str, plain: Vec<u8>) -> Result<(), Fault> {
        let identity = self.key.clone();
        let packed = blocking(move || {
            let packed = lz4_flex::compress_prepend_size(&plain);
            match identity {
                None => Ok(packed),
                Some(identity) => {
                    age::encrypt(&identity.to_public(), &packed).map_err(|error| Fault::Refused(format!("it cannot be encrypted: {error}")))
                }
            }
        });
        self.put_raw(key, packed.await?).await
    }

    /// What was stored under `key`.
    ///
    /// # Errors
    /// It is not there, or it is not what was stored.
    pub(crate) async fn get(&self, key: &str) -> Result<Vec<u8>, Fault> {
        let damaged =
            |why: &str| Fault::Damaged(format!("{key} in {} {why}: this backup is refused, choose another one with --backup", self.name));
        let bytes = self.get_raw(key).await?.ok_or_else(|| damaged("is missing"))?;
        let identity = self.key.clone();
        let opened = blocking(move || {
            let packed = match identity {
                None => bytes,
                Some(identity) => age::decrypt(&*identity, &bytes).map_err(|_| Fault::Damaged(String::new()))?,
            };
            let fits = packed.first_chunk::<4>().is_some_and(|size| u32::from_le_bytes(*size) <= LARGEST);
            let plain = if fits { lz4_flex::decompress_size_prepended(&packed).ok() } else { None };
            plain.ok_or_else(|| Fault::Damaged(String::new()))
        });
        opened.await.map_err(|_| damaged("was changed, or is encrypted with another key"))
    }

    /// An object by the hash of what is in it, which is looked at.
    pub(crate) async fn object(&self, sha: &str) -> Result<Vec<u8>, Fault> {
        let key = object_key(sha);
        let plain = self.get(&key).await?;
        let sha = sha.to_owned();
        let is_it = blocking(move || {
            let is_it = sha256(&plain) == sha;
            Ok((is_it, plain))
        });
        let (is_it, plain) = is_it.await?;
        if is_it {
            return Ok(plain);
        }
        Err(Fault::Damaged(format!("{key} in {} was changed: this backup is refused, choose another one with --backup", self.name)))
    }

    /// The same, with the hash of the contents before them: for what has a name of its own.
    pub(crate) async fn put_checked(&self, key: &str, plain: &[u8]) -> Result<String, Fault> {
        let sha = sha256(plain);
        self.put(key, [sha.as_bytes(), b"\n", plain].concat()).await?;
        Ok(sha)
    }

    pub(crate) async fn get_checked(&self, key: &str) -> Result<(String, Vec<u8>), Fault> {
        let bytes = self.get(key).await?;
        let parts = bytes.split_at_checked(65).filter(|(head, plain)| head.strip_suffix(b"\n") == Some(sha256(plain).as_bytes()));
        let (head, plain) = parts.ok_or_else(|| Fault::Damaged(format!("{key} in {} was changed: it is refused", self.name)))?;
        Ok((String::from_utf8_lossy(head).trim_end().to_owned(), plain.to_vec()))
    }

    /// What is below `folder`: names, as the other functions take them, and when they were stored, in UTC milliseconds.
    pub(crate) async fn list(&self, folder: &str) -> Result<HashMap<String, i64>, Fault> {
        let found = self.inner.list(Some(&Key::from(folder)));
        let found = found.map_ok(|about| (about.location.to_string(), about.last_modified.timestamp_millis())).try_collect().await;
        found.map_err(|error| self.fault(error))
    }

    pub(crate) async fn delete(&self, key: &str) -> Result<(), Fault> {
        match self.inner.delete(&Key::from(key)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.fault(error)),
        }
    }

    async fn put_raw(&self, key: &str, bytes: Vec<u8>) -> Result<(), Fault> {
        self.inner.put(&Key::from(key), bytes.into()).await.map(drop).map_err(|error| self.fault(error))
    }

    async fn get_raw(&self, key: &str) -> Result<Option<Vec<u8>>, Fault> {
        let read = async { self.inner.get(&Key::from(key)).await?.bytes().await };
        match read.await {
            Ok(bytes) => Ok(Some(bytes.to_vec())),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.fault(error)),
        }
    }

    fn fault(&self, error: object_store::Error) -> Fault {
        Fault::Store(self.name.clone(), error)
    }
}

/// The name of the object with this hash.
pub(crate) fn object_key(sha: &str) -> String {
    let (folder, name) = sha.split_at(2.min(sha.len()));
    format!("objects/{folder}/{name}")
}

fn parse_key(text: &str) -> Result<age::x25519::Identity, Fault> {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#')).unwrap_or_default();
    line.parse().map_err(|_| Fault::Refused("the key of the backups is not one that `age-keygen` makes (AGE-SECRET-KEY-1…)".to_owned()))
}

pub(crate) fn json(error: serde_json::Error) -> Fault {
    Fault::Damaged(format!("what was read is not what was written: {error}"))
}
