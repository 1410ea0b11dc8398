//! What a person who searches expects, one example each.
#![allow(clippy::unwrap_used)]

use llmos_search::{Document, Filter, Id, Index, Kind, Order, Query, Scope, SuggestionOf};

fn document(id: u128, name: &str, description: &str, body: &str) -> Document {
    Document {
        id: Id(id),
        kind: Kind::Skill,
        scope: Scope(1),
        slug: name.to_lowercase().replace(' ', "-"),
        name: name.to_owned(),
        description: description.to_owned(),
        body: body.to_owned(),
        tags: Vec::new(),
        category: String::new(),
        author: None,
        version: None,
        rating: None,
        updated_at: id as i64,
    }
}

fn index() -> Index {
    let mut index = Index::new(2);
    for document in [
        document(
            1,
            "DCF Valuation",
            "Value a company by its discounted cash flow",
            "# Steps\n\nForecast free cash flow, then discount it.",
        ),
        document(2, "Pricing", "Set prices", "Valuation, valuation, valuation. The flow of cash matters. Prices follow from valuation."),
        document(3, "Kubernetes Security", "Policies for clusters", "Pod security with node.js and `deployTool` in C#. See post-mortem."),
        document(4, "Review", "Review code", "Read the diff and say what you think."),
        document(5, "Code Review Guide", "How to review", "Review, review and review code again."),
    ] {
        index.put(&document);
    }
    index
}

fn readable() -> Filter {
    Filter { scopes: vec![Scope(1)], ..Filter::default() }
}

fn ask(index: &Index, text: &str, is_partial: bool) -> Vec<u128> {
    let query = Query { text: text.to_owned(), is_partial, filter: readable(), limit: 10, ..Query::default() };
    index.search(&query).hits.iter().map(|hit| hit.id.0).collect()
}

#[test]
fn the_one_that_is_named_is_first() {
    let index = index();
    assert_eq!(ask(&index, "review", false)[0], 4);
    assert_eq!(ask(&index, "dcf-valuation", false)[0], 1);
    assert_eq!(ask(&index, "Code review GUIDE", false)[0], 5);
}

#[test]
fn other_forms_mistakes_and_beginnings_are_found() {
    let index = index();
    for (text, is_partial) in [
        ("kubernets", false),
        ("kuberentes", false),
        ("policy cluster", false),
        ("kube", true),
        ("k8s", false),
        ("kubrn", true),
        ("postmortem", false),
    ] {
        assert_eq!(ask(&index, text, is_partial), [3], "{text}");
    }
    assert_eq!(ask(&index, "kube", false), [0u128; 0]);
    for text in ["nodejs", "node.js", "deploy tool", "deployTool", "c#"] {
        assert_eq!(ask(&index, text, false), [3], "{text}");
    }
    assert_eq!(ask(&index, "discounting", false), [1]);
}

#[test]
fn quotes_and_minus_are_obeyed() {
    let index = index();
    assert_eq!(ask(&index, "\"cash flow\"", false), [1]);
    assert_eq!(ask(&index, "cash -prices", false), [1]);
    assert_eq!(ask(&index, "cash -\"cash flow\"", false), [2]);
    assert_eq!(ask(&index, "-review", false), [3, 2, 1]);
}

#[test]
fn no_text_browses_and_no_words_find_nothing() {
    let index = index();
    assert_eq!(ask(&index, "  ", false), [5, 4, 3, 2, 1]);
    assert_eq!(ask(&index, "🙂🙂", false), [0u128; 0]);
    let by_name = index.search(&Query { filter: readable(), order: Order::Name, limit: 2, offset: 1, ..Query::default() });
    assert_eq!(by_name.hits.iter().map(|hit| hit.id.0).collect::<Vec<_>>(), [1, 3]);
    assert_eq!((by_name.total, by_name.facets.kinds), (5, vec![(Kind::Skill, 5)]));
}

#[test]
fn whoever_publishes_does_not_come_before_what_is_ones_own() {
    let mut index = index();
    index.put(&Document { kind: Kind::Listing, ..document(6, "Review", "Review", "Review, review.") });
    let ask = |order| {
        let query = Query { text: "review".to_owned(), filter: readable(), order, limit: 10, ..Query::default() };
        index.search(&query).hits.iter().map(|hit| hit.id.0).collect::<Vec<_>>()
    };
    assert_eq!(ask(Order::Relevance)[0], 6);
    assert_eq!(ask(Order::Own), [4, 5, 6]);
}

#[test]
fn meaning_finds_what_words_do_not_and_says_where() {
    let mut index = index();
    index.set_vector(Id(1), 0, &[1.0, 0.1]).unwrap();
    index.set_vector(Id(4), 0, &[-0.2, 1.0]).unwrap();
    assert_eq!(index.progress(Id(1)), Some((1, 1)));
    let query = Query {
        text: "worth of a firm".to_owned(),
        vector: Some(vec![1.0, 0.0]),
        explain: true,
        filter: readable(),
        limit: 10,
        ..Query::default()
    };
    let answer = index.search(&query);
    assert!(answer.semantic);
    assert_eq!(answer.hits[0].id, Id(1));
    let explanation = answer.hits[0].explanation.as_ref().unwrap();
    assert_eq!((explanation.semantic_rank, explanation.passage), (Some(1), Some(0)));
    assert!(explanation.cosine.unwrap() > 0.9 && answer.hits[0].passage.is_some());
    assert_eq!(index.nearest(&[1.0, 0.0], &readable(), 1)[0].0, Id(1));
    assert_eq!(index.similar(Id(1), &readable(), 5).iter().map(|hit| hit.id.0).collect::<Vec<_>>(), [4]);
    assert!(index.similar(Id(1), &Filter::default(), 5).is_empty());
}

#[test]
fn matched_words_are_marked() {
    let index = index();
    let body = "Read much. The flows of cash matter, not the cash itself.";
    let answer = index.search(&Query { text: "cash flow".to_owned(), filter: readable(), limit: 10, ..Query::default() });
    let snippet = answer.highlighter.snippet(body, None);
    let marked: Vec<&str> = snippet.marks.iter().map(|mark| &body[mark.clone()]).collect();
    assert_eq!(marked, ["cash", "cash"]);
    assert_eq!(answer.highlighter.marks("Cash-flow model").len(), 2);
}

#[test]
fn suggestions_complete_names_and_tags() {
    let mut index = index();
    index.put(&Document { tags: vec!["Coding".to_owned(), "code".to_owned()], ..document(6, "Decode", "", "") });
    let of = |text: &str| index.suggest(text, &readable(), 10).into_iter().map(|suggestion| suggestion.text).collect::<Vec<_>>();
    assert_eq!(of("rev"), ["Review", "Code Review Guide"]);
    assert_eq!(of("review g"), ["Code Review Guide"]);
    assert_eq!(of("cod"), ["Code Review Guide", "code", "coding"]);
    assert!(of("").is_empty() && index.suggest("rev", &Filter::default(), 10).is_empty());
    assert!(matches!(index.suggest("coding", &readable(), 1)[0].of, SuggestionOf::Tag { documents: 1 }));
}

#[test]
fn small_words_are_marked_only_where_nothing_else_was_asked_for() {
    let index = index();
    let text = "Value a company by its discounted cash flow, and say what you think of it";
    let marked = |asked: &str| {
        let answer = index.search(&Query { text: asked.to_owned(), filter: readable(), limit: 10, ..Query::default() });
        answer.highlighter.marks(text).into_iter().map(|mark| text[mark].to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(marked("how do I value a company by its cash"), ["Value", "company", "cash"]);
    assert_eq!(marked("what by it"), ["by", "what", "it"]);
}
