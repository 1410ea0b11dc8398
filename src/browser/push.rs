//! Web Push in this browser: a script of its own (`web/push`), loaded by the pages where one chooses how to be told, and the service worker
//! that shows messages (`web/sw`).

use serde::Deserialize;

pub use inner::*;

/// The name by which pages load the script; the document says where it is.
pub const PUSH: &str = "llmos/push";

/// How this browser stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PushState {
    /// Why it takes no messages, as a sentence with what to do.
    pub unable: Option<String>,
    /// The SHA-256 of its subscription's endpoint, in hex, while it has one.
    pub mark: Option<String>,
}

/// What a subscription consists of.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Subscribed {
    pub endpoint: String,
    pub p256dh: String,
    pub auth: String,
}

#[cfg(feature = "hydrate")]
mod inner {
    use serde::{Serialize, de::DeserializeOwned};

    use super::{PUSH, PushState, Subscribed};
    use crate::{browser::script, error::AppResult};

    #[derive(Serialize)]
    #[serde(tag = "act", rename_all = "camelCase")]
    enum Ask<'a> {
        State,
        Subscribe { key: &'a str },
        Forget,
    }

    async fn ask<T: DeserializeOwned>(what: Ask<'_>) -> AppResult<T> {
        let otherwise = "This browser could not subscribe. Its push service may be out of reach: try again later.";
        script::ask(PUSH, serde_json::to_string(&what).unwrap_or_default(), otherwise).await
    }

    pub async fn state() -> AppResult<PushState> {
        ask(Ask::State).await
    }

    /// Asks the person, and then the browser's push service. Call it from a press on a button: browsers want that.
    ///
    /// # Errors
    /// A sentence for the person.
    pub async fn subscribe(key: &str) -> AppResult<Subscribed> {
        ask(Ask::Subscribe { key }).await
    }

    /// This browser takes no messages any more.
    pub async fn forget() {
        let _ = ask::<bool>(Ask::Forget).await;
    }

    /// Takes what is shown away, because it was read. `tags` is a JSON list of the names under which it is shown; an empty one is all of it. Every page
    /// has this in its first load, so nothing is put into JSON or read from it here.
    pub async fn close(tags: String) {
        let _ = script::answer(PUSH, format!(r#"{{"act":"close","tags":{tags}}}"#), "").await;
    }
}

#[cfg(not(feature = "hydrate"))]
mod inner {
    //! On the server there is no device.

    use super::{PushState, Subscribed};
    use crate::error::{AppError, AppResult};

    pub async fn state() -> AppResult<PushState> {
        Ok(PushState::default())
    }
    pub async fn subscribe(_: &str) -> AppResult<Subscribed> {
        Err(AppError::offline())
    }
    pub async fn forget() {}
    pub async fn close(_: String) {}
}
