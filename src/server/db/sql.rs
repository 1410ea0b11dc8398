//! A small builder for the few statements whose text depends on their input (filters, IN lists, many rows at once).
//!
//! `sqlx::QueryBuilder<Any>` writes `?`, which PostgreSQL refuses; this one writes what the engine takes that the statement goes to. Both read `$1`, but for
//! SQLite that is a name, and it compares each name with all before it: many rows at once would take a time that grows with their square. Text goes in as
//! `&'static str` only, so no input can become SQL.

use sqlx::{
    Any, AnyConnection, AnyPool, AssertSqlSafe, Encode, Executor, FromRow, Type,
    any::{AnyArguments, AnyQueryResult, AnyRow},
};

use super::Engine;
use crate::error::AppResult;

const POSTGRES_NOW: &str = "(EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::BIGINT";
/// Stands in the text where a value goes; no statement has it.
const PLACE: char = '\u{1}';

/// What a statement is sent to, and whether that is SQLite.
pub trait Target<'c>: Executor<'c, Database = Any> {
    fn is_sqlite(&self) -> bool;
}

impl<'c> Target<'c> for &'c mut AnyConnection {
    fn is_sqlite(&self) -> bool {
        self.backend_name() == "SQLite"
    }
}

impl<'c> Target<'c> for &AnyPool {
    fn is_sqlite(&self) -> bool {
        self.connect_options().database_url.scheme() == "sqlite"
    }
}

/// Statement text and its arguments, in order.
#[derive(Default)]
pub struct Sql {
    text: String,
    arguments: AnyArguments,
}

impl Sql {
    pub fn new(text: &'static str) -> Self {
        Self { text: text.to_owned(), ..Self::default() }
    }

    /// Appends text as it is.
    pub fn push(&mut self, text: &'static str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// Appends a placeholder bound to `value`.
    pub fn bind<'t, T: Encode<'t, Any> + Type<Any>>(&mut self, value: T) -> &mut Self {
        self.text.push(PLACE);
        if let Err(error) = sqlx::Arguments::add(&mut self.arguments, value) {
            // Only types that `Any` cannot carry come here, and those do not satisfy the bounds.
            tracing::error!(%error, "argument could not be encoded");
        }
        self
    }

    /// Appends the time, in UTC milliseconds, by which nodes wait for one another: PostgreSQL's own, because the clocks of machines may differ.
    /// SQLite has one process, and its clock is `own`.
    pub fn now(&mut self, engine: Engine, own: i64) -> &mut Self {
        match engine {
            Engine::Postgres => self.push(POSTGRES_NOW),
            Engine::Sqlite => self.bind(own),
        }
    }

    /// Appends a whole number as text, for limits. SQLite looks at a limit that is bound to choose its plan, and therefore prepares the
    /// statement again each time it runs; limits are few, so each one's statement is kept.
    pub fn number(&mut self, value: i64) -> &mut Self {
        self.text.push_str(&value.to_string());
        self
    }

    /// Appends `(…, …)`; an empty list becomes one that matches nothing.
    pub fn bind_list<T: ToString>(&mut self, values: impl IntoIterator<Item = T>) -> &mut Self {
        self.text.push('(');
        let mut first = true;
        for value in values {
            if !std::mem::take(&mut first) {
                self.text.push_str(", ");
            }
            self.bind(value.to_string());
        }
        if first {
            self.text.push_str("NULL");
        }
        self.text.push(')');
        self
    }

    /// Appends `(…), (…)` for many rows: `row` binds the values of one, and the commas come by themselves.
    pub fn rows<T>(&mut self, items: &[T], mut row: impl FnMut(&mut Row<'_>, &T)) -> &mut Self {
        for (index, item) in items.iter().enumerate() {
            self.text.push_str(if index == 0 { "(" } else { ", (" });
            let mut values = Row { sql: self, first: true };
            row(&mut values, item);
            self.text.push(')');
        }
        self
    }

    pub async fn execute<'c>(self, target: impl Target<'c>) -> AppResult<AnyQueryResult> {
        let text = with_places(&self.text, target.is_sqlite());
        Ok(sqlx::query_with(AssertSqlSafe(text), self.arguments).execute(target).await?)
    }

    pub async fn fetch_all<'c, T>(self, target: impl Target<'c>) -> AppResult<Vec<T>>
    where
        T: for<'r> FromRow<'r, AnyRow> + Send + Unpin,
    {
        let text = with_places(&self.text, target.is_sqlite());
        Ok(sqlx::query_as_with(AssertSqlSafe(text), self.arguments).fetch_all(target).await?)
    }
}

/// The text with `?` in its places, or with `$1`, `$2` and so on.
fn with_places(text: &str, is_sqlite: bool) -> String {
    let mut written = String::with_capacity(text.len() + if is_sqlite { 0 } else { text.len() / 4 });
    for (place, part) in text.split(PLACE).enumerate() {
        match place {
            0 => {}
            _ if is_sqlite => written.push('?'),
            place => {
                written.push('$');
                written.push_str(&place.to_string());
            }
        }
        written.push_str(part);
    }
    written
}

/// The values of one row in [`Sql::rows`].
pub struct Row<'a> {
    sql: &'a mut Sql,
    first: bool,
}

impl Row<'_> {
    pub fn bind<'t, T: Encode<'t, Any> + Type<Any>>(&mut self, value: T) -> &mut Self {
        if !std::mem::take(&mut self.first) {
            self.sql.text.push_str(", ");
        }
        self.sql.bind(value);
        self
    }
}

/// A flag as both engines keep it.
pub fn flag(value: bool) -> i64 {
    i64::from(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_engine_gets_the_places_that_it_takes() {
        let mut sql = Sql::new("SELECT a FROM t WHERE b = ");
        sql.bind(1_i64).push(" AND c IN ").bind_list(["x", "y"]).push(" LIMIT ").number(3);
        assert_eq!(with_places(&sql.text, true), "SELECT a FROM t WHERE b = ? AND c IN (?, ?) LIMIT 3");
        assert_eq!(with_places(&sql.text, false), "SELECT a FROM t WHERE b = $1 AND c IN ($2, $3) LIMIT 3");
        let at = |engine| {
            let mut sql = Sql::new("UPDATE nodes SET a = ");
            sql.now(engine, 7).push(" WHERE b = ").bind(1_i64);
            with_places(&sql.text, engine == Engine::Sqlite)
        };
        assert_eq!(at(Engine::Sqlite), "UPDATE nodes SET a = ? WHERE b = ?");
        assert_eq!(at(Engine::Postgres), format!("UPDATE nodes SET a = {POSTGRES_NOW} WHERE b = $1"));
    }
}
