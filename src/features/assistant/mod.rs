//! The assistant in a session: asked by name, answered by a language model, with the team's skills and, where somebody allows it, its tools.

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
