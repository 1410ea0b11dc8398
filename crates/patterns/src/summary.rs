//! What the runs of a pattern share, as data from which a skill can be drafted.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::align::{Column, Item, align, items};
use crate::suspicious::suspicious;
use crate::text::{content_words, first_characters, generalise};
use crate::trace::{StepKind, Trace};

/// Runs that are aligned; of more, some are taken evenly.
const MOST_RUNS: usize = 60;
/// A step of so many runs is common.
const COMMON: f64 = 0.3;
const MOST_VARIANTS: usize = 5;
const MOST_PITFALLS: usize = 5;
const MOST_REPRESENTATIVES: usize = 3;
const REPRESENTATIVE_CHARACTERS: usize = 200;
const NAME_WORDS: usize = 4;

/// What the runs of a pattern share. Every text in it comes from runs, so whoever shows or prints it has to quote it as data.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Of words that several goals share, such as `Refund order`; never a name, number or date of one run.
    pub name: String,
    /// `name` as an artifact's id: `a-z`, `0-9` and `-`.
    pub slug: String,
    pub runs: usize,
    pub successes: usize,
    /// Common steps in their order.
    pub steps: Vec<CommonStep>,
    /// The ways through the common steps that were taken, the most frequent first.
    pub variants: Vec<Variant>,
    /// What failed runs have more often than others, the clearest first.
    pub pitfalls: Vec<Pitfall>,
    /// Goals as they were typed, cut to 200 characters and masked: most like the others first.
    pub representatives: Vec<String>,
    /// Runs whose goal or input looks like an instruction to the reader; nothing of their texts is in here.
    pub flagged: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CommonStep {
    /// The most frequent name; the others follow.
    pub name: String,
    pub other_names: Vec<String>,
    pub kind: StepKind,
    /// Words that at least two runs gave it and that are in a third of them.
    pub words: Vec<String>,
    /// Share of the runs that have it, 0 to 1.
    pub frequency: f64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variant {
    /// Places in [`Summary::steps`].
    pub steps: Vec<usize>,
    pub runs: usize,
    pub successes: usize,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pitfall {
    pub kind: PitfallKind,
    /// The step's name.
    pub step: String,
    /// Share of failed runs that have it, and of the others.
    pub in_failures: f64,
    pub in_successes: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PitfallKind {
    /// The step is there.
    Used,
    /// It is not, although it is common.
    Missing,
    /// It ended in an error.
    Error,
}

/// Sums up the traces of one pattern. The order of `traces` plays no part, nor do traces of which there are many alike: 60 of them, by id, are
/// looked at closely. Milliseconds.
#[must_use]
pub fn summary(traces: &[&Trace]) -> Summary {
    let mut sorted: Vec<&Trace> = traces.to_vec();
    sorted.sort_by(|a, b| a.id.cmp(&b.id));
    let (flagged, clean): (Vec<&Trace>, Vec<&Trace>) = sorted.iter().copied().partition(|trace| is_suspicious(trace));
    let sample: Vec<&Trace> = evenly(&clean);
    let runs: Vec<Vec<Item>> = sample.iter().map(|trace| items(trace)).collect();
    let common: Vec<Column> = align(&runs)
        .into_iter()
        .filter(|column| column.runs.len() >= 2.min(runs.len()) && share(column.runs.len(), runs.len()) >= COMMON)
        .collect();
    let goals: Vec<String> = sample.iter().map(|trace| generalise(&trace.goal)).collect();
    let steps: Vec<CommonStep> = common.iter().filter_map(|column| common_step(column, runs.len())).collect();
    let name = name(&goals, &steps);
    Summary {
        slug: slug(&name),
        name,
        runs: traces.len(),
        successes: traces.iter().filter(|trace| trace.success).count(),
        variants: variants(&common, &sample),
        pitfalls: pitfalls(&common, &steps, &sample, &runs),
        representatives: representatives(&sample, &goals),
        flagged: flagged.iter().map(|trace| trace.id.clone()).collect(),
        steps,
    }
}

pub(crate) fn is_suspicious(trace: &Trace) -> bool {
    suspicious(&trace.goal) || trace.counted_steps().any(|step| suspicious(&step.input) || suspicious(&step.name))
}

fn evenly<'a>(traces: &[&'a Trace]) -> Vec<&'a Trace> {
    let count = traces.len().min(MOST_RUNS);
    (0..count).map(|at| traces[at * traces.len() / count]).collect()
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

fn common_step(column: &Column, runs: usize) -> Option<CommonStep> {
    let mut names: Vec<_> = column.names.iter().collect();
    names.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    let ((name, kind), _) = names.first()?;
    let mut words: Vec<_> = column.words.iter().filter(|(_, count)| **count >= 2 && 3 * **count as usize >= column.runs.len()).collect();
    words.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    Some(CommonStep {
        name: label(name),
        other_names: names[1..].iter().map(|((name, _), _)| label(name)).collect(),
        kind: *kind,
        words: words.into_iter().take(6).map(|(word, _)| word.clone()).collect(),
        frequency: share(column.runs.len(), runs),
    })
}

/// A step's name as an identifier, whatever was in it.
fn label(name: &str) -> String {
    let allowed = |c: char| if c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':' | '/') { c } else { '_' };
    first_characters(name, 60).chars().map(allowed).collect()
}

fn variants(common: &[Column], sample: &[&Trace]) -> Vec<Variant> {
    let mut ways: BTreeMap<Vec<usize>, (usize, usize)> = BTreeMap::new();
    for (run, trace) in sample.iter().enumerate() {
        let way: Vec<usize> = (0..common.len()).filter(|at| common[*at].runs.contains(&run)).collect();
        let (runs, successes) = ways.entry(way).or_default();
        *runs += 1;
        *successes += usize::from(trace.success);
    }
    let mut variants: Vec<Variant> = ways.into_iter().map(|(steps, (runs, successes))| Variant { steps, runs, successes }).collect();
    variants.sort_by(|a, b| b.runs.cmp(&a.runs).then(a.steps.cmp(&b.steps)));
    variants.truncate(MOST_VARIANTS);
    variants
}

fn pitfalls(common: &[Column], steps: &[CommonStep], sample: &[&Trace], runs: &[Vec<Item>]) -> Vec<Pitfall> {
    let mut seen: BTreeMap<(PitfallKind, String), BTreeSet<usize>> = BTreeMap::new();
    for (run, items) in runs.iter().enumerate() {
        for item in items {
            let kinds = [(PitfallKind::Used, true), (PitfallKind::Error, item.is_error)];
            for (kind, _) in kinds.into_iter().filter(|(_, is_so)| *is_so) {
                seen.entry((kind, label(&item.name))).or_default().insert(run);
            }
        }
        for (column, step) in common.iter().zip(steps).filter(|(column, _)| !column.runs.contains(&run)) {
            // Rarely there, rarely missed.
            if step.frequency >= 0.5 && column.runs.len() >= 3 {
                seen.entry((PitfallKind::Missing, step.name.clone())).or_default().insert(run);
            }
        }
    }
    let failures = sample.iter().filter(|trace| !trace.success).count();
    let mut found: Vec<(f64, Pitfall)> = Vec::new();
    for ((kind, step), of) in seen {
        let failed = of.iter().filter(|run| !sample[**run].success).count();
        let (in_failures, in_successes) = (share(failed, failures), share(of.len() - failed, sample.len() - failures));
        let z = difference(failed, failures, of.len() - failed, sample.len() - failures);
        if failed >= 2 && z >= 1.645 {
            found.push((z, Pitfall { kind, step, in_failures, in_successes }));
        }
    }
    found.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.kind.cmp(&b.1.kind)).then(a.1.step.cmp(&b.1.step)));
    found.into_iter().take(MOST_PITFALLS).map(|(_, pitfall)| pitfall).collect()
}

/// By how many standard errors the first share is larger (two-proportion z-test, pooled).
fn difference(part: usize, whole: usize, other: usize, others: usize) -> f64 {
    let pooled = share(part + other, whole + others);
    let error = (pooled * (1.0 - pooled) * (1.0 / whole.max(1) as f64 + 1.0 / others.max(1) as f64)).sqrt();
    if whole == 0 || others == 0 || error <= 0.0 { 0.0 } else { (share(part, whole) - share(other, others)) / error }
}

/// What `generalise` puts in place of what only one run has.
const PLACEHOLDERS: [&str; 6] = ["amount", "contact", "date", "file", "link", "site"];

/// The words that are written as names wherever they do not begin a goal: `Acme`, but not `API`.
pub(crate) fn names(goals: &[String]) -> BTreeSet<String> {
    let mut written: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for goal in goals {
        for word in goal.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).skip(1) {
            let is_name = word.starts_with(char::is_uppercase) && !word.chars().skip(1).any(char::is_uppercase);
            let (capital, small) = written.entry(word.to_lowercase()).or_default();
            *if is_name { capital } else { small } += 1;
        }
    }
    written.into_iter().filter(|(_, (capital, small))| capital > small).map(|(word, _)| word).collect()
}

/// The words that are mostly written in capitals, as they stand in a name: `DCF`.
fn abbreviations(goals: &[String]) -> BTreeSet<String> {
    let mut written: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for word in goals.iter().flat_map(|goal| goal.split(|c: char| !c.is_alphanumeric())).filter(|word| word.chars().count() > 1) {
        let (capitals, other) = written.entry(word.to_lowercase()).or_default();
        let is_abbreviation = word.chars().any(char::is_uppercase) && !word.chars().any(char::is_lowercase);
        *if is_abbreviation { capitals } else { other } += 1;
    }
    written.into_iter().filter(|(_, (capitals, other))| capitals > other).map(|(word, _)| word).collect()
}

/// In how many goals each stem is.
fn frequencies(goals: &[String]) -> BTreeMap<String, usize> {
    let mut frequencies = BTreeMap::new();
    for goal in goals {
        for stem in crate::text::stems(goal).collect::<BTreeSet<_>>() {
            *frequencies.entry(stem).or_default() += 1;
        }
    }
    frequencies
}

/// The goals whose words are most often in other goals.
fn representatives(sample: &[&Trace], goals: &[String]) -> Vec<String> {
    let frequencies = frequencies(goals);
    let typical = |goal: &String| {
        let stems: BTreeSet<String> = crate::text::stems(goal).collect();
        let shared: usize = stems.iter().filter_map(|stem| frequencies.get(stem)).map(|count| count - 1).sum();
        shared as f64 / (stems.len() as f64 + 3.0)
    };
    let mut order: Vec<(f64, usize)> = goals.iter().map(typical).zip(0..).collect();
    order.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut out: Vec<String> = Vec::new();
    for (_, at) in order {
        let masked = llmos_search::mask(first_characters(sample[at].goal.trim(), REPRESENTATIVE_CHARACTERS)).into_owned();
        let line: String =
            masked.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
        if !line.is_empty() && !out.contains(&line) {
            out.push(line);
        }
        if out.len() == MOST_REPRESENTATIVES {
            break;
        }
    }
    out
}

/// Up to four words that a quarter of the goals share (the first two: that two goals share), in their usual order; where there are none, the words or names of the
/// most common step.
fn name(goals: &[String], steps: &[CommonStep]) -> String {
    let least = 2.max(goals.len().div_ceil(4));
    let names = names(goals);
    let mut order: Vec<(usize, String)> =
        frequencies(goals).into_iter().filter(|(_, count)| *count >= 2).map(|(stem, count)| (count, stem)).collect();
    order.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    let shared = order.into_iter().filter_map(|(count, stem)| Some((count, surface(goals, &stem)?)));
    let shared = shared.filter(|(_, (_, word))| !names.contains(word) && !PLACEHOLDERS.contains(&word.as_str()));
    // One word is no name, so the second may be rarer.
    let taken = shared.enumerate().filter(|(at, (count, _))| *count >= least || *at < 2).take(NAME_WORDS);
    let mut words: Vec<(f64, String)> = taken.map(|(_, (_, word))| word).collect();
    words.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let abbreviations = abbreviations(goals);
    let spelled = words.into_iter().map(|(_, word)| if abbreviations.contains(&word) { word.to_uppercase() } else { word });
    let mut name = spelled.collect::<Vec<_>>().join(" ");
    if name.is_empty() {
        let step = steps.iter().max_by(|a, b| (a.frequency + a.words.len() as f64).total_cmp(&(b.frequency + b.words.len() as f64)));
        name = step.map_or_else(String::new, |step| {
            if step.words.is_empty() {
                step.name.replace(|c: char| !c.is_alphanumeric(), " ")
            } else {
                step.words[..step.words.len().min(3)].join(" ")
            }
        });
    }
    let mut letters = name.trim().chars();
    letters.next().map_or_else(|| "Pattern".to_owned(), |first| first.to_uppercase().chain(letters).collect())
}

/// The most frequent word of a stem, and its mean place in the goals.
fn surface(goals: &[String], stem: &str) -> Option<(f64, String)> {
    let mut forms: BTreeMap<String, usize> = BTreeMap::new();
    let (mut places, mut count) = (0.0, 0.0);
    for goal in goals {
        let words: Vec<String> = content_words(goal).collect();
        for (at, word) in words.iter().enumerate().filter(|(_, word)| llmos_search::stem(word) == stem) {
            *forms.entry(word.clone()).or_default() += 1;
            places += at as f64 / words.len() as f64;
            count += 1.0;
        }
    }
    let (word, _) = forms.into_iter().max_by(|a, b| a.1.cmp(&b.1).then(b.0.cmp(&a.0)))?;
    Some((places / count, word))
}

fn slug(name: &str) -> String {
    let parts = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty());
    let slug = parts.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-");
    if slug.is_empty() { "pattern".to_owned() } else { slug }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_patterns_keep_abbreviations_in_capitals() {
        let goals =
            ["Value Acme with a DCF", "dcf valuation for Globex", "a DCF to value Initech", "value Umbra with a DCF"].map(str::to_owned);
        assert_eq!(name(&goals, &[]), "Value DCF");
    }
}
