//! A moment, as people read it: how long ago, with the exact time on hover.

use leptos::prelude::*;

use super::{relative_time, utc_time};
use crate::browser::page::now_ms;

/// `at` is UTC milliseconds.
#[component]
pub fn Time(at: i64) -> impl IntoView {
    let exact = utc_time(at);
    let machine = exact.replace(" UTC", "Z").replace(' ', "T");
    view! { <time datetime=machine title=exact>{relative_time(at, now_ms())}</time> }
}
