//! Comments: threads about a place in an artifact's text or about an entry of a session; answered, resolved, taken up again.

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
