//! What of `volumes` and `commits` is in a team's archive.

use crate::server::archive::{Is, Table};

pub const ARCHIVED: &[Table] = &[
    Table {
        name: "volumes",
        of_team: "t.id IN {volumes}",
        order: &["id"],
        columns: &[
            ("id", Is::Id),
            ("kind", Is::Word(&["team"])),
            ("owner_id", Is::Team),
            ("name", Is::Plain),
            ("head_commit_id", Is::MayPart),
            ("seq", Is::Number),
            ("created_at", Is::Number),
            ("updated_at", Is::Number),
            ("deleted_at", Is::Hidden),
        ],
        left_out: &["demo", "publishing"],
    },
    // A commit keeps the hash that it was made with: it is over its author's id there.
    Table {
        name: "commits",
        of_team: "t.volume_id IN {volumes}",
        order: &["id"],
        columns: &[
            ("id", Is::Id),
            ("sha", Is::Plain),
            ("volume_id", Is::Part),
            ("parent_id", Is::MayPart),
            ("author_id", Is::Person),
            ("message", Is::Text),
            ("source", Is::Plain),
            ("changes", Is::Number),
            ("created_at", Is::Number),
        ],
        left_out: &[],
    },
];
