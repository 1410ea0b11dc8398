//! `/api/v1/teams/{id}/tasks`, and the tasks that an artifact is mentioned in.

use axum::http::StatusCode;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    model::{CreateTask, Task, TaskPage, TasksQuery, UpdateTask},
    service,
};
use crate::{
    error::{AppError, AppResult},
    ids::{ArtifactId, TaskId, TeamId},
    server::{
        context::Ctx,
        extract::{Json, Path, Query},
        state::AppState,
    },
};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list_tasks, create_task)).routes(routes!(get_task, update_task)).routes(routes!(tasks_about))
}

/// Tasks of a team, the newest first: made by hand, or following the issues of a repository that a volume of the team is linked to.
#[utoipa::path(get, path = "/teams/{id}/tasks", tag = "tasks", params(("id" = TeamId, Path), TasksQuery), responses((status = 200, body = TaskPage), (status = "4XX", body = AppError)))]
async fn list_tasks(ctx: Ctx, Path(team): Path<TeamId>, Query(query): Query<TasksQuery>) -> AppResult<Json<TaskPage>> {
    service::list_tasks(&ctx, team, query).await.map(Json)
}

/// Make a task by hand. With an id made by the client it is there once, however often it is sent.
#[utoipa::path(post, path = "/teams/{id}/tasks", tag = "tasks", params(("id" = TeamId, Path)), request_body = CreateTask, responses((status = 201, body = Task), (status = "4XX", body = AppError)))]
async fn create_task(ctx: Ctx, Path(team): Path<TeamId>, Json(input): Json<CreateTask>) -> AppResult<(StatusCode, Json<Task>)> {
    Ok((StatusCode::CREATED, Json(service::create_task(&ctx, team, input).await?)))
}

/// One task.
#[utoipa::path(get, path = "/teams/{id}/tasks/{task_id}", tag = "tasks", params(("id" = TeamId, Path), ("task_id" = TaskId, Path)), responses((status = 200, body = Task), (status = "4XX", body = AppError)))]
async fn get_task(ctx: Ctx, Path((team, id)): Path<(TeamId, TaskId)>) -> AppResult<Json<Task>> {
    service::get_task(&ctx, team, id).await.map(Json)
}

/// Change, close, reopen or assign a task that was made by hand. One that follows an issue is changed at GitHub.
#[utoipa::path(patch, path = "/teams/{id}/tasks/{task_id}", tag = "tasks", params(("id" = TeamId, Path), ("task_id" = TaskId, Path)), request_body = UpdateTask, responses((status = 200, body = Task), (status = "4XX", body = AppError)))]
async fn update_task(ctx: Ctx, Path((team, id)): Path<(TeamId, TaskId)>, Json(input): Json<UpdateTask>) -> AppResult<Json<Task>> {
    service::update_task(&ctx, team, id, input).await.map(Json)
}

/// The open tasks that mention an artifact, of the caller's teams.
#[utoipa::path(get, path = "/artifacts/{id}/tasks", tag = "tasks", params(("id" = ArtifactId, Path)), responses((status = 200, body = Vec<Task>), (status = "4XX", body = AppError)))]
async fn tasks_about(ctx: Ctx, Path(id): Path<ArtifactId>) -> AppResult<Json<Vec<Task>>> {
    service::tasks_about(&ctx, id).await.map(Json)
}
