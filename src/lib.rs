//! LLMos-Lite: a workspace where a team and its agents keep their know-how.
//!
//! Two halves from one crate: `ssr` is the server, `hydrate` the browser. ARCHITECTURE.md draws the map.

pub mod app;
pub mod browser;
pub mod error;
pub mod features;
pub mod ids;
#[cfg(feature = "ssr")]
pub mod server;
pub mod ui;

/// Where the browser's half starts: attaches to the page that the server rendered.
#[cfg(feature = "hydrate")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    // Where the code is split a panic has no text (scripts/lib.sh).
    #[cfg(not(feature = "split"))]
    console_error_panic_hook::set_once();
    wasm_bindgen_futures::spawn_local(async {
        // The code of the page that is shown comes first (browser/lazy.rs).
        leptos::mount::hydrate_from_async(leptos::tachys::dom::body(), app::App).await.forget();
        // Its effects run, and then the timers that they set (the keys of pages, `ui::page_keys`).
        for _ in 0..2 {
            browser::page::pause(0).await;
        }
        // Tests, people with a screen reader and a form that was sent early (ui/document.rs) learn from it that the page answers now.
        browser::page::set_root_attribute("data-ready", "");
    });
}

/// The same where no server has rendered the page: it is made here, in the empty document (`app::empty_page`).
#[cfg(feature = "hydrate")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn mount() {
    #[cfg(not(feature = "split"))]
    console_error_panic_hook::set_once();
    leptos::mount::mount_to_body(app::App);
    browser::page::set_root_attribute("data-ready", "");
}
