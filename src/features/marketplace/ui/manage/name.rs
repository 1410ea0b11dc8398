//! The name that a listing has, and those that lead on to it.

use leptos::prelude::*;
use leptos_router::{NavigateOptions, hooks::use_navigate};

use crate::{
    browser::page,
    features::{
        accounts::state::Running,
        marketplace::{
            model::{ChangeListing, ManagedListing},
            state::{change_listing, manage_address},
            ui::publish::Refused,
        },
    },
    ui::{Dialog, Field, toast, use_toasts},
};

const RENAME: &str = "rename-listing";

#[component]
pub fn Names(listing: ManagedListing, reload: Callback<()>) -> impl IntoView {
    let ManagedListing { listing: own, former_names, decides, deletable_until, .. } = listing;
    let used = deletable_until.is_some();
    let slug = own.slug.clone();
    view! {
        <section class="set">
            <header>
                <h2>"Name"</h2>
                <p>"It is installed, needed and found under this name."</p>
                {decides.then(|| view! { <button type="button" class="btn" on:click=move |_| page::open_dialog(RENAME)>"Rename"</button> })}
            </header>
            <dl class="dl">
                <dt>"Name"</dt>
                <dd><code>{own.slug.clone()}</code></dd>
                {(!former_names.is_empty())
                    .then(|| {
                        view! {
                            <dt>"Before"</dt>
                            <dd class="row wrap">{former_names.into_iter().map(|name| view! { <code>{name}</code> }).collect_view()}</dd>
                        }
                    })}
                <dt>"State"</dt>
                <dd>{state_words(&own.state, &own.version)}</dd>
            </dl>
            {decides.then(|| view! { <RenameDialog slug=slug used=used reload=reload/> })}
        </section>
    }
}

/// How a listing stands, in words.
pub fn state_words(state: &str, version: &str) -> String {
    match state {
        "listed" => format!("Public, {version}"),
        "hidden" => "Hidden by moderators".to_owned(),
        "quarantined" => "In quarantine".to_owned(),
        _ => "Reserved: nothing is public".to_owned(),
    }
}

#[component]
fn RenameDialog(
    slug: String,
    /// Something was public under it.
    used: bool,
    reload: Callback<()>,
) -> impl IntoView {
    let toasts = use_toasts();
    let navigate = use_navigate();
    let running = Running::new();
    let name = RwSignal::new(slug.clone());
    let shown = slug.clone();
    let send = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let navigate = navigate.clone();
        let change = ChangeListing { name: Some(name.with_untracked(|name| name.trim().to_owned())), ..ChangeListing::default() };
        running.run(change_listing(slug.clone(), change), move |changed| {
            page::close_dialog(RENAME);
            toast(toasts, format!("It is called {} now", changed.listing.slug));
            reload.run(());
            navigate(&manage_address(&changed.listing.slug), NavigateOptions { replace: true, ..NavigateOptions::default() });
        });
    };
    let text = if used {
        format!(
            "“{shown}” then leads on to it for ever: in pages, in programs, and where something depends on it. Nobody else ever gets it."
        )
    } else {
        format!("Nothing was public as “{shown}” yet: that name is then anybody’s.")
    };
    view! {
        <Dialog id=RENAME title=format!("Rename {shown}") size="s">
            <form on:submit=send>
                <div class="body">
                    <p>{text}</p>
                    <Field id="listing-name" name="name" label="New name" value=name required=true autocomplete="off" hint="Lower-case letters, digits and hyphens." error=running.error/>
                    <Refused error=running.error/>
                </div>
                <footer>
                    <button type="button" class="btn" on:click=move |_| page::close_dialog(RENAME)>"Cancel"</button>
                    <button type="submit" class="btn primary" class:busy=move || running.busy.get()>"Rename"</button>
                </footer>
            </form>
        </Dialog>
    }
}
