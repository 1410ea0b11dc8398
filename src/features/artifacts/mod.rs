//! Artifacts: skills, tools and agents as markdown; their drafts, revisions, files and the library.

pub mod model;
#[cfg(feature = "ssr")]
pub mod http;
#[cfg(feature = "ssr")]
pub mod markdown;
#[cfg(feature = "ssr")]
pub mod service;
pub mod state;
pub mod ui;
#[cfg(feature = "ssr")]
mod store;
