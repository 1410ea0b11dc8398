//! The key that somebody publishes with, in this browser, and signing with it: a script of its own (`web/signing`), loaded by pages where one
//! signs or has keys. The private half never leaves the browser, and nobody can take it out.

use serde::Deserialize;

pub use inner::*;

/// The name by which pages load the script; the document says where it is.
pub const SIGNING: &str = "llmos/signing";

/// A key of this device.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceKey {
    /// 16 hexadecimal digits.
    pub key_id: String,
    /// `ed25519:` and the key in base64url.
    pub public_key: String,
}

/// How this device stands for an account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Device {
    /// Why it cannot sign, as a sentence.
    pub unable: Option<String>,
    pub key: Option<DeviceKey>,
    /// What the browser calls itself.
    pub agent: String,
}

/// A key statement that this device's key signed.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Introduced {
    /// Base64.
    pub payload: String,
    pub key_id: String,
    /// Base64.
    pub signature: String,
}

#[cfg(feature = "hydrate")]
mod inner {
    use serde::{Serialize, de::DeserializeOwned};

    use super::{Device, DeviceKey, Introduced, SIGNING};
    use crate::{browser::script, error::AppResult, features::marketplace::model::Signed};

    #[derive(Serialize)]
    #[serde(tag = "act", rename_all = "camelCase", rename_all_fields = "camelCase")]
    enum Ask<'a> {
        Device { account: &'a str },
        Make { account: &'a str, instead: &'a str },
        Forget { account: &'a str, key_id: &'a str },
        Introduce { account: &'a str },
        Sign { account: &'a str, archive: &'a str, release: &'a str, payload_type: &'a str, payload: &'a str },
    }

    async fn ask<T: DeserializeOwned>(what: Ask<'_>) -> AppResult<T> {
        let otherwise = "This browser does not keep keys here. Leave private browsing, or sign with the command line.";
        script::ask(SIGNING, serde_json::to_string(&what).unwrap_or_default(), otherwise).await
    }

    pub async fn device(account: &str) -> AppResult<Device> {
        ask(Ask::Device { account }).await
    }

    /// Makes a key for the account, in the place of the one with the id `instead`; any other that is here already is given.
    ///
    /// # Errors
    /// A sentence for the person.
    pub async fn make(account: &str, instead: &str) -> AppResult<DeviceKey> {
        ask(Ask::Make { account, instead }).await
    }

    /// Removes that key from this device; whether it was there.
    pub async fn forget(account: &str, key_id: &str) -> AppResult<bool> {
        ask(Ask::Forget { account, key_id }).await
    }

    /// Signs with this device's key that it speaks for the account.
    ///
    /// # Errors
    /// A sentence for the person.
    pub async fn introduce(account: &str) -> AppResult<Introduced> {
        ask(Ask::Introduce { account }).await
    }

    /// Signs `payload` (in base64), if it says of the archive under `archive` what that is, and is about `release` (slug and version).
    ///
    /// # Errors
    /// A sentence for the person. Nothing was signed then.
    pub async fn sign(account: &str, archive: &str, release: &str, payload_type: &str, payload: &str) -> AppResult<Signed> {
        ask(Ask::Sign { account, archive, release, payload_type, payload }).await
    }
}

#[cfg(not(feature = "hydrate"))]
mod inner {
    //! On the server there is no device.

    use super::{Device, DeviceKey, Introduced};
    use crate::{
        error::{AppError, AppResult},
        features::marketplace::model::Signed,
    };

    pub async fn device(_: &str) -> AppResult<Device> {
        Ok(Device::default())
    }
    pub async fn make(_: &str, _: &str) -> AppResult<DeviceKey> {
        Err(AppError::offline())
    }
    pub async fn forget(_: &str, _: &str) -> AppResult<bool> {
        Ok(false)
    }
    pub async fn introduce(_: &str) -> AppResult<Introduced> {
        Err(AppError::offline())
    }
    pub async fn sign(_: &str, _: &str, _: &str, _: &str, _: &str) -> AppResult<Signed> {
        Err(AppError::offline())
    }
}
