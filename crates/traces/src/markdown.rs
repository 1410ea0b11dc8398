//! A trace as a file that a person can read, write and keep under version control: what a volume's `traces/` folder holds.
//!
//! ````markdown
//! ---
//! id: r7
//! goal: "Count the orders"
//! started_at: 2026-09-21T07:04:52Z
//! ended_at: 2026-09-21T07:05:15Z
//! user: u-ana
//! success: true
//! rating: 4
//! skills: [sales-report]
//! tokens_in: 24593
//! tokens_out: 747
//! cost_usd: 0.085
//! ---
//!
//! ## Steps
//!
//! 1. skill `sales-report`: ok, 6342 ms
//! 2. tool `sql`: error, 120 ms, at 400 ms, part of 1
//!
//!    ```input
//!    select count(*) from orders
//!    ```
//!
//!    ```output
//!    no such table
//!    ```
//! ````
//!
//! Keys of the frontmatter may also be `session`, `model` and `notices`; each may be missing, those that are not known are passed over. Without `goal`
//! the text above the steps is it. A step is one item: its kind (`tool` if missing), its name, and after a colon what is known of it, in any order: `ok`, `error`
//! or `skipped`, how long it took, `at` when it began, `part of` which step, `… tokens in`, `… tokens out`. Indented text below an item is its input, unless it is in a
//! block called `output`. Nothing else is read.

use std::collections::HashMap;
use std::fmt::Write as _;

use serde::{Deserialize, Deserializer};

use crate::fault::Fault;
use crate::lines::LINE;
use crate::model::{Notice, Outcome, Step, StepKind, Trace, limits};
use crate::text::{MOST_STEPS_READ, keep, one_line, time, time_text};

/// A file of this size is read; a longer one is none that we wrote.
const MOST_BYTES: usize = 64_000_000;

impl Trace {
    /// The trace as markdown. What [`parse`] reads of it is the same trace, if it was tidy.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        let mut out = String::from("---\n");
        line(&mut out, "id", &scalar(&self.id));
        line(&mut out, "goal", &quoted(&self.goal));
        line(&mut out, "started_at", &time_text(self.started_at));
        line(&mut out, "ended_at", &time_text(self.ended_at));
        for (key, value) in [("user", &self.user), ("session", &self.session), ("model", &self.model)] {
            if let Some(value) = value {
                line(&mut out, key, &scalar(value));
            }
        }
        if let Some(success) = self.success {
            line(&mut out, "success", &success.to_string());
        }
        if let Some(rating) = self.rating {
            line(&mut out, "rating", &rating.to_string());
        }
        if !self.skills_used.is_empty() {
            let skills: Vec<String> = self.skills_used.iter().map(|skill| scalar(skill)).collect();
            line(&mut out, "skills", &format!("[{}]", skills.join(", ")));
        }
        for (key, tokens) in [("tokens_in", self.tokens_in), ("tokens_out", self.tokens_out)] {
            if tokens != 0 {
                line(&mut out, key, &tokens.to_string());
            }
        }
        if self.cost_usd != 0.0 {
            line(&mut out, "cost_usd", &self.cost_usd.to_string());
        }
        if !self.notices.is_empty() {
            // As serde names them.
            let names: Vec<String> = self.notices.iter().filter_map(|notice| serde_json::to_string(notice).ok()).collect();
            line(&mut out, "notices", &format!("[{}]", names.join(", ").replace('"', "")));
        }
        out.push_str("---\n\n## Steps\n");
        if !self.steps.is_empty() {
            out.push('\n');
        }
        for (at, step) in self.steps.iter().enumerate() {
            write_step(&mut out, at + 1, step);
        }
        out
    }
}

fn line(out: &mut String, key: &str, value: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{key}: {value}");
}

/// Bare where nobody could take it for anything else.
fn scalar(text: &str) -> String {
    const WORDS: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let bare = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        && !WORDS.contains(&text.to_ascii_lowercase().as_str());
    if bare { text.to_owned() } else { quoted(text) }
}

/// A JSON string is one of YAML too, once what YAML does not let stand is escaped.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{FEFF}' | '\u{FFFE}' | '\u{FFFF}') => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn write_step(out: &mut String, number: usize, step: &Step) {
    let kind = match step.kind {
        StepKind::Tool => "tool",
        StepKind::Skill => "skill",
        StepKind::Llm => "llm",
    };
    let outcome = match step.outcome {
        Outcome::Ok => "ok",
        Outcome::Error => "error",
        Outcome::Skipped => "skipped",
    };
    let _ = write!(out, "{number}. {kind}");
    if !step.name.is_empty() {
        let _ = write!(out, " {}", code_span(&step.name));
    }
    let _ = write!(out, ": {outcome}, {} ms", step.duration_ms);
    if let Some(at) = step.offset_ms {
        let _ = write!(out, ", at {at} ms");
    }
    if let Some(parent) = step.parent {
        let _ = write!(out, ", part of {}", parent + 1);
    }
    for (tokens, way) in [(step.tokens_in, "in"), (step.tokens_out, "out")] {
        if tokens != 0 {
            let _ = write!(out, ", {tokens} tokens {way}");
        }
    }
    out.push('\n');
    // Within the item, whose text begins after its number.
    let indent = " ".repeat(number.to_string().len() + 2);
    for (name, text) in [("input", &step.input), ("output", &step.output)] {
        if text.is_empty() {
            continue;
        }
        let fence = "`".repeat(longest_run(text).max(2) + 1);
        let _ = write!(out, "\n{indent}{fence}{name}\n");
        for line in text.split('\n') {
            let indent = if line.is_empty() { "" } else { indent.as_str() };
            let _ = writeln!(out, "{indent}{line}");
        }
        let _ = writeln!(out, "{indent}{fence}");
    }
    if !step.input.is_empty() || !step.output.is_empty() {
        out.push('\n');
    }
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or_default()
}

fn code_span(text: &str) -> String {
    let marks = (1..).find(|&n| !text.split(|c| c != '`').any(|run| run.len() == n)).unwrap_or(1);
    let marks = "`".repeat(marks);
    let space = if text.starts_with('`') || text.ends_with('`') || (text.starts_with(' ') && text.ends_with(' ')) { " " } else { "" };
    format!("{marks}{space}{text}{space}{marks}")
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Front {
    id: Option<String>,
    goal: Option<String>,
    #[serde(deserialize_with = "moment")]
    started_at: Option<i64>,
    #[serde(deserialize_with = "moment")]
    ended_at: Option<i64>,
    user: Option<String>,
    session: Option<String>,
    model: Option<String>,
    success: Option<bool>,
    rating: Option<f64>,
    #[serde(alias = "skills_used")]
    skills: Option<Vec<String>>,
    tokens_in: Option<u64>,
    tokens_out: Option<u64>,
    cost_usd: Option<f64>,
    notices: Option<Vec<String>>,
}

fn moment<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    let read = |text: String| time(&text).ok_or_else(|| serde::de::Error::custom("a time is written as 2026-09-21T07:04:52Z"));
    text.map(read).transpose()
}

/// Reads one file.
///
/// # Errors
/// A sentence with the line that could not be read.
pub fn parse(bytes: &[u8]) -> Result<Trace, Fault> {
    if bytes.len() > MOST_BYTES {
        return Err(Fault::file(format!("This file is larger than {} MB: no trace is.", MOST_BYTES / 1_000_000)));
    }
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|_| Fault::file("This is not text in UTF-8: save the file as UTF-8."))?;
    let (yaml, begin) = frontmatter(text)?;
    let front = read_front(yaml)?;
    let body = Body::read(text, begin)?;

    let goal = front.goal.unwrap_or(body.above);
    if front.id.is_none() && goal.is_empty() && !body.has_steps {
        return Err(Fault::file("This is no trace: it has no `id`, no `goal` and no list `## Steps`."));
    }
    let mut notices: Vec<Notice> =
        front.notices.unwrap_or_default().iter().filter_map(|name| serde_json::from_value(name.as_str().into()).ok()).collect();
    notices.extend(body.notices);
    let started_at = front.started_at.or(front.ended_at).unwrap_or_default();
    Ok(Trace {
        id: front.id.unwrap_or_default(),
        goal,
        started_at,
        ended_at: front.ended_at.unwrap_or(started_at),
        user: front.user,
        session: front.session,
        model: front.model,
        steps: body.steps,
        success: front.success,
        rating: front.rating.filter(|r| r.fract() == 0.0 && (1.0..=5.0).contains(r)).map(|r| r as u8),
        skills_used: front.skills.unwrap_or_default(),
        tokens_in: front.tokens_in.unwrap_or_default(),
        tokens_out: front.tokens_out.unwrap_or_default(),
        cost_usd: front.cost_usd.unwrap_or_default(),
        notices,
    })
}

/// The YAML between the first two lines of dashes, and the number of lines up to the body.
fn frontmatter(text: &str) -> Result<(&str, usize), Fault> {
    let mut lines = text.split_inclusive('\n');
    let first = lines.next().unwrap_or_default();
    if first.trim_end() != "---" {
        return Ok(("", 0));
    }
    let mut end = first.len();
    for (at, line) in lines.enumerate() {
        if line.trim_end() == "---" {
            return Ok((&text[first.len()..end], at + 2));
        }
        end += line.len();
    }
    Err(Fault::line(1, "The frontmatter begins here and never ends: a line `---` is missing after it."))
}

fn read_front(yaml: &str) -> Result<Front, Fault> {
    if yaml.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Ok(Front::default());
    }
    // A trace's frontmatter is flat, and may hold a long goal.
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_events: 4_000, max_nodes: 2_000, max_depth: 8, flow_nesting_limit: 8, max_aliases: 8, max_anchors: 8, max_documents: 1 },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: 100, max_replay_stack_depth: 4 },
        strict_booleans: true,
    };
    serde_saphyr::from_str_with_options(yaml, options).map_err(|error| {
        let told = error.without_snippet().to_string();
        let told = told.lines().next().unwrap_or_default().trim_end_matches('.');
        // The dashes stand above it.
        let line = error.location().map_or(1, |at| at.line() as usize + 1);
        Fault::line(line, format!("The frontmatter cannot be read: {told}."))
    })
}

#[derive(Default)]
struct Body {
    above: String,
    has_steps: bool,
    steps: Vec<Step>,
    notices: Vec<Notice>,
}

/// A block that is open.
struct Fence {
    mark: String,
    is_output: bool,
    is_first: bool,
    line: usize,
}

impl Body {
    fn read(text: &str, begin: usize) -> Result<Self, Fault> {
        let mut body = Self::default();
        let mut numbers = HashMap::new();
        // Parents by number, until all numbers are known.
        let mut parents: Vec<(usize, usize, usize)> = Vec::new();
        let mut indent = 0;
        let mut fence: Option<Fence> = None;
        let mut is_over = false;
        for (at, raw) in text.split('\n').enumerate().skip(begin) {
            let number = at + 1;
            let line = raw.strip_suffix('\r').unwrap_or(raw);
            if line.len() > LINE {
                return Err(Fault::line(number, format!("This line is longer than {} MB.", LINE / 1_000_000)));
            }
            if let Some(open) = &mut fence {
                let inner = strip(line, indent);
                if inner.trim_end() == open.mark {
                    fence = None;
                } else if let Some(step) = body.steps.last_mut() {
                    let text = if open.is_output { &mut step.output } else { &mut step.input };
                    if !open.is_first {
                        text.push('\n');
                    }
                    text.push_str(inner);
                    open.is_first = false;
                }
                continue;
            }
            if line.starts_with('#') {
                let title = line.trim_start_matches('#').trim();
                is_over = body.has_steps;
                if title.eq_ignore_ascii_case("steps") {
                    body.has_steps = true;
                    is_over = false;
                } else if !body.has_steps {
                    body.add_above(title);
                }
                continue;
            }
            if !body.has_steps {
                body.add_above(line);
                continue;
            }
            if is_over || line.trim().is_empty() {
                continue;
            }
            if let Some((told, width, rest)) = item(line) {
                if body.steps.len() >= MOST_STEPS_READ {
                    body.notices = vec![Notice::StepsLeftOut];
                    is_over = true;
                    continue;
                }
                let (step, parent) = head(rest).map_err(|message| Fault::line(number, message))?;
                let ordinal = body.steps.len() + 1;
                numbers.entry(told.unwrap_or(ordinal)).or_insert(body.steps.len());
                if let Some(parent) = parent {
                    parents.push((body.steps.len(), parent, number));
                }
                body.steps.push(step);
                indent = width;
            } else if line.starts_with([' ', '\t'])
                && let Some(step) = body.steps.last_mut()
            {
                let inner = strip(line, indent).trim_start();
                let marks = inner.len() - inner.trim_start_matches('`').len();
                if marks >= 3 && !inner[marks..].contains('`') {
                    let is_output = inner[marks..].trim().eq_ignore_ascii_case("output");
                    let text = if is_output { &step.output } else { &step.input };
                    fence = Some(Fence { mark: inner[..marks].to_owned(), is_output, is_first: text.is_empty(), line: number });
                } else {
                    if !step.input.is_empty() {
                        step.input.push('\n');
                    }
                    step.input.push_str(inner);
                }
            }
        }
        if let Some(open) = fence {
            return Err(Fault::line(
                open.line,
                format!("The block that begins here never ends: a line `{}` is missing after it.", open.mark),
            ));
        }
        for (step, parent, line) in parents {
            let Some(&found) = numbers.get(&parent) else {
                return Err(Fault::line(line, format!("This step is part of step {parent}, which is not in the list.")));
            };
            body.steps[step].parent = Some(found);
        }
        for step in &mut body.steps {
            step.input = keep(std::mem::take(&mut step.input), limits::TEXT);
            step.output = keep(std::mem::take(&mut step.output), limits::TEXT);
        }
        body.above = body.above.trim().to_owned();
        Ok(body)
    }

    fn add_above(&mut self, line: &str) {
        self.above.push_str(line);
        self.above.push('\n');
    }
}

/// Without at most so many spaces.
fn strip(line: &str, indent: usize) -> &str {
    let spaces = line.bytes().take(indent).take_while(|&b| b == b' ').count();
    &line[spaces..]
}

/// An item of a list at the margin: its number, how far its text is indented, its text.
fn item(line: &str) -> Option<(Option<usize>, usize, &str)> {
    if let Some(rest) = line.strip_prefix("- ").or_else(|| line.strip_prefix("* ")) {
        return Some((None, 2, rest));
    }
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let rest = line[digits..].strip_prefix(['.', ')'])?;
    if digits == 0 || !(rest.is_empty() || rest.starts_with(' ')) {
        return None;
    }
    Some((line[..digits].parse().ok(), digits + 2, rest.trim_start()))
}

/// The line of a step: what it is, and the number of the one that it is part of.
fn head(text: &str) -> Result<(Step, Option<usize>), String> {
    let mut step = Step::default();
    let mut rest = text.trim();
    for (word, kind) in [("tool", StepKind::Tool), ("skill", StepKind::Skill), ("llm", StepKind::Llm)] {
        if let Some(after) = rest.strip_prefix(word)
            && (after.is_empty() || after.starts_with([' ', ':']))
        {
            step.kind = kind;
            rest = after.trim_start();
            break;
        }
    }
    let marks = rest.len() - rest.trim_start_matches('`').len();
    if marks > 0 {
        let (name, after) = closed(&rest[marks..], marks).ok_or("The name of the step has no closing `.")?;
        step.name = name.to_owned();
        rest = after.trim_start();
    } else if !rest.starts_with(':') {
        let end = rest.find(": ").or_else(|| rest.strip_suffix(':').map(str::len)).unwrap_or(rest.len());
        step.name = one_line(&rest[..end]);
        rest = &rest[end..];
    }
    step.name = keep(step.name, limits::NAME);
    if rest.is_empty() {
        return Ok((step, None));
    }
    let Some(facts) = rest.strip_prefix(':') else {
        return Err("After the name of a step comes a colon, and then what is known of it.".into());
    };
    let mut parent = None;
    for fact in facts.split(',').map(str::trim).filter(|fact| !fact.is_empty()) {
        let wrong =
            || format!("“{}” is nothing that is known of a step; write for example: ok, 120 ms, at 400 ms, part of 1.", short(fact));
        let number = |text: &str| text.trim().parse::<u64>().map_err(|_| wrong());
        match fact {
            "ok" => step.outcome = Outcome::Ok,
            "error" => step.outcome = Outcome::Error,
            "skipped" => step.outcome = Outcome::Skipped,
            _ => {
                if let Some(of) = fact.strip_prefix("part of ") {
                    parent = Some(number(of)? as usize);
                } else if let Some(at) = fact.strip_prefix("at ") {
                    step.offset_ms = Some(milliseconds(at).ok_or_else(wrong)?);
                } else if let Some(tokens) = fact.strip_suffix(" tokens in") {
                    step.tokens_in = number(tokens)?;
                } else if let Some(tokens) = fact.strip_suffix(" tokens out") {
                    step.tokens_out = number(tokens)?;
                } else {
                    step.duration_ms = milliseconds(fact).ok_or_else(wrong)?;
                }
            }
        }
    }
    Ok((step, parent))
}

/// What stands before the next run of exactly so many backticks, and what after it.
fn closed(text: &str, marks: usize) -> Option<(&str, &str)> {
    let mut at = 0;
    while let Some(begin) = text[at..].find('`').map(|found| at + found) {
        let run = text[begin..].len() - text[begin..].trim_start_matches('`').len();
        if run == marks {
            let inner = &text[..begin];
            let bare = inner.strip_prefix(' ').and_then(|inner| inner.strip_suffix(' ')).filter(|inner| !inner.trim().is_empty());
            return Some((bare.unwrap_or(inner), &text[begin + run..]));
        }
        at = begin + run;
    }
    None
}

fn milliseconds(text: &str) -> Option<u64> {
    if let Some(number) = text.strip_suffix("ms") {
        return number.trim().parse().ok();
    }
    let seconds: f64 = text.strip_suffix('s')?.trim().parse().ok()?;
    (seconds >= 0.0).then(|| (seconds * 1_000.0).round() as u64)
}

fn short(text: &str) -> String {
    crate::text::cut(text, 40).unwrap_or_else(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tidy::tests::any_trace;

    const FIXTURE: &str = include_str!("../fixtures/trace.md");

    fn fault(text: &str) -> String {
        parse(text.as_bytes()).expect_err("a fault").to_string()
    }

    #[test]
    fn reads_what_a_person_wrote() {
        let trace = parse(FIXTURE.as_bytes()).expect("a trace");
        assert_eq!((trace.id.as_str(), trace.goal.as_str()), ("42", "Count the orders of May\n\nOnly those that were paid."));
        assert_eq!((trace.ended_at - trace.started_at, trace.success, trace.rating), (23_000, Some(true), Some(4)));
        assert_eq!(trace.skills_used, ["sales-report", "sql"]);
        let told: Vec<_> = trace.steps.iter().map(|s| (s.name.as_str(), s.kind, s.outcome, s.parent, s.offset_ms, s.duration_ms)).collect();
        assert_eq!(
            told,
            [
                ("sales-report", StepKind::Skill, Outcome::Ok, None, None, 6_342),
                ("sql", StepKind::Tool, Outcome::Error, Some(0), Some(400), 120),
                ("read the file", StepKind::Tool, Outcome::Ok, None, None, 0),
                ("a `b` c", StepKind::Llm, Outcome::Skipped, Some(1), None, 1_500),
            ]
        );
        assert_eq!((trace.steps[1].input.as_str(), trace.steps[1].output.as_str()), ("select count(*)\n  from orders", "no such table\n"));
        assert_eq!(trace.steps[2].input, "orders.csv\nof last week");
        assert_eq!((trace.steps[3].tokens_in, trace.steps[3].tokens_out), (10, 3));
    }

    #[test]
    fn writes_what_reads_well() {
        let trace = parse(FIXTURE.as_bytes()).expect("a trace");
        let text = trace.to_markdown();
        assert!(text.starts_with(
            "---\nid: \"42\"\ngoal: \"Count the orders of May\\n\\nOnly those that were paid.\"\nstarted_at: 2026-09-21T07:04:52Z\n"
        ));
        assert!(text.contains("\n1. skill `sales-report`: ok, 6342 ms\n2. tool `sql`: error, 120 ms, at 400 ms, part of 1\n\n   ```input\n   select count(*)\n     from orders\n   ```\n"));
        assert_eq!(parse(text.as_bytes()), Ok(trace));
    }

    #[test]
    fn every_recorded_trace_comes_back() {
        for trace in crate::native::parse(include_bytes!("../fixtures/native.jsonl")) {
            let mut trace = trace.expect("a trace");
            trace.tidy(|text| text.into(), |_| false);
            assert_eq!(parse(trace.to_markdown().as_bytes()), Ok(trace.clone()));
            assert_eq!(parse(trace.to_markdown().replace('\n', "\r\n").as_bytes()), Ok(trace), "also with line ends of Windows");
        }
    }

    #[test]
    fn faults_say_what_and_where() {
        assert_eq!(fault("---\nrating: 3\n---\n"), "This is no trace: it has no `id`, no `goal` and no list `## Steps`.");
        assert_eq!(fault("---\nid: a\n"), "Line 1: The frontmatter begins here and never ends: a line `---` is missing after it.");
        let told = fault("---\nid: a\nstarted_at: yesterday\n---\n");
        assert!(told.starts_with("Line 3: The frontmatter cannot be read: ") && told.contains("2026-09-21T07:04:52Z"), "{told}");
        assert_eq!(
            fault("---\nid: a\n---\n## Steps\n1. tool `x`: fine"),
            "Line 5: “fine” is nothing that is known of a step; write for example: ok, 120 ms, at 400 ms, part of 1."
        );
        assert_eq!(fault("## Steps\n- tool `x`: part of 7"), "Line 2: This step is part of step 7, which is not in the list.");
        assert_eq!(fault("## Steps\n- tool `x"), "Line 2: The name of the step has no closing `.");
        assert!(fault("## Steps\n- tool `x`\n  ```input\n").starts_with("Line 3: The block that begins here never ends"));
    }

    proptest! {
        #[test]
        fn a_tidy_trace_comes_back(mut trace in any_trace()) {
            trace.tidy(|text| text.into(), |_| false);
            let text = trace.to_markdown();
            prop_assert_eq!(parse(text.as_bytes()), Ok(trace), "{}", text);
        }

        #[test]
        fn never_panics(text in r"(?s)(---\n((id|goal|rating|started_at|skills): [\[\]a0-9]{0,4}\n){0,3}---\n)?## Steps\n((1\. |- |  )(tool|llm)? ?`{0,3}.{0,6}`{0,3}:?( ok,| at -1 s| part of 1)?\n){0,6}") {
            if let Ok(mut trace) = parse(text.as_bytes()) {
                trace.tidy(|text| text.into(), |_| false);
            }
        }
    }
}
