//! The tasks of a team, and those that an artifact is mentioned in.

mod about;
mod list;

pub use about::TasksAbout;
pub use list::Tasks;

use leptos::prelude::*;

use super::model::TaskState;
use crate::ui::Icon;

/// How far a task is, as a mark.
fn state_mark(state: TaskState) -> impl IntoView {
    let (look, icon, words) = match state {
        TaskState::Open => ("t3", "dashed", "Open"),
        TaskState::Closed => ("c-ok", "ok", "Closed"),
    };
    view! { <span class=look title=words><Icon name=icon/><span class="sr">{words}</span></span> }
}
