//! Artifacts: skills, tools and agents as markdown; their drafts, revisions, files and the library.

#[cfg(feature = "ssr")]
pub mod archived;
#[cfg(feature = "ssr")]
pub mod http;
#[cfg(feature = "ssr")]
pub mod markdown;
pub mod model;
#[cfg(feature = "ssr")]
pub mod service;
pub mod state;
#[cfg(feature = "ssr")]
mod store;
pub mod ui;
