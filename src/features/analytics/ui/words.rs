//! How the numbers of the dashboard are said. Pure.

use llmos_analytics::{
    day::Day,
    model::{Figure, Range, Trend},
};

use crate::ui::chart::number_words;

/// What a number is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Count,
    /// A number for each of something, with one decimal.
    Each,
    /// A share from 0 to 1.
    Share,
    Minutes,
    Hours,
    Millis,
    Stars,
    /// A mean of parts of one, with two decimals.
    Mean,
}

/// Which way is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    More,
    Less,
    Neither,
}

impl Unit {
    /// The number, and its unit.
    pub fn parts(self, value: f64) -> (String, &'static str) {
        match self {
            Self::Count => (number_words(value, 0), ""),
            Self::Each => (number_words(value, 1), ""),
            Self::Share => (number_words(value * 100.0, 1), "%"),
            Self::Minutes => (number_words(value, 1), "min"),
            Self::Hours => (number_words(value, 1), "h"),
            Self::Millis => (number_words(value, if value < 10.0 { 1 } else { 0 }), "ms"),
            Self::Stars => (number_words(value, 1), "of 5"),
            Self::Mean => (number_words(value, 2), ""),
        }
    }

    pub fn words(self, value: f64) -> String {
        let (number, unit) = self.parts(value);
        if unit.is_empty() { number } else { format!("{number} {unit}") }
    }
}

/// A change as it stands beside its number: icon, look, and words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub icon: &'static str,
    pub look: &'static str,
    pub words: String,
    /// What was before, or why there is nothing to say.
    pub note: String,
}

/// How a number went. Nothing where nothing was compared.
pub fn change(figure: Figure, unit: Unit, better: Better) -> Option<Change> {
    let trend = figure.trend?;
    let by = match (unit, figure.now, figure.before) {
        // Of a share, points: 4 % of 50 % could be read as either.
        (Unit::Share, Some(now), Some(before)) => Some(format!("{} pt", number_words((now - before).abs() * 100.0, 1))),
        _ => figure.change().map(|change| format!("{} %", number_words(change.abs() * 100.0, 0))),
    };
    let from = figure.before.map(|before| format!("from {}", unit.words(before))).unwrap_or_default();
    let look = |is_more: bool| match better {
        Better::Neither => "",
        Better::More if is_more => "good",
        Better::Less if !is_more => "good",
        _ => "bad",
    };
    Some(match trend {
        Trend::Up => Change { icon: "arrow-ur", look: look(true), words: by.unwrap_or_else(|| "more".to_owned()), note: from },
        Trend::Down => Change { icon: "arrow-dr", look: look(false), words: by.unwrap_or_else(|| "less".to_owned()), note: from },
        Trend::Steady => Change { icon: "arrow-r", look: "", words: by.unwrap_or_default(), note: "steady".to_owned() },
        Trend::TooFew => Change { icon: "arrow-r", look: "", words: "too few to say".to_owned(), note: String::new() },
    })
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/// From Monday.
pub const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// "13 Mar".
pub fn day_short(day: Day) -> String {
    let (_, month, date) = day.civil();
    format!("{date} {}", MONTHS.get(usize::from(month.saturating_sub(1))).copied().unwrap_or_default())
}

/// "Fri 13 Mar 2026".
pub fn day_long(day: Day) -> String {
    let weekday = WEEKDAYS.get(usize::from(day.weekday())).copied().unwrap_or_default();
    format!("{weekday} {} {}", day_short(day), day.civil().0)
}

/// "13 Feb to 14 Mar", with the years where they differ.
pub fn range_words(range: Range) -> String {
    let (first, last) = (range.from.civil().0, range.to.civil().0);
    if range.from == range.to {
        day_long(range.from)
    } else if first == last {
        format!("{} to {}", day_short(range.from), day_short(range.to))
    } else {
        format!("{} {first} to {} {last}", day_short(range.from), day_short(range.to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(now: f64, before: f64, trend: Trend) -> Figure {
        Figure { now: Some(now), before: Some(before), trend: Some(trend) }
    }

    #[test]
    fn a_change_says_by_how_much_and_from_what() {
        let sessions = change(figure(1_306.0, 1_146.0, Trend::Up), Unit::Count, Better::More).expect("a change");
        assert_eq!((sessions.words.as_str(), sessions.note.as_str(), sessions.look), ("14 %", "from 1,146", "good"));
        let empty = change(figure(0.031, 0.045, Trend::Down), Unit::Share, Better::Less).expect("a change");
        assert_eq!((empty.words.as_str(), empty.note.as_str(), empty.look), ("1.4 pt", "from 4.5 %", "good"));
        let new = change(figure(5.0, 0.0, Trend::Up), Unit::Count, Better::Neither).expect("a change");
        assert_eq!((new.words.as_str(), new.look), ("more", ""));
        assert_eq!(change(figure(5.0, 4.0, Trend::TooFew), Unit::Count, Better::More).expect("a change").words, "too few to say");
        assert_eq!(change(Figure { now: Some(1.0), ..Figure::default() }, Unit::Count, Better::More), None);
    }

    #[test]
    fn days_are_written_short_long_and_as_ranges() {
        let day = |text: &str| text.parse::<Day>().expect("a day");
        assert_eq!(day_short(day("2026-03-13")), "13 Mar");
        assert_eq!(day_long(day("2026-03-13")), "Fri 13 Mar 2026");
        assert_eq!(range_words(Range { from: day("2026-02-13"), to: day("2026-03-14") }), "13 Feb to 14 Mar");
        assert_eq!(range_words(Range { from: day("2025-12-30"), to: day("2026-01-02") }), "30 Dec 2025 to 2 Jan 2026");
    }
}
