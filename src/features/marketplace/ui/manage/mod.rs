//! What one publishes: its names, its owners, what is said against it, and its end.

mod advice;
mod end;
mod name;
mod names;
mod owners;

use leptos::prelude::*;
use leptos_router::hooks::use_params_map;

use crate::{
    features::{
        marketplace::{
            model::ManagedListing,
            state::{NAMES, item_address, use_management},
        },
        pwa::ui::NeedsNetwork,
    },
    ui::{Icon, Loading, PageError, PageTitle, Transition, late},
};
use advice::Advice;
use end::End;
use name::Names;
use owners::{Owners, Transfer};

pub use end::TakeBack;
pub use names::NamesPage;

#[component]
pub fn ManagePage() -> impl IntoView {
    let params = use_params_map();
    let listing = use_management(Memo::new(move |_| params.with(|params| params.get("slug").unwrap_or_default())));
    let reload = Callback::new(move |()| listing.refetch());
    view! {
        <Transition fallback=|| {
            view! { <main class="main panes" id="main" tabindex="-1"><section class="pane"><div class="scroll"><Loading/></div></section></main> }
        }>
            {move || {
                listing
                    .arrived()
                    .map(|listing| late(move || match listing.read() {
                        Ok(listing) => view! { <Managed listing=listing reload=reload/> }.into_any(),
                        Err(error) => view! { <PageError error=error/> }.into_any(),
                    }))
            }}
        </Transition>
    }
}

#[component]
fn Managed(
    listing: ManagedListing,
    /// Reads it again.
    reload: Callback<()>,
) -> impl IntoView {
    let own = listing.listing.clone();
    let public = !own.version.is_empty();
    let decides = listing.decides;
    let was_public = public || listing.deletable_until.is_some();
    view! {
        <PageTitle text=format!("Manage {}", own.name)/>
        <main class="main panes" id="main" tabindex="-1">
            <section class="pane" aria-label="Manage">
                <header class="bar">
                    <a class="btn ghost icon-only" href=NAMES aria-label="Back to your names" title="Back to your names"><Icon name="chev-l"/></a>
                    <h1 class="trunc">{format!("Manage {}", own.name)}</h1>
                    <span class="push row gap-4">
                        {(own.state == "listed").then(|| view! { <a class="btn" href=item_address(&own.slug)>"Its page"</a> })}
                    </span>
                </header>
                <NeedsNetwork what="Managing an item"/>
                <div class="scroll">
                    <div class="settings">
                        {(!decides)
                            .then(|| {
                                view! {
                                    <div class="banner info inset">
                                        <Icon name="users"/>
                                        <span>{format!("You are a co-owner: you publish and deprecate it. Its names, owners and end are for {} to decide.", own.owner.name)}</span>
                                    </div>
                                }
                            })}
                        <Names listing=listing.clone() reload=reload/>
                        <Owners listing=listing.clone() reload=reload/>
                        {decides.then(|| view! { <Transfer listing=listing.clone() reload=reload/> })}
                        {was_public.then(|| view! { <Advice listing=listing.clone() reload=reload/> })}
                        {decides.then(|| view! { <End listing=listing/> })}
                    </div>
                </div>
            </section>
        </main>
    }
}
