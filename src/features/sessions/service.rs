//! Use cases of sessions: who may see and write them, their lists, their timelines.

mod access;
mod artifacts;
mod detail;
mod entries;
mod lifecycle;
mod list;
mod live;
mod messages;
mod naming;

pub use access::room_access;
pub use artifacts::{add_artifact, completions, remove_artifact};
pub use detail::get_session;
pub use entries::list_entries;
pub use lifecycle::{
    archive_session, create_session, delete_session, empty_old_trash, join_session, mark_read, rename_session, unarchive_session,
    undelete_session,
};
pub use list::list_sessions;
pub use live::here;
pub use messages::{delete_message, edit_message, send_message};
