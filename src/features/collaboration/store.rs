//! The only SQL on rooms and live documents.

mod documents;
mod rooms;

pub use documents::*;
pub use rooms::*;
