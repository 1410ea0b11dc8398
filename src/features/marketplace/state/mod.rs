//! What pages of the marketplace read and write, and their addresses.

mod catalogue;
mod lock;
mod moderation;
mod owners;
mod publishing;
mod reviews;

pub use catalogue::*;
pub use lock::*;
pub use moderation::*;
pub use owners::*;
pub use publishing::*;
pub use reviews::*;
