//! Brings the steps of several runs under one another.
//!
//! Progressive alignment as for biological sequences (Feng and Doolittle, 1987): runs are aligned one after another, by Needleman and Wunsch's dynamic
//! programming (1970), to the columns of those before. A column remembers the names and the words of inputs that it has seen, so that two
//! tools that do the same come together.

use std::collections::{BTreeMap, BTreeSet};

use crate::trace::{Outcome, StepKind, Trace};

/// Steps of a run that are aligned.
const MOST_ALIGNED: usize = 64;
/// What leaving a step or a column without its like costs.
const GAP: f32 = -0.1;
/// Less than this in common is no match.
const LEAST_MATCH: f32 = 0.25;
const NO_MATCH: f32 = -1.0;

/// A step, repeats of it included.
pub(crate) struct Item {
    pub name: String,
    pub kind: StepKind,
    pub words: BTreeSet<String>,
    pub is_error: bool,
}

/// What several runs do at one place.
#[derive(Default)]
pub(crate) struct Column {
    pub names: BTreeMap<(String, StepKind), u32>,
    pub words: BTreeMap<String, u32>,
    /// The runs, by their number.
    pub runs: BTreeSet<usize>,
}

/// The steps of a run that were not skipped; the same step several times in a row is one.
pub(crate) fn items(trace: &Trace) -> Vec<Item> {
    let goal: BTreeSet<String> = crate::text::stems(&trace.goal).collect();
    let mut items: Vec<Item> = Vec::new();
    for step in trace.counted_steps().filter(|step| step.outcome != Outcome::Skipped && !step.name.trim().is_empty()) {
        let name = step.name.trim().to_lowercase();
        let words: BTreeSet<String> = crate::features::own_words(&step.input, &goal).collect();
        let is_full = items.len() == MOST_ALIGNED;
        match items.last_mut() {
            Some(last) if last.name == name && (last.words == words || words.is_empty()) => last.is_error = step.outcome == Outcome::Error,
            _ if is_full => break,
            _ => items.push(Item { name, kind: step.kind, words, is_error: step.outcome == Outcome::Error }),
        }
    }
    items
}

/// The columns of all runs, in order.
pub(crate) fn align(runs: &[Vec<Item>]) -> Vec<Column> {
    // The longest run first: the others find their steps in it.
    let mut order: Vec<usize> = (0..runs.len()).collect();
    order.sort_by_key(|run| std::cmp::Reverse(runs[*run].len()));
    let mut columns: Vec<Column> = Vec::new();
    for run in order {
        let pairs = pairs(&runs[run], &columns);
        let mut merged = Vec::with_capacity(columns.len() + runs[run].len());
        let mut old = columns.into_iter();
        for (item, column) in pairs {
            let mut column = if column { old.next().unwrap_or_default() } else { Column::default() };
            if let Some(item) = item.map(|item| &runs[run][item]) {
                *column.names.entry((item.name.clone(), item.kind)).or_default() += 1;
                item.words.iter().for_each(|word| *column.words.entry(word.clone()).or_default() += 1);
                column.runs.insert(run);
            }
            merged.push(column);
        }
        columns = merged;
    }
    columns
}

/// The places of the alignment in order: the item there, if any, and whether there is a column already.
fn pairs(items: &[Item], columns: &[Column]) -> Vec<(Option<usize>, bool)> {
    let (rows, width) = (items.len() + 1, columns.len() + 1);
    let mut best = vec![0.0f32; rows * width];
    for i in 0..rows {
        for j in 0..width {
            let at = i * width + j;
            best[at] = match (i, j) {
                (0, _) => GAP * j as f32,
                (_, 0) => GAP * i as f32,
                _ => {
                    let matched = best[at - width - 1] + alike(&items[i - 1], &columns[j - 1]);
                    matched.max(best[at - width] + GAP).max(best[at - 1] + GAP)
                }
            };
        }
    }
    let (mut i, mut j) = (items.len(), columns.len());
    let mut pairs = Vec::with_capacity(rows + width);
    while i > 0 || j > 0 {
        let at = i * width + j;
        if i > 0 && j > 0 && best[at] == best[at - width - 1] + alike(&items[i - 1], &columns[j - 1]) {
            pairs.push((Some(i - 1), true));
            (i, j) = (i - 1, j - 1);
        } else if j > 0 && (i == 0 || best[at] == best[at - 1] + GAP) {
            pairs.push((None, true));
            j -= 1;
        } else {
            pairs.push((Some(i - 1), false));
            i -= 1;
        }
    }
    pairs.reverse();
    pairs
}

/// How much a step has in common with a column, up to 1.
fn alike(item: &Item, column: &Column) -> f32 {
    let runs = column.runs.len().max(1) as f32;
    let named = column.names.get(&(item.name.clone(), item.kind)).map_or(0.0, |count| (*count as f32 / runs).max(0.5));
    let shared: u32 = item.words.iter().filter_map(|word| column.words.get(word)).sum();
    let worded = (shared as f32 / (runs * item.words.len().max(1) as f32)).min(1.0);
    let score = if item.words.is_empty() { named * 0.6 } else { 0.4 * named + 0.6 * worded };
    if score >= LEAST_MATCH { score } else { NO_MATCH }
}
