//! How a lock became what it is, and the way back.

use leptos::prelude::*;

use super::Shown;
use crate::{
    features::marketplace::{
        model::{ChangeLock, LockChange, LockStep},
        state::item_address,
    },
    ui::{Avatar, Time, utc_time},
};

#[component]
pub(super) fn History(shown: Shown) -> impl IntoView {
    move || {
        let changes = shown.lock.with(|lock| lock.changes.clone());
        (!changes.is_empty()).then(|| {
            view! {
                <section aria-labelledby="lock-history">
                    <h2 class="med" id="lock-history">"History"</h2>
                    <ol class="rows lock-changes">{changes.into_iter().map(|change| view! { <Change shown=shown change=change/> }).collect_view()}</ol>
                </section>
            }
        })
    }
}

fn act_words(act: &str) -> &'static str {
    match act {
        "install" => "Installed",
        "update" => "Updated",
        "uninstall" => "Uninstalled",
        "roll-back" => "Rolled back",
        _ => "Changed",
    }
}

fn step_words(step: &LockStep) -> String {
    match (&step.from, &step.to) {
        (None, Some(to)) => to.clone(),
        (Some(from), Some(to)) if from == to => from.clone(),
        (Some(from), Some(to)) => format!("{from} to {to}"),
        (Some(from), None) => format!("{from}, gone"),
        (None, None) => String::new(),
    }
}

#[component]
fn Change(shown: Shown, change: LockChange) -> impl IntoView {
    let LockChange { id, act, steps, by, at } = change;
    let words = act_words(&act);
    let label = format!("Roll back to before this: {words}, {}", utc_time(at));
    let roll_back = move |_| {
        let change = ChangeLock { roll_back: Some(id.clone()), ..ChangeLock::default() };
        shown.ask(change, "Roll back to before this change".to_owned(), "Roll back", "Rolled back".to_owned());
    };
    let steps = steps
        .into_iter()
        .map(|step| view! { <span><a class="link" href=item_address(&step.slug)>{step.slug.clone()}</a> " " <code>{step_words(&step)}</code></span> })
        .collect_view();
    view! {
        <li>
            <Avatar person=by.clone() size="s"/>
            <div class="tx">
                <b>{words}</b>
                <span class="lock-steps">{steps}</span>
                <small>{by.name}", " <Time at=at/></small>
            </div>
            {move || {
                let roll_back = roll_back.clone();
                shown.may_change().then(|| view! { <button type="button" class="btn s" aria-label=label.clone() on:click=roll_back>"Roll back to before this"</button> })
            }}
        </li>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_became_of_an_item_is_said_with_its_versions() {
        let words = |from: Option<&str>, to: Option<&str>| {
            step_words(&LockStep { slug: "x".to_owned(), from: from.map(str::to_owned), to: to.map(str::to_owned), asked: true })
        };
        assert_eq!(words(None, Some("1.0.0")), "1.0.0");
        assert_eq!(words(Some("1.0.0"), Some("1.1.0")), "1.0.0 to 1.1.0");
        assert_eq!(words(Some("1.0.0"), None), "1.0.0, gone");
    }
}
