//! The installed app: the service worker and its updates, the offer to install, what other apps share. A script of its own (`web/pwa`), loaded when a page
//! stands; the worker is `web/sw`.

use serde::Deserialize;

pub use inner::*;

/// The name by which pages load the script; the document says where it is.
pub const PWA: &str = "llmos/pwa";

/// How the app stands in this browser.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AppState {
    /// It runs in a window of its own.
    pub installed: bool,
    /// How it can be installed.
    pub way: String,
    /// A worker answers without a network.
    pub worker: bool,
    /// A newer version waits.
    pub update: bool,
    /// The browser promised not to throw away what is kept.
    pub persisted: bool,
    /// Bytes that this site keeps in this browser, about.
    pub bytes: i64,
}

/// What another app shared, or a file that was opened with this one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct SharedDraft {
    pub name: String,
    pub text: String,
    /// Files that are not in it: they are too large for a text.
    pub left: Vec<String>,
}

/// Something that somebody wants on this device as a whole, and how it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Pin {
    /// `volume` or `session`.
    pub kind: String,
    pub id: String,
    pub name: String,
    /// UTC milliseconds since when all of it is here; 0: it never was yet.
    pub at: i64,
    /// Bytes, about.
    pub bytes: i64,
    /// Artifacts or entries that are here.
    pub items: i64,
    /// How many are to come, while it is being fetched.
    pub total: i64,
    pub working: bool,
    /// Why not all of it is here, as a sentence.
    pub error: String,
}

/// How much is on this device of what pages read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Seen {
    pub answers: i64,
    pub bytes: i64,
    /// UTC milliseconds, by the server's clock, of the oldest of it; 0: nothing is here.
    pub oldest: i64,
}

/// What the script tells a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// Since when what is shown is not up to date, as the status line says it; empty when it is.
    Age(String),
    /// A newer version waits.
    Update,
    /// Installing is worth offering now.
    Install,
    /// The network is back for what waits under this name (`request_background_sync`).
    Sync(String),
}

#[cfg(feature = "hydrate")]
mod inner {
    use std::{cell::RefCell, sync::Arc};

    use js_sys::{Array, JsString, Reflect};
    use serde::{Serialize, de::DeserializeOwned};
    use wasm_bindgen::{JsCast as _, closure::Closure, prelude::*};

    use super::{AppState, PWA, Pin, Said, Seen, SharedDraft};
    use crate::{
        browser::{page, script},
        error::AppResult,
    };

    /// A page that was just opened has better things to do, in milliseconds.
    const LATER: u32 = 4_000;
    /// Where the worker is at work already, the script is here and nothing has to be fetched; what one has seen is to be kept before the train is in the tunnel.
    const SOON: u32 = 500;

    thread_local! {
        /// The answers that came with the page, until the script has them: path and JSON, in turn. None from then on.
        static ANSWERS: RefCell<Option<Vec<Arc<str>>>> = const { RefCell::new(Some(Vec::new())) };
    }

    #[wasm_bindgen]
    extern "C" {
        type Script;
        #[wasm_bindgen(method)]
        fn start(this: &Script, account: &str, answers: Array, told: &Closure<dyn FnMut(JsString, JsString)>);
    }

    #[derive(Serialize)]
    #[serde(tag = "act", rename_all = "camelCase")]
    enum Ask<'a> {
        Register,
        State,
        Install,
        Persist,
        Forget,
        Sync { tag: &'a str },
        Notify { title: &'a str, body: &'a str, url: &'a str, tag: &'a str },
        Shared { id: &'a str },
        Pins,
        Pin { kind: &'a str, id: &'a str, name: &'a str },
        Unpin { kind: &'a str, id: &'a str },
        Seen,
        Unsee,
    }

    /// Whether the worker serves this page.
    fn is_served() -> bool {
        let of = |object: JsValue, name: &str| Reflect::get(&object, &JsValue::from_str(name)).ok();
        let window = web_sys::window().map(JsValue::from);
        let controller =
            window.and_then(|it| of(it, "navigator")).and_then(|it| of(it, "serviceWorker")).and_then(|it| of(it, "controller"));
        controller.is_some_and(|controller| controller.is_truthy())
    }

    async fn ask<T: DeserializeOwned>(what: Ask<'_>) -> AppResult<T> {
        let otherwise = "This browser could not do it. Load the page again.";
        script::ask(PWA, serde_json::to_string(&what).unwrap_or_default(), otherwise).await
    }

    /// Notes an answer that the server put into the page: the worker has not seen it, and keeps it for when there is no network.
    pub fn came_along(path: String, json: &str) {
        ANSWERS.with_borrow_mut(|answers| {
            if let Some(answers) = answers {
                answers.extend([Arc::<str>::from(path), Arc::from(json)]);
            }
        });
    }

    /// Runs `act` when the page has what it needs itself; without a network at once.
    pub fn when_it_stands(act: impl FnOnce() + 'static) {
        let wait = match (is_online(), is_served()) {
            (false, _) => 0,
            (true, true) => SOON,
            (true, false) => LATER,
        };
        page::after_forget(wait, act);
    }

    /// Loads the script when the page stands, for the account that opened it: registers the worker, hands over what came with the page, and tells what
    /// happens from then on.
    pub fn start(account: String, told: impl Fn(Said) + 'static) {
        when_it_stands(move || {
            wasm_bindgen_futures::spawn_local(async move {
                let Ok(script) = script::load(PWA).await else { return };
                let told = Closure::<dyn FnMut(JsString, JsString)>::new(move |what: JsString, text: JsString| {
                    let text = String::from(text);
                    match String::from(what).as_str() {
                        "age" => told(Said::Age(text)),
                        "update" => told(Said::Update),
                        "install" => told(Said::Install),
                        _ => told(Said::Sync(text)),
                    }
                });
                let answers = ANSWERS.take().unwrap_or_default();
                let answers: Array = answers.iter().map(|text| JsValue::from_str(text)).collect();
                script.unchecked_into::<Script>().start(&account, answers, &told);
                told.forget();
            });
        });
    }

    /// Registers the worker, if it is not there yet. Whether this browser has one now: it needs https, and no private window of some browsers.
    pub async fn register_service_worker() -> bool {
        ask(Ask::Register).await.unwrap_or_default()
    }

    /// How the app stands: whether it is installed, and how it could be.
    ///
    /// # Errors
    /// The script is not there: there is no network, and it was not loaded before.
    pub async fn setup_install_prompt() -> AppResult<AppState> {
        ask(Ask::State).await
    }

    /// Whether the page is in a window of the installed app.
    pub fn is_installed() -> bool {
        page::media("(display-mode: standalone), (display-mode: window-controls-overlay), (display-mode: minimal-ui)")
    }

    /// Whether the browser asks the person when [`prompt_install`] is called.
    pub async fn can_install() -> bool {
        setup_install_prompt().await.is_ok_and(|state| state.way == "prompt")
    }

    /// Has the browser ask whether to install. Call it from a press on a button. Whether it was accepted.
    pub async fn prompt_install() -> bool {
        ask(Ask::Install).await.unwrap_or_default()
    }

    /// What the browser says: false is certain, true may still mean that nobody answers.
    pub fn is_online() -> bool {
        gloo::utils::window().navigator().on_line()
    }

    /// Asks the browser to say [`Said::Sync`] with this name once there is a network, at the latest when a page is opened again. Whether it does: only
    /// Chromium has it, elsewhere what waits is sent when a page hears that it is online.
    pub async fn request_background_sync(tag: &str) -> bool {
        ask(Ask::Sync { tag }).await.unwrap_or_default()
    }

    /// Shows a message of the system's that opens `url` when it is pressed; one with the same `tag` is replaced. Whether it could: the person has to have
    /// allowed messages (`push::subscribe` asks).
    pub async fn show_notification(title: &str, body: &str, url: &str, tag: &str) -> bool {
        ask(Ask::Notify { title, body, url, tag }).await.unwrap_or_default()
    }

    /// Asks the browser not to throw away what is kept when the disk is full. Whether it promised.
    pub async fn persist() -> bool {
        ask(Ask::Persist).await.unwrap_or_default()
    }

    /// Loads the newer version, and this page with it. Every page has this in its first load, so nothing is put into JSON or read from it here.
    pub async fn apply_update() {
        let _ = script::answer(PWA, r#"{"act":"apply"}"#.to_owned(), "").await;
    }

    /// Removes what is kept of accounts.
    pub async fn forget() {
        let _ = ask::<bool>(Ask::Forget).await;
    }

    /// What is kept on this device as a whole.
    ///
    /// # Errors
    /// This browser keeps nothing: it has no service worker, or none here.
    pub async fn pins() -> AppResult<Vec<Pin>> {
        ask(Ask::Pins).await
    }

    /// Keeps a volume or a session (`kind`) on this device as a whole, and compares it with the server if it is here already. Gives how all of them stand then,
    /// before it is done.
    ///
    /// # Errors
    /// As for [`pins`].
    pub async fn pin(kind: &str, id: &str, name: &str) -> AppResult<Vec<Pin>> {
        ask(Ask::Pin { kind, id, name }).await
    }

    /// Removes one from this device.
    ///
    /// # Errors
    /// As for [`pins`].
    pub async fn unpin(kind: &str, id: &str) -> AppResult<Vec<Pin>> {
        ask(Ask::Unpin { kind, id }).await
    }

    /// How much of what was opened is on this device.
    ///
    /// # Errors
    /// As for [`pins`].
    pub async fn seen() -> AppResult<Seen> {
        ask(Ask::Seen).await
    }

    /// Removes what was opened from this device, but for what each page needs. Gives how much is left.
    ///
    /// # Errors
    /// As for [`pins`].
    pub async fn unsee() -> AppResult<Seen> {
        ask(Ask::Unsee).await
    }

    /// Shows how many notifications are unread on the app's icon. Every page has this in its first load, so nothing is put into JSON or read from it here.
    pub async fn badge(unread: i64) {
        let _ = script::answer(PWA, format!(r#"{{"act":"badge","unread":{unread}}}"#), "").await;
    }

    /// What another app shared under this id, which the page's address has; an empty one stands for a file that was opened with this app.
    pub async fn shared(id: &str) -> Option<SharedDraft> {
        ask(Ask::Shared { id }).await.ok().flatten()
    }
}

#[cfg(not(feature = "hydrate"))]
mod inner {
    //! On the server there is no app to install, and nothing but the network.

    use super::{AppState, Pin, Said, Seen, SharedDraft};
    use crate::error::AppResult;

    pub fn came_along(_: String, _: &str) {}
    pub fn start(_: String, _: impl Fn(Said) + 'static) {}
    pub async fn register_service_worker() -> bool {
        false
    }
    pub async fn setup_install_prompt() -> AppResult<AppState> {
        Ok(AppState::default())
    }
    pub fn is_installed() -> bool {
        false
    }
    pub async fn can_install() -> bool {
        false
    }
    pub async fn prompt_install() -> bool {
        false
    }
    pub fn is_online() -> bool {
        true
    }
    pub async fn request_background_sync(_: &str) -> bool {
        false
    }
    pub async fn show_notification(_: &str, _: &str, _: &str, _: &str) -> bool {
        false
    }
    pub async fn persist() -> bool {
        false
    }
    pub async fn apply_update() {}
    pub async fn forget() {}
    pub async fn pins() -> AppResult<Vec<Pin>> {
        Ok(Vec::new())
    }
    pub async fn pin(_: &str, _: &str, _: &str) -> AppResult<Vec<Pin>> {
        Ok(Vec::new())
    }
    pub async fn unpin(_: &str, _: &str) -> AppResult<Vec<Pin>> {
        Ok(Vec::new())
    }
    pub async fn seen() -> AppResult<Seen> {
        Ok(Seen::default())
    }
    pub async fn unsee() -> AppResult<Seen> {
        Ok(Seen::default())
    }
    pub async fn badge(_: i64) {}
    pub async fn shared(_: &str) -> Option<SharedDraft> {
        None
    }
}
