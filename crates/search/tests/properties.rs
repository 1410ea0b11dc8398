//! What holds for any documents, any query and any filter.
#![allow(clippy::unwrap_used)]

use llmos_search::{Answer, Author, Document, Error, Filter, Hit, Id, Index, Kind, Order, Query, Scope, Tuning, passages};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

const DIMENSION: usize = 6;
const WORDS: [&str; 16] = [
    "valuation",
    "valuations",
    "company",
    "cash",
    "flow",
    "kubernetes",
    "node.js",
    "snake_case",
    "deployTool",
    "c#",
    "the",
    "how",
    "review",
    "reviews",
    "test",
    "Größe",
];

fn text(most: usize) -> impl Strategy<Value = String> {
    prop::collection::vec(select(&WORDS[..]), 0..most).prop_map(|words| words.join(" "))
}

fn vector() -> impl Strategy<Value = Vec<f32>> {
    prop::collection::vec(-1f32..1.0, DIMENSION)
}

/// A document and the vectors of its passages, if they have arrived.
fn document() -> impl Strategy<Value = (Document, Option<Vec<f32>>)> {
    let identity = (0u128..12, select(&Kind::ALL[..]), 0u128..3, text(4), text(8), prop::collection::vec(text(12), 0..4));
    let labels = (subsequence(vec!["red", "green", "blue"], 0..=3), select(vec!["", "finance", "design"]), prop::option::of(0u128..3));
    let numbers = (prop::option::of((0u64..3, 0u64..3, 0u64..3)), prop::option::of(1f32..5.0), 0i64..100);
    (identity, labels, numbers, prop::option::of(vector())).prop_map(
        |(identity, (tags, category, author), (version, rating, updated_at), vector)| {
            let (id, kind, scope, name, description, sections) = identity;
            let document = Document {
                id: Id(id),
                kind,
                scope: Scope(scope),
                slug: name.replace(' ', "-"),
                name,
                description,
                body: sections.join("\n\n## company flow\n\n"),
                tags: tags.into_iter().map(str::to_owned).collect(),
                category: category.to_owned(),
                author: author.map(|id| Author { id, name: format!("author {id}") }),
                version,
                rating,
                updated_at,
            };
            (document, vector)
        },
    )
}

fn documents() -> impl Strategy<Value = Vec<(Document, Option<Vec<f32>>)>> {
    prop::collection::vec(document(), 0..14)
}

fn filter() -> impl Strategy<Value = Filter> {
    let lists = (
        subsequence(vec![Scope(0), Scope(1), Scope(2)], 1..=3),
        subsequence(vec![Scope(0), Scope(1), Scope(2)], 0..=2),
        subsequence(Kind::ALL.to_vec(), 0..=5),
        subsequence(vec!["Finance".to_owned(), "design".to_owned(), "none".to_owned()], 0..=2),
        subsequence(vec![0, 1, 2, 7], 0..=2),
        subsequence(vec!["Red".to_owned(), "blue".to_owned()], 0..=2),
    );
    let numbers = (
        prop::option::of((0u64..3, 0u64..3, 0u64..3)),
        prop::option::of((1u64..4, 0u64..3, 0u64..3)),
        prop::option::of(1f32..5.0),
        prop::option::of(0i64..100),
    );
    (lists, numbers).prop_map(
        |((scopes, places, kinds, categories, authors, tags), (min_version, max_version, min_rating, updated_since))| Filter {
            scopes,
            places,
            kinds,
            categories,
            authors,
            tags,
            min_version,
            max_version,
            min_rating,
            updated_since,
        },
    )
}

fn query() -> impl Strategy<Value = Query> {
    let typed = prop_oneof![
        4 => text(5),
        1 => text(3).prop_map(|text| format!("\"{text}\"")),
        1 => (text(3), select(&WORDS[..])).prop_map(|(text, word)| format!("{text} -{word}")),
        1 => select(vec!["valuatoin", "kubernets", "kub", "revi", "cashflow", "companny flow", ""]).prop_map(str::to_owned),
    ];
    let order = select(vec![Order::Relevance, Order::Relevance, Order::Own, Order::Newest, Order::Rating, Order::Name]);
    (typed, prop::option::of(vector()), any::<bool>(), filter(), order).prop_map(|(text, vector, is_partial, filter, order)| Query {
        text,
        vector,
        is_partial,
        filter,
        order,
        limit: 1000,
        ..Query::default()
    })
}

fn put(index: &mut Index, document: &Document, vector: Option<&Vec<f32>>) {
    index.put(document);
    for (passage, _) in passages(document).iter().enumerate().filter(|_| vector.is_some()) {
        let mut vector = vector.cloned().unwrap_or_default();
        vector.rotate_left(passage % DIMENSION);
        index.set_vector(document.id, passage, &vector).unwrap();
    }
}

fn index<'a>(documents: impl IntoIterator<Item = &'a (Document, Option<Vec<f32>>)>) -> Index {
    let mut index = Index::new(DIMENSION);
    documents.into_iter().for_each(|(document, vector)| put(&mut index, document, vector.as_ref()));
    index
}

/// The default, by which all passages are compared here, or codes that choose a few of a few.
fn tuning() -> impl Strategy<Value = Tuning> {
    prop_oneof![
        1 => Just(Tuning::default()),
        3 => (0..12_usize, 1..6_usize).prop_map(|(scan, candidates)| Tuning { scan, candidates, ..Tuning::default() }),
    ]
}

/// The query without all of its filter but what may be read.
fn of_everything(query: &Query) -> Query {
    Query { filter: Filter { scopes: query.filter.scopes.clone(), ..Filter::default() }, ..query.clone() }
}

fn same(a: &Answer, b: &Answer) -> Result<(), TestCaseError> {
    prop_assert_eq!(&a.hits, &b.hits);
    prop_assert_eq!(a.total, b.total);
    prop_assert_eq!(&a.facets, &b.facets);
    Ok(())
}

/// The filter, said once more in the plainest way.
fn passes(document: &Document, filter: &Filter) -> bool {
    let lower = |list: &[String]| list.iter().map(|name| name.to_lowercase()).collect::<Vec<_>>();
    (filter.places.is_empty() || filter.places.contains(&document.scope))
        && (filter.kinds.is_empty() || filter.kinds.contains(&document.kind))
        && (filter.categories.is_empty() || lower(&filter.categories).contains(&document.category))
        && (filter.authors.is_empty() || document.author.as_ref().is_some_and(|author| filter.authors.contains(&author.id)))
        && lower(&filter.tags).iter().all(|tag| document.tags.contains(tag))
        && filter.min_version.is_none_or(|least| document.version.is_some_and(|version| version >= least))
        && filter.max_version.is_none_or(|most| document.version.is_some_and(|version| version <= most))
        && filter.min_rating.is_none_or(|least| document.rating.is_some_and(|rating| rating >= least))
        && filter.updated_since.is_none_or(|since| document.updated_at >= since)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_filtered_search_is_the_exhaustive_one_filtered(documents in documents(), query in query(), candidates in 0..4_usize) {
        let mut index = index(&documents);
        // As many passages as the readable documents have are not too many.
        let readable = documents.iter().filter(|(document, _)| query.filter.scopes.contains(&document.scope));
        let scan = readable.map(|(document, _)| passages(document).len()).sum();
        index.set_tuning(Tuning { scan, candidates, ..Tuning::default() });
        let everything = of_everything(&query);
        let last = |id: Id| documents.iter().rev().find(|(document, _)| document.id == id).map(|(document, _)| document);
        let expected: Vec<Hit> =
            index.search(&everything).hits.into_iter().filter(|hit| last(hit.id).is_some_and(|document| passes(document, &query.filter))).collect();
        let answer = index.search(&query);
        prop_assert_eq!(&answer.hits, &expected);
        prop_assert_eq!(answer.total, expected.len());
        // Counts of a group are those of the search in which nothing of it is chosen.
        let without = |change: fn(&mut Filter)| {
            let mut query = query.clone();
            change(&mut query.filter);
            index.search(&query).facets
        };
        prop_assert_eq!(&answer.facets.kinds, &without(|filter| filter.kinds.clear()).kinds);
        prop_assert_eq!(&answer.facets.categories, &without(|filter| filter.categories.clear()).categories);
        prop_assert_eq!(&answer.facets.authors, &without(|filter| filter.authors.clear()).authors);
        prop_assert_eq!(&answer.facets.scopes, &without(|filter| filter.places.clear()).scopes);
        let unchosen = index.search(&Query { filter: Filter { kinds: Vec::new(), places: Vec::new(), ..query.filter.clone() }, ..query.clone() });
        prop_assert_eq!(unchosen.facets.kinds.iter().map(|(_, count)| count).sum::<usize>(), unchosen.total);
        prop_assert_eq!(unchosen.facets.scopes.iter().map(|(_, count)| count).sum::<usize>(), unchosen.total);
    }

    /// Where codes choose what is compared too: whatever the wider filter finds and the narrower one lets pass, that finds as well.
    #[test]
    fn a_filter_changes_no_score(documents in documents(), query in query(), tuning in tuning()) {
        let mut index = index(&documents);
        index.set_tuning(tuning);
        let last = |id: Id| documents.iter().rev().find(|(document, _)| document.id == id).map(|(document, _)| document);
        let everything = index.search(&of_everything(&query));
        let filtered = index.search(&query);
        for hit in &everything.hits {
            let found = filtered.hits.iter().find(|other| other.id == hit.id);
            let passes = last(hit.id).is_some_and(|document| passes(document, &query.filter));
            prop_assert_eq!(found, passes.then_some(hit));
        }
    }

    #[test]
    fn what_may_not_be_read_shows_in_nothing(documents in documents(), query in query(), prefix in text(2), tuning in tuning()) {
        let mut whole = index(&documents);
        whole.set_tuning(tuning.clone());
        let last = |document: &Document| documents.iter().rev().find(|(other, _)| other.id == document.id).map(|(other, _)| other) == Some(document);
        let mut readable = index(documents.iter().filter(|(document, _)| last(document) && query.filter.scopes.contains(&document.scope)));
        readable.set_tuning(tuning);
        let explained = Query { explain: true, ..query.clone() };
        same(&whole.search(&explained), &readable.search(&explained))?;
        prop_assert_eq!(whole.suggest(&prefix, &query.filter, 10), readable.suggest(&prefix, &query.filter, 10));
        for id in (0..12).map(Id) {
            prop_assert_eq!(whole.similar(id, &query.filter, 5), readable.similar(id, &query.filter, 5));
        }
        let vector = query.vector.unwrap_or_default();
        prop_assert_eq!(whole.nearest(&vector, &query.filter, 5), readable.nearest(&vector, &query.filter, 5));
    }

    #[test]
    fn codes_choose_what_is_compared_and_change_no_cosine(
        documents in documents(), vector in vector(), filter in filter(), tuning in tuning(), limit in 1..30_usize,
    ) {
        let mut index = index(&documents);
        let all = index.nearest(&vector, &filter, 1_000);
        index.set_tuning(tuning.clone());
        let found = index.nearest(&vector, &filter, limit);
        // No fewer than all that there are are worth comparing.
        prop_assert_eq!(found.len(), all.len().min(limit));
        let mut rest = all.iter();
        prop_assert!(found.iter().all(|near| rest.any(|other| other == near)), "{:?} of {:?}", found, all);
        if all.len() <= tuning.candidates.max(limit) {
            prop_assert_eq!(&found[..], &all[..found.len()]);
        }
    }

    #[test]
    fn a_device_with_the_same_vectors_answers_alike(documents in documents(), query in query()) {
        let there = index(&documents);
        let mut here = Index::new(DIMENSION);
        let mut seen = std::collections::BTreeSet::new();
        for (document, _) in documents.iter().rev().filter(|(document, _)| seen.insert(document.id)) {
            here.put(document);
            if let Some(packed) = there.packed_vectors(document.id) {
                here.set_packed_vectors(document.id, &packed).unwrap();
                prop_assert!(here.set_packed_vectors(document.id, &packed[1..]).is_err());
            }
        }
        let explained = Query { explain: true, ..query };
        same(&there.search(&explained), &here.search(&explained))?;
        let mut listed = [there.list(&explained.filter), here.list(&explained.filter)];
        listed.iter_mut().for_each(|list| list.sort_by_key(|document| document.id));
        prop_assert_eq!(&listed[0], &listed[1]);
        prop_assert_eq!(listed[0].len(), there.search(&Query { text: String::new(), vector: None, ..explained }).total);
    }

    #[test]
    fn history_and_compaction_leave_no_trace(
        history in prop::collection::vec((document(), 0u8..10), 0..24),
        moved in prop::collection::vec((0u128..12, 0u128..3), 0..4),
        query in query(),
        tuning in tuning(),
    ) {
        let mut index = Index::new(DIMENSION);
        index.set_tuning(tuning.clone());
        let mut left: Vec<(Document, Option<Vec<f32>>)> = Vec::new();
        for ((document, vector), act) in history {
            left.retain(|(other, _)| other.id != document.id);
            match act {
                0 => _ = index.remove(document.id),
                1 => { index.compact(); index.remove(document.id); }
                _ => { put(&mut index, &document, vector.as_ref()); left.push((document, vector)); }
            }
        }
        for (id, scope) in moved {
            let found = left.iter_mut().find(|(document, _)| document.id == Id(id));
            prop_assert_eq!(index.set_scope(Id(id), Scope(scope)).is_ok(), found.is_some());
            if let Some((document, _)) = found { document.scope = Scope(scope) }
        }
        let mut fresh = self::index(&left);
        fresh.set_tuning(tuning);
        prop_assert_eq!(index.len(), left.len());
        same(&index.search(&query), &fresh.search(&query))?;
        index.compact();
        same(&index.search(&query), &fresh.search(&query))?;
    }

    #[test]
    fn a_snapshot_gives_the_same_index_or_an_error(
        documents in documents(), query in query(), tuning in tuning(), at in any::<prop::sample::Index>(), bit in 0u8..8,
    ) {
        let mut index = index(&documents);
        let bytes = index.to_bytes();
        let mut read = Index::from_bytes(&bytes).unwrap();
        [&mut index, &mut read].into_iter().for_each(|index| index.set_tuning(tuning.clone()));
        same(&index.search(&query), &read.search(&query))?;
        prop_assert_eq!(&read.to_bytes(), &bytes);
        let mut damaged = bytes.clone();
        damaged[at.index(bytes.len())] ^= 1 << bit;
        prop_assert!(matches!(Index::from_bytes(&damaged), Err(Error::BadSnapshot(_))));
        prop_assert!(matches!(Index::from_bytes(&bytes[..at.index(bytes.len())]), Err(Error::BadSnapshot(_))));
    }

    #[test]
    fn any_text_gives_a_sound_answer(documents in documents(), text in "\\PC{0,40}|[\\x00-\\x20\"'“-]{0,20}", is_partial: bool, vector in prop::option::of(vector())) {
        let mut index = index(&documents);
        index.put(&Document { id: Id(99), name: text.clone(), body: text.clone(), ..documents.first().map_or_else(empty, |(document, _)| document.clone()) });
        let filter = Filter { scopes: (0..3).map(Scope).collect(), ..Filter::default() };
        let answer = index.search(&Query { text: text.clone(), vector, is_partial, filter: filter.clone(), limit: 100, explain: true, ..Query::default() });
        // Where nothing has a score, nothing was asked for, and the newest come first.
        for pair in answer.hits.windows(2).filter(|pair| pair[0].score > 0.0) {
            prop_assert!(pair[0].score > pair[1].score || (pair[0].score == pair[1].score && pair[0].id < pair[1].id));
        }
        for hit in &answer.hits {
            prop_assert!((0.0..=1.0).contains(&hit.score));
        }
        let snippet = answer.highlighter.snippet(&text, None);
        prop_assert!(text.get(snippet.range).is_some());
        prop_assert!(snippet.marks.into_iter().chain(answer.highlighter.marks(&text)).all(|mark| text.get(mark).is_some()));
        index.suggest(&text, &filter, 5);
    }
}

fn empty() -> Document {
    Document {
        id: Id(0),
        kind: Kind::Skill,
        scope: Scope(0),
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

#[test]
fn ten_thousand_characters_are_a_query() {
    let mut index = Index::new(0);
    index.put(&Document { name: "Cash flow".to_owned(), ..empty() });
    let filter = Filter { scopes: vec![Scope(0)], ..Filter::default() };
    for text in ["cash ".repeat(2000), "\u{202e}שלום🙂".repeat(1500), "x".repeat(10_000), "-\"".repeat(5000), "\0\u{1b}[".repeat(3000)]
    {
        index.search(&Query { text, filter: filter.clone(), limit: 10, ..Query::default() });
    }
}
