//! What of links to repositories is in a team's archive: where they lead, without the token, and not pushing, as two servers would push against each other.
//! Pull requests come again with the next delivery.

use crate::server::archive::{Is, Table};

/// The end of the year 9999, in UTC milliseconds.
const NEVER: i64 = 253_402_300_799_000;

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
        // Not by itself, until somebody has given it a token or had it pulled.
        ("look_at", Is::Gets(NEVER)),
    ],
    left_out: &["token", "app", "failures", "failed_since"],
}];
