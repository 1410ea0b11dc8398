//! A small builder for the few statements whose text depends on their input (filters, IN lists, many rows at once).
//!
//! `sqlx::QueryBuilder<Any>` writes `?`, which PostgreSQL refuses; this one writes `$1`, which both engines read. Text goes in
//! as `&'static str` only, so no input can become SQL.

use sqlx::{
    Any, AssertSqlSafe, Encode, FromRow, Type,
    any::{AnyArguments, AnyQueryResult, AnyRow},
};

use crate::error::AppResult;

/// Statement text and its arguments, in order.
#[derive(Default)]
pub struct Sql {
    text: String,
    arguments: AnyArguments,
    count: usize,
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
        self.count += 1;
        self.text.push('$');
        self.text.push_str(&self.count.to_string());
        if let Err(error) = sqlx::Arguments::add(&mut self.arguments, value) {
            // Only types that `Any` cannot carry come here, and those do not satisfy the bounds.
            tracing::error!(%error, "argument could not be encoded");
        }
        self
    }

    /// Appends a whole number as text, for limits. SQLite looks at a limit that is bound to choose its plan, and therefore prepares the
    /// statement again each time it runs; limits are few, so each one's statement is kept.
    pub fn number(&mut self, value: i64) -> &mut Self {
        self.text.push_str(&value.to_string());
        self
    }

    /// Appends `($1, $2, …)`; an empty list becomes one that matches nothing.
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

    pub async fn execute<'c>(self, executor: impl sqlx::Executor<'c, Database = Any>) -> AppResult<AnyQueryResult> {
        Ok(sqlx::query_with(AssertSqlSafe(self.text), self.arguments).execute(executor).await?)
    }

    pub async fn fetch_all<'c, T>(self, executor: impl sqlx::Executor<'c, Database = Any>) -> AppResult<Vec<T>>
    where
        T: for<'r> FromRow<'r, AnyRow> + Send + Unpin,
    {
        Ok(sqlx::query_as_with(AssertSqlSafe(self.text), self.arguments).fetch_all(executor).await?)
    }
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
