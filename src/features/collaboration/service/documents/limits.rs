//! What a live document may take, and why.

use std::time::Duration;

use crate::features::volumes::model::limits::MAIN_FILE_BYTES;

/// Bytes of the text: what a main file may have.
pub const TEXT_BYTES: usize = MAIN_FILE_BYTES as usize;
/// Bytes of everything that a document remembers, deleted text and all.
pub const STATE_BYTES: usize = 16 * 1024 * 1024;
/// Bytes of one message: a whole text written offline, twice over.
pub const MESSAGE_BYTES: usize = 4 * 1024 * 1024;
/// Messages of one connection, at once and each second over time. Beyond, its next ones are read later.
pub const MESSAGE_BURST: f64 = 400.0;
pub const MESSAGES_PER_SECOND: f64 = 100.0;
/// Bytes of what one editor says of itself: name, colour, selection.
pub const PRESENCE_BYTES: usize = 4 * 1024;
/// Editors that one connection may speak for; Yjs has one for each document that is open in a page.
pub const PRESENCES: usize = 4;
/// The draft follows the document at most this often while it is written.
pub const SETTLE_EVERY: Duration = Duration::from_millis(1_500);
/// After a failure, such as an artifact in the trash.
pub const SETTLE_AGAIN: Duration = Duration::from_secs(10);
/// Stored updates beyond this many are taken into the state.
pub const ROWS: usize = 400;
/// And as soon as they are this many bytes more than the state itself: what was written and taken out again is forgotten with that.
pub const LOOSE_BYTES: usize = 1024 * 1024;
/// And when nobody edits it any more, if there are more than this.
pub const FEW_ROWS: usize = 8;
/// Whoever changes a draft waits no longer than this for another who does.
pub const HELD_FOR: Duration = Duration::from_secs(10);
/// What waits to be stored, for all documents. A database that is away for longer than this takes stops reading from editors.
pub const PENDING_BYTES: usize = 64 * 1024 * 1024;
