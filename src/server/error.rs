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
            if database.code().is_some_and(|code| is_away(&code)) {
                return unavailable();
            }
            if ["database is locked", "disk is full", "disk I/O error", "readonly database", "No space left", "could not extend file"]
                .iter()
                .any(|known| text.contains(known))
            {
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

/// PostgreSQL's codes (<https://www.postgresql.org/docs/current/errcodes-appendix.html>) for a connection that failed, a server that is being
/// stopped, started or has crashed, and one that has no room for another connection; and for a transaction that was given up because two waited for
/// each other, or because it was idle for too long. Nothing was done.
fn is_away(code: &str) -> bool {
    code.starts_with("08") || code.starts_with("57P") || ["53300", "40001", "40P01", "25P03"].contains(&code)
}

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
