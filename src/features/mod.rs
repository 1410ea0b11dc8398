//! One folder for each feature; inside, the layers have fixed file names (ARCHITECTURE.md).

pub mod accounts;
pub mod analytics;
pub mod archives;
pub mod artifacts;
pub mod assistant;
pub mod collaboration;
pub mod comments;
pub mod evolution;
pub mod git;
pub mod jobs;
pub mod marketplace;
pub mod notifications;
pub mod operations;
pub mod outbox;
pub mod pwa;
pub mod search;
pub mod sessions;
pub mod tasks;
pub mod traces;
pub mod volumes;
pub mod webhooks;
