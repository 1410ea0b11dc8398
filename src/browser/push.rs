//! Web Push in this browser: a script of its own (`web/push`), loaded by the pages where one chooses how to be told, and the service worker
//! that shows messages (`public/sw.js`).

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
    use wasm_bindgen::{JsCast as _, prelude::*};
    use wasm_bindgen_futures::JsFuture;

    use super::{PUSH, PushState, Subscribed};
    use crate::{
        browser::json,
        error::{AppError, AppResult},
    };

    #[wasm_bindgen]
    extern "C" {
        #[wasm_bindgen(js_name = import)]
        fn load(name: &str) -> js_sys::Promise;

        // One function for all that is asked: it is in the first load.
        type Script;
        #[wasm_bindgen(method)]
        fn ask(this: &Script, text: &str) -> js_sys::Promise;
    }

    #[derive(Serialize)]
    #[serde(tag = "act", rename_all = "camelCase")]
    enum Ask<'a> {
        State,
        Subscribe { key: &'a str },
        Forget,
        Close { tag: &'a str },
    }

    async fn ask<T: DeserializeOwned>(what: Ask<'_>) -> AppResult<T> {
        let script: Script = JsFuture::from(load(PUSH)).await.map_err(|_| AppError::offline())?.unchecked_into();
        let text = serde_json::to_string(&what).unwrap_or_default();
        let answer = JsFuture::from(script.ask(&text)).await.map_err(|error| {
            AppError::invalid(match error.dyn_into::<js_sys::Error>() {
                Ok(error) if error.name() == "Error" => String::from(error.message()),
                _ => "This browser could not subscribe. Its push service may be out of reach: try again later.".to_owned(),
            })
        })?;
        json::read(&answer.as_string().unwrap_or_default())
            .map_err(|_| AppError::invalid("This page is older than its scripts. Load it again."))
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

    /// Takes what is shown about a subject away: it is read. An empty tag is all of it.
    pub async fn close(tag: String) {
        let _ = ask::<bool>(Ask::Close { tag: &tag }).await;
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
