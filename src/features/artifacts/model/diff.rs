//! What changed between two versions of a text: lines, and words within changed lines.
//!
//! Bounded without a clock (WASM has none): the line diff uses Myers with its heuristics, and
//! words are compared only where that is cheap and says something.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use similar::{Algorithm, DiffOp, capture_diff_slices};

/// Unchanged lines shown around a change.
const CONTEXT: usize = 3;
/// A replaced block of more bytes (old and new) gets no word diff.
const WORD_BLOCK: usize = 8 * 1024;
/// Bytes that all word diffs of one call may cost together.
const WORD_TOTAL: usize = 64 * 1024;
/// Lines of both texts which are compared in full; beyond, the middle counts as replaced.
const MAX_LINES: usize = 16_000;

/// What happened to a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = LineChange)]
pub enum Change {
    /// In both texts.
    Same,
    /// Only in the new text.
    Added,
    /// Only in the old text.
    Removed,
}

/// A piece of a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Span {
    /// Its text, without line end.
    pub text: String,
    /// Within a replaced line: this is what changed. Never set when the whole line did.
    pub changed: bool,
}

/// A line of a diff.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Row {
    /// What happened to it.
    pub change: Change,
    /// Its line in the old text, from 1.
    pub old: Option<usize>,
    /// Its line in the new text, from 1.
    pub new: Option<usize>,
    /// Its text, in pieces.
    pub spans: Vec<Span>,
    /// It is the last line and does not end with a line end.
    pub no_newline: bool,
}

impl Row {
    /// The text of the line, without line end.
    pub fn text(&self) -> String {
        self.spans.iter().map(|s| s.text.as_str()).collect()
    }
}

/// Consecutive rows which are shown or folded together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Block {
    /// A gap: unchanged rows further than three lines from any change, folded until asked for.
    pub collapsed: bool,
    /// Its rows, never empty.
    pub rows: Vec<Row>,
}

/// The difference between two texts. All rows together are both texts in full, so that a gap
/// opens without another request.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Diff {
    /// Changes with their surroundings, and gaps, in order.
    pub blocks: Vec<Block>,
    /// Lines added.
    pub added: usize,
    /// Lines removed.
    pub removed: usize,
}

impl Diff {
    /// Whether both texts are the same.
    pub fn is_empty(&self) -> bool {
        self.added == 0 && self.removed == 0
    }
}

/// Compares two texts. Takes any texts and never fails; time is bounded by their size.
pub fn diff(old: &str, new: &str) -> Diff {
    let (a, b) = (lines(old), lines(new));
    let mut budget = WORD_TOTAL;
    let mut rows = Vec::with_capacity(a.len().max(b.len()));
    let (mut added, mut removed) = (0, 0);
    for op in line_ops(&a, &b) {
        let (from, to) = (op.old_range(), op.new_range());
        if let DiffOp::Equal { .. } = op {
            for (i, j) in from.zip(to) {
                rows.push(row(Change::Same, Some(i), Some(j), whole(a[i]), a[i]));
            }
            continue;
        }
        removed += from.len();
        added += to.len();
        let (before, after) = words(&a[from.clone()], &b[to.clone()], &mut budget);
        for (i, spans) in from.zip(before) {
            rows.push(row(Change::Removed, Some(i), None, spans, a[i]));
        }
        for (j, spans) in to.zip(after) {
            rows.push(row(Change::Added, None, Some(j), spans, b[j]));
        }
    }
    Diff { blocks: fold(rows), added, removed }
}

/// Counts the lines which [`diff`] would show as added and removed, in that order.
pub fn stat(old: &str, new: &str) -> (usize, usize) {
    let changes = line_ops(&lines(old), &lines(new));
    let changes = changes.iter().filter(|op| !matches!(op, DiffOp::Equal { .. }));
    changes.fold((0, 0), |(a, r), op| (a + op.new_range().len(), r + op.old_range().len()))
}

/// Lines with their ends, so that texts which differ in the last one only do differ.
pub(super) fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

/// The line diff as consecutive operations over both texts. Shared with merging.
pub(super) fn line_ops(old: &[&str], new: &[&str]) -> Vec<DiffOp> {
    if old.len() + new.len() <= MAX_LINES {
        // Numbers compare faster than texts, which matters with thousands of lines.
        let mut numbers = HashMap::new();
        let mut number = |line| -> u32 {
            let next = numbers.len() as u32;
            *numbers.entry(line).or_insert(next)
        };
        let old: Vec<u32> = old.iter().map(&mut number).collect();
        let new: Vec<u32> = new.iter().map(&mut number).collect();
        return capture_diff_slices(Algorithm::Myers, &old, &new);
    }
    // Far beyond any honest file: only what both ends share is recognised.
    let head = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let (a, b) = (&old[head..], &new[head..]);
    let tail = a.iter().rev().zip(b.iter().rev());
    let tail = tail.take_while(|(a, b)| a == b).count();
    let (gone, come) = (a.len() - tail, b.len() - tail);
    let equal = |old_index, new_index, len| DiffOp::Equal { old_index, new_index, len };
    let middle = match (gone, come) {
        (0, _) => DiffOp::Insert { old_index: head, new_index: head, new_len: come },
        (_, 0) => DiffOp::Delete { old_index: head, old_len: gone, new_index: head },
        _ => DiffOp::Replace { old_index: head, old_len: gone, new_index: head, new_len: come },
    };
    let ops = [equal(0, 0, head), middle, equal(head + gone, head + come, tail)];
    ops.into_iter().filter(|op| !op.old_range().is_empty() || !op.new_range().is_empty()).collect()
}

fn row(change: Change, old: Option<usize>, new: Option<usize>, spans: Vec<Span>, line: &str) -> Row {
    Row { change, old: old.map(|i| i + 1), new: new.map(|i| i + 1), spans, no_newline: !line.ends_with('\n') }
}

fn whole(line: &str) -> Vec<Span> {
    let text = line.strip_suffix('\n').unwrap_or(line).to_owned();
    vec![Span { text, changed: false }]
}

/// The pieces of the lines of a replaced block, on both sides. Words are compared over the whole
/// block, so that re-wrapped text shows little change.
fn words(old: &[&str], new: &[&str], budget: &mut usize) -> (Vec<Vec<Span>>, Vec<Vec<Span>>) {
    let plain = || (old.iter().map(|l| whole(l)).collect(), new.iter().map(|l| whole(l)).collect());
    let size = old.iter().chain(new).map(|l| l.len()).sum::<usize>();
    if old.is_empty() || new.is_empty() || size > WORD_BLOCK || size > *budget {
        return plain();
    }
    *budget -= size;
    let (a, b) = (tokens(old), tokens(new));
    let ops = capture_diff_slices(Algorithm::Myers, &a, &b);
    let (mut before, mut after) = (vec![false; a.len()], vec![false; b.len()]);
    let mut shared = 0;
    for op in ops {
        if let DiffOp::Equal { .. } = op {
            // Spaces and punctuation in common do not make lines alike.
            let words = a[op.old_range()].iter().filter(|t| t.chars().any(char::is_alphanumeric));
            shared += words.map(|t| t.len()).sum::<usize>();
            continue;
        }
        before[op.old_range()].fill(true);
        after[op.new_range()].fill(true);
    }
    // With hardly a word in common, marking all the others only adds noise.
    if shared * 5 < size {
        return plain();
    }
    (pieces(&a, &before, old.len()), pieces(&b, &after, new.len()))
}

/// Words, runs of spaces, line ends and single other characters.
fn tokens<'a>(lines: &[&'a str]) -> Vec<&'a str> {
    let class = |c: char| match c {
        '\n' => 0,
        c if c.is_alphanumeric() || c == '_' => 1,
        c if c.is_whitespace() => 2,
        _ => 3,
    };
    let mut tokens = Vec::new();
    for line in lines {
        let mut start = 0;
        let mut last = None;
        for (i, c) in line.char_indices() {
            let class = class(c);
            if last.is_some_and(|l| l != class || class == 3) {
                tokens.push(&line[start..i]);
                start = i;
            }
            last = Some(class);
        }
        tokens.push(&line[start..]);
    }
    tokens
}

/// Puts tokens together to lines of pieces.
fn pieces(tokens: &[&str], changed: &[bool], lines: usize) -> Vec<Vec<Span>> {
    let mut rows: Vec<Vec<Span>> = Vec::with_capacity(lines);
    let mut row: Vec<Span> = Vec::new();
    for (token, changed) in tokens.iter().zip(changed) {
        if *token == "\n" {
            rows.push(std::mem::take(&mut row));
            continue;
        }
        match row.last_mut() {
            Some(span) if span.changed == *changed => span.text.push_str(token),
            _ => row.push(Span { text: (*token).to_owned(), changed: *changed }),
        }
    }
    if rows.len() < lines {
        rows.push(row);
    }
    for row in &mut rows {
        // A row that is one changed piece is changed as a whole; its colour says so already.
        if let [span] = &mut row[..] {
            span.changed = false;
        }
    }
    rows
}

/// Splits rows into changes with context, and gaps. A gap of one line is not worth folding.
fn fold(rows: Vec<Row>) -> Vec<Block> {
    let mut near = vec![false; rows.len()];
    for (i, _) in rows.iter().enumerate().filter(|(_, r)| r.change != Change::Same) {
        near[i.saturating_sub(CONTEXT)..(i + CONTEXT + 1).min(rows.len())].fill(true);
    }
    for i in 0..near.len() {
        let alone = !near[i] && (i == 0 || near[i - 1]) && near.get(i + 1).copied().unwrap_or(true);
        if alone && near.len() > 1 {
            near[i] = true;
        }
    }
    let mut blocks: Vec<Block> = Vec::new();
    for (row, near) in rows.into_iter().zip(near) {
        match blocks.last_mut() {
            Some(block) if block.collapsed != near => block.rows.push(row),
            _ => blocks.push(Block { collapsed: !near, rows: vec![row] }),
        }
    }
    blocks
}

#[cfg(test)]
mod tests;
