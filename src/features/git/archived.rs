//! What of links to repositories is in a team's archive: where they lead, without the token, and not pushing, as two servers would push against each other.
//! Pull requests come again with the next delivery.

use crate::server::archive::{Is, Table};

pub const ARCHIVED: &[Table] = &[Table {
    name: "git_links",
    of_team: "t.volume_id IN {volumes}",
    order: &["volume_id"],
    columns: &[
        ("volume_id", Is::Part),
        ("url", Is::Address),
        ("branch", Is::Plain),
        ("folder", Is::Plain),
        ("push", Is::Gets(0)),
        ("last_sha", Is::MayPlain),
        ("last_commit", Is::MayPart),
        ("behind", Is::Number),
        ("notice", Is::MayPlain),
        ("last_error", Is::MayPlain),
        ("conflicts", Is::Json),
        ("report", Is::MayJson),
        ("linked_by", Is::Person),
        ("last_sync_at", Is::MayNumber),
        ("created_at", Is::Number),
        ("updated_at", Is::Number),
        ("host_key", Is::MayPlain),
        ("history_at", Is::MayNumber),
    ],
    left_out: &["token", "app", "failures", "failed_since", "look_at"],
}];
