//! People and agents in the same place at the same time: rooms with presence and events, and documents that several edit at once.
//!
//! The wire formats are described in docs/protocol.md.

pub mod model;
