//! Durable background work: queued in the transaction that asks for it, run by `server::worker`, shown with its progress.

#[cfg(feature = "ssr")]
pub mod http;
pub mod model;
#[cfg(feature = "ssr")]
pub mod service;
pub mod state;
#[cfg(feature = "ssr")]
mod store;
pub mod ui;

#[cfg(feature = "ssr")]
pub use store::Job;
