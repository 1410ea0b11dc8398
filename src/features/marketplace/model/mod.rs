//! Types and pure rules of the marketplace, for both halves.

mod browse;
mod item;
mod lock;
mod moderation;
mod owners;
mod publish;
pub mod rating;
mod reviews;
pub mod version;

pub use browse::*;
pub use item::*;
pub use lock::*;
pub use moderation::*;
pub use owners::*;
pub use publish::*;
pub use reviews::*;
