//! Volumes in step with repositories: pulled from and pushed to a branch elsewhere, and every volume as a repository to clone.

#[cfg(feature = "ssr")]
pub mod archived;
#[cfg(feature = "ssr")]
pub mod http;
#[cfg(feature = "ssr")]
pub mod jobs;
pub mod model;
#[cfg(feature = "ssr")]
mod repository;
#[cfg(feature = "ssr")]
pub mod service;
pub mod state;
#[cfg(feature = "ssr")]
mod store;
pub mod ui;
#[cfg(feature = "ssr")]
mod wire;
