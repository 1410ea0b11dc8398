//! The page of traces: the list, and one of them beside it.

mod detail;
mod list;

pub use list::TracesPage;

use leptos::prelude::*;

use super::model::TraceOutcome;
use crate::ui::Icon;

/// How a run ended, as a mark.
pub fn outcome_mark(outcome: TraceOutcome) -> impl IntoView {
    let (look, icon) = match outcome {
        TraceOutcome::Succeeded => ("c-ok", "ok"),
        TraceOutcome::Failed => ("c-bad", "fail"),
        TraceOutcome::Unknown => ("t3", "dashed"),
    };
    let words = outcome.words();
    view! { <span class=look title=words><Icon name=icon/><span class="sr">{words}</span></span> }
}

/// A duration as a person reads it: "0.4 s", "12 s", "6 min", "2 h 5 min".
pub fn duration_words(ms: i64) -> String {
    let seconds = ms as f64 / 1_000.0;
    match ms {
        ..10_000 => format!("{seconds:.1} s"),
        10_000..60_000 => format!("{seconds:.0} s"),
        60_000..3_600_000 => format!("{} min", ms / 60_000),
        _ if ms % 3_600_000 < 60_000 => format!("{} h", ms / 3_600_000),
        _ => format!("{} h {} min", ms / 3_600_000, ms % 3_600_000 / 60_000),
    }
}

/// US dollars: cents where they count, a "<" where there are none to be seen, and a dash where the source tells no cost.
pub fn cost_words(dollars: f64) -> String {
    match dollars {
        cost if cost <= 0.0 => "–".to_owned(),
        cost if cost < 0.01 => "< $0.01".to_owned(),
        cost => format!("${cost:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_costs_are_short() {
        let words = |ms| duration_words(ms);
        assert_eq!(
            [words(380), words(12_400), words(6 * 60_000 + 1), words(3_600_000), words(7_500_000)],
            ["0.4 s", "12 s", "6 min", "1 h", "2 h 5 min"]
        );
        assert_eq!([cost_words(0.0), cost_words(0.004), cost_words(1.239)], ["–", "< $0.01", "$1.24"]);
    }
}
