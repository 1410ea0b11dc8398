//! How long grouping takes: `patterns_speed MODEL [TRACES [TASKS]]`. The figures of docs/decisions/patterns.md.
//!
//! TRACES (100,000) of TASKS (2,000) and a tenth of one-offs, made up: vectors spread as those of real goals, eight steps.
#![allow(clippy::unwrap_used)]

#[path = "model/mod.rs"]
mod model;

use std::error::Error;
use std::time::{Duration, Instant};

use fastrand::Rng;
use llmos_patterns::{Patterns, Step, StepKind, Trace, generalise, summary};

const DIMENSION: usize = 384;
/// What any two goals have in common, and on average two of one task besides, as squares of lengths: cosines are then spread about as those of the goals of `eval/`
/// with the adapter (0.23 ± 0.10 between tasks, 0.35 ± 0.14 within one).
const SHARED: f32 = 0.23;
const OF_TASK: f32 = 0.12;
/// The variance of a direction by that of the one before it: few directions tell most, as if there were 60.
const DECAY: f32 = 0.967;

/// A random vector of length 1.
fn vector(random: &mut Rng) -> Vec<f32> {
    let mut deviation = 1.0;
    let mut vector: Vec<f32> = std::iter::repeat_with(|| {
        deviation *= DECAY.sqrt();
        deviation * (0..4).map(|_| random.f32() - 0.5).sum::<f32>()
    })
    .take(DIMENSION)
    .collect();
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    vector.iter_mut().for_each(|value| *value /= length);
    vector
}

/// The vector of a goal; of a task with how much its goals share, if it is of one.
fn goal(shared: &[f32], task: Option<(&[f32], f32)>, random: &mut Rng) -> Vec<f32> {
    let of_task = task.map_or(0.0, |(_, share)| share);
    let mut goal: Vec<f32> = vector(random).iter().map(|value| value * (1.0 - SHARED - of_task).sqrt()).collect();
    for (part, share) in [(shared, SHARED)].into_iter().chain(task) {
        goal.iter_mut().zip(part).for_each(|(value, more)| *value += more * share.sqrt());
    }
    goal
}

fn word(mut number: usize) -> String {
    let mut word = String::from("w");
    for _ in 0..4 {
        word.push(char::from(b'a' + (number % 26) as u8));
        number /= 26;
    }
    word
}

fn trace(random: &mut Rng, id: usize, task: usize, seed: u64) -> Trace {
    let mut of_task = Rng::with_seed(seed);
    let typical: Vec<(usize, usize)> = (0..8).map(|_| (of_task.usize(0..300), of_task.usize(0..4_000))).collect();
    let mut steps = Vec::new();
    for (name, input) in typical {
        if random.f32() < 0.8 {
            let input = format!("{} {}", word(input), word(random.usize(0..40_000)));
            steps.push(Step { name: format!("tool_{name}"), kind: StepKind::Tool, input, ..Step::default() });
        }
    }
    Trace {
        id: format!("t{id}"),
        user: format!("u{}", random.usize(0..50)),
        goal: format!("do task {} for {}", word(task), word(random.usize(0..40_000))),
        steps,
        success: random.f32() < 0.8,
        ended_at: id as i64,
    }
}

fn row(what: &str, mut times: Vec<Duration>, goal: &str) {
    times.sort_unstable();
    let ms = |part: usize| times[(times.len() - 1) * part / 1_000].as_secs_f64() * 1_000.0;
    println!("| {what} | {:.2} | {:.2} | {:.2} | {goal} |", ms(500), ms(990), ms(1_000));
}

fn resident_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) / 1024
}

/// Seconds of processor time of this thread (Linux; 0 elsewhere): what others do on the machine counts less in it.
fn processor_seconds() -> f64 {
    let schedule = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    schedule.split_whitespace().next().and_then(|nanoseconds| nanoseconds.parse::<f64>().ok()).unwrap_or(0.0) / 1e9
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let embedder = model::load(arguments.first().ok_or("usage: patterns_speed MODEL [TRACES [TASKS]]")?, true)?;
    let count: usize = arguments.get(1).map_or(Ok(100_000), |text| text.parse())?;
    let tasks: usize = arguments.get(2).map_or(Ok(2_000), |text| text.parse())?;
    let mut random = Rng::with_seed(1);
    let shared = vector(&mut random);
    let centres: Vec<(Vec<f32>, f32)> = (0..tasks).map(|_| (vector(&mut random), random.f32() * 2.0 * OF_TASK)).collect();
    let mut patterns = Patterns::new(DIMENSION);
    let mut last = Vec::new();
    let mut known: Vec<Trace> = Vec::new();
    for id in 0..count {
        let is_alone = random.f32() < 0.1;
        let task = random.usize(0..tasks);
        let own = goal(&shared, (!is_alone).then(|| (centres[task].0.as_slice(), centres[task].1)), &mut random);
        let trace = trace(&mut random, id, task, if is_alone { (tasks + id) as u64 } else { task as u64 });
        let started = Instant::now();
        patterns.insert(&trace, &own)?;
        last.push(started.elapsed());
        if id == 4_999 || id == 29_999 {
            patterns.pass();
        }
        if task == 0 && !is_alone {
            known.push(trace);
        }
    }
    println!("{} traces, {} patterns, most memory {} MB", patterns.len(), patterns.patterns().count(), resident_mb());
    println!("| ms | p50 | p99 | most | goal |\n|---|---|---|---|---|");
    row("a trace assigned, its vector given", last.split_off(last.len() - 1_000.min(last.len())), "");
    let goals = [
        "check the October payroll of plant 2 before it goes out, something is off with the overtime of Kwame's team",
        "release notes for v3.8.0",
        "our clinic should show up in search results for Ghent, why does it not and which pages do we need",
    ];
    let mut times = Vec::new();
    for id in 0..600 {
        let mut trace = trace(&mut random, count + id, id, id as u64);
        trace.goal = goals[id % goals.len()].to_owned();
        let started = Instant::now();
        let goal = generalise(&trace.goal);
        patterns.insert(&trace, &embedder.embed(&[&goal])[0])?;
        times.push(started.elapsed());
    }
    row("a trace assigned, its goal embedded", times, "≤ 20 p99");
    let known: Vec<&Trace> = known.iter().collect();
    row(
        "a summary",
        (0..20)
            .map(|_| {
                let started = Instant::now();
                drop(summary(&known));
                started.elapsed()
            })
            .collect(),
        "",
    );
    let (started, processor) = (Instant::now(), processor_seconds());
    let mut pass = patterns.begin_pass();
    let mut steps = Vec::new();
    loop {
        let started = Instant::now();
        let is_done = pass.step(&patterns, 200_000);
        steps.push(started.elapsed());
        if is_done {
            break;
        }
    }
    let stepped = started.elapsed();
    let began = Instant::now();
    let events = patterns.apply(pass)?;
    row("a step of a pass", steps, "");
    println!(
        "a full pass {:.1} s + {:.2} s to apply, {:.1} s of the processor: {} patterns, {} events",
        stepped.as_secs_f64(),
        began.elapsed().as_secs_f64(),
        processor_seconds() - processor,
        patterns.patterns().count(),
        events.len()
    );
    println!("most memory {} MB", resident_mb());
    Ok(())
}
