//! Pages of artifacts.

mod artifact;
mod beside;
mod changes;
mod comments;
mod diff;
mod edit;
mod editing;
mod files;
mod frontmatter;
mod history;
mod home;
mod library;
mod library_bulk;
mod library_nav;
mod library_news;
mod library_rows;
mod merge;
mod new;
mod parts;
mod read;
mod try_tool;

pub use artifact::ArtifactPane;
pub use beside::ArtifactBeside;
pub use changes::ChangesPage;
pub use diff::{split_table, unified_table};
pub use home::HomePage;
pub use library::LibraryPage;
pub use new::NewArtifactPage;
pub use parts::{VolumeDialog, artifact_address};
pub use read::copy_buttons;
