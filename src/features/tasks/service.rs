//! Use cases of tasks: whoever is in a team reads its tasks, whoever may converse there makes and changes them; issues are followed.

mod following;

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

pub use following::{Followed, IssueNews, follow_issue, followed};

use super::{
    model::{
        ARTIFACTS_MAX, BESIDE, CreateTask, PAGE, PAGE_MAX, TITLE_CHARS, Task, TaskArtifact, TaskPage, TaskState, TaskView, TasksQuery,
        UpdateTask, mentions,
    },
    store::{self, Edit, List, NewTask, TaskRow, Whose},
};
use crate::{
    error::{AppError, AppResult},
    features::{
        accounts::{self, Action, model::check_shown},
        analytics::service::{Event, UsageKind, record},
        artifacts,
        collaboration::{
            self,
            model::{RoomEvent, RoomType},
        },
        notifications::{self, model::SubjectKind},
        volumes,
    },
    ids::{ArtifactId, TaskId, TeamId, UserId},
    server::{context::Ctx, db::Tx},
};

/// The team's room is told after the commit: who looks at its tasks reads them again.
fn announce(ctx: &Ctx, team: TeamId, task: TaskId, by: UserId) {
    let event = RoomEvent::Task { task_id: task.to_string() };
    collaboration::service::announce(&ctx.state, RoomType::Workspace, team.same_as(), by, event);
}

pub async fn list_tasks(ctx: &Ctx, team: TeamId, query: TasksQuery) -> AppResult<TaskPage> {
    let role = accounts::service::authorise_team(ctx, team, Action::Read).await?;
    // A link to a task does not say how the task is by now.
    let query = match query.task {
        Some(_) => TasksQuery { task: query.task, state: TaskView::All, ..TasksQuery::default() },
        None => query,
    };
    let limit = query.limit.unwrap_or(PAGE).clamp(1, PAGE_MAX);
    let whose = match query.assignee.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
        None => Whose::Anybody,
        Some("none") => Whose::Nobody,
        Some("me") => Whose::Person(ctx.actor()?.id()),
        Some(text) => text.parse().map_or_else(|_| Whose::Login(text.trim_start_matches('@').to_ascii_lowercase()), Whose::Person),
    };
    let words = query.q.unwrap_or_default();
    let pool = ctx.db().read();
    let mut rows = store::list(
        pool,
        &List { team, view: query.state, whose, words: &words, task: query.task, before: query.before, limit: limit + 1 },
    )
    .await?;
    let more = rows.len() as i64 > limit;
    rows.truncate(limit as usize);
    let (open, closed) = store::counts(pool, team).await?;
    let items = shown(ctx, rows).await?;
    let next = items.last().filter(|_| more).map(|task| task.id);
    Ok(TaskPage { items, open, closed, can_write: role.allows(Action::Converse), next })
}

/// A task of the team, if the caller may do this with it.
async fn find(ctx: &Ctx, team: TeamId, id: TaskId, action: Action) -> AppResult<TaskRow> {
    accounts::service::authorise_team(ctx, team, action).await?;
    let row = store::get(ctx.db().read(), id).await?.filter(|row| row.team_id == team.to_string());
    row.ok_or_else(|| AppError::not_found("task"))
}

pub async fn get_task(ctx: &Ctx, team: TeamId, id: TaskId) -> AppResult<Task> {
    let row = find(ctx, team, id, Action::Read).await?;
    one(ctx, row).await
}

/// The open tasks that an artifact is mentioned in, of the teams that the caller is in; the newest of them.
pub async fn tasks_about(ctx: &Ctx, artifact: ArtifactId) -> AppResult<Vec<Task>> {
    artifacts::service::find_place(ctx, artifact, Action::Read).await?;
    let teams: Vec<TeamId> = accounts::service::roles_of(ctx).await?.into_iter().map(|(team, _)| team).collect();
    if teams.is_empty() {
        return Ok(Vec::new());
    }
    shown(ctx, store::about(ctx.db().read(), artifact, &teams, BESIDE).await?).await
}

fn checked_title(title: &str) -> AppResult<String> {
    let clean = title.split_whitespace().collect::<Vec<_>>().join(" ");
    if clean.is_empty() || clean.chars().count() > TITLE_CHARS {
        return Err(AppError::field("title", format!("Say in 1 to {TITLE_CHARS} characters what is to be done.")));
    }
    check_shown("title", &clean)?;
    Ok(clean)
}

async fn check_assignee(tx: &mut Tx, team: TeamId, assignee: Option<UserId>) -> AppResult<()> {
    let Some(user) = assignee else { return Ok(()) };
    if accounts::service::members_among(tx, team, &[user]).await?.is_empty() {
        return Err(AppError::field("assigneeId", "Choose somebody who is in this team."));
    }
    Ok(())
}

/// Those that everybody in the team may see: the names of others would tell of what is not shared.
async fn check_artifacts(ctx: &Ctx, team: TeamId, ids: &[ArtifactId]) -> AppResult<Vec<ArtifactId>> {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids.dedup();
    if ids.len() > ARTIFACTS_MAX {
        return Err(AppError::field("artifactIds", format!("A task is about at most {ARTIFACTS_MAX} artifacts.")));
    }
    let named = artifacts::service::named(ctx, &ids).await?;
    let shared = volumes::service::ids_of_team(ctx, team).await?;
    match ids.iter().find(|id| named.get(id).is_none_or(|named| !shared.contains(&named.volume))) {
        None => Ok(ids),
        Some(_) => Err(AppError::field("artifactIds", "A task is about artifacts of the team's volumes: choose those.")),
    }
}

/// What is chosen, or else what the title names in the team's volumes.
async fn about(ctx: &Ctx, team: TeamId, chosen: Option<&[ArtifactId]>, title: &str) -> AppResult<Vec<ArtifactId>> {
    if let Some(ids) = chosen.filter(|ids| !ids.is_empty()) {
        return check_artifacts(ctx, team, ids).await;
    }
    let names: HashSet<String> = mentions(title).names.into_iter().collect();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let mut volumes = volumes::service::visible(ctx).await?;
    volumes.retain(|volume| volume.team == Some(team));
    let found = artifacts::service::find_by_slug(ctx, &volumes, &names).await?;
    Ok(found.into_values().map(|named| named.id).take(ARTIFACTS_MAX).collect())
}

/// Makes a task. The same id again gives the task that is there.
pub async fn create_task(ctx: &Ctx, team: TeamId, input: CreateTask) -> AppResult<Task> {
    accounts::service::authorise_team(ctx, team, Action::Converse).await?;
    let (actor, now) = (ctx.actor()?.id(), ctx.now());
    let id = TaskId::chosen(input.id, now)?;
    let title = checked_title(&input.title)?;
    let artifacts = about(ctx, team, Some(&input.artifact_ids), &title).await?;
    let mut tx = ctx.db().write_tx().await?;
    check_assignee(&mut tx, team, input.assignee_id).await?;
    if store::insert(&mut tx, &NewTask { id, team, title: &title, assignee: input.assignee_id, by: actor, now }).await? {
        store::set_artifacts(&mut tx, id, &artifacts).await?;
        record(ctx, &mut tx, Event::new(UsageKind::TaskCreated).team(Some(team)).subject(id)).await?;
        tx.commit().await?;
        announce(ctx, team, id, actor);
    } else {
        drop(tx);
    }
    let row = store::get(ctx.db().read(), id).await?.filter(|row| row.team_id == team.to_string());
    one(ctx, row.ok_or_else(|| AppError::conflict("This id is in use already: make a new one."))?).await
}

/// What the caller made.
pub async fn own_tasks(ctx: &Ctx) -> AppResult<Value> {
    let rows = store::made_by(ctx.db().read(), ctx.actor()?.id()).await?;
    Ok(rows.into_iter().map(|(title, state, at)| json!({ "title": title, "state": state, "createdAt": at })).collect())
}

/// A team is removed for good.
pub async fn forget_team(tx: &mut Tx, team: TeamId) -> AppResult<()> {
    notifications::service::forget_subjects(tx, SubjectKind::Tasks, &[team]).await?;
    store::delete_of_team(tx, team).await
}

/// Changes a task that was made by hand.
pub async fn update_task(ctx: &Ctx, team: TeamId, id: TaskId, input: UpdateTask) -> AppResult<Task> {
    let row = find(ctx, team, id, Action::Converse).await?;
    if let Some(issue) = row.issue() {
        return Err(AppError::conflict(format!("This task follows {}#{}: change the issue at GitHub.", issue.repository, issue.number)));
    }
    let title = input.title.as_deref().map(checked_title).transpose()?;
    let artifacts = match (&input.artifact_ids, &title) {
        (Some(ids), _) => Some(check_artifacts(ctx, team, ids).await?),
        // The same title says nothing new of what was chosen.
        (None, Some(title)) if *title != row.title => Some(about(ctx, team, None, title).await?),
        (None, _) => None,
    };
    let (actor, now) = (ctx.actor()?.id(), ctx.now());
    let mut tx = ctx.db().write_tx().await?;
    check_assignee(&mut tx, team, input.assignee_id).await?;
    // With the lock: somebody may have changed the rest in between.
    let row = store::get(&mut *tx, id).await?.ok_or_else(|| AppError::not_found("task"))?;
    let before = row.assignee()?.and_then(|assignee| assignee.person).map(|person| person.id);
    let state = input.state.unwrap_or_else(|| TaskState::parse(&row.state));
    let edit = Edit {
        id,
        title: title.as_deref().unwrap_or(&row.title),
        state,
        assignee: if input.unassign { None } else { input.assignee_id.or(before) },
        now,
    };
    store::edit(&mut tx, &edit).await?;
    if let Some(artifacts) = artifacts {
        store::set_artifacts(&mut tx, id, &artifacts).await?;
    }
    record(ctx, &mut tx, Event::new(UsageKind::TaskUpdated).team(Some(team)).subject(id)).await?;
    tx.commit().await?;
    announce(ctx, team, id, actor);
    get_task(ctx, team, id).await
}

async fn one(ctx: &Ctx, row: TaskRow) -> AppResult<Task> {
    shown(ctx, vec![row]).await?.pop().ok_or_else(|| AppError::not_found("task"))
}

/// Rows as they are listed, with the artifacts that the caller may read.
async fn shown(ctx: &Ctx, rows: Vec<TaskRow>) -> AppResult<Vec<Task>> {
    let tasks: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    let mut about = if tasks.is_empty() { HashMap::new() } else { store::artifacts_of(ctx.db().read(), &tasks).await? };
    let ids: Vec<ArtifactId> = about.values().flatten().copied().collect();
    let named = artifacts::service::named(ctx, &ids).await?;
    rows.into_iter()
        .map(|row| {
            let artifacts = about.remove(&row.id).unwrap_or_default();
            let artifact = |id: ArtifactId| named.get(&id).map(|named| TaskArtifact { id, kind: named.kind, name: named.name.clone() });
            Ok(Task {
                id: row.id()?,
                team_id: row.team()?,
                state: TaskState::parse(&row.state),
                assignee: row.assignee()?,
                labels: serde_json::from_str(&row.labels)?,
                issue: row.issue(),
                artifacts: artifacts.into_iter().filter_map(artifact).collect(),
                created_by: row.author()?,
                title: row.title,
                closed_at: row.closed_at,
                created_at: row.created_at,
                updated_at: row.updated_at,
            })
        })
        .collect()
}
