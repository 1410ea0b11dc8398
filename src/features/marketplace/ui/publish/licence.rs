//! The licence of a release: what SPDX knows is offered, and the server says what its checks will say.

use leptos::prelude::*;

use super::parts::problem_of;
use crate::{
    error::AppError,
    features::marketplace::{
        model::LicenceCheck,
        state::{check_licence, licences},
    },
    ui::{Icon, keep_typed},
};

/// Identifiers that are common here, until the server has sent all of them.
const COMMON: [&str; 12] = [
    "MIT",
    "Apache-2.0",
    "MIT OR Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "MPL-2.0",
    "LGPL-3.0-or-later",
    "GPL-3.0-or-later",
    "AGPL-3.0-or-later",
    "CC-BY-4.0",
    "CC0-1.0",
];

#[component]
pub fn LicenceField(value: RwSignal<String>, error: RwSignal<Option<AppError>>) -> impl IntoView {
    const ID: &str = "publish-license";
    const NOTE: &str = "publish-license-note";
    const LIST: &str = "publish-license-known";
    keep_typed(ID, value);
    let problem = problem_of(error, "license");
    let known = RwSignal::new(COMMON.map(str::to_owned).to_vec());
    let check = RwSignal::new(None::<LicenceCheck>);
    let look = move |text: String| {
        let answer = check_licence(&text);
        leptos::task::spawn_local(async move {
            // Another text may stand there by now.
            if let Ok(answer) = answer.await
                && value.try_with_untracked(|value| *value == text) == Some(true)
            {
                check.try_set(Some(answer));
            }
        });
    };
    Effect::new(move |_| {
        look(value.get_untracked());
        let all = licences();
        leptos::task::spawn_local(async move {
            if let Ok(all) = all.await {
                // What is common stays in front.
                let rest = all.into_iter().filter(|id| !COMMON.contains(&id.as_str()));
                known.try_set(COMMON.into_iter().map(str::to_owned).chain(rest).collect());
            }
        });
    });
    let take = move |meant: String| {
        value.set(meant.clone());
        look(meant);
    };
    let note = move || {
        if let Some(problem) = problem.get() {
            return view! { <span class="err" role="alert"><Icon name="alert"/>{problem}</span> }.into_any();
        }
        match check.get() {
            Some(LicenceCheck { valid: true, message, .. }) => {
                view! { <span class="hint licence-ok"><Icon name="check"/>{message}</span> }.into_any()
            }
            Some(LicenceCheck { message, meant, .. }) => view! {
                <span class="err"><Icon name="alert"/>{message}</span>
                {meant
                    .map(|meant| {
                        let words = format!("Take {meant}");
                        view! { <button type="button" class="btn s" on:click=move |_| take(meant.clone())>{words}</button> }
                    })}
            }
            .into_any(),
            None => view! { <span class="hint">"An SPDX expression, such as MIT OR Apache-2.0."</span> }.into_any(),
        }
    };
    view! {
        <div class="field">
            <label for=ID>"Licence"</label>
            <input
                class="input"
                id=ID
                name="license"
                list=LIST
                autocomplete="off"
                required=true
                aria-describedby=NOTE
                aria-invalid=move || problem.get().map(|_| "true")
                value=value.get_untracked()
                prop:value=move || value.get()
                on:input=move |event| {
                    value.set(event_target_value(&event));
                    check.set(None);
                }
                on:change=move |event| look(event_target_value(&event))
            />
            <datalist id=LIST>{move || known.get().into_iter().map(|known| view! { <option value=known></option> }).collect_view()}</datalist>
            <span id=NOTE class="licence-note" aria-live="polite">{note}</span>
        </div>
    }
}
