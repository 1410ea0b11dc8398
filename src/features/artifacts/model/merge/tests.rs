use proptest::prelude::*;

use super::*;

fn clean(base: &str, ours: &str, theirs: &str) -> Option<String> {
    let m = merge(base, ours, theirs);
    m.is_clean().then(|| m.resolve(&[]))
}

#[test]
fn joins_separate_changes() {
    assert_eq!(clean("1\n2\n3\n", "A\n2\n3\n", "1\n2\nC\n").as_deref(), Some("A\n2\nC\n"));
    assert_eq!(clean("1\n2\n3\n", "0\n1\n2\n3\n", "1\n2\n").as_deref(), Some("0\n1\n2\n"));
    assert_eq!(clean("a", "a", "a\n").as_deref(), Some("a\n"));
    assert_eq!(clean("", "", "").as_deref(), Some(""));
}

#[test]
fn touching_changes_conflict_as_in_git() {
    let m = merge("1\n2\n3\n", "A\n2\n3\n", "1\nB\n3\n");
    assert_eq!(
        m.parts,
        [
            MergePart::Conflict { base: "1\n2\n".into(), ours: "A\n2\n".into(), theirs: "1\nB\n".into() },
            MergePart::Clean { text: "3\n".into() }
        ]
    );
    assert_eq!(m.resolve(&[Choice::Ours]), "A\n2\n3\n");
    assert_eq!(m.resolve(&[Choice::Theirs]), "1\nB\n3\n");
    assert_eq!(m.resolve(&[Choice::Both]), "A\n2\n1\nB\n3\n");
}

#[test]
fn last_lines_do_not_run_together() {
    let m = merge("", "ours", "theirs");
    assert_eq!(m.conflicts(), 1);
    assert_eq!(m.resolve(&[Choice::Both]), "ours\ntheirs");
    assert_eq!(m.resolve(&[]), "ours");
    // One side drops the line end, the other appends: that touches.
    assert!(!merge("a\n", "a", "a\nb\n").is_clean());
}

proptest! {
    #[test]
    fn one_sided_and_equal_edits_are_clean(b in text(), x in text()) {
        prop_assert_eq!(clean(&b, &x, &b), Some(x.clone()));
        prop_assert_eq!(clean(&b, &b, &x), Some(x.clone()));
        prop_assert_eq!(clean(&b, &x, &x), Some(x.clone()));
    }

    #[test]
    fn sides_are_symmetric(b in text(), o in text(), t in text()) {
        let there = merge(&b, &o, &t);
        let back = merge(&b, &t, &o);
        prop_assert_eq!(there.is_clean(), back.is_clean());
        prop_assert_eq!(there.parts.len(), back.parts.len());
        prop_assert_eq!(there.resolve(&[Choice::Ours; 99]), back.resolve(&[Choice::Theirs; 99]));
    }

    #[test]
    fn nothing_is_lost(b in text(), o in text(), t in text()) {
        let m = merge(&b, &o, &t);
        let both = m.resolve(&[Choice::Both; 99]);
        // A line that is new on either side is in the result.
        for line in o.lines().chain(t.lines()).filter(|l| !b.lines().any(|b| b == *l)) {
            prop_assert!(both.lines().any(|l| l == line), "{line:?} of {m:?}");
        }
        // A conflict holds each side's own text, and clean parts stand in every resolution.
        let ours = m.resolve(&[Choice::Ours; 99]);
        let mut at = 0;
        for part in &m.parts {
            match part {
                MergePart::Clean { text } => {
                    let found = ours[at..].find(text.as_str());
                    prop_assert!(found.is_some());
                    at += found.unwrap_or(0) + text.len();
                }
                MergePart::Conflict { ours, theirs, .. } => {
                    prop_assert!(o.contains(ours.as_str()) && t.contains(theirs.as_str()));
                    prop_assert!(ours != theirs);
                }
            }
        }
        let clean = |p: &MergePart| matches!(p, MergePart::Clean { .. });
        prop_assert!(m.parts.windows(2).all(|p| !(clean(&p[0]) && clean(&p[1]))));
    }

    #[test]
    fn distant_edits_join(head in text(), tail in text()) {
        let (head, tail) = (lined(&head), lined(&tail));
        let keep = "keep 1\nkeep 2\nkeep 3\n";
        let base = format!("x\n{keep}y\n");
        let merged = clean(&base, &format!("{head}{keep}y\n"), &format!("x\n{keep}{tail}"));
        prop_assert_eq!(merged, Some(format!("{head}{keep}{tail}")));
    }
}

/// Few distinct lines, so that texts have much in common.
fn text() -> impl Strategy<Value = String> {
    "([a-e]\n){0,10}([a-e]?)"
}

fn lined(text: &str) -> String {
    text.lines().map(|l| format!("{l}\n")).collect()
}
