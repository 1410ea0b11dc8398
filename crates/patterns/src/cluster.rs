//! Sums of traces, and how alike two of them are.

use serde::{Deserialize, Serialize};

use crate::features::{Terms, Vocabulary, Weights, add_terms, dot};

/// Words of a sum that are kept; the rest are of few of many runs.
const MOST_TERMS: usize = 192;

/// The sum of the features of some traces. One trace is a cluster of one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Cluster {
    /// Goal vectors of length 1, or of length 0.
    pub goal: Vec<f32>,
    pub terms: Terms,
    pub count: u32,
    /// How many have no steps.
    pub stepless: u32,
    /// Sum over the traces of their similarity to themselves, without the constants.
    pub own: f32,
}

impl Cluster {
    pub fn of(goal: &[f32], terms: Terms, is_stepless: bool, weights: &Weights) -> Self {
        let own = weights.goal * dot(goal, goal) + terms.iter().map(|(_, value)| value * value).sum::<f32>();
        Self { goal: goal.to_vec(), terms, count: 1, stepless: u32::from(is_stepless), own }
    }

    pub fn add(&mut self, other: &Self) {
        self.goal.resize(self.goal.len().max(other.goal.len()), 0.0);
        self.goal.iter_mut().zip(&other.goal).for_each(|(sum, value)| *sum += value);
        add_terms(&mut self.terms, &other.terms, 1.0);
        if self.terms.len() > 2 * MOST_TERMS {
            self.terms.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            self.terms.truncate(MOST_TERMS);
            self.terms.sort_unstable_by_key(|term| term.0);
        }
        self.count += other.count;
        self.stepless += other.stepless;
        self.own += other.own;
    }

    pub fn subtract(&mut self, other: &Self) {
        self.goal.iter_mut().zip(&other.goal).for_each(|(sum, value)| *sum -= value);
        add_terms(&mut self.terms, &other.terms, -1.0);
        self.count = self.count.saturating_sub(other.count);
        self.stepless = self.stepless.saturating_sub(other.stepless);
        self.own -= other.own;
    }

    /// The mean estimated probability that two of its traces are of one task (the sigmoid of the mean logit); 1 for one alone.
    pub fn cohesion(&self, weights: &Weights) -> f64 {
        if self.count < 2 {
            return 1.0;
        }
        let n = f64::from(self.count);
        let all = weights.goal * dot(&self.goal, &self.goal) + self.terms.iter().map(|(_, value)| value * value).sum::<f32>();
        let mean = f64::from(all - self.own) / (n * (n - 1.0));
        let share = f64::from(self.stepless) / n;
        let constants = f64::from(constants(share as f32, share as f32, weights));
        // The intercept is of pairs drawn from all; where groups are cut, both answers are as likely.
        1.0 / (1.0 + (-(mean + constants + f64::from(weights.intercept - weights.cut))).exp())
    }
}

fn constants(share: f32, other: f32, weights: &Weights) -> f32 {
    weights.one_without_steps * (share * (1.0 - other) + other * (1.0 - share)) + weights.both_without_steps * share * other
}

/// A cluster laid out for comparing it with many.
pub(crate) struct Probe<'a> {
    cluster: &'a Cluster,
    /// The weight of every word of the vocabulary.
    table: &'a [f32],
    weights: &'a Weights,
}

/// Lends the table that probes are laid out in.
pub(crate) struct Table(Vec<f32>);

impl Table {
    pub fn new(vocabulary: &Vocabulary) -> Self {
        Self(vec![0.0; vocabulary.len()])
    }

    pub fn with<T>(&mut self, cluster: &Cluster, weights: &Weights, work: impl FnOnce(&Probe<'_>) -> T) -> T {
        for (number, value) in &cluster.terms {
            if let Some(slot) = self.0.get_mut(*number as usize) {
                *slot = *value;
            }
        }
        let answer = work(&Probe { cluster, table: &self.0, weights });
        for (number, _) in &cluster.terms {
            if let Some(slot) = self.0.get_mut(*number as usize) {
                *slot = 0.0;
            }
        }
        answer
    }
}

impl Probe<'_> {
    /// The mean similarity of the traces of both.
    pub fn similarity(&self, other: &Cluster) -> f32 {
        let terms: f32 = other.terms.iter().map(|(number, value)| self.table.get(*number as usize).unwrap_or(&0.0) * value).sum();
        let (n, m) = (self.cluster.count.max(1) as f32, other.count.max(1) as f32);
        (self.weights.goal * dot(&self.cluster.goal, &other.goal) + terms) / (n * m)
            + constants(self.cluster.stepless as f32 / n, other.stepless as f32 / m, self.weights)
            + self.weights.intercept
    }
}
