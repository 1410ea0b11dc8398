//! How current a page is, in the status line; and the app's part of the settings.

use leptos::prelude::*;

use super::state::{app_state, use_pwa};
use crate::{
    browser::pwa::{self, AppState},
    error::AppError,
    ui::{ErrorView, Icon, Loading, bytes, toast, use_toasts},
};

/// In the status line: since when what is shown may have changed, and the newer version that waits.
#[component]
pub fn AppStatus() -> impl IntoView {
    let app = use_pwa();
    view! {
        <span class="app-status" role="status">
            {move || app.age.with(|age| (!age.is_empty()).then(|| view! { <b>{age.clone()}</b> }))}
            {move || {
                app.update
                    .get()
                    .then(|| {
                        view! {
                            <button type="button" on:click=move |_| leptos::task::spawn_local(pwa::apply_update())>
                                "New version: load it"
                            </button>
                        }
                    })
            }}
        </span>
    }
}

/// Above what cannot be done without the server: says so while it is out of reach. `what` begins the sentence.
#[component]
pub fn NeedsNetwork(what: &'static str) -> impl IntoView {
    let app = use_pwa();
    let away = RwSignal::new(false);
    // The server that renders the page is there.
    Effect::new(move |_| away.set(app.is_away()));
    move || {
        away.get().then(|| {
            view! {
                <p class="banner warn" role="status">
                    <Icon name="offline"/>
                    <span>{what}" needs the server, which cannot be reached now."</span>
                </p>
            }
        })
    }
}

/// Above numbers that the server makes: since when they may have changed, while it is out of reach.
#[component]
pub fn AsOf() -> impl IntoView {
    let age = use_pwa().age;
    move || {
        let age = age.get();
        (!age.is_empty()).then(|| {
            view! {
                <p class="banner" role="status">
                    <Icon name="offline"/>
                    <span><b>{age}</b>". These are the last numbers that this device has: the server cannot be reached."</span>
                </p>
            }
        })
    }
}

/// Settings: whether it is installed and how it would be, what it keeps, and whether a newer version waits.
#[component]
pub fn AppSettings() -> impl IntoView {
    let state = RwSignal::new(None::<Result<AppState, AppError>>);
    let look = move || {
        leptos::task::spawn_local(async move {
            let found = app_state().await;
            let _ = state.try_set(Some(found));
        });
    };
    Effect::new(move |_| look());
    move || match state.get() {
        None => view! { <Loading/> }.into_any(),
        Some(Err(error)) => view! { <ErrorView error=error/> }.into_any(),
        Some(Ok(state)) => view! {
            <Install state=state.clone() look=Callback::new(move |()| look())/>
            <Kept state=state look=Callback::new(move |()| look())/>
        }
        .into_any(),
    }
}

#[component]
fn Install(state: AppState, look: Callback<()>) -> impl IntoView {
    let toasts = use_toasts();
    let install = move |_| {
        leptos::task::spawn_local(async move {
            if pwa::prompt_install().await {
                toast(toasts, "LLMos-Lite is installed");
            }
            look.run(());
        });
    };
    let how = match (state.installed, state.way.as_str()) {
        (true, _) => view! { <p class="row"><Icon name="check"/>"This is the installed app."</p> }.into_any(),
        (_, "prompt") => view! {
            <footer><button type="button" class="btn primary" on:click=install><Icon name="download"/>"Install"</button></footer>
        }
        .into_any(),
        (_, "share") => view! {
            <ol class="steps">
                <li>"Press Share, the square with an arrow that points up."</li>
                <li>"Choose Add to Home Screen, then Add."</li>
                <li>"Open LLMos from the home screen and sign in there: iPhone and iPad keep apps apart from Safari."</li>
            </ol>
        }
        .into_any(),
        _ => view! {
            <p class="hint">
                "Look for Install in this browser's menu or at the end of its address bar; it may be installed already. Firefox on computers installs no apps. Everything works in a tab as well."
            </p>
        }
        .into_any(),
    };
    view! {
        <section class="set">
            <header>
                <h2>"LLMos-Lite as an app"</h2>
                <p>"A window of its own, an icon, markdown files open in it, and other apps can share text with it."</p>
            </header>
            {how}
        </section>
    }
}

#[component]
fn Kept(state: AppState, look: Callback<()>) -> impl IntoView {
    let persist = move |_| {
        leptos::task::spawn_local(async move {
            pwa::persist().await;
            look.run(());
        });
    };
    let works = if state.worker {
        "The app starts without a network, and shows what was opened here before, with the time that it is of."
    } else {
        "This browser cannot start the app without a network: that needs https, and no private window."
    };
    view! {
        <section class="set">
            <header>
                <h2>"Without a network"</h2>
                <p>{works}</p>
            </header>
            <p class="hint">
                {format!("About {} are kept in this browser. All that is of your account goes when you sign out. ", bytes(state.bytes))}
                {if state.persisted { "The browser keeps it even when the disk is full." } else { "The browser may throw it away when the disk is full." }}
            </p>
            <footer>
                {(!state.persisted && state.worker).then(|| view! { <button type="button" class="btn" on:click=persist>"Ask the browser to keep it"</button> })}
                {state
                    .update
                    .then(|| {
                        view! {
                            <button type="button" class="btn primary" on:click=move |_| leptos::task::spawn_local(pwa::apply_update())>
                                <Icon name="refresh"/>
                                "Load the new version"
                            </button>
                        }
                    })}
            </footer>
        </section>
    }
}
