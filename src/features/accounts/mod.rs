//! Accounts: people and agents, teams and their roles, signing in, tokens, invitations, the audit log.
//!
//! Other features ask [`service`] who calls and whether the role allows an [`Action`]; the matrix itself is pure.

pub mod api;
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

pub use model::{Action, Role, Scope};
