//! A skill's text for readers who may not see the runs that it came from.

/// What a copy does not have: ids of runs, and where an earlier copy came from.
const LEFT_OUT: [&str; 2] = ["source_traces", "promoted_from"];

/// The text of a skill without the runs that it was drawn from, and with where it came from: `promoted_from` in the frontmatter, which is made where
/// there is none. All else stays as it is.
///
/// ```
/// let text = "---\nname: a\nsource_traces:\n  - \"run-1\"\n---\n\n# A\n";
/// assert_eq!(llmos_patterns::promoted(text, "Harbor"), "---\nname: a\npromoted_from: \"Harbor\"\n---\n\n# A\n");
/// ```
#[must_use]
pub fn promoted(text: &str, from: &str) -> String {
    let from = from.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    let origin = format!("promoted_from: \"{}\"\n", from.replace(['"', '\\'], ""));
    let mut lines = text.split_inclusive('\n');
    let is_end = |line: &str| matches!(line.trim_end(), "---" | "...");
    let has_frontmatter = lines.next().is_some_and(|line| line.trim_end() == "---") && lines.any(is_end);
    if !has_frontmatter {
        return format!("---\n{origin}---\n\n{text}");
    }
    let mut out = String::with_capacity(text.len() + origin.len());
    let (mut is_inside, mut is_left_out) = (true, false);
    for (at, line) in text.split_inclusive('\n').enumerate() {
        if is_inside && at > 0 {
            if is_end(line) {
                out.push_str(&origin);
                is_inside = false;
            } else {
                // What a key has goes on in lines that are indented, or that are items of a list.
                let goes_on = line.starts_with([' ', '\t', '-', '#']) || line.trim().is_empty();
                is_left_out = if goes_on { is_left_out } else { line.split(':').next().is_some_and(is_left_out_key) };
                if is_left_out {
                    continue;
                }
            }
        }
        out.push_str(line);
    }
    out
}

fn is_left_out_key(key: &str) -> bool {
    LEFT_OUT.contains(&key.trim().trim_matches(['"', '\'']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_no_runs_and_says_where_it_is_from() {
        for list in
            ["source_traces:\n  - \"a\"\n\n  - b\n", "source_traces:\n- a\n- b\n", "source_traces: [a,\n  b]\n", "'source_traces': a\n", ""]
        {
            let text = format!("---\nname: x\n{list}confidence: 0.9\npromoted_from: \"before\"\n---\n\nsource_traces: stay\n---\n- a\n");
            let copy = promoted(&text, "the team\n \"Harbor\"");
            assert_eq!(
                copy, "---\nname: x\nconfidence: 0.9\npromoted_from: \"the team Harbor\"\n---\n\nsource_traces: stay\n---\n- a\n",
                "{list}"
            );
        }
    }

    #[test]
    fn a_text_without_frontmatter_gets_one() {
        for text in ["# A\n", "", "---\nnever: ends\n", "text\n---\n"] {
            assert_eq!(promoted(text, "Harbor"), format!("---\npromoted_from: \"Harbor\"\n---\n\n{text}"));
        }
    }
}
