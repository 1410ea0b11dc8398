//! Types and pure rules of artifacts, for both halves.

pub mod diff;
pub mod document;
pub mod frontmatter;
pub mod invisible;
mod kind;
mod library;
pub mod merge;
pub mod slug;
pub mod template;
pub mod tool;
mod types;
pub mod validate;

pub use kind::*;
pub use library::*;
pub use types::*;
