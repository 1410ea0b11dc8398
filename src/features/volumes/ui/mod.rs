//! Pages of volumes.

mod commit;
mod import;
mod report;
mod status;
mod volume;

pub use commit::CommitPage;
pub use import::ImportPage;
pub use status::VolumesStatus;
pub use volume::VolumePage;
