//! The only SQL on accounts.
