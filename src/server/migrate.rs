//! From SQLite to PostgreSQL: every table, in the order in which they refer to each other, each in one transaction and then compared.
//!
//! A table of the target, `llmos_migration`, names what was copied, so that a run that was stopped goes on with the next table. It is removed
//! at the end.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use futures::TryStreamExt as _;
use sha2::{Digest as _, Sha256};
use sqlx::{
    Any, AnyConnection, AssertSqlSafe, Connection as _, Row as _,
    any::{AnyArguments, AnyRow},
};

use super::{backups, config::Config, db::Db, serve::BoxError};

/// Values that one statement may have.
const VALUES: usize = 20_000;
/// Bytes that one statement is sent with, about.
const BYTES: usize = 4 << 20;
const MARKS: &str = "llmos_migration";
/// A column that only PostgreSQL has, with its table. In a row that was copied it is 0, as in the place up to which SQLite has counted (`usage_rolled`).
const ONLY_THERE: (&str, &str) = ("usage_events", "tx");
/// Tables of what is only true while processes live.
const OF_NODES: [&str; 2] = ["nodes", "room_people"];

/// What was copied.
pub struct Copied {
    pub tables: usize,
    pub rows: i64,
}

/// A column's kind, as PostgreSQL has it.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    Integer,
    Real,
    Bytes,
}

enum Value {
    Text(Option<String>),
    Integer(Option<i64>),
    Real(Option<f64>),
    Bytes(Option<Vec<u8>>),
}

struct Table {
    name: String,
    columns: Vec<(String, Kind)>,
    /// Whether its rows refer to each other: those that were written first come first.
    in_order: bool,
}

/// The number of rows and the sum of their hashes, which is the same in whatever order they come.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Seal {
    rows: i64,
    sum: u128,
}

/// Copies the database of `config` to the one at `url`, and compares every row.
///
/// # Errors
/// The target is not empty, cannot be written, or a table is not the same afterwards.
pub async fn to_postgres(config: &Config, url: &str) -> Result<Copied, BoxError> {
    let file = backups::database_file(config)?;
    if !file.exists() {
        return Err(format!("there is no database in {}", file.display()).into());
    }
    if !(url.starts_with("postgres:") || url.starts_with("postgresql:")) {
        return Err("--to is the address of a PostgreSQL database: postgres://user:password@host/name".into());
    }
    // Both have the newest schema then.
    Db::open(&config.database_url).await?.close().await;
    Db::open(url).await.map_err(|error| format!("the new database cannot be opened: {error}"))?.close().await;
    let mut source = AnyConnection::connect(&config.database_url).await?;
    let mut target = AnyConnection::connect(url).await?;
    let tables = tables(&mut source, &mut target).await?;
    let source_name = Path::new(&file).canonicalize()?.display().to_string();
    let done = begin(&mut target, &tables, &source_name).await?;
    let mut copied = Copied { tables: tables.len(), rows: 0 };
    for table in &tables {
        let seal = if done.contains(&table.name) { seal(&mut source, table).await? } else { copy(&mut source, &mut target, table).await? };
        if self::seal(&mut target, table).await? != seal {
            return Err(format!(
                "the table {} is not the same in the new database: something else writes there; empty it and begin again",
                table.name
            )
            .into());
        }
        copied.rows += seal.rows;
    }
    run(&mut target, format!("DROP TABLE {MARKS}")).await?;
    Ok(copied)
}

/// Refuses a target that has anything of its own; gives what an earlier run has copied.
async fn begin(target: &mut AnyConnection, tables: &[Table], source: &str) -> Result<BTreeSet<String>, BoxError> {
    let began: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM information_schema.tables WHERE table_name = $1 AND table_schema = current_schema()")
            .bind(MARKS)
            .fetch_one(&mut *target)
            .await?;
    if began > 0 {
        let marks: Vec<(String, String)> =
            sqlx::query_as(AssertSqlSafe(format!("SELECT source, name FROM {MARKS}"))).fetch_all(&mut *target).await?;
        if marks.iter().any(|(from, _)| from != source) {
            return Err("the new database has part of another one: name an empty database".into());
        }
        return Ok(marks.into_iter().map(|(_, name)| name).collect());
    }
    let seeded = seeded().await?;
    for table in tables {
        let rows = count(target, &table.name).await?;
        if rows != seeded.get(&table.name).copied().unwrap_or(0) {
            return Err(format!("the new database is not empty ({} has {rows} rows): name an empty one", table.name).into());
        }
    }
    run(target, format!("CREATE TABLE {MARKS} (source TEXT NOT NULL, name TEXT PRIMARY KEY)")).await?;
    // From here on a run that is stopped is known for one, also before its first table.
    sqlx::query(AssertSqlSafe(format!("INSERT INTO {MARKS} (source, name) VALUES ($1, '')"))).bind(source).execute(&mut *target).await?;
    // What a new database begins with comes again with the rows of the old one. Last first: the first are referred to.
    for table in tables.iter().rev() {
        run(target, format!("DELETE FROM \"{}\"", table.name)).await?;
    }
    Ok(BTreeSet::new())
}

/// How many rows the tables of a new database have.
async fn seeded() -> Result<BTreeMap<String, i64>, BoxError> {
    let folder = tempfile::tempdir()?;
    let url = format!("sqlite:{}", folder.path().join("new.sqlite").display());
    Db::open(&url).await?.close().await;
    let mut new = AnyConnection::connect(&url).await?;
    let mut seeded = BTreeMap::new();
    for name in names(&mut new).await? {
        let rows = count(&mut new, &name).await?;
        seeded.insert(name, rows);
    }
    new.close().await?;
    Ok(seeded)
}

async fn count(connection: &mut AnyConnection, table: &str) -> Result<i64, BoxError> {
    Ok(sqlx::query_scalar(AssertSqlSafe(format!("SELECT COUNT(*) FROM \"{table}\""))).fetch_one(connection).await?)
}

async fn run(connection: &mut AnyConnection, sql: String) -> Result<(), BoxError> {
    sqlx::query(AssertSqlSafe(sql)).execute(connection).await?;
    Ok(())
}

/// The tables of a SQLite database, without those of the migrations.
async fn names(source: &mut AnyConnection) -> Result<Vec<String>, BoxError> {
    let sql =
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> '_sqlx_migrations' ORDER BY name";
    let mut names: Vec<String> = sqlx::query_scalar(sql).fetch_all(source).await?;
    names.retain(|name| !OF_NODES.contains(&name.as_str()));
    Ok(names)
}

/// All tables, those first that others refer to.
async fn tables(source: &mut AnyConnection, target: &mut AnyConnection) -> Result<Vec<Table>, BoxError> {
    let mut waiting = BTreeMap::new();
    for name in names(source).await? {
        let parents: BTreeSet<String> = sqlx::query_scalar("SELECT \"table\" FROM pragma_foreign_key_list($1)")
            .bind(name.as_str())
            .fetch_all(&mut *source)
            .await?
            .into_iter()
            .collect();
        waiting.insert(name, parents);
    }
    let mut sorted: Vec<Table> = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        let is_there = |name: &String| sorted.iter().any(|table| table.name == *name);
        let next = waiting.iter().find(|(name, parents)| parents.iter().all(|parent| parent == *name || is_there(parent)));
        let Some(name) = next.map(|(name, _)| name.clone()) else {
            return Err(format!("these tables refer to each other in a circle: {:?}", waiting.keys()).into());
        };
        let in_order = waiting.remove(&name).is_some_and(|parents| parents.contains(&name));
        sorted.push(Table { columns: columns(source, target, &name).await?, name, in_order });
    }
    Ok(sorted)
}

/// The columns of a table, which both databases have to have.
async fn columns(source: &mut AnyConnection, target: &mut AnyConnection, table: &str) -> Result<Vec<(String, Kind)>, BoxError> {
    let sql = "SELECT column_name::text, data_type::text FROM information_schema.columns WHERE table_name = $1 AND table_schema = current_schema() \
         ORDER BY column_name";
    let mut there: Vec<(String, String)> = sqlx::query_as(sql).bind(table).fetch_all(target).await?;
    there.retain(|(name, _)| (table, name.as_str()) != ONLY_THERE);
    let here: BTreeSet<String> =
        sqlx::query_scalar("SELECT name FROM pragma_table_info($1)").bind(table).fetch_all(source).await?.into_iter().collect();
    if here != there.iter().map(|(name, _)| name.clone()).collect() {
        return Err(format!("the table {table} has other columns in the new database").into());
    }
    let kind = |text: &str| match text {
        "text" | "character varying" => Some(Kind::Text),
        "bigint" | "integer" | "smallint" => Some(Kind::Integer),
        "double precision" | "real" => Some(Kind::Real),
        "bytea" => Some(Kind::Bytes),
        _ => None,
    };
    let known = there.into_iter().map(|(name, text)| match kind(&text) {
        Some(kind) => Ok((name, kind)),
        None => Err(format!("the column {name} of {table} is of a kind that cannot be copied: {text}").into()),
    });
    known.collect()
}

fn selection(table: &Table) -> String {
    let columns: Vec<String> = table.columns.iter().map(|(name, _)| format!("\"{name}\"")).collect();
    format!("SELECT {} FROM \"{}\"", columns.join(", "), table.name)
}

fn values(row: &AnyRow, table: &Table) -> Result<Vec<Value>, sqlx::Error> {
    let value = |(index, (_, kind)): (usize, &(String, Kind))| -> Result<Value, sqlx::Error> {
        Ok(match kind {
            Kind::Text => Value::Text(row.try_get(index)?),
            Kind::Integer => Value::Integer(row.try_get(index)?),
            Kind::Real => Value::Real(row.try_get(index)?),
            Kind::Bytes => Value::Bytes(row.try_get(index)?),
        })
    };
    table.columns.iter().enumerate().map(value).collect()
}

impl Seal {
    /// Each value with its kind and length before it, so that no two rows look alike.
    fn add(&mut self, row: &[Value]) {
        let mut hash = Sha256::new();
        let mut feed = |kind: u8, bytes: Option<&[u8]>| {
            hash.update([kind, u8::from(bytes.is_some())]);
            if let Some(bytes) = bytes {
                hash.update((bytes.len() as u64).to_le_bytes());
                hash.update(bytes);
            }
        };
        for value in row {
            match value {
                Value::Text(text) => feed(0, text.as_deref().map(str::as_bytes)),
                Value::Integer(number) => feed(1, number.map(i64::to_le_bytes).as_ref().map(<[u8; 8]>::as_slice)),
                Value::Real(number) => feed(2, number.map(f64::to_le_bytes).as_ref().map(<[u8; 8]>::as_slice)),
                Value::Bytes(bytes) => feed(3, bytes.as_deref()),
            }
        }
        let digest = hash.finalize();
        let half = digest.first_chunk::<16>().map_or(0, |half| u128::from_le_bytes(*half));
        self.rows += 1;
        self.sum = self.sum.wrapping_add(half);
    }
}

/// Of all rows of a table.
async fn seal(connection: &mut AnyConnection, table: &Table) -> Result<Seal, BoxError> {
    let mut seal = Seal::default();
    let mut rows = sqlx::query(AssertSqlSafe(selection(table))).fetch(connection);
    while let Some(row) = rows.try_next().await? {
        seal.add(&values(&row, table)?);
    }
    Ok(seal)
}

/// Copies one table whole, with its mark; gives the seal of what was read.
async fn copy(source: &mut AnyConnection, target: &mut AnyConnection, table: &Table) -> Result<Seal, BoxError> {
    let order = if table.in_order { " ORDER BY rowid" } else { "" };
    let mut tx = target.begin().await?;
    let mut seal = Seal::default();
    let (mut batch, mut bytes) = (Vec::new(), 0);
    let at_once = (VALUES / table.columns.len().max(1)).max(1);
    {
        let mut rows = sqlx::query(AssertSqlSafe(format!("{}{order}", selection(table)))).fetch(&mut *source);
        while let Some(row) = rows.try_next().await? {
            let row = values(&row, table)?;
            seal.add(&row);
            bytes += row.iter().map(Value::length).sum::<usize>();
            batch.push(row);
            if batch.len() >= at_once || bytes >= BYTES {
                insert(&mut tx, table, std::mem::take(&mut batch)).await?;
                bytes = 0;
            }
        }
    }
    insert(&mut tx, table, batch).await?;
    go_on_counting(&mut tx, &table.name).await?;
    sqlx::query(AssertSqlSafe(format!("INSERT INTO {MARKS} (source, name) SELECT source, $1 FROM {MARKS} WHERE name = ''")))
        .bind(table.name.as_str())
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(seal)
}

/// Columns whose numbers the database gives go on after the highest that was copied.
async fn go_on_counting(tx: &mut sqlx::Transaction<'_, Any>, table: &str) -> Result<(), BoxError> {
    let sql = "SELECT column_name::text FROM information_schema.columns \
         WHERE table_name = $1 AND table_schema = current_schema() AND is_identity = 'YES'";
    let columns: Vec<String> = sqlx::query_scalar(sql).bind(table.to_owned()).fetch_all(&mut **tx).await?;
    for column in columns {
        let sql = format!("SELECT setval(pg_get_serial_sequence($1, $2), COALESCE(MAX(\"{column}\"), 0) + 1, false) FROM \"{table}\"");
        sqlx::query(AssertSqlSafe(sql)).bind(format!("\"{table}\"")).bind(column).execute(&mut **tx).await?;
    }
    Ok(())
}

impl Value {
    fn length(&self) -> usize {
        match self {
            Self::Text(text) => text.as_ref().map_or(1, String::len),
            Self::Bytes(bytes) => bytes.as_ref().map_or(1, Vec::len),
            Self::Integer(_) | Self::Real(_) => 8,
        }
    }
}

async fn insert(tx: &mut sqlx::Transaction<'_, Any>, table: &Table, rows: Vec<Vec<Value>>) -> Result<(), BoxError> {
    if rows.is_empty() {
        return Ok(());
    }
    let only_there = (table.name == ONLY_THERE.0).then_some(ONLY_THERE.1);
    let columns: Vec<String> =
        table.columns.iter().map(|(name, _)| name.as_str()).chain(only_there).map(|name| format!("\"{name}\"")).collect();
    // Numbers that the database gives by itself come along as they are.
    let mut sql = format!("INSERT INTO \"{}\" ({}) OVERRIDING SYSTEM VALUE VALUES ", table.name, columns.join(", "));
    let (mut arguments, mut number) = (AnyArguments::default(), 0);
    for (index, row) in rows.into_iter().enumerate() {
        sql.push_str(if index == 0 { "(" } else { "), (" });
        for (place, value) in row.into_iter().enumerate() {
            number += 1;
            sql.push_str(if place == 0 { "$" } else { ", $" });
            sql.push_str(&number.to_string());
            let added = match value {
                Value::Text(value) => sqlx::Arguments::add(&mut arguments, value),
                Value::Integer(value) => sqlx::Arguments::add(&mut arguments, value),
                Value::Real(value) => sqlx::Arguments::add(&mut arguments, value),
                Value::Bytes(value) => sqlx::Arguments::add(&mut arguments, value),
            };
            added?;
        }
        if only_there.is_some() {
            sql.push_str(", 0");
        }
    }
    sql.push(')');
    let inserted = sqlx::query_with(AssertSqlSafe(sql), arguments).execute(&mut **tx).await;
    inserted.map_err(|error| format!("the table {} cannot be copied: {error}", table.name))?;
    Ok(())
}
