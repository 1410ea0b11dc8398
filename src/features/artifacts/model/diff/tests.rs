use std::fmt::Write;

use proptest::prelude::*;

use super::*;

/// One side of a diff again, from its rows.
fn side(diff: &Diff, without: Change) -> String {
    let rows = diff.blocks.iter().flat_map(|b| &b.rows).filter(|r| r.change != without);
    rows.map(|r| r.text() + if r.no_newline { "" } else { "\n" }).collect()
}

fn show(diff: &Diff) -> String {
    let mut out = String::new();
    for block in &diff.blocks {
        if block.collapsed {
            let _ = writeln!(out, "@ {}", block.rows.len());
            continue;
        }
        for row in &block.rows {
            let sign = match row.change {
                Change::Same => ' ',
                Change::Added => '+',
                Change::Removed => '-',
            };
            let text: String = row.spans.iter().map(|s| if s.changed { format!("[{}]", s.text) } else { s.text.clone() }).collect();
            let _ = writeln!(out, "{sign}{text}{}", if row.no_newline { "\\" } else { "" });
        }
    }
    out
}

#[test]
fn shows_words_and_gaps() {
    let old = "1\n2\n3\n4\n5\nthe quick brown fox\n7\n8\n9\n10\n11\n12\n";
    let new = old.replace("quick", "slow");
    assert_eq!(show(&diff(old, &new)), "@ 2\n 3\n 4\n 5\n-the [quick] brown fox\n+the [slow] brown fox\n 7\n 8\n 9\n@ 3\n");
    assert_eq!(stat(old, &new), (1, 1));
}

#[test]
fn marks_nothing_in_unrelated_lines() {
    assert_eq!(show(&diff("alpha beta\n", "gamma delta\n")), "-alpha beta\n+gamma delta\n");
    assert_eq!(show(&diff("", "a\nb")), "+a\n+b\\\n");
    assert_eq!(show(&diff("a", "a\n")), "-a\\\n+a\n");
    assert!(diff("a\n", "a\n").is_empty());
    assert_eq!(diff("", "").blocks, []);
}

#[test]
fn keeps_its_time() {
    let different = |seed: usize, width: usize| -> String {
        let mut x = seed;
        let line = |i: usize| {
            x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            format!("{seed} {i} {}\n", (x >> 33) % 1_000_000_007).chars().cycle().take(width - 1).collect::<String>() + "\n"
        };
        (0..60_000 / width).map(line).collect()
    };
    let few = |seed: usize, n: usize, width: usize| -> String {
        let mut x = seed;
        let line = |_| {
            x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            format!("{:0width$}\n", (x >> 33) % n, width = width - 1)
        };
        (0..60_000 / width).map(line).collect()
    };
    let pairs = [
        ("different 60", different(1, 60), different(2, 60)),
        ("different 8", different(1, 8), different(2, 8)),
        ("tiny", few(3, 10, 2), few(4, 10, 2)),
        ("few 6", few(3, 50, 6), few(4, 50, 6)),
        ("few 20", few(3, 50, 20), few(4, 50, 20)),
        ("few 6 many", few(3, 5000, 6), few(4, 5000, 6)),
        ("few 3", few(3, 50, 3), few(4, 50, 3)),
        ("one line", "a b ".repeat(15_000), "b c ".repeat(15_000)),
        ("empty", "\n".repeat(60_000), "x\n".repeat(30_000)),
    ];
    for (name, a, b) in &pairs {
        let d = diff(a, b);
        assert_eq!(&side(&d, Change::Added), a, "{name}");
        assert_eq!(&side(&d, Change::Removed), b, "{name}");
    }
}

proptest! {
    #[test]
    fn rows_are_both_texts(old in "([a-c ]{0,6}\n?){0,12}", new in "([a-c ]{0,6}\n?){0,12}") {
        let d = diff(&old, &new);
        prop_assert_eq!(side(&d, Change::Added), old.clone());
        prop_assert_eq!(side(&d, Change::Removed), new.clone());
        prop_assert_eq!(stat(&old, &new), (d.added, d.removed));
        prop_assert!(d.blocks.iter().all(|b| !b.rows.is_empty()));
        prop_assert!(d.blocks.iter().filter(|b| b.collapsed).all(|b| b.rows.iter().all(|r| r.change == Change::Same)));
    }
}
