//! Labelled form fields: label above, hint below, an error in place of the hint.

use leptos::prelude::*;
use serde::Serialize;

use super::Icon;
use crate::{
    browser::{data, page},
    error::AppError,
};

/// Takes over what was typed, or filled in by a password manager, before the page's script was ready. Call it where the input's
/// component begins: the signal's own value replaces it soon after.
pub fn keep_typed(id: &'static str, value: RwSignal<String>) {
    if let Some(typed) = page::input_value(id).filter(|typed| value.with_untracked(|value| value != typed)) {
        // Later: what is shown first has to be what the server sent.
        Effect::new(move |_| value.set(typed.clone()));
    }
}

/// What a form sends along of a list's query beside its own fields, where there is no script.
pub fn kept_fields(query: &impl Serialize, own: &[&str]) -> AnyView {
    let kept = data::fields(query).into_iter().filter(|(name, _)| !own.contains(&name.as_str()));
    kept.map(|(name, value)| view! { <input type="hidden" name=name value=value/> }).collect_view().into_any()
}

/// A labelled text input bound to a signal. Also works in a plain form: `name` is what is sent.
#[component]
pub fn Field(
    id: &'static str,
    #[prop(into)] label: String,
    /// What the form sends; the id if not given.
    #[prop(optional)]
    name: Option<&'static str>,
    #[prop(optional)] value: Option<RwSignal<String>>,
    /// What an input begins with that has no signal: after a refusal, what was typed.
    #[prop(optional, into)]
    initial: String,
    /// text, email, password, number …
    #[prop(default = "text")]
    kind: &'static str,
    #[prop(optional, into)] hint: String,
    #[prop(optional)] autocomplete: &'static str,
    #[prop(optional)] required: bool,
    #[prop(optional)] autofocus: bool,
    /// The last answer of the server: what it says of this field stands here.
    #[prop(optional, into)]
    error: Option<Signal<Option<AppError>>>,
) -> impl IntoView {
    if let Some(value) = value {
        keep_typed(id, value);
    }
    let name = name.unwrap_or(id);
    let problem =
        Memo::new(move |_| error.and_then(|error| error.with(|error| error.as_ref().and_then(|error| error.fields.get(name).cloned()))));
    let note = format!("{id}-note");
    view! {
        <div class="field">
            <label for=id>{label}</label>
            <input
                class="input"
                id=id
                name=name
                type=kind
                autocomplete=autocomplete
                required=required
                autofocus=autofocus
                aria-describedby=note.clone()
                aria-invalid=move || problem.get().map(|_| "true")
                value=value.map(|value| value.get_untracked()).or_else(|| Some(initial).filter(|text| !text.is_empty()))
                prop:value=move || value.map(|value| value.get())
                on:input=move |event| {
                    if let Some(value) = value {
                        value.set(event_target_value(&event));
                    }
                }
            />
            <span id=note>
                {move || match problem.get() {
                    Some(problem) => view! { <span class="err" role="alert"><Icon name="alert"/>{problem}</span> }.into_any(),
                    None => view! { <span class="hint">{hint.clone()}</span> }.into_any(),
                }}
            </span>
        </div>
    }
}

/// A labelled choice.
#[component]
pub fn SelectField(
    id: &'static str,
    #[prop(into)] label: String,
    value: RwSignal<String>,
    /// Value and words of each option.
    #[prop(into)]
    options: Signal<Vec<(String, String)>>,
    #[prop(optional, into)] hint: String,
) -> impl IntoView {
    view! {
        <div class="field">
            <label for=id>{label}</label>
            <span class="select">
                <select class="input" id=id name=id prop:value=move || value.get() on:change=move |event| value.set(event_target_value(&event))>
                    {move || {
                        options
                            .get()
                            .into_iter()
                            .map(|(key, words)| {
                                let chosen = value.get_untracked() == key;
                                view! { <option value=key selected=chosen>{words}</option> }
                            })
                            .collect_view()
                    }}
                </select>
                <Icon name="chev-d"/>
            </span>
            {(!hint.is_empty()).then(|| view! { <span class="hint">{hint.clone()}</span> })}
        </div>
    }
}

/// What is wrong with what is being written, beside a field that has no label of its own.
#[component]
pub fn Problem(#[prop(into)] text: Signal<Option<String>>) -> impl IntoView {
    view! { <div role="alert">{move || text.get().map(|text| view! { <p class="err"><Icon name="alert"/>{text}</p> })}</div> }
}

/// What the server says of the whole form, read out when it appears.
#[component]
pub fn FieldError(#[prop(into)] error: Signal<Option<AppError>>) -> impl IntoView {
    view! { <div role="alert">{move || form_error(error.get()).map(|text| view! { <div class="banner bad inset"><Icon name="alert"/><span>{text}</span></div> })}</div> }
}

/// The message, unless a field shows it already.
pub fn form_error(error: Option<AppError>) -> Option<String> {
    error.filter(|error| error.fields.is_empty()).map(|error| error.message)
}
