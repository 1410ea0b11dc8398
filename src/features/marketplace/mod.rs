//! The marketplace: publishing skills, tools and agents, finding them, trusting them, and keeping them in volumes.

#[cfg(feature = "ssr")]
pub mod http;
pub mod model;
#[cfg(feature = "ssr")]
pub mod service;
pub mod state;
#[cfg(feature = "ssr")]
mod store;
pub mod ui;
