//! The bell, the page behind it, and how one is told besides.

mod bell;
mod devices;
mod page;
mod settings;

pub use bell::{Bell, BellTab};
pub use page::NotificationsPage;
pub use settings::NotificationSettings;
