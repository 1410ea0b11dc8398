//! How the server is: ready or not and why, for load balancers, for monitoring, and for administrators at a glance.

#[cfg(feature = "ssr")]
pub mod http;
pub mod model;
#[cfg(feature = "ssr")]
pub mod service;
pub mod state;
pub mod ui;
