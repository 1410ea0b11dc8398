//! The frame around the pages that visitors read: a name, where one is, and the way in.

use leptos::prelude::*;
use leptos_router::components::Outlet;

use super::{Suspense, Toasts, page_keys};
use crate::{
    browser::page,
    features::{
        accounts::state::{sign_in_here, use_session},
        marketplace::{model::is_reading_page, state::CATALOGUE},
        pwa::state::provide_pwa,
        volumes::state::provide_volumes,
    },
};

/// Nothing in it is of an account: it is told nothing live, and keeps nothing on the device.
#[component]
pub fn VisitorFrame() -> impl IntoView {
    let session = use_session();
    // Pages look for both; for a visitor they ask the server for nothing.
    provide_volumes();
    provide_pwa();
    let sign_in = sign_in_here();
    page_keys(|key| {
        let finds = !key.command && key.key == "/";
        if finds {
            page::focus_selector("[data-filter]");
        }
        finds
    });
    Effect::new(|_| page::close_drops());
    // This document has no more than visitors read: a link that leads elsewhere is the browser's own to follow, to another one.
    let leave = |event: leptos::ev::MouseEvent| {
        if page::pressed_link(&event).is_some_and(|address| leads_out(&address)) {
            event.stop_propagation();
        }
    };
    view! {
        <a class="btn skip" href="#main">"Skip to content"</a>
        <div class="app visitor" on:click=leave>
            <header class="visitor-bar">
                <a href=CATALOGUE class="team" title="Marketplace">
                    <svg class="icon logo" aria-hidden="true"><use href="/icons.svg#i-mark"></use></svg>
                    <span class="trunc"><Suspense>{move || session.instance.get().and_then(Result::ok).map(|instance| instance.name)}</Suspense></span>
                </a>
                <nav aria-label="Main"><a class="btn ghost" href=CATALOGUE>"Marketplace"</a></nav>
                <a class="btn push" href=move || sign_in.get()>"Sign in"</a>
            </header>
            <Outlet/>
        </div>
        <Toasts/>
    }
}

/// Whether a link leads to something else than a page that visitors read. What begins with `?` or `#` stays on this one.
fn leads_out(address: &str) -> bool {
    let path = address.split(['?', '#']).next().unwrap_or_default();
    !path.is_empty() && !is_reading_page(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_links_among_what_visitors_read_stay_in_the_document() {
        for address in
            ["/marketplace", "/marketplace?q=lamp", "/marketplace/lamp-care#reviews", "/marketplace/record?item=lamp-care", "?q=x", "#main"]
        {
            assert!(!leads_out(address), "{address}");
        }
        for address in [
            "/",
            "/login?next=%2Fmarketplace",
            "/marketplace/publish",
            "/marketplace/installed?volume=1",
            "/marketplace/lamp-care/manage",
            "/marketplace/%70ublish",
            "/marketplace/",
            "/marketplaces",
            "https://example.org/marketplace",
        ] {
            assert!(leads_out(address), "{address}");
        }
    }
}
