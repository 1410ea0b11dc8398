//! The bell, and the page behind it.

mod bell;
mod page;

pub use bell::{Bell, BellTab};
pub use page::NotificationsPage;
