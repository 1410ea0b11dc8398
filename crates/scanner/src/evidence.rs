//! Excerpts that can be shown: short, without secrets, with everything visible.

use crate::{
    MAX_EVIDENCE,
    clean::{is_control, is_invisible},
    detect::secret,
    rules::Rules,
    source::Source,
    view::View,
};

/// The lines of a match, or of a long line what is around it.
pub(crate) fn of_match(rules: &Rules, source: &Source, view: &View, from: usize, to: usize) -> String {
    let (first, last) = (view.line_at(from), view.line_at(to.saturating_sub(1).max(from)));
    let written = match source.decoded {
        Some(how) => format!("{} [from {how}]", view.text.get(window(&view.text, from, to)).unwrap_or_default().trim()),
        None => {
            let lines: Vec<&str> = (first..=last.min(first + 3))
                .filter_map(|number| Some(source.line(number)?.text.trim()))
                .filter(|line| !line.is_empty())
                .collect();
            let written = lines.join(" ⏎ ");
            if written.chars().count() <= MAX_EVIDENCE {
                written
            } else {
                view.text.get(window(&view.text, from, to)).unwrap_or_default().trim().to_owned()
            }
        }
    };
    shown(&redacted(rules, &written))
}

fn window(text: &str, from: usize, to: usize) -> std::ops::Range<usize> {
    let boundary = |at: usize| (at.min(text.len())..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    let from = boundary(from.saturating_sub(40));
    from..boundary((to + 40).min(from + MAX_EVIDENCE)).max(from)
}

/// Characters that nobody sees as `U+200B`, runs of them counted; cut at [`MAX_EVIDENCE`].
pub(crate) fn shown(text: &str) -> String {
    let mut out = String::new();
    let mut length = 0;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let piece = match c {
            '\n' | '\r' | '\t' => " ".to_owned(),
            c if is_invisible(c) || is_control(c) => {
                let mut count = 1;
                while chars.next_if_eq(&c).is_some() {
                    count += 1;
                }
                if count == 1 { format!("[U+{:04X}]", c as u32) } else { format!("[U+{:04X} ×{count}]", c as u32) }
            }
            c => c.to_string(),
        };
        length += piece.chars().count();
        if length > MAX_EVIDENCE - 1 {
            out.push('…');
            break;
        }
        out.push_str(&piece);
    }
    out
}

/// The text with every secret cut to its first letters.
fn redacted(rules: &Rules, text: &str) -> String {
    let mut spans: Vec<(usize, usize)> = Vec::new();
    for rule in rules.rules.iter().filter(|rule| rule.secret.is_some()) {
        for found in rule.patterns.iter().flat_map(|pattern| pattern.captures_iter(text.as_bytes()).take(8)) {
            if let Some(secret) = found.get(1).or(found.get(0)) {
                spans.push((secret.start(), secret.end()));
            }
        }
    }
    spans.sort_unstable();
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for (start, end) in spans {
        if end <= from {
            continue;
        }
        let start = start.max(from);
        let (Some(before), Some(secret)) = (text.get(from..start), text.get(start..end)) else { continue };
        out.push_str(before);
        out.push_str(&secret::cut(secret));
        from = end;
    }
    out.push_str(text.get(from..).unwrap_or_default());
    out
}
