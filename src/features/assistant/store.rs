//! The only SQL on questions to the assistant.

use sqlx::AnyPool;

use super::model::{RunState, SkillChoice};
use crate::{
    error::AppResult,
    features::accounts::model::Person,
    ids::{ArtifactId, EntryId, RunId, SessionId, UserId},
    server::db::{Sql, Target, Tx, parse_id},
};

crate::row! {
    #[derive(Clone, Debug)]
    pub struct RunRow {
        pub id: String, pub session_id: String, pub question_id: String, pub answer_id: String, pub asked_by: String, pub state: String, pub stop: i64,
        pub problem: Option<String>, pub skills: String, pub rounds: String, pub created_at: i64,
        asker_name: String, asker_kind: String, asker_color: i64, asker_avatar: Option<String>,
    }
}

impl RunRow {
    pub fn id(&self) -> AppResult<RunId> {
        parse_id(&self.id)
    }
    pub fn session(&self) -> AppResult<SessionId> {
        parse_id(&self.session_id)
    }
    pub fn question(&self) -> AppResult<EntryId> {
        parse_id(&self.question_id)
    }
    pub fn answer(&self) -> AppResult<EntryId> {
        parse_id(&self.answer_id)
    }
    pub fn state(&self) -> RunState {
        RunState::parse(&self.state).unwrap_or(RunState::Failed)
    }
    pub fn asker(&self) -> AppResult<Person> {
        Ok(Person::from_columns(
            parse_id(&self.asked_by)?,
            self.asker_name.clone(),
            &self.asker_kind,
            self.asker_color,
            self.asker_avatar.clone(),
        ))
    }
}

const RUN: &str = "SELECT r.id, r.session_id, r.question_id, r.answer_id, r.asked_by, r.state, r.stop, r.problem, r.skills, r.rounds, \
     r.created_at, u.name AS asker_name, u.kind AS asker_kind, u.color AS asker_color, u.avatar_sha AS asker_avatar \
     FROM assistant_runs r JOIN users u ON u.id = r.asked_by WHERE ";

pub async fn run<'c>(executor: impl Target<'c>, id: RunId) -> AppResult<Option<RunRow>> {
    let mut sql = Sql::new(RUN);
    sql.push("r.id = ").bind(id.to_string());
    Ok(sql.fetch_all(executor).await?.pop())
}

/// Those of a session that have not ended, and those that ended with a fault after `since`; the oldest first.
pub async fn open(pool: &AnyPool, session: SessionId, since: i64) -> AppResult<Vec<RunRow>> {
    let mut sql = Sql::new(RUN);
    sql.push("r.session_id = ").bind(session.to_string());
    sql.push(" AND (r.state IN ('queued', 'running', 'waiting') OR (r.state = 'failed' AND r.ended_at >= ").bind(since);
    sql.push(")) ORDER BY r.id");
    sql.fetch_all(pool).await
}

/// Questions of a session that wait.
pub async fn waiting(tx: &mut Tx, session: SessionId) -> AppResult<i64> {
    Ok(sqlx::query_scalar("SELECT COUNT(*) FROM assistant_runs WHERE session_id = $1 AND state = 'queued'")
        .bind(session.to_string())
        .fetch_one(&mut **tx)
        .await?)
}

/// A question; false when its id is in use.
pub async fn insert(tx: &mut Tx, id: RunId, session: SessionId, question: EntryId, by: UserId, now: i64) -> AppResult<bool> {
    let done = sqlx::query(
        "INSERT INTO assistant_runs (id, session_id, question_id, answer_id, asked_by, state, stop, skills, rounds, tokens_in, tokens_out, created_at) \
         VALUES ($1, $2, $3, $4, $5, 'queued', 0, '[]', '[]', 0, 0, $6) ON CONFLICT (id) DO NOTHING",
    )
    .bind(id.to_string())
    .bind(session.to_string())
    .bind(question.to_string())
    .bind(EntryId::generate().to_string())
    .bind(by.to_string())
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// It is being answered, with these skills, by this model.
pub async fn begin(tx: &mut Tx, id: RunId, skills: &str, model: &str, now: i64) -> AppResult<()> {
    sqlx::query(
        "UPDATE assistant_runs SET state = CASE WHEN state = 'queued' THEN 'running' ELSE state END, skills = $2, model = $3, started_at = COALESCE(started_at, $4) WHERE id = $1",
    )
    .bind(id.to_string())
    .bind(skills)
    .bind(model)
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Keeps the row until the transaction ends: whoever changes its rounds reads them behind this.
pub async fn lock(tx: &mut Tx, id: RunId) -> AppResult<Option<RunRow>> {
    sqlx::query("UPDATE assistant_runs SET stop = stop WHERE id = $1").bind(id.to_string()).execute(&mut **tx).await?;
    run(&mut **tx, id).await
}

pub async fn set_rounds(tx: &mut Tx, id: RunId, state: RunState, rounds: &str, tokens: (i64, i64)) -> AppResult<()> {
    sqlx::query(
        "UPDATE assistant_runs SET state = $2, rounds = $3, tokens_in = tokens_in + $4, tokens_out = tokens_out + $5 WHERE id = $1",
    )
    .bind(id.to_string())
    .bind(state.as_str())
    .bind(rounds)
    .bind(tokens.0)
    .bind(tokens.1)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Somebody wants it to end; false when it has.
pub async fn stop(tx: &mut Tx, id: RunId) -> AppResult<bool> {
    let done = sqlx::query("UPDATE assistant_runs SET stop = 1 WHERE id = $1 AND state IN ('queued', 'running', 'waiting')")
        .bind(id.to_string())
        .execute(&mut **tx)
        .await?;
    Ok(done.rows_affected() == 1)
}

pub async fn is_to_stop(pool: &AnyPool, id: RunId) -> AppResult<bool> {
    let mut sql = Sql::new("SELECT stop FROM assistant_runs WHERE id = ");
    sql.bind(id.to_string());
    // One whose session is gone is to end too.
    Ok(sql.fetch_all::<(i64,)>(pool).await?.pop().is_none_or(|(stop,)| stop != 0))
}

/// It has ended; false when it had before.
pub async fn end(tx: &mut Tx, id: RunId, state: RunState, problem: Option<&str>, now: i64) -> AppResult<bool> {
    let done = sqlx::query(
        "UPDATE assistant_runs SET state = $2, problem = $3, ended_at = $4 WHERE id = $1 AND state IN ('queued', 'running', 'waiting')",
    )
    .bind(id.to_string())
    .bind(state.as_str())
    .bind(problem)
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// What the people of a session have said about skills.
pub async fn choices(pool: &AnyPool, session: SessionId) -> AppResult<Vec<(ArtifactId, SkillChoice)>> {
    let mut sql = Sql::new("SELECT artifact_id, choice FROM assistant_choices WHERE session_id = ");
    sql.bind(session.to_string()).push(" ORDER BY created_at, artifact_id");
    let rows: Vec<(String, String)> = sql.fetch_all(pool).await?;
    let choice = |text: &str| if text == "pinned" { SkillChoice::Pinned } else { SkillChoice::LeftOut };
    rows.iter().map(|(id, text)| Ok((parse_id(id)?, choice(text)))).collect()
}

pub async fn choose(tx: &mut Tx, session: SessionId, artifact: ArtifactId, choice: SkillChoice, now: i64) -> AppResult<()> {
    if choice == SkillChoice::Automatic {
        sqlx::query("DELETE FROM assistant_choices WHERE session_id = $1 AND artifact_id = $2")
            .bind(session.to_string())
            .bind(artifact.to_string())
            .execute(&mut **tx)
            .await?;
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO assistant_choices (session_id, artifact_id, choice, created_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (session_id, artifact_id) DO UPDATE SET choice = excluded.choice",
    )
    .bind(session.to_string())
    .bind(artifact.to_string())
    .bind(choice.as_str())
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// The tools that somebody allowed for a session, with the hash of the text that they allowed.
pub async fn grants(pool: &AnyPool, session: SessionId, user: UserId) -> AppResult<Vec<(String, String)>> {
    let mut sql = Sql::new("SELECT artifact_id, sha FROM assistant_grants WHERE session_id = ");
    sql.bind(session.to_string()).push(" AND user_id = ").bind(user.to_string());
    sql.fetch_all(pool).await
}

pub async fn grant(tx: &mut Tx, session: SessionId, artifact: ArtifactId, user: UserId, sha: &str, now: i64) -> AppResult<()> {
    sqlx::query(
        "INSERT INTO assistant_grants (session_id, artifact_id, user_id, sha, created_at) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (session_id, artifact_id, user_id) DO UPDATE SET sha = excluded.sha, created_at = excluded.created_at",
    )
    .bind(session.to_string())
    .bind(artifact.to_string())
    .bind(user.to_string())
    .bind(sha)
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Skills that are pinned in a session.
pub async fn pinned(tx: &mut Tx, session: SessionId) -> AppResult<i64> {
    Ok(sqlx::query_scalar("SELECT COUNT(*) FROM assistant_choices WHERE session_id = $1 AND choice = 'pinned'")
        .bind(session.to_string())
        .fetch_one(&mut **tx)
        .await?)
}
