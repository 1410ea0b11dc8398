//! The table of nodes: who lives. All times are the database's, so that the clocks of machines may differ. Only where several serve one
//! database, which is PostgreSQL.

use std::time::Duration;

use crate::{
    error::AppResult,
    ids::NodeId,
    server::db::{Db, flag, parse_id},
};

use super::Cluster;

/// Between two signs of life.
const BEAT: Duration = Duration::from_secs(1);
/// A node without a sign of life for so long is gone.
const GONE_MS: i64 = 5_000;
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
}

crate::row! {
    struct NodeRow { id: String, name: String, version: String, started_at: i64, leaving: i64 }
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

/// Gives signs of life for as long as the process lives.
pub async fn keep(cluster: Cluster, db: Db) {
    let mut ticks = tokio::time::interval(BEAT);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if cluster.is_gone() || db.is_closed() {
            return;
        }
        match tokio::time::timeout(LIMIT, cluster.beat(&db)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "this node could not give a sign of life"),
            Err(_) => tracing::warn!("the database did not take this node's sign of life in time"),
        }
    }
}

/// Says that the node lives; false when the others have given it up. Removes those that are gone.
pub async fn renew(db: &Db, id: NodeId, leaving: bool) -> AppResult<bool> {
    sqlx::query("DELETE FROM nodes WHERE seen_at < (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::BIGINT - $1")
        .bind(GONE_MS)
        .execute(db.read())
        .await?;
    let renewed =
        sqlx::query("UPDATE nodes SET seen_at = (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::BIGINT, leaving = $2 WHERE id = $1")
            .bind(id.to_string())
            .bind(flag(leaving))
            .execute(db.read())
            .await?;
    Ok(renewed.rows_affected() == 1)
}

pub async fn insert(db: &Db, id: NodeId, leaving: bool) -> AppResult<()> {
    sqlx::query(
        "INSERT INTO nodes (id, name, version, started_at, seen_at, leaving) \
         SELECT $1, $2, $3, t.ms, t.ms, $4 FROM (SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::BIGINT AS ms) t",
    )
    .bind(id.to_string())
    .bind(crate::server::machine::name())
    .bind(env!("CARGO_PKG_VERSION"))
    .bind(flag(leaving))
    .execute(db.read())
    .await?;
    Ok(())
}

pub async fn living(db: &Db) -> AppResult<Vec<Node>> {
    let rows: Vec<NodeRow> =
        sqlx::query_as("SELECT id, name, version, started_at, leaving FROM nodes ORDER BY started_at, id").fetch_all(db.read()).await?;
    rows.into_iter()
        .map(|NodeRow { id, name, version, started_at, leaving }| {
            Ok(Node { id: parse_id(&id)?, name, version, started_at, leaving: leaving != 0 })
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
