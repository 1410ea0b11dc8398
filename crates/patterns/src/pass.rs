//! The pass that groups all traces anew.
//!
//! Average-linkage agglomeration by reciprocal nearest neighbours (Sumengen et al., "Scaling Hierarchical Agglomerative Clustering to Billion-sized
//! Datasets", 2021): every round merges all pairs that are nearest to each other. Average linkage is reducible, so the result is that of
//! merging the nearest pair of all again and again, and it does not depend on the order in which traces came. For the same reason what two clusters
//! become is near only to what one of them was near to, so that all are compared with all once. Where there are too many traces
//! to compare all, those of one group that are very alike are first put together.

use serde::{Deserialize, Serialize};

use crate::cluster::{Cluster, Table};
use crate::features::Weights;
use crate::patterns::Patterns;

/// Up to this many traces every one begins alone.
const EXACT: usize = 4_000;
/// Logits above the cut from which traces of one group are put together before.
const ALIKE: f32 = 3.0;
/// The most of them in one, so that what was put together wrongly stays small.
const MOST_ALIKE: u32 = 64;
/// The most clusters that one keeps as possible neighbours; where there are more, it is compared with all.
const MOST_NEAR: usize = 512;

/// Work under way; it holds a copy of what it works on, can be kept, and is the same whatever the size of its steps.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pass {
    weights: Weights,
    vocabulary: crate::features::Vocabulary,
    /// Every trace begins alone.
    is_exact: bool,
    /// Slots of traces, by the group in which they are, still to be put together.
    waiting: Vec<Vec<u32>>,
    clusters: Vec<Cluster>,
    /// Slots of the traces of each cluster.
    members: Vec<Vec<u32>>,
    /// The nearest cluster after comparing, and how near.
    nearest: Vec<Option<(u32, f32)>>,
    /// Clusters that may be above the cut, some of them merged since; none where they are too many to be kept.
    near: Vec<Option<Vec<u32>>>,
    /// The cluster that each is in now.
    became: Vec<u32>,
    stage: Stage,
    /// The next cluster of this stage.
    next: usize,
    /// Clusters whose nearest is to be found again.
    stale: Vec<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Stage {
    Gather,
    Compare,
    Merge,
    Search,
    Done,
}

impl Pass {
    pub(crate) fn begin(patterns: &Patterns, mut groups: Vec<Vec<u32>>) -> Self {
        if patterns.len() <= EXACT {
            // Which of equally near ones is taken goes by their numbers, so these must not come from the present groups.
            let mut slots = groups.concat();
            slots.sort_unstable();
            groups = vec![slots];
        }
        Self {
            weights: patterns.weights,
            vocabulary: patterns.vocabulary.clone(),
            is_exact: patterns.len() <= EXACT,
            waiting: groups,
            clusters: Vec::new(),
            members: Vec::new(),
            nearest: Vec::new(),
            near: Vec::new(),
            became: Vec::new(),
            stage: Stage::Gather,
            next: 0,
            stale: Vec::new(),
        }
    }

    /// Works on until about `comparisons` clusters have been compared (a million take around 0.2 s), and says whether all is done. Traces are read
    /// from `patterns`; those that are gone are left out.
    pub fn step(&mut self, patterns: &Patterns, comparisons: usize) -> bool {
        let mut left = comparisons.max(1);
        let mut table = Table::new(&self.vocabulary);
        while self.stage != Stage::Done && left > 0 {
            let used = match self.stage {
                Stage::Gather => self.gather(patterns, &mut table),
                Stage::Compare => self.compare(&mut table),
                Stage::Merge => self.merge(),
                Stage::Search => self.search(&mut table),
                Stage::Done => 0,
            };
            left = left.saturating_sub(used.max(1));
        }
        self.stage == Stage::Done
    }

    /// The groups of slots, once all is done.
    pub(crate) fn into_members(self) -> Option<Vec<Vec<u32>>> {
        (self.stage == Stage::Done).then(|| self.members.into_iter().filter(|members| !members.is_empty()).collect())
    }

    /// Puts the traces of one group together where they are very alike.
    fn gather(&mut self, patterns: &Patterns, table: &mut Table) -> usize {
        let Some(slots) = self.waiting.get(self.next) else {
            self.waiting = Vec::new();
            self.nearest = vec![None; self.clusters.len()];
            self.near = vec![Some(Vec::new()); self.clusters.len()];
            self.became = (0..self.clusters.len() as u32).collect();
            (self.stage, self.next) = (Stage::Compare, 0);
            return 1;
        };
        let is_exact = self.is_exact;
        let first = self.clusters.len();
        let mut used = 0;
        for &slot in slots {
            let Some(entry) = patterns.entry(slot) else { continue };
            let terms = self.vocabulary.weigh(&entry.counts, &self.weights);
            let own = Cluster::of(&entry.vector, terms, entry.counts.is_empty(), &self.weights);
            let found = if is_exact {
                None
            } else {
                used += self.clusters.len() - first;
                let (clusters, weights) = (&self.clusters[first..], &self.weights);
                table.with(&own, weights, |probe| {
                    let mut best: Option<(usize, f32)> = None;
                    for (at, cluster) in clusters.iter().enumerate().filter(|(_, cluster)| cluster.count < MOST_ALIKE) {
                        let similarity = probe.similarity(cluster);
                        if similarity >= weights.cut + ALIKE && best.is_none_or(|(_, best)| similarity > best) {
                            best = Some((at, similarity));
                        }
                    }
                    best
                })
            };
            match found {
                Some((at, _)) => {
                    self.clusters[first + at].add(&own);
                    self.members[first + at].push(slot);
                }
                None => {
                    self.clusters.push(own);
                    self.members.push(vec![slot]);
                }
            }
        }
        self.next += 1;
        used + slots.len()
    }

    /// Compares one cluster with all after it.
    fn compare(&mut self, table: &mut Table) -> usize {
        let Some(cluster) = self.clusters.get(self.next) else {
            (self.stage, self.next) = (Stage::Merge, 0);
            return 1;
        };
        let (at, cut) = (self.next, self.weights.cut);
        let (nearest, near, clusters) = (&mut self.nearest, &mut self.near, &self.clusters);
        table.with(cluster, &self.weights, |probe| {
            for (other, cluster) in clusters.iter().enumerate().skip(at + 1) {
                let similarity = probe.similarity(cluster);
                if similarity >= cut {
                    nearer(&mut nearest[at], at, other, similarity);
                    nearer(&mut nearest[other], other, at, similarity);
                    keep(&mut near[at], other);
                    keep(&mut near[other], at);
                }
            }
        });
        self.next += 1;
        self.clusters.len() - at
    }

    /// Merges every pair that is nearest to each other.
    fn merge(&mut self) -> usize {
        let mut pairs: Vec<(usize, usize)> = (0..self.clusters.len())
            .filter_map(|at| {
                let other = self.nearest[at]?.0 as usize;
                (at < other && self.nearest[other].is_some_and(|(back, _)| back as usize == at)).then_some((at, other))
            })
            .collect();
        if pairs.is_empty() {
            // Rounding can let nearest ones follow each other in a circle.
            let nearest = self.nearest.iter().enumerate().filter_map(|(at, nearest)| Some((at, (*nearest)?)));
            let best = nearest.max_by(|a, b| a.1.1.total_cmp(&b.1.1).then(b.0.cmp(&a.0)));
            pairs.extend(best.map(|(at, (other, _))| (at.min(other as usize), at.max(other as usize))));
        }
        let mut is_changed = vec![false; self.clusters.len()];
        for &(into, from) in &pairs {
            let gone = std::mem::take(&mut self.clusters[from]);
            self.clusters[into].add(&gone);
            let members = std::mem::take(&mut self.members[from]);
            self.members[into].extend(members);
            self.nearest[from] = None;
            self.near[into] = match (self.near[into].take(), self.near[from].take()) {
                (Some(mut near), Some(more)) => {
                    near.extend(more);
                    Some(near)
                }
                _ => None,
            };
            self.became[from] = into as u32;
            (is_changed[into], is_changed[from]) = (true, true);
        }
        for at in 0..self.became.len() {
            self.became[at] = self.became[self.became[at] as usize];
        }
        let is_stale = |at: &usize| {
            self.clusters[*at].count > 0 && (is_changed[*at] || self.nearest[*at].is_some_and(|(other, _)| is_changed[other as usize]))
        };
        self.stale = (0..self.clusters.len()).filter(is_stale).map(|at| at as u32).collect();
        self.next = 0;
        self.stage = if pairs.is_empty() { Stage::Done } else { Stage::Search };
        self.clusters.len()
    }

    /// Finds the nearest of one cluster again.
    fn search(&mut self, table: &mut Table) -> usize {
        let Some(&at) = self.stale.get(self.next) else {
            (self.stage, self.next) = (Stage::Merge, 0);
            return 1;
        };
        let (at, cut) = (at as usize, self.weights.cut);
        let (clusters, became) = (&self.clusters, &self.became);
        let others = self.near[at].take().map_or_else(|| (0..clusters.len() as u32).collect(), |near| now(near, became));
        (self.nearest[at], self.near[at]) = table.with(&clusters[at], &self.weights, |probe| {
            let (mut best, mut near) = (None, Some(Vec::new()));
            for other in others.iter().map(|other| *other as usize).filter(|other| *other != at && clusters[*other].count > 0) {
                let similarity = probe.similarity(&clusters[other]);
                if similarity >= cut {
                    nearer(&mut best, at, other, similarity);
                    keep(&mut near, other);
                }
            }
            (best, near)
        });
        self.next += 1;
        others.len()
    }
}

/// Keeps the one that is nearer to `at`. Among equally near ones it is the one with the least exclusive or of both numbers, which is the same from both sides: a thousand
/// runs that are all alike pair off at once, where taking the first would merge one pair a round.
fn nearer(best: &mut Option<(u32, f32)>, at: usize, other: usize, similarity: f32) {
    let (at, other) = (at as u32, other as u32);
    if best.is_none_or(|(known, most)| similarity > most || (similarity == most && at ^ other < at ^ known)) {
        *best = Some((other, similarity));
    }
}

/// Keeps a possible neighbour, unless there are too many.
fn keep(near: &mut Option<Vec<u32>>, other: usize) {
    match near {
        Some(kept) if kept.len() < MOST_NEAR => kept.push(other as u32),
        _ => *near = None,
    }
}

/// What clusters are in now, each once.
fn now(mut clusters: Vec<u32>, became: &[u32]) -> Vec<u32> {
    clusters.iter_mut().for_each(|cluster| *cluster = became[*cluster as usize]);
    clusters.sort_unstable();
    clusters.dedup();
    clusters
}
