//! How often an item was installed and downloaded in the last 90 days: a line, and the same as a table.

use std::fmt::Write as _;

use leptos::prelude::*;

use crate::{
    browser::page,
    features::marketplace::{model::Day, ui::parts::Fold},
    ui::{count, plural, utc_time},
};

const DAYS: i64 = 90;
const WEEK: i64 = 7;
const DAY_MS: i64 = 86_400_000;
/// On fewer days a line says nothing.
const DAYS_OF_A_LINE: usize = 5;
const WIDTH: i64 = 89;
const HEIGHT: i64 = 40;

#[component]
pub fn Trend(days: Vec<Day>) -> impl IntoView {
    let last = page::now_ms() / DAY_MS;
    let series = series(&days, last);
    let installs: i64 = series.iter().map(|day| day.installs).sum();
    let downloads: i64 = series.iter().map(|day| day.downloads).sum();
    let active = series.iter().filter(|day| day.installs > 0).count();
    let words = format!("{}, {}", plural(installs, "install", "installs"), plural(downloads, "download", "downloads"));
    let body = if installs + downloads == 0 {
        view! { <p class="t3 f12">"Nobody installed or downloaded it in these days."</p> }.into_any()
    } else {
        let line = if active < DAYS_OF_A_LINE {
            view! { <p class="t3 f12">{format!("Installed on {}: too few for a line.", plural(active as i64, "day", "days"))}</p> }
                .into_any()
        } else {
            chart(&series)
        };
        let rows = weeks(&series)
            .into_iter()
            .map(|week| {
                view! { <tr><th scope="row">{date(week.day)}</th><td class="num">{count(week.installs)}</td><td class="num">{count(week.downloads)}</td></tr> }
            })
            .collect_view();
        view! {
            <p class="f12 t2">{words}</p>
            {line}
            <details class="f12">
                <Fold words="As a table"/>
                <table class="table flush">
                    <thead><tr><th scope="col">"Week from"</th><th scope="col" class="num">"Installs"</th><th scope="col" class="num">"Downloads"</th></tr></thead>
                    <tbody>{rows}</tbody>
                </table>
            </details>
        }
        .into_any()
    };
    view! {
        <section class="card" aria-labelledby="trend-h">
            <header class="card-head"><h2 id="trend-h">"Last 90 days"</h2></header>
            <div class="card-body">{body}</div>
        </section>
    }
}

fn date(day: i64) -> String {
    utc_time(day * DAY_MS)[..10].to_owned()
}

/// Every day of the range, also those on which nothing happened.
fn series(days: &[Day], last: i64) -> Vec<Day> {
    let known = |day: i64| days.iter().find(|known| known.day == day).copied();
    (last - DAYS + 1..=last).map(|day| known(day).unwrap_or(Day { day, installs: 0, downloads: 0 })).collect()
}

/// Summed by weeks of which the last one ends today; the first may be shorter.
fn weeks(series: &[Day]) -> Vec<Day> {
    let mut weeks: Vec<Day> = series
        .rchunks(WEEK as usize)
        .map(|week| Day {
            day: week.first().map_or(0, |day| day.day),
            installs: week.iter().map(|day| day.installs).sum(),
            downloads: week.iter().map(|day| day.downloads).sum(),
        })
        .collect();
    weeks.reverse();
    weeks
}

/// The line of installs: one unit to the right for each day, the most of a day at the top.
fn path(series: &[Day], most: i64) -> String {
    let mut path = String::new();
    for (at, day) in series.iter().enumerate() {
        let height = HEIGHT - (HEIGHT - 2) * day.installs / most.max(1);
        let _ = write!(path, "{}{at} {height}", if at == 0 { "M" } else { "L" });
    }
    path
}

fn chart(series: &[Day]) -> AnyView {
    let most = series.iter().map(|day| day.installs).max().unwrap_or(0);
    let line = path(series, most);
    let area = format!("{line}L{WIDTH} {HEIGHT}L0 {HEIGHT}Z");
    let half = series.len() / 2;
    let sum = |days: &[Day]| days.iter().map(|day| day.installs).sum::<i64>();
    let (first, second) = (sum(&series[..half]), sum(&series[half..]));
    let label = format!(
        "Installs per day, {} at most: {} in the first half of the range, {} in the second",
        count(most),
        count(first),
        count(second)
    );
    let begins = series.first().map(|day| date(day.day)).unwrap_or_default();
    view! {
        <div class="trend">
            <svg viewBox=format!("0 0 {WIDTH} {HEIGHT}") preserveAspectRatio="none" role="img" aria-label=label>
                <path d=area class="area"></path>
                <path d=line class="line"></path>
            </svg>
            <p class="x"><span>{begins}</span><span>{format!("at most {} a day", count(most))}</span><span>"today"</span></p>
        </div>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_without_anything_are_there_and_older_ones_are_not() {
        let days = [
            Day { day: 100, installs: 4, downloads: 1 },
            Day { day: 10, installs: 9, downloads: 9 },
            Day { day: 198, installs: 2, downloads: 0 },
        ];
        let series = series(&days, 198);
        assert_eq!((series.len(), series[0].day, series[89].installs), (90, 109, 2));
        assert_eq!(series.iter().map(|day| day.installs).sum::<i64>(), 2);
        let weeks = weeks(&series);
        assert_eq!((weeks.len(), weeks[0].day, weeks[12].day, weeks[12].installs), (13, 109, 192, 2));
    }

    #[test]
    fn the_line_goes_from_the_ground_to_the_top() {
        let day = |installs| Day { day: 0, installs, downloads: 0 };
        assert_eq!(path(&[day(0), day(5), day(10)], 10), "M0 40L1 21L2 2");
        assert_eq!(path(&[day(0)], 0), "M0 40");
    }
}
