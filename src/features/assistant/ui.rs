//! The assistant in a session's page: what it says while it says it, what it asks for, and what an answer was made with.

mod answering;
mod uses;
mod watch;

pub use answering::{Answering, Choices};
pub use uses::Uses;
pub use watch::Watch;
