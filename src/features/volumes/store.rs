//! The only SQL on volumes and commits.
