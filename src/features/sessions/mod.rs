//! Sessions: shared pieces of work with a goal; a timeline of messages, artifacts and commits that people and agents write together.

pub mod model;
pub mod state;
pub mod ui;
