//! What the script of the app told this page.

use leptos::prelude::*;

use crate::{
    browser::{
        outbox,
        pwa::{self, AppState, Said},
    },
    error::AppResult,
    ids::UserId,
    ui::{ToastsContext, toast_link},
};

/// Where the app is installed from.
pub const SETTINGS: &str = "/settings/app";

/// How current the page is.
#[derive(Clone, Copy)]
pub struct PwaContext {
    /// "As of 09:12"; empty while the server answers.
    pub age: RwSignal<String>,
    /// A newer version waits.
    pub update: RwSignal<bool>,
}

/// Provides the [`PwaContext`] to everything below.
pub fn provide_pwa() -> PwaContext {
    let context = PwaContext { age: RwSignal::default(), update: RwSignal::new(false) };
    provide_context(context);
    context
}

pub fn use_pwa() -> PwaContext {
    expect_context()
}

impl PwaContext {
    /// Whether the server is out of reach, as far as is known. Reactive.
    pub fn is_away(self) -> bool {
        self.age.with(|age| !age.is_empty()) || !pwa::is_online()
    }

    /// Once it is known whose page it is.
    pub fn start(self, account: UserId, toasts: ToastsContext) {
        pwa::start(account.to_string(), move |said| match said {
            Said::Age(age) => drop(self.age.try_set(age)),
            Said::Update => drop(self.update.try_set(true)),
            Said::Install => {
                let words = "LLMos-Lite can be an app on this device: in a window of its own, and there without a network.";
                toast_link(toasts, words, "Install", SETTINGS.to_owned());
            }
            // Whatever waits under whichever name: it is the outbox that keeps it.
            Said::Sync(_) => leptos::task::spawn_local(outbox::run()),
        });
    }
}

/// How the app stands in this browser.
pub async fn app_state() -> AppResult<AppState> {
    pwa::setup_install_prompt().await
}
