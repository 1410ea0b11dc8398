//! Measures nDCG@10 and recall@10 on judged queries, and tries other parameters one after another.
//!
//! ```text
//! tune VECTORS QUERIES QUERY_VECTORS QRELS show|descend|words VOLUME…
//! ```
//!
//! `show` measures, `descend` tries, `words` tries without vectors. Files as in `rank`; QRELS: `id<TAB>path<TAB>grade`.

#[path = "volume/mod.rs"]
mod volume;

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

use llmos_search::{Filter, Id, Index, Query, Scope, Tuning};

const DIMENSION: usize = 384;

struct Judged {
    style: String,
    query: Query,
    grades: BTreeMap<Id, i32>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [vectors, queries, query_vectors, qrels, command, folders @ ..] = arguments.as_slice() else {
        return Err("usage: tune VECTORS QUERIES QUERY_VECTORS QRELS show|descend|words VOLUME…".into());
    };
    let mut documents = Vec::new();
    for folder in folders {
        documents.extend(volume::read(Path::new(folder))?);
    }
    let mut index = Index::new(DIMENSION);
    documents.iter().for_each(|(_, document)| index.put(document));
    for ((document, passage), vector) in volume::in_order_of_depth(&documents).zip(volume::vectors(Path::new(vectors), DIMENSION)?) {
        index.set_vector(documents[document].1.id, passage, &vector)?;
    }
    let ids: BTreeMap<&str, Id> = documents.iter().map(|(path, document)| (path.as_str(), document.id)).collect();
    let mut grades: BTreeMap<String, BTreeMap<Id, i32>> = BTreeMap::new();
    for line in std::fs::read_to_string(qrels)?.lines() {
        let cells: Vec<&str> = line.split('\t').collect();
        if let Some(id) = ids.get(cells[1]) {
            grades.entry(cells[0].to_owned()).or_default().insert(*id, cells[2].parse()?);
        }
    }
    let mut judged = Vec::new();
    for (line, vector) in std::fs::read_to_string(queries)?.lines().zip(volume::vectors(Path::new(query_vectors), DIMENSION)?) {
        let cells: Vec<&str> = line.split('\t').collect();
        let filter = Filter { scopes: vec![Scope(1)], ..Filter::default() };
        let query = Query { text: cells[2].to_owned(), vector: Some(vector), filter, limit: 10, ..Query::default() };
        judged.push(Judged { style: cells[1].to_owned(), query, grades: grades.remove(cells[0]).unwrap_or_default() });
    }
    if command == "words" {
        judged.iter_mut().for_each(|judged| judged.query.vector = None);
    }
    let mut best = Tuning::default();
    let mut high = measure(&mut index, &judged, &best, true);
    if command != "show" {
        for round in 0..2 {
            for (name, set) in parameters() {
                let start = best.clone();
                let mut line = String::new();
                for step in [0.5, 0.7, 0.85, 1.2, 1.5, 2.0] {
                    let mut tuning = start.clone();
                    set(&mut tuning, step);
                    let score = measure(&mut index, &judged, &tuning, false);
                    line += &format!(" {step}:{score:.4}");
                    if score > high + 0.001 {
                        high = score;
                        best = tuning;
                    }
                }
                println!("{round} {name}{line}");
            }
            println!("{high:.4} {best:?}");
        }
    }
    Ok(())
}

type Setter = fn(&mut Tuning, f32);

fn parameters() -> Vec<(&'static str, Setter)> {
    vec![
        ("semantic", |t, s| t.semantic = (t.semantic * s).min(1.0)),
        ("feedback", |t, s| t.feedback.1 *= s),
        ("coverage", |t, s| t.coverage *= s),
        ("near", |t, s| t.near *= s),
        ("cosine low", |t, s| t.cosine.0 += (s - 1.0) * 0.2),
        ("cosine high", |t, s| t.cosine.1 *= s),
        ("ideal", |t, s| t.ideal = (t.ideal + (s - 0.85) * 0.5).clamp(0.0, 1.0)),
        ("best three", |t, s| t.passages[0] *= s),
        ("all passages", |t, s| t.passages[1] *= s),
        ("first passage", |t, s| t.passages[2] *= s),
        ("k1", |t, s| t.k1 *= s),
        ("name", |t, s| t.weights[0] *= s),
        ("slug", |t, s| t.weights[1] *= s),
        ("tags", |t, s| t.weights[2] *= s),
        ("description", |t, s| t.weights[3] *= s),
        ("headings", |t, s| t.weights[4] *= s),
        ("length name", |t, s| t.length[0] = (t.length[0] * s).min(1.0)),
        ("length slug", |t, s| t.length[1] = (t.length[1] * s).min(1.0)),
        ("length description", |t, s| t.length[3] = (t.length[3] * s).min(1.0)),
        ("length headings", |t, s| t.length[4] = (t.length[4] * s).min(1.0)),
        ("length body", |t, s| t.length[5] = (t.length[5] * s).min(1.0)),
        ("stop", |t, s| t.stop *= s),
        ("part", |t, s| t.part *= s),
        ("rough", |t, s| t.rough = (t.rough * s).min(1.0)),
    ]
}

/// The mean nDCG@10.
fn measure(index: &mut Index, judged: &[Judged], tuning: &Tuning, print: bool) -> f64 {
    index.set_tuning(tuning.clone());
    let mut results: BTreeMap<&str, Vec<[f64; 3]>> = BTreeMap::new();
    for Judged { style, query, grades } in judged {
        let found: Vec<i32> = index.search(query).hits.iter().map(|hit| grades.get(&hit.id).copied().unwrap_or(0)).collect();
        let mut ideal: Vec<i32> = grades.values().copied().collect();
        ideal.sort_unstable_by(|a, b| b.cmp(a));
        let recall = |least: i32| {
            let count = |grades: &[i32]| grades.iter().filter(|grade| **grade >= least).count() as f64;
            if count(&ideal) > 0.0 { count(&found) / count(&ideal) } else { 0.0 }
        };
        let score = [if gain(&ideal) > 0.0 { gain(&found) / gain(&ideal) } else { 0.0 }, recall(1), recall(2)];
        results.entry("overall").or_default().push(score);
        results.entry(style).or_default().push(score);
    }
    let mean = |scores: &[[f64; 3]], i: usize| scores.iter().map(|score| score[i]).sum::<f64>() / scores.len() as f64;
    if print {
        println!("{:<10}{:>8}{:>9}{:>11}{:>11}", "style", "queries", "nDCG@10", "Recall@10", "exact");
        for (style, scores) in &results {
            println!("{style:<10}{:>8}{:>9.3}{:>11.3}{:>11.3}", scores.len(), mean(scores, 0), mean(scores, 1), mean(scores, 2));
        }
    }
    mean(&results["overall"], 0)
}

fn gain(grades: &[i32]) -> f64 {
    grades.iter().take(10).enumerate().map(|(i, grade)| (2f64.powi(*grade) - 1.0) / ((i + 2) as f64).log2()).sum()
}
