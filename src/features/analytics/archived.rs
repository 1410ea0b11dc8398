//! What of figures is in a team's archive: the views that it keeps. What was counted is of the server that counted it; its totals travel as a reference.

use crate::server::archive::{Is, Table};

pub const ARCHIVED: &[Table] = &[Table {
    name: "analytics_views",
    of_team: "t.team_id = $1",
    order: &["id"],
    columns: &[
        ("id", Is::Id),
        ("owner_id", Is::Person),
        ("team_id", Is::Team),
        ("name", Is::Plain),
        ("query", Is::Json),
        ("created_at", Is::Number),
        ("updated_at", Is::Number),
    ],
    left_out: &[],
}];
