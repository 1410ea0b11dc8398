//! The button that reads a list again.

use leptos::prelude::*;

use super::Icon;

/// In the bar above a list. On touch, pulling the list down presses it (`web/pwa/pull.ts`).
#[component]
pub fn Again(act: Callback<()>) -> impl IntoView {
    view! {
        <button type="button" class="btn ghost icon-only" data-again="" aria-label="Read again" title="Read again" on:click=move |_| act.run(())>
            <Icon name="refresh"/>
        </button>
    }
}
