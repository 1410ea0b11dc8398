//! The only SQL on rooms and live documents.

mod documents;
mod people;
mod rooms;

pub use documents::*;
pub use people::*;
pub use rooms::*;
