//! The whole service over real HTTP, on a real database: each test on SQLite and on PostgreSQL.

#[macro_use]
mod app;

mod accounts;
mod api_docs;
mod artifacts;
mod bad_input;
mod blobs;
mod cli;
mod client_ids;
mod comments;
mod demo;
mod documents;
mod durability;
mod editor;
mod faults;
mod fuzz;
mod idempotency;
mod import;
mod jobs;
mod notifications;
mod openai;
mod pages;
mod process;
mod publishing;
mod raw;
mod readme;
mod rooms;
mod search;
mod sessions;
mod socket;
mod socket_durability;
mod socket_faults;
mod socket_rights;
mod socket_shutdown;
mod tree;
mod usage;
mod volumes;
