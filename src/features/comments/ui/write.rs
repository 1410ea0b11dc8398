//! The field in which a comment is written.

use leptos::prelude::*;

use crate::{
    browser::page,
    features::{
        comments::{
            model::{Subject, length_problem},
            state::completions_path,
        },
        sessions::ui::{Completing, Completions},
    },
    ui::{Icon, Problem},
};

#[component]
pub fn Write(
    /// The id of the text area: one on the page.
    field: String,
    label: &'static str,
    /// What the button says.
    words: &'static str,
    subject: Subject,
    text: RwSignal<String>,
    busy: RwSignal<bool>,
    send: Callback<String>,
    cancel: Option<Callback<()>>,
) -> impl IntoView {
    let completion = Completing::new(&field, completions_path(subject), text);
    let problem = Memo::new(move |_| text.with(|text| length_problem(text.trim())));
    let submit = move || {
        let words = text.with_untracked(|text| text.trim().to_owned());
        if !words.is_empty() && problem.with_untracked(Option::is_none) && !busy.get_untracked() {
            completion.close();
            send.run(words);
        }
    };
    view! {
        <form
            class="write"
            on:submit=move |event| {
                event.prevent_default();
                submit();
            }
        >
            <Completions completion=completion/>
            <label class="sr" for=field.clone()>{label}</label>
            <textarea
                class="input"
                id=field
                rows="2"
                placeholder=label
                aria-invalid=move || problem.with(Option::is_some).then_some("true")
                aria-autocomplete="list"
                aria-controls=completion.list()
                aria-activedescendant=move || completion.active()
                prop:value=move || text.get()
                on:input=move |event| {
                    text.set(event_target_value(&event));
                    completion.look();
                }
                on:click=move |_| completion.look()
                on:blur=move |_| page::after_forget(150, move || completion.close())
                on:keydown=move |event| {
                    if completion.key(&event.key()) {
                        event.prevent_default();
                        event.stop_propagation();
                    } else if event.key() == "Enter" && (event.ctrl_key() || event.meta_key()) {
                        event.prevent_default();
                        submit();
                    }
                }
            ></textarea>
            <Problem text=problem/>
            <div class="row gap-4">
                <button type="submit" class="btn s" disabled=move || busy.get() || text.with(|text| text.trim().is_empty()) || problem.with(Option::is_some)>{words}</button>
                {cancel.map(|cancel| view! { <button type="button" class="btn s ghost" on:click=move |_| cancel.run(())>"Cancel"</button> })}
                <button
                    type="button"
                    class="btn ghost icon-only s push"
                    aria-label="Mention a person or an artifact"
                    title="Mention a person or an artifact"
                    on:click=move |_| completion.begin()
                >
                    <Icon name="at"/>
                </button>
            </div>
        </form>
    }
}
