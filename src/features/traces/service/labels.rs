//! What a trace can be found by, and what a list asks for.

use std::collections::BTreeSet;

use llmos_traces::{Step, StepKind, Trace};
use uuid::{NoContext, Timestamp, Uuid};

use super::super::{
    model::{TraceOutcome, TracesQuery},
    store::{Label, TraceRow},
};
use crate::{error::AppResult, ids::TraceId};

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
    steps: &'a [Step],
}

impl Said<'_> {
    fn labels(&self) -> Vec<(Label, String)> {
        let tools: BTreeSet<&str> = self.steps.iter().filter(|step| step.kind == StepKind::Tool).map(|step| step.name.as_str()).collect();
        let named = [(Label::All, ""), (Label::Person, self.person), (Label::Outcome, self.outcome), (Label::Source, self.source)];
        let optional = [(Label::Model, self.model), (Label::Session, self.session)];
        let mut labels: BTreeSet<(Label, String)> = named.map(|(kind, name)| (kind, name.to_owned())).into();
        labels.extend(optional.into_iter().filter_map(|(kind, name)| Some((kind, name?.to_owned()))));
        labels.extend(self.rating.map(|rating| (Label::Rating, rating.to_string())));
        labels.extend(self.skills.iter().map(|skill| (Label::Skill, skill.clone())));
        labels.extend(words(self.goal).into_iter().map(|word| (Label::Word, word)));
        labels.extend(tools.into_iter().take(TOOLS).map(|name| (Label::Tool, name.to_owned())));
        labels.into_iter().collect()
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
        steps: &trace.steps,
    };
    said.labels()
}

/// What a trace that is kept is found by.
pub fn of_row(row: &TraceRow, steps: &[Step]) -> AppResult<Vec<(Label, String)>> {
    let (by, skills): (_, Vec<String>) = (row.by()?, serde_json::from_str(&row.skills)?);
    let said = Said {
        goal: &row.goal,
        person: row.person.as_deref().unwrap_or(&by.name),
        outcome: &row.outcome,
        source: &row.source,
        skills: &skills,
        model: row.model.as_deref(),
        rating: row.rating,
        session: row.session_id.as_deref(),
        steps,
    };
    Ok(said.labels())
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
}
