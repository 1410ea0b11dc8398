//! The same dashboard, computed from the events themselves: one pass over all of them for each number. Slow, and as plain as can be: what the cells say is
//! compared with it.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    cells::{Filter, Key},
    dashboard::{Asked, CALENDAR, CHOICES_MAX, RANKED_MAX, UNUSED, ranked, weeks},
    day::Day,
    event::Event,
    kind::{Kind, Origin},
    latency,
    metric::{SKILL, is_activity},
    model::{
        Artifacts, Choices, Cohort, Collaboration, Dashboard, Evolution, Figure, Marketplace, Operations, Range, Ranked, Searches, Series,
        Sessions, Shelf, Skills,
    },
    trend::{self, Average},
    zones::quarter_of,
};

/// Events with the local day and hour of each.
struct Events<'a> {
    asked: &'a Asked,
    events: Vec<(Day, u8, Event)>,
}

type Which<'a> = &'a dyn Fn(&Event) -> bool;
type Number<'a> = &'a dyn Fn(&Event) -> i64;

impl Events<'_> {
    fn within(&self, range: Range, which: Which) -> impl Iterator<Item = &Event> {
        self.events.iter().filter(move |(day, _, event)| range.contains(*day) && which(event)).map(|(_, _, event)| event)
    }
    fn count_in(&self, range: Range, which: Which) -> u64 {
        self.within(range, which).count() as u64
    }
    fn sum_in(&self, range: Range, which: Which, number: Number) -> i64 {
        self.within(range, which).map(number).sum()
    }
    /// The same number of the range and of the one before.
    fn both<T>(&self, of: impl Fn(Range) -> T) -> (T, Option<T>) {
        (of(self.asked.range), self.asked.before.map(of))
    }
    fn count(&self, which: Which) -> Figure {
        let (now, before) = self.both(|range| self.count_in(range, which));
        trend::count(now, before)
    }
    fn of_kind(&self, kind: Kind) -> Figure {
        self.count(&|event| event.kind == kind)
    }
    fn sum(&self, which: Which, number: Number) -> Figure {
        let (now, before) = self.both(|range| self.sum_in(range, which, number) as u64);
        trend::count(now, before)
    }
    /// The sum of `number` over `which`, for each of `over`.
    fn average(&self, which: Which, number: Number, unit: f64, over: Which) -> Figure {
        let (now, before) =
            self.both(|range| Average { sum: self.sum_in(range, which, number) as f64 / unit, over: self.count_in(range, over) });
        trend::average(now, before)
    }
    fn mean(&self, kind: Kind, number: Number, unit: f64) -> Figure {
        self.average(&|event| event.kind == kind, number, unit, &|event| event.kind == kind)
    }
    fn greatest(&self, kind: Kind, unit: f64) -> Figure {
        let (now, before) = self.both(|range| {
            let amounts = || self.within(range, &|event| event.kind == kind).map(|event| event.amount).collect::<Vec<_>>();
            (amounts().into_iter().max().map(|most| most as f64 / unit), amounts().len() as u64)
        });
        trend::measured(now, before)
    }
    fn daily(&self, range: Range, which: Which, number: Number) -> Vec<u64> {
        range.days().map(|day| self.sum_in(Range { from: day, to: day }, which, number) as u64).collect()
    }
    fn series(&self, which: Which, number: Number) -> Series {
        Series {
            now: self.daily(self.asked.range, which, number),
            before: self.asked.before.map(|before| self.daily(before, which, number)).unwrap_or_default(),
        }
    }
    fn per_day(&self, which: Which) -> Figure {
        let (now, before) = self.both(|range| Average { sum: self.count_in(range, which) as f64, over: range.days().count() as u64 });
        trend::average(now, before)
    }
    fn this_week(&self, which: Which) -> Figure {
        let today = self.asked.today;
        let this = Range { from: today.monday(), to: today };
        let last = Range { from: this.from.plus(-7), to: this.to.plus(-7) };
        trend::count(self.count_in(this, which), Some(self.count_in(last, which)))
    }
    fn ranking(&self, which: Which, key: impl Fn(&Event) -> u32, number: Number, most: usize, share: bool) -> Vec<Ranked> {
        let mut counts: BTreeMap<u32, (u64, i64)> = BTreeMap::new();
        for event in self.within(self.asked.range, which) {
            let entry = counts.entry(key(event)).or_default();
            *entry = (entry.0 + 1, entry.1 + number(event));
        }
        ranked(counts, most, share)
    }
    fn people(&self, range: Range) -> BTreeSet<u32> {
        self.within(range, &is_activity).map(|event| event.actor).collect()
    }
    fn there(&self, which: Which, key: impl Fn(&Event) -> u32) -> BTreeMap<u32, (u64, i64)> {
        let mut counts: BTreeMap<u32, i64> = BTreeMap::new();
        for (_, _, event) in self.events.iter().filter(|(_, _, event)| which(event)) {
            *counts.entry(key(event)).or_default() += match event.kind {
                Kind::ArtifactCreated | Kind::ArtifactUndeleted => 1,
                Kind::ArtifactDeleted => -1,
                Kind::ArtifactEntered => event.amount.max(1),
                Kind::ArtifactLeft => -event.amount.max(1),
                _ => 0,
            };
        }
        counts.into_iter().map(|(key, count)| (key, (count.max(0) as u64, 0))).collect()
    }
}

fn all(_: &Event) -> bool {
    true
}
fn one(_: &Event) -> i64 {
    1
}
fn amount(event: &Event) -> i64 {
    event.amount
}
fn won(event: &Event) -> i64 {
    i64::from(event.amount > 0)
}

/// The dashboard of `events`, of which those of the workspaces `mine` that pass `filter` are looked at. Amounts are taken as they are.
pub fn dashboard(asked: &Asked, events: &[Event], mine: &[u32], filter: Filter) -> Dashboard {
    let passes = |event: &Event| {
        filter.passes(&Key {
            actor: event.actor,
            volume: event.volume,
            artifact_kind: event.artifact_kind,
            category: event.category,
            ..Key::default()
        })
    };
    let placed = |which: Which| {
        let placed = |event: &Event| {
            let (day, hour) = asked.zone.local(event.at);
            (day, hour, *event)
        };
        Events { asked, events: events.iter().filter(|event| which(event)).map(placed).collect() }
    };
    let own = placed(&|event| mine.contains(&event.workspace) && passes(event));
    // A person's first day is that of all they did, and a skill that others use is used.
    let of_person = placed(&|event| mine.contains(&event.workspace) && (filter.actor == 0 || filter.actor == event.actor));
    let of_skills = placed(&|event| {
        let passes = |wanted: u8, has: u8| wanted == 0 || wanted == has;
        mine.contains(&event.workspace) && passes(filter.artifact_kind, event.artifact_kind) && passes(filter.category, event.category)
    });
    // Nobody and no volume is named in what all see of the marketplace and of the server.
    let server = placed(&|event| passes(&Event { actor: 0, volume: 0, ..*event }));

    let kind = |kind: Kind| move |event: &Event| event.kind == kind;
    let skill_made = |generated: bool| {
        move |event: &Event| {
            event.kind == Kind::ArtifactCreated && event.artifact_kind == SKILL && (event.amount == Origin::Generated as i64) == generated
        }
    };
    let range = asked.range;
    let ending = |days: i32| own.people(Range { from: range.to.plus(1 - days), to: range.to }).len() as u64;
    let (active, active_before) = own.both(|range| own.people(range).len() as u64);
    let (coedited, coedited_before) = own.both(|range| (own.sum_in(range, &kind(Kind::ArtifactCoedited), &amount) / 60_000) as u64);

    Dashboard {
        enabled: true,
        range,
        before: asked.before,
        zone: asked.zone.name().to_owned(),
        today: asked.today,
        counted_to: 0,
        sessions: Sessions {
            total: own.events.iter().filter(|(_, _, event)| event.kind == Kind::SessionCreated).count() as u64,
            created: own.of_kind(Kind::SessionCreated),
            this_week: own.this_week(&kind(Kind::SessionCreated)),
            messages: own.of_kind(Kind::SessionMessageSent),
            average_messages: own.average(&kind(Kind::SessionMessageSent), &one, 1.0, &kind(Kind::SessionCreated)),
            average_minutes: own.average(&kind(Kind::SessionMessageSent), &amount, 60_000.0, &kind(Kind::SessionCreated)),
            by_person: own.ranking(&kind(Kind::SessionCreated), |event| event.actor, &one, RANKED_MAX, false),
            by_team: own.ranking(&kind(Kind::SessionCreated), |event| event.workspace, &one, RANKED_MAX, false),
            daily: own.series(&kind(Kind::SessionCreated), &one),
        },
        artifacts: Artifacts {
            total: own.there(&all, |_| 1).into_values().map(|(count, _)| count).sum(),
            created: own.of_kind(Kind::ArtifactCreated),
            this_week: own.this_week(&kind(Kind::ArtifactCreated)),
            per_day: own.per_day(&kind(Kind::ArtifactCreated)),
            edits: own.of_kind(Kind::ArtifactCommitted),
            by_kind: ranked(own.there(&all, |event| event.artifact_kind.into()), RANKED_MAX, false),
            by_volume: ranked(own.there(&all, |event| event.volume), RANKED_MAX, false),
            by_category: own.ranking(
                &|event| matches!(event.kind, Kind::ArtifactCreated | Kind::ArtifactCommitted),
                |event| event.category.into(),
                &one,
                RANKED_MAX,
                false,
            ),
            daily: own.series(&kind(Kind::ArtifactCreated), &one),
            edits_daily: own.series(&kind(Kind::ArtifactCommitted), &one),
        },
        skills: skills(asked, &own, &of_skills, &skill_made(true), &skill_made(false)),
        collaboration: Collaboration {
            active: trend::count(active, active_before),
            active_day: ending(1),
            active_week: ending(7),
            active_month: ending(30),
            commits: own.of_kind(Kind::CommitMade),
            opened: own.of_kind(Kind::PullRequestOpened),
            merged: own.of_kind(Kind::PullRequestMerged),
            hours_to_merge: own.mean(Kind::PullRequestMerged, &amount, 3_600_000.0),
            by_person: own.ranking(&kind(Kind::CommitMade), |event| event.actor, &one, RANKED_MAX, false),
            coediting_minutes: trend::count(coedited, coedited_before),
            peak: own.greatest(Kind::PresencePeak, 1.0),
            heat: (0..7)
                .map(|weekday| {
                    let at = |hour: u8| {
                        let fits = |(day, of, event): &&(Day, u8, Event)| {
                            range.contains(*day) && day.weekday() == weekday && *of == hour && is_activity(event)
                        };
                        own.events.iter().filter(fits).count() as u64
                    };
                    (0..24).map(at).collect()
                })
                .collect(),
            commits_daily: own.series(&kind(Kind::CommitMade), &one),
            calendar: {
                let to = range.to.monday().plus(6);
                let past = |event: &Event| is_activity(event) && asked.zone.day_of(event.at) <= asked.today;
                own.daily(Range { from: to.plus(1 - CALENDAR), to }, &past, &one)
            },
            calendar_from: range.to.monday().plus(7 - CALENDAR),
            retention: retention(asked, &own, &of_person),
        },
        evolution: evolution(&own),
        marketplace: Marketplace {
            mine: shelf(&own),
            all: shelf(&server),
            most_installed: own.ranking(&kind(Kind::ListingInstalled), |event| event.subject, &one, RANKED_MAX, false),
        },
        search: Searches {
            queries: own.of_kind(Kind::SearchQueried),
            empty: own.count(&|event| event.kind == Kind::SearchQueried && event.extra == 0),
            opened: own.of_kind(Kind::SearchOpened),
            position: own.mean(Kind::SearchOpened, &amount, 1.0),
            reciprocal_rank: own.mean(Kind::SearchOpened, &|event| 1_000_000 / event.amount, 1_000_000.0),
            average_ms: own.mean(Kind::SearchQueried, &amount, 1_000.0),
            slowest_ms: own.greatest(Kind::SearchQueried, 1_000.0),
            daily: own.series(&kind(Kind::SearchQueried), &one),
            empty_daily: own.series(&|event| event.kind == Kind::SearchQueried && event.extra <= 0, &one),
        },
        operations: asked.operations.then(|| operations(&server)),
        choices: Choices {
            teams: mine.iter().filter(|key| **key != 0).map(|&key| Ranked { key, ..Ranked::default() }).collect(),
            people: own.ranking(&is_activity, |event| event.actor, &one, CHOICES_MAX, false),
            volumes: own.ranking(&is_activity, |event| event.volume, &one, CHOICES_MAX, false),
        },
    }
}

fn skills(asked: &Asked, own: &Events, of_skills: &Events, generated: Which, written: Which) -> Skills {
    let used = |event: &Event| event.kind == Kind::SkillUsed;
    let mut last: BTreeMap<u32, Day> = BTreeMap::new();
    for (day, _, event) in of_skills.events.iter().filter(|(_, _, event)| used(event) && event.subject != 0) {
        let at = last.entry(event.subject).or_insert(*day);
        *at = (*at).max(*day);
    }
    let unused: BTreeMap<u32, (u64, i64)> = last
        .into_iter()
        .filter(|(_, day)| asked.today.since(*day) >= UNUSED)
        .map(|(skill, day)| (skill, (asked.today.since(day) as u64, 0)))
        .collect();
    Skills {
        total: own.there(&|event| event.artifact_kind == SKILL, |_| 1).into_values().map(|(count, _)| count).sum(),
        generated: own.count(generated),
        written: own.count(written),
        uses: own.count(&used),
        uses_per_day: own.per_day(&used),
        success: own.mean(Kind::SkillUsed, &won, 1.0),
        most_used: own.ranking(&used, |event| event.subject, &won, RANKED_MAX, true),
        unused: unused.len() as u64,
        unused_longest: ranked(unused, RANKED_MAX, false),
        daily: own.series(&used, &one),
    }
}

fn retention(asked: &Asked, own: &Events, of_person: &Events) -> Vec<Cohort> {
    let mut first: BTreeMap<u32, i64> = BTreeMap::new();
    for (_, _, event) in of_person.events.iter().filter(|(_, _, event)| is_activity(event)) {
        let at = first.entry(event.actor).or_insert(event.at);
        *at = event.at.min(*at);
    }
    let weeks = weeks(asked.range);
    let cohort = |week: Day| -> BTreeSet<u32> {
        let within = |at: &i64| quarter_of(*at) >= quarter_of(asked.zone.start_of(week)) && *at < asked.zone.start_of(week.plus(7));
        first.iter().filter(|(_, at)| within(at)).map(|(actor, _)| *actor).collect()
    };
    let active = |cohort: &BTreeSet<u32>, week: Day| {
        let people = own.people(Range { from: week, to: week.plus(6).min(asked.range.to) });
        people.intersection(cohort).count() as u64
    };
    weeks
        .iter()
        .map(|&week| {
            let cohort = cohort(week);
            Cohort { week, active: weeks.iter().filter(|later| **later >= week).map(|&later| active(&cohort, later)).collect() }
        })
        .collect()
}

fn evolution(own: &Events) -> Evolution {
    let kind = |kind: Kind| move |event: &Event| event.kind == kind;
    let accepted = kind(Kind::ProposalAccepted);
    let decided = |event: &Event| matches!(event.kind, Kind::ProposalAccepted | Kind::ProposalRejected);
    let range = own.asked.range;
    Evolution {
        traces: own.of_kind(Kind::TraceTaken),
        success: own.mean(Kind::TraceTaken, &won, 1.0),
        patterns: own.of_kind(Kind::PatternFound),
        generated: own.of_kind(Kind::SkillGenerated),
        proposed: own.of_kind(Kind::ProposalMade),
        accepted: own.of_kind(Kind::ProposalAccepted),
        rejected: own.of_kind(Kind::ProposalRejected),
        acceptance: own.average(&accepted, &one, 1.0, &decided),
        confidence: own.mean(Kind::ProposalMade, &|event| event.extra, 1_000_000.0),
        learning_rate: own.average(&accepted, &|_| 100, 1.0, &kind(Kind::TraceTaken)),
        hours_to_skill: own.mean(Kind::ProposalAccepted, &amount, 3_600_000.0),
        learning: range.days().map(|day| own.count_in(Range { from: range.from, to: day }, &accepted)).collect(),
        success_daily: range
            .days()
            .map(|day| {
                let day = Range { from: day, to: day };
                let taken = kind(Kind::TraceTaken);
                Average { sum: own.sum_in(day, &taken, &won) as f64, over: own.count_in(day, &taken) }.value()
            })
            .collect(),
        traces_daily: own.series(&kind(Kind::TraceTaken), &one),
        acceptance_daily: range
            .days()
            .map(|day| {
                let day = Range { from: day, to: day };
                Average { sum: own.count_in(day, &accepted) as f64, over: own.count_in(day, &decided) }.value()
            })
            .collect(),
    }
}

fn shelf(events: &Events) -> Shelf {
    Shelf {
        views: events.of_kind(Kind::ListingViewed),
        installs: events.of_kind(Kind::ListingInstalled),
        first_uses: events.of_kind(Kind::ListingFirstUsed),
        updates: events.of_kind(Kind::ListingUpdated),
        ratings: events.of_kind(Kind::ItemRated),
        stars: events.mean(Kind::ItemRated, &amount, 1.0),
    }
}

fn operations(server: &Events) -> Operations {
    let served = |event: &Event| event.kind == Kind::HttpServed;
    let percentile = |share: f64| {
        let (now, before) = server.both(|range| {
            let mut counts: BTreeMap<u32, u64> = BTreeMap::new();
            for event in server.within(range, &served) {
                *counts.entry(event.extra as u32).or_default() += event.amount as u64;
            }
            let counts: Vec<(u32, u64)> = counts.into_iter().collect();
            (latency::percentile(&counts, share).map(|micros| micros / 1_000.0), counts.iter().map(|(_, count)| count).sum())
        });
        trend::measured(now, before)
    };
    let failed = |kind: Kind| server.count(&|event| event.kind == kind && event.extra != 0);
    Operations {
        deliveries: server.of_kind(Kind::DeliveryReceived),
        deliveries_failed: failed(Kind::DeliveryReceived),
        delivery_ms: server.mean(Kind::DeliveryReceived, &amount, 1.0),
        jobs: server.of_kind(Kind::JobEnded),
        jobs_failed: failed(Kind::JobEnded),
        job_ms: server.mean(Kind::JobEnded, &amount, 1.0),
        requests: server.sum(&served, &amount),
        errors: server.sum(&|event| event.kind == Kind::HttpFailed, &amount),
        p50_ms: percentile(0.5),
        p95_ms: percentile(0.95),
        p99_ms: percentile(0.99),
        errors_daily: server.series(&|event| event.kind == Kind::HttpFailed, &amount),
    }
}
