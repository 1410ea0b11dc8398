//! Sessions: shared pieces of work with a goal; a timeline of messages, artifacts and commits that people and agents write together.

#[cfg(feature = "ssr")]
pub mod archived;
#[cfg(feature = "ssr")]
pub mod http;
pub mod model;
#[cfg(feature = "ssr")]
pub mod service;
pub mod state;
#[cfg(feature = "ssr")]
mod store;
pub mod ui;
