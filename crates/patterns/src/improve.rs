//! What runs show, put into a skill that somebody wrote.

/// The section that is ours in a text that is not.
const SECTION: &str = "## What runs show";
/// Sections of a draft that say nothing which the skill does not say itself.
const LEFT_OUT: &str = "## When to use";

/// The text of a skill with what a draft says of its runs: in a section of its own at the end, which takes the place of the one from last time. All else, the
/// frontmatter above all, stays as it is.
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
    let (before, after) = around(skill);
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

    const DRAFT: &str =
        "---\nname: a\n---\n\n# A\n\n## When to use\n\nOften.\n\n## Steps\n\n1. Use `bash`.\n\n## Pitfalls\n\n- Check it.\n";

    #[test]
    fn our_section_is_replaced_where_it_stands() {
        let skill = "# DCF\n\n```\n## What runs show\n```\n\n## What runs show\n\nold\n\n### Steps\n\nold\n\n## Sources\n\nBooks.\n";
        let better = improved(skill, DRAFT);
        assert_eq!(
            better,
            "# DCF\n\n```\n## What runs show\n```\n\n## What runs show\n\n### Steps\n\n1. Use `bash`.\n\n### Pitfalls\n\n- Check it.\n\n## Sources\n\nBooks.\n"
        );
    }

    #[test]
    fn line_ends_stay() {
        let better = improved("# DCF\r\n", DRAFT);
        assert!(better.starts_with("# DCF\r\n\r\n## What runs show\r\n") && !better.replace("\r\n", "").contains('\n'), "{better}");
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
