//! What is asked of search and what it answers, beside what the engine's crate has for the browser's worker too.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use llmos_search::wire::*;

/// How search stands, for operators.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SearchStatus {
    /// In the index of this node.
    pub documents: usize,
    /// Of them, those whose vectors are still to be made.
    pub waiting: usize,
    /// `ready`, `loading`, `missing`, or `away` while a service does not answer: then search goes by words alone, and the log says why.
    pub meaning: String,
}

/// How a device stands that keeps what its person may read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Standing {
    pub documents: i64,
    /// Older ones that are not kept.
    pub left_out: i64,
    /// Of all that is kept.
    pub bytes: i64,
    /// Whether meaning has a part in answers.
    pub meaning: bool,
    /// UTC milliseconds of the last comparison with the server.
    pub at: i64,
}

/// Which documents a device asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct OfflineDocuments {
    /// Ids, separated by commas: 100 at most.
    pub ids: String,
}

/// A hit that somebody opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Opened {
    /// The `query` of the answer that it was in; none while somebody typed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<Uuid>,
    /// The team that was searched, as in the question; none where it was everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<Uuid>,
    /// Its place among all that was found, from 1.
    pub position: u32,
    /// What was opened.
    pub id: Uuid,
}
