//! Pages of sessions.

mod completing;
mod composer;
mod entry;
mod list;
mod menu;
mod new;
mod pane;
mod session;
mod timeline;

pub use completing::{Completing, Completions};
pub use list::{SessionRows, SessionsPage};
pub use session::SessionPage;
