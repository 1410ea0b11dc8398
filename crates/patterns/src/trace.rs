//! The record of one run, as much of it as counts here.

pub use llmos_traces::{Outcome, StepKind};
use serde::{Deserialize, Serialize};

/// Of a longer goal only the first characters count: what is done is said at the beginning.
pub const GOAL_CHARACTERS: usize = 1_000;
/// Of a longer run the first and the last steps count, half of this number each.
pub const MOST_STEPS: usize = 200;

/// The record of one run. Nothing in it is trusted: goal and inputs are data of whoever ran it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// Unique; a second trace of the same id is not taken.
    pub id: String,
    /// Who ran it, for counting people.
    pub user: String,
    pub goal: String,
    /// In the order in which they began. Whatever else relates them (parents, clocks) plays no part, so it cannot be wrong.
    pub steps: Vec<Step>,
    pub success: bool,
    /// When it ended, UTC milliseconds.
    pub ended_at: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Of the tool, skill or call.
    pub name: String,
    pub kind: StepKind,
    /// A summary of what it was given.
    #[serde(default)]
    pub input: String,
    #[serde(default)]
    pub outcome: Outcome,
}

impl Trace {
    /// The steps that count: all of them, or the first and last of too many.
    pub(crate) fn counted_steps(&self) -> impl Iterator<Item = &Step> {
        let half = MOST_STEPS / 2;
        let (head, tail) =
            if self.steps.len() <= MOST_STEPS { (self.steps.len(), self.steps.len()) } else { (half, self.steps.len() - half) };
        self.steps[..head].iter().chain(&self.steps[tail..])
    }
}
