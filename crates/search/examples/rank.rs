//! Ranks volume folders for a file of queries, with vectors that were made before.
//!
//! ```text
//! rank texts VOLUME…                       prints the text of every passage, one a line, first passages of all documents first
//! rank run VECTORS QUERIES QUERY_VECTORS HALF VOLUME…
//! rank ask 'some words' VOLUME…            prints what is found by words alone
//! ```
//!
//! VECTORS and QUERY_VECTORS: little-endian 32-bit floats, 384 to a line of `texts` and of QUERIES. QUERIES: `id<TAB>style<TAB>query`.
//! HALF: `both`, `words` or `meaning`. `run` prints `id<TAB>path<TAB>rank` for the scorer beside the evaluation queries.

#[path = "volume/mod.rs"]
mod volume;

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write;
use std::path::Path;

use llmos_search::{Document, Filter, Index, Query, Scope, Tuning, passages};

const DIMENSION: usize = 384;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["texts", folders @ ..] => texts(&documents(folders)?),
        ["run", vectors, queries, query_vectors, half, folders @ ..] => run(&documents(folders)?, vectors, queries, query_vectors, half),
        ["ask", text, folders @ ..] => ask(&documents(folders)?, text),
        _ => Err("usage: rank texts VOLUME… | run VECTORS QUERIES QUERY_VECTORS both|words|meaning VOLUME… | ask TEXT VOLUME…".into()),
    }
}

fn documents(folders: &[&str]) -> Result<Vec<(String, Document)>, Box<dyn Error>> {
    let mut all = Vec::new();
    for folder in folders {
        all.extend(volume::read(Path::new(folder))?);
    }
    Ok(all)
}

fn texts(documents: &[(String, Document)]) -> Result<(), Box<dyn Error>> {
    let mut out = std::io::stdout().lock();
    volume::in_order_of_depth(documents)
        .try_for_each(|(document, passage)| writeln!(out, "{}", passages(&documents[document].1)[passage].text))?;
    Ok(())
}

fn run(documents: &[(String, Document)], vectors: &str, queries: &str, query_vectors: &str, half: &str) -> Result<(), Box<dyn Error>> {
    let mut index = index(documents);
    for ((document, passage), vector) in volume::in_order_of_depth(documents).zip(volume::vectors(Path::new(vectors), DIMENSION)?) {
        index.set_vector(documents[document].1.id, passage, &vector)?;
    }
    if half == "meaning" {
        index.set_tuning(Tuning { semantic: 1.0, feedback: (0, 0.0, 0.0), ..Tuning::default() });
    }
    let paths: BTreeMap<_, _> = documents.iter().map(|(path, document)| (document.id, path)).collect();
    let queries = std::fs::read_to_string(queries)?;
    for (line, vector) in queries.lines().zip(volume::vectors(Path::new(query_vectors), DIMENSION)?) {
        let mut cells = line.split('\t');
        let (Some(id), Some(text)) = (cells.next(), cells.nth(1)) else { return Err("a query has three cells".into()) };
        let vector = (half != "words").then_some(vector);
        let answer = index.search(&Query { text: text.to_owned(), vector, filter: everything(), limit: 100, ..Query::default() });
        for (i, hit) in answer.hits.iter().enumerate() {
            println!("{id}\t{}\t{}", paths[&hit.id], i + 1);
        }
    }
    Ok(())
}

fn ask(documents: &[(String, Document)], text: &str) -> Result<(), Box<dyn Error>> {
    let answer =
        index(documents).search(&Query { text: text.to_owned(), filter: everything(), limit: 10, is_partial: true, ..Query::default() });
    for hit in &answer.hits {
        let Some((path, document)) = documents.iter().find(|(_, document)| document.id == hit.id) else { continue };
        let snippet = answer.highlighter.snippet(&document.body, hit.passage.clone());
        println!("{:.3}  {path}\n       {}", hit.score, document.body[snippet.range].split_whitespace().collect::<Vec<_>>().join(" "));
    }
    println!("{} found", answer.total);
    Ok(())
}

fn index(documents: &[(String, Document)]) -> Index {
    let mut index = Index::new(DIMENSION);
    documents.iter().for_each(|(_, document)| index.put(document));
    index
}

fn everything() -> Filter {
    Filter { scopes: vec![Scope(1)], ..Filter::default() }
}
