//! What the charts of the page show, made of the dashboard. Pure.

use llmos_analytics::{
    day::Day,
    model::{Cause, CauseKind, Dashboard, Forecasts, Foretold, Measure, Query, Range, Ranked, Shelf},
};

use super::{
    super::state::{Behind, analytics_address, rows_address},
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

/// `page` is the address that the question stands in.
fn links(page: &str, steps: &[Range], measure: Measure) -> Vec<Option<String>> {
    steps.iter().map(|step| Some(rows(page, measure, step.from, step.to))).collect()
}

fn rows(page: &str, measure: Measure, from: Day, to: Day) -> String {
    rows_address(page, &Behind::of(measure).days(from, to))
}

/// Sessions, artifacts and commits over the range, with the sessions of the range before, what happened and, where the range ends with today, the days to come.
pub fn activity(data: &Dashboard, query: &Query, causes: &[Cause], ahead: Option<&Forecasts>) -> ChartData {
    let (steps, page) = (steps(data.range), analytics_address(query, None));
    let line = |id: &str, name: &str, color, symbol, daily: &[u64], measure| Series {
        id: id.to_owned(),
        name: name.to_owned(),
        color,
        symbol,
        values: summed(data.range, &steps, daily),
        links: links(&page, &steps, measure),
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
            links: links(&page, &shifted, Measure::Sessions),
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
    let unusual = ahead.into_iter().flat_map(|ahead| unusual(&steps, &page, ahead));
    ChartData {
        title: "Activity".to_owned(),
        head: if steps.iter().any(|step| step.from != step.to) { "Week" } else { "Day" },
        points,
        series,
        notes: marked(causes).filter_map(|cause| note(&steps, &page, cause)).chain(unusual).collect(),
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
fn unusual(steps: &[Range], page: &str, ahead: &Forecasts) -> Vec<Note> {
    let notes = ahead.series.iter().flat_map(|series| series.unusual.iter().map(move |day| (series, day))).filter_map(|(series, day)| {
        let measure = Measure::parse(&series.measure)?;
        Some(Note {
            at: steps.iter().position(|step| step.contains(day.day))?,
            words: format!("Unusual: {} {}, where about {:.0} were to be expected.", day.count, series.measure, day.expected),
            href: rows_address(page, &Behind::of(measure).day(day.day)),
            icon: "alert",
            bad: false,
        })
    });
    notes.collect()
}

/// Commits are a line of their own: only the day with the most of them is marked, where it has some.
const MANY: u64 = 3;

fn marked(causes: &[Cause]) -> impl Iterator<Item = &Cause> {
    let most = causes.iter().filter(|cause| cause.kind == CauseKind::Commits && cause.count >= MANY).max_by_key(|cause| cause.count);
    causes.iter().filter(move |cause| cause.kind != CauseKind::Commits || most.is_some_and(|most| most.day == cause.day))
}

fn note(steps: &[Range], page: &str, cause: &Cause) -> Option<Note> {
    let (icon, measure) = match cause.kind {
        CauseKind::Commits => ("commit", Measure::Commits),
        CauseKind::Release => ("tag", Measure::Releases),
        CauseKind::Proposal => ("evolution", Measure::ProposalsAccepted),
        CauseKind::Incident => ("alert", Measure::Incidents),
    };
    let at = steps.iter().position(|step| step.contains(cause.day))?;
    let href = rows_address(page, &Behind::of(measure).day(cause.day));
    Some(Note { at, words: cause.text.clone(), href, icon, bad: cause.kind == CauseKind::Incident })
}

/// What was done by hour and weekday.
pub fn heat(data: &Dashboard, query: &Query) -> ChartData {
    let (hours, page) = (0..24_u8, analytics_address(query, None));
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
        links: hours.clone().map(|hour| Some(rows_address(&page, &Behind::of(Measure::Activity).hour(index as u8, hour)))).collect(),
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
    let (weeks, page) = (days.len().div_ceil(7), analytics_address(query, None));
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
        links: (0..weeks).map(|week| Some(rows_address(&page, &Behind::of(Measure::Activity).day(day_at(week, weekday))))).collect(),
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
pub fn retention(data: &Dashboard, query: &Query) -> ChartData {
    let cohorts = &data.collaboration.retention;
    let weeks = cohorts.iter().map(|cohort| cohort.active.len()).max().unwrap_or_default();
    let page = analytics_address(query, None);
    let row = |cohort: &llmos_analytics::model::Cohort| {
        let all = cohort.active.first().copied().unwrap_or_default().max(1) as f64;
        Series {
            id: cohort.week.to_string(),
            name: format!("{} ({})", day_short(cohort.week), cohort.active.first().copied().unwrap_or_default()),
            color: "--chart-1",
            symbol: "rect",
            values: (0..weeks).map(|week| cohort.active.get(week).map(|count| *count as f64 / all * 100.0)).collect(),
            links: (0..weeks).map(|week| cohort.active.get(week).map(|_| came_back(data, &page, cohort.week, week))).collect(),
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

/// What the people of a cohort did some weeks later.
fn came_back(data: &Dashboard, page: &str, cohort: Day, later: usize) -> String {
    let from = cohort.plus(i32::try_from(later * 7).unwrap_or(i32::MAX));
    let behind = Behind::of(Measure::Activity).days(from, from.plus(6).min(data.range.to)).cohort(cohort);
    rows_address(page, &behind)
}

/// Skills accepted until each day, beside the share of runs that succeeded.
pub fn learning(data: &Dashboard, query: &Query) -> ChartData {
    let (steps, page) = (steps(data.range), analytics_address(query, None));
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
            // All of them so far, from the first day on.
            links: steps.iter().map(|step| Some(rows(&page, Measure::ProposalsAccepted, data.range.from, step.to))).collect(),
            area: true,
            ..Series::default()
        }],
        ..ChartData::default()
    }
}

/// The share of runs that succeeded on each day. That of a week is of its runs, not of its days: a day with one run weighs as much as one run.
pub fn success(data: &Dashboard, query: &Query) -> ChartData {
    let steps = steps(data.range);
    let at = |day: Day| usize::try_from(day.since(data.range.from)).unwrap_or(usize::MAX);
    let share = |step: &Range| {
        let days = data.evolution.success_daily.iter().zip(&data.evolution.traces_daily.now);
        let days = days.skip(at(step.from)).take(usize::try_from(step.len()).unwrap_or_default());
        let (sum, runs) =
            days.fold((0.0, 0), |(sum, runs), (share, count)| (sum + share.unwrap_or_default() * *count as f64, runs + count));
        (runs > 0).then(|| sum / runs as f64 * 100.0)
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
            values: steps.iter().map(share).collect(),
            links: links(&analytics_address(query, None), &steps, Measure::Traces),
            ..Series::default()
        }],
        suffix: "%",
        decimals: 1,
        ..ChartData::default()
    }
}

/// A chart of one bar for each name; what stands in the page as a list is saved as this.
fn bars(title: &str, head: &'static str, names: Vec<String>, series: Vec<(&str, Vec<Option<f64>>)>) -> ChartData {
    const COLORS: [&str; 2] = ["--chart-1", "--chart-2"];
    let series = series.into_iter().zip(COLORS).map(|((name, values), color)| Series {
        id: name.to_lowercase().replace(' ', "-"),
        name: name.to_owned(),
        color,
        symbol: "rect",
        values,
        ..Series::default()
    });
    ChartData {
        shape: Shape::Bars,
        title: title.to_owned(),
        head,
        points: names.into_iter().map(|name| Point { short: name.clone(), name }).collect(),
        series: series.collect(),
        ..ChartData::default()
    }
}

/// Artifacts by kind and by volume, as they are there now, and by category, as they were worked on.
pub fn distribution(data: &Dashboard) -> ChartData {
    let artifacts = &data.artifacts;
    let (mut names, mut there, mut worked) = (Vec::new(), Vec::new(), Vec::new());
    for (part, rows, now) in
        [("Kind", &artifacts.by_kind, true), ("Volume", &artifacts.by_volume, true), ("Category", &artifacts.by_category, false)]
    {
        for row in rows {
            names.push(format!("{part} {}", if row.name.is_empty() { "not named" } else { row.name.as_str() }));
            there.push(now.then_some(row.count as f64));
            worked.push((!now).then_some(row.count as f64));
        }
    }
    bars("Artifacts", "Part", names, vec![("There now", there), ("Made and edited", worked)])
}

/// Skills by their uses.
pub fn most_used(data: &Dashboard) -> ChartData {
    let skills = &data.skills.most_used;
    let name = |skill: &Ranked| if skill.name.is_empty() { "not named".to_owned() } else { skill.name.clone() };
    let uses = skills.iter().map(|skill| Some(skill.count as f64)).collect();
    let succeeded = skills.iter().map(|skill| skill.share.map(|share| (share * skill.count as f64).round())).collect();
    bars("Most used skills", "Skill", skills.iter().map(name).collect(), vec![("Uses", uses), ("Succeeded", succeeded)])
}

/// From a view to a first use, of ours and of all.
pub fn funnels(data: &Dashboard) -> ChartData {
    let of = |shelf: &Shelf| [shelf.views, shelf.installs, shelf.first_uses].map(|figure| figure.now).to_vec();
    let steps = ["Viewed", "Installed", "Used"].map(str::to_owned).to_vec();
    let (mine, all) = (of(&data.marketplace.mine), of(&data.marketplace.all));
    bars("From a view to its first use", "Step", steps, vec![("Ours", mine), ("All", all)])
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
        assert!(month.without_links().series.iter().all(|series| series.links.is_empty()));
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
    fn what_happened_leads_to_the_rows_that_it_counts() {
        let cause =
            |kind| Cause { day: "2026-03-10".parse().expect("a day"), kind, count: 5, text: String::new(), href: "/elsewhere".to_owned() };
        let causes = [CauseKind::Commits, CauseKind::Release, CauseKind::Proposal, CauseKind::Incident].map(cause);
        let chart = activity(&dashboard("2026-03-08", "2026-03-14"), &Query::default(), &causes, None);
        let rows = ["commits", "releases", "proposals_accepted", "incidents"];
        let expected = rows.map(|rows| format!("/analytics?compare=false&rows={rows}&rows_from=2026-03-10&rows_to=2026-03-10"));
        let mut hrefs: Vec<String> = chart.notes.iter().map(|note| note.href.clone()).collect();
        hrefs.sort_by_key(|href| expected.iter().position(|one| one == href));
        assert_eq!(hrefs, expected);
    }

    #[test]
    fn a_week_succeeds_as_its_runs_do() {
        let mut data = dashboard("2025-03-15", "2026-03-14");
        data.evolution.success_daily = vec![None; 365];
        data.evolution.traces_daily = model::Series { now: vec![0; 365], before: Vec::new() };
        // The Monday and the Sunday of one week: 2025-03-17 and 2025-03-23.
        for (day, share, runs) in [(2, 1.0, 500), (8, 0.0, 1)] {
            data.evolution.success_daily[day] = Some(share);
            data.evolution.traces_daily.now[day] = runs;
        }
        let chart = success(&data, &Query::default());
        assert_eq!((chart.head, chart.series[0].values[0]), ("Week", None));
        assert!(
            chart.series[0].values[1].is_some_and(|share| (share - 500.0 / 501.0 * 100.0).abs() < 1e-9),
            "{:?}",
            chart.series[0].values
        );
        assert!(
            chart.series[0].links[1].as_deref().is_some_and(|link| link.contains("rows=traces&rows_from=2025-03-17&rows_to=2025-03-23"))
        );
    }

    #[test]
    fn a_point_of_learning_and_a_cell_of_those_who_came_back_lead_to_their_rows() {
        let mut data = dashboard("2026-03-02", "2026-03-18");
        data.evolution.learning = vec![1; 17];
        let learned = learning(&data, &Query::default());
        assert!(
            learned.series[0].links[2]
                .as_deref()
                .is_some_and(|link| link.contains("proposals_accepted&rows_from=2026-03-02&rows_to=2026-03-04"))
        );
        let week = "2026-03-02".parse().expect("a day");
        data.collaboration.retention = vec![model::Cohort { week, active: vec![4, 2, 1] }];
        let came = retention(&data, &Query::default());
        let link = came.series[0].links[2].as_deref().unwrap_or_default();
        assert!(link.contains("rows=activity&rows_from=2026-03-16&rows_to=2026-03-18&rows_cohort=2026-03-02"), "{link}");
    }

    #[test]
    fn lists_are_saved_as_what_they_show() {
        let line = |name: &str, count, share| model::Ranked { name: name.to_owned(), count, share, ..model::Ranked::default() };
        let mut data = Dashboard::default();
        data.artifacts.by_kind = vec![line("skill", 3, None)];
        data.artifacts.by_category = vec![line("", 2, None)];
        data.skills.most_used = vec![line("tides", 4, Some(0.75))];
        assert_eq!(distribution(&data).csv(), "Part,There now,Made and edited,Notes\r\nKind skill,3,,\r\nCategory not named,,2,\r\n");
        assert_eq!(most_used(&data).csv(), "Skill,Uses,Succeeded,Notes\r\ntides,4,3,\r\n");
        assert_eq!(funnels(&data).csv(), "Step,Ours,All,Notes\r\nViewed,,,\r\nInstalled,,,\r\nUsed,,,\r\n");
    }

    #[test]
    fn a_dashboard_without_numbers_has_charts_without_points_in_them() {
        let none = Dashboard::default();
        for chart in [
            activity(&none, &Query::default(), &[], None),
            heat(&none, &Query::default()),
            calendar(&none, &Query::default()),
            retention(&none, &Query::default()),
            learning(&none, &Query::default()),
            success(&none, &Query::default()),
            distribution(&none),
            most_used(&none),
            funnels(&none),
        ] {
            assert!(chart.is_empty(), "{}", chart.title);
        }
    }
}
