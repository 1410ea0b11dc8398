//! The database: one set of portable SQL on SQLite and on PostgreSQL, through sqlx' `Any` driver.
//!
//! What differs between the engines lives here and in `migrations/`. On SQLite all writes go through one connection, so a
//! write never meets `SQLITE_BUSY` from our own process; readers have a pool of their own and see the last commit (WAL).

mod alone;
mod engine;
mod migrations;
mod sql;

use std::{
    ops::{Deref, DerefMut},
    time::{Duration, Instant},
};

use prometheus_client::metrics::histogram::Histogram;
use sqlx::{Any, AnyConnection, AnyPool, Transaction};

pub use alone::{Alone, Task};
pub use engine::Engine;
pub use migrations::{Schema, copies};
pub use sql::{Sql, Target, flag};

use super::cluster::Fence;
use crate::error::AppResult;

/// A transaction that may write. Dropped without `commit`, it rolls back.
pub struct Tx {
    inner: Transaction<'static, Any>,
    after_commit: Vec<Box<dyn FnOnce() + Send + Sync>>,
}

impl Tx {
    fn new(inner: Transaction<'static, Any>) -> Self {
        Self { inner, after_commit: Vec::new() }
    }

    /// Runs `act` once the transaction is on disk, and never otherwise: what the process remembers of rows must not outlive a rollback.
    pub fn after_commit(&mut self, act: impl FnOnce() + Send + Sync + 'static) {
        self.after_commit.push(Box::new(act));
    }

    pub async fn commit(self) -> Result<(), sqlx::Error> {
        self.inner.commit().await?;
        self.after_commit.into_iter().for_each(|act| act());
        Ok(())
    }

    pub async fn rollback(self) -> Result<(), sqlx::Error> {
        self.inner.rollback().await
    }
}

impl Deref for Tx {
    type Target = AnyConnection;
    fn deref(&self) -> &AnyConnection {
        &self.inner
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        &mut self.inner
    }
}

/// Statements that take longer are in the log, unless somebody says otherwise.
const SLOW: Duration = Duration::from_secs(1);
/// Upper bounds of what is counted of the wait for the writer, in seconds; nothing should hold it over 0.05.
const WAIT_BOUNDS: [f64; 9] = [0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0];

/// Why a database was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(
        "the database was written by a newer version of llmos (its schema is {applied}, this version knows up to {known}): start that version, or put back the copy from before the upgrade"
    )]
    Newer { applied: i64, known: i64 },
    #[error("the database cannot be opened: {0}")]
    Database(#[from] sqlx::Error),
    #[error("the schema cannot be brought up to date: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    #[error("the database's file cannot be used: {0}")]
    File(#[from] std::io::Error),
}

/// How long writing transactions waited to begin, in seconds.
#[derive(Clone, Debug)]
pub struct Waits(pub Histogram);

impl Default for Waits {
    fn default() -> Self {
        Self(Histogram::new(WAIT_BOUNDS))
    }
}

/// Both pools of the process; cheap to clone.
#[derive(Clone, Debug)]
pub struct Db {
    engine: Engine,
    readers: AnyPool,
    writer: AnyPool,
    waits: Waits,
    /// What this node may write; none: all.
    fence: Option<Fence>,
}

impl Db {
    /// Opens `url` (`sqlite:…` or `postgres:…`) and brings its schema up to date.
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        engine::open(url, SLOW).await
    }

    /// The same; statements that take longer than `slow` are in the log.
    pub async fn open_logging(url: &str, slow: Duration) -> Result<Self, OpenError> {
        engine::open(url, slow).await
    }

    /// Opens `url` only to look at it: the schema stays as it is, and a SQLite file is not made.
    pub async fn look_at(url: &str) -> Result<Self, OpenError> {
        engine::look_at(url).await
    }

    /// A few connections more to the same PostgreSQL, for what must not wait for those that requests use.
    pub async fn apart(url: &str) -> Result<Self, OpenError> {
        engine::apart(url).await
    }

    /// The file of a database of SQLite.
    pub fn sqlite_file(url: &str) -> Option<&std::path::Path> {
        engine::sqlite_file(url)
    }

    /// The same pools; whoever wants to write passes the fence first.
    #[must_use]
    pub fn fenced(self, fence: Fence) -> Self {
        Self { fence: Some(fence), ..self }
    }

    /// Whether it answers.
    pub async fn ping(&self) -> AppResult<()> {
        sqlx::query("SELECT 1").execute(&self.readers).await?;
        Ok(())
    }

    /// How its schema stands to what this process knows.
    pub async fn schema(&self) -> Result<Schema, OpenError> {
        migrations::schema(self.engine, &self.readers).await
    }

    /// How long writing transactions waited to begin.
    pub fn waits(&self) -> &Waits {
        &self.waits
    }

    /// The pools by name; on PostgreSQL there is one.
    pub fn pools(&self) -> impl Iterator<Item = (&'static str, &AnyPool)> {
        let writer = (self.engine == Engine::Sqlite).then_some(("writer", &self.writer));
        [("readers", &self.readers)].into_iter().chain(writer)
    }

    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// For reading outside a transaction.
    pub fn read(&self) -> &AnyPool {
        &self.readers
    }

    /// Starts a writing transaction. On SQLite it takes the write lock at once (`BEGIN IMMEDIATE`): a transaction that first
    /// reads and then writes cannot fail half-way. Of several nodes one that was away waits here until it has caught up.
    pub async fn write_tx(&self) -> AppResult<Tx> {
        loop {
            if let Some(fence) = &self.fence {
                fence.pass().await?;
            }
            let asked = Instant::now();
            let begun = self.begin().await;
            self.waits.0.observe(asked.elapsed().as_secs_f64());
            let tx = begun?;
            // The wait for a connection may have been longer than the right to write lasted. Nothing was read or written yet.
            if self.fence.as_ref().is_none_or(Fence::is_open) {
                return Ok(tx);
            }
            tx.rollback().await?;
        }
    }

    /// Starts a transaction that sees one moment for as long as it lasts, and writes nothing. On SQLite the log cannot be begun anew meanwhile.
    pub async fn snapshot(&self) -> AppResult<Tx> {
        Ok(Tx::new(match self.engine {
            Engine::Sqlite => self.readers.begin().await?,
            Engine::Postgres => self.readers.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY").await?,
        }))
    }

    async fn begin(&self) -> Result<Tx, sqlx::Error> {
        Ok(Tx::new(match self.engine {
            Engine::Sqlite => self.writer.begin_with("BEGIN IMMEDIATE").await?,
            Engine::Postgres => self.writer.begin().await?,
        }))
    }

    /// Closes both pools; SQLite then folds its log into the file.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// Reads an id that we stored ourselves.
pub fn parse_id<T: std::str::FromStr>(text: &str) -> AppResult<T> {
    text.parse().map_err(|_| {
        tracing::error!(id = text, "a stored id is not one");
        crate::error::AppError::internal()
    })
}

/// Declares a struct and reads it from a row by column name.
///
/// sqlx' derive would pull its macro crates, and with them a second build of both drivers, into every build.
#[macro_export]
macro_rules! row {
    ($(#[$meta:meta])* $vis:vis struct $name:ident { $($(#[$field_meta:meta])* $fvis:vis $field:ident : $ty:ty),* $(,)? }) => {
        $(#[$meta])*
        $vis struct $name { $($(#[$field_meta])* $fvis $field: $ty),* }
        impl<'r> sqlx::FromRow<'r, sqlx::any::AnyRow> for $name {
            fn from_row(row: &'r sqlx::any::AnyRow) -> Result<Self, sqlx::Error> {
                use sqlx::Row as _;
                Ok(Self { $($field: row.try_get(stringify!($field))?),* })
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;

    const LARGE: &str = "REPLACE INTO filled (bytes) VALUES (zeroblob(4000000))";

    async fn fill(db: &Db) -> AppResult<()> {
        let mut tx = db.write_tx().await?;
        // As on a full disk: there are no more pages than those that are in use.
        sqlx::query("PRAGMA max_page_count = 1").execute(&mut *tx).await?;
        sqlx::query(LARGE).execute(&mut *tx).await?;
        Ok(tx.commit().await?)
    }

    #[tokio::test]
    async fn whoever_waits_behind_a_write_that_a_full_disk_ended_gets_a_connection_that_begins() {
        let folder = tempfile::tempdir().expect("a folder");
        let db = Db::open(&format!("sqlite:{}", folder.path().join("new.sqlite").display())).await.expect("a new database");
        let mut tx = db.write_tx().await.expect("a transaction");
        sqlx::query("CREATE TABLE filled (bytes BLOB)").execute(&mut *tx).await.expect("a table");
        tx.commit().await.expect("it is stored");
        for ended in futures::future::join_all((0..8).map(|_| fill(&db))).await {
            assert_eq!(ended.expect_err("there is no room").code, ErrorCode::Unavailable);
        }
        let mut tx = db.write_tx().await.expect("a transaction");
        sqlx::query(LARGE).execute(&mut *tx).await.expect("there is room again");
        tx.commit().await.expect("it is stored");
    }
}
