//! Names that are taken for another one.

use serde::Deserialize;

use super::Draft;
use crate::{
    Release,
    clean::{clean, lookalike},
    evidence,
    rules::Rule,
};

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Parameters {
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum What {
    /// It looks the same: lookalikes, separators, or one letter left out, added, changed or swapped.
    Same,
    /// It is near: the same words, an ending more, two letters in a long name.
    Near,
}

/// Names that are shorter are near each other by chance.
const LEAST: usize = 5;
/// Letters of a name in which two of them may differ.
const LONG: usize = 12;

pub(crate) fn find(rule: &Rule, parameters: &Parameters, release: &Release) -> Vec<(String, Draft)> {
    let mut found: Vec<(String, &str)> = Vec::new();
    let names = if release.slug == release.name { &[release.slug][..] } else { &[release.slug, release.name] };
    for name in names.iter().copied() {
        for popular in release.popular {
            // The name itself is not a mistake for it.
            if let Some((what, how)) = compare(name, popular).filter(|(what, _)| *what == parameters.what) {
                debug_assert_eq!(what, parameters.what);
                found.push((popular.to_string(), how));
            }
        }
    }
    found.sort();
    found.dedup();
    let draft = |(popular, how): (String, &str)| {
        (String::new(), Draft::new(rule, 0, evidence::shown(&format!("{} and {popular}: {how}", release.slug))))
    };
    found.into_iter().map(draft).take(crate::MAX_FINDINGS_PER_RULE).collect()
}

fn compare(name: &str, popular: &str) -> Option<(What, &'static str)> {
    let (name, popular) = (name.trim(), popular.trim());
    // Whatever makes two names alike keeps their length, but for `rn` and `m`.
    if name.chars().count().abs_diff(popular.chars().count()) > 4 {
        return None;
    }
    let slug = |name: &str| name.to_lowercase().replace(' ', "-");
    if slug(name) == slug(popular) || popular.chars().count() < LEAST || name.chars().count() < LEAST {
        return None;
    }
    let (a, b) = (letters(name), letters(popular));
    if a == b {
        return Some((What::Same, "only separators differ"));
    }
    if skeleton(name) == skeleton(popular) {
        return Some((What::Same, "letters that look alike"));
    }
    let words = |name: &str| {
        let mut words: Vec<String> =
            slug(name).split(|c: char| !c.is_alphanumeric()).map(str::to_owned).filter(|word| !word.is_empty()).collect();
        words.sort();
        words
    };
    if words(name) == words(popular) {
        return Some((What::Same, "the same words in another order"));
    }
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if numbers_differ(&a, &b) {
        return None;
    }
    let ending = |longer: &[char], shorter: &[char]| longer.strip_prefix(shorter).is_some_and(|rest| rest == ['s']);
    if ending(&a, &b) || ending(&b, &a) {
        return Some((What::Near, "singular and plural"));
    }
    match distance(&a, &b, 2) {
        // Another first letter makes another word: nobody reads `xunit` for `nunit`.
        Some(1) if other_first_letter(name, popular) => Some((What::Near, "one letter differs")),
        Some(1) if b.len() > LEAST + 1 => Some((What::Same, "one letter differs")),
        Some(1) => Some((What::Near, "one letter differs")),
        Some(2) if b.len() >= LONG => Some((What::Near, "two letters differ")),
        _ => None,
    }
}

fn letters(name: &str) -> String {
    name.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect()
}

/// In a short word; a long one is read by its shape.
fn other_first_letter(name: &str, popular: &str) -> bool {
    let words = |name: &str| name.to_lowercase().split(|c: char| !c.is_alphanumeric()).map(str::to_owned).collect::<Vec<_>>();
    let (a, b) = (words(name), words(popular));
    a.len() == b.len()
        && a.iter().zip(&b).all(|(a, b)| {
            a == b || a.chars().count() == b.chars().count() && a.chars().count() <= LEAST && a.chars().skip(1).eq(b.chars().skip(1))
        })
}

/// What a glance takes the name for.
fn skeleton(name: &str) -> String {
    let mut seen = String::new();
    // Before lower case: a large I is a small l.
    for c in clean(name).chars().filter(|c| c.is_alphanumeric()) {
        let c = lookalike(c).unwrap_or(c);
        seen.extend(
            match c {
                'I' | '1' | 'l' | 'i' | 'L' => 'l',
                '0' | 'o' | 'O' => 'o',
                '5' => 's',
                '3' => 'e',
                c => c.to_ascii_lowercase(),
            }
            .to_lowercase(),
        );
    }
    seen.replace("rn", "m").replace("vv", "w").replace("cl", "d")
}

/// `react18-tests` and `react19-tests` are two things, and no mistake for each other.
fn numbers_differ(a: &[char], b: &[char]) -> bool {
    let digits = |name: &[char]| name.iter().filter(|c| c.is_numeric()).collect::<String>();
    let rest = |name: &[char]| name.iter().filter(|c| !c.is_numeric()).collect::<String>();
    digits(a) != digits(b) && rest(a) == rest(b)
}

/// Damerau-Levenshtein in its restricted form (optimal string alignment): what is left out, added, changed or swapped with its neighbour.
/// `None` above `most`.
fn distance(a: &[char], b: &[char], most: usize) -> Option<usize> {
    if a.len().abs_diff(b.len()) > most || a.len() > 200 {
        return None;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let change = usize::from(a[i - 1] != b[j - 1]);
            row[j] = (last[j] + 1).min(row[j - 1] + 1).min(last[j - 1] + change);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        if row.iter().min().is_some_and(|least| *least > most) {
            return None;
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().filter(|distance| *distance <= most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_told_from_others() {
        for (name, popular, what) in [
            ("code-review", "code-review", None),
            ("Code Review", "code-review", None),
            ("codereview", "code-review", Some(What::Same)),
            ("code-reveiw", "code-review", Some(What::Same)),
            ("c0de-review", "code-review", Some(What::Same)),
            ("соde-review", "code-review", Some(What::Same)),
            ("skiII-creator", "skill-creator", Some(What::Same)),
            ("review-code", "code-review", Some(What::Same)),
            ("code-reviews", "code-review", Some(What::Near)),
            ("react18-tests", "react19-tests", None),
            ("code-preview", "code-review", Some(What::Same)),
            ("csharp-xunit", "csharp-nunit", Some(What::Near)),
            ("data-review", "code-review", None),
        ] {
            assert_eq!(compare(name, popular).map(|(what, _)| what), what, "{name} {popular}");
        }
    }

    #[test]
    fn distances() {
        let distance = |a: &str, b: &str| distance(&a.chars().collect::<Vec<_>>(), &b.chars().collect::<Vec<_>>(), 3);
        assert_eq!((distance("ab", "ba"), distance("kitten", "sitting"), distance("a", "abcde")), (Some(1), Some(3), None));
    }
}
