//! What the charts of the page show, made of the dashboard. Pure.

use llmos_analytics::{
    day::Day,
    model::{Cause, CauseKind, Dashboard, Forecasts, Foretold, Measure, Query, Range},
};

use super::{
    super::state::{Behind, analytics_address},
    words::{WEEKDAYS, day_long, day_short, range_words},
};
use crate::ui::chart::{ChartData, Dash, Note, Point, Series, Shape};

/// More days than that are drawn as weeks: nobody can tell a day apart there.
const DAYS_DRAWN: i32 = 120;

/// The steps of a timeline: days or weeks, the last of which may be cut off at either end.
fn steps(range: Range) -> Vec<Range> {
    if range.len() <= DAYS_DRAWN {
        return range.days().map(|day| Range { from: day, to: day }).collect();
    }
    let mut steps = Vec::new();
    let mut from = range.from;
    while from <= range.to {
        let to = from.monday().plus(6).min(range.to);
        steps.push(Range { from, to });
        from = to.plus(1);
    }
    steps
}

fn point(step: Range) -> Point {
    let name = if step.from == step.to { day_long(step.from) } else { format!("{}, {}", range_words(step), step.to.civil().0) };
    Point { name, short: day_short(step.from) }
}

/// Sums of a number for each step; `daily` begins where the range does.
fn summed(range: Range, steps: &[Range], daily: &[u64]) -> Vec<Option<f64>> {
    let at = |day: Day| usize::try_from(day.since(range.from)).unwrap_or(usize::MAX);
    let sum = |step: &Range| {
        daily.get(at(step.from)..at(step.to.plus(1)).min(daily.len()).max(at(step.from))).map(|days| days.iter().sum::<u64>() as f64)
    };
    steps.iter().map(|step| sum(step).filter(|_| at(step.from) < daily.len())).collect()
}

fn links(query: &Query, steps: &[Range], measure: Measure) -> Vec<Option<String>> {
    steps.iter().map(|step| Some(analytics_address(query, Some(&Behind::of(measure).days(step.from, step.to))))).collect()
}

/// Sessions, artifacts and commits over the range, with the sessions of the range before, what happened and, where the range ends with today, the days to come.
pub fn activity(data: &Dashboard, query: &Query, causes: &[Cause], ahead: Option<&Forecasts>) -> ChartData {
    let steps = steps(data.range);
    let line = |id: &str, name: &str, color, symbol, daily: &[u64], measure| Series {
        id: id.to_owned(),
        name: name.to_owned(),
        color,
        symbol,
        values: summed(data.range, &steps, daily),
        links: links(query, &steps, measure),
        ..Series::default()
    };
    let mut series =
        vec![Series { area: true, ..line("sessions", "Sessions", "--chart-1", "circle", &data.sessions.daily.now, Measure::Sessions) }];
    if let Some(before) = data.before {
        let shifted = steps.iter().map(|step| {
            let back = before.from.since(data.range.from);
            Range { from: step.from.plus(back), to: step.to.plus(back) }
        });
        let shifted = shifted.collect::<Vec<_>>();
        series.push(Series {
            values: summed(before, &shifted, &data.sessions.daily.before),
            links: links(query, &shifted, Measure::Sessions),
            dash: Dash::Dashed,
            ..line("before", "Sessions, range before", "--chart-prev", "rect", &[], Measure::Sessions)
        });
    }
    series.push(line("artifacts", "Artifacts", "--chart-2", "triangle", &data.artifacts.daily.now, Measure::Artifacts));
    series.push(line("commits", "Commits", "--chart-3", "diamond", &data.collaboration.commits_daily.now, Measure::Commits));
    let mut points: Vec<Point> = steps.iter().copied().map(point).collect();
    let coming = ahead.and_then(|ahead| Some((ahead.from, coming(&steps, ahead)?)));
    if let Some((today, told)) = coming {
        points.extend((1..told.days.len()).filter_map(|days| {
            let day = today.plus(i32::try_from(days).ok()?);
            Some(point(Range { from: day, to: day }))
        }));
        series.iter_mut().for_each(|series| series.values.resize(points.len(), None));
        series.push(band(steps.len() - 1, told));
    }
    let unusual = ahead.into_iter().flat_map(|ahead| unusual(&steps, query, ahead));
    ChartData {
        title: "Activity".to_owned(),
        head: if steps.iter().any(|step| step.from != step.to) { "Week" } else { "Day" },
        points,
        series,
        notes: marked(causes).filter_map(|cause| note(&steps, query, cause)).chain(unusual).collect(),
        ahead: coming.map(|_| steps.len()),
        ..ChartData::default()
    }
}

/// The sessions to come, where each day has a point and the last one is today.
fn coming<'a>(steps: &[Range], ahead: &'a Forecasts) -> Option<&'a Foretold> {
    let today = Range { from: ahead.from, to: ahead.from };
    let sessions = ahead.series.iter().find(|series| series.measure == Measure::Sessions.as_str())?;
    (steps.last() == Some(&today) && steps.iter().all(|step| step.from == step.to) && !sessions.days.is_empty()).then_some(sessions)
}

/// Days to come as a line in its band; the first of them is the point `today`, which is not over yet.
fn band(today: usize, told: &Foretold) -> Series {
    let whole = |pick: fn(&llmos_analytics::model::Ahead) -> f64| {
        std::iter::repeat_n(None, today).chain(told.days.iter().map(|day| Some(pick(day).round()))).collect::<Vec<_>>()
    };
    let error = told.error.map(|error| format!(" (back-test error {:.0} %)", error * 100.0)).unwrap_or_default();
    Series {
        id: "forecast".to_owned(),
        name: format!("Sessions, forecast{error}"),
        color: "--chart-1",
        symbol: "circle",
        dash: Dash::Dotted,
        values: whole(|day| day.mean),
        low: whole(|day| day.low),
        high: whole(|day| day.high),
        ..Series::default()
    }
}

/// Past days that were unusual.
fn unusual(steps: &[Range], query: &Query, ahead: &Forecasts) -> Vec<Note> {
    let notes = ahead.series.iter().flat_map(|series| series.unusual.iter().map(move |day| (series, day))).filter_map(|(series, day)| {
        let measure = Measure::parse(&series.measure)?;
        Some(Note {
            at: steps.iter().position(|step| step.contains(day.day))?,
            words: format!("Unusual: {} {}, where about {:.0} were to be expected.", day.count, series.measure, day.expected),
            href: analytics_address(query, Some(&Behind::of(measure).day(day.day))),
            icon: "alert",
            bad: false,
        })
    });
    notes.collect()
}

/// A chart for those who have the numbers alone, and no way to their rows.
pub fn without_links(mut chart: ChartData) -> ChartData {
    chart.series.iter_mut().for_each(|series| series.links.clear());
    chart.notes.iter_mut().for_each(|note| note.href.clear());
    chart
}

/// Commits are a line of their own: only the day with the most of them is marked, where it has some.
const MANY: u64 = 3;

fn marked(causes: &[Cause]) -> impl Iterator<Item = &Cause> {
    let most = causes.iter().filter(|cause| cause.kind == CauseKind::Commits && cause.count >= MANY).max_by_key(|cause| cause.count);
    causes.iter().filter(move |cause| cause.kind != CauseKind::Commits || most.is_some_and(|most| most.day == cause.day))
}

fn note(steps: &[Range], query: &Query, cause: &Cause) -> Option<Note> {
    let (icon, measure) = match cause.kind {
        CauseKind::Commits => ("commit", Some(Measure::Commits)),
        CauseKind::Release => ("tag", None),
        CauseKind::Proposal => ("evolution", Some(Measure::Proposals)),
        CauseKind::Incident => ("alert", Some(Measure::Errors)),
    };
    let at = steps.iter().position(|step| step.contains(cause.day))?;
    let rows = measure.map(|measure| analytics_address(query, Some(&Behind::of(measure).day(cause.day))));
    Some(Note {
        at,
        words: cause.text.clone(),
        href: rows.unwrap_or_else(|| cause.href.clone()),
        icon,
        bad: cause.kind == CauseKind::Incident,
    })
}

/// What was done by hour and weekday.
pub fn heat(data: &Dashboard, query: &Query) -> ChartData {
    let hours = 0..24_u8;
    let row = |(index, name): (usize, &str)| Series {
        id: name.to_lowercase(),
        name: name.to_owned(),
        color: "--chart-1",
        symbol: "rect",
        values: hours
            .clone()
            .map(|hour| {
                Some(data.collaboration.heat.get(index).and_then(|day| day.get(usize::from(hour))).copied().unwrap_or_default() as f64)
            })
            .collect(),
        links: hours
            .clone()
            .map(|hour| Some(analytics_address(query, Some(&Behind::of(Measure::Activity).hour(index as u8, hour)))))
            .collect(),
        ..Series::default()
    };
    ChartData {
        shape: Shape::Grid,
        title: "When things happen".to_owned(),
        head: "Weekday",
        points: hours.clone().map(|hour| Point { name: format!("{hour}:00 to {}:00", hour + 1), short: hour.to_string() }).collect(),
        series: WEEKDAYS.into_iter().enumerate().map(row).collect(),
        ..ChartData::default()
    }
}

/// What was done on each day of about a year: a column for each week.
pub fn calendar(data: &Dashboard, query: &Query) -> ChartData {
    let (from, days) = (data.collaboration.calendar_from, &data.collaboration.calendar);
    let weeks = days.len().div_ceil(7);
    let day_at = |week: usize, weekday: usize| from.plus(i32::try_from(week * 7 + weekday).unwrap_or(i32::MAX));
    let row = |(weekday, name): (usize, &str)| Series {
        id: name.to_lowercase(),
        name: name.to_owned(),
        color: "--chart-1",
        symbol: "rect",
        // Days to come are no days without anything.
        values: (0..weeks)
            .map(|week| days.get(week * 7 + weekday).filter(|_| day_at(week, weekday) <= data.range.to).map(|count| *count as f64))
            .collect(),
        links: (0..weeks)
            .map(|week| Some(analytics_address(query, Some(&Behind::of(Measure::Activity).day(day_at(week, weekday))))))
            .collect(),
        ..Series::default()
    };
    ChartData {
        shape: Shape::Grid,
        title: "Contributions in a year".to_owned(),
        head: "Weekday",
        points: (0..weeks)
            .map(|week| Point { name: format!("Week of {}", day_long(day_at(week, 0))), short: day_short(day_at(week, 0)) })
            .collect(),
        series: WEEKDAYS.into_iter().enumerate().map(row).collect(),
        ..ChartData::default()
    }
}

/// Of the people of each week, how many came back in the weeks that followed.
pub fn retention(data: &Dashboard) -> ChartData {
    let cohorts = &data.collaboration.retention;
    let weeks = cohorts.iter().map(|cohort| cohort.active.len()).max().unwrap_or_default();
    let row = |cohort: &llmos_analytics::model::Cohort| {
        let all = cohort.active.first().copied().unwrap_or_default().max(1) as f64;
        Series {
            id: cohort.week.to_string(),
            name: format!("{} ({})", day_short(cohort.week), cohort.active.first().copied().unwrap_or_default()),
            color: "--chart-1",
            symbol: "rect",
            values: (0..weeks).map(|week| cohort.active.get(week).map(|count| *count as f64 / all * 100.0)).collect(),
            ..Series::default()
        }
    };
    ChartData {
        shape: Shape::Grid,
        title: "Who comes back".to_owned(),
        head: "First week (people)",
        points: (0..weeks)
            .map(|week| {
                if week == 0 {
                    Point { name: "The first week".to_owned(), short: "0".to_owned() }
                } else {
                    Point { name: format!("Week {week} after it"), short: week.to_string() }
                }
            })
            .collect(),
        series: cohorts.iter().map(row).collect(),
        suffix: "%",
        ..ChartData::default()
    }
}

/// Skills accepted until each day, beside the share of runs that succeeded.
pub fn learning(data: &Dashboard) -> ChartData {
    let steps = steps(data.range);
    let at = |day: Day| usize::try_from(day.since(data.range.from)).unwrap_or(usize::MAX);
    let until = |step: &Range| data.evolution.learning.get(at(step.to)).map(|count| *count as f64);
    ChartData {
        title: "Skills learned".to_owned(),
        head: if steps.iter().any(|step| step.from != step.to) { "Week" } else { "Day" },
        points: steps.iter().copied().map(point).collect(),
        series: vec![Series {
            id: "learned".to_owned(),
            name: "Skills accepted so far".to_owned(),
            color: "--chart-1",
            symbol: "circle",
            values: steps.iter().map(until).collect(),
            area: true,
            ..Series::default()
        }],
        ..ChartData::default()
    }
}

/// The share of runs that succeeded on each day.
pub fn success(data: &Dashboard) -> ChartData {
    let steps = steps(data.range);
    let at = |day: Day| usize::try_from(day.since(data.range.from)).unwrap_or(usize::MAX);
    let mean = |step: &Range| {
        let days =
            data.evolution.success_daily.get(at(step.from)..(at(step.to).saturating_add(1)).min(data.evolution.success_daily.len()))?;
        let shares = days.iter().flatten().copied().collect::<Vec<f64>>();
        (!shares.is_empty()).then(|| shares.iter().sum::<f64>() / shares.len() as f64 * 100.0)
    };
    ChartData {
        title: "Runs that succeed".to_owned(),
        head: if steps.iter().any(|step| step.from != step.to) { "Week" } else { "Day" },
        points: steps.iter().copied().map(point).collect(),
        series: vec![Series {
            id: "success".to_owned(),
            name: "Succeeded".to_owned(),
            color: "--chart-2",
            symbol: "circle",
            values: steps.iter().map(mean).collect(),
            ..Series::default()
        }],
        suffix: "%",
        decimals: 1,
        ..ChartData::default()
    }
}

#[cfg(test)]
mod tests {
    use llmos_analytics::model;

    use super::*;

    fn dashboard(from: &str, to: &str) -> Dashboard {
        let range = Range { from: from.parse().expect("a day"), to: to.parse().expect("a day") };
        let daily = model::Series { now: vec![1; range.len() as usize], before: vec![2; range.len() as usize] };
        Dashboard {
            range,
            before: Some(range.before()),
            sessions: model::Sessions { daily, ..model::Sessions::default() },
            ..Dashboard::default()
        }
    }

    #[test]
    fn days_are_drawn_as_they_are_and_a_year_by_weeks() {
        let month = activity(&dashboard("2026-02-13", "2026-03-14"), &Query::default(), &[], None);
        assert_eq!((month.points.len(), month.head), (30, "Day"));
        assert_eq!(month.series[1].values[0], Some(2.0));
        let year = activity(&dashboard("2025-03-15", "2026-03-14"), &Query::default(), &[], None);
        assert_eq!((year.points.len(), year.head), (53, "Week"));
        assert_eq!(year.series[0].values.iter().flatten().sum::<f64>(), 365.0);
        assert_eq!(year.series[1].values.iter().flatten().sum::<f64>(), 730.0);
    }

    #[test]
    fn days_to_come_stand_behind_today_and_unusual_ones_at_their_day() {
        let days = vec![model::Ahead { low: 1.2, mean: 2.6, high: 4.0 }; 14];
        let unusual = vec![model::Unusual { day: "2026-03-02".parse().expect("what was put there"), count: 9, expected: 2.2 }];
        let series = vec![Foretold { measure: "sessions".to_owned(), days, error: Some(0.081), unusual }];
        let ahead = Forecasts { from: "2026-03-14".parse().expect("what was put there"), zone: "UTC".to_owned(), series };
        let month = activity(&dashboard("2026-02-13", "2026-03-14"), &Query::default(), &[], Some(&ahead));
        assert_eq!((month.points.len(), month.ahead), (43, Some(30)));
        assert_eq!(month.points.last().map(|point| point.short.as_str()), Some("27 Mar"));
        let band = month.series.last().expect("what was put there");
        assert_eq!(band.name, "Sessions, forecast (back-test error 8 %)");
        assert_eq!((band.values[28], band.values[29], band.low[42], band.high[42]), (None, Some(3.0), Some(1.0), Some(4.0)));
        assert!(month.series.iter().all(|series| series.values.len() == 43));
        assert_eq!((month.notes[0].at, month.notes[0].words.as_str()), (17, "Unusual: 9 sessions, where about 2 were to be expected."));
        // A range that ended before today has nothing to come, nor has one that is drawn by weeks.
        for (from, to) in [("2026-02-10", "2026-03-10"), ("2025-03-15", "2026-03-14")] {
            let chart = activity(&dashboard(from, to), &Query::default(), &[], Some(&ahead));
            assert_eq!((chart.ahead, chart.series.len()), (None, 4), "{from}");
        }
        assert!(without_links(month).series.iter().all(|series| series.links.is_empty()));
    }

    #[test]
    fn what_happened_stands_at_its_day_and_outside_of_the_range_nowhere() {
        let cause = |day: &str| Cause {
            day: day.parse().expect("a day"),
            kind: CauseKind::Incident,
            count: 2,
            text: "2 jobs failed".to_owned(),
            href: String::new(),
        };
        let chart = activity(&dashboard("2026-03-08", "2026-03-14"), &Query::default(), &[cause("2026-03-10"), cause("2026-04-01")], None);
        assert_eq!(chart.notes.iter().map(|note| (note.at, note.bad)).collect::<Vec<_>>(), [(2, true)]);
        let commits = |day: &str, count| Cause { kind: CauseKind::Commits, count, ..cause(day) };
        let chart = activity(
            &dashboard("2026-03-08", "2026-03-14"),
            &Query::default(),
            &[commits("2026-03-09", 4), commits("2026-03-11", 9), commits("2026-03-12", 1)],
            None,
        );
        assert_eq!(chart.notes.iter().map(|note| note.at).collect::<Vec<_>>(), [3]);
    }

    #[test]
    fn a_dashboard_without_numbers_has_charts_without_points_in_them() {
        let none = Dashboard::default();
        for chart in [
            activity(&none, &Query::default(), &[], None),
            heat(&none, &Query::default()),
            calendar(&none, &Query::default()),
            retention(&none),
            learning(&none),
            success(&none),
        ] {
            assert!(chart.is_empty(), "{}", chart.title);
        }
    }
}
