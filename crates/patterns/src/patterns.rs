//! The patterns of one level, as they grow.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::cluster::{Cluster, Table};
use crate::confidence::Evidence;
use crate::features::{Counts, Vocabulary, Weights};
use crate::pass::Pass;
use crate::trace::Trace;

/// A pattern's name for good: numbers are given once, in order, and never again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PatternId(pub u64);

/// Why a trace was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("the goal's vector has {found} numbers, not {expected}")]
    Dimension { expected: usize, found: usize },
    #[error("a trace needs an id")]
    NoId,
    #[error("the pass is not done")]
    NotDone,
}

/// Where a trace went.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Assignment {
    pub pattern: PatternId,
    /// Whether the pattern began with it.
    pub is_founder: bool,
    /// Whether the trace was there already; then nothing changed.
    pub is_known: bool,
}

/// What a pass did to patterns. One that only grew or lost some traces is not named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// Traces of `from` are now in `into` as well; `from` goes on with what is left.
    Split { from: PatternId, into: Vec<PatternId> },
    /// `from` is gone: most of its traces are in `into`.
    Merged { from: PatternId, into: PatternId },
}

/// A trace as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Entry {
    id: String,
    user: u32,
    is_success: bool,
    ended_at: i64,
    /// Of length 1, or of length 0.
    pub vector: Vec<f32>,
    pub counts: Counts,
    pattern: PatternId,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Group {
    cluster: Cluster,
    /// Slots of its traces.
    members: Vec<u32>,
}

/// The patterns of one level: make one for each user, team and the system, and put a trace into each level at which it may be seen. Nothing of one
/// level shows in another.
///
/// Keeps no text: of a trace its goal's vector, the words of its steps by number, and what confidence needs. About 2 KB a trace with 384 dimensions.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Patterns {
    pub(crate) weights: Weights,
    dimension: usize,
    pub(crate) vocabulary: Vocabulary,
    users: BTreeMap<String, u32>,
    /// By slot; a slot is used once.
    entries: Vec<Option<Entry>>,
    slots: BTreeMap<String, u32>,
    groups: BTreeMap<PatternId, Group>,
    next: u64,
}

impl Patterns {
    /// Empty, for vectors of `dimension` numbers.
    #[must_use]
    pub fn new(dimension: usize) -> Self {
        Self::with_weights(dimension, Weights::default())
    }

    #[must_use]
    pub fn with_weights(dimension: usize, weights: Weights) -> Self {
        Self { weights, dimension, ..Self::default() }
    }

    /// How many traces there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Puts a trace into the pattern whose traces are on average most like it, or founds one. `vector` embeds [`crate::generalise`] of the goal,
    /// with [`crate::GOAL_ADAPTER`] unless the [`Weights`] are [`Weights::without_adapter`]; an empty one stands for a goal that has none. A known id changes nothing: [`Patterns::remove`] it first.
    ///
    /// Compares with every pattern: milliseconds for ten thousand of them.
    ///
    /// # Errors
    /// [`Error::Dimension`] for a vector of another length, [`Error::NoId`] for an empty id.
    pub fn insert(&mut self, trace: &Trace, vector: &[f32]) -> Result<Assignment, Error> {
        match self.admit(trace, vector)? {
            Some(slot) => {
                let (pattern, is_founder) = self.place(slot);
                Ok(Assignment { pattern, is_founder, is_known: false })
            }
            None => Ok(Assignment { pattern: self.pattern_of(&trace.id).unwrap_or(PatternId(0)), is_founder: false, is_known: true }),
        }
    }

    fn check(&self, trace: &Trace, vector: &[f32]) -> Result<(), Error> {
        if trace.id.is_empty() {
            return Err(Error::NoId);
        }
        if !vector.is_empty() && vector.len() != self.dimension {
            return Err(Error::Dimension { expected: self.dimension, found: vector.len() });
        }
        Ok(())
    }

    /// Keeps a trace without a pattern yet; none where it is there already.
    fn admit(&mut self, trace: &Trace, vector: &[f32]) -> Result<Option<u32>, Error> {
        self.check(trace, vector)?;
        if self.slots.contains_key(&trace.id) {
            return Ok(None);
        }
        let next = self.users.len() as u32;
        let user = *self.users.entry(trace.user.clone()).or_insert(next);
        let counts = self.vocabulary.add(trace);
        let slot = self.entries.len() as u32;
        self.slots.insert(trace.id.clone(), slot);
        self.entries.push(Some(Entry {
            id: trace.id.clone(),
            user,
            is_success: trace.success,
            ended_at: trace.ended_at,
            vector: unit(vector, self.dimension),
            counts,
            pattern: PatternId(0),
        }));
        Ok(Some(slot))
    }

    /// Puts a trace into a pattern that it is known to be in: how what is kept elsewhere becomes these patterns again. New patterns get ids above all
    /// that were restored; see [`Patterns::reserve`]. A known id changes nothing.
    ///
    /// # Errors
    /// As [`Patterns::insert`].
    pub fn restore(&mut self, trace: &Trace, vector: &[f32], pattern: PatternId) -> Result<(), Error> {
        if let Some(slot) = self.admit(trace, vector)? {
            self.reserve(pattern);
            self.join(slot, pattern);
        }
        Ok(())
    }

    /// Ids up to this one were given before and are not given again.
    pub fn reserve(&mut self, pattern: PatternId) {
        self.next = self.next.max(pattern.0);
    }

    /// Puts a trace where it belongs, and says where that is. One that is there already and says something else now is counted anew: where it is, or where it belongs
    /// now, if its goal or its steps are others, as when they came in several parts. One that stays alone keeps its pattern.
    ///
    /// # Errors
    /// As [`Patterns::insert`]; then nothing has changed.
    pub fn put(&mut self, trace: &Trace, vector: &[f32]) -> Result<PatternId, Error> {
        self.check(trace, vector)?;
        let Some(old) = self.slots.get(&trace.id).and_then(|slot| self.entry(*slot)).cloned() else {
            return self.insert(trace, vector).map(|assignment| assignment.pattern);
        };
        self.remove(&trace.id);
        let Some(slot) = self.admit(trace, vector)? else { return Ok(old.pattern) };
        let is_as_before = self.entry(slot).is_some_and(|new| new.vector == old.vector && new.counts == old.counts);
        let found = if is_as_before { Some(old.pattern) } else { self.nearest(slot) };
        let id = match found {
            Some(id) => id,
            None if !self.groups.contains_key(&old.pattern) => old.pattern,
            None => self.next_id(),
        };
        self.join(slot, id);
        Ok(id)
    }

    /// Takes a trace out, and says in which pattern it was. A pattern without traces is gone.
    pub fn remove(&mut self, id: &str) -> Option<PatternId> {
        let slot = self.slots.remove(id)?;
        let entry = self.entries.get_mut(slot as usize)?.take()?;
        let own = self.cluster_of(&entry);
        self.vocabulary.remove(&entry.counts);
        if let Some(group) = self.groups.get_mut(&entry.pattern) {
            group.members.retain(|member| *member != slot);
            group.cluster.subtract(&own);
            if group.members.is_empty() {
                self.groups.remove(&entry.pattern);
            }
        }
        Some(entry.pattern)
    }

    /// The pattern of a trace.
    #[must_use]
    pub fn pattern_of(&self, id: &str) -> Option<PatternId> {
        self.slots.get(id).and_then(|slot| self.entry(*slot)).map(|entry| entry.pattern)
    }

    /// All patterns, those of one trace included, by id.
    pub fn patterns(&self) -> impl Iterator<Item = PatternId> + '_ {
        self.groups.keys().copied()
    }

    /// The ids of a pattern's traces, in the order in which they came.
    pub fn traces(&self, pattern: PatternId) -> impl Iterator<Item = &str> + '_ {
        let members = self.groups.get(&pattern).map_or(&[][..], |group| &group.members);
        members.iter().filter_map(|slot| Some(self.entry(*slot)?.id.as_str()))
    }

    /// What is known of a pattern at a time (UTC milliseconds), for [`crate::confidence()`].
    #[must_use]
    pub fn evidence(&self, pattern: PatternId, now: i64) -> Option<Evidence> {
        let group = self.groups.get(&pattern)?;
        let entries: Vec<&Entry> = group.members.iter().filter_map(|slot| self.entry(*slot)).collect();
        let successes = entries.iter().filter(|entry| entry.is_success).count() as u32;
        let last = entries.iter().map(|entry| entry.ended_at).max()?;
        Some(Evidence {
            successes,
            failures: entries.len() as u32 - successes,
            cohesion: group.cluster.cohesion(&self.weights),
            people: entries.iter().map(|entry| entry.user).collect::<BTreeSet<_>>().len() as u32,
            age_ms: now.saturating_sub(last).max(0),
        })
    }

    /// Begins to group all traces anew. The result depends on the traces alone up to 4,000 of them; beyond, on the present patterns too.
    #[must_use]
    pub fn begin_pass(&self) -> Pass {
        Pass::begin(self, self.groups.values().map(|group| group.members.clone()).collect())
    }

    /// Takes over what a pass found. A group goes on under the id of the pattern with which it shares most traces; traces that came meanwhile are
    /// placed as if they came now.
    ///
    /// # Errors
    /// [`Error::NotDone`] while [`Pass::step`] has not said that all is done.
    pub fn apply(&mut self, pass: Pass) -> Result<Vec<Event>, Error> {
        let found = pass.into_members().ok_or(Error::NotDone)?;
        let mut groups: Vec<(Vec<u32>, BTreeMap<PatternId, usize>)> = Vec::with_capacity(found.len());
        let mut is_placed = vec![false; self.entries.len()];
        for mut members in found {
            members.retain(|slot| self.entry(*slot).is_some());
            members.sort_unstable();
            let mut shares = BTreeMap::new();
            for slot in &members {
                is_placed[*slot as usize] = true;
                if let Some(entry) = self.entry(*slot) {
                    *shares.entry(entry.pattern).or_insert(0) += 1;
                }
            }
            if !members.is_empty() {
                groups.push((members, shares));
            }
        }
        groups.sort_unstable_by_key(|(members, _)| members[0]);
        let ids = self.name(&groups);
        let events = events(&groups, &ids);
        self.groups.clear();
        for ((members, _), id) in groups.into_iter().zip(ids) {
            let mut cluster = Cluster::default();
            for slot in &members {
                if let Some(Some(entry)) = self.entries.get(*slot as usize) {
                    cluster.add(&self.cluster_of(entry));
                }
            }
            for slot in &members {
                if let Some(Some(entry)) = self.entries.get_mut(*slot as usize) {
                    entry.pattern = id;
                }
            }
            self.groups.insert(id, Group { cluster, members });
        }
        let late: Vec<u32> = self.slots.values().copied().filter(|slot| !is_placed[*slot as usize]).collect();
        for slot in late {
            self.place(slot);
        }
        Ok(events)
    }

    /// Groups all traces anew in one go.
    pub fn pass(&mut self) -> Vec<Event> {
        let mut pass = self.begin_pass();
        while !pass.step(self, usize::MAX) {}
        self.apply(pass).unwrap_or_default()
    }

    pub(crate) fn entry(&self, slot: u32) -> Option<&Entry> {
        self.entries.get(slot as usize)?.as_ref()
    }

    fn cluster_of(&self, entry: &Entry) -> Cluster {
        let terms = self.vocabulary.weigh(&entry.counts, &self.weights);
        Cluster::of(&entry.vector, terms, entry.counts.is_empty(), &self.weights)
    }

    /// Puts a trace where it belongs, or on its own.
    fn place(&mut self, slot: u32) -> (PatternId, bool) {
        let found = self.nearest(slot);
        let id = found.unwrap_or_else(|| self.next_id());
        self.join(slot, id);
        (id, found.is_none())
    }

    /// The pattern whose traces are on average most like one, if they are alike enough.
    fn nearest(&self, slot: u32) -> Option<PatternId> {
        let own = self.cluster_of(self.entry(slot)?);
        let best = Table::new(&self.vocabulary).with(&own, &self.weights, |probe| {
            let mut best: Option<(PatternId, f32)> = None;
            for (id, group) in &self.groups {
                let similarity = probe.similarity(&group.cluster);
                if similarity >= self.weights.cut && best.is_none_or(|(_, most)| similarity > most) {
                    best = Some((*id, similarity));
                }
            }
            best
        });
        best.map(|(id, _)| id)
    }

    fn next_id(&mut self) -> PatternId {
        self.next += 1;
        PatternId(self.next)
    }

    fn join(&mut self, slot: u32, id: PatternId) {
        let Some(own) = self.entry(slot).map(|entry| self.cluster_of(entry)) else { return };
        let group = self.groups.entry(id).or_default();
        group.cluster.add(&own);
        group.members.push(slot);
        if let Some(Some(entry)) = self.entries.get_mut(slot as usize) {
            entry.pattern = id;
        }
    }

    /// The ids of new groups: the largest shares first, each old id once.
    fn name(&mut self, groups: &[(Vec<u32>, BTreeMap<PatternId, usize>)]) -> Vec<PatternId> {
        let mut shares: Vec<(usize, PatternId, usize)> = Vec::new();
        for (at, (_, of)) in groups.iter().enumerate() {
            shares.extend(of.iter().map(|(id, share)| (*share, *id, at)));
        }
        shares.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
        let mut ids: Vec<Option<PatternId>> = vec![None; groups.len()];
        let mut is_taken = BTreeSet::new();
        for (_, id, at) in shares {
            if ids[at].is_none() && is_taken.insert(id) {
                ids[at] = Some(id);
            }
        }
        ids.into_iter().map(|id| id.unwrap_or_else(|| self.next_id())).collect()
    }
}

fn events(groups: &[(Vec<u32>, BTreeMap<PatternId, usize>)], ids: &[PatternId]) -> Vec<Event> {
    let alive: BTreeSet<PatternId> = ids.iter().copied().collect();
    let mut went: BTreeMap<PatternId, Vec<(usize, PatternId)>> = BTreeMap::new();
    for ((_, shares), id) in groups.iter().zip(ids) {
        for (from, share) in shares.iter().filter(|(from, _)| *from != id) {
            went.entry(*from).or_default().push((*share, *id));
        }
    }
    let mut events = Vec::new();
    for (from, mut to) in went {
        to.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        if alive.contains(&from) {
            events.push(Event::Split { from, into: to.into_iter().map(|(_, id)| id).collect() });
        } else if let Some((_, into)) = to.first() {
            events.push(Event::Merged { from, into: *into });
        }
    }
    events
}

/// A vector of length 1; of zeros where there is none, or where it has what is no number.
fn unit(vector: &[f32], dimension: usize) -> Vec<f32> {
    let length = vector.iter().map(|value| f64::from(*value) * f64::from(*value)).sum::<f64>().sqrt();
    if !length.is_finite() || length <= 0.0 {
        return vec![0.0; dimension];
    }
    vector.iter().map(|value| (f64::from(*value) / length) as f32).collect()
}
