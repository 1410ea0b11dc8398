//! What the script of the app told this page.

use leptos::prelude::*;

use crate::{
    browser::{
        outbox, page,
        pwa::{self, AppState, Said},
    },
    error::AppResult,
    features::collaboration::link::Link,
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
    /// The connection of the page says that the server is out of reach.
    pub unreached: RwSignal<bool>,
}

/// A connection that is back so soon, in milliseconds, was never away.
const PATIENCE: u32 = 3_000;

/// Provides the [`PwaContext`] to everything below.
pub fn provide_pwa() -> PwaContext {
    let context = PwaContext { age: RwSignal::default(), update: RwSignal::new(false), unreached: RwSignal::new(false) };
    provide_context(context);
    context
}

pub fn use_pwa() -> PwaContext {
    expect_context()
}

impl PwaContext {
    /// Whether the server is out of reach, as far as is known. Reactive.
    pub fn is_away(self) -> bool {
        self.age.with(|age| !age.is_empty()) || self.unreached.get() || !pwa::is_online()
    }

    /// Follows the connection of the page: a network that goes while one looks at it shows before anything is read.
    pub fn follow(self, link: Signal<Link>) {
        Effect::new(move |_| {
            let now = link.get();
            if now != Link::Reconnecting {
                self.unreached.set(now == Link::Offline);
                return;
            }
            page::after_forget(PATIENCE, move || {
                if link.try_get_untracked() == Some(Link::Reconnecting) {
                    self.unreached.try_set(true);
                }
            });
        });
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
