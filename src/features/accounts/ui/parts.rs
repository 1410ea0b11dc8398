//! Small parts that the pages of accounts share.

use leptos::prelude::*;

use crate::{
    browser::{page, response},
    error::{AppError, AppResult},
    features::accounts::model::{NAME_MAX, PASSWORD_MIN, Role},
    ui::{ErrorView, FieldError, Icon, Loading, keep_typed, utc_time},
};

/// What a part of a page shows of its data: grey rows, the error, or the thing itself.
pub fn shown<T>(data: Option<AppResult<T>>, view: impl FnOnce(T) -> AnyView) -> AnyView {
    match data {
        Some(Ok(data)) => view(data),
        Some(Err(error)) => {
            response::set_status(error.code.status());
            view! { <ErrorView error=error/> }.into_any()
        }
        None => view! { <Loading/> }.into_any(),
    }
}

/// What the server refused of a form as a whole, and of fields that the form does not show an error beside: `beside` names
/// those that it does.
#[component]
pub fn FormError(#[prop(into)] error: Signal<Option<AppError>>, beside: &'static [&'static str]) -> impl IntoView {
    let rest = Signal::derive(move || {
        error.get().map(|mut error| {
            if !error.fields.keys().any(|field| beside.contains(&field.as_str())) {
                error.fields.clear();
            }
            error
        })
    });
    view! { <FieldError error=rest/> }
}

/// The button that sends a form: it says when it runs, and cannot be pressed twice meanwhile.
#[component]
pub fn Submit(
    #[prop(into)] busy: Signal<bool>,
    words: &'static str,
    running: &'static str,
    #[prop(default = "primary")] look: &'static str,
) -> impl IntoView {
    view! {
        <button
            type="submit"
            class=move || format!("btn {look}{}", if busy.get() { " busy" } else { "" })
            aria-disabled=move || busy.get().then_some("true")
        >
            {move || busy.get().then(|| view! { <span class="spin"></span> })}
            {move || if busy.get() { running } else { words }}
        </button>
    }
}

/// Something that is shown this once, with a button that copies it. The button itself says that it did: a toast would stand
/// behind a dialog.
#[component]
pub fn Secret(#[prop(into)] value: String, #[prop(into)] label: String) -> impl IntoView {
    let words = RwSignal::new("Copy");
    let copied = value.clone();
    let copy = move |_| {
        page::copy(copied.clone(), move |done| {
            let _ = words.try_set(if done { "Copied" } else { "Select it" });
            page::after_forget(2_500, move || {
                let _ = words.try_set("Copy");
            });
        });
    };
    view! {
        <div class="field">
            <span class="lab">{label}</span>
            <div class="secret">
                <code>{value}</code>
                <button type="button" class="btn s" aria-live="polite" on:click=copy>
                    <Icon name="copy"/>
                    {move || words.get()}
                </button>
            </div>
        </div>
    }
}

/// A new password, with how strong it is in a word.
#[component]
pub fn NewPassword(
    id: &'static str,
    #[prop(into)] label: String,
    name: &'static str,
    #[prop(optional)] value: Option<RwSignal<String>>,
    #[prop(into)] error: Signal<Option<AppError>>,
) -> impl IntoView {
    let value = value.unwrap_or_else(|| RwSignal::new(String::new()));
    keep_typed(id, value);
    let problem = Memo::new(move |_| error.with(|error| error.as_ref().and_then(|error| error.fields.get(name).cloned())));
    let strength = Memo::new(move |_| value.with(|text| strength(text)));
    let note = format!("{id}-note");
    view! {
        <div class="field">
            <label for=id>{label}</label>
            <input
                class="input"
                id=id
                name=name
                type="password"
                autocomplete="new-password"
                required
                minlength=PASSWORD_MIN.to_string()
                aria-describedby=note.clone()
                aria-invalid=move || problem.get().map(|_| "true")
                prop:value=move || value.get()
                on:input=move |event| value.set(event_target_value(&event))
            />
            <div id=note>
                {move || match (problem.get(), strength.get()) {
                    (Some(problem), _) => view! { <span class="err" role="alert"><Icon name="alert"/>{problem}</span> }.into_any(),
                    (None, None) => view! { <span class="hint">{format!("At least {PASSWORD_MIN} characters; a few words are easiest to keep.")}</span> }.into_any(),
                    (None, Some((level, words))) => {
                        let share = format!("--v:{}", f32::from(level) / 4.0);
                        view! {
                            <div class="strength" data-level=level.to_string()>
                                <span class="meter" style=share><i></i></span>
                                {words}
                            </div>
                        }
                            .into_any()
                    }
                }}
            </div>
        </div>
    }
}

/// How hard a password is to guess, 1..=4, as a hint: length and variety, nothing about dictionaries. None: not typed yet.
fn strength(password: &str) -> Option<(u8, &'static str)> {
    let length = password.chars().count();
    let distinct = password.chars().collect::<std::collections::BTreeSet<_>>().len();
    match (length, distinct) {
        (0, _) => None,
        (length, _) if length < PASSWORD_MIN => Some((1, "Too short")),
        (_, distinct) if distinct < 6 => Some((1, "Easy to guess")),
        (length, _) if length < 14 => Some((2, "Fair")),
        (length, distinct) if length < 20 || distinct < 10 => Some((3, "Good")),
        _ => Some((4, "Strong")),
    }
}

/// "Maintainer".
pub fn role_words(role: Role) -> &'static str {
    match role {
        Role::Viewer => "Viewer",
        Role::Member => "Member",
        Role::Maintainer => "Maintainer",
        Role::Owner => "Owner",
    }
}

/// What a role may do, in a few words.
pub fn role_hint(role: Role) -> &'static str {
    match role {
        Role::Viewer => "reads everything, changes nothing",
        Role::Member => "writes and commits",
        Role::Maintainer => "also manages volumes, members and agents",
        Role::Owner => "everything",
    }
}

/// What an invitation to a role promises.
pub fn role_promise(role: Role) -> &'static str {
    match role {
        Role::Viewer => "As a viewer you read everything.",
        Role::Member => "As a member you write and commit.",
        Role::Maintainer => "As a maintainer you write, commit, and manage volumes, members and agents.",
        Role::Owner => "As an owner you may do everything.",
    }
}

/// The roles that `own` may give, as options.
pub fn role_options(own: Role) -> Vec<(String, String)> {
    Role::ALL
        .into_iter()
        .filter(|role| own.governs(*role))
        .map(|role| (role.as_str().to_owned(), format!("{}: {}", role_words(role), role_hint(role))))
        .collect()
}

/// The day of a moment: "2026-11-22".
pub fn day(at: i64) -> String {
    utc_time(at).chars().take(10).collect()
}

/// A name as typed, cut where the server would refuse it anyway.
pub const NAME_LENGTH: usize = NAME_MAX;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strength_grows_with_length_and_variety() {
        assert_eq!(strength(""), None);
        let levels = ["short", "aaaaaaaaaaaaaaaa", "tr0ub4dor&3x", "correct horse bat", "correct horse battery staple"]
            .map(|text| strength(text).map(|(level, _)| level));
        assert_eq!(levels, [Some(1), Some(1), Some(2), Some(3), Some(4)]);
    }

    #[test]
    fn a_maintainer_gives_only_what_is_below() {
        let words = |own| role_options(own).into_iter().map(|(role, _)| role).collect::<Vec<_>>();
        assert_eq!(words(Role::Maintainer), ["viewer", "member"]);
        assert_eq!(words(Role::Owner).len(), 4);
        assert!(words(Role::Member).is_empty());
    }
}
