//! Parts of sentences.

/// A text with a capital letter, unless it begins with the name of an item, and a full stop.
pub(crate) fn sentence(text: &str) -> String {
    let words = ["you ", "this volume ", "but ", "there ", "no ", "every ", "any ", "what ", "if ", "so ", "update ", "go ", "install "];
    let mut chars = text.chars();
    match chars.next() {
        Some(first) if words.iter().any(|word| text.starts_with(word)) => format!("{}{}.", first.to_uppercase(), chars.as_str()),
        _ => format!("{text}."),
    }
}

/// `a`, `a and b`, `a, b and c`.
pub(crate) fn listed(parts: &[impl AsRef<str>], and: &str) -> String {
    let parts: Vec<&str> = parts.iter().map(AsRef::as_ref).collect();
    match parts.split_last() {
        None => String::new(),
        Some((last, [])) => (*last).to_owned(),
        Some((last, before)) => format!("{} {and} {last}", before.join(", ")),
    }
}

/// The same for clauses, with a comma before the last.
pub(crate) fn listed_clauses(parts: &[impl AsRef<str>]) -> String {
    let parts: Vec<&str> = parts.iter().map(AsRef::as_ref).collect();
    match parts.split_last() {
        Some((last, before)) if !before.is_empty() => format!("{}, and {last}", before.join(", ")),
        _ => parts.concat(),
    }
}

/// A reason that somebody wrote, as part of a sentence.
pub(crate) fn quoted(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let short: String = line.chars().filter(|c| !c.is_control()).take(200).collect();
    short.trim_end_matches('.').to_owned()
}
