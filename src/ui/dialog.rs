//! Native modal dialogs: focus moves in and back out, Escape closes, what is behind is inert.

use leptos::prelude::*;

use super::Icon;
use crate::browser::page;

/// A dialog, opened with `page::open_dialog(id)`. `children` are a `div.body` and, if it has acts, a `footer`.
#[component]
pub fn Dialog(
    id: &'static str,
    #[prop(into)] title: Signal<String>,
    /// "", "s" or "l".
    #[prop(optional)]
    size: &'static str,
    /// For questions about something destructive.
    #[prop(optional)]
    alert: bool,
    children: Children,
) -> impl IntoView {
    let heading = format!("{id}-heading");
    let labelled = heading.clone();
    view! {
        <dialog class=format!("dialog {size}") id=id aria-labelledby=labelled role=alert.then_some("alertdialog")>
            <header>
                <h2 id=heading>{move || title.get()}</h2>
                <button type="button" class="btn ghost icon-only s" aria-label="Close" on:click=move |_| page::close_dialog(id)>
                    <Icon name="x"/>
                </button>
            </header>
            {children()}
        </dialog>
    }
}

/// Asks before something that cannot be undone. `act` runs when the person goes on.
#[component]
pub fn ConfirmDialog(
    id: &'static str,
    #[prop(into)] title: Signal<String>,
    /// What will happen, and what is safe.
    #[prop(into)]
    text: Signal<String>,
    /// The verb and its object, such as "Delete volume".
    #[prop(into)]
    confirm: Signal<String>,
    #[prop(into)] act: Callback<()>,
) -> impl IntoView {
    view! {
        <Dialog id=id title=title size="s" alert=true>
            <div class="body">
                <p>{move || text.get()}</p>
            </div>
            <footer>
                <button type="button" class="btn" on:click=move |_| page::close_dialog(id)>"Cancel"</button>
                <button
                    type="button"
                    class="btn danger-fill"
                    on:click=move |_| {
                        page::close_dialog(id);
                        act.run(());
                    }
                >
                    {move || confirm.get()}
                </button>
            </footer>
        </Dialog>
    }
}
