//! What the whole process shares: configuration, state, router, database, middleware. Server only.

pub mod assets;
pub mod blobs;
pub mod cli;
pub mod clock;
pub mod config;
pub mod context;
pub mod csp;
pub mod db;
pub mod docs;
pub mod drain;
pub mod error;
pub mod extract;
pub mod forms;
pub mod github;
pub mod idempotency;
pub mod middleware;
pub mod outgoing;
pub mod pages;
pub mod pictures;
pub mod router;
pub mod secrets;
pub mod serve;
pub mod state;
pub mod sweep;
pub mod telemetry;
pub mod worker;
