//! The only SQL on tasks.

use std::collections::HashMap;

use sqlx::AnyPool;

use super::model::{Assignee, Issue, TaskState, TaskView};
use crate::{
    error::AppResult,
    features::accounts::model::Person,
    ids::{ArtifactId, TaskId, TeamId, UserId},
    server::db::{Sql, Target, Tx, parse_id},
};

crate::row! {
    /// A task with who made it and who has it to do.
    #[derive(Clone, Debug)]
    pub struct TaskRow {
        pub id: String, pub team_id: String, pub title: String, pub state: String, pub labels: String, pub assignee_login: Option<String>,
        pub repository: Option<String>, number: Option<i64>, url: Option<String>,
        pub closed_at: Option<i64>, pub created_at: i64, pub updated_at: i64,
        author_id: String, author_name: String, author_kind: String, author_color: i64, author_avatar: Option<String>,
        person_id: Option<String>, person_name: Option<String>, person_kind: Option<String>, person_color: Option<i64>, person_avatar: Option<String>,
    }
}

impl TaskRow {
    pub fn id(&self) -> AppResult<TaskId> {
        parse_id(&self.id)
    }
    pub fn team(&self) -> AppResult<TeamId> {
        parse_id(&self.team_id)
    }
    pub fn author(&self) -> AppResult<Person> {
        let (name, avatar) = (self.author_name.clone(), self.author_avatar.clone());
        Ok(Person::from_columns(parse_id(&self.author_id)?, name, &self.author_kind, self.author_color, avatar))
    }
    pub fn assignee(&self) -> AppResult<Option<Assignee>> {
        let person = match &self.person_id {
            None => None,
            Some(id) => Some(Person::from_columns(
                parse_id(id)?,
                self.person_name.clone().unwrap_or_default(),
                self.person_kind.as_deref().unwrap_or_default(),
                self.person_color.unwrap_or(1),
                self.person_avatar.clone(),
            )),
        };
        let assignee = Assignee { person, login: self.assignee_login.clone() };
        Ok((assignee.person.is_some() || assignee.login.is_some()).then_some(assignee))
    }
    pub fn issue(&self) -> Option<Issue> {
        Some(Issue { repository: self.repository.clone()?, number: self.number?, url: self.url.clone().unwrap_or_default() })
    }
}

/// An account is the assignee where it was chosen, or where it is linked to the one at GitHub and in the team.
const TASK: &str = "SELECT t.id, t.team_id, t.title, t.state, t.labels, t.assignee_login, t.repository, t.number, t.url, t.closed_at, t.created_at, t.updated_at, \
     a.id AS author_id, a.name AS author_name, a.kind AS author_kind, a.color AS author_color, a.avatar_sha AS author_avatar, \
     p.id AS person_id, p.name AS person_name, p.kind AS person_kind, p.color AS person_color, p.avatar_sha AS person_avatar \
     FROM tasks t JOIN users a ON a.id = t.created_by LEFT JOIN users p ON p.id = COALESCE(t.assignee_id, \
     (SELECT g.id FROM users g JOIN memberships m ON m.user_id = g.id AND m.team_id = t.team_id WHERE g.github_id = t.assignee_github)) \
     WHERE t.gone_at IS NULL ";

/// Who has a task to do.
pub enum Whose {
    Anybody,
    Nobody,
    Person(UserId),
    /// In lower case.
    Login(String),
}

pub struct List<'a> {
    pub team: TeamId,
    pub view: TaskView,
    pub whose: Whose,
    pub words: &'a str,
    /// None but this one.
    pub task: Option<TaskId>,
    pub before: Option<TaskId>,
    pub limit: i64,
}

/// The newest first.
pub async fn list(pool: &AnyPool, list: &List<'_>) -> AppResult<Vec<TaskRow>> {
    let mut sql = Sql::new(TASK);
    sql.push("AND t.team_id = ").bind(list.team.to_string());
    match list.view {
        TaskView::Open => sql.push(" AND t.state = 'open'"),
        TaskView::Closed => sql.push(" AND t.state = 'closed'"),
        TaskView::All => &mut sql,
    };
    match &list.whose {
        Whose::Anybody => &mut sql,
        Whose::Nobody => sql.push(" AND t.assignee_id IS NULL AND t.assignee_login IS NULL"),
        Whose::Person(id) => sql.push(" AND p.id = ").bind(id.to_string()),
        Whose::Login(login) => sql.push(" AND LOWER(t.assignee_login) = ").bind(login.clone()),
    };
    for word in list.words.to_lowercase().split_whitespace().take(10) {
        let word = word.replace('!', "!!").replace('%', "!%").replace('_', "!_");
        sql.push(" AND t.search LIKE ").bind(format!("%{word}%")).push(" ESCAPE '!'");
    }
    if let Some(task) = list.task {
        sql.push(" AND t.id = ").bind(task.to_string());
    }
    if let Some(before) = list.before {
        sql.push(" AND t.id < ").bind(before.to_string());
    }
    sql.push(" ORDER BY t.id DESC LIMIT ").number(list.limit);
    sql.fetch_all(pool).await
}

/// How many of a team are open, and how many closed.
pub async fn counts(pool: &AnyPool, team: TeamId) -> AppResult<(i64, i64)> {
    let mut sql = Sql::new("SELECT state, COUNT(*) FROM tasks WHERE gone_at IS NULL AND team_id = ");
    sql.bind(team.to_string()).push(" GROUP BY state");
    let rows: Vec<(String, i64)> = sql.fetch_all(pool).await?;
    let of = |state: TaskState| rows.iter().find(|(name, _)| name == state.as_str()).map_or(0, |(_, count)| *count);
    Ok((of(TaskState::Open), of(TaskState::Closed)))
}

pub async fn get<'c>(executor: impl Target<'c>, id: TaskId) -> AppResult<Option<TaskRow>> {
    let mut sql = Sql::new(TASK);
    sql.push("AND t.id = ").bind(id.to_string());
    Ok(sql.fetch_all(executor).await?.pop())
}

/// The open ones of these teams that are about an artifact, the newest first.
pub async fn about(pool: &AnyPool, artifact: ArtifactId, teams: &[TeamId], limit: i64) -> AppResult<Vec<TaskRow>> {
    let mut sql = Sql::new(TASK);
    sql.push("AND t.state = 'open' AND t.id IN (SELECT task_id FROM task_artifacts WHERE artifact_id = ").bind(artifact.to_string());
    sql.push(") AND t.team_id IN ").bind_list(teams).push(" ORDER BY t.id DESC LIMIT ").number(limit);
    sql.fetch_all(pool).await
}

/// What tasks are about.
pub async fn artifacts_of(pool: &AnyPool, tasks: &[&str]) -> AppResult<HashMap<String, Vec<ArtifactId>>> {
    let mut sql = Sql::new("SELECT task_id, artifact_id FROM task_artifacts WHERE task_id IN ");
    sql.bind_list(tasks).push(" ORDER BY task_id, artifact_id");
    let mut found: HashMap<String, Vec<ArtifactId>> = HashMap::new();
    for (task, artifact) in sql.fetch_all::<(String, String)>(pool).await? {
        found.entry(task).or_default().push(parse_id(&artifact)?);
    }
    Ok(found)
}

pub struct NewTask<'a> {
    pub id: TaskId,
    pub team: TeamId,
    pub title: &'a str,
    pub assignee: Option<UserId>,
    pub by: UserId,
    pub now: i64,
}

/// False where the id is in use.
pub async fn insert(tx: &mut Tx, new: &NewTask<'_>) -> AppResult<bool> {
    let inserted = sqlx::query(
        "INSERT INTO tasks (id, team_id, title, search, state, assignee_id, created_by, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, 'open', $5, $6, $7, $7) ON CONFLICT (id) DO NOTHING",
    )
    .bind(new.id.to_string())
    .bind(new.team.to_string())
    .bind(new.title)
    .bind(new.title.to_lowercase())
    .bind(new.assignee.map(|id| id.to_string()))
    .bind(new.by.to_string())
    .bind(new.now)
    .execute(&mut **tx)
    .await?;
    Ok(inserted.rows_affected() > 0)
}

pub struct Edit<'a> {
    pub id: TaskId,
    pub title: &'a str,
    pub state: TaskState,
    pub assignee: Option<UserId>,
    pub now: i64,
}

/// Of a task that was made by hand.
pub async fn edit(tx: &mut Tx, edit: &Edit<'_>) -> AppResult<()> {
    let closed = edit.state == TaskState::Closed;
    sqlx::query(
        "UPDATE tasks SET title = $2, search = $3, state = $4, assignee_id = $5, closed_at = CASE WHEN $4 = 'open' THEN NULL ELSE COALESCE(closed_at, $6) END, \
         updated_at = $7 WHERE id = $1 AND repository IS NULL",
    )
    .bind(edit.id.to_string())
    .bind(edit.title)
    .bind(edit.title.to_lowercase())
    .bind(edit.state.as_str())
    .bind(edit.assignee.map(|id| id.to_string()))
    .bind(closed.then_some(edit.now))
    .bind(edit.now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// What a task is about from now on.
pub async fn set_artifacts(tx: &mut Tx, task: TaskId, artifacts: &[ArtifactId]) -> AppResult<()> {
    sqlx::query("DELETE FROM task_artifacts WHERE task_id = $1").bind(task.to_string()).execute(&mut **tx).await?;
    if artifacts.is_empty() {
        return Ok(());
    }
    let mut sql = Sql::new("INSERT INTO task_artifacts (task_id, artifact_id) VALUES ");
    sql.rows(artifacts, |row, artifact| {
        row.bind(task.to_string()).bind(artifact.to_string());
    });
    sql.push(" ON CONFLICT (task_id, artifact_id) DO NOTHING");
    sql.execute(&mut **tx).await?;
    Ok(())
}

crate::row! {
    /// How far a task has followed its issue.
    pub struct Following { pub id: String, pub title: String, pub state: String, pub labels: String, pub issue_at: i64, pub delivery: String, pub gone_at: Option<i64> }
}

pub async fn following(tx: &mut Tx, team: TeamId, repository: &str, number: i64) -> AppResult<Option<Following>> {
    let mut sql = Sql::new("SELECT id, title, state, labels, issue_at, delivery, gone_at FROM tasks WHERE team_id = ");
    sql.bind(team.to_string()).push(" AND repository = ").bind(repository.to_owned()).push(" AND number = ").bind(number);
    Ok(sql.fetch_all(&mut **tx).await?.pop())
}

/// A task as an issue has it.
pub struct Followed<'a> {
    pub id: TaskId,
    pub team: TeamId,
    pub repository: &'a str,
    pub number: i64,
    pub url: &'a str,
    pub title: &'a str,
    pub state: TaskState,
    pub labels: &'a [String],
    /// Login and id.
    pub assignee: Option<(&'a str, String)>,
    pub issue_at: i64,
    pub delivery: &'a str,
    /// The issue is not there any more.
    pub gone: bool,
    pub by: UserId,
    pub now: i64,
}

/// Writes what an issue says, over what an older event said of it.
pub async fn follow(tx: &mut Tx, followed: &Followed<'_>) -> AppResult<()> {
    let (login, github) = followed.assignee.as_ref().map_or((None, None), |(login, id)| (Some(*login), Some(id.as_str())));
    let search = format!("{} #{} {}", followed.title, followed.number, followed.labels.join(" ")).to_lowercase();
    sqlx::query(
        "INSERT INTO tasks (id, team_id, title, search, state, assignee_login, assignee_github, labels, repository, number, url, issue_at, delivery, gone_at, \
         closed_at, created_by, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $17) \
         ON CONFLICT (team_id, repository, number) DO UPDATE SET title = $3, search = $4, state = $5, assignee_login = $6, assignee_github = $7, labels = $8, \
         url = $11, issue_at = $12, delivery = $13, gone_at = $14, closed_at = CASE WHEN $5 = 'open' THEN NULL ELSE COALESCE(tasks.closed_at, $15) END, \
         updated_at = $17",
    )
    .bind(followed.id.to_string())
    .bind(followed.team.to_string())
    .bind(followed.title)
    .bind(search)
    .bind(followed.state.as_str())
    .bind(login)
    .bind(github)
    .bind(serde_json::to_string(followed.labels)?)
    .bind(followed.repository)
    .bind(followed.number)
    .bind(followed.url)
    .bind(followed.issue_at)
    .bind(followed.delivery)
    .bind(followed.gone.then_some(followed.now))
    .bind((followed.state == TaskState::Closed).then_some(followed.now))
    .bind(followed.by.to_string())
    .bind(followed.now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Title, state and time of what an account made, the oldest first.
pub async fn made_by(pool: &AnyPool, user: UserId) -> AppResult<Vec<(String, String, i64)>> {
    let mut sql = Sql::new("SELECT title, state, created_at FROM tasks WHERE created_by = ");
    sql.bind(user.to_string()).push(" ORDER BY id");
    sql.fetch_all(pool).await
}

pub async fn delete_of_team(tx: &mut Tx, team: TeamId) -> AppResult<()> {
    sqlx::query("DELETE FROM tasks WHERE team_id = $1").bind(team.to_string()).execute(&mut **tx).await?;
    Ok(())
}
