//! The choice of a time zone.

use leptos::prelude::*;

use crate::{browser::page, ui::Icon};

/// The zones are the browser's own list: it knows them all, and we need not carry them.
#[component]
pub fn ZoneSelect(
    zone: RwSignal<String>,
    /// What a plain form sends it as.
    #[prop(default = "timeZone")]
    name: &'static str,
    hint: &'static str,
) -> impl IntoView {
    let zones = RwSignal::new(vec![zone.get_untracked()]);
    let here = RwSignal::new(None::<String>);
    Effect::new(move |_| {
        let mut known = page::time_zones();
        let own = zone.get_untracked();
        // Such as UTC, which not every browser lists.
        for extra in [own, "UTC".to_owned()] {
            if !known.contains(&extra) {
                known.insert(0, extra);
            }
        }
        zones.set(known);
        here.set(page::time_zone());
    });
    view! {
        <div class="field">
            <label for="time-zone">"Time zone"</label>
            <span class="select">
                <select class="input" id="time-zone" name=name aria-describedby="time-zone-hint" on:change=move |event| zone.set(event_target_value(&event))>
                    {move || {
                        let own = zone.get();
                        zones
                            .get()
                            .into_iter()
                            .map(|name| {
                                let chosen = name == own;
                                let words = name.replace('_', " ");
                                view! { <option value=name prop:selected=chosen selected=chosen>{words}</option> }
                            })
                            .collect_view()
                    }}
                </select>
                <Icon name="chev-d"/>
            </span>
            <span class="hint" id="time-zone-hint">{hint}</span>
            {move || {
                here.get()
                    .filter(|here| *here != zone.get())
                    .map(|here| {
                        let words = format!("This device is in {}: use it", here.replace('_', " "));
                        view! { <span class="hint"><button type="button" class="link" on:click=move |_| zone.set(here.clone())>{words}</button></span> }
                    })
            }}
        </div>
    }
}
