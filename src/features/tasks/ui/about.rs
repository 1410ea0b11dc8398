//! The open tasks that an artifact is mentioned in, for what stands beside it.

use leptos::prelude::*;

use super::{
    super::{model::Task, state::read_tasks_about},
    state_mark,
};
use crate::ids::ArtifactId;

/// It is asked for when the page is there: nobody waits for it.
#[component]
pub fn TasksAbout(id: ArtifactId) -> impl IntoView {
    let tasks = RwSignal::new(Vec::<Task>::new());
    Effect::new(move |_| {
        let answer = read_tasks_about(id);
        leptos::task::spawn_local(async move {
            if let Ok(found) = answer.await {
                tasks.try_set(found);
            }
        });
    });
    move || {
        let tasks = tasks.get();
        (!tasks.is_empty()).then(|| {
            let count = tasks.len();
            view! {
                <section>
                    <h2>"Tasks" <span class="count">{count}</span></h2>
                    <ul class="rows f12">{tasks.into_iter().map(row).collect_view()}</ul>
                </section>
            }
        })
    }
}

fn row(task: Task) -> impl IntoView {
    let about = task.issue.as_ref().map(|issue| format!("{}#{}", issue.repository, issue.number));
    let who = task.assignee.as_ref().map(|assignee| assignee.name());
    let small = [about, who].into_iter().flatten().collect::<Vec<_>>().join(", ");
    view! {
        <li>
            {state_mark(task.state)}
            <div class="tx">
                <a class="cover" href=format!("/teams/{}/tasks", task.team_id)>{task.title}</a>
                <small>{small}</small>
            </div>
        </li>
    }
}
