//! From faults to answers: the log gets the whole chain (with the request id of the span it runs in), the person one sentence.

use std::{error::Error, fmt::Write as _};

use axum::{
    Json,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::error::{AppError, ErrorCode};

impl IntoResponse for AppError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(&self)).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        // Middleware adds the request id, which is not known here.
        response.extensions_mut().insert(self);
        response
    }
}

/// Logs a fault with everything below it and gives the error for the caller.
pub fn internal(context: &str, error: &(dyn Error + 'static)) -> AppError {
    tracing::error!(error = %chain(error), "{context}");
    AppError::internal()
}

/// An error and all its sources on one line.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let _ = write!(text, ": {inner}");
        source = inner.source();
    }
    text
}

impl From<sqlx::Error> for AppError {
    fn from(error: sqlx::Error) -> Self {
        if error.as_database_error().and_then(|database| database.code()).is_some_and(|code| code == ZERO_BYTE) {
            return AppError::invalid("A text that was sent has a zero byte in it: take that out.");
        }
        tracing::error!(error = %chain(&error), "database");
        if let sqlx::Error::Database(database) = &error {
            if database.is_unique_violation() {
                return AppError::conflict("This exists already. Load the page again to see it.");
            }
            if database.is_foreign_key_violation() {
                return AppError::conflict("What this belongs to is not there any more. Load the page again.");
            }
            let text = database.message();
            if is_damage(text) {
                return damaged();
            }
            // A quota that is used up has no code of its own in PostgreSQL.
            if database.code().is_some_and(|code| is_unavailable(&code)) || text.contains("could not extend file") {
                return unavailable();
            }
        }
        match error {
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Io(_) => unavailable(),
            _ => AppError::internal(),
        }
    }
}

impl From<std::io::Error> for AppError {
    fn from(error: std::io::Error) -> Self {
        tracing::error!(error = %chain(&error), "file system");
        unavailable()
    }
}

impl From<serde_json::Error> for AppError {
    fn from(error: serde_json::Error) -> Self {
        internal("stored JSON", &error)
    }
}

/// PostgreSQL's code for a text that it cannot hold. Everything else that is no UTF-8 was refused before, so it has a zero byte, and came from outside.
const ZERO_BYTE: &str = "22021";

/// Whether a code of either engine says that nothing can be stored now; nothing was done.
///
/// PostgreSQL's have five characters (<https://www.postgresql.org/docs/current/errcodes-appendix.html>): a connection that failed; a server that is being
/// stopped, started or has crashed, that lacks room, memory or connections, or may only be read; a disk that fails; and a transaction that was given up
/// because two waited for each other, one waited too long for a lock, or it was idle for too long.
///
/// SQLite's are numbers of at most four digits (<https://www.sqlite.org/rescode.html>), of which the lowest byte is the kind.
fn is_unavailable(code: &str) -> bool {
    if code.len() == 5 {
        return ["08", "53", "57P"].iter().any(|class| code.starts_with(class))
            || ["25006", "25P03", "40001", "40P01", "55P03", "58030"].contains(&code);
    }
    code.parse::<u16>().is_ok_and(|code| SQLITE_UNAVAILABLE.contains(&(code & 0xff)))
}

/// Busy, locked, out of memory, read-only, an I/O error, full, not to be opened, and locks that cannot be agreed on.
const SQLITE_UNAVAILABLE: [u16; 8] = [5, 6, 7, 8, 10, 13, 14, 15];

/// What SQLite says of a page that is not what was written there.
pub fn is_damage(text: &str) -> bool {
    ["disk image is malformed", "file is not a database", "malformed database schema"].iter().any(|known| text.contains(known))
}

/// Why the database could not be opened, with what to do where that is known.
pub fn of_start(error: super::db::OpenError) -> Box<dyn Error + Send + Sync> {
    let text = chain(&error);
    if is_damage(&text) { damaged().message.into() } else { error.into() }
}

/// A page of the database is not what was written there: whoever runs the server can bring a backup back.
fn damaged() -> AppError {
    AppError::new(
        ErrorCode::Internal,
        "The database of this server is damaged. Whoever runs it: stop it, keep the folder aside, and bring the newest backup back with “llmos restore”.",
    )
}

fn unavailable() -> AppError {
    AppError::new(ErrorCode::Unavailable, "The server cannot store anything right now. Nothing was changed; try again in a moment.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_stored_now_is_told_by_its_code_on_both_engines() {
        // The longer ones say more: a log that is recovered, an old snapshot, a file that was moved, and what of writing failed.
        let of_sqlite = ["5", "261", "517", "6", "7", "8", "1032", "10", "778", "1034", "4874", "5386", "13", "14", "15"];
        let of_postgres = ["08006", "25006", "25P03", "40001", "40P01", "53100", "53200", "53300", "55P03", "57P01", "58030"];
        for code in of_sqlite.into_iter().chain(of_postgres) {
            assert!(is_unavailable(code), "{code}");
        }
        // A fault in a statement, damage, something that is there already or may not be: 42501 ends, as a number, like SQLite's 5.
        for code in ["1", "11", "19", "26", "1555", "2067", "22021", "23505", "42501", "42P01", "57014", "XX001", ""] {
            assert!(!is_unavailable(code), "{code}");
        }
    }
}
