//! The schema: brought up to date at every start, behind a lock, and on SQLite with a copy of the database first.
//!
//! On PostgreSQL the lock is an advisory one (sqlx has it), on SQLite a file beside the database. The copies are kept beside the database,
//! the newest three: `llmos.sqlite.20260131T080000Z.v25.backup` is what it was with the schema 25. One that is followed by no change is removed
//! again: a start that fails for ever does not push out the copy that the version before can open. A process that knows less than the database
//! refuses it: what a newer one has written there might be lost.

use std::{
    borrow::Cow,
    fs::{self, File},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use rust_embed::RustEmbed;
use sqlx::{
    AnyPool, AssertSqlSafe, SqlSafeStr,
    migrate::{Migrate as _, Migration, MigrationType, Migrator},
};

use super::{Engine, OpenError};
use crate::server::clock;

/// How many copies from before migrations are kept.
const COPIES: usize = 3;
const COPY: &str = ".backup";
/// What a copy is called until it is whole.
const UNFINISHED: &str = ".unfinished";

#[derive(RustEmbed)]
#[folder = "migrations/sqlite"]
struct SqliteMigrations;

#[derive(RustEmbed)]
#[folder = "migrations/postgres"]
struct PostgresMigrations;

/// How the schema of a database stands to what this process knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schema {
    /// The newest migration that was applied; 0 where there is none.
    pub applied: i64,
    /// The newest one that this process has.
    pub known: i64,
}

/// Only looks; a database without any migration is an error.
pub(super) async fn schema(engine: Engine, pool: &AnyPool) -> Result<Schema, OpenError> {
    let known = known(engine)?.iter().map(|migration| migration.version).max().unwrap_or_default();
    let mut connection = pool.acquire().await?;
    let migrator = Migrator::with_migrations(Vec::new());
    let applied = connection.list_applied_migrations(&migrator.table_name).await?;
    Ok(Schema { applied: applied.iter().map(|migration| migration.version).max().unwrap_or_default(), known })
}

/// Applies what is missing.
pub(super) async fn bring_up_to_date(engine: Engine, pool: &AnyPool, file: Option<&Path>) -> Result<(), OpenError> {
    let _lock = file.map(lock).transpose()?;
    let migrator = known(engine)?;
    make_table(pool, &migrator).await?;
    let Schema { applied, known } = schema(engine, pool).await?;
    if applied > known {
        return Err(OpenError::Newer { applied, known });
    }
    let copy = match file.filter(|_| applied > 0 && applied < known) {
        Some(file) => Some(copy(pool, file, applied).await?),
        None => None,
    };
    let done = migrator.run(pool).await;
    if let (Err(_), Some(copy)) = (&done, &copy)
        && schema(engine, pool).await.is_ok_and(|schema| schema.applied == applied)
    {
        // The database is as it was, so the copy is of no use.
        fs::remove_file(copy)?;
    }
    if let Some(file) = file {
        remove_old_copies(file)?;
    }
    Ok(done?)
}

/// Behind the lock as well: nodes that begin together on an empty database would all make it.
async fn make_table(pool: &AnyPool, migrator: &Migrator) -> Result<(), OpenError> {
    let mut connection = pool.acquire().await?;
    connection.lock().await?;
    let made = connection.ensure_migrations_table(&migrator.table_name).await;
    connection.unlock().await?;
    Ok(made?)
}

/// Held as long as the file is open. Nothing else runs yet in this process, so it may wait here.
fn lock(file: &Path) -> std::io::Result<File> {
    let lock = File::options().create(true).write(true).truncate(false).open(beside(file, ".migrating"))?;
    lock.lock()?;
    Ok(lock)
}

/// Copies the database as one consistent file, for its owner alone.
async fn copy(pool: &AnyPool, file: &Path, applied: i64) -> Result<PathBuf, OpenError> {
    for half in beside_with(file, UNFINISHED)? {
        fs::remove_file(half)?;
    }
    let stamp: String = clock::rfc3339(clock::now_ms()).chars().filter(|c| c.is_ascii_alphanumeric()).collect();
    let copy = beside(file, &format!(".{stamp}.v{applied}{COPY}"));
    let unfinished = beside(file, &format!(".{stamp}{UNFINISHED}"));
    // SQLite writes into a file that is empty as into one that it makes, which others could read meanwhile.
    File::options().write(true).create_new(true).mode(0o600).open(&unfinished)?;
    sqlx::query("VACUUM INTO $1").bind(unfinished.to_string_lossy().into_owned()).execute(pool).await?;
    File::open(&unfinished)?.sync_all()?;
    fs::rename(&unfinished, &copy)?;
    let folder = copy.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()?;
    tracing::info!(copy = %copy.display(), "the database was copied before its schema is brought up to date");
    Ok(copy)
}

fn remove_old_copies(file: &Path) -> std::io::Result<()> {
    for old in copies(file)?.into_iter().rev().skip(COPIES) {
        fs::remove_file(old)?;
    }
    Ok(())
}

/// The copies of a database from before migrations, oldest first.
pub fn copies(file: &Path) -> std::io::Result<Vec<PathBuf>> {
    beside_with(file, COPY)
}

/// What lies beside a database and has its name with something before this ending, in the order of names.
fn beside_with(file: &Path, ending: &str) -> std::io::Result<Vec<PathBuf>> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let start = format!("{}.", file.file_name().unwrap_or_default().to_string_lossy());
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with(&start) && name.ends_with(ending) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

fn known(engine: Engine) -> Result<Migrator, sqlx::Error> {
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
