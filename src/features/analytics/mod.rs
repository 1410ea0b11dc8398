//! Usage events: immutable facts, each written in the transaction of its use case, and what they add up to. Off with `ANALYTICS_ENABLED=false`.

#[cfg(feature = "ssr")]
pub mod archived;
#[cfg(feature = "ssr")]
pub mod http;
#[cfg(feature = "ssr")]
pub mod jobs;
pub mod model;
#[cfg(feature = "ssr")]
pub mod service;
pub mod state;
#[cfg(feature = "ssr")]
mod store;
pub mod ui;
