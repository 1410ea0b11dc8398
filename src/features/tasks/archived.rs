//! What of tasks is in a team's archive.

use crate::server::archive::{Is, Table};

pub const ARCHIVED: &[Table] = &[
    Table {
        name: "tasks",
        of_team: "t.team_id = $1",
        order: &["id"],
        columns: &[
            ("id", Is::Id),
            ("team_id", Is::Team),
            ("title", Is::Text),
            ("search", Is::Text),
            ("state", Is::Word(&["open", "closed"])),
            ("assignee_id", Is::MayPerson),
            ("assignee_login", Is::MayPlain),
            ("assignee_github", Is::MayPlain),
            ("labels", Is::Json),
            ("repository", Is::MayPlain),
            ("number", Is::MayNumber),
            ("url", Is::MayAddress),
            ("issue_at", Is::MayNumber),
            ("delivery", Is::MayPlain),
            ("gone_at", Is::MayNumber),
            ("created_by", Is::Person),
            ("closed_at", Is::MayNumber),
            ("created_at", Is::Number),
            ("updated_at", Is::Number),
        ],
        left_out: &[],
    },
    Table {
        name: "task_artifacts",
        of_team: "t.task_id IN (SELECT k.id FROM tasks k WHERE k.team_id = $1) AND t.artifact_id IN {artifacts}",
        order: &["task_id", "artifact_id"],
        columns: &[("task_id", Is::Part), ("artifact_id", Is::Part)],
        left_out: &[],
    },
];
