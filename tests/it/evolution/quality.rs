//! How well runs of one task find each other: a floor under the engine with the model that is shipped, on runs of our own. What it reaches on more of them is
//! measured by `scripts/bench` (docs/decisions/patterns.md).

use std::collections::HashMap;

use llmos_lite::{features::search::service::vectors_of_goals, server::context::Ctx};
use llmos_patterns::{Outcome, Patterns, Step, StepKind, Trace, Weights, generalise};

use super::with_model;
use crate::search::model;

/// Tasks beside near ones, written for tuning; see its README.
const TASKS: &str = include_str!("../../../crates/patterns/eval/tasks.txt");
/// Tasks that are taken: a model takes its time where nothing is optimised.
const MOST: usize = 12;

/// Runs with the task that each is of. A run leaves out every fourth of its steps, another one each time.
fn labelled() -> Vec<(usize, Trace)> {
    let mut runs = Vec::new();
    for (task, block) in TASKS.split("\n== ").skip(1).take(MOST).enumerate() {
        let mut lines = block.lines().skip(1).filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
        let steps: Vec<(&str, String)> = lines
            .next()
            .unwrap_or_default()
            .split('|')
            .filter_map(|step| step.trim().trim_end_matches(['?', '+']).trim().split_once(':'))
            .map(|(name, input)| (name.trim(), input.replace("{e}", "").trim().to_owned()))
            .collect();
        for (at, goal) in lines.enumerate() {
            let kept = steps.iter().enumerate().filter(|(step, _)| (step + at) % 4 != 3).map(|(_, (name, input))| Step {
                name: (*name).to_owned(),
                kind: StepKind::Tool,
                input: input.clone(),
                outcome: Outcome::Ok,
            });
            let trace = Trace {
                id: format!("{task}-{at}"),
                user: format!("person {}", at % 3),
                goal: goal.replace(['[', ']'], ""),
                steps: kept.collect(),
                success: true,
                ended_at: 0,
            };
            runs.push((task, trace));
        }
    }
    runs
}

/// The adjusted Rand index of two groupings (L. Hubert and P. Arabie, "Comparing partitions", 1985).
fn adjusted_rand(pairs: &[(usize, u64)]) -> f64 {
    let choose = |count: &usize| (*count * count.saturating_sub(1) / 2) as f64;
    let (mut both, mut tasks, mut groups) = (HashMap::new(), HashMap::new(), HashMap::new());
    for (task, group) in pairs {
        *both.entry((task, group)).or_insert(0_usize) += 1;
        *tasks.entry(task).or_insert(0_usize) += 1;
        *groups.entry(group).or_insert(0_usize) += 1;
    }
    let together: f64 = both.values().map(choose).sum();
    let (of_tasks, of_groups): (f64, f64) = (tasks.values().map(choose).sum(), groups.values().map(choose).sum());
    let expected = of_tasks * of_groups / choose(&pairs.len());
    (together - expected) / ((of_tasks + of_groups) / 2.0 - expected)
}

fn grouped(runs: &[(usize, Trace)], vectors: &[Vec<f32>], dimension: usize) -> f64 {
    let mut patterns = Patterns::with_weights(dimension, Weights::default());
    for ((_, trace), vector) in runs.iter().zip(vectors) {
        patterns.insert(trace, vector).expect("it is taken");
    }
    patterns.pass();
    let pairs: Vec<(usize, u64)> = runs.iter().filter_map(|(task, trace)| Some((*task, patterns.pattern_of(&trace.id)?.0))).collect();
    adjusted_rand(&pairs)
}

app_test!(runs_of_one_task_find_each_other, |config| { with_model(config) }, |app| {
    if model().is_none() {
        return;
    }
    let runs = labelled();
    assert!(runs.len() > 100, "{}", runs.len());
    let goals: Vec<String> = runs.iter().map(|(_, trace)| generalise(&trace.goal)).collect();
    let ctx = Ctx::internal(app.state.clone(), None);
    let (model, vectors) = vectors_of_goals(&ctx, None, &goals).await.expect("answers").expect("there is a model");
    // The adapter is for the model that scripts/setup fetches; how well another one does is not promised.
    if !model.is_adapted {
        return;
    }
    let with_steps = grouped(&runs, &vectors, model.dimension);
    let mut bare = runs;
    bare.iter_mut().for_each(|(_, trace)| trace.steps.clear());
    let goals_alone = grouped(&bare, &vectors, model.dimension);
    // A little below what it is: 0.634 and 0.398 of these few; scripts/bench measures all.
    assert!(with_steps >= 0.60 && goals_alone >= 0.36, "with steps {with_steps:.3}, goals alone {goals_alone:.3}");
});

#[test]
fn the_index_of_the_same_groups_is_one() {
    assert!((adjusted_rand(&[(0, 5), (0, 5), (1, 7), (1, 7)]) - 1.0).abs() < 1e-9);
    assert!(adjusted_rand(&[(0, 1), (0, 2), (1, 1), (1, 2)]) < 0.0);
}
