//! Whether a volume takes newer versions by itself.

use leptos::prelude::*;

use super::Shown;
use crate::{
    features::{
        accounts::state::Running,
        marketplace::{
            model::{COOL_DOWN_MAX, LockSettings},
            state::set_lock_settings,
            ui::publish::Refused,
        },
    },
    ui::{Icon, plural, toast, use_toasts},
};

#[component]
pub(super) fn Settings(shown: Shown) -> impl IntoView {
    let toasts = use_toasts();
    let running = Running::new();
    let now = shown.lock.with_untracked(|lock| lock.settings);
    let (automatic, days) = (RwSignal::new(now.automatic), RwSignal::new(now.cool_down_days.to_string()));
    let said = move || {
        let LockSettings { automatic, cool_down_days } = shown.lock.with(|lock| lock.settings);
        match (automatic, cool_down_days) {
            (false, _) => "Updates wait for somebody of this volume.".to_owned(),
            (true, 0) => "Updates that may do no more than before are installed within the hour.".to_owned(),
            (true, days) => {
                format!("Updates that may do no more than before are installed {} after they came out.", plural(days, "day", "days"))
            }
        }
    };
    let save = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let settings = LockSettings {
            automatic: automatic.get_untracked(),
            cool_down_days: days.with_untracked(|days| days.trim().parse().unwrap_or(-1)),
        };
        running.run(set_lock_settings(shown.volume(), settings), move |lock| {
            shown.lock.set(lock);
            toast(toasts, "Saved");
        });
    };
    view! {
        <details class="lock-settings">
            <summary class="folded"><Icon name="chev-r"/>"Updates"<span class="t3">{said}</span></summary>
            {move || {
                shown
                    .may_change()
                    .then(|| {
                        view! {
                            <form class="form" on:submit=save>
                                <label class="check">
                                    <input type="checkbox" name="automatic" prop:checked=move || automatic.get() on:change=move |event| automatic.set(event_target_checked(&event))/>
                                    <span>
                                        "Install updates by themselves"
                                        <span class="hint">"What needs more than before, brings something new along or changes lines that were changed here waits for a person in any case."</span>
                                    </span>
                                </label>
                                <div class="field">
                                    <label for="cool-down">"Days that a version has to be out"</label>
                                    <input class="input" id="cool-down" name="coolDownDays" type="number" min="0" max=COOL_DOWN_MAX.to_string() inputmode="numeric" prop:value=move || days.get() value=days.get_untracked() on:input=move |event| days.set(event_target_value(&event))/>
                                    <p class="hint">"Time for others to find what is wrong with it."</p>
                                </div>
                                <Refused error=running.error/>
                                <footer class="row"><button type="submit" class="btn" class:busy=move || running.busy.get()>"Save"</button></footer>
                            </form>
                        }
                    })
            }}
        </details>
    }
}
