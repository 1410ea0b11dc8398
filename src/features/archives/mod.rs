//! A whole team as one file, and a team made of such a file. The file itself is written and read by `server::archive`; what of its tables belongs to a
//! team, each feature says (`archived.rs`).

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
