//! Prints how fast and how well the nearest vectors are found, by comparing all and by codes first: `vectors SIZES NOISE PASSAGES QUERIES…`.
//!
//! SIZES as 1000,10000; NOISE is the standard deviation of the noise of each component of a repeated passage (a vector of length 1 has components of
//! about 0.05); the files hold little-endian 32-bit floats, 384 to a vector. `scripts/bench-vectors.py` makes the same vectors of the same files for
//! other indexes.
//!
//! Times are milliseconds: the least 50th and 99th percentile of several rounds of all queries, for what else the machine does only adds.

#[path = "volume/mod.rs"]
#[allow(dead_code)]
mod volume;

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use llmos_search::{Document, Filter, Id, Index, Kind, Query, Scope, Tuning, passages};

const DIMENSION: usize = 384;
/// Passages of each document.
const PASSAGES: usize = 8;
/// As many rounds as make sure of a quiet one.
const ROUNDS: usize = 5;
const CANDIDATES: [usize; 5] = [500, 1_000, 2_000, 4_000, 8_000];
/// Tags of documents, and one in how many has it: filters of 100 %, 50 %, 10 % and 1 %.
const FILTERS: [(&str, usize); 4] = [("all", 1), ("50", 2), ("10", 10), ("1", 100)];
/// What ann-benchmarks lets a distance exceed that of the true tenth and still count.
const EPSILON: f32 = 1e-3;

/// Nearly normal with variance 1: the sum of the four 16-bit numbers of a hash (Irwin and Hall; the finaliser of SplitMix).
fn noise(i: u64) -> f64 {
    let mut hash = i.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    hash ^= hash >> 31;
    let sum: u64 = (0..4).map(|part| (hash >> (16 * part)) & 0xFFFF).sum();
    (sum as f64 - 2.0 * 65_535.0) / (65_536.0 / 3f64.sqrt())
}

/// The passages, repeated as often as it takes.
struct Corpus {
    originals: Vec<Vec<f32>>,
    noise: f64,
    size: usize,
}

impl Corpus {
    /// A passage's vector, of length 1; the first repetition has no noise.
    fn vector(&self, i: usize) -> Vec<f32> {
        let original = &self.originals[i % self.originals.len()];
        let scale = if i < self.originals.len() { 0.0 } else { self.noise };
        let component = |(j, value): (usize, &f32)| (f64::from(*value) + scale * noise((i * DIMENSION + j) as u64)) as f32;
        normal(&original.iter().enumerate().map(component).collect::<Vec<_>>())
    }

    /// For each filter and query, the cosines and passages of the ten nearest, by 32-bit floats.
    fn nearest(&self, queries: &[Vec<f32>]) -> Vec<Vec<Vec<(f32, usize)>>> {
        let mut best = vec![vec![Vec::new(); queries.len()]; FILTERS.len()];
        for i in 0..self.size {
            let vector = self.vector(i);
            for (query, asked) in queries.iter().enumerate() {
                let cosine = dot(asked, &vector);
                for (best, _) in best.iter_mut().zip(FILTERS).filter(|(_, (_, part))| has_tag(i / PASSAGES, *part)) {
                    let best: &mut Vec<(f32, usize)> = &mut best[query];
                    if best.len() < 10 || cosine > best[9].0 {
                        best.truncate(9);
                        best.insert(best.partition_point(|other| other.0 >= cosine), (cosine, i));
                    }
                }
            }
        }
        best
    }

    /// The part of the exact ten that was found, and the part of what was found that is as near as the tenth.
    fn recall(&self, exact: &[Vec<(f32, usize)>], found: &[Vec<usize>], queries: &[Vec<f32>]) -> String {
        let (mut same, mut near, mut all) = (0, 0, 0);
        for ((exact, found), query) in exact.iter().zip(found).zip(queries) {
            let Some((least, _)) = exact.last() else { continue };
            all += exact.len();
            same += exact.iter().filter(|(_, i)| found.contains(i)).count();
            near += found.iter().filter(|i| dot(query, &self.vector(**i)) >= least - EPSILON).count();
        }
        format!("{:.4} | {:.4}", same as f64 / all as f64, near as f64 / all as f64)
    }
}

fn has_tag(document: usize, part: usize) -> bool {
    document % part == 1 % part
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [sizes, noise, data, queries @ ..] = &arguments[..] else { return Err("usage: vectors SIZES NOISE PASSAGES QUERIES…".into()) };
    let mut asked = Vec::new();
    for file in queries {
        asked.extend(volume::vectors(Path::new(file), DIMENSION)?.iter().map(|query| normal(query)));
    }
    for size in sizes.split(',') {
        let originals = volume::vectors(Path::new(data), DIMENSION)?;
        rows(&Corpus { originals, noise: noise.parse()?, size: size.parse()? }, &asked)?;
    }
    Ok(())
}

fn rows(corpus: &Corpus, queries: &[Vec<f32>]) -> Result<(), Box<dyn Error>> {
    let size = corpus.size;
    let mut index = Index::new(DIMENSION);
    let start = Instant::now();
    fill(&mut index, corpus)?;
    let filled = start.elapsed();
    index.compact();
    println!("\n{size} passages, noise {}: filled in {filled:.1?}, {} bytes a passage\n", corpus.noise, index.memory() / size);
    println!("| passages | filter | candidates | p50 | p99 | the same ten | as near as the tenth |\n|---|---|---|---|---|---|---|");
    let exact = corpus.nearest(queries);
    for ((tag, part), exact) in FILTERS.iter().zip(&exact) {
        let filter = filter(tag, *part);
        let ways = [Tuning { scan: usize::MAX, ..Tuning::default() }].into_iter();
        let ways = ways.chain(CANDIDATES.map(|candidates| Tuning { scan: 0, candidates, ..Tuning::default() }));
        for tuning in ways {
            let way = if tuning.scan > 0 { "(all compared)".to_owned() } else { tuning.candidates.to_string() };
            index.set_tuning(tuning);
            let found: Vec<_> = queries.iter().map(|query| places(&index.nearest(query, &filter, 10))).collect();
            let took = percentiles(queries.len(), |i| _ = index.nearest(&queries[i], &filter, 10));
            println!("| {size} | {} % | {way} | {took} | {} |", 100 / part, corpus.recall(exact, &found, queries));
        }
    }
    index.set_tuning(Tuning::default());
    for (tag, part) in FILTERS {
        let filter = filter(tag, part);
        let nearest = percentiles(queries.len(), |i| _ = index.nearest(&queries[i], &filter, 10));
        let searched = percentiles(queries.len(), |i| {
            index.search(&Query { vector: Some(queries[i].clone()), filter: filter.clone(), limit: 20, ..Query::default() });
        });
        let similar = percentiles(queries.len(), |i| {
            index.similar(Id((i * 7_919 % size / PASSAGES) as u128), &filter, 10);
        });
        let hits = |index: &Index| -> Vec<Vec<Id>> {
            let ask = |vector: &Vec<f32>| {
                index.search(&Query { vector: Some(vector.clone()), filter: filter.clone(), limit: 20, ..Query::default() })
            };
            queries.iter().map(|query| ask(query).hits.iter().map(|hit| hit.id).collect()).collect()
        };
        let found = hits(&index);
        index.set_tuning(Tuning { scan: usize::MAX, ..Tuning::default() });
        let exact = hits(&index);
        index.set_tuning(Tuning::default());
        let same: usize = exact.iter().zip(&found).map(|(exact, found)| exact.iter().filter(|id| found.contains(id)).count()).sum();
        let all: usize = exact.iter().map(Vec::len).sum();
        println!(
            "{} %, as by default, p50 | p99: nearest {nearest}, search {searched}, similar {similar}; of 20 hits {:.4} are those of comparing all",
            100 / part,
            same as f64 / all as f64
        );
    }
    let start = Instant::now();
    let bytes = index.to_bytes();
    let written = start.elapsed();
    drop(index);
    let start = Instant::now();
    let read = Index::from_bytes(&bytes)?;
    println!("snapshot: {} MB in {written:.1?}, read in {:.1?}: {} documents", bytes.len() / 1_000_000, start.elapsed(), read.len());
    Ok(())
}

fn filter(tag: &str, part: usize) -> Filter {
    Filter { scopes: vec![Scope(1)], tags: if part > 1 { vec![tag.to_owned()] } else { Vec::new() }, ..Filter::default() }
}

fn fill(index: &mut Index, corpus: &Corpus) -> Result<(), Box<dyn Error>> {
    // No words, but long enough for its passages.
    let mut document = document();
    while passages(&document).len() < PASSAGES {
        document.body.push_str("........");
    }
    for (number, first) in (0..corpus.size).step_by(PASSAGES).enumerate() {
        let tags = FILTERS.iter().filter(|(_, part)| *part > 1 && has_tag(number, *part)).map(|(tag, _)| (*tag).to_owned());
        let copy = Document { id: Id(number as u128), tags: tags.collect(), ..document.clone() };
        index.put(&copy);
        for passage in 0..PASSAGES.min(corpus.size - first) {
            index.set_vector(copy.id, passage, &corpus.vector(first + passage))?;
        }
    }
    Ok(())
}

fn document() -> Document {
    Document {
        id: Id(0),
        kind: Kind::Skill,
        scope: Scope(1),
        slug: String::new(),
        name: String::new(),
        description: String::new(),
        body: String::new(),
        tags: Vec::new(),
        category: String::new(),
        author: None,
        version: None,
        rating: None,
        updated_at: 0,
    }
}

fn places(nearest: &[(Id, usize, f32)]) -> Vec<usize> {
    nearest.iter().map(|(id, passage, _)| id.0 as usize * PASSAGES + passage).collect()
}

/// The least 50th and 99th percentile of several rounds, in milliseconds.
fn percentiles(calls: usize, mut call: impl FnMut(usize)) -> String {
    let mut least = [f64::MAX; 2];
    for _ in 0..ROUNDS {
        let mut times: Vec<f64> = (0..calls)
            .map(|i| {
                let start = Instant::now();
                call(i);
                start.elapsed().as_secs_f64() * 1e3
            })
            .collect();
        times.sort_by(f64::total_cmp);
        least = [least[0].min(times[calls / 2]), least[1].min(times[calls * 99 / 100])];
    }
    format!("{:.3} | {:.3}", least[0], least[1])
}

fn normal(vector: &[f32]) -> Vec<f32> {
    let length = dot(vector, vector).sqrt();
    vector.iter().map(|value| value / length).collect()
}

/// In eight sums, so that the compiler can add them side by side.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0f32; 8];
    for (a, b) in a.as_chunks::<8>().0.iter().zip(b.as_chunks::<8>().0) {
        sums.iter_mut().zip(a.iter().zip(b)).for_each(|(sum, (a, b))| *sum += a * b);
    }
    sums.iter().sum()
}
