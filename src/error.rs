//! The one error that crosses a boundary: a stable code for programs, one clear sentence for people, nothing internal.

use std::collections::BTreeMap;

use leptos::server_fn::{
    codec::JsonEncoding,
    error::{FromServerFnError, ServerFnErrorErr},
};
use serde::{Deserialize, Serialize};

/// What went wrong, as programs tell it apart. The text form is stable: it is part of `/api/v1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The request cannot be read or a value is out of its rules (400).
    InvalidInput,
    /// No valid sign-in or token came with the request (401).
    Unauthenticated,
    /// Signed in, but the role or the token's scope does not allow it (403).
    Forbidden,
    /// It changes how one signs in, or cannot be undone: the person has to prove once more who they are (403).
    ConfirmationRequired,
    /// The team wants its members to have a second factor, and the caller has none (403).
    FactorRequired,
    /// The request came from a page of another origin (403).
    ForeignOrigin,
    /// There is no such thing, or it is not shared with the caller (404).
    NotFound,
    /// The route does not take this method (405).
    MethodNotAllowed,
    /// The request took too long to arrive; nothing was changed (408).
    RequestTimeout,
    /// Somebody changed the thing in between, or the name is taken (409).
    Conflict,
    /// A link or token that was valid once and no longer is (410).
    Expired,
    /// The body or a file is over a limit (413).
    TooLarge,
    /// The body's type is not one the route reads (415).
    UnsupportedMediaType,
    /// Too many tries: wait (429).
    TooManyRequests,
    /// A fault of ours (500).
    Internal,
    /// The database or the disk cannot take a write now; nothing was changed (503).
    Unavailable,
    /// The browser could not reach the server.
    Offline,
}

impl ErrorCode {
    /// The HTTP status that goes with the code.
    pub fn status(self) -> u16 {
        match self {
            Self::InvalidInput => 400,
            Self::Unauthenticated => 401,
            Self::Forbidden | Self::ConfirmationRequired | Self::FactorRequired | Self::ForeignOrigin => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::RequestTimeout => 408,
            Self::Conflict => 409,
            Self::Expired => 410,
            Self::TooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::TooManyRequests => 429,
            Self::Internal => 500,
            Self::Unavailable | Self::Offline => 503,
        }
    }
}

/// An error a person may read: JSON `{"code", "message", "fields"?, "requestId"?}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[error("{message}")]
pub struct AppError {
    pub code: ErrorCode,
    /// One sentence: what happened and what to do.
    pub message: String,
    /// For forms: the field's name and what is wrong with it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
    /// Names the log lines that belong to this failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Seconds to wait before the next try; sent as the header `Retry-After`.
    #[serde(skip)]
    pub retry_after: Option<u32>,
}

/// What every use case returns.
pub type AppResult<T> = Result<T, AppError>;

impl AppError {
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), fields: BTreeMap::new(), request_id: None, retry_after: None }
    }
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidInput, message)
    }
    /// One field of a form is wrong; the sentence stands beside that field too.
    pub fn field(field: &str, message: impl Into<String>) -> Self {
        let message = message.into();
        let mut error = Self::invalid(message.clone());
        error.fields.insert(field.to_owned(), message);
        error
    }
    pub fn unauthenticated() -> Self {
        Self::new(ErrorCode::Unauthenticated, "Sign in to continue.")
    }
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Forbidden, message)
    }
    /// Also the answer for things that exist but are not shared: it never tells which.
    pub fn not_found(what: &str) -> Self {
        Self::new(ErrorCode::NotFound, format!("This {what} does not exist, or it is not shared with you."))
    }
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Conflict, message)
    }
    pub fn too_large(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::TooLarge, message)
    }
    /// Too many tries; `seconds` until the next one.
    pub fn too_many(seconds: u32) -> Self {
        let wait = if seconds < 100 { format!("{seconds} seconds") } else { format!("{} minutes", seconds.div_ceil(60)) };
        let error = Self::new(ErrorCode::TooManyRequests, format!("Too many tries. Wait {wait}, then try again."));
        Self { retry_after: Some(seconds), ..error }
    }
    /// Nothing came back from the server.
    pub fn offline() -> Self {
        Self::new(ErrorCode::Offline, "The server cannot be reached. Check the connection and try again.")
    }
    pub fn internal() -> Self {
        Self::new(ErrorCode::Internal, "Something failed on our side. Nothing was changed; try again.")
    }
}

/// Server functions fail with the same error; what the framework itself has to say becomes one of ours.
impl FromServerFnError for AppError {
    type Encoder = JsonEncoding;

    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        match error {
            ServerFnErrorErr::Request(_) => AppError::offline(),
            ServerFnErrorErr::Args(_) | ServerFnErrorErr::MissingArg(_) | ServerFnErrorErr::Deserialization(_) => {
                let error = AppError::invalid("The form could not be read. Load the page again and fill it in once more.");
                crate::browser::response::refuse(&error);
                error
            }
            _ => AppError::internal(),
        }
    }
}
