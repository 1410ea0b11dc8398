//! One figure for each promise with a number: the built server is started as people start it and asked over HTTP.
//!
//! `scripts/bench` runs it: `promises <corpus folder> [import|scale|process …]`. Prints a markdown table: figure, goal, measured.

mod analytics;
mod analytics_made;
mod analytics_replay;
mod analytics_truth;
mod backups;
mod beside;
mod clients;
mod documents;
mod git;
mod import;
mod jobs;
mod market;
mod market_data;
mod near;
mod nodes;
mod others;
mod postgres;
mod process;
mod rates;
#[expect(dead_code, reason = "tests make it misbehave")]
#[path = "../../tests/it/git/server.rs"]
mod repository;
mod rooms;
mod scale;
mod search;
mod server;
mod sessions;
mod socket;
mod traces;
mod traces_data;
mod traces_made;
mod traces_quality;
mod usage;
mod webhooks;

use std::path::PathBuf;

/// One row of the table.
pub struct Figure {
    pub what: String,
    pub goal: String,
    pub measured: String,
    pub met: bool,
}

impl Figure {
    pub fn at_most(what: impl Into<String>, goal: f64, measured: f64, unit: &str) -> Self {
        Self { what: what.into(), goal: format!("≤ {goal} {unit}"), measured: format!("{measured:.1} {unit}"), met: measured <= goal }
    }
    pub fn at_least(what: impl Into<String>, goal: f64, measured: f64, unit: &str) -> Self {
        Self { what: what.into(), goal: format!("≥ {goal} {unit}"), measured: format!("{measured:.0} {unit}"), met: measured >= goal }
    }
}

/// Sorts and takes the value below which `part` (0..=1) of all are.
pub fn percentile(values: &mut [f64], part: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let index = ((values.len() as f64 * part).ceil() as usize).clamp(1, values.len()) - 1;
    values[index]
}

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if let [_, first, task] = &std::env::args().collect::<Vec<_>>()[..]
        && first == clients::CLIENT
    {
        return runtime.block_on(clients::serve(task));
    }
    // `cargo bench` adds `--bench`.
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let corpus = PathBuf::from(arguments.next().ok_or("name the folder of the corpus to import")?);
    let chosen: Vec<String> = arguments.collect();
    let wanted = |name: &str| chosen.is_empty() || chosen.iter().any(|choice| choice == name);
    let mut figures = Vec::new();
    if wanted("process") {
        figures.extend(runtime.block_on(process::run())?);
    }
    if wanted("import") {
        figures.extend(runtime.block_on(import::run(&corpus))?);
    }
    if wanted("scale") {
        figures.extend(runtime.block_on(scale::run())?);
    }
    if wanted("rooms") {
        figures.extend(runtime.block_on(rooms::run())?);
    }
    if wanted("documents") {
        figures.extend(runtime.block_on(documents::run())?);
    }
    if wanted("others") {
        runtime.block_on(others::run())?;
    }
    if wanted("sessions") {
        figures.extend(runtime.block_on(sessions::run())?);
    }
    if wanted("search") {
        figures.extend(runtime.block_on(search::run())?);
    }
    if wanted("market") {
        figures.extend(runtime.block_on(market::run())?);
    }
    if wanted("jobs") {
        figures.extend(runtime.block_on(jobs::run())?);
    }
    if wanted("webhooks") {
        figures.extend(runtime.block_on(webhooks::run())?);
    }
    if wanted("git") {
        figures.extend(runtime.block_on(git::run())?);
    }
    if wanted("traces") {
        figures.extend(traces_quality::run()?);
        figures.extend(runtime.block_on(traces::run())?);
    }
    if wanted("usage") {
        figures.extend(runtime.block_on(usage::run())?);
    }
    if wanted("rates") {
        figures.extend(rates::run()?);
    }
    if wanted("backups") {
        figures.extend(runtime.block_on(backups::run())?);
    }
    if wanted("nodes") {
        figures.extend(runtime.block_on(nodes::run())?);
    }
    if wanted("postgres") {
        runtime.block_on(postgres::run())?;
    }
    if wanted("near") {
        figures.extend(runtime.block_on(near::run(&corpus))?);
    }
    if wanted("analytics") {
        figures.extend(runtime.block_on(analytics::run())?);
    }
    println!("\n| figure | goal | measured | |\n|---|---|---|---|");
    for Figure { what, goal, measured, met } in figures {
        println!("| {what} | {goal} | {measured} | {} |", if met { "met" } else { "missed" });
    }
    Ok(())
}
