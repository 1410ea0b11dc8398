//! Joining two edits of the same text, line by line, as `git merge-file --diff3` does.

use serde::{Deserialize, Serialize};
use similar::DiffOp;

use super::diff::{line_ops, lines};

/// A stretch of a merged text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum MergePart {
    /// Unchanged, changed on one side only, or alike on both.
    Clean {
        /// The lines, with their ends.
        text: String,
    },
    /// Changed on both sides, differently. Changes which touch count as one, as in git.
    Conflict {
        /// What both began with.
        base: String,
        /// Our lines.
        ours: String,
        /// Their lines.
        theirs: String,
    },
}

/// How to settle a conflict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Choice {
    /// Our lines.
    Ours,
    /// Their lines.
    Theirs,
    /// Our lines, then theirs.
    Both,
}

/// A merged text in parts. Two clean parts never follow one another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Merge {
    /// The parts in order.
    pub parts: Vec<MergePart>,
}

/// Merges two edits of `base`. Takes any texts and never fails; every line of either side is in
/// the result or was removed by the other side.
pub fn merge(base: &str, ours: &str, theirs: &str) -> Merge {
    let (b, o, t) = (lines(base), lines(ours), lines(theirs));
    let ours = Side::new(&b, &o);
    let theirs = Side::new(&b, &t);
    let mut merge = Merge { parts: Vec::new() };
    // Next change of either side, and where in the base we are.
    let (mut i, mut j, mut at) = (0, 0, 0);
    loop {
        let next = [ours.changes.get(i), theirs.changes.get(j)];
        let Some(start) = next.iter().flatten().map(|c| c.base.0).min() else {
            break;
        };
        // All changes which overlap or touch are settled together.
        let mut end = start;
        let (from_i, from_j) = (i, j);
        loop {
            if let Some(c) = ours.changes.get(i).filter(|c| c.base.0 <= end) {
                end = end.max(c.base.1);
                i += 1;
            } else if let Some(c) = theirs.changes.get(j).filter(|c| c.base.0 <= end) {
                end = end.max(c.base.1);
                j += 1;
            } else {
                break;
            }
        }
        merge.clean(&b[at..start]);
        let mine = ours.text(from_i..i, start, end);
        let other = theirs.text(from_j..j, start, end);
        if from_j == j || mine == other {
            merge.clean(mine);
        } else if from_i == i {
            merge.clean(other);
        } else {
            merge.parts.push(MergePart::Conflict { base: b[start..end].concat(), ours: mine.concat(), theirs: other.concat() });
        }
        at = end;
    }
    merge.clean(&b[at..]);
    merge
}

impl Merge {
    /// Whether there is no conflict.
    pub fn is_clean(&self) -> bool {
        self.conflicts() == 0
    }

    /// How many conflicts there are, which is how many choices [`Merge::resolve`] takes.
    pub fn conflicts(&self) -> usize {
        self.parts.iter().filter(|p| matches!(p, MergePart::Conflict { .. })).count()
    }

    /// The merged text with the conflicts settled in order. Missing choices count as
    /// [`Choice::Ours`], superfluous ones are ignored.
    pub fn resolve(&self, choices: &[Choice]) -> String {
        let mut choices = choices.iter();
        let mut text = String::new();
        for part in &self.parts {
            match part {
                MergePart::Clean { text: clean } => push(&mut text, clean),
                MergePart::Conflict { ours, theirs, .. } => match choices.next().unwrap_or(&Choice::Ours) {
                    Choice::Ours => push(&mut text, ours),
                    Choice::Theirs => push(&mut text, theirs),
                    Choice::Both => {
                        push(&mut text, ours);
                        push(&mut text, theirs);
                    }
                },
            }
        }
        text
    }

    fn clean(&mut self, lines: &[&str]) {
        if lines.is_empty() {
            return;
        }
        match self.parts.last_mut() {
            Some(MergePart::Clean { text }) => text.push_str(&lines.concat()),
            _ => self.parts.push(MergePart::Clean { text: lines.concat() }),
        }
    }
}

/// Appends lines. A last line without line end must not run into the next one.
fn push(text: &mut String, more: &str) {
    if !text.is_empty() && !text.ends_with('\n') && !more.is_empty() {
        text.push('\n');
    }
    text.push_str(more);
}

/// A change of one side: lines of the base, and of the side, from and to.
struct Change {
    base: (usize, usize),
    side: (usize, usize),
}

struct Side<'a> {
    lines: &'a [&'a str],
    base: &'a [&'a str],
    changes: Vec<Change>,
}

impl<'a> Side<'a> {
    fn new(base: &'a [&'a str], lines: &'a [&'a str]) -> Side<'a> {
        let mut changes: Vec<Change> = Vec::new();
        for op in line_ops(base, lines).iter().filter(|op| !matches!(op, DiffOp::Equal { .. })) {
            let (b, s) = (op.old_range(), op.new_range());
            match changes.last_mut() {
                // A diff may report a deletion and an insertion at the same place.
                Some(last) if last.base.1 == b.start && last.side.1 == s.start => {
                    last.base.1 = b.end;
                    last.side.1 = s.end;
                }
                _ => changes.push(Change { base: (b.start, b.end), side: (s.start, s.end) }),
            }
        }
        Side { lines, base, changes }
    }

    /// This side's lines for those of the base from `start` to `end`, given its changes therein.
    fn text(&self, changes: std::ops::Range<usize>, start: usize, end: usize) -> &'a [&'a str] {
        match &self.changes[changes] {
            [] => &self.base[start..end],
            [first, .., last] => &self.lines[first.side.0 - (first.base.0 - start)..last.side.1 + (end - last.base.1)],
            [only] => &self.lines[only.side.0 - (only.base.0 - start)..only.side.1 + (end - only.base.1)],
        }
    }
}

#[cfg(test)]
mod tests;
