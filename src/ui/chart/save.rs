//! Saving a chart: its numbers, or a picture.

use leptos::prelude::*;

use super::{data::ChartData, options};
use crate::{
    browser::{chart, data::encode},
    ui::{Icon, toast_error, use_toasts},
};

/// A menu of the forms that a chart is saved in. Needs script: without it the page's own export is there.
#[component]
pub fn SaveMenu(
    /// What the files are called.
    id: &'static str,
    title: String,
    data: Signal<ChartData>,
) -> impl IntoView {
    let toasts = use_toasts();
    let numbers = move |ending: &'static str| {
        let (kind, text) =
            data.with_untracked(|data| if ending == "csv" { ("text/csv", data.csv()) } else { ("application/json", data.json()) });
        chart::save(&format!("{id}.{ending}"), &format!("data:{kind};charset=utf-8,{}", encode(&text)));
    };
    let picture = move |ending: &'static str| {
        let spec = data.with_untracked(options::spec);
        leptos::task::spawn_local(async move {
            match chart::picture(&spec, ending).await {
                Ok(address) => chart::save(&format!("{id}.{ending}"), &address),
                Err(error) => toast_error(toasts, &error),
            }
        });
    };
    let name = format!("Save {title}");
    view! {
        <details class="drop end save">
            <summary class="btn ghost icon-only s" aria-label=name.clone() title=name><Icon name="download"/></summary>
            <div class="pop menu">
                <button type="button" on:click=move |_| numbers("csv")>"CSV"<span class="tail t3">"the numbers"</span></button>
                <button type="button" on:click=move |_| numbers("json")>"JSON"<span class="tail t3">"the numbers"</span></button>
                <button type="button" on:click=move |_| picture("svg")>"SVG"<span class="tail t3">"a drawing"</span></button>
                <button type="button" on:click=move |_| picture("png")>"PNG"<span class="tail t3">"a picture"</span></button>
            </div>
        </details>
    }
}
