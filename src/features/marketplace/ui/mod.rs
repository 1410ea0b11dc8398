//! Pages of the marketplace.

mod browse;
mod item;
mod lock;
mod manage;
mod moderation;
mod parts;
mod publish;

pub use browse::CataloguePage;
pub use item::ItemPage;
pub use lock::InstalledPage;
pub use manage::{ManagePage, NamesPage};
pub use moderation::{ModerationPage, RecordPage};
pub use parts::{CapabilityList, FileDiffs, FindingList};
pub use publish::{PublishPage, PublisherKeys, SubmissionPage, SubmissionsPage};
