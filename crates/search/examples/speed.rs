//! Prints speed and memory at 1,000, 10,000 and 100,000 passages: `speed VECTORS VOLUME…`.
//!
//! VECTORS as in `rank`. Real passages are repeated with noise where there are not enough.

#[path = "volume/mod.rs"]
mod volume;

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use llmos_search::{Document, Filter, Id, Index, Query, Scope, passages};

const DIMENSION: usize = 384;
const QUERIES: [&str; 8] = [
    "valuation",
    "kubernetes security policies",
    "how do I find out why my database queries are slow",
    "write unit tests for a react component",
    "reduce the cloud bill and open an issue for each saving",
    "kuberntes deploymnt",
    "review a pull request for security problems before it is merged",
    "make a slide deck from a report",
];

/// Noise that is the same in every run: a 64-bit linear congruential generator.
struct Noise(u64);

impl Noise {
    /// Between -1 and 1.
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1 << 23) as f32 - 1.0
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (vectors, folders) = arguments.split_first().ok_or("usage: speed VECTORS VOLUME…")?;
    let mut documents = Vec::new();
    for folder in folders {
        documents.extend(volume::read(Path::new(folder))?);
    }
    let vectors = volume::vectors(Path::new(vectors), DIMENSION)?;
    let mut of: Vec<Vec<&[f32]>> = vec![Vec::new(); documents.len()];
    volume::in_order_of_depth(&documents).zip(&vectors).for_each(|((document, _), vector)| of[document].push(vector));
    println!(
        "| passages | documents | index | vectors p50 | p99 | 1 % filter p99 | recall@10 | words p50 | as you type p50 | p99 | both p50 | p99 | bytes a passage | to bytes | from bytes |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|");
    for size in [1_000, 10_000, 100_000] {
        row(size, &documents, &of)?;
    }
    Ok(())
}

fn row(size: usize, documents: &[(String, Document)], of: &[Vec<&[f32]>]) -> Result<(), Box<dyn Error>> {
    let mut noise = Noise(1);
    let mut index = Index::new(DIMENSION);
    let mut exact: Vec<(Id, usize, Vec<f32>)> = Vec::new();
    let (mut count, mut number) = (0, 0);
    let start = Instant::now();
    while count < size {
        let round = number / documents.len();
        let (document, vectors) = (&documents[number % documents.len()].1, &of[number % documents.len()]);
        // One document in a hundred is in a scope of its own: the filter that keeps 1 %.
        let scope = Scope(if number % 100 == 7 { 2 } else { 1 });
        let copy = Document { id: Id(number as u128), scope, ..document.clone() };
        index.put(&copy);
        for passage in 0..passages(&copy).len() {
            let original = vectors.get(passage).copied().unwrap_or(&[1.0; DIMENSION]);
            let vector: Vec<f32> = original.iter().map(|value| value + if round > 0 { noise.next() * 0.03 } else { 0.0 }).collect();
            index.set_vector(copy.id, passage, &vector)?;
            exact.push((copy.id, passage, normal(&vector)));
            count += 1;
        }
        number += 1;
    }
    index.compact();
    let built = start.elapsed();
    let all = Filter { scopes: vec![Scope(1), Scope(2)], ..Filter::default() };
    let few = Filter { scopes: vec![Scope(2)], ..Filter::default() };
    let queries: Vec<Vec<f32>> =
        (0..200).map(|i| exact[i * exact.len() / 200].2.iter().map(|value| value + noise.next() * 0.05).collect()).collect();

    let vectors = times(2000, |i| _ = index.nearest(&queries[i % queries.len()], &all, 10));
    let filtered = times(2000, |i| _ = index.nearest(&queries[i % queries.len()], &few, 10));
    let ask = |i: usize, vector: Option<Vec<f32>>| {
        index.search(&Query { text: QUERIES[i % QUERIES.len()].to_owned(), vector, filter: all.clone(), limit: 20, ..Query::default() })
    };
    let words = times(400, |i| _ = ask(i, None));
    let typed = ["co", "de", "kube", "valua", "s", "review pu", "how to te", "in"];
    let partial = times(400, |i| {
        index.search(&Query {
            text: typed[i % typed.len()].to_owned(),
            is_partial: true,
            filter: all.clone(),
            limit: 20,
            ..Query::default()
        });
    });
    let both = times(400, |i| _ = ask(i, Some(queries[i % queries.len()].clone())));

    let mut found = 0;
    for query in queries.iter().take(50) {
        let query = normal(query);
        let mut scores: Vec<(f32, Id, usize)> = exact.iter().map(|(id, passage, vector)| (dot(&query, vector), *id, *passage)).collect();
        scores.sort_by(|a, b| b.0.total_cmp(&a.0));
        let nearest = index.nearest(&query, &all, 10);
        found +=
            scores.iter().take(10).filter(|(_, id, passage)| nearest.iter().any(|(other, at, _)| (other, at) == (id, passage))).count();
    }
    let memory = index.memory() / count;
    let start = Instant::now();
    let bytes = index.to_bytes();
    let written = start.elapsed();
    let start = Instant::now();
    let read = Index::from_bytes(&bytes)?;
    println!(
        "| {count} | {} | {built:.1?} | {:.3} ms | {:.3} ms | {:.3} ms | {:.3} | {:.2} ms | {:.2} ms | {:.2} ms | {:.2} ms | {:.2} ms | {memory} | {written:.1?} | {:.1?} |",
        read.len(),
        vectors[vectors.len() / 2],
        vectors[vectors.len() * 99 / 100],
        filtered[filtered.len() * 99 / 100],
        f64::from(found as u32) / 500.0,
        words[words.len() / 2],
        partial[partial.len() / 2],
        partial[partial.len() * 99 / 100],
        both[both.len() / 2],
        both[both.len() * 99 / 100],
        start.elapsed(),
    );
    Ok(())
}

/// Milliseconds of each call, sorted.
fn times(calls: usize, mut call: impl FnMut(usize)) -> Vec<f64> {
    let mut times: Vec<f64> = (0..calls)
        .map(|i| {
            let start = Instant::now();
            call(i);
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times
}

fn normal(vector: &[f32]) -> Vec<f32> {
    let length = dot(vector, vector).sqrt();
    vector.iter().map(|value| value / length).collect()
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
