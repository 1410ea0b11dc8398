//! A copy of a database of one moment, page for page, while others write.

use std::{collections::BTreeMap, path::Path, time::Duration};

use rusqlite::{
    Connection, OpenFlags,
    backup::{Backup, StepResult},
};

use crate::{Fault, now_ms, pace::Pace};

/// Copied in one go: a megabyte with the usual page.
const PAGES: u16 = 256;
/// How long another connection's lock is waited for.
const BUSY: Duration = Duration::from_secs(10);
/// Of what is wrong with a database.
const SAID: usize = 3;

pub(crate) fn open(database: &Path) -> Result<Connection, Fault> {
    let connection = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY)?;
    Ok(connection)
}

/// Begins to read: the connection sees the database as it is now until [`end_reading`], and the log is not begun anew meanwhile.
pub(crate) fn begin_reading(connection: &Connection) -> Result<(), Fault> {
    connection.execute_batch("BEGIN")?;
    // The snapshot is taken by the first read.
    let read = connection.query_row("SELECT COUNT(*) FROM sqlite_schema", [], |_| Ok(()));
    if read.is_err() {
        end_reading(connection)?;
    }
    Ok(read?)
}

pub(crate) fn end_reading(connection: &Connection) -> Result<(), Fault> {
    Ok(connection.execute_batch("ROLLBACK")?)
}

/// Copies `database` to the new file `to`; gives the moment that the copy is of. Writers go on: the copy reads one snapshot of the log.
pub(crate) fn copy(database: &Path, to: &Path, pace: &Pace) -> Result<i64, Fault> {
    let source = open(database)?;
    begin_reading(&source)?;
    let moment = now_ms();
    let mut target = Connection::open(to)?;
    target.execute_batch("PRAGMA synchronous = OFF")?;
    let page_size: u32 = source.query_row("PRAGMA page_size", [], |row| row.get(0))?;
    let backup = Backup::new(&source, &mut target)?;
    while !matches!(backup.step(i32::from(PAGES))?, StepResult::Done) {
        std::thread::sleep(pace.before(u64::from(PAGES) * u64::from(page_size)));
    }
    drop(backup);
    target.close().map_err(|(_, error)| error)?;
    end_reading(&source)?;
    Ok(moment)
}

/// Looks whether the database is whole, and counts the rows of its tables.
///
/// # Errors
/// [`Fault::DatabaseDamaged`] with what SQLite has to say.
pub fn check(database: &Path) -> Result<BTreeMap<String, i64>, Fault> {
    let connection = open(database)?;
    let said: Vec<String> = connection
        .prepare("PRAGMA quick_check(3)")
        .and_then(|mut statement| statement.query_map([], |row| row.get(0)).and_then(Iterator::collect))?;
    if said != ["ok"] {
        return Err(Fault::DatabaseDamaged(said.into_iter().take(SAID).collect::<Vec<_>>().join("; ")));
    }
    rows_of(&connection)
}

/// How many rows each table has.
pub(crate) fn count(database: &Path) -> Result<BTreeMap<String, i64>, Fault> {
    let connection = open(database)?;
    let rows = rows_of(&connection)?;
    connection.close().map_err(|(_, error)| error)?;
    Ok(rows)
}

fn rows_of(connection: &Connection) -> Result<BTreeMap<String, i64>, Fault> {
    let names: Vec<String> = connection
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        .and_then(|mut statement| statement.query_map([], |row| row.get(0)).and_then(Iterator::collect))?;
    let mut rows = BTreeMap::new();
    for name in names {
        let quoted = name.replace('"', "\"\"");
        let count = connection.query_row(&format!("SELECT COUNT(*) FROM \"{quoted}\""), [], |row| row.get(0))?;
        rows.insert(name, count);
    }
    Ok(rows)
}
