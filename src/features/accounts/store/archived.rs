//! Accounts in a team's archive.

use sqlx::{Any, AnyConnection, Executor};

use crate::{
    error::AppResult,
    ids::{TeamId, UserId},
    server::{
        archive::ArchivedPerson,
        db::{Sql, Tx},
    },
};

/// Accounts of one statement.
const CHUNK: usize = 500;

crate::row! {
    struct PersonRow {
        id: String, kind: String, name: String, email: Option<String>, color: i64, time_zone: String, owner_team_id: Option<String>, deleted_at: Option<i64>,
    }
}

/// These accounts as an archive of a team has them, in the order of ids.
pub async fn people(snapshot: &mut AnyConnection, ids: &[String], team: TeamId) -> AppResult<Vec<ArchivedPerson>> {
    let team = team.to_string();
    let mut found = Vec::with_capacity(ids.len());
    for part in ids.chunks(CHUNK) {
        let mut sql = Sql::new("SELECT id, kind, name, email, color, time_zone, owner_team_id, deleted_at FROM users WHERE id IN ");
        sql.bind_list(part).push(" ORDER BY id");
        let rows: Vec<PersonRow> = sql.fetch_all(&mut *snapshot).await?;
        found.extend(rows.into_iter().map(|row| ArchivedPerson {
            of_team: row.owner_team_id.as_deref() == Some(team.as_str()),
            deleted: row.deleted_at.is_some(),
            id: row.id,
            kind: row.kind,
            name: row.name,
            email: row.email,
            color: row.color,
            time_zone: row.time_zone,
        }));
    }
    Ok(found)
}

/// An account that comes with an archive, unless one has this id. It cannot sign in: an administrator activates it, and gives it a link for a password.
pub async fn insert(tx: &mut Tx, id: UserId, person: &ArchivedPerson, team: TeamId, now: i64) -> AppResult<()> {
    let closed = (person.kind == "human" && !person.deleted).then_some(now);
    sqlx::query(
        "INSERT INTO users (id, kind, name, email, owner_team_id, color, time_zone, deactivated_at, deleted_at, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10) ON CONFLICT (id) DO NOTHING",
    )
    .bind(id.to_string())
    .bind(person.kind.as_str())
    .bind(person.name.as_str())
    .bind(person.email.as_deref())
    .bind(person.of_team.then(|| team.to_string()))
    .bind(person.color)
    .bind(person.time_zone.as_str())
    .bind(closed)
    .bind(person.deleted.then_some(now))
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Removes accounts that came with an archive which was not taken in after all.
pub async fn remove(tx: &mut Tx, ids: &[UserId]) -> AppResult<()> {
    for part in ids.chunks(CHUNK) {
        let mut sql = Sql::new("DELETE FROM users WHERE password_hash IS NULL AND github_id IS NULL AND id IN ");
        sql.bind_list(part);
        sql.execute(&mut **tx).await?;
    }
    Ok(())
}

/// Shows a team that came with an archive; its name.
pub async fn reveal(tx: &mut Tx, team: TeamId) -> AppResult<Option<String>> {
    Ok(sqlx::query_scalar("UPDATE teams SET deleted_at = NULL WHERE id = $1 RETURNING name")
        .bind(team.to_string())
        .fetch_optional(&mut **tx)
        .await?)
}

/// How many people own a team and can sign in.
pub async fn owners(tx: &mut Tx, team: TeamId) -> AppResult<i64> {
    Ok(sqlx::query_scalar(
        "SELECT COUNT(*) FROM memberships m JOIN users u ON u.id = m.user_id \
         WHERE m.team_id = $1 AND m.role = 'owner' AND u.kind = 'human' AND u.deactivated_at IS NULL AND u.deleted_at IS NULL",
    )
    .bind(team.to_string())
    .fetch_one(&mut **tx)
    .await?)
}

/// A living team's name.
pub async fn name<'c>(executor: impl Executor<'c, Database = Any>, team: TeamId) -> AppResult<Option<String>> {
    Ok(sqlx::query_scalar("SELECT name FROM teams WHERE id = $1 AND deleted_at IS NULL")
        .bind(team.to_string())
        .fetch_optional(executor)
        .await?)
}
