//! People and agents in the same place at the same time: rooms with presence and events, and documents that several edit at once.
//!
//! The wire formats are described in docs/protocol.md.

pub mod client;
#[cfg(feature = "ssr")]
pub mod http;
pub mod link;
pub mod model;
#[cfg(feature = "ssr")]
pub mod service;
pub mod state;
#[cfg(feature = "ssr")]
mod store;
pub mod ui;
#[cfg(feature = "ssr")]
pub mod ws;
