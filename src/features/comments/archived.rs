//! What of comments is in a team's archive: those about its artifacts and its sessions.

use crate::server::archive::{Is, Table};

pub const ARCHIVED: &[Table] = &[
    Table {
        name: "comment_threads",
        of_team: "t.artifact_id IN {artifacts} OR t.session_id IN {sessions}",
        order: &["id"],
        columns: &[
            ("id", Is::Id),
            ("artifact_id", Is::MayPart),
            ("session_id", Is::MayPart),
            ("entry_id", Is::MayPart),
            ("anchor", Is::MayJson),
            ("author_id", Is::Person),
            ("comments", Is::Number),
            ("resolved_at", Is::MayNumber),
            ("resolved_by", Is::MayPerson),
            ("created_at", Is::Number),
            ("updated_at", Is::Number),
        ],
        left_out: &[],
    },
    Table {
        name: "comments",
        of_team: "t.thread_id IN (SELECT h.id FROM comment_threads h WHERE h.artifact_id IN {artifacts} OR h.session_id IN {sessions})",
        order: &["thread_id", "number"],
        columns: &[
            ("id", Is::Id),
            ("thread_id", Is::Part),
            ("number", Is::Number),
            ("author_id", Is::Person),
            ("text", Is::Text),
            ("html", Is::GetsNothing),
            ("rendering", Is::Gets(0)),
            ("edited_at", Is::MayNumber),
            ("deleted_at", Is::MayNumber),
            ("created_at", Is::Number),
        ],
        left_out: &[],
    },
];
