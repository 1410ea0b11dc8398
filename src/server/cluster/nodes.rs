//! The table of nodes: who lives. All times are the database's, so that the clocks of machines may differ. Only where several serve one
//! database, which is PostgreSQL.

use std::time::{Duration, Instant};

use crate::{
    error::AppResult,
    ids::NodeId,
    server::db::{Db, flag, parse_id},
};

use super::Cluster;

/// Between two signs of life.
const BEAT: Duration = Duration::from_secs(1);
/// A node without a sign of life for so long is gone.
const GONE: Duration = Duration::from_secs(5);
/// Whose last sign of life is longer ago than this was away itself: stopped, or without a database.
const AWAY: Duration = Duration::from_secs(3);
/// A sign of life that the database does not take in this time is tried again.
const LIMIT: Duration = Duration::from_secs(3);

/// A process that serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    pub id: NodeId,
    /// Of its machine.
    pub name: String,
    pub version: String,
    /// In UTC milliseconds.
    pub started_at: i64,
    /// It was asked to stop.
    pub leaving: bool,
    /// It hears none of the others, and they do not hear it.
    pub alone: bool,
}

crate::row! {
    struct NodeRow { id: String, name: String, version: String, started_at: i64, leaving: i64, alone: i64 }
}

/// What a node says of itself with each sign of life.
#[derive(Clone, Copy)]
pub struct Said {
    pub leaving: bool,
    pub alone: bool,
}

/// Those that live, by when they joined.
#[derive(Default)]
pub struct Others {
    pub nodes: Vec<Node>,
}

impl Others {
    /// The one that joined first of those that stay.
    pub fn first(&self) -> Option<NodeId> {
        self.nodes.iter().find(|node| !node.leaving).map(|node| node.id)
    }
}

/// Whether a node may say of others that they are gone. After the database was away every row is old, also those of nodes that live and come
/// back a moment later: so whoever was away itself, or has just joined, gives them as long as it takes to be gone. Nobody can have gone past them meanwhile.
#[derive(Default)]
pub struct Steady {
    last: Option<Instant>,
    back: Option<Instant>,
}

impl Steady {
    /// Notes a sign of life that was given `now`; whether it may remove others.
    pub fn note(&mut self, now: Instant) -> bool {
        if self.last.is_none_or(|last| now.saturating_duration_since(last) >= AWAY) {
            self.back = Some(now);
        }
        self.last = Some(now);
        self.back.is_none_or(|back| now.saturating_duration_since(back) >= GONE)
    }
}

/// Gives signs of life for as long as the process lives, by connections of their own: when requests have all others they must not look like
/// a death.
pub async fn keep(cluster: Cluster, db: Db) {
    let mut ticks = tokio::time::interval(BEAT);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if cluster.is_gone() {
            return db.close().await;
        }
        match tokio::time::timeout(LIMIT, cluster.beat(&db)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "this node could not give a sign of life"),
            Err(_) => tracing::warn!("the database did not take this node's sign of life in time"),
        }
    }
}

/// Says that the node lives; false when the others have given it up.
pub async fn renew(db: &Db, id: NodeId, said: Said) -> AppResult<bool> {
    let renewed = sqlx::query(
        "UPDATE nodes SET seen_at = (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::BIGINT, leaving = $2, alone = $3 WHERE id = $1",
    )
    .bind(id.to_string())
    .bind(flag(said.leaving))
    .bind(flag(said.alone))
    .execute(db.read())
    .await?;
    Ok(renewed.rows_affected() == 1)
}

/// Removes those that are gone; nobody where this node's own sign of life is not of now: the statement may have waited for the database itself.
pub async fn remove_gone(db: &Db, own: NodeId) -> AppResult<()> {
    sqlx::query(
        "DELETE FROM nodes WHERE seen_at < (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::BIGINT - $1 AND EXISTS \
         (SELECT 1 FROM nodes own WHERE own.id = $2 AND own.seen_at >= (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::BIGINT - $3)",
    )
    .bind(GONE.as_millis() as i64)
    .bind(own.to_string())
    .bind(AWAY.as_millis() as i64)
    .execute(db.read())
    .await?;
    Ok(())
}

pub async fn insert(db: &Db, id: NodeId, said: Said) -> AppResult<()> {
    sqlx::query(
        "INSERT INTO nodes (id, name, version, started_at, seen_at, leaving, alone) \
         SELECT $1, $2, $3, t.ms, t.ms, $4, $5 FROM (SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::BIGINT AS ms) t",
    )
    .bind(id.to_string())
    .bind(crate::server::machine::name())
    .bind(env!("CARGO_PKG_VERSION"))
    .bind(flag(said.leaving))
    .bind(flag(said.alone))
    .execute(db.read())
    .await?;
    Ok(())
}

pub async fn living(db: &Db) -> AppResult<Vec<Node>> {
    let rows: Vec<NodeRow> = sqlx::query_as("SELECT id, name, version, started_at, leaving, alone FROM nodes ORDER BY started_at, id")
        .fetch_all(db.read())
        .await?;
    rows.into_iter()
        .map(|NodeRow { id, name, version, started_at, leaving, alone }| {
            Ok(Node { id: parse_id(&id)?, name, version, started_at, leaving: leaving != 0, alone: alone != 0 })
        })
        .collect()
}

pub async fn note_leaving(db: &Db, id: NodeId) -> AppResult<()> {
    sqlx::query("UPDATE nodes SET leaving = 1 WHERE id = $1").bind(id.to_string()).execute(db.read()).await?;
    Ok(())
}

pub async fn remove(db: &Db, id: NodeId) -> AppResult<()> {
    sqlx::query("DELETE FROM nodes WHERE id = $1").bind(id.to_string()).execute(db.read()).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_was_away_says_of_nobody_that_they_are_gone() {
        let mut steady = Steady::default();
        let start = Instant::now();
        let mut at = |seconds: u64| steady.note(start + Duration::from_secs(seconds));
        assert!(!at(0) && !at(1) && !at(3), "one that joins knows nothing of before");
        assert!(at(5) && at(7), "late is not away");
        assert!(!at(14), "nothing was heard of it for seven seconds");
        assert!(!at(15) && !at(17) && !at(18));
        assert!(at(19) && at(20), "whoever has not come back by now is gone");
    }
}
