//! Publishing: the form, what one submitted, a submission with its review, and the keys that one signs with.

mod capabilities;
mod decide;
mod form;
mod how;
mod keys;
mod licence;
mod parts;
mod sign;
mod submission;
mod submissions;

pub use form::PublishPage;
pub use keys::PublisherKeys;
pub use parts::{Choice, Lines, Refused};
pub use submission::SubmissionPage;
pub use submissions::SubmissionsPage;
