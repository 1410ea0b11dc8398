//! Use cases of artifacts.

mod access;
mod bringing;
mod bulk;
mod commits;
mod create;
mod detail;
mod drafts;
mod facts;
mod files;
mod folders;
mod following;
mod heads;
mod history;
mod home;
mod importing;
mod index;
mod joining;
mod library;
mod live;
mod marks;
mod merging;
mod naming;
mod publishing;
mod shelf;
mod transfer;
mod trash;
mod tree;
mod usage;

pub use access::{Place, find_place, room_access};
pub use bringing::bring_text;
pub use bulk::bulk;
pub use commits::{Beside, begin_commit, commit, create_commit};
pub use create::{create_artifact, create_artifact_as};
pub use detail::{Download, Visits, download, get_artifact, get_artifacts, get_text, preview};
pub use drafts::{discard_draft, save_draft, set_frontmatter};
pub use facts::Facts;
pub use files::{FileAnswer, delete_file, each_blob, file_answer, get_file, list_files, put_file};
pub use folders::{
    Folder, Placed, committed_folder, committed_folders, folders_placed, keep_contents, place_folders, set_disabled, slugs_taken, text_of,
    with_text,
};
pub use following::{follow_with_drafts, keep_for_merge, revision_of_tree, waiting_for_merge};
pub use heads::{ChangedHead, Head, bodies, bodies_of, heads_of, heads_since, texts_of};
pub use history::{changes_of_commit, diff_revisions, list_history, restore_revision};
pub use home::{home, own_favourites, set_favourite};
pub use importing::{Known, Staged, Staging, made_by_others, named_or_at, stage_import, volume_places};
pub use index::{Counts, LibraryIndex, counts};
pub use joining::{join_files, join_texts};
pub use library::{facets, in_order, list_library};
pub use live::{LiveText, announce_live_draft, follow_volume, live_event, live_text, prepare_live_draft, save_live_draft};
pub use marks::Marks;
pub use merging::{get_merge, save_merge};
pub use naming::{Named, UsedSkill, complete, find_by_slug, named, skills_of};
pub use publishing::{Alongside, publish_import, settle_all, unstage_all, unstage_import, unstage_old};
pub use transfer::{fork_artifact, move_artifact};
pub use trash::{delete_artifact, delete_forever, empty_old_trash, erase_volume, forget_contents, undelete_artifact};
pub use tree::{State, TreeChange, clean_path, content_of_revision, contents_of, export_slice, read_export_file, tree_changes, tree_sha};
pub use usage::record_volume;
