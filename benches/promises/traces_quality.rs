//! How well runs are grouped, against what they really were: the adjusted Rand index (Hubert and Arabie, 1985) and pairwise F1 over all runs, each one-off a
//! class of its own.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    process::Command,
};

use llmos_patterns::{Patterns, Weights, generalise};

use crate::{Figure, Result};

/// Of the runs that judge: goals with steps, and goals alone.
const GOALS: [(&str, f64); 2] = [("goals and steps", 0.80), ("goals alone", 0.50)];

#[path = "../../crates/patterns/examples/model/mod.rs"]
mod model;

/// Prints a table over the set that the grouping was tuned on, and over the runs in the folder that `LLMOS_LABELLED_TRACES` names (`traces.jsonl`, and
/// `labels.tsv` with `id<TAB>task`, `-` for a one-off); the latter make figures.
pub fn run() -> Result<Vec<Figure>> {
    let folder = std::env::var("EMBEDDING_MODEL_DIR").map_err(|_| "Set EMBEDDING_MODEL_DIR to the folder of the model.")?;
    let embedder = model::load(&folder, true).map_err(|error| error.to_string())?;
    let tuned = tempfile::tempdir()?;
    let mut sets: Vec<(String, PathBuf)> = Vec::new();
    let generator = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/patterns/eval/generate.py");
    for seed in 1..=3 {
        let folder = tuned.path().join(seed.to_string());
        std::fs::create_dir_all(&folder)?;
        match Command::new("python3").arg(&generator).arg(seed.to_string()).arg(&folder).stdout(std::process::Stdio::null()).status() {
            Ok(status) if status.success() => sets.push((format!("tuned on, seed {seed}"), folder)),
            _ => println!("traces: python3 did not make the set of seed {seed}"),
        }
    }
    let judging = std::env::var_os("LLMOS_LABELLED_TRACES").map(PathBuf::from);
    sets.extend(judging.clone().map(|folder| ("judging".to_owned(), folder)));
    if judging.is_none() {
        println!("traces: LLMOS_LABELLED_TRACES names no folder: the groups are judged by no other runs than those they were tuned on");
    }
    println!("\n| runs | grouped by | runs | tasks | groups | ARI | F1 |\n|---|---|---|---|---|---|---|");
    let mut figures = Vec::new();
    for (name, folder) in sets {
        let truth = labels(&folder.join("labels.tsv"))?;
        for (by, least) in GOALS {
            let path = folder.join("traces.jsonl").display().to_string();
            let mut traces = model::traces(&path).map_err(|error| format!("{path}: {error}"))?;
            if by == GOALS[1].0 {
                traces.iter_mut().for_each(|trace| trace.steps.clear());
            }
            let mut patterns = Patterns::with_weights(embedder.identity().dimension, Weights::default());
            for trace in &traces {
                let vectors = embedder.embed(&[&generalise(&trace.goal)]);
                patterns.insert(trace, vectors.first().ok_or("a goal has no vector")?)?;
            }
            patterns.pass();
            let groups =
                traces.iter().filter_map(|trace| Some((trace.id.clone(), patterns.pattern_of(&trace.id)?.0.to_string()))).collect();
            let Score { ari, f1, classes, clusters } = score(&truth, &groups);
            println!("| {name} | {by} | {} | {classes} | {clusters} | {ari:.3} | {f1:.3} |", truth.len());
            if name == "judging" {
                let (goal, measured) = (format!("≥ {least:.2}"), format!("{ari:.3}"));
                figures.push(Figure { what: format!("runs grouped by {by}, adjusted Rand index"), goal, measured, met: ari >= least });
            }
        }
    }
    Ok(figures)
}

fn labels(path: &Path) -> Result<HashMap<String, String>> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let line = |line: &str| line.split_once('\t').map(|(id, task)| (id.to_owned(), task.to_owned()));
    Ok(text.lines().filter_map(line).collect())
}

struct Score {
    ari: f64,
    f1: f64,
    classes: usize,
    clusters: usize,
}

fn pairs<K>(counts: &HashMap<K, f64>) -> f64 {
    counts.values().map(|count| count * (count - 1.0) / 2.0).sum()
}

/// `-`, or an id that is missing, stands for a class or group of its own.
fn score(truth: &HashMap<String, String>, groups: &HashMap<String, String>) -> Score {
    let (mut classes, mut clusters, mut both) = (HashMap::new(), HashMap::new(), HashMap::new());
    for (id, task) in truth {
        let class = if task == "-" { ("alone", id) } else { ("task", task) };
        let cluster = groups.get(id).map_or(("alone", id), |group| ("group", group));
        *classes.entry(class).or_insert(0.0) += 1.0;
        *clusters.entry(cluster).or_insert(0.0) += 1.0;
        *both.entry((class, cluster)).or_insert(0.0) += 1.0;
    }
    let (common, of_classes, of_clusters) = (pairs(&both), pairs(&classes), pairs(&clusters));
    let all = truth.len() as f64 * (truth.len() as f64 - 1.0) / 2.0;
    let expected = if all > 0.0 { of_classes * of_clusters / all } else { 0.0 };
    let most = f64::midpoint(of_classes, of_clusters);
    let ari = if most == expected { 1.0 } else { (common - expected) / (most - expected) };
    let f1 = if of_classes + of_clusters > 0.0 { 2.0 * common / (of_classes + of_clusters) } else { 0.0 };
    Score { ari, f1, classes: classes.len(), clusters: clusters.len() }
}
