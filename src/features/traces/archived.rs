//! What of traces is in a team's archive. By what they are found is made anew; spans of runs that are not whole yet stay.

use crate::server::archive::{Is, Table};

pub const ARCHIVED: &[Table] = &[
    Table {
        name: "traces",
        of_team: "t.team_id = $1",
        order: &["id"],
        columns: &[
            ("id", Is::Id),
            ("place_id", Is::Team),
            ("team_id", Is::Team),
            ("user_id", Is::Person),
            ("source", Is::Plain),
            ("source_id", Is::Plain),
            ("person", Is::MayPlain),
            ("session_id", Is::MayPart),
            ("conversation", Is::MayPlain),
            ("commit_id", Is::MayPart),
            ("model", Is::MayPlain),
            ("goal", Is::Text),
            ("outcome", Is::Word(&["succeeded", "failed", "unknown"])),
            ("rating", Is::MayNumber),
            ("rated_by", Is::MayPerson),
            ("tokens_in", Is::Number),
            ("tokens_out", Is::Number),
            ("cost", Is::Real),
            ("steps", Is::Number),
            ("failed_steps", Is::Number),
            ("skills", Is::Json),
            ("notices", Is::Json),
            ("started_at", Is::Number),
            ("ended_at", Is::Number),
            ("created_at", Is::Number),
            ("updated_at", Is::Number),
        ],
        left_out: &[],
    },
    Table {
        name: "trace_steps",
        of_team: "t.trace_id IN (SELECT x.id FROM traces x WHERE x.team_id = $1)",
        order: &["trace_id"],
        columns: &[("trace_id", Is::Part), ("steps", Is::Packed)],
        left_out: &[],
    },
];
