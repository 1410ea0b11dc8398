//! The database: one set of portable SQL on SQLite and on PostgreSQL, through sqlx' `Any` driver.
//!
//! What differs between the engines lives here and in `migrations/`. On SQLite all writes go through one connection, so a
//! write never meets `SQLITE_BUSY` from our own process; readers have a pool of their own and see the last commit (WAL).

mod engine;
mod sql;

use sqlx::{Any, AnyPool, Transaction};

pub use engine::Engine;
pub use sql::{Sql, flag};

use crate::error::AppResult;

/// A transaction that may write. Dropped without `commit`, it rolls back.
pub type Tx = Transaction<'static, Any>;

/// Both pools of the process; cheap to clone.
#[derive(Clone, Debug)]
pub struct Db {
    engine: Engine,
    readers: AnyPool,
    writer: AnyPool,
}

impl Db {
    /// Opens `url` (`sqlite:…` or `postgres:…`) and brings its schema up to date.
    pub async fn open(url: &str) -> Result<Self, sqlx::Error> {
        engine::open(url).await
    }

    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// For reading outside a transaction.
    pub fn read(&self) -> &AnyPool {
        &self.readers
    }

    /// Starts a writing transaction. On SQLite it takes the write lock at once (`BEGIN IMMEDIATE`): a transaction that first
    /// reads and then writes cannot fail half-way.
    pub async fn write_tx(&self) -> AppResult<Tx> {
        Ok(match self.engine {
            Engine::Sqlite => match self.writer.begin_with("BEGIN IMMEDIATE").await {
                // A commit that failed on a full disk took its transaction with it, but its connection still counts one: another one is needed.
                Err(sqlx::Error::InvalidSavePointStatement) => {
                    let _ = self.writer.acquire().await?.close().await;
                    self.writer.begin_with("BEGIN IMMEDIATE").await?
                }
                begun => begun?,
            },
            Engine::Postgres => self.writer.begin().await?,
        })
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
