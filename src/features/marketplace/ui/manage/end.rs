//! Deleting a listing soon after it went public, and taking a submission back.

use leptos::prelude::*;
use leptos_router::{NavigateOptions, hooks::use_navigate};

use crate::{
    browser::page,
    error::AppError,
    features::{
        accounts::state::Running,
        marketplace::{
            model::{ManagedListing, SubmissionDetail},
            state::{NAMES, SUBMISSIONS, delete_listing, delete_submission},
            ui::publish::Refused,
        },
    },
    ui::{ConfirmDialog, Dialog, Field, Icon, toast, toast_error, use_toasts, utc_time},
};

const DELETE: &str = "delete-listing";
const TAKE_BACK: &str = "take-back";

#[component]
pub fn End(listing: ManagedListing) -> impl IntoView {
    let toasts = use_toasts();
    let navigate = use_navigate();
    let running = Running::new();
    let typed = RwSignal::new(String::new());
    let slug = StoredValue::new(listing.listing.slug);
    let send = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        if typed.with_untracked(|typed| typed.trim() != slug.get_value()) {
            running.error.set(Some(AppError::field("slug", "This is not its name.")));
            return;
        }
        let navigate = navigate.clone();
        running.run(delete_listing(slug.get_value()), move |()| {
            page::close_dialog(DELETE);
            toast(toasts, format!("{} is deleted", slug.get_value()));
            navigate(NAMES, NavigateOptions::default());
        });
    };
    let (text, warning) = match listing.deletable_until {
        Some(until) => (
            format!(
                "With all its releases, until {}, as long as nothing depends on it and nobody else has it installed. Its name stays yours.",
                utc_time(until)
            ),
            "Its releases, ratings and counts go with it, and their version numbers are never given again. The transparency log keeps its entries. This cannot be undone.",
        ),
        None => (
            "Nothing was ever public under this name: deleted, it is anybody’s again.".to_owned(),
            "What was submitted under it goes with it. This cannot be undone.",
        ),
    };
    let may = listing.undeletable.is_none();
    view! {
        <section class="set danger-zone">
            <header>
                <h2>"Delete"</h2>
                <p>{listing.undeletable.unwrap_or(text)}</p>
                {may.then(|| view! { <button type="button" class="btn danger" on:click=move |_| page::open_dialog(DELETE)>"Delete"</button> })}
            </header>
            <Dialog id=DELETE title=format!("Delete {}?", slug.get_value()) size="s" alert=true>
                <form on:submit=send>
                    <div class="body">
                        <p>{warning}</p>
                        <Field id="delete-listing-name" name="slug" label=format!("Type {} to go on", slug.get_value()) value=typed autocomplete="off" required=true error=running.error/>
                        <Refused error=running.error/>
                    </div>
                    <footer>
                        <button type="button" class="btn" on:click=move |_| page::close_dialog(DELETE)>"Cancel"</button>
                        <button type="submit" class="btn danger-fill" class:busy=move || running.busy.get()><Icon name="trash"/>"Delete"</button>
                    </footer>
                </form>
            </Dialog>
        </section>
    }
}

/// Takes a submission out of the queue.
#[component]
pub fn TakeBack(shown: RwSignal<SubmissionDetail>) -> impl IntoView {
    let toasts = use_toasts();
    let navigate = use_navigate();
    let (id, version) = shown.with_untracked(|detail| (detail.submission.id, detail.submission.version.clone()));
    let act = move |()| {
        let (answer, navigate) = (delete_submission(id), navigate.clone());
        leptos::task::spawn_local(async move {
            match answer.await {
                Ok(()) => {
                    toast(toasts, "Taken back");
                    navigate(SUBMISSIONS, NavigateOptions::default());
                }
                Err(error) => toast_error(toasts, &error),
            }
        });
    };
    view! {
        <div class="stack">
            <p class="t2">"Submitted too early? As long as it is not public, you can take it back."</p>
            <div class="row"><button type="button" class="btn" on:click=move |_| page::open_dialog(TAKE_BACK)>"Take it back"</button></div>
        </div>
        <ConfirmDialog
            id=TAKE_BACK
            title=format!("Take {version} back?")
            text="It leaves the queue with what was said about it. The same version can be submitted again.".to_owned()
            confirm="Take it back".to_owned()
            act=act
        />
    }
}
