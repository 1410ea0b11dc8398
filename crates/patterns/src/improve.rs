//! What runs show, put into a skill that somebody wrote.

/// The section that is ours in a text that is not.
const SECTION: &str = "## What runs show";
/// Sections of a draft that say nothing which the skill does not say itself.
const LEFT_OUT: &str = "## When to use";
/// What of a draft's frontmatter says where it comes from.
const ORIGIN: [&str; 3] = ["confidence", "created_at", "source_traces"];

/// The text of a skill with what a draft says of its runs: in a section of its own at the end, which takes the place of the one from last time, and with
/// where that comes from in the frontmatter. All else stays as it is.
///
/// ```
/// let skill = "---\nname: dcf\n---\n\n# DCF\n\nAsk first.\n";
/// let draft = "---\nname: value-dcf\n---\n\n# Value\n\n## When to use\n\nOften.\n\n## Steps\n\n1. Use `bash`.\n";
/// let better = llmos_patterns::improved(skill, draft);
/// assert_eq!(better, "---\nname: dcf\n---\n\n# DCF\n\nAsk first.\n\n## What runs show\n\n### Steps\n\n1. Use `bash`.\n");
/// assert_eq!(llmos_patterns::improved(&better, draft), better);
/// ```
#[must_use]
pub fn improved(skill: &str, draft: &str) -> String {
    let ends = if skill.contains("\r\n") { "\r\n" } else { "\n" };
    let mut learnt = format!("{SECTION}\n");
    let mut is_told = false;
    for line in draft.lines() {
        if line.starts_with("## ") {
            is_told = line.trim_end() != LEFT_OUT;
        }
        if is_told {
            learnt.push_str(if line.starts_with("## ") { "\n#" } else { "" });
            learnt.push_str(line);
            learnt.push('\n');
        }
    }
    let learnt = squeezed(&learnt).replace('\n', ends);
    let skill = with_origin(skill, draft, ends);
    let (before, after) = around(&skill);
    let mut text = before.trim_end().to_owned();
    let mut fence = Fence::default();
    text.lines().for_each(|line| {
        fence.is_text(line);
    });
    // What comes behind a fence that is never closed would be code.
    if let Some(open) = fence.0 {
        text.push_str(ends);
        text.push_str(open);
    }
    if !text.is_empty() {
        text.push_str(ends);
        text.push_str(ends);
    }
    text.push_str(&learnt);
    if !after.trim().is_empty() {
        text.push_str(ends);
        text.push_str(after);
    }
    text
}

/// A skill with the keys of a draft that say where it comes from.
fn with_origin(skill: &str, draft: &str, ends: &str) -> String {
    let is_origin = |(key, _): &(String, String)| ORIGIN.contains(&key.as_str());
    let origin: String = frontmatter(draft)
        .map_or_else(Vec::new, |(_, inside, _)| keys(inside))
        .into_iter()
        .filter(is_origin)
        .map(|(_, text)| text)
        .collect();
    if origin.is_empty() {
        return skill.to_owned();
    }
    let origin = origin.replace('\n', ends);
    match frontmatter(skill) {
        Some((begin, inside, rest)) => {
            let kept: String = keys(inside).into_iter().filter(|key| !is_origin(key)).map(|(_, text)| text).collect();
            format!("{begin}{kept}{origin}{rest}")
        }
        None => format!("---{ends}{origin}---{ends}{ends}{skill}"),
    }
}

/// The line before a frontmatter, what is in it, and the rest from the line that ends it.
fn frontmatter(text: &str) -> Option<(&str, &str, &str)> {
    let mut lines = text.split_inclusive('\n');
    let begin = lines.next().filter(|line| line.trim_end() == "---" && line.ends_with('\n'))?;
    let mut at = begin.len();
    for line in lines {
        if matches!(line.trim_end(), "---" | "...") {
            return Some((begin, &text[begin.len()..at], &text[at..]));
        }
        at += line.len();
    }
    None
}

/// Keys with all of their lines: what a key has goes on in lines that are indented, or that are items of a list.
fn keys(inside: &str) -> Vec<(String, String)> {
    let mut keys: Vec<(String, String)> = Vec::new();
    for line in inside.split_inclusive('\n') {
        let goes_on = line.starts_with([' ', '\t', '-', '#']) || line.trim().is_empty();
        match keys.last_mut() {
            Some((_, text)) if goes_on => text.push_str(line),
            _ => {
                let key = line.split(':').next().unwrap_or_default().trim().trim_matches(['"', '\'']);
                keys.push((key.to_owned(), line.to_owned()));
            }
        }
    }
    keys
}

/// One empty line where there are several, and one line end at the end.
fn squeezed(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut was_empty = false;
    for line in text.trim_end().lines() {
        if !(was_empty && line.is_empty()) {
            out.push_str(line);
            out.push('\n');
        }
        was_empty = line.is_empty();
    }
    out
}

/// What stands before our section of a skill, and what after it. What only looks like a heading within a fence of code is none.
fn around(skill: &str) -> (&str, &str) {
    let (mut at, mut fence, mut begin) = (0, Fence::default(), None);
    for line in skill.split_inclusive('\n') {
        let is_heading = fence.is_text(line) && (line.starts_with("# ") || line.starts_with("## "));
        match begin {
            None if is_heading && line.trim_end() == SECTION => begin = Some(at),
            Some(begin) if is_heading => return (&skill[..begin], &skill[at..]),
            _ => {}
        }
        at += line.len();
    }
    (&skill[..begin.unwrap_or(skill.len())], "")
}

/// A fence of code, while it is open.
#[derive(Default)]
struct Fence(Option<&'static str>);

impl Fence {
    /// Whether a line is text: neither code nor a fence.
    fn is_text(&mut self, line: &str) -> bool {
        let marker = ["```", "~~~"].into_iter().find(|marker| line.starts_with(marker));
        match (self.0, marker) {
            (None, None) => return true,
            (None, Some(marker)) => self.0 = Some(marker),
            (Some(open), Some(marker)) if open == marker && line.trim_end().trim_start_matches(&open[..1]).is_empty() => self.0 = None,
            _ => {}
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DRAFT: &str = "---\nname: a\nconfidence: 0.9\nsource_traces:\n  - \"run\"\n---\n\n# A\n\n## When to use\n\nOften.\n\n## Steps\n\n1. Use `bash`.\n\n## Pitfalls\n\n- Check it.\n";

    #[test]
    fn our_section_is_replaced_where_it_stands() {
        let skill = "# DCF\n\n```\n## What runs show\n```\n\n## What runs show\n\nold\n\n### Steps\n\nold\n\n## Sources\n\nBooks.\n";
        let better = improved(skill, DRAFT);
        assert_eq!(
            better,
            "---\nconfidence: 0.9\nsource_traces:\n  - \"run\"\n---\n\n# DCF\n\n```\n## What runs show\n```\n\n## What runs show\n\n### Steps\n\n1. Use `bash`.\n\n### Pitfalls\n\n- Check it.\n\n## Sources\n\nBooks.\n"
        );
    }

    #[test]
    fn line_ends_stay() {
        let better = improved("---\r\nname: dcf\r\nconfidence: 0.1\r\n---\r\n# DCF\r\n", DRAFT);
        let head = "---\r\nname: dcf\r\nconfidence: 0.9\r\nsource_traces:\r\n  - \"run\"\r\n---\r\n# DCF\r\n\r\n## What runs show\r\n";
        assert!(better.starts_with(head) && !better.replace("\r\n", "").contains('\n'), "{better}");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn twice_is_once_and_every_line_of_a_hand_stays(skill in "(([a-z#`\\- ]{0,12})\n){0,8}") {
            let better = improved(&skill, DRAFT);
            prop_assert_eq!(improved(&better, DRAFT), better.clone());
            for line in skill.lines().filter(|line| !line.trim().is_empty()) {
                prop_assert!(better.lines().any(|other| other.trim_end() == line.trim_end()), "{line}: {better}");
            }
        }
    }
}
