//! The whole service over real HTTP, on a real database: each test on SQLite and on PostgreSQL.

mod accounts;
mod api_docs;
mod app;
mod bad_input;
mod idempotency;
