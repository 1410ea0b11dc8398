//! Groups a file of traces and writes the groups for its scorer: see README.md beside the crate's Cargo.toml.
//!
//! ```text
//! score MODEL TRACES [-WHAT…] > GROUPS
//! ```
//!
//! MODEL: the folder of a sentence encoder. TRACES: one trace a line, as JSON. `-steps` leaves all steps out, `-goal`, `-inputs`, `-names`, `-skills`,
//! `-pass`, `-generalise`, `-adapter` that part, `-reverse` takes traces backwards; `cut=-2.5` sets the cut; `summaries` prints what each pattern is about instead.

#[path = "model/mod.rs"]
mod model;

use std::error::Error;

use llmos_patterns::{Patterns, Trace, Weights, confidence, generalise, summary};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, traces, options @ ..] = arguments.as_slice() else { return Err("usage: score MODEL TRACES [-WHAT…]".into()) };
    let has = |option: &str| options.iter().any(|given| given == option);
    let embedder = model::load(folder, !has("-adapter"))?;
    let mut traces = model::traces(traces)?;
    if has("-steps") {
        traces.iter_mut().for_each(|trace| trace.steps.clear());
    }
    if has("-reverse") {
        traces.reverse();
    }
    let mut weights = if has("-adapter") { Weights::without_adapter() } else { Weights::default() };
    for (option, weight) in
        [("-goal", &mut weights.goal), ("-inputs", &mut weights.inputs), ("-names", &mut weights.names), ("-skills", &mut weights.skills)]
    {
        if has(option) {
            *weight = 0.0;
        }
    }
    if let Some(cut) = options.iter().find_map(|option| option.strip_prefix("cut=")) {
        weights.cut = cut.parse()?;
    }
    let mut patterns = Patterns::with_weights(embedder.identity().dimension, weights);
    for trace in &traces {
        let goal = if has("-generalise") { trace.goal.clone() } else { generalise(&trace.goal) };
        patterns.insert(trace, &embedder.embed(&[&goal])[0])?;
    }
    if !has("-pass") {
        patterns.pass();
    }
    if has("summaries") {
        return summaries(&patterns, &traces);
    }
    for trace in &traces {
        let pattern = patterns.pattern_of(&trace.id).ok_or("a trace without a pattern")?;
        println!("{}\t{}", trace.id, pattern.0);
    }
    Ok(())
}

fn summaries(patterns: &Patterns, traces: &[Trace]) -> Result<(), Box<dyn Error>> {
    let now = traces.iter().map(|trace| trace.ended_at).max().unwrap_or(0);
    for pattern in patterns.patterns() {
        let members: Vec<&Trace> = patterns.traces(pattern).filter_map(|id| traces.iter().find(|trace| trace.id == id)).collect();
        if members.len() >= 3 {
            let confidence = patterns.evidence(pattern, now).map(|evidence| confidence(&evidence));
            println!("{confidence:.2?} {}", serde_json::to_string_pretty(&summary(&members))?);
        }
    }
    Ok(())
}
