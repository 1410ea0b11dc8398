//! Analytics: what usage is counted by, and the dashboard made of it.
//!
//! Without features, the types that server and browser share. With `engine`, what counts: [`event`]s become [`cells`], cells of a quarter of an hour become
//! those of a local day of a time zone ([`zones`]), and days become a [`Dashboard`]. Pure: no clock and no storage.

#[cfg(feature = "engine")]
pub mod cells;
#[cfg(feature = "engine")]
pub mod codec;
#[cfg(feature = "engine")]
pub mod dashboard;
pub mod day;
#[cfg(feature = "engine")]
pub mod event;
pub mod kind;
pub mod latency;
#[cfg(feature = "engine")]
pub mod metric;
pub mod model;
#[cfg(feature = "engine")]
pub mod raw;
#[cfg(feature = "engine")]
pub mod sketch;
#[cfg(feature = "engine")]
pub mod trend;
#[cfg(feature = "engine")]
pub mod zones;

pub use day::Day;
pub use kind::{Kind, Origin};
pub use model::Dashboard;
