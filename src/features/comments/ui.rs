//! Comments beside what they are about.

mod pane;
mod thread;
mod write;

pub use pane::CommentsPane;
