//! Filters of lists.

use leptos::prelude::*;

use super::{Icon, count};

/// A drop-down whose entries are links, which works without script too: label, then address, words, count and whether it is the one.
pub fn drop_down(label: &'static str, shown: String, on: bool, entries: Vec<(String, String, Option<i64>, bool)>) -> AnyView {
    view! {
        <details class="drop">
            <summary class=if on { "chip line on" } else { "chip line" }><span class="trunc">{format!("{label}: {shown}")}</span><Icon name="chev-d"/></summary>
            <div class="pop menu" aria-label=label>
                {entries
                    .into_iter()
                    .map(|(address, words, number, current)| {
                        view! {
                            <a href=address aria-current=current.then_some("true")>
                                {words}
                                {number.map(|number| view! { <span class="count">{count(number)}</span> })}
                            </a>
                        }
                    })
                    .collect_view()}
            </div>
        </details>
    }
    .into_any()
}
