//! The sample team: added and taken away in the administration, taken away on its own pages too.

use leptos::prelude::*;

use super::parts::FormError;
use crate::{
    browser::{data, page},
    features::accounts::state::{Running, use_session},
    ui::{ConfirmDialog, Icon, toast, toast_error, use_toasts},
};

/// Says that this is sample data; administrators take it away from here.
#[component]
pub fn DemoBanner() -> impl IntoView {
    let session = use_session();
    // Nothing of this page is there any more.
    let gone = Callback::new(|()| page::go("/"));
    view! {
        <div class="banner info" role="status">
            <Icon name="info"/>
            <span><b>"Sample data."</b> " This team and what is in it show how a workspace looks in use."</span>
            {move || {
                session.account().filter(|me| me.administrator).map(|_| view! { <span class="push row"><RemoveDemo look="btn s" gone=gone/></span> })
            }}
        </div>
    }
}

/// The part of the administration.
#[component]
pub fn SampleData() -> impl IntoView {
    let session = use_session();
    let toasts = use_toasts();
    let running = Running::new();
    let add = move |_| {
        running.run(data::post::<serde_json::Value>("/admin/demo", &()), move |_| {
            toast(toasts, "The demo is there: see the teams");
            session.me.refetch();
        });
    };
    let gone = Callback::new(move |()| {
        toast(toasts, "The demo is gone");
        session.me.refetch();
    });
    view! {
        <section class="set">
            <header>
                <h2>"Sample data"</h2>
                <p>"A sample team with a volume, sessions and comments, clearly marked, to look around in. Removing it leaves everything else as it is."</p>
                {move || {
                    let there = session.account().is_some_and(|me| me.teams.iter().any(|team| team.demo));
                    if there {
                        view! { <RemoveDemo look="btn danger" gone=gone/> }.into_any()
                    } else {
                        view! {
                            <button type="button" class="btn" aria-disabled=move || running.busy.get().then_some("true") on:click=add>
                                {move || running.busy.get().then(|| view! { <span class="spin"></span> })}
                                {move || if running.busy.get() { "Adding" } else { "Add the demo" }}
                            </button>
                        }
                            .into_any()
                    }
                }}
            </header>
            <FormError error=running.error beside=&[]/>
        </section>
    }
}

/// The button, and the question that it asks. `gone` is called when nothing of the sample is left.
#[component]
fn RemoveDemo(look: &'static str, gone: Callback<()>) -> impl IntoView {
    const QUESTION: &str = "remove-demo";
    let toasts = use_toasts();
    let remove = move |()| {
        let change = data::send::<serde_json::Value>("DELETE", "/admin/demo", &());
        leptos::task::spawn_local(async move {
            match change.await {
                Ok(_) => gone.run(()),
                Err(error) => toast_error(toasts, &error),
            }
        });
    };
    view! {
        <button type="button" class=look on:click=move |_| page::open_dialog(QUESTION)>"Remove the demo"</button>
        <ConfirmDialog
            id=QUESTION
            title="Remove the demo?".to_owned()
            text="The sample team, its volume, its sessions and its accounts go, with everything that was changed in them. Your own teams stay as they are."
                .to_owned()
            confirm="Remove the demo".to_owned()
            act=remove
        />
    }
}
