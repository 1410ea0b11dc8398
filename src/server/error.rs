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
        tracing::error!(error = %chain(&error), "database");
        if let sqlx::Error::Database(database) = &error {
            if database.is_unique_violation() {
                return AppError::conflict("This exists already. Load the page again to see it.");
            }
            let text = database.message();
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

fn unavailable() -> AppError {
    AppError::new(ErrorCode::Unavailable, "The server cannot store anything right now. Nothing was changed; try again in a moment.")
}
