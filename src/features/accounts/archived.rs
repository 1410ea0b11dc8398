//! What of `teams` and `memberships` is in a team's archive. Invitations, keys, tokens and the audit log stay where they are.

use crate::server::archive::{Is, Table};

pub const ARCHIVED: &[Table] = &[
    Table {
        name: "teams",
        of_team: "t.id = $1",
        order: &["id"],
        columns: &[
            ("id", Is::Id),
            ("name", Is::Plain),
            ("created_by", Is::Person),
            ("created_at", Is::Number),
            ("updated_at", Is::Number),
            ("deleted_at", Is::Hidden),
        ],
        left_out: &["demo", "requires_factor"],
    },
    Table {
        name: "memberships",
        of_team: "t.team_id = $1",
        order: &["team_id", "user_id"],
        columns: &[
            ("team_id", Is::Team),
            ("user_id", Is::Person),
            ("role", Is::Word(&["owner", "maintainer", "member", "viewer"])),
            ("created_at", Is::Number),
            ("updated_at", Is::Number),
        ],
        left_out: &[],
    },
];
