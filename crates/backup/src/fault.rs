use std::path::Path;

/// Why a backup was not made or not brought back: one sentence that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// A file of this machine: disk full, read-only, not there.
    #[error("{0}: {1}")]
    Io(String, #[source] std::io::Error),
    /// The place where backups are.
    #[error("the backup store {0}: {1}")]
    Store(String, #[source] object_store::Error),
    /// The database could not be read or written.
    #[error("the database: {0}")]
    Database(#[source] rusqlite::Error),
    /// The database is there and not whole.
    #[error("the database is damaged ({0}): stop the server and bring the newest backup back with `llmos restore`")]
    DatabaseDamaged(String),
    /// What is in the store is not what was put there.
    #[error("{0}")]
    Damaged(String),
    /// What was asked for cannot be done as things are.
    #[error("{0}")]
    Refused(String),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase) => Self::DatabaseDamaged(error.to_string()),
            _ => Self::Database(error),
        }
    }
}

impl Fault {
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |error| Self::Io(path.display().to_string(), error)
    }

    /// Whether it may go by itself: the store or the disk could not be reached this time.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Io(..) | Self::Store(..) | Self::Database(_))
    }
}
