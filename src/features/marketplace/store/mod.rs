//! The only SQL on what is published, installed and said about it.

mod deletion;
mod events;
mod figures;
mod keys;
mod listings;
mod locks;
mod log;
mod moderation;
mod owners;
mod releases;
mod reviews;
mod screenshots;

pub use deletion::*;
pub use events::*;
pub use figures::*;
pub use keys::*;
pub use listings::*;
pub use locks::*;
pub use log::*;
pub use moderation::*;
pub use owners::*;
pub use releases::*;
pub use reviews::*;
pub use screenshots::*;

/// SQLite reads at most 32,766 arguments; chunks stay far below.
const CHUNK: usize = 500;
