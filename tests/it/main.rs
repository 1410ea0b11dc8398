//! The whole service over real HTTP, on a real database: each test on SQLite and on PostgreSQL.

#[macro_use]
mod app;

mod accounts;
mod api_docs;
mod bad_input;
mod durability;
mod faults;
mod idempotency;
mod process;
mod tree;
