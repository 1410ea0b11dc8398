//! Cells: what was counted, by metric and dimensions, of one span of time.

use std::sync::Arc;

use crate::{metric::Metric, sketch::Sketch};

/// What a cell counts, of whom and where. 0 is none; in marginals, any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// A [`Metric`].
    pub metric: u16,
    pub actor: u32,
    pub volume: u32,
    pub artifact_kind: u8,
    pub category: u8,
    pub subject: u32,
    /// The local hour from 1 to 24; only where it is counted by.
    pub hour: u8,
}

/// What was counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Value {
    pub count: u64,
    pub sum: i64,
    /// Of the sums of the single events.
    pub max: i64,
    /// Who: only in totals of [`Metric::Activity`].
    pub sketch: Option<Box<Sketch>>,
}

impl Value {
    /// Adds what `other` counted.
    pub fn add(&mut self, other: &Self) {
        self.count = self.count.saturating_add(other.count);
        self.sum = self.sum.saturating_add(other.sum);
        self.max = self.max.max(other.max);
        if let Some(theirs) = &other.sketch {
            self.sketch.get_or_insert_default().join(theirs);
        }
    }
}

pub type Cell = (Key, Value);

/// Cells of one span, by ascending key, each key once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cells(Vec<Cell>);

impl FromIterator<Cell> for Cells {
    /// In any order; what has the same key is added up.
    fn from_iter<I: IntoIterator<Item = Cell>>(cells: I) -> Self {
        let mut all: Vec<Cell> = cells.into_iter().collect();
        all.sort_by_key(|(key, _)| *key);
        all.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.1.add(&next.1);
            }
            same
        });
        Self(all)
    }
}

impl Cells {
    /// Cells that are in order already; none if they are not.
    pub(crate) fn ordered(cells: Vec<Cell>) -> Option<Self> {
        cells.is_sorted_by(|(a, _), (b, _)| a < b).then_some(Self(cells))
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Key, &Value)> {
        self.0.iter().map(|(key, value)| (key, value))
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: Self) {
        if self.is_empty() {
            *self = other;
        } else if !other.is_empty() {
            *self = std::mem::take(&mut self.0).into_iter().chain(other.0).collect();
        }
    }

    /// The cells of one metric, by ascending key.
    pub fn of(&self, metric: Metric) -> &[Cell] {
        let metric = metric as u16;
        let from = self.0.partition_point(|(key, _)| key.metric < metric);
        let to = self.0.partition_point(|(key, _)| key.metric <= metric);
        self.0.get(from..to).unwrap_or_default()
    }

    /// The cells that pass.
    pub fn only(&self, filter: &Filter) -> Self {
        Self(self.0.iter().filter(|(key, _)| filter.passes(key)).cloned().collect())
    }

    /// Of what [`totals`] made: the cells that pass. Who was first there when is narrowed by person alone, and when skills were used last by what the skills
    /// are: a person's first day is that of all they did, and a skill that others use is used.
    pub fn only_of_all_time(&self, filter: &Filter) -> Self {
        let of_person = Filter { actor: filter.actor, ..Filter::default() };
        let of_skill = Filter { actor: 0, volume: 0, ..*filter };
        let passes = |key: &Key| match key.metric {
            metric if metric == Metric::First as u16 => of_person.passes(key),
            metric if metric == Metric::LastUse as u16 => of_skill.passes(key),
            _ => filter.passes(key),
        };
        Self(self.0.iter().filter(|(key, _)| passes(key)).cloned().collect())
    }

    /// Bytes in memory, about.
    pub fn weight(&self) -> usize {
        let sketches: usize = self
            .0
            .iter()
            .filter_map(|(_, value)| value.sketch.as_deref())
            .map(|sketch| match sketch {
                Sketch::Exact(keys) => keys.len() * 4,
                Sketch::Registers(registers) => registers.len(),
            })
            .sum();
        self.0.len() * size_of::<Cell>() + sketches + 64
    }
}

/// What is looked at; 0 is anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Filter {
    pub actor: u32,
    pub volume: u32,
    pub artifact_kind: u8,
    pub category: u8,
}

impl Filter {
    /// Whether it lets all through.
    pub fn is_open(&self) -> bool {
        *self == Self::default()
    }

    pub fn passes(&self, key: &Key) -> bool {
        let passes = |wanted: u32, has: u32| wanted == 0 || wanted == has;
        passes(self.actor, key.actor)
            && passes(self.volume, key.volume)
            && passes(self.artifact_kind.into(), key.artifact_kind.into())
            && passes(self.category.into(), key.category.into())
    }
}

/// What a dashboard reads of one day, in two sizes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// Each metric's total; besides, activity by hour, and requests by bucket.
    pub summary: Arc<Cells>,
    /// Rankings: each metric by each one dimension that something is ranked by.
    pub marginals: Arc<Cells>,
}

/// The cells of a day of those of its quarters of an hour, each with its local hour (0 to 23).
pub fn cube<'a>(quarters: impl IntoIterator<Item = (u8, &'a Cells)>) -> Cells {
    let by_hour = |hour: u8, key: &Key| if key.metric == Metric::Activity as u16 { Key { hour: hour.min(23) + 1, ..*key } } else { *key };
    quarters.into_iter().flat_map(|(hour, cells)| cells.iter().map(move |(key, value)| (by_hour(hour, key), value.clone()))).collect()
}

/// The two sizes of a day's cells.
pub fn parts(cube: &Cells) -> Parts {
    let mut summary = Vec::new();
    let mut marginals = Vec::new();
    let mut people = Vec::new();
    for (key, value) in cube.iter() {
        let total = Key { metric: key.metric, ..Key::default() };
        summary.push((total, value.clone()));
        if key.metric == Metric::Activity as u16 {
            summary.push((Key { hour: key.hour, ..total }, value.clone()));
            people.push(key.actor);
            put(&mut marginals, Key { actor: key.actor, ..total }, value);
            put(&mut marginals, Key { volume: key.volume, ..total }, value);
        } else if key.metric == Metric::Requests as u16 {
            summary.push((Key { subject: key.subject, ..total }, value.clone()));
        } else if [Metric::Sessions, Metric::Commits].map(|metric| metric as u16).contains(&key.metric) {
            put(&mut marginals, Key { actor: key.actor, ..total }, value);
        } else if [Metric::Created, Metric::Edits].map(|metric| metric as u16).contains(&key.metric) {
            put(&mut marginals, Key { category: key.category, ..total }, value);
        } else if [Metric::Uses, Metric::Installs].map(|metric| metric as u16).contains(&key.metric) {
            put(&mut marginals, Key { subject: key.subject, ..total }, value);
        }
    }
    if !people.is_empty() {
        let sketch = Some(Box::new(people.into_iter().collect()));
        summary.push((Key { metric: Metric::Activity as u16, ..Key::default() }, Value { max: i64::MIN, sketch, ..Value::default() }));
    }
    Parts { summary: Arc::new(summary.into_iter().collect()), marginals: Arc::new(marginals.into_iter().collect()) }
}

/// Nobody and nothing has no place in a ranking.
fn put(marginals: &mut Vec<Cell>, key: Key, value: &Value) {
    if key != (Key { metric: key.metric, ..Key::default() }) {
        marginals.push((key, value.clone()));
    }
}

/// What the cells of one quarter of an hour add to those of all time: how much there is, who was first there when, and when skills were used last.
pub fn totals(quarter: i64, cells: &Cells) -> Cells {
    let at = |metric: Metric, key: Key, max: i64| (Key { metric: metric as u16, ..key }, Value { max, ..Value::default() });
    cells
        .iter()
        .filter_map(|(key, value)| match key.metric {
            metric if metric == Metric::Activity as u16 => Some(at(Metric::First, Key { actor: key.actor, ..Key::default() }, -quarter)),
            metric if metric == Metric::Uses as u16 => Some(at(Metric::LastUse, Key { actor: 0, volume: 0, ..*key }, quarter)),
            metric
                if [Metric::Sessions, Metric::Created, Metric::Deleted, Metric::Undeleted]
                    .map(|metric| metric as u16)
                    .contains(&metric) =>
            {
                Some((*key, value.clone()))
            }
            _ => None,
        })
        .collect()
}
