//! What differs between SQLite and PostgreSQL: how to connect.

use std::{os::unix::fs::OpenOptionsExt as _, path::Path, str::FromStr as _, time::Duration};

use log::LevelFilter;
use sqlx::{
    AnyConnection, AnyPool, ConnectOptions as _, Connection as _, Executor,
    any::{AnyConnectOptions, AnyPoolOptions},
};

use super::{Db, OpenError, Waits, migrations};
use crate::server::machine::private_folder;

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
/// Of what must not wait for those: one, and another while that one hangs.
const POSTGRES_APART: u32 = 2;
/// How long a request waits for a connection before it is told that the server is busy.
const ACQUIRE: Duration = Duration::from_secs(10);

/// WAL lets readers go on while the writer writes; FULL makes a commit wait for the disk, so that what was acknowledged
/// survives a power cut. The busy timeout is for other processes (a backup, a person with `sqlite3`).
const SQLITE_PRAGMAS: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 5000; \
     PRAGMA temp_store = MEMORY; PRAGMA cache_size = -8000; PRAGMA mmap_size = 268435456; PRAGMA journal_size_limit = 67108864;";

/// A node that freezes within a transaction would keep the others waiting for its locks: PostgreSQL ends it.
const POSTGRES_SETTINGS: &str = "SET idle_in_transaction_session_timeout = '10s';
    SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3";

/// The engine that an address is of.
pub(super) fn engine_of(url: &str) -> Engine {
    if url.starts_with("sqlite:") { Engine::Sqlite } else { Engine::Postgres }
}

/// The file of a database of SQLite; none for one in memory.
pub(super) fn sqlite_file(url: &str) -> Option<&Path> {
    let path = url.strip_prefix("sqlite:")?.trim_start_matches("//").split('?').next()?;
    (!path.is_empty() && path != ":memory:").then(|| Path::new(path))
}

pub(super) async fn open(url: &str, slow: Duration) -> Result<Db, OpenError> {
    sqlx::any::install_default_drivers();
    let engine = engine_of(url);
    let (writer, readers) = match engine {
        Engine::Sqlite => {
            if let Some(file) = sqlite_file(url) {
                make_private(file)?;
            }
            let options = options(&with_mode(url, "rwc"), slow)?;
            // A pool tries again until its time is over, and then says only that: what is wrong with the file is said by a connection of its own.
            let mut first = AnyConnection::connect_with(&options).await?;
            first.execute(SQLITE_PRAGMAS).await?;
            let pools = (sqlite_pool(&options, 1).await?, sqlite_pool(&options, sqlite_readers()).await?);
            first.close().await?;
            pools
        }
        Engine::Postgres => {
            let pool = postgres_pool(options(url, slow)?, POSTGRES_CONNECTIONS).await?;
            (pool.clone(), pool)
        }
    };
    migrations::bring_up_to_date(engine, &writer, sqlite_file(url)).await?;
    Ok(Db { engine, readers, writer, waits: Waits::default(), fence: None })
}

/// Connections to a PostgreSQL that is open already, which nobody else takes.
pub(super) async fn apart(url: &str) -> Result<Db, OpenError> {
    let pool = postgres_pool(AnyConnectOptions::from_str(url)?, POSTGRES_APART).await?;
    Ok(Db { engine: Engine::Postgres, readers: pool.clone(), writer: pool, waits: Waits::default(), fence: None })
}

/// Two connections that change nothing, whatever the schema is.
pub(super) async fn look_at(url: &str) -> Result<Db, OpenError> {
    sqlx::any::install_default_drivers();
    let engine = engine_of(url);
    let url = if engine == Engine::Sqlite { with_mode(url, "ro") } else { url.to_owned() };
    let pool = AnyPoolOptions::new().max_connections(2).acquire_timeout(ACQUIRE).connect(&url).await?;
    Ok(Db { engine, readers: pool.clone(), writer: pool, waits: Waits::default(), fence: None })
}

/// Makes the file of a database, which only its owner reads; SQLite gives its log the same rights. One that is there stays as it is.
fn make_private(file: &Path) -> std::io::Result<()> {
    if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        private_folder(folder)?;
    }
    match std::fs::File::options().write(true).create_new(true).mode(0o600).open(file) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn with_mode(url: &str, mode: &str) -> String {
    format!("{url}{}mode={mode}", if url.contains('?') { '&' } else { '?' })
}

/// Statements that take longer than `slow` are in the log, without their values.
fn options(url: &str, slow: Duration) -> Result<AnyConnectOptions, sqlx::Error> {
    Ok(AnyConnectOptions::from_str(url)?.log_slow_statements(LevelFilter::Warn, slow))
}

fn sqlite_readers() -> u32 {
    let cores = std::thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(SQLITE_READERS_MAX));
    cores.saturating_mul(SQLITE_READERS_PER_CORE).min(SQLITE_READERS_MAX)
}

async fn postgres_pool(options: AnyConnectOptions, connections: u32) -> Result<AnyPool, sqlx::Error> {
    AnyPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE)
        .after_connect(|connection, _| {
            Box::pin(async move {
                connection.execute(POSTGRES_SETTINGS).await?;
                Ok(())
            })
        })
        .connect_with(options)
        .await
}

async fn sqlite_pool(options: &AnyConnectOptions, connections: u32) -> Result<AnyPool, sqlx::Error> {
    AnyPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        // A commit that failed on a full disk took its transaction with it, but its connection still counts one, and begins none beside it: another
        // one is opened in its place.
        .before_acquire(|connection, _| Box::pin(std::future::ready(Ok(!connection.is_in_transaction()))))
        .after_connect(|connection, _| {
            Box::pin(async move {
                connection.execute(SQLITE_PRAGMAS).await?;
                Ok(())
            })
        })
        .connect_with(options.clone())
        .await
}
