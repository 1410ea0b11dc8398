//! `team_imports`, and rows of all features as their lists say (`server::archive`).

use sqlx::AnyPool;

use crate::{
    error::AppResult,
    ids::{JobId, TeamId, UserId},
    server::{
        archive::{Table, Value, erase, insert},
        db::{Sql, Tx},
    },
};

crate::row! {
    /// A team that came with an archive.
    #[derive(Clone, Debug)]
    pub struct ImportRow {
        pub team_id: String, pub job_id: String, pub done: i64, pub content_sha: String, pub carried: String,
    }
}

const IMPORT: &str = "SELECT i.team_id, i.job_id, i.done, i.content_sha, i.carried FROM team_imports i ";

/// What is staged or there by the id that a team has here.
pub async fn by_team(pool: &AnyPool, team: TeamId) -> AppResult<Option<ImportRow>> {
    let mut sql = Sql::new(IMPORT);
    sql.push("WHERE i.team_id = ").bind(team.to_string());
    Ok(sql.fetch_all(pool).await?.pop())
}

/// The living team that came from this one.
pub async fn living_of(pool: &AnyPool, source: &str) -> AppResult<Option<ImportRow>> {
    let mut sql = Sql::new(IMPORT);
    sql.push("JOIN teams t ON t.id = i.team_id WHERE i.done = 1 AND t.deleted_at IS NULL AND i.source_id = ").bind(source.to_owned());
    Ok(sql.fetch_all(pool).await?.pop())
}

/// Imports that are not done.
pub async fn unfinished(pool: &AnyPool) -> AppResult<Vec<ImportRow>> {
    let mut sql = Sql::new(IMPORT);
    sql.push("WHERE i.done = 0");
    sql.fetch_all(pool).await
}

pub struct NewImport<'a> {
    pub team: TeamId,
    pub job: JobId,
    pub source: &'a str,
    pub site: &'a str,
    pub exported_at: i64,
    pub content_sha: &'a str,
    pub carried: &'a str,
    pub key: u32,
    pub by: UserId,
    pub now: i64,
}

/// Takes the id for a team before anything is written of it; false when something goes by it already.
pub async fn begin(tx: &mut Tx, new: &NewImport<'_>) -> AppResult<bool> {
    let team = new.team.to_string();
    let taken: i64 = sqlx::query_scalar("SELECT (SELECT COUNT(*) FROM teams WHERE id = $1) + (SELECT COUNT(*) FROM users WHERE id = $1)")
        .bind(team.as_str())
        .fetch_one(&mut **tx)
        .await?;
    if taken > 0 {
        return Ok(false);
    }
    let inserted = sqlx::query(
        "INSERT INTO team_imports (team_id, job_id, done, source_id, source_site, exported_at, content_sha, carried, key, imported_by, created_at) \
         VALUES ($1, $2, 0, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (team_id) DO NOTHING",
    )
    .bind(team)
    .bind(new.job.to_string())
    .bind(new.source)
    .bind(new.site)
    .bind(new.exported_at)
    .bind(new.content_sha)
    .bind(new.carried)
    .bind(i64::from(new.key))
    .bind(new.by.to_string())
    .bind(new.now)
    .execute(&mut **tx)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

pub async fn finish(tx: &mut Tx, team: TeamId) -> AppResult<()> {
    sqlx::query("UPDATE team_imports SET done = 1 WHERE team_id = $1").bind(team.to_string()).execute(&mut **tx).await?;
    Ok(())
}

/// Nothing is left of one that was not done.
pub async fn forget(tx: &mut Tx, team: TeamId) -> AppResult<()> {
    sqlx::query("DELETE FROM team_imports WHERE team_id = $1 AND done = 0").bind(team.to_string()).execute(&mut **tx).await?;
    Ok(())
}

/// Writes rows; of a table whose rows are shared, those that are not there yet.
pub async fn write(tx: &mut Tx, table: &Table, rows: &[Vec<Value>], shared: bool) -> AppResult<()> {
    insert(table, rows, shared).execute(&mut **tx).await?;
    Ok(())
}

/// Removes a slice of a team's rows; gives how many.
pub async fn remove(tx: &mut Tx, table: &Table, team: TeamId, limit: i64) -> AppResult<u64> {
    erase(tx, table, &team.to_string(), limit).await
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::service::tables;
    use crate::server::{archive::Is, db::Db};

    /// Tables that name a team or a thing of it, and stay where they are: made anew, gone in a moment, people's own, secret, or the registry's.
    const STAY: [&str; 31] = [
        "invitations",
        "api_tokens",
        "audit_events",
        "team_keys",
        "departures",
        "favourites",
        "recents",
        "documents",
        "document_updates",
        "room_events",
        "room_people",
        "notifications",
        "notification_teams",
        "notification_team_kinds",
        "pull_requests",
        "pull_request_reviews",
        "delivery_pulls",
        "trace_labels",
        "trace_runs",
        "evolution_stale",
        "assistant_grants",
        "releases",
        "installations",
        "installation_changes",
        "lock_settings",
        "team_imports",
        "usage_workspaces",
        "embeddings",
        "session_scopes",
        "stagings",
        "users",
    ];

    async fn names(db: &Db, sql: &'static str, table: &str) -> Vec<String> {
        sqlx::query_scalar(sql).bind(table).fetch_all(db.read()).await.expect("the schema")
    }

    /// The lists of what is archived say all there is: whoever adds a column or a table decides whether it travels.
    #[tokio::test]
    async fn every_column_is_archived_or_left_out_on_purpose() {
        let folder = tempfile::tempdir().expect("a folder");
        let db = Db::open(&format!("sqlite:{}", folder.path().join("new.sqlite").display())).await.expect("a new database");
        let mut before = BTreeSet::from(["users".to_owned()]);
        for table in tables() {
            let there: BTreeSet<String> = names(&db, "SELECT name FROM pragma_table_info($1)", table.name).await.into_iter().collect();
            let listed: Vec<&str> = table.columns.iter().map(|(name, _)| *name).chain(table.left_out.iter().copied()).collect();
            assert_eq!(listed.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>(), there, "{}", table.name);
            assert_eq!(listed.len(), there.len(), "{} names a column twice", table.name);
            assert!(table.order.iter().all(|key| table.columns.iter().any(|(name, _)| name == key)), "{}", table.name);
            let sql = "SELECT name FROM pragma_table_info($1) WHERE \"notnull\" = 1 AND dflt_value IS NULL";
            for needed in names(&db, sql, table.name).await {
                assert!(!table.left_out.contains(&needed.as_str()), "{}.{needed} has to be something", table.name);
            }
            let sql = "SELECT name || ' ' || type FROM pragma_table_info($1)";
            for column in names(&db, sql, table.name).await {
                let (name, kind) = column.split_once(' ').expect("two words");
                let Some((_, is)) = table.columns.iter().find(|(listed, _)| *listed == name) else { continue };
                let expected = match is {
                    Is::Number | Is::MayNumber | Is::Flag | Is::Gets(_) | Is::Hidden => "BIGINT",
                    Is::Real => "DOUBLE PRECISION",
                    Is::Main | Is::Bytes | Is::Packed => "BLOB",
                    _ => "TEXT",
                };
                assert_eq!(kind, expected, "{}.{name}", table.name);
            }
            for parent in names(&db, "SELECT \"table\" FROM pragma_foreign_key_list($1)", table.name).await {
                assert!(before.contains(&parent), "{} refers to {parent}, which comes later", table.name);
            }
            before.insert(table.name.to_owned());
        }
        let sql = "SELECT DISTINCT m.name FROM sqlite_schema m, pragma_table_info(m.name) c WHERE m.type = 'table' AND $1 = '' \
             AND c.name IN ('team_id', 'place_id', 'volume_id', 'artifact_id', 'session_id', 'owner_team_id', 'room_id')";
        for name in names(&db, sql, "").await {
            assert!(before.contains(&name) || STAY.contains(&name.as_str()), "{name}: does what it has travel with a team?");
        }
        db.close().await;
    }
}
