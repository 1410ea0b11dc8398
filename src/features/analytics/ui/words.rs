//! How the numbers of the dashboard are said. Pure.

use llmos_analytics::{
    day::Day,
    kind::Kind,
    latency,
    model::{Figure, Range, Trend},
};

use crate::ui::{chart::number_words, plural};

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

/// A span of time in the unit that suits it.
pub fn span_words(ms: f64) -> String {
    const UNITS: [(f64, &str); 4] = [(3_600_000.0, "h"), (60_000.0, "min"), (1_000.0, "s"), (1.0, "ms")];
    let (size, unit) = UNITS.into_iter().find(|(size, _)| ms >= *size).unwrap_or((1.0, "ms"));
    format!("{} {unit}", number_words(ms / size, 1))
}

/// What an event says beside what happened and to what: its two numbers in words, as [`Kind`] has them. Empty where they say nothing.
pub fn facts(kind: Kind, amount: i64, extra: i64) -> String {
    let took = |micros: i64| span_words(micros as f64 / 1_000.0);
    let ms = |amount: i64| span_words(amount as f64);
    let confidence = || format!("confidence {}", number_words(extra as f64 / 1_000_000.0, 2));
    let ended = |words: String| if extra > 0 { format!("{words}, failed") } else { words };
    match kind {
        Kind::SessionMessageSent if amount > 0 => format!("{} after the one before", ms(amount)),
        Kind::SessionImported => plural(amount, "message", "messages"),
        Kind::SessionCommitted
        | Kind::ArtifactLeft
        | Kind::ArtifactEntered
        | Kind::TrashEmptied
        | Kind::VolumeImported
        | Kind::VolumeDeleted
        | Kind::GitPulled => plural(amount, "artifact", "artifacts"),
        Kind::SessionFileAttached => crate::ui::bytes(amount.clamp(0, 1 << 50)),
        Kind::PresencePeak => plural(amount, "person at once", "people at once"),
        Kind::ArtifactCreated => match amount {
            1 => "of a proposal",
            2 => "forked",
            3 => "imported",
            4 => "installed",
            _ => "by hand",
        }
        .to_owned(),
        Kind::ArtifactCoedited => ms(amount),
        // What GitHub told of was not looked into.
        Kind::CommitMade if amount > 0 => plural(amount, "change", "changes"),
        Kind::PullRequestMerged => format!("{} from opening", ms(amount)),
        Kind::TraceTaken => format!("{}, {}", if amount > 0 { "succeeded" } else { "failed" }, ms(extra)),
        Kind::SkillUsed => format!("the run {}", if amount > 0 { "succeeded" } else { "failed" }),
        Kind::ProposalMade | Kind::ProposalRejected => confidence(),
        Kind::ProposalAccepted => format!("{}, {} from the first run", confidence(), ms(amount)),
        Kind::EvolutionPassed => plural(amount, "proposal", "proposals"),
        Kind::ItemRated => format!("{amount} of 5"),
        Kind::SearchQueried => format!("{}, {}", plural(extra, "result", "results"), took(amount)),
        Kind::SearchOpened => format!("place {amount}"),
        Kind::DeliveryReceived | Kind::JobEnded => ended(ms(amount)),
        Kind::HttpServed => {
            let upper = latency::upper(u32::try_from(extra).unwrap_or_default()) / 1_000.0;
            format!("{} of up to {}", plural(amount, "request", "requests"), span_words(upper))
        }
        Kind::HttpFailed => plural(amount, "answer that said 5xx", "answers that said 5xx"),
        _ => String::new(),
    }
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
    fn the_numbers_of_an_event_are_words() {
        for (kind, amount, extra, words) in [
            (Kind::SessionCreated, 0, 0, ""),
            (Kind::SessionMessageSent, 0, 0, ""),
            (Kind::SessionMessageSent, 90_000, 0, "1.5 min after the one before"),
            (Kind::ArtifactCreated, 0, 0, "by hand"),
            (Kind::ArtifactCreated, 4, 0, "installed"),
            (Kind::CommitMade, 1, 0, "1 change"),
            (Kind::CommitMade, 0, 0, ""),
            (Kind::PullRequestMerged, 7_200_000, 0, "2 h from opening"),
            (Kind::TraceTaken, 1, 2_500, "succeeded, 2.5 s"),
            (Kind::ProposalAccepted, 3_600_000, 900_000, "confidence 0.9, 1 h from the first run"),
            (Kind::SearchQueried, 3_200, 0, "0 results, 3.2 ms"),
            (Kind::SearchOpened, 3, 0, "place 3"),
            (Kind::JobEnded, 120, 1, "120 ms, failed"),
            (Kind::DeliveryReceived, 0, 0, "0 ms"),
            (Kind::HttpServed, 2, 0, "2 requests of up to 0.1 ms"),
            (Kind::HttpFailed, 1, 0, "1 answer that said 5xx"),
        ] {
            assert_eq!(facts(kind, amount, extra), words, "{kind}");
        }
        // Whatever is stored is read without a panic.
        for &kind in Kind::ALL {
            for number in [i64::MIN, -1, 0, i64::MAX] {
                facts(kind, number, number);
            }
        }
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
