//! Use cases of artifacts.

mod access;
mod bulk;
mod commits;
mod create;
mod detail;
mod drafts;
mod facts;
mod files;
mod history;
mod home;
mod importing;
mod index;
mod library;
mod merging;
mod publishing;
mod shelf;
mod transfer;
mod trash;
mod tree;

pub use bulk::bulk;
pub use commits::commit;
pub use create::create_artifact;
pub use detail::{Download, Visits, download, get_artifact, get_text, preview};
pub use drafts::{discard_draft, save_draft, set_frontmatter};
pub use facts::Facts;
pub use files::{FileAnswer, delete_file, each_blob, get_file, list_files, put_file};
pub use history::{changes_of_commit, diff_revisions, list_history, restore_revision};
pub use home::{home, set_favourite};
pub use importing::{Known, Staged, Staging, stage_import, volume_places};
pub use index::{Counts, LibraryIndex, counts};
pub use library::{facets, list_library};
pub use merging::{get_merge, save_merge};
pub use publishing::{Publication, publish_import, settle_all, unstage_import};
pub use transfer::{fork_artifact, move_artifact};
pub use trash::{delete_artifact, delete_forever, empty_old_trash, erase_volume, undelete_artifact};
pub use tree::{clean_path, content_of_revision, contents_of, export_slice, read_export_file, tree_sha};
