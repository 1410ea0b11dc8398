//! The page of evolution: patterns, the evidence of one, and what is proposed because of it.

mod evidence;
mod list;
mod proposal;

pub use list::EvolutionPage;

use std::collections::HashMap;

use leptos::prelude::RwSignal;

use crate::ids::ProposalId;

/// What somebody typed into the text of a proposal and did not save.
#[derive(Clone)]
struct Typed {
    text: String,
    /// The text that it began with, and its count of edits.
    base: String,
    saves: i64,
}

/// What is typed, of the whole page: whatever of the page is read and drawn anew, it stays.
type Typing = RwSignal<HashMap<ProposalId, Typed>>;

/// `0.88`.
fn sure(confidence: f64) -> String {
    format!("{confidence:.2}")
}

/// `91 %`, of nothing `0 %`.
fn percent(part: i64, whole: i64) -> String {
    let share = if whole > 0 { part as f64 * 100.0 / whole as f64 } else { 0.0 };
    format!("{share:.0} %")
}
