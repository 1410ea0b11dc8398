//! Notifications: what concerns one account, such as a mention, a reply or an invitation, behind the bell; and
//! what goes out besides, by mail and Web Push.

pub mod api;
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
