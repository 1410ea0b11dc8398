//! What GitHub tells us: verified, kept on disk before it is answered, acted on in the order of its repository, shown to administrators.

#[cfg(feature = "ssr")]
pub mod http;
pub mod model;
#[cfg(feature = "ssr")]
pub mod service;
pub mod state;
#[cfg(feature = "ssr")]
mod store;
pub mod ui;
