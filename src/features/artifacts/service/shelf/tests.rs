use proptest::prelude::*;

use super::*;

fn item(id: ArtifactId, seq: i64, name: &str, time: i64) -> Item {
    Item {
        id,
        seq,
        trashed: time % 7 == 0,
        kind: Kind::ALL[(time % 3) as usize],
        category: ["", "legal", "design"][(time % 3) as usize].to_owned(),
        tags: vec![format!("t{}", time % 4)],
        has_draft: time % 5 == 0,
        hints: time % 2 == 0,
        created_at: time / 3,
        updated_at: time,
        name: name.to_owned(),
        text: format!("{name} number {time}"),
    }
}

proptest! {
    #[test]
    fn small_changes_keep_the_same_orders_as_sorting_anew(changes in prop::collection::vec((0usize..40, "[a-c]{0,2}", 0i64..50, prop::bool::ANY), 1..120)) {
        let ids: Vec<ArtifactId> = (0..40).map(|_| ArtifactId::generate()).collect();
        let mut shelf = Shelf::default();
        let mut model: HashMap<ArtifactId, Item> = HashMap::new();
        for (step, (which, name, time, leaves)) in changes.into_iter().enumerate() {
            let (id, seq) = (ids[which], step as i64 + 1);
            if leaves {
                model.remove(&id);
                shelf.apply(Vec::new(), &[(seq, id)], seq);
            } else {
                let item = item(id, seq, &name, time);
                model.insert(id, item.clone());
                shelf.apply(vec![item], &[], seq);
            }
        }
        let mut anew = Shelf::default();
        anew.apply(model.into_values().chain((0..=RESORT).map(|n| item(ArtifactId::generate(), 0, "zz", n as i64))).collect(), &[], 0);
        let known: Vec<ArtifactId> = anew.by_id.keys().copied().filter(|id| shelf.by_id.contains_key(id)).collect();
        for sort in SORTS {
            let expected: Vec<ArtifactId> = anew.all(sort).into_iter().filter(|id| known.contains(id)).collect();
            prop_assert_eq!(shelf.all(sort), expected);
        }
    }

    #[test]
    fn pages_are_complete_and_without_repeats(names in prop::collection::vec("[a-b]{0,2}", 0..60), limit in 1usize..9, sort in 0usize..3) {
        let mut shelf = Shelf::default();
        shelf.apply(names.iter().enumerate().map(|(n, name)| item(ArtifactId::generate(), 1, name, n as i64 % 11)).collect(), &[], 1);
        let filter = Filter { view: View::All, ..Filter::default() };
        let sort = SORTS[sort];
        let (mut seen, mut after): (Vec<ArtifactId>, Option<Place>) = (Vec::new(), None);
        loop {
            let (places, total) = shelf.page(&filter, sort, after.as_ref(), limit);
            prop_assert_eq!(total as usize, names.len() - names.iter().enumerate().filter(|(n, _)| (n % 11) % 7 == 0).count());
            if places.is_empty() {
                break;
            }
            seen.extend(places.iter().map(|place| place.id));
            after = places.last().cloned();
        }
        let (all, _) = shelf.page(&filter, sort, None, 1_000);
        prop_assert_eq!(seen, all.iter().map(|place| place.id).collect::<Vec<_>>());
    }
}

#[test]
fn filters_narrow_and_unknown_words_match_nothing() {
    let mut shelf = Shelf::default();
    shelf.apply((1..=20).map(|n| item(ArtifactId::generate(), 1, "Größe", n)).collect(), &[], 1);
    let total = |filter: Filter<'_>| shelf.page(&filter, Sort::Name, None, 100).1;
    assert_eq!(total(Filter::default()), 18);
    assert_eq!(total(Filter { view: View::Trash, ..Filter::default() }), 2);
    assert_eq!(total(Filter { words: vec!["größe".into(), "13".into()], ..Filter::default() }), 1);
    assert_eq!(total(Filter { category: Some("nowhere"), ..Filter::default() }), 0);
    assert_eq!(total(Filter { tag: Some("t1"), ..Filter::default() }), 5);
    let mut tags = HashMap::new();
    shelf.add_facets(&Filter::default(), &mut HashMap::new(), &mut tags);
    assert_eq!(tags.values().sum::<i64>(), 18);
    assert_eq!(shelf.counts.trashed, 2);
}

#[test]
fn a_late_departure_does_not_drop_what_came_back() {
    let mut shelf = Shelf::default();
    let id = ArtifactId::generate();
    shelf.apply(vec![item(id, 9, "back", 1)], &[(5, id)], 9);
    assert_eq!(shelf.all(Sort::Name), [id]);
}
