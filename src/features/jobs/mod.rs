//! Durable background work: queued in the transaction that asks for it, run by `server::worker`, shown with its progress.

#[cfg(feature = "ssr")]
pub mod http;
pub mod model;
#[cfg(feature = "ssr")]
pub mod service;
#[cfg(feature = "ssr")]
mod store;

#[cfg(feature = "ssr")]
pub use store::Job;
