//! Our own JSON: one trace, an array of them, or one a line.
//!
//! | key | of a trace |
//! |---|---|
//! | `id`, `goal` | one of `id`, `goal` and `steps` has to be there |
//! | `started_at`, `ended_at` | RFC 3339, or UTC milliseconds |
//! | `user`, `session`, `model` | texts |
//! | `steps` | `name`, `kind` (`tool`, `skill`, `llm`), `input`, `output`, `outcome` (`ok`, `error`, `skipped`), `duration_ms`, `offset_ms` or `started_at`, `tokens_in`, `tokens_out`, `parent` (the number of a step from 0, or the `id` of one) |
//! | `success`, `rating` | `true`, `false` or `null`; 1 to 5 or `null` |
//! | `skills_used` | slugs |
//! | `tokens_in`, `tokens_out`, `cost_usd` | numbers |
//!
//! Every key may be missing or `null`, those that are not known are passed over. Inputs and outputs that are no texts are kept as JSON.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::fault::{Fault, Place};
use crate::json::{self, Many, whole};
use crate::lines::Lines;
use crate::model::{Notice, Outcome, Step, StepKind, Trace, limits};
use crate::text::keep;

/// Reads traces that come in pieces, one a line.
#[derive(Debug, Default)]
pub struct Reader {
    lines: Lines,
}

impl Reader {
    /// What is finished by these bytes. A line that cannot be read spoils no other.
    pub fn push(&mut self, bytes: &[u8], mut each: impl FnMut(Result<Trace, Fault>)) {
        self.lines.push(bytes, |number, line| each(line.and_then(|line| object(line, Place::Line(number)))));
    }

    /// The last line, if nothing ended it.
    pub fn finish(mut self, mut each: impl FnMut(Result<Trace, Fault>)) {
        self.lines.finish(|number, line| each(line.and_then(|line| object(line, Place::Line(number)))));
    }
}

/// Reads a whole file: one object, an array, or one object a line.
pub fn parse(bytes: &[u8]) -> Box<dyn Iterator<Item = Result<Trace, Fault>> + '_> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes).trim_ascii();
    let Ok(text) = std::str::from_utf8(bytes) else {
        // Line by line, so that the others are read.
        return lines(bytes);
    };
    if text.is_empty() {
        return Box::new(std::iter::once(Err(Fault::file("There is nothing in this file."))));
    }
    if text.starts_with('[') {
        return match serde_json::from_str::<Vec<&RawValue>>(text) {
            Ok(items) => Box::new(items.into_iter().enumerate().map(|(n, item)| object(item.get(), Place::Item(n + 1)))),
            Err(error) => Box::new(std::iter::once(Err(Fault::line(error.line(), json::sentence(&error, "."))))),
        };
    }
    if is_one_object(text) {
        return Box::new(std::iter::once(object(text, Place::File)));
    }
    lines(bytes)
}

/// One object over several lines has a first line that is none by itself, and a second one that begins none.
fn is_one_object(text: &str) -> bool {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let (Some(first), Some(second)) = (lines.next(), lines.next()) else { return true };
    !second.trim_start().starts_with('{') && serde_json::from_str::<serde::de::IgnoredAny>(first).is_err()
}

fn lines(bytes: &[u8]) -> Box<dyn Iterator<Item = Result<Trace, Fault>> + '_> {
    let mut reader = Some(Reader::default());
    let mut pieces = bytes.split_inclusive(|&b| b == b'\n');
    let mut ready = std::collections::VecDeque::new();
    Box::new(std::iter::from_fn(move || {
        loop {
            if let Some(found) = ready.pop_front() {
                return Some(found);
            }
            match pieces.next() {
                Some(piece) => reader.as_mut()?.push(piece, |found| ready.push_back(found)),
                None => reader.take()?.finish(|found| ready.push_back(found)),
            }
        }
    }))
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Raw {
    #[serde(deserialize_with = "json::text")]
    id: Option<String>,
    #[serde(deserialize_with = "json::text")]
    goal: Option<String>,
    #[serde(deserialize_with = "json::moment")]
    started_at: Option<i64>,
    #[serde(deserialize_with = "json::moment")]
    ended_at: Option<i64>,
    #[serde(deserialize_with = "json::text")]
    user: Option<String>,
    #[serde(deserialize_with = "json::text")]
    session: Option<String>,
    #[serde(deserialize_with = "json::text")]
    model: Option<String>,
    steps: Option<Many<RawStep>>,
    success: Option<bool>,
    #[serde(deserialize_with = "json::number")]
    rating: Option<f64>,
    #[serde(deserialize_with = "json::or_default")]
    skills_used: Many<String>,
    #[serde(deserialize_with = "json::number")]
    tokens_in: Option<f64>,
    #[serde(deserialize_with = "json::number")]
    tokens_out: Option<f64>,
    #[serde(deserialize_with = "json::number")]
    cost_usd: Option<f64>,
    #[serde(deserialize_with = "json::or_default")]
    notices: Vec<Notice>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawStep {
    #[serde(deserialize_with = "json::text")]
    id: Option<String>,
    #[serde(deserialize_with = "json::text")]
    name: Option<String>,
    #[serde(deserialize_with = "json::or_default")]
    kind: StepKind,
    parent: Option<Parent>,
    #[serde(deserialize_with = "json::text")]
    input: Option<String>,
    #[serde(deserialize_with = "json::text")]
    output: Option<String>,
    #[serde(deserialize_with = "json::or_default")]
    outcome: Outcome,
    #[serde(deserialize_with = "json::moment")]
    started_at: Option<i64>,
    #[serde(deserialize_with = "json::number")]
    offset_ms: Option<f64>,
    #[serde(deserialize_with = "json::number")]
    duration_ms: Option<f64>,
    #[serde(deserialize_with = "json::number")]
    tokens_in: Option<f64>,
    #[serde(deserialize_with = "json::number")]
    tokens_out: Option<f64>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "the number of a step, or its id")]
enum Parent {
    Number(usize),
    Id(String),
}

fn object(text: &str, place: Place) -> Result<Trace, Fault> {
    if !text.starts_with('{') {
        return Err(Fault::at(place, "A trace is a JSON object with `goal` and `steps`; this begins with something else."));
    }
    let raw: Raw = json::read(text, place)?;
    if raw.id.is_none() && raw.goal.is_none() && raw.steps.is_none() {
        return Err(Fault::at(place, "This object is no trace: it has no `id`, no `goal` and no `steps`."));
    }
    Ok(trace(raw))
}

fn trace(raw: Raw) -> Trace {
    let mut notices = raw.notices;
    let mut count = |number: Option<f64>| {
        let (number, is_negative) = whole(number);
        if is_negative {
            notices.push(Notice::Clock);
        }
        number
    };
    let steps = raw.steps.unwrap_or_default();
    let first = steps.items.iter().filter_map(|step| step.started_at).min();
    let started_at = raw.started_at.or(first).or(raw.ended_at).unwrap_or_default();

    let ids: HashMap<String, usize> = steps.items.iter().enumerate().rev().filter_map(|(n, step)| Some((step.id.clone()?, n))).collect();
    let mut is_missing = false;
    let taken = steps
        .items
        .into_iter()
        .map(|step| {
            let begun = step.started_at.map(|at| at.saturating_sub(started_at) as f64);
            let parent = match step.parent {
                None => None,
                Some(Parent::Number(number)) => Some(number),
                Some(Parent::Id(id)) => {
                    let found = ids.get(&id).copied();
                    is_missing |= found.is_none();
                    found
                }
            };
            Step {
                name: keep(step.name.unwrap_or_default(), limits::NAME),
                kind: step.kind,
                parent,
                input: keep(step.input.unwrap_or_default(), limits::TEXT),
                output: keep(step.output.unwrap_or_default(), limits::TEXT),
                outcome: step.outcome,
                offset_ms: step.offset_ms.or(begun).map(|at| count(Some(at))),
                duration_ms: count(step.duration_ms),
                tokens_in: whole(step.tokens_in).0,
                tokens_out: whole(step.tokens_out).0,
            }
        })
        .collect();
    if is_missing {
        notices.push(Notice::Parents);
    }
    if steps.more {
        notices.push(Notice::StepsLeftOut);
    }
    if raw.skills_used.more {
        notices.push(Notice::Cut);
    }
    Trace {
        id: raw.id.unwrap_or_default(),
        goal: raw.goal.unwrap_or_default(),
        started_at,
        ended_at: raw.ended_at.unwrap_or(started_at),
        user: raw.user,
        session: raw.session,
        model: raw.model,
        steps: taken,
        success: raw.success,
        rating: raw.rating.filter(|r| r.fract() == 0.0 && (1.0..=5.0).contains(r)).map(|r| r as u8),
        skills_used: raw.skills_used.items,
        tokens_in: whole(raw.tokens_in).0,
        tokens_out: whole(raw.tokens_out).0,
        cost_usd: raw.cost_usd.unwrap_or_default(),
        notices,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tidy::tests::any_trace;

    const FIXTURE: &[u8] = include_bytes!("../fixtures/native.jsonl");

    fn all(bytes: &[u8]) -> Vec<Result<Trace, Fault>> {
        parse(bytes).collect()
    }

    fn one(text: &str) -> Trace {
        let mut all = all(text.as_bytes());
        assert_eq!(all.len(), 1);
        all.remove(0).expect("a trace")
    }

    fn fault(text: &str) -> String {
        all(text.as_bytes()).into_iter().find_map(Result::err).expect("a fault").to_string()
    }

    #[test]
    fn reads_one_a_line() {
        let traces: Vec<Trace> = all(FIXTURE).into_iter().collect::<Result<_, _>>().expect("every line is a trace");
        assert_eq!(traces.len(), 5);
        let first = &traces[0];
        assert_eq!(first.id, "r3c61421b");
        assert_eq!(first.ended_at - first.started_at, 23_000);
        assert_eq!(first.user.as_deref(), Some("u-bjorn"));
        assert_eq!((first.success, first.rating, first.tokens_in, first.cost_usd), (Some(false), None, 24_593, 0.085));
        assert_eq!(first.steps[0].duration_ms, 6_342);
        assert_eq!(first.steps[3].outcome, Outcome::Skipped);
        let skilled = traces.iter().find(|t| !t.skills_used.is_empty()).expect("one that used a skill");
        assert!(skilled.steps.iter().any(|s| s.kind == StepKind::Skill && skilled.skills_used.contains(&s.name)));
    }

    #[test]
    fn reads_an_array_and_an_object_over_lines() {
        assert_eq!(one("\u{FEFF} [\n {\"id\": \"a\"}\n]\n").id, "a");
        assert_eq!(one("{\n  \"goal\": \"g\",\n  \"steps\": []\n}").goal, "g");
        let mixed = all(br#"[{"goal": "g"}, 7, {"rating": 3}]"#);
        assert!(mixed[0].is_ok());
        assert!(mixed[1].as_ref().expect_err("a fault").to_string().starts_with("Item 2: A trace is a JSON object"));
        assert!(mixed[2].as_ref().expect_err("a fault").to_string().starts_with("Item 3: This object is no trace"));
    }

    #[test]
    fn what_others_write_is_understood() {
        let trace = one(
            r#"{"id": 7, "goal": null, "ended_at": 1790000000000, "rating": 9, "success": null, "session": null, "cost_usd": "0.5", "unknown": [1],
            "steps": [
              {"id": "s1", "name": "a", "kind": "llm", "started_at": "2026-09-21T14:13:19Z", "input": {"q": [1, "x"]}, "duration_ms": 1.6},
              {"id": "s2", "name": "b", "kind": null, "parent": "s1", "output": 5, "duration_ms": -4, "started_at": "2026-09-21T14:13:19.500Z"},
              {"name": "c", "parent": 1}, {"name": "d", "parent": "nobody"}]}"#,
        );
        assert_eq!((trace.id.as_str(), trace.rating, trace.cost_usd, trace.success), ("7", None, 0.5, None));
        assert_eq!(trace.started_at, 1_789_999_999_000, "when its first step began");
        assert_eq!(
            (trace.steps[0].input.as_str(), trace.steps[0].duration_ms, trace.steps[0].offset_ms),
            (r#"{"q": [1, "x"]}"#, 2, Some(0))
        );
        assert_eq!((trace.steps[1].output.as_str(), trace.steps[1].parent, trace.steps[1].offset_ms), ("5", Some(0), Some(500)));
        assert_eq!((trace.steps[2].parent, trace.steps[3].parent), (Some(1), None));
        assert_eq!(trace.notices, [Notice::Clock, Notice::Parents]);
    }

    #[test]
    fn faults_say_what_and_where() {
        assert_eq!(fault(""), "There is nothing in this file.");
        let text = "{\"goal\": \"a\"}\n{\"goal\": \n{\"goal\": \"b\", \"steps\": [{\"kind\": \"agent\"}]}\n{\"goal\": \"c\"}\n";
        let found = all(text.as_bytes());
        assert_eq!(found.len(), 4);
        assert!(found[0].is_ok() && found[3].is_ok(), "a bad line spoils no other");
        assert!(found[1].as_ref().expect_err("a fault").to_string().starts_with("Line 2: This is not valid JSON: EOF"));
        assert_eq!(
            found[2].as_ref().expect_err("a fault").to_string(),
            "Line 3: `steps[0].kind` cannot be read: unknown variant `agent`, expected one of `tool`, `skill`, `llm`."
        );
        assert_eq!(
            fault(r#"{"goal": "a", "started_at": "yesterday"}"#),
            "Line 1: `started_at` cannot be read: a time is written as 2026-09-21T07:04:52Z, or as milliseconds since 1970."
        );
        assert!(fault("[{\"goal\": 1},\n{]").starts_with("Line 2: This is not valid JSON"));
    }

    #[test]
    fn more_steps_than_are_ever_shown_are_read_over() {
        let steps = vec!["{}"; crate::text::MOST_STEPS_READ + 1].join(",");
        let trace = one(&format!(r#"{{"goal": "g", "steps": [{steps}]}}"#));
        assert_eq!((trace.steps.len(), trace.notices), (crate::text::MOST_STEPS_READ, vec![Notice::StepsLeftOut]));
    }

    proptest! {
        #[test]
        fn reads_what_the_model_writes(mut trace in any_trace()) {
            trace.tidy(|text| text.into(), |_| false);
            let text = serde_json::to_string(&trace).expect("a trace is JSON");
            prop_assert_eq!(one(&text), trace);
        }

        #[test]
        fn never_panics(text in r#"(?s)[\[{]?.{0,40}|\{("(id|goal|steps|rating)":(\[\{\}\]|-1e999|"a"|null),?){0,4}\}"#) {
            prop_assert!(parse(text.as_bytes()).count() < 50);
        }
    }
}
