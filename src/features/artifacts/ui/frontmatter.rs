//! The frontmatter as a form: each value is changed where it stands, and only its key is rewritten.

use leptos::prelude::*;

use super::artifact::Shown;
use crate::{
    browser::data::Sent,
    error::AppError,
    features::{
        artifacts::{
            model::{CATEGORIES, FrontmatterEntry, FrontmatterValue},
            state::set_frontmatter,
        },
        outbox::state::say_sent,
    },
    ui::{Icon, use_toasts},
};

/// Offered even when a file does not have them yet.
const USUAL: [&str; 5] = ["name", "description", "category", "tags", "version"];

#[component]
pub fn FrontmatterForm(shown: Shown) -> impl IntoView {
    let keys = Memo::new(move |_| {
        let may = shown.may_edit();
        shown.detail.with(|detail| {
            let mut keys: Vec<String> = detail.frontmatter.iter().map(|entry| entry.key.clone()).collect();
            for key in USUAL.iter().filter(|_| may) {
                if !keys.iter().any(|known| known == key) {
                    keys.push((*key).to_owned());
                }
            }
            keys
        })
    });
    view! {
        <section>
            <h2>"Frontmatter" <a class="btn ghost s" href=move || shown.tab(if shown.may_edit() { "edit" } else { "source" })>"YAML"</a></h2>
            <div class="fm-form">
                <For each=move || keys.get() key=|key| key.clone() let:key>
                    <Row shown=shown key=key/>
                </For>
            </div>
        </section>
    }
}

fn value_of(entries: &[FrontmatterEntry], key: &str) -> Option<FrontmatterValue> {
    entries.iter().find(|entry| entry.key == key).map(|entry| entry.value.clone())
}

fn as_text(value: Option<&FrontmatterValue>) -> String {
    match value {
        Some(FrontmatterValue::Text(text) | FrontmatterValue::Raw(text)) => text.clone(),
        Some(FrontmatterValue::List(items)) => items.join(", "),
        None => String::new(),
    }
}

/// What the field's text means for this key; nothing left removes the key.
fn from_text(key: &str, before: Option<&FrontmatterValue>, text: &str) -> Option<FrontmatterValue> {
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    let list = matches!(before, Some(FrontmatterValue::List(_))) || (before.is_none() && key == "tags");
    Some(if list {
        FrontmatterValue::List(text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect())
    } else {
        FrontmatterValue::Text(text.to_owned())
    })
}

#[component]
fn Row(shown: Shown, key: String) -> impl IntoView {
    let toasts = use_toasts();
    let id = format!("fm-{key}");
    let key = StoredValue::new(key);
    let value = Memo::new(move |_| shown.detail.with(|detail| key.with_value(|key| value_of(&detail.frontmatter, key))));
    let error = RwSignal::new(None::<AppError>);
    let save = Callback::new(move |text: String| {
        let before = value.get_untracked();
        if text.trim() == as_text(before.as_ref()) {
            error.set(None);
            return;
        }
        let name = key.get_value();
        let next = from_text(&name, before.as_ref(), &text);
        let answer = set_frontmatter(shown.id, name.clone(), next);
        leptos::task::spawn_local(async move {
            match answer.await {
                Ok(sent) => {
                    error.try_set(None);
                    if sent == Sent::Done {
                        shown.reload.try_run(());
                    }
                    say_sent(toasts, sent, format!("Saved {name} in the draft"));
                }
                Err(failed) => {
                    error.try_set(Some(failed));
                }
            }
        });
    });
    let text = move || value.with(|value| as_text(value.as_ref()));
    let name = key.get_value();
    let label = name.clone();
    let raw = move || value.with(|value| matches!(value, Some(FrontmatterValue::Raw(_))));
    let field = move || {
        if !shown.may_edit() || raw() {
            return reading(value.get());
        }
        let name = key.get_value();
        let id = format!("fm-{name}");
        let invalid = move || error.with(|error| error.is_some().then_some("true"));
        if name == "category" {
            return view! {
                <select id=id aria-invalid=invalid on:change=move |event| save.run(event_target_value(&event))>
                    {move || options(&text())}
                </select>
            }
            .into_any();
        }
        let long = name == "description";
        view! {
            <textarea
                id=id
                rows="1"
                spellcheck=long.to_string()
                placeholder="none"
                aria-invalid=invalid
                prop:value=text
                on:change=move |event| save.run(event_target_value(&event))
                on:keydown=move |event| {
                    if event.key() == "Enter" && !event.shift_key() {
                        event.prevent_default();
                        save.run(event_target_value(&event));
                    }
                }
            >
                {untrack(text)}
            </textarea>
        }
        .into_any()
    };
    view! {
        <div class="f">
            <label for=id>{label}</label>
            {field}
            {move || error.get().map(|error| view! { <span class="err" role="alert"><Icon name="alert"/>{error.message}</span> })}
        </div>
    }
}

/// The known categories, and the one the file has if it is another.
fn options(chosen: &str) -> AnyView {
    let foreign = !chosen.is_empty() && !CATEGORIES.iter().any(|(id, _)| *id == chosen);
    let known = CATEGORIES.iter().map(|(id, words)| view! { <option value=*id selected=*id == chosen>{*words}</option> }).collect_view();
    view! {
        <option value="" selected=chosen.is_empty()>"none"</option>
        {foreign.then(|| view! { <option value=chosen.to_owned() selected=true>{chosen.to_owned()}</option> })}
        {known}
    }
    .into_any()
}

/// A value that is only read here.
fn reading(value: Option<FrontmatterValue>) -> AnyView {
    match value {
        Some(FrontmatterValue::List(items)) => {
            view! { <div class="chips">{items.into_iter().map(|item| view! { <span class="chip line">{item}</span> }).collect_view()}</div> }.into_any()
        }
        Some(FrontmatterValue::Raw(source)) => view! { <div><code class="raw" title="Edited in the source">{source}</code></div> }.into_any(),
        other => view! { <div>{as_text(other.as_ref())}</div> }.into_any(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_becomes_the_value_it_was_typed_for() {
        let list = FrontmatterValue::List(vec!["a".into()]);
        assert_eq!(from_text("tags", None, "a, b,"), Some(FrontmatterValue::List(vec!["a".into(), "b".into()])));
        assert_eq!(from_text("any", Some(&list), "c"), Some(FrontmatterValue::List(vec!["c".into()])));
        assert_eq!(from_text("version", None, " 1.2.0 "), Some(FrontmatterValue::Text("1.2.0".into())));
        assert_eq!(from_text("version", None, "  "), None);
    }
}
