//! Tasks as pages read and change them.

use std::future::Future;

use leptos_router::params::ParamsMap;

use super::model::{CreateTask, Task, TaskPage, TaskView, TasksQuery, UpdateTask};
use crate::{
    browser::data,
    error::AppResult,
    features::volumes::state::tell,
    ids::{ArtifactId, TaskId, TeamId},
};

/// What the address asks for.
pub fn tasks_query(params: &ParamsMap) -> TasksQuery {
    let text = |name: &str| params.get(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
    TasksQuery {
        state: text("state").and_then(|view| TaskView::parse(&view)).unwrap_or_default(),
        assignee: text("assignee"),
        q: text("q"),
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

pub fn create_task(team: TeamId, new: CreateTask) -> impl Future<Output = AppResult<()>> + Send + 'static {
    tell("POST", format!("/teams/{team}/tasks"), new)
}

pub fn update_task(team: TeamId, id: TaskId, change: UpdateTask) -> impl Future<Output = AppResult<()>> + Send + 'static {
    tell("PATCH", format!("/teams/{team}/tasks/{id}"), change)
}
