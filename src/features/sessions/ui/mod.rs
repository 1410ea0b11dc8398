//! Pages of sessions.

mod completing;
mod composer;
mod entry;
mod list;
mod menu;
mod new;
mod pane;
mod pointers;
mod rail;
mod rows;
mod session;
mod summaries;
mod timeline;

pub use completing::{Completing, Completions};
pub use list::SessionsPage;
pub use rail::RailSessions;
pub use session::SessionPage;
pub use summaries::SessionRows;
