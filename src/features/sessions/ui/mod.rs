//! Pages of sessions.

mod composer;
mod entry;
mod list;
mod menu;
mod new;
mod pane;
mod session;
mod timeline;

pub use list::{SessionRows, SessionsPage};
pub use session::SessionPage;
