//! Passkeys of this device (WebAuthn): a script of its own (`web/passkey`), loaded by pages where one signs in, confirms, or adds one.

pub use inner::*;

/// The name by which pages load the script; the document says where it is.
pub const PASSKEY: &str = "llmos/passkey";

#[cfg(feature = "hydrate")]
mod inner {
    use serde::Serialize;
    use serde_json::Value;

    use super::PASSKEY;
    use crate::{browser::script, error::AppResult};

    #[derive(Serialize)]
    #[serde(tag = "act", rename_all = "camelCase")]
    enum Ask<'a> {
        Create { options: &'a Value },
        Get { options: &'a Value },
    }

    async fn ask(what: Ask<'_>) -> AppResult<Value> {
        let otherwise = "This browser could not do that. Load the page again, or choose another way.";
        script::ask(PASSKEY, serde_json::to_string(&what).unwrap_or_default(), otherwise).await
    }

    /// Makes a passkey; `options` and what comes back are in WebAuthn's JSON. Call it from a press on a button: browsers want that.
    ///
    /// # Errors
    /// A sentence for the person.
    pub async fn create(options: &Value) -> AppResult<Value> {
        ask(Ask::Create { options }).await
    }

    /// Signs with a passkey, the same way.
    ///
    /// # Errors
    /// A sentence for the person.
    pub async fn get(options: &Value) -> AppResult<Value> {
        ask(Ask::Get { options }).await
    }
}

#[cfg(not(feature = "hydrate"))]
mod inner {
    //! On the server there is no device.

    use serde_json::Value;

    use crate::error::{AppError, AppResult};

    pub async fn create(_: &Value) -> AppResult<Value> {
        Err(AppError::offline())
    }
    pub async fn get(_: &Value) -> AppResult<Value> {
        Err(AppError::offline())
    }
}
