//! Answers from this device while the server cannot be reached: a script of its own (`web/offline`), loaded for who asked for it. What it keeps is
//! one account's.

pub use inner::*;

/// The name by which pages load the script; the document says where it is.
pub const OFFLINE: &str = "llmos/offline";

#[cfg(feature = "hydrate")]
mod inner {
    use wasm_bindgen::{JsCast as _, closure::Closure, prelude::*};
    use wasm_bindgen_futures::JsFuture;

    use super::OFFLINE;
    use crate::browser::{script::load, storage};

    /// Whose documents are kept here; the script's database is named after it.
    const ACCOUNT: &str = "llmos-offline";

    #[wasm_bindgen]
    extern "C" {
        type Script;
        #[wasm_bindgen(method)]
        fn ask(this: &Script, what: &str, account: &str, about: &str) -> js_sys::Promise;
        #[wasm_bindgen(method)]
        fn sync(this: &Script, account: &str, tell: &Closure<dyn FnMut(String, f64, f64)>) -> js_sys::Promise;
    }

    /// Asks the script, if anything is kept here: about the account that it is of, unless another is given. One function for all that is asked:
    /// it is in the first load. None for an empty answer.
    async fn ask(what: &str, account: Option<&str>, about: &str) -> Option<String> {
        let kept = storage::kept(ACCOUNT)?;
        let script: Script = load(OFFLINE).await.ok()?.unchecked_into();
        let about = if about.is_empty() { &kept } else { about };
        JsFuture::from(script.ask(what, account.unwrap_or(&kept), about)).await.ok()?.as_string().filter(|text| !text.is_empty())
    }

    /// What the server would answer to a path under `/api/v1`, as JSON; none when this device cannot tell.
    pub async fn answer(path: &str) -> Option<String> {
        ask("answer", None, path).await
    }

    /// How this device stands for an account, as JSON; none when it has nothing of it.
    pub async fn standing(account: &str) -> Option<String> {
        ask("standing", Some(account), "").await
    }

    /// Keeps on this device what the account may read; `tell` hears the stage, how far it is, and of how much.
    ///
    /// # Errors
    /// A sentence for the person. What has arrived is kept.
    pub async fn sync(account: &str, mut tell: impl FnMut(&str, f64, f64) + 'static) -> Result<(), String> {
        let failed = |error: JsValue| {
            let error = error.dyn_into::<js_sys::Error>();
            error.map_or_else(
                |_| "This browser cannot keep it. Update the browser, or leave private browsing.".to_owned(),
                |error| error.message().into(),
            )
        };
        storage::keep(ACCOUNT, account);
        let script: Script = load(OFFLINE).await.map_err(failed)?.unchecked_into();
        let tell = Closure::<dyn FnMut(String, f64, f64)>::new(move |stage: String, done, total| tell(&stage, done, total));
        JsFuture::from(script.sync(account, &tell)).await.map_err(failed)?;
        Ok(())
    }

    /// Ends a `sync` that is under way.
    pub fn stop() {
        wasm_bindgen_futures::spawn_local(async { drop(ask("stop", None, "").await) });
    }

    /// Removes everything that is kept here.
    pub async fn forget() {
        ask("forget", None, "").await;
        storage::keep(ACCOUNT, "");
    }

    /// For an account that just opened a page: keeps in step with the server from now on, if that was asked for; whether it was. What is another
    /// account's goes.
    pub async fn follow(account: &str) -> bool {
        ask("follow", Some(account), "").await.is_some()
    }
}

#[cfg(not(feature = "hydrate"))]
mod inner {
    pub async fn answer(_: &str) -> Option<String> {
        None
    }
    pub async fn standing(_: &str) -> Option<String> {
        None
    }
    pub async fn sync(_: &str, _: impl FnMut(&str, f64, f64) + 'static) -> Result<(), String> {
        Ok(())
    }
    pub fn stop() {}
    pub async fn forget() {}
    pub async fn follow(_: &str) -> bool {
        false
    }
}
