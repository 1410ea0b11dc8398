//! Tasks as pages read and change them.

use std::future::Future;

use leptos_router::params::ParamsMap;

use super::model::{CreateTask, Task, TaskPage, TaskView, TasksQuery, UpdateTask};
use crate::{
    browser::{
        data::{self, Sent},
        outbox::Wish,
    },
    error::AppResult,
    ids::{ArtifactId, TaskId, TeamId},
};

/// What the address asks for.
pub fn tasks_query(params: &ParamsMap) -> TasksQuery {
    let text = |name: &str| params.get(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
    TasksQuery {
        state: text("state").and_then(|view| TaskView::parse(&view)).unwrap_or_default(),
        assignee: text("assignee"),
        q: text("q"),
        task: text("task").and_then(|task| task.parse().ok()),
        before: text("before").and_then(|before| before.parse().ok()),
        limit: None,
    }
}

/// The page of a list.
pub fn tasks_address(team: TeamId, query: &TasksQuery) -> String {
    data::with_query(&format!("/teams/{team}/tasks"), query)
}

/// What the page reads: the same path, below the API.
pub fn tasks_path(team: &str, query: &TasksQuery) -> String {
    data::with_query(&format!("/teams/{}/tasks", data::encode(team)), query)
}

pub fn read_tasks(team: TeamId, query: &TasksQuery) -> impl Future<Output = AppResult<TaskPage>> + Send + use<> {
    data::get(tasks_path(&team.to_string(), query))
}

pub fn read_tasks_about(artifact: ArtifactId) -> impl Future<Output = AppResult<Vec<Task>>> + Send + 'static {
    data::get(format!("/artifacts/{artifact}/tasks"))
}

fn task_object(id: TaskId) -> String {
    format!("task:{id}")
}

/// Makes a task, now or when the server can be reached. `id` is the one in `new`.
pub async fn create_task(team: TeamId, id: TaskId, new: CreateTask) -> AppResult<Sent> {
    let label = format!("Task \u{201c}{}\u{201d}", new.title);
    data::send_later(Wish::new(task_object(id), "POST", format!("/teams/{team}/tasks"), &new, label)).await
}

/// Changes a task, now or when the server can be reached.
pub async fn update_task(team: TeamId, id: TaskId, change: UpdateTask) -> AppResult<Sent> {
    let wish = Wish::new(task_object(id), "PATCH", format!("/teams/{team}/tasks/{id}"), &change, "Task changed".to_owned());
    data::send_later(wish.alone()).await
}
