//! Use cases of sessions: who may see and write them, their lists, their timelines.

mod access;
mod artifacts;
mod attachments;
mod commits;
mod detail;
mod entries;
mod export;
mod importing;
mod lifecycle;
mod list;
mod live;
mod messages;
mod naming;
mod texts;

pub use access::{SessionAccess, archived, find as find_session, room_access};
pub use artifacts::{add_artifact, complete, completions, remove_artifact};
pub use attachments::{AttachmentAnswer, attach, each_blob, get_attachment, save_as_artifact, too_large};
pub use commits::{commit_session, record_slice, records_of_commit};
pub use detail::get_session;
pub use entries::{Place, RENDERING, list_entries, place_of, rendered};
pub use export::{SessionExport, export_session, own_sessions};
pub use importing::{ImportedFile, import_session};
pub use lifecycle::{
    archive_session, create_session, delete_private_sessions, delete_session, empty_old_trash, erase_sessions_of_team, forget_volume,
    join_session, keep_open, mark_read, rename_session, unarchive_session, undelete_session,
};
pub use list::{list_sessions, titles};
pub use live::{announce, announce_entry, announce_update, artifacts_changed, here};
pub use messages::{clean_text, delete_message, edit_message, send_message, write_answer};
pub use naming::{Resolved, assistant_id, plain, resolve, scope, session_artifacts as artifacts_of};
pub use texts::{SessionScope, SessionText, all_scopes, changed_since, readable_scopes, reveal_team_sessions, texts_of};
