//! Pages of volumes.

mod commit;
mod import;
mod new_volume;
mod report;
mod status;
mod volume;

pub use commit::CommitPage;
pub use import::ImportPage;
pub use new_volume::{NEW_VOLUME, NewVolumeDialog};
pub use status::VolumesStatus;
pub use volume::VolumePage;
