//! What two traces are compared by: the meaning of the goal, and which steps there were.
//!
//! Their similarity is the logit of the probability that both are of one task: a sum of weighted cosines (goal vectors; words of step inputs;
//! names of tools; skills), by logistic regression on the pairs of the development set. A sum of cosines is one dot product of longer vectors, so the mean
//! similarity of two groups is the dot product of their sums: average linkage without a matrix.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::text::{content_words, stems};
use crate::trace::{StepKind, Trace};

/// What makes two traces alike; the defaults were learnt on `eval/`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Weights {
    /// Of the goals' cosine.
    pub goal: f32,
    /// Of the words of step inputs that the goal does not have.
    pub inputs: f32,
    /// Of the names of tools and calls.
    pub names: f32,
    /// Of the skills used.
    pub skills: f32,
    /// Added to every pair.
    pub intercept: f32,
    /// Added where only one of the two has steps, and where none has: what steps would have told on average.
    pub one_without_steps: f32,
    pub both_without_steps: f32,
    /// Least mean similarity (a logit) of two groups that are one.
    pub cut: f32,
}

impl Weights {
    /// Learnt on the vectors of the plain encoder: for those of any encoder but the one with [`crate::GOAL_ADAPTER`].
    #[must_use]
    pub fn without_adapter() -> Self {
        Self {
            goal: 13.1,
            inputs: 8.8,
            names: 5.1,
            skills: 3.4,
            intercept: -6.7,
            one_without_steps: 0.4,
            both_without_steps: 0.8,
            cut: -2.75,
        }
    }
}

/// Learnt on vectors with [`crate::GOAL_ADAPTER`].
impl Default for Weights {
    fn default() -> Self {
        Self {
            goal: 15.7,
            inputs: 8.3,
            names: 4.8,
            skills: 3.0,
            intercept: -9.9,
            one_without_steps: 0.5,
            both_without_steps: 1.0,
            cut: -2.35,
        }
    }
}

/// One of the three kinds of words that steps have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Space {
    Input,
    Name,
    Skill,
}

/// How often a trace has which words of its steps, before they are weighted; numbers are of the [`Vocabulary`].
pub(crate) type Counts = Vec<(u32, u16)>;

/// The weighted words of a trace, or the sum of several, by number.
pub(crate) type Terms = Vec<(u32, f32)>;

/// Numbers the words of steps and counts in how many traces each is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Vocabulary {
    numbers: BTreeMap<String, u32>,
    spaces: Vec<Space>,
    /// In how many traces.
    frequencies: Vec<u32>,
    traces: u32,
}

impl Vocabulary {
    pub fn len(&self) -> usize {
        self.spaces.len()
    }

    /// Counts a trace in.
    pub fn add(&mut self, trace: &Trace) -> Counts {
        let mut counts: BTreeMap<u32, u16> = BTreeMap::new();
        for (space, word) in words(trace) {
            let number = self.number(space, word);
            let count = counts.entry(number).or_default();
            *count = count.saturating_add(1);
        }
        self.traces += 1;
        counts.keys().for_each(|number| self.frequencies[*number as usize] += 1);
        counts.into_iter().collect()
    }

    pub fn remove(&mut self, counts: &Counts) {
        self.traces = self.traces.saturating_sub(1);
        for (number, _) in counts {
            let frequency = &mut self.frequencies[*number as usize];
            *frequency = frequency.saturating_sub(1);
        }
    }

    fn number(&mut self, space: Space, word: String) -> u32 {
        let key = format!("{}{word}", ["i", "n", "s"][space as usize]);
        let next = self.spaces.len() as u32;
        let number = *self.numbers.entry(key).or_insert(next);
        if number == next {
            self.spaces.push(space);
            self.frequencies.push(0);
        }
        number
    }

    /// The words of a trace by tf-idf (`(1 + ln tf) · ln((N + 1) / (df + ½))`), each space brought to the length that its weight says.
    pub fn weigh(&self, counts: &Counts, weights: &Weights) -> Terms {
        let mut terms = Vec::with_capacity(counts.len());
        let mut squares = [0.0f32; 3];
        for &(number, count) in counts {
            let (frequency, space) = (self.frequencies[number as usize], self.spaces[number as usize]);
            // An input's word that no other run has says nothing, and it would make the others count less.
            if space == Space::Input && frequency < 2 {
                continue;
            }
            let idf = ((self.traces as f32 + 1.0) / (frequency as f32 + 0.5)).ln().max(0.01);
            let value = (1.0 + f32::from(count).ln()) * idf;
            squares[space as usize] += value * value;
            terms.push((number, value));
        }
        let scales = [weights.inputs, weights.names, weights.skills];
        for (number, value) in &mut terms {
            let space = self.spaces[*number as usize] as usize;
            *value *= (scales[space].max(0.0) / squares[space]).sqrt();
        }
        terms
    }
}

/// The words of a trace's steps. A word of an input that the goal has too is what this run was about, not what is done in it.
fn words(trace: &Trace) -> Vec<(Space, String)> {
    let goal: BTreeSet<String> = stems(&trace.goal).collect();
    let mut words = Vec::new();
    for step in trace.counted_steps() {
        let name = step.name.trim().to_lowercase();
        if step.kind == StepKind::Skill {
            words.push((Space::Skill, name));
            continue;
        }
        if !name.is_empty() {
            words.push((Space::Name, name));
        }
        let input = crate::text::first_characters(&step.input, crate::trace::GOAL_CHARACTERS);
        words.extend(stems(input).filter(|word| !goal.contains(word)).map(|word| (Space::Input, word)));
    }
    words
}

/// The words of a step's input that the goal does not have, for showing.
pub(crate) fn own_words<'a>(input: &'a str, goal: &BTreeSet<String>) -> impl Iterator<Item = String> + 'a {
    let goal = goal.clone();
    content_words(crate::text::first_characters(input, 200)).filter(move |word| !goal.contains(&llmos_search::stem(word)))
}

/// A dot product in an order that compilers can make parallel, the same on every target.
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 16;
    let mut sums = [0.0f32; LANES];
    let (chunks_a, chunks_b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f32 = chunks_a.remainder().iter().zip(chunks_b.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in chunks_a.zip(chunks_b) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum::<f32>() + rest
}

/// Adds words into a sum, both in the order of their numbers.
pub(crate) fn add_terms(sum: &mut Terms, terms: &[(u32, f32)], sign: f32) {
    let mut merged = Vec::with_capacity(sum.len() + terms.len());
    let (mut a, mut b) = (sum.iter().peekable(), terms.iter().peekable());
    loop {
        match (a.peek(), b.peek()) {
            (Some(x), Some(y)) if x.0 == y.0 => {
                merged.push((x.0, x.1 + sign * y.1));
                a.next();
                b.next();
            }
            (Some(x), Some(y)) if x.0 < y.0 => {
                merged.push(**x);
                a.next();
            }
            (_, Some(y)) => {
                merged.push((y.0, sign * y.1));
                b.next();
            }
            (Some(x), None) => {
                merged.push(**x);
                a.next();
            }
            (None, None) => break,
        }
    }
    *sum = merged;
}
