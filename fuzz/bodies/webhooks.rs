//! Deliveries as the internet sends them; the signature is looked at before, but a repository's secret is not only GitHub's.

use llmos_lite::features::webhooks::model::{read_event, read_heading};

pub fn run(bytes: &[u8]) {
    for event in ["ping", "push", "pull_request", "pull_request_review", "issues", "release", "other"] {
        let _ = read_event(event, bytes);
        let _ = read_heading(event, bytes);
    }
}
