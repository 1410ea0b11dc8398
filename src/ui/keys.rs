//! Keys that work on every page, and the overlays they open.

use leptos::prelude::*;
use leptos_router::hooks::use_navigate;

use super::{
    Suspense,
    palette::{Palette, ShortcutsDialog},
    shell::RailToggle,
    use_toasts,
};
use crate::{
    browser::page::{self, Key},
    lazy_function,
};

enum Overlay {
    Palette,
    Shortcuts,
}

lazy_function!(load_overlay, |overlay: Overlay| match overlay {
    Overlay::Palette => Palette().into_any(),
    Overlay::Shortcuts => ShortcutsDialog().into_any(),
});

/// Has the code of the overlays in the browser before somebody opens one.
pub async fn preload_overlays() {
    crate::lazy_preload!(__preload_load_overlay);
}

/// Opens what lies over every page.
#[derive(Clone, Copy)]
pub struct Overlays {
    palette: RwSignal<bool>,
    shortcuts: RwSignal<bool>,
}

impl Overlays {
    /// Provides the overlays to the frame and everything in it.
    pub fn provide() -> Self {
        let overlays = Self { palette: RwSignal::new(false), shortcuts: RwSignal::new(false) };
        provide_context(overlays);
        overlays
    }
    /// Ctrl-K. The first time its code is loaded, then it opens itself.
    pub fn open_palette(self) {
        self.palette.set(true);
        page::open_dialog("palette");
        page::focus_selector("#palette input");
    }
    pub fn open_shortcuts(self) {
        self.shortcuts.set(true);
        page::open_dialog("shortcuts");
    }
}

/// Where the overlays stand in the document.
#[component]
pub fn OverlayViews() -> impl IntoView {
    let overlays = expect_context::<Overlays>();
    install_keys(overlays);
    view! {
        <Suspense>
            {move || overlays.palette.get().then(|| Suspend::new(load_overlay(Overlay::Palette)))}
            {move || overlays.shortcuts.get().then(|| Suspend::new(load_overlay(Overlay::Shortcuts)))}
        </Suspense>
    }
}

/// Whether single keys do anything: WCAG 2.1.4 wants a way to turn them off.
pub fn single_keys() -> bool {
    crate::browser::storage::preference("keys").as_deref() != Some("off")
}

/// Listens to the keys that work on every page. Pages add their own with `page::on_key`.
fn install_keys(overlays: Overlays) {
    let toasts = use_toasts();
    let navigate = use_navigate();
    let open = navigate.clone();
    let rail = use_context::<RailToggle>();
    let after_g = StoredValue::new(false);
    let mut act = Some(move |key: Key| -> bool {
        if key.command && key.key.eq_ignore_ascii_case("k") {
            overlays.open_palette();
            return true;
        }
        if key.command && key.key.eq_ignore_ascii_case("z") && !key.in_field && !key.shift {
            return toasts.undo_last();
        }
        if key.command || key.alt || key.in_field || key.in_dialog || !single_keys() {
            return false;
        }
        if after_g.get_value() {
            after_g.set_value(false);
            let address = match key.key.as_str() {
                "h" => "/",
                "a" => "/artifacts",
                "s" => "/sessions",
                "m" => "/marketplace",
                "c" => "/changes",
                "n" => "/notifications",
                "," => "/settings",
                _ => return false,
            };
            navigate(address, leptos_router::NavigateOptions::default());
            return true;
        }
        match key.key.as_str() {
            "g" => {
                after_g.set_value(true);
                page::after_forget(1_200, move || after_g.set_value(false));
            }
            "?" => overlays.open_shortcuts(),
            "/" => page::focus_selector("[data-filter]"),
            "[" => {
                if let Some(rail) = rail {
                    rail.0.run(());
                }
            }
            _ => return false,
        }
        true
    });
    // Effects run in the browser only, and what is not `Send` may not be stored on the server.
    Effect::new(move |_| {
        if let Some(act) = act.take() {
            page::on_key(act);
            page::close_drops();
            let open = open.clone();
            page::keep_presses(move |address| open(address, leptos_router::NavigateOptions::default()));
        }
    });
}

/// Keys of this page while it is shown, after those of every page. Single keys come only when they are meant for the page.
pub fn page_keys(act: impl Fn(&Key) -> bool + Send + Sync + 'static) {
    let act = Callback::new(move |key: Key| {
        let plain = !key.command && !key.alt && !key.in_field && !key.in_dialog && single_keys();
        (plain || (key.command && !key.in_dialog)) && act(&key)
    });
    Effect::new(move |_| {
        // In here, because it is not `Send`: effects run in the browser only.
        let listener = StoredValue::new_local(None::<page::Keys>);
        // A moment later: the frame's own keys (the second one of "g h") come first.
        page::after_forget(0, move || {
            let _ = listener.try_update_value(|listener| *listener = Some(page::keys(move |key| act.try_run(key).unwrap_or(false))));
        });
    });
}

/// j and k, and the arrows, go along what `selector` names.
pub fn list_keys(selector: &'static str) {
    page_keys(move |key| {
        let step = match key.key.as_str() {
            "j" | "ArrowDown" => 1,
            "k" | "ArrowUp" => -1,
            _ => return false,
        };
        !key.command && page::step_focus(selector, step).is_some()
    });
}
