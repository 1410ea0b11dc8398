//! The only SQL on artifacts.
