//! The nearest passages by codes first, against comparing all of them. Codes choose from a few hundred passages on here.
#![allow(clippy::unwrap_used)]

use llmos_search::{Document, Filter, Id, Index, Kind, Query, Scope, Tuning, passages};

const DIMENSION: usize = 384;
const PASSAGES: usize = 5;

/// By codes wherever more than 300 passages count.
fn codes() -> Tuning {
    Tuning { scan: 300, candidates: 200, ..Tuning::default() }
}

/// By comparing all.
fn scan() -> Tuning {
    Tuning { scan: usize::MAX, ..Tuning::default() }
}

/// A pseudo-random number from -1 to 1 that follows from its arguments (the finaliser of SplitMix).
fn noise(seed: u64, i: usize) -> f32 {
    let mut hash = (seed << 20 | i as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (hash >> 40) as f32 / (1 << 23) as f32 - 1.0
}

/// A direction near one of 150 subjects, as passages are: those of a document are of neighbouring subjects.
fn vector(document: u64, passage: usize) -> Vec<f32> {
    let subject = (document.wrapping_mul(7) + passage as u64) % 150;
    let own = 1_000 + document * PASSAGES as u64 + passage as u64;
    (0..DIMENSION).map(|i| noise(subject, i) + 0.6 * noise(own, i)).collect()
}

fn document(number: u64) -> Document {
    Document {
        id: Id(u128::from(number)),
        kind: Kind::Skill,
        scope: Scope(u128::from(number % 100 == 7)),
        slug: String::new(),
        name: format!("Number {number}"),
        description: String::new(),
        // No words, but long enough for its passages.
        body: ".".repeat(6_200),
        tags: if number % 50 == 3 { vec!["few".to_owned()] } else { Vec::new() },
        category: if number.is_multiple_of(2) { "even" } else { "odd" }.to_owned(),
        author: None,
        version: None,
        rating: None,
        updated_at: 0,
    }
}

fn put(index: &mut Index, number: u64, vector: impl Fn(usize) -> Vec<f32>) {
    let document = document(number);
    assert_eq!(passages(&document).len(), PASSAGES);
    index.put(&document);
    (0..PASSAGES).for_each(|passage| index.set_vector(document.id, passage, &vector(passage)).unwrap());
}

fn index(documents: impl IntoIterator<Item = u64>) -> Index {
    let mut index = Index::new(DIMENSION);
    index.set_tuning(codes());
    documents.into_iter().for_each(|number| put(&mut index, number, |passage| vector(number, passage)));
    index
}

fn everything() -> Filter {
    Filter { scopes: vec![Scope(0), Scope(1)], ..Filter::default() }
}

fn queries() -> impl Iterator<Item = Vec<f32>> {
    (0..60).map(|i| (0..DIMENSION).map(|j| noise(i * 2, j) + 0.5 * noise(900_000 + i, j)).collect())
}

/// The part of the ten nearest passages that is found by codes first, over all queries.
fn recall(index: &mut Index, filter: &Filter) -> f64 {
    let nearest = |index: &mut Index, tuning: Tuning| -> Vec<Vec<(Id, usize, f32)>> {
        index.set_tuning(tuning);
        queries().map(|query| index.nearest(&query, filter, 10)).collect()
    };
    let exact = nearest(index, scan());
    let found = nearest(index, codes());
    let common = exact.iter().zip(&found).map(|(exact, found)| exact.iter().filter(|near| found.contains(near)).count()).sum::<usize>();
    common as f64 / exact.iter().map(Vec::len).sum::<usize>() as f64
}

#[test]
fn it_finds_what_comparing_all_finds() {
    let mut index = index(0..600);
    assert!(recall(&mut index, &everything()) >= 0.99);
    let half = Filter { categories: vec!["odd".to_owned()], ..everything() };
    assert!(recall(&mut index, &half) >= 0.99);
    for query in queries() {
        assert!(index.nearest(&query, &half, 10).iter().all(|(id, ..)| id.0 % 2 == 1));
    }
    let few = Filter { scopes: vec![Scope(1)], ..Filter::default() };
    assert_eq!(recall(&mut index, &few), 1.0);
}

#[test]
fn documents_that_another_engine_found_are_compared_in_place_of_those_of_the_codes() {
    let index = index(0..600);
    let few = Filter { scopes: vec![Scope(1)], ..Filter::default() };
    assert!(index.is_large(&everything()) && !index.is_large(&few));
    for vector in queries() {
        let query = Query { vector: Some(vector.clone()), filter: everything(), limit: 10, ..Query::default() };
        let near = |passages| Some(index.nearest(&vector, &everything(), passages).into_iter().map(|(id, ..)| id).collect::<Vec<Id>>());
        let hits = |near| index.search(&Query { near, ..query.clone() }).hits;
        // As many of the nearest as the codes choose: the same best.
        let (own, given) = (hits(None), hits(near(300)));
        assert_eq!(own.first().map(|hit| hit.id), given.first().map(|hit| hit.id));
        assert!(own.iter().filter(|hit| given.iter().any(|other| other.id == hit.id)).count() + 1 >= own.len());
        // What may not be read does not come in by being named, and unknown ones do no harm.
        let narrow = Query { filter: few.clone(), near: near(300), ..query.clone() };
        assert_eq!(index.search(&narrow).hits, index.search(&Query { near: None, ..narrow.clone() }).hits);
        assert!(hits(Some(vec![Id(999_999)])).is_empty());
    }
}

#[test]
fn what_was_removed_is_not_found() {
    let mut index = index(0..700);
    for round in 0..3 {
        for number in 0..150 {
            let number = (number * 4 + round) % 700;
            index.remove(Id(u128::from(number)));
            put(&mut index, 10_000 + round * 1_000 + number, |passage| vector(10_000 + round * 1_000 + number, passage));
        }
        assert!(recall(&mut index, &everything()) >= 0.99, "round {round}");
        index.compact();
        assert!(recall(&mut index, &everything()) >= 0.99, "round {round}, compacted");
    }
    (0..700).for_each(|number| _ = index.remove(Id(number)));
    for query in queries() {
        assert!(index.nearest(&query, &everything(), 100).iter().all(|(id, ..)| id.0 >= 10_000));
    }
}

#[test]
fn a_passage_is_found_by_the_vector_it_was_given_last() {
    let mut index = index(0..300);
    let moved = vector(77_777, 0);
    for number in 0..300 {
        index.set_vector(Id(number), 0, &vector(50_000 + number as u64, 0)).unwrap();
    }
    index.set_vector(Id(5), 2, &moved).unwrap();
    index.set_vector(Id(6), 2, &[0.0; DIMENSION]).unwrap();
    assert_eq!(index.nearest(&moved, &everything(), 1)[0].0, Id(5));
    assert!(index.nearest(&moved, &everything(), 2_000).iter().all(|(id, passage, _)| (*id, *passage) != (Id(6), 2)));
    assert!(recall(&mut index, &everything()) >= 0.99);
}

#[test]
fn copies_are_all_found_however_many() {
    let mut index = index(0..200);
    // More of one document than are compared.
    (1_000..1_300).for_each(|number| put(&mut index, number, |passage| vector(42, passage)));
    let copies = |index: &Index| index.nearest(&vector(42, 3), &everything(), 301).iter().filter(|near| near.2 > 0.99).count();
    assert_eq!(copies(&index), 301);
    (1_000..1_100).for_each(|number| _ = index.remove(Id(number)));
    index.remove(Id(42));
    assert_eq!(copies(&index), 200);
    let ten = index.nearest(&vector(42, 3), &everything(), 10);
    index.compact();
    assert_eq!(copies(&index), 200);
    // All are equally near, and the lowest ids come first: not the lowest rows.
    assert_eq!(ten, index.nearest(&vector(42, 3), &everything(), 10));
    assert!(ten.iter().enumerate().all(|(i, (id, passage, _))| (id.0, *passage) == (1_100 + i as u128, 3)));
}

#[test]
fn a_search_finds_what_comparing_all_finds_and_scores_it_the_same() {
    let mut index = index(0..600);
    let ask = |index: &Index, text: &str, vector: Vec<f32>, filter: Filter| {
        let query = Query { text: text.to_owned(), vector: Some(vector), filter, limit: 10, ..Query::default() };
        index.search(&query).hits.into_iter().map(|hit| (hit.id, hit.score)).collect::<Vec<_>>()
    };
    let odd = Filter { categories: vec!["odd".to_owned()], ..everything() };
    let few = Filter { tags: vec!["few".to_owned()], ..everything() };
    let (mut same, mut all) = (0, 0);
    for (i, query) in queries().enumerate() {
        let text = if i.is_multiple_of(2) { "number 77".to_owned() } else { String::new() };
        for filter in [everything(), odd.clone(), few.clone()] {
            index.set_tuning(scan());
            let exact = ask(&index, &text, query.clone(), filter.clone());
            index.set_tuning(codes());
            let found = ask(&index, &text, query.clone(), filter);
            assert_eq!(found.len(), exact.len());
            same += exact.iter().filter(|hit| found.contains(hit)).count();
            all += exact.len();
        }
    }
    assert!(all > 1_000 && same * 100 >= all * 98, "{same} of {all}");
    assert_eq!(index.similar(Id(8), &everything(), 10).len(), 10);
}
