//! What one of all nodes does at a time, for longer than a transaction lasts.

use std::time::{Duration, Instant};

use sqlx::{Any, pool::PoolConnection};

use super::{Db, Engine};
use crate::error::{AppError, AppResult, ErrorCode};

/// Whoever has it is a minute late, or frozen.
const PATIENCE: Duration = Duration::from_secs(60);
const AGAIN: Duration = Duration::from_millis(100);

/// What it is. The numbers are PostgreSQL's names for it: any that nothing else of ours locks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Committing to the built-in volume.
    SystemVolume = 0x5e57_e301,
}

/// Nobody else does it until this is dropped.
#[must_use = "it ends when it is dropped"]
pub struct Alone(#[allow(dead_code)] Option<PoolConnection<Any>>);

impl Db {
    /// Waits until no other node does `task`. SQLite has one process.
    ///
    /// # Errors
    /// Another node is at it for longer than a minute: unavailable.
    pub async fn alone(&self, task: Task) -> AppResult<Alone> {
        if self.engine == Engine::Sqlite {
            return Ok(Alone(None));
        }
        let mut connection = self.writer.acquire().await?;
        // The lock is the session's: it ends with the connection, also when whoever has it is dropped half-way.
        connection.close_on_drop();
        let asked = Instant::now();
        loop {
            let got: i64 = sqlx::query_scalar("SELECT CASE WHEN pg_try_advisory_lock($1) THEN 1::BIGINT ELSE 0::BIGINT END")
                .bind(task as i64)
                .fetch_one(&mut *connection)
                .await?;
            if got == 1 {
                return Ok(Alone(Some(connection)));
            }
            if asked.elapsed() > PATIENCE {
                return Err(AppError::new(ErrorCode::Unavailable, "Another server is at the built-in volume: try again in a minute."));
            }
            tokio::time::sleep(AGAIN).await;
        }
    }
}
