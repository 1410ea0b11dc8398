//! The dashboard, made of the cells of days.

use std::{
    collections::{BTreeMap, BTreeSet},
    iter,
};

use crate::{
    cells::{Cells, Key, Parts, Value},
    day::Day,
    latency,
    metric::{Metric, SKILL},
    model::{
        Artifacts, Choices, Cohort, Collaboration, Dashboard, Evolution, Figure, Marketplace, Operations, Range, Ranked, Searches, Series,
        Sessions, Shelf, Skills,
    },
    sketch::Sketch,
    trend::{self, Average},
    zones::{QUARTER, Zone},
};

/// Lines of a ranking.
pub const RANKED_MAX: usize = 20;
/// Values that a filter offers.
pub const CHOICES_MAX: usize = 200;
/// Weeks that cohorts are shown of.
pub const COHORTS_MAX: usize = 53;
/// Days of the calendar: 53 weeks.
pub const CALENDAR: i32 = 371;
/// A skill that was not used for so many days counts as unused.
pub const UNUSED: i32 = 30;
const MINUTE: f64 = 60_000.0;
const HOUR: f64 = 3_600_000.0;
const MILLION: f64 = 1_000_000.0;

/// What is asked, with its days.
#[derive(Clone, Debug)]
pub struct Asked {
    pub zone: Zone,
    pub today: Day,
    pub range: Range,
    pub before: Option<Range>,
    /// Whether the server's own numbers are told.
    pub operations: bool,
}

impl Asked {
    /// The days from the Monday of this week to today, and the same days a week before.
    pub fn weeks(&self) -> (Range, Range) {
        let this = Range { from: self.today.monday(), to: self.today };
        (this, this.before())
    }

    /// From a Monday to the Sunday of the week in which the range ends.
    pub fn calendar(&self) -> Range {
        let to = self.range.to.monday().plus(6);
        Range { from: to.plus(1 - CALENDAR), to }
    }

    /// The days whose [`Parts::summary`] is read; [`Parts::marginals`] are read of those of the range.
    pub fn summaries(&self) -> BTreeSet<Day> {
        let (this, last) = self.weeks();
        let month = Range { from: self.range.to.plus(-29), to: self.range.to };
        iter::once(self.range)
            .chain(self.before)
            .chain([this, last, month, self.calendar()])
            .flat_map(Range::days)
            .filter(|day| *day <= self.today)
            .collect()
    }
}

/// What was counted in one workspace, already narrowed to what is looked at.
#[derive(Clone, Debug, Default)]
pub struct Space {
    pub workspace: u32,
    pub days: BTreeMap<Day, Parts>,
    /// Of all time: [`crate::cells::totals`].
    pub totals: Cells,
}

/// Everything of a range that is read more than once.
struct Sums(BTreeMap<Key, Value>);

impl Sums {
    fn of<'a>(cells: impl IntoIterator<Item = &'a Cells>) -> Self {
        // Each span's cells are in order: the standard sort only merges them, which is much faster than a look-up for each.
        let mut all: Vec<(&Key, &Value)> = cells.into_iter().flat_map(Cells::iter).collect();
        all.sort_by_key(|(key, _)| *key);
        let mut sums: Vec<(Key, Value)> = Vec::new();
        for (key, value) in all {
            match sums.last_mut() {
                Some((last, sum)) if last == key => sum.add(value),
                _ => sums.push((*key, value.clone())),
            }
        }
        Self(sums.into_iter().collect())
    }

    fn total(&self, metric: Metric) -> Option<&Value> {
        self.0.get(&Key { metric: metric as u16, ..Key::default() })
    }
    fn count(&self, metric: Metric) -> u64 {
        self.total(metric).map_or(0, |value| value.count)
    }
    fn sum(&self, metric: Metric) -> i64 {
        self.total(metric).map_or(0, |value| value.sum)
    }
    fn max(&self, metric: Metric) -> Option<i64> {
        self.total(metric).map(|value| value.max)
    }
    fn people(&self) -> u64 {
        self.total(Metric::Activity).and_then(|value| value.sketch.as_deref()).map_or(0, Sketch::count)
    }
    fn average(&self, sum: Metric, unit: f64, over: Metric) -> Average {
        Average { sum: self.sum(sum) as f64 / unit, over: self.count(over) }
    }
    fn of_metric(&self, metric: Metric) -> impl Iterator<Item = (&Key, &Value)> {
        let from = Key { metric: metric as u16, ..Key::default() };
        self.0.range(from..).take_while(move |(key, _)| key.metric == metric as u16)
    }
}

/// The range, and the range before.
struct Pair {
    now: Sums,
    before: Option<Sums>,
}

impl Pair {
    fn count(&self, metric: Metric) -> Figure {
        trend::count(self.now.count(metric), self.before.as_ref().map(|sums| sums.count(metric)))
    }
    fn with(&self, number: impl Fn(&Sums) -> u64) -> Figure {
        trend::count(number(&self.now), self.before.as_ref().map(number))
    }
    fn average(&self, of: impl Fn(&Sums) -> Average) -> Figure {
        trend::average(of(&self.now), self.before.as_ref().map(of))
    }
    fn mean(&self, metric: Metric, unit: f64) -> Figure {
        self.average(|sums| sums.average(metric, unit, metric))
    }
    /// The greatest, over as many as there were.
    fn greatest(&self, metric: Metric, unit: f64) -> Figure {
        let of = |sums: &Sums| (sums.max(metric).map(|max| max as f64 / unit), sums.count(metric));
        trend::measured(of(&self.now), self.before.as_ref().map(of))
    }
}

fn summaries(spaces: &[Space], range: Range) -> Sums {
    Sums::of(
        spaces
            .iter()
            .filter(|_| !range.is_empty())
            .flat_map(|space| space.days.range(range.from..=range.to))
            .map(|(_, parts)| parts.summary.as_ref()),
    )
}

fn total_of(cells: &Cells, metric: Metric) -> Option<&Value> {
    cells.of(metric).first().filter(|(key, _)| *key == (Key { metric: metric as u16, ..Key::default() })).map(|(_, value)| value)
}

/// How many events of a metric there were on each day of `range`; of [`Metric::Errors`], how many answers.
pub fn per_day(spaces: &[Space], range: Range, metric: Metric) -> Vec<u64> {
    daily(spaces, range, |cells| {
        total_of(cells, metric).map_or(0, |value| if metric == Metric::Errors { value.sum.max(0) as u64 } else { value.count })
    })
}

/// One number for each day of `range`.
fn daily(spaces: &[Space], range: Range, of: impl Fn(&Cells) -> u64) -> Vec<u64> {
    range.days().map(|day| spaces.iter().filter_map(|space| space.days.get(&day)).map(|parts| of(&parts.summary)).sum()).collect()
}

fn series(spaces: &[Space], asked: &Asked, of: impl Fn(&Cells) -> u64 + Copy) -> Series {
    Series { now: daily(spaces, asked.range, of), before: asked.before.map(|before| daily(spaces, before, of)).unwrap_or_default() }
}

fn count_of(metric: Metric) -> impl Fn(&Cells) -> u64 + Copy {
    move |cells| total_of(cells, metric).map_or(0, |value| value.count)
}

/// A ranking by count, the greatest first, then by key. `share` makes the second number of count and sum.
pub(crate) fn ranked(counts: BTreeMap<u32, (u64, i64)>, most: usize, share: bool) -> Vec<Ranked> {
    let mut lines: Vec<Ranked> = counts
        .into_iter()
        .filter(|(key, (count, _))| *key != 0 && *count > 0)
        .map(|(key, (count, sum))| Ranked { key, count, share: share.then(|| sum as f64 / count as f64), ..Ranked::default() })
        .collect();
    lines.sort_by_key(|line| (std::cmp::Reverse(line.count), line.key));
    lines.truncate(most);
    lines
}

/// The counts of some metrics by one dimension.
fn by(sums: &Sums, metrics: &[Metric], dimension: impl Fn(&Key) -> u32) -> BTreeMap<u32, (u64, i64)> {
    let mut counts: BTreeMap<u32, (u64, i64)> = BTreeMap::new();
    for (key, value) in metrics.iter().flat_map(|&metric| sums.of_metric(metric)) {
        let entry = counts.entry(dimension(key)).or_default();
        *entry = (entry.0.saturating_add(value.count), entry.1.saturating_add(value.sum));
    }
    counts
}

/// What there is now: made, less deleted, and out of the trash again.
fn there(totals: &[&Cells], dimension: impl Fn(&Key) -> u32) -> BTreeMap<u32, (u64, i64)> {
    let mut counts: BTreeMap<u32, i64> = BTreeMap::new();
    for (metric, sign) in [(Metric::Created, 1), (Metric::Deleted, -1), (Metric::Undeleted, 1)] {
        for (key, value) in totals.iter().flat_map(|cells| cells.of(metric)) {
            *counts.entry(dimension(key)).or_default() += sign * value.count as i64;
        }
    }
    counts.into_iter().map(|(key, count)| (key, (count.max(0) as u64, 0))).collect()
}

/// The dashboard of the workspaces `mine`, with what `server` (workspace 0) counted of the marketplace and of its own work.
pub fn dashboard(asked: &Asked, mine: &[Space], server: &Space) -> Dashboard {
    let server = std::slice::from_ref(server);
    let pair = |spaces| Pair { now: summaries(spaces, asked.range), before: asked.before.map(|before| summaries(spaces, before)) };
    let (own, all) = (pair(mine), pair(server));
    let marginals = Sums::of(
        mine.iter().flat_map(|space| space.days.range(asked.range.from..=asked.range.to)).map(|(_, parts)| parts.marginals.as_ref()),
    );
    let totals: Vec<&Cells> = mine.iter().map(|space| &space.totals).collect();
    let (this, last) = asked.weeks();
    let (this, last) = (summaries(mine, this), summaries(mine, last));
    let this_week = |metric| trend::count(this.count(metric), Some(last.count(metric)));
    let days = asked.range.len().max(0) as u64;
    let per_day = |metric| own.average(|sums| Average { sum: sums.count(metric) as f64, over: days });

    Dashboard {
        enabled: true,
        range: asked.range,
        before: asked.before,
        zone: asked.zone.name().to_owned(),
        today: asked.today,
        counted_to: 0,
        sessions: Sessions {
            total: totals.iter().flat_map(|cells| cells.of(Metric::Sessions)).map(|(_, value)| value.count).sum(),
            created: own.count(Metric::Sessions),
            this_week: this_week(Metric::Sessions),
            messages: own.count(Metric::Messages),
            average_messages: own.average(|sums| Average { sum: sums.count(Metric::Messages) as f64, over: sums.count(Metric::Sessions) }),
            average_minutes: own.average(|sums| sums.average(Metric::Messages, MINUTE, Metric::Sessions)),
            by_person: ranked(by(&marginals, &[Metric::Sessions], |key| key.actor), RANKED_MAX, false),
            by_team: {
                let of = |space: &Space| summaries(std::slice::from_ref(space), asked.range).count(Metric::Sessions);
                ranked(mine.iter().map(|space| (space.workspace, (of(space), 0))).collect(), RANKED_MAX, false)
            },
            daily: series(mine, asked, count_of(Metric::Sessions)),
        },
        artifacts: Artifacts {
            total: there(&totals, |_| 1).values().map(|(count, _)| count).sum(),
            created: own.count(Metric::Created),
            this_week: this_week(Metric::Created),
            per_day: per_day(Metric::Created),
            edits: own.count(Metric::Edits),
            by_kind: ranked(there(&totals, |key| key.artifact_kind.into()), RANKED_MAX, false),
            by_volume: ranked(there(&totals, |key| key.volume), RANKED_MAX, false),
            by_category: ranked(by(&marginals, &[Metric::Created, Metric::Edits], |key| key.category.into()), RANKED_MAX, false),
            daily: series(mine, asked, count_of(Metric::Created)),
            edits_daily: series(mine, asked, count_of(Metric::Edits)),
        },
        skills: skills(asked, mine, &own, &marginals, &totals, per_day(Metric::Uses)),
        collaboration: collaboration(asked, mine, &own, &marginals, &totals),
        evolution: evolution(asked, mine, &own),
        marketplace: Marketplace {
            mine: shelf(&own),
            all: shelf(&all),
            most_installed: ranked(by(&marginals, &[Metric::Installs], |key| key.subject), RANKED_MAX, false),
        },
        search: Searches {
            queries: own.count(Metric::Searches),
            empty: own.count(Metric::SearchesEmpty),
            opened: own.count(Metric::SearchesOpened),
            position: own.mean(Metric::SearchesOpened, 1.0),
            reciprocal_rank: own.average(|sums| sums.average(Metric::Reciprocal, MILLION, Metric::SearchesOpened)),
            average_ms: own.mean(Metric::Searches, 1_000.0),
            slowest_ms: own.greatest(Metric::Searches, 1_000.0),
            daily: series(mine, asked, count_of(Metric::Searches)),
            empty_daily: series(mine, asked, count_of(Metric::SearchesEmpty)),
        },
        operations: asked.operations.then(|| operations(asked, server, &all)),
        choices: Choices {
            teams: mine
                .iter()
                .filter(|space| space.workspace != 0)
                .map(|space| Ranked { key: space.workspace, ..Ranked::default() })
                .collect(),
            people: ranked(by(&marginals, &[Metric::Activity], |key| key.actor), CHOICES_MAX, false),
            volumes: ranked(by(&marginals, &[Metric::Activity], |key| key.volume), CHOICES_MAX, false),
        },
    }
}

fn skills(asked: &Asked, mine: &[Space], own: &Pair, marginals: &Sums, totals: &[&Cells], uses_per_day: Figure) -> Skills {
    let generated = |sums: &Sums| sums.sum(Metric::Skills).max(0) as u64;
    let mut last: BTreeMap<u32, i64> = BTreeMap::new();
    for (key, value) in totals.iter().flat_map(|cells| cells.of(Metric::LastUse)).filter(|(key, _)| key.subject != 0) {
        let at = last.entry(key.subject).or_insert(value.max);
        *at = value.max.max(*at);
    }
    let idle = |quarter: i64| asked.today.since(asked.zone.day_of(quarter * QUARTER));
    let unused: BTreeMap<u32, (u64, i64)> = last
        .into_iter()
        .map(|(skill, quarter)| (skill, idle(quarter)))
        .filter(|(_, days)| *days >= UNUSED)
        .map(|(skill, days)| (skill, (days as u64, 0)))
        .collect();
    Skills {
        total: there(totals, |key| key.artifact_kind.into()).get(&SKILL.into()).map_or(0, |(count, _)| *count),
        generated: own.with(generated),
        written: own.with(|sums| sums.count(Metric::Skills).saturating_sub(generated(sums))),
        uses: own.count(Metric::Uses),
        uses_per_day,
        success: own.mean(Metric::Uses, 1.0),
        most_used: ranked(by(marginals, &[Metric::Uses], |key| key.subject), RANKED_MAX, true),
        unused: unused.len() as u64,
        unused_longest: ranked(unused, RANKED_MAX, false),
        daily: series(mine, asked, count_of(Metric::Uses)),
    }
}

fn collaboration(asked: &Asked, mine: &[Space], own: &Pair, marginals: &Sums, totals: &[&Cells]) -> Collaboration {
    let active = |days: i32| summaries(mine, Range { from: asked.range.to.plus(1 - days), to: asked.range.to }).people();
    let mut heat = vec![vec![0; 24]; 7];
    for day in asked.range.days() {
        let hours = mine.iter().filter_map(|space| space.days.get(&day)).flat_map(|parts| parts.summary.of(Metric::Activity));
        for (key, value) in hours.filter(|(key, _)| key.hour > 0) {
            if let Some(cell) =
                heat.get_mut(usize::from(day.weekday())).and_then(|row: &mut Vec<u64>| row.get_mut(usize::from(key.hour) - 1))
            {
                *cell += value.count;
            }
        }
    }
    let calendar = asked.calendar();
    Collaboration {
        active: own.with(Sums::people),
        active_day: active(1),
        active_week: active(7),
        active_month: active(30),
        commits: own.count(Metric::Commits),
        opened: own.count(Metric::Opened),
        merged: own.count(Metric::Merged),
        hours_to_merge: own.mean(Metric::Merged, HOUR),
        by_person: ranked(by(marginals, &[Metric::Commits], |key| key.actor), RANKED_MAX, false),
        coediting_minutes: own.with(|sums| (sums.sum(Metric::Coedited) / 60_000).max(0) as u64),
        peak: own.greatest(Metric::Peak, 1.0),
        heat,
        commits_daily: series(mine, asked, count_of(Metric::Commits)),
        calendar: daily(mine, calendar, count_of(Metric::Activity)),
        calendar_from: calendar.from,
        retention: retention(asked, mine, totals),
    }
}

/// The Monday of the week in which each person was active first, of the totals of some workspaces.
pub fn first_weeks(zone: &Zone, totals: &[&Cells]) -> BTreeMap<u32, Day> {
    let mut first: BTreeMap<u32, i64> = BTreeMap::new();
    for (key, value) in totals.iter().flat_map(|cells| cells.of(Metric::First)) {
        let at = first.entry(key.actor).or_insert(value.max);
        *at = value.max.max(*at);
    }
    first.into_iter().map(|(actor, quarter)| (actor, zone.day_of(-quarter * QUARTER).monday())).collect()
}

/// Cohorts of the weeks that begin within the range; of the last of them, where there are too many.
fn retention(asked: &Asked, mine: &[Space], totals: &[&Cells]) -> Vec<Cohort> {
    let first = first_weeks(&asked.zone, totals);
    let weeks = weeks(asked.range);
    let mut people: BTreeMap<(Day, Day), BTreeSet<u32>> = BTreeMap::new();
    for day in asked.range.days() {
        let cells = mine.iter().filter_map(|space| space.days.get(&day)).flat_map(|parts| parts.marginals.of(Metric::Activity));
        for actor in cells.map(|(key, _)| key.actor).filter(|actor| *actor != 0) {
            if let Some(&week) = first.get(&actor) {
                people.entry((week, day.monday())).or_default().insert(actor);
            }
        }
    }
    let active = |cohort: Day, week: Day| people.get(&(cohort, week)).map_or(0, |people| people.len() as u64);
    weeks
        .iter()
        .enumerate()
        .map(|(at, &week)| Cohort { week, active: weeks.iter().skip(at).map(|&later| active(week, later)).collect() })
        .collect()
}

/// The Mondays of the weeks that begin within a range, the last [`COHORTS_MAX`].
pub(crate) fn weeks(range: Range) -> Vec<Day> {
    let mut weeks: Vec<Day> = range.days().filter(|day| day.weekday() == 0).collect();
    weeks.drain(..weeks.len().saturating_sub(COHORTS_MAX));
    weeks
}

fn evolution(asked: &Asked, mine: &[Space], own: &Pair) -> Evolution {
    let of_days = |metric| daily(mine, asked.range, count_of(metric));
    let (accepted_daily, rejected_daily) = (of_days(Metric::Accepted), of_days(Metric::Rejected));
    let mut learned = 0;
    let learning: Vec<u64> = accepted_daily
        .iter()
        .map(|accepted| {
            learned += accepted;
            learned
        })
        .collect();
    let acceptance = |(accepted, rejected): (u64, u64)| Average { sum: accepted as f64, over: accepted + rejected }.value();
    let success = |day: Day| {
        let (mut sum, mut over) = (0, 0);
        for value in mine.iter().filter_map(|space| total_of(&space.days.get(&day)?.summary, Metric::Traces)) {
            sum += value.sum;
            over += value.count;
        }
        Average { sum: sum as f64, over }.value()
    };
    Evolution {
        traces: own.count(Metric::Traces),
        success: own.mean(Metric::Traces, 1.0),
        patterns: own.count(Metric::Patterns),
        generated: own.count(Metric::Generated),
        proposed: own.count(Metric::Proposed),
        accepted: own.count(Metric::Accepted),
        rejected: own.count(Metric::Rejected),
        acceptance: own.average(|sums| {
            let accepted = sums.count(Metric::Accepted);
            Average { sum: accepted as f64, over: accepted + sums.count(Metric::Rejected) }
        }),
        confidence: own.mean(Metric::Proposed, MILLION),
        learning_rate: own.average(|sums| Average { sum: sums.count(Metric::Accepted) as f64 * 100.0, over: sums.count(Metric::Traces) }),
        hours_to_skill: own.mean(Metric::Accepted, HOUR),
        learning,
        success_daily: asked.range.days().map(success).collect(),
        traces_daily: series(mine, asked, count_of(Metric::Traces)),
        acceptance_daily: accepted_daily.into_iter().zip(rejected_daily).map(acceptance).collect(),
    }
}

fn shelf(pair: &Pair) -> Shelf {
    Shelf {
        views: pair.count(Metric::Views),
        installs: pair.with(|sums| sums.count(Metric::Installs)),
        first_uses: pair.count(Metric::FirstUses),
        updates: pair.count(Metric::Updates),
        ratings: pair.count(Metric::Ratings),
        stars: pair.mean(Metric::Ratings, 1.0),
    }
}

fn operations(asked: &Asked, server: &[Space], all: &Pair) -> Operations {
    let requests = |sums: &Sums| sums.sum(Metric::Requests).max(0) as u64;
    let percentile = |share: f64| {
        let of = |sums: &Sums| {
            let buckets: Vec<(u32, u64)> = sums
                .of_metric(Metric::Requests)
                .filter(|(key, _)| key.subject > 0)
                .map(|(key, value)| (key.subject - 1, value.sum.max(0) as u64))
                .collect();
            (latency::percentile(&buckets, share).map(|micros| micros / 1_000.0), requests(sums))
        };
        trend::measured(of(&all.now), all.before.as_ref().map(of))
    };
    Operations {
        deliveries: all.count(Metric::Deliveries),
        deliveries_failed: all.count(Metric::DeliveriesFailed),
        delivery_ms: all.mean(Metric::Deliveries, 1.0),
        jobs: all.count(Metric::Jobs),
        jobs_failed: all.count(Metric::JobsFailed),
        job_ms: all.mean(Metric::Jobs, 1.0),
        requests: all.with(requests),
        errors: all.with(|sums| sums.sum(Metric::Errors).max(0) as u64),
        p50_ms: percentile(0.5),
        p95_ms: percentile(0.95),
        p99_ms: percentile(0.99),
        errors_daily: series(server, asked, |cells| total_of(cells, Metric::Errors).map_or(0, |value| value.sum.max(0) as u64)),
    }
}
