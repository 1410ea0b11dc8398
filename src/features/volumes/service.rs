//! Use cases of volumes: who may use them, the tree, and their line of commits.

mod access;
mod demo;
mod export;
mod history;
mod imports;
mod publishing;
mod system;
mod tree;

pub use access::{VolumeAccess, authorise, unattended, visible, who_may};
pub use demo::{add_demo, add_demo_if_wanted, remove_demo};
pub use export::{Export, export_artifact, export_volume};
pub use history::{
    Appended, append_commit, append_hashed, author_time_and_source, departures_since, get_commit, hash_ahead, leave, line_since,
    list_commits, lock, newest_commits, remove_old_departures, workspace_of,
};
pub use imports::{Staging, bring_upload, forget_upload, stage, start_import_of_archive, start_import_of_parts};
pub use publishing::{advance_held, all_numbers, claim, claimed, finish, hold, ids_of_owner, ids_of_team, number_of, release};
pub use system::{SYSTEM_USER, add_to_system, install_system_volume, system_volume};
pub use tree::{
    artifacts_by_team, create_personal_volume, create_team_volume, create_volume, delete_personal_volume, delete_team_volumes,
    delete_volume, get_volume, is_publishing, list_volumes, personal_volume, rename_volume, reveal_team_volumes,
};
