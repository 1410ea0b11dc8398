//! What events add up to: quarters of an hour, days, and how far that is.

use sqlx::AnyPool;

use crate::{
    error::AppResult,
    server::db::{Engine, Sql, Tx},
};

crate::row! {
    /// How far events are counted, and in which generation.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Mark { pub generation: i64, pub tx: i64, pub seq: i64, pub at: i64, pub floor: i64 }
}

crate::row! {
    pub struct EventRow {
        pub seq: i64, pub tx: i64, pub at: i64, pub kind: i64, pub workspace: i64, pub actor: i64, pub volume: i64, pub subject: i64,
        pub artifact_kind: i64, pub category: i64, pub amount: i64, pub extra: i64,
    }
}

crate::row! {
    pub struct QuarterRow { pub workspace: i64, pub quarter: i64, pub cells: Vec<u8> }
}

crate::row! {
    pub struct WorkspaceRow { pub version: i64, pub first_quarter: i64, pub totals: Vec<u8> }
}

crate::row! {
    /// One size of a day's cells.
    pub struct PartRow { pub day: i64, pub version: i64, pub cells: Vec<u8> }
}

/// A day as it is stored.
pub struct NewDay {
    pub day: i64,
    pub starts: i64,
    pub ends: i64,
    pub summary: Vec<u8>,
    pub marginals: Vec<u8>,
    pub cube: Vec<u8>,
}

/// Which size of a day's cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    Summary,
    Marginals,
    Cube,
}

pub async fn mark(pool: &AnyPool) -> AppResult<Mark> {
    Ok(sqlx::query_as("SELECT generation, tx, seq, at, floor FROM usage_rolled WHERE id = 1").fetch_one(pool).await?)
}

/// The numbers of the oldest and of the newest event; 0 where there is none. Each is one step into the index: together they would be a walk through it.
pub async fn ends(pool: &AnyPool) -> AppResult<(i64, i64)> {
    let oldest = sqlx::query_scalar("SELECT COALESCE(MIN(seq), 0) FROM usage_events").fetch_one(pool).await?;
    let newest = sqlx::query_scalar("SELECT COALESCE(MAX(seq), 0) FROM usage_events").fetch_one(pool).await?;
    Ok((oldest, newest))
}

/// Events behind a place, in the order in which they became visible. On PostgreSQL transactions end in another order than they began: only those are read
/// that began before every one that is still open, by transaction, so that none can come in before the place later.
pub async fn events_after(pool: &AnyPool, engine: Engine, (tx, seq): (i64, i64), limit: i64) -> AppResult<Vec<EventRow>> {
    let mut sql = match engine {
        Engine::Sqlite => {
            let mut sql = Sql::new(
                "SELECT seq, 0 AS tx, at, kind, workspace, actor, volume, subject, artifact_kind, category, amount, extra FROM usage_events WHERE seq > ",
            );
            sql.bind(seq).push(" ORDER BY seq LIMIT ");
            sql
        }
        Engine::Postgres => {
            let mut sql = Sql::new(
                "SELECT seq, tx, at, kind::BIGINT AS kind, workspace::BIGINT AS workspace, actor::BIGINT AS actor, volume::BIGINT AS volume, \
                 subject::BIGINT AS subject, artifact_kind::BIGINT AS artifact_kind, category::BIGINT AS category, amount, extra FROM usage_events \
                 WHERE tx < pg_snapshot_xmin(pg_current_snapshot())::text::BIGINT AND (tx, seq) > (",
            );
            sql.bind(tx).push(", ").bind(seq).push(") ORDER BY tx, seq LIMIT ");
            sql
        }
    };
    sql.number(limit);
    sql.fetch_all(pool).await
}

/// Moves the mark on, if nobody else has.
pub async fn advance(tx: &mut Tx, from: &Mark, to: &Mark) -> AppResult<bool> {
    let moved = sqlx::query("UPDATE usage_rolled SET generation = $1, tx = $2, seq = $3, at = $4, floor = $5 WHERE id = 1 AND generation = $6 AND tx = $7 AND seq = $8 AND floor = $9")
        .bind(to.generation)
        .bind(to.tx)
        .bind(to.seq)
        .bind(to.at)
        .bind(to.floor)
        .bind(from.generation)
        .bind(from.tx)
        .bind(from.seq)
        .bind(from.floor)
        .execute(&mut **tx)
        .await?;
    Ok(moved.rows_affected() == 1)
}

/// The quarters from `from` up to, and without, `to` of a workspace that have cells.
pub async fn quarters(pool: &AnyPool, generation: i64, workspace: i64, from: i64, to: i64) -> AppResult<Vec<QuarterRow>> {
    Ok(sqlx::query_as(
        "SELECT workspace, quarter, cells FROM usage_quarters WHERE generation = $1 AND workspace = $2 AND quarter >= $3 AND quarter < $4 ORDER BY quarter",
    )
    .bind(generation)
    .bind(workspace)
    .bind(from)
    .bind(to)
    .fetch_all(pool)
    .await?)
}

/// Those of these workspaces' quarters that have cells.
pub async fn quarters_at(pool: &AnyPool, generation: i64, places: &[(i64, i64)]) -> AppResult<Vec<QuarterRow>> {
    if places.is_empty() {
        return Ok(Vec::new());
    }
    // SQLite looks up each place by the key then; of places in a list it would walk through all quarters.
    let mut sql = Sql::new("WITH places (of_workspace, of_quarter) AS (VALUES ");
    sql.rows(places, |values, (workspace, quarter)| {
        values.bind(*workspace).bind(*quarter);
    });
    sql.push(") SELECT workspace, quarter, cells FROM places CROSS JOIN usage_quarters WHERE generation = ").bind(generation);
    sql.push(" AND workspace = of_workspace AND quarter = of_quarter");
    sql.fetch_all(pool).await
}

/// The quarters of a workspace that are behind `after` and before `before`, the earliest first, at most `limit`.
pub async fn quarters_between(
    pool: &AnyPool,
    generation: i64,
    workspace: i64,
    (after, before): (i64, i64),
    limit: i64,
) -> AppResult<Vec<QuarterRow>> {
    let mut sql = Sql::new("SELECT workspace, quarter, cells FROM usage_quarters WHERE generation = ");
    sql.bind(generation).push(" AND workspace = ").bind(workspace).push(" AND quarter > ").bind(after).push(" AND quarter < ").bind(before);
    sql.push(" ORDER BY quarter LIMIT ").number(limit);
    sql.fetch_all(pool).await
}

/// Removes some quarters of a generation that are before `floor`. False: there are none left.
pub async fn remove_quarters(tx: &mut Tx, generation: i64, floor: i64) -> AppResult<bool> {
    let sql = "DELETE FROM usage_quarters WHERE (generation, workspace, quarter) IN \
               (SELECT generation, workspace, quarter FROM usage_quarters WHERE generation = $1 AND quarter < $2 LIMIT 200)";
    Ok(sqlx::query(sql).bind(generation).bind(floor).execute(&mut **tx).await?.rows_affected() > 0)
}

/// Writes quarters, each in place of what was there.
pub async fn put_quarters(tx: &mut Tx, generation: i64, rows: &[QuarterRow]) -> AppResult<()> {
    for chunk in rows.chunks(200) {
        let mut sql = Sql::new("INSERT INTO usage_quarters (generation, workspace, quarter, cells) VALUES ");
        sql.rows(chunk, |values, row| {
            values.bind(generation).bind(row.workspace).bind(row.quarter).bind(row.cells.clone());
        });
        sql.push(" ON CONFLICT (generation, workspace, quarter) DO UPDATE SET cells = excluded.cells");
        sql.execute(&mut **tx).await?;
    }
    Ok(())
}

pub async fn workspace(pool: &AnyPool, generation: i64, workspace: i64) -> AppResult<Option<WorkspaceRow>> {
    Ok(sqlx::query_as("SELECT version, first_quarter, totals FROM usage_workspaces WHERE generation = $1 AND workspace = $2")
        .bind(generation)
        .bind(workspace)
        .fetch_optional(pool)
        .await?)
}

/// The totals of a workspace by its id, of the generation that counts.
pub async fn totals_of(pool: &AnyPool, workspace: &str) -> AppResult<Option<Vec<u8>>> {
    Ok(sqlx::query_scalar(
        "SELECT w.totals FROM usage_workspaces w JOIN usage_keys k ON k.id = w.workspace JOIN usage_rolled r ON r.generation = w.generation WHERE k.text = $1",
    )
    .bind(workspace)
    .fetch_optional(pool)
    .await?)
}

/// All workspaces that have numbers.
pub async fn workspaces(pool: &AnyPool, generation: i64) -> AppResult<Vec<i64>> {
    let sql = "SELECT workspace FROM usage_workspaces WHERE generation = $1 ORDER BY workspace";
    Ok(sqlx::query_scalar(sql).bind(generation).fetch_all(pool).await?)
}

pub async fn put_workspace(tx: &mut Tx, generation: i64, workspace: i64, row: &WorkspaceRow) -> AppResult<()> {
    sqlx::query(
        "INSERT INTO usage_workspaces (generation, workspace, version, first_quarter, totals) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (generation, workspace) DO UPDATE SET version = excluded.version, first_quarter = excluded.first_quarter, totals = excluded.totals",
    )
    .bind(generation)
    .bind(workspace)
    .bind(row.version)
    .bind(row.first_quarter)
    .bind(row.totals.as_slice())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Longer is no day of any zone, in quarters.
const DAY_MAX: i64 = 200;

/// The days of all zones that a quarter is in are to be made anew.
pub async fn forget_days(tx: &mut Tx, generation: i64, workspace: i64, quarter: i64) -> AppResult<()> {
    sqlx::query("DELETE FROM usage_days WHERE generation = $1 AND workspace = $2 AND ends > $3 AND ends <= $4 AND starts <= $3")
        .bind(generation)
        .bind(workspace)
        .bind(quarter)
        .bind(quarter + DAY_MAX)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// The days that are ready, with their versions.
pub async fn days(pool: &AnyPool, generation: i64, workspace: i64, zone: &str, from: i64, to: i64) -> AppResult<Vec<(i64, i64)>> {
    Ok(sqlx::query_as(
        "SELECT day, version FROM usage_days WHERE generation = $1 AND workspace = $2 AND zone = $3 AND day >= $4 AND day <= $5",
    )
    .bind(generation)
    .bind(workspace)
    .bind(zone)
    .bind(from)
    .bind(to)
    .fetch_all(pool)
    .await?)
}

/// One size of the cells of some days.
pub async fn parts(
    pool: &AnyPool,
    generation: i64,
    workspace: i64,
    zone: &str,
    part: Part,
    (from, to): (i64, i64),
) -> AppResult<Vec<PartRow>> {
    let mut sql = Sql::new(match part {
        Part::Summary => "SELECT day, version, summary AS cells FROM usage_days WHERE generation = ",
        Part::Marginals => "SELECT day, version, marginals AS cells FROM usage_days WHERE generation = ",
        Part::Cube => "SELECT day, version, cube AS cells FROM usage_days WHERE generation = ",
    });
    sql.bind(generation).push(" AND workspace = ").bind(workspace).push(" AND zone = ").bind(zone.to_owned());
    sql.push(" AND day >= ").bind(from).push(" AND day <= ").bind(to);
    sql.fetch_all(pool).await
}

/// Keeps days that were made of the quarters at `version`. False: the quarters have changed since, and nothing was written.
pub async fn put_days(tx: &mut Tx, generation: i64, workspace: i64, zone: &str, version: i64, days: &[NewDay]) -> AppResult<bool> {
    // Takes the row, so that no quarter can change before this is on disk.
    let same = sqlx::query("UPDATE usage_workspaces SET version = version WHERE generation = $1 AND workspace = $2 AND version = $3")
        .bind(generation)
        .bind(workspace)
        .bind(version)
        .execute(&mut **tx)
        .await?;
    if same.rows_affected() == 0 {
        return Ok(false);
    }
    for chunk in days.chunks(50) {
        let mut sql =
            Sql::new("INSERT INTO usage_days (generation, workspace, zone, day, version, starts, ends, summary, marginals, cube) VALUES ");
        sql.rows(chunk, |values, day| {
            values.bind(generation).bind(workspace).bind(zone.to_owned()).bind(day.day).bind(version).bind(day.starts).bind(day.ends);
            values.bind(day.summary.clone()).bind(day.marginals.clone()).bind(day.cube.clone());
        });
        sql.push(
            " ON CONFLICT (generation, workspace, zone, day) DO UPDATE SET version = excluded.version, starts = excluded.starts, \
             ends = excluded.ends, summary = excluded.summary, marginals = excluded.marginals, cube = excluded.cube",
        );
        sql.execute(&mut **tx).await?;
    }
    Ok(true)
}

/// Somebody looks at a workspace from a zone.
pub async fn use_zone(tx: &mut Tx, workspace: i64, zone: &str, now: i64) -> AppResult<()> {
    sqlx::query(
        "INSERT INTO usage_zones (workspace, zone, used_at) VALUES ($1, $2, $3) ON CONFLICT (workspace, zone) DO UPDATE SET used_at = excluded.used_at",
    )
    .bind(workspace)
    .bind(zone)
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Those of these workspaces, and of the server's own, that somebody looked at from a zone since then.
pub async fn looked_from(pool: &AnyPool, workspaces: &[u32], zone: &str, since: i64) -> AppResult<Vec<i64>> {
    let mut sql = Sql::new("SELECT workspace FROM usage_zones WHERE zone = ");
    sql.bind(zone.to_owned()).push(" AND used_at >= ").bind(since).push(" AND workspace IN (0");
    for workspace in workspaces {
        sql.push(", ").bind(i64::from(*workspace));
    }
    sql.push(")");
    Ok(sql.fetch_all::<(i64,)>(pool).await?.into_iter().map(|(workspace,)| workspace).collect())
}

/// The zones that somebody looked at a workspace from since then, those that were used last, `limit` at most.
pub async fn zones(pool: &AnyPool, workspace: i64, since: i64, limit: i64) -> AppResult<Vec<String>> {
    let mut sql = Sql::new("SELECT zone FROM usage_zones WHERE workspace = ");
    sql.bind(workspace).push(" AND used_at >= ").bind(since).push(" ORDER BY used_at DESC, zone LIMIT ").number(limit);
    Ok(sql.fetch_all::<(String,)>(pool).await?.into_iter().map(|(zone,)| zone).collect())
}

/// Forgets who looked from where before `since`, or after `until`: that was a clock that was ahead.
pub async fn remove_zones(tx: &mut Tx, since: i64, until: i64) -> AppResult<()> {
    sqlx::query("DELETE FROM usage_zones WHERE used_at < $1 OR used_at > $2").bind(since).bind(until).execute(&mut **tx).await?;
    Ok(())
}

/// Removes some days of zones from which nobody looks any more: few, because those of a busy team are large. False: there are none left.
pub async fn remove_unused_days(tx: &mut Tx) -> AppResult<bool> {
    let sql = "DELETE FROM usage_days WHERE (generation, workspace, zone, day) IN (SELECT generation, workspace, zone, day FROM usage_days d \
               WHERE NOT EXISTS (SELECT 1 FROM usage_zones z WHERE z.workspace = d.workspace AND z.zone = d.zone) LIMIT 20)";
    Ok(sqlx::query(sql).execute(&mut **tx).await?.rows_affected() > 0)
}

/// Removes some rows of other generations than the one that counts and the one that is being made: few, because those of a busy team are large, and the writer
/// is not to be held for long. False: there are none left.
pub async fn remove_other_generations(tx: &mut Tx, keep: &[i64; 2]) -> AppResult<bool> {
    let mut removed = 0;
    for statement in [
        "DELETE FROM usage_quarters WHERE (generation, workspace, quarter) IN (SELECT generation, workspace, quarter FROM usage_quarters WHERE generation NOT IN ($1, $2) LIMIT 200)",
        "DELETE FROM usage_days WHERE (generation, workspace, zone, day) IN (SELECT generation, workspace, zone, day FROM usage_days WHERE generation NOT IN ($1, $2) LIMIT 2)",
        "DELETE FROM usage_workspaces WHERE (generation, workspace) IN (SELECT generation, workspace FROM usage_workspaces WHERE generation NOT IN ($1, $2) LIMIT 20)",
    ] {
        removed += sqlx::query(statement).bind(keep[0]).bind(keep[1]).execute(&mut **tx).await?.rows_affected();
    }
    Ok(removed > 0)
}

/// Whether there is an event of the server's own of a kind within times (UTC ms), the last not included.
pub async fn is_any(pool: &AnyPool, kind: u16, from: i64, to: i64) -> AppResult<bool> {
    let sql =
        "SELECT COUNT(*) FROM (SELECT 1 FROM usage_events WHERE workspace = 0 AND kind = $1 AND at >= $2 AND at < $3 LIMIT 1) AS found";
    let found: i64 = sqlx::query_scalar(sql).bind(i64::from(kind)).bind(from).bind(to).fetch_one(pool).await?;
    Ok(found > 0)
}

/// The numbers and times of the oldest events behind `after`.
pub async fn oldest(pool: &AnyPool, after: i64, limit: i64) -> AppResult<Vec<(i64, i64)>> {
    let mut sql = Sql::new("SELECT seq, at FROM usage_events WHERE seq > ");
    sql.bind(after).push(" ORDER BY seq LIMIT ").number(limit);
    sql.fetch_all(pool).await
}

/// Deletes events between two numbers, both included, that are older than `before` and counted.
pub async fn remove_events(tx: &mut Tx, engine: Engine, (from, to): (i64, i64), before: i64, mark: &Mark) -> AppResult<()> {
    let mut sql = Sql::new("DELETE FROM usage_events WHERE seq >= ");
    sql.bind(from).push(" AND seq <= ").bind(to).push(" AND at < ").bind(before);
    match engine {
        Engine::Sqlite => sql.push(" AND seq <= ").bind(mark.seq),
        Engine::Postgres => sql.push(" AND (tx, seq) <= (").bind(mark.tx).push(", ").bind(mark.seq).push(")"),
    };
    sql.execute(&mut **tx).await?;
    Ok(())
}
