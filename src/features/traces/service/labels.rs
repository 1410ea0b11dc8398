//! What a trace can be found by, and what a list asks for.

use std::collections::BTreeSet;

use llmos_traces::{Outcome, Step, StepKind, Trace};
use uuid::{NoContext, Timestamp, Uuid};

use super::super::{
    model::{CENTS_FROM, TOKENS_FROM, TOOK_FROM, TraceOutcome, TracesQuery},
    store::{Label, TraceRow},
};
use crate::{
    error::{AppError, AppResult},
    ids::TraceId,
};

/// Of a goal, words beyond these are not found.
const WORDS: usize = 60;
/// Characters of a word; of a longer one, its beginning.
const WORD: usize = 40;
/// Tools of one trace.
const TOOLS: usize = 100;

/// The words of a text in lower case, each once.
fn words(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(|word| word.chars().flat_map(char::to_lowercase).take(WORD).collect()).take(WORDS).collect()
}

/// What a trace says, of which its labels are made.
struct Said<'a> {
    goal: &'a str,
    person: &'a str,
    outcome: &'a str,
    source: &'a str,
    skills: &'a [String],
    model: Option<&'a str>,
    rating: Option<i64>,
    session: Option<&'a str>,
    conversation: Option<&'a str>,
    commit: Option<&'a str>,
    took_ms: i64,
    tokens: i64,
    cost: f64,
    steps: &'a [Step],
}

/// The largest of these thresholds that a number reaches.
fn reached(thresholds: &[i64], number: i64) -> Option<String> {
    thresholds.iter().rev().find(|threshold| number >= **threshold).map(ToString::to_string)
}

/// Of US dollars; a little more than what floating point takes away.
fn cents(dollars: f64) -> i64 {
    (dollars * 100.0 + 1e-6).floor() as i64
}

impl Said<'_> {
    fn labels(&self) -> Vec<(Label, String)> {
        let tools: BTreeSet<&str> = self.steps.iter().filter(|step| step.kind == StepKind::Tool).map(|step| step.name.as_str()).collect();
        let named = [(Label::All, ""), (Label::Person, self.person), (Label::Outcome, self.outcome), (Label::Source, self.source)];
        let optional = [(Label::Model, self.model), (Label::Session, self.session)];
        let mut labels: BTreeSet<(Label, String)> = named.map(|(kind, name)| (kind, name.to_owned())).into();
        labels.extend(optional.into_iter().filter_map(|(kind, name)| Some((kind, name?.to_owned()))));
        labels.extend(self.rating.map(|rating| (Label::Rating, rating.to_string())));
        labels.extend(self.late());
        labels.extend(self.skills.iter().map(|skill| (Label::Skill, skill.clone())));
        labels.extend(words(self.goal).into_iter().map(|word| (Label::Word, word)));
        labels.extend(tools.into_iter().take(TOOLS).map(|name| (Label::Tool, name.to_owned())));
        labels.into_iter().collect()
    }

    /// Those that came after the others: traces from before get them in the background.
    fn late(&self) -> Vec<(Label, String)> {
        let named = [(Label::Conversation, self.conversation), (Label::Commit, self.commit)];
        let numbers = [
            (Label::Took, reached(&TOOK_FROM, self.took_ms)),
            (Label::Tokens, reached(&TOKENS_FROM, self.tokens)),
            (Label::Cost, reached(&CENTS_FROM, cents(self.cost))),
        ];
        let has_failed = self.steps.iter().any(|step| step.outcome == Outcome::Error);
        let mut labels: Vec<(Label, String)> = named.into_iter().filter_map(|(kind, name)| Some((kind, name?.to_owned()))).collect();
        labels.extend(numbers.into_iter().filter_map(|(kind, name)| Some((kind, name?))));
        labels.extend(has_failed.then(|| (Label::Failed, String::new())));
        labels
    }
}

/// What a new trace is found by. `by` is the account's name, for runs whose source names nobody.
pub fn of_trace(trace: &Trace, source: &str, session: Option<&str>, by: &str) -> Vec<(Label, String)> {
    let said = Said {
        goal: &trace.goal,
        person: trace.user.as_deref().unwrap_or(by),
        outcome: TraceOutcome::of(trace.success).as_str(),
        source,
        skills: &trace.skills_used,
        model: trace.model.as_deref(),
        rating: trace.rating.map(i64::from),
        session,
        conversation: trace.session.as_deref(),
        commit: None,
        took_ms: trace.ended_at - trace.started_at,
        tokens: i64::try_from(trace.tokens_in.saturating_add(trace.tokens_out)).unwrap_or(i64::MAX),
        cost: trace.cost_usd,
        steps: &trace.steps,
    };
    said.labels()
}

/// What a trace that is kept is found by.
pub fn of_row(row: &TraceRow, steps: &[Step]) -> AppResult<Vec<(Label, String)>> {
    with_row(row, steps, |said| said.labels())
}

/// As far as it came after the other labels.
pub fn late_of_row(row: &TraceRow, steps: &[Step]) -> AppResult<Vec<(Label, String)>> {
    with_row(row, steps, |said| said.late())
}

fn with_row<T>(row: &TraceRow, steps: &[Step], act: impl FnOnce(&Said<'_>) -> T) -> AppResult<T> {
    let (by, skills): (_, Vec<String>) = (row.by()?, serde_json::from_str(&row.skills)?);
    Ok(act(&Said {
        goal: &row.goal,
        person: row.person.as_deref().unwrap_or(&by.name),
        outcome: &row.outcome,
        source: &row.source,
        skills: &skills,
        model: row.model.as_deref(),
        rating: row.rating,
        session: row.session_id.as_deref(),
        conversation: row.conversation.as_deref(),
        commit: row.commit_id.as_deref(),
        took_ms: row.ended_at - row.started_at,
        tokens: row.tokens_in.saturating_add(row.tokens_out),
        cost: row.cost,
        steps,
    }))
}

/// What "at least" is asked of, and from where on.
fn thresholds(query: &TracesQuery) -> [(Label, &'static [i64; 4], Option<i64>); 3] {
    [
        (Label::Took, &TOOK_FROM, query.min_took_ms),
        (Label::Tokens, &TOKENS_FROM, query.min_tokens),
        (Label::Cost, &CENTS_FROM, query.min_cost_cents),
    ]
}

/// Refuses an "at least" that nothing is found by.
pub fn check(query: &TracesQuery) -> AppResult<()> {
    let fields = ["minTookMs", "minTokens", "minCostCents"];
    for (field, (_, thresholds, least)) in fields.into_iter().zip(thresholds(query)) {
        if least.is_some_and(|least| !thresholds.contains(&least)) {
            let known = thresholds.map(|threshold| threshold.to_string()).join(", ");
            return Err(AppError::field(field, format!("Choose one of {known}.")));
        }
    }
    Ok(())
}

/// What a query asks for: of each label one of these names, or, where the flag is set, a name that begins like it.
pub fn asked(query: &TracesQuery) -> Vec<(Label, Vec<String>, bool)> {
    let mut asked: Vec<(Label, Vec<String>, bool)> =
        words(query.q.as_deref().unwrap_or_default()).into_iter().map(|word| (Label::Word, vec![word], true)).collect();
    let one = |kind: Label, name: &Option<String>| name.clone().map(|name| (kind, vec![name], false));
    asked.extend(one(Label::Outcome, &query.outcome.map(|outcome| outcome.as_str().to_owned())));
    asked.extend(one(Label::Source, &query.source.map(|source| source.as_str().to_owned())));
    asked.extend(one(Label::Person, &query.person));
    asked.extend(one(Label::Tool, &query.tool));
    asked.extend(one(Label::Skill, &query.skill));
    asked.extend(one(Label::Model, &query.model));
    asked.extend(one(Label::Session, &query.session.map(|id| id.to_string())));
    asked.extend(one(Label::Conversation, &query.conversation));
    asked.extend(one(Label::Commit, &query.commit.map(|id| id.to_string())));
    asked.extend(query.failed_steps.then(|| (Label::Failed, vec![String::new()], false)));
    for (kind, thresholds, least) in thresholds(query) {
        let reach = |least: i64| thresholds.iter().filter(|threshold| **threshold >= least).map(ToString::to_string).collect();
        asked.extend(least.map(|least| (kind, reach(least), false)));
    }
    asked.extend(query.min_rating.map(|least| (Label::Rating, (least.max(1)..=5).map(|rating| rating.to_string()).collect(), false)));
    asked
}

/// The lowest id of a time and the lowest of a later one.
pub fn between(since: Option<i64>, until: Option<i64>) -> (TraceId, TraceId) {
    let at = |time: i64| {
        let millis = u64::try_from(time).unwrap_or(0).min((1 << 48) - 1);
        TraceId::from_bits(u128::from(millis) << 80)
    };
    (since.map_or(TraceId::from_bits(0), at), until.map_or(TraceId::from_bits(u128::MAX), at))
}

/// A new id for a run that began at this time: ids order runs by it.
pub fn id_at(started_at: i64) -> TraceId {
    let millis = u64::try_from(started_at).unwrap_or(0);
    let time = Timestamp::from_unix(NoContext, millis / 1_000, (millis % 1_000) as u32 * 1_000_000);
    TraceId::from(Uuid::new_v7(time))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_order_runs_by_their_beginning() {
        let (first, second) = (id_at(1_790_000_000_000), id_at(1_790_000_000_001));
        assert!(first < second);
        let (from, to) = between(Some(1_790_000_000_000), Some(1_790_000_000_001));
        assert!(from <= first && first < to && to <= second);
        let (from, to) = between(None, None);
        assert!(from < first && second < to);
    }

    #[test]
    fn a_trace_is_found_by_what_it_says() {
        let step = |name: &str, kind| Step { name: name.to_owned(), kind, ..Step::default() };
        let trace = Trace {
            goal: "Value ACME, value it twice".to_owned(),
            steps: vec![step("bash", StepKind::Tool), step("bash", StepKind::Tool), step("gpt", StepKind::Llm)],
            success: Some(true),
            skills_used: vec!["dcf-valuation".to_owned()],
            ..Trace::default()
        };
        let labels = of_trace(&trace, "api", None, "Maya Okafor");
        let names = |kind| labels.iter().filter(|label| label.0 == kind).map(|label| label.1.as_str()).collect::<Vec<_>>();
        assert_eq!(names(Label::Word), ["acme", "it", "twice", "value"]);
        assert_eq!(names(Label::Tool), ["bash"]);
        assert_eq!((names(Label::Person), names(Label::Outcome)), (vec!["Maya Okafor"], vec!["succeeded"]));
        assert!(asked(&TracesQuery { q: Some(" -- ".to_owned()), ..TracesQuery::default() }).is_empty());
    }

    #[test]
    fn at_least_is_the_thresholds_from_there_on() {
        assert_eq!(reached(&TOOK_FROM, 9_999), None);
        assert_eq!(reached(&TOOK_FROM, 60_000).as_deref(), Some("60000"));
        assert_eq!([0.009, 0.01, 0.1, 0.29, 1.0].map(cents), [0, 1, 10, 29, 100]);
        let query = TracesQuery { min_tokens: Some(100_000), ..TracesQuery::default() };
        assert!(check(&query).is_ok() && check(&TracesQuery { min_tokens: Some(5), ..TracesQuery::default() }).is_err());
        assert_eq!(asked(&query), [(Label::Tokens, vec!["100000".to_owned(), "1000000".to_owned()], false)]);
    }
}
