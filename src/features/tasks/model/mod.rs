//! Tasks as pages and programs see them.

mod mentions;
mod task;

pub use mentions::*;
pub use task::*;
