//! Volumes: versioned collections of artifacts, their commits, import and export.

pub mod model;
#[cfg(feature = "ssr")]
pub mod archive;
#[cfg(feature = "ssr")]
pub mod http;
#[cfg(feature = "ssr")]
pub mod jobs;
#[cfg(feature = "ssr")]
pub mod service;
pub mod state;
pub mod ui;
#[cfg(feature = "ssr")]
mod store;
