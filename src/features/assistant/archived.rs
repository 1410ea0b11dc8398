//! What of the assistant is in a team's archive: questions that ended, and what a session said about skills. What people let it run is theirs.

use crate::server::archive::{Is, Table};

pub const ARCHIVED: &[Table] = &[
    Table {
        name: "assistant_runs",
        of_team: "t.session_id IN {sessions} AND t.state IN ('answered', 'stopped', 'failed')",
        order: &["id"],
        columns: &[
            ("id", Is::Id),
            ("session_id", Is::Part),
            ("question_id", Is::Part),
            ("answer_id", Is::Loose),
            ("asked_by", Is::Person),
            ("state", Is::Word(&["answered", "stopped", "failed"])),
            ("stop", Is::Flag),
            ("problem", Is::MayPlain),
            ("skills", Is::Json),
            ("rounds", Is::Json),
            ("model", Is::MayPlain),
            ("tokens_in", Is::Number),
            ("tokens_out", Is::Number),
            ("created_at", Is::Number),
            ("started_at", Is::MayNumber),
            ("ended_at", Is::MayNumber),
        ],
        left_out: &[],
    },
    Table {
        name: "assistant_choices",
        of_team: "t.session_id IN {sessions}",
        order: &["session_id", "artifact_id"],
        columns: &[
            ("session_id", Is::Part),
            ("artifact_id", Is::Loose),
            ("choice", Is::Word(&["pinned", "left_out"])),
            ("created_at", Is::Number),
        ],
        left_out: &[],
    },
];
