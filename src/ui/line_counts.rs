//! Lines that came and went.

use leptos::prelude::*;

use super::count;

/// "+12 -3"; nothing where no line differs.
#[component]
pub fn LineCounts(added: i64, removed: i64) -> impl IntoView {
    (added + removed > 0)
        .then(|| view! { <span class="diff-n"><b>{format!("+{}", count(added))}</b>" "<i>{format!("-{}", count(removed))}</i></span> })
}
