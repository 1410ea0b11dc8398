//! What differs between SQLite and PostgreSQL: how to connect, and which migrations run.

use std::{borrow::Cow, path::Path, time::Duration};

use rust_embed::RustEmbed;
use sqlx::{
    AnyPool, AssertSqlSafe, Executor, SqlSafeStr,
    any::AnyPoolOptions,
    migrate::{Migration, MigrationType, Migrator},
};

use super::Db;

/// Which engine is behind the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

/// Readers beside the one writer of SQLite, for each core and at most. They take turns, and each has its own thread, statements and
/// pages: more than there is work for push one another out of the processor's caches.
const SQLITE_READERS_PER_CORE: u32 = 2;
const SQLITE_READERS_MAX: u32 = 8;
const POSTGRES_CONNECTIONS: u32 = 16;
/// How long a request waits for a connection before it is told that the server is busy.
const ACQUIRE: Duration = Duration::from_secs(10);

/// WAL lets readers go on while the writer writes; FULL makes a commit wait for the disk, so that what was acknowledged
/// survives a power cut. The busy timeout is for other processes (a backup, a person with `sqlite3`).
const SQLITE_PRAGMAS: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 5000; \
     PRAGMA temp_store = MEMORY; PRAGMA cache_size = -8000; PRAGMA mmap_size = 268435456; PRAGMA journal_size_limit = 67108864;";

#[derive(RustEmbed)]
#[folder = "migrations/sqlite"]
struct SqliteMigrations;

#[derive(RustEmbed)]
#[folder = "migrations/postgres"]
struct PostgresMigrations;

pub(super) async fn open(url: &str) -> Result<Db, sqlx::Error> {
    sqlx::any::install_default_drivers();
    let engine = if url.starts_with("sqlite:") { Engine::Sqlite } else { Engine::Postgres };
    let (writer, readers) = match engine {
        Engine::Sqlite => {
            if let Some(folder) = Path::new(url.trim_start_matches("sqlite:").trim_start_matches("//")).parent() {
                std::fs::create_dir_all(folder)?;
            }
            let url = format!("{url}{}mode=rwc", if url.contains('?') { '&' } else { '?' });
            (sqlite_pool(&url, 1).await?, sqlite_pool(&url, sqlite_readers()).await?)
        }
        Engine::Postgres => {
            let pool = AnyPoolOptions::new().max_connections(POSTGRES_CONNECTIONS).acquire_timeout(ACQUIRE).connect(url).await?;
            (pool.clone(), pool)
        }
    };
    migrations(engine)?.run(&writer).await?;
    Ok(Db { engine, readers, writer })
}

fn sqlite_readers() -> u32 {
    let cores = std::thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(SQLITE_READERS_MAX));
    cores.saturating_mul(SQLITE_READERS_PER_CORE).min(SQLITE_READERS_MAX)
}

async fn sqlite_pool(url: &str, connections: u32) -> Result<AnyPool, sqlx::Error> {
    AnyPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .after_connect(|connection, _| {
            Box::pin(async move {
                connection.execute(SQLITE_PRAGMAS).await?;
                Ok(())
            })
        })
        .connect(url)
        .await
}

fn migrations(engine: Engine) -> Result<Migrator, sqlx::Error> {
    match engine {
        Engine::Sqlite => embedded::<SqliteMigrations>(),
        Engine::Postgres => embedded::<PostgresMigrations>(),
    }
}

fn embedded<Folder: RustEmbed>() -> Result<Migrator, sqlx::Error> {
    let mut migrations = Vec::new();
    for name in Folder::iter() {
        let (Some((version, description)), Some(file)) = (name.trim_end_matches(".sql").split_once('_'), Folder::get(&name)) else {
            continue;
        };
        let version = version.parse().map_err(|_| sqlx::Error::Configuration(format!("migration {name} has no number").into()))?;
        let sql = AssertSqlSafe(String::from_utf8_lossy(&file.data).into_owned()).into_sql_str();
        migrations.push(Migration::new(version, Cow::Owned(description.to_owned()), MigrationType::Simple, sql, false));
    }
    Ok(Migrator::with_migrations(migrations))
}
