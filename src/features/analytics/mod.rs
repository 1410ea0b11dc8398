//! Usage events: one immutable fact for each use case, written in its transaction. Off with `ANALYTICS_ENABLED=false`.

#[cfg(feature = "ssr")]
pub mod service;
#[cfg(feature = "ssr")]
mod store;
