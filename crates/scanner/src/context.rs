//! Does a text do a thing, or talk about it? What stands around a match says so: the sentence, the comment above, what introduces a list or
//! a block, the heading.

use regex::bytes::Regex;

use crate::{
    source::{Line, Place, Source},
    view::{Kind, View},
};

/// Where the match stood, in the text before and after it.
const MATCH: char = '\u{1}';
/// Bytes of a sentence that are looked at before and behind a match.
const BEFORE: usize = 200;
const BEHIND: usize = 100;
/// Lines upwards, to the introduction of a list or of a table.
const UPWARDS: usize = 20;

/// Everything that stands around a match, in lower case; empty where nothing may soften it: in hidden comments, in what was encoded.
pub(crate) fn around(source: &Source, view: &View, kind: Kind, from: usize, to: usize) -> Vec<String> {
    let number = view.line_at(from);
    let Some(line) = source.line(number) else { return Vec::new() };
    let index = number.saturating_sub(1) as usize;
    if source.decoded.is_some() || line.place == Place::Comment {
        return Vec::new();
    }
    let mut texts = Vec::new();
    match line.place {
        Place::Prose | Place::Frontmatter => {
            texts.push(sentence(view, kind, from, to));
            if line.place == Place::Prose {
                texts.extend(introduction(source, index).into_iter().map(lower));
            }
        }
        Place::Code => {
            let runs = !matches!(
                line.language.to_ascii_lowercase().as_str(),
                "" | "text" | "txt" | "plain" | "markdown" | "md" | "yaml" | "yml" | "kql" | "sql" | "csv" | "diff" | "log" | "output"
            );
            if !runs {
                texts.push(sentence(view, kind, from, to));
            } else if let Some(comment) = comment_above(source, index) {
                // The nearest comment has the word: what is "good" under an introduction that warns is no warning.
                texts.push(lower(comment));
                return texts;
            }
            if let Some(fence) = line.fence {
                texts.extend(introduction(source, fence).into_iter().map(lower));
            }
        }
        // A script runs, whatever stands around; only its own comments do not.
        Place::Script if is_comment(line.text) => texts.push(sentence(view, kind, from, to)),
        Place::Script | Place::Comment => return Vec::new(),
    }
    if let Some(heading) = line.heading.and_then(|heading| source.lines.get(heading)) {
        texts.push(lower(heading));
    }
    texts
}

/// Is one of the context's patterns in there?
pub(crate) fn applies(context: &[Regex], texts: &[String]) -> bool {
    texts.iter().any(|text| context.iter().any(|pattern| pattern.is_match(text.as_bytes())))
}

fn lower(line: &Line) -> String {
    let text: String = line.meant.chars().filter(|c| !matches!(c, '*' | '`' | '_' | '"')).collect();
    text.to_ascii_lowercase()
}

fn sentence(view: &View, kind: Kind, from: usize, to: usize) -> String {
    let (start, line) = view.around(from);
    let from = from.saturating_sub(start).min(line.len());
    let to = to.saturating_sub(start).clamp(from, line.len());
    // Between words, so that no character is cut either.
    let cut = |at: usize| (at..line.len()).find(|at| line.is_char_boundary(*at)).unwrap_or(line.len());
    let begin = if kind == Kind::Prose { cut(from.saturating_sub(BEFORE)) } else { 0 };
    let end = cut((to + BEHIND).min(line.len()));
    let text = format!("{}{MATCH}{}", line.get(begin..from).unwrap_or_default(), line.get(to..end).unwrap_or_default());
    text.chars().filter(|c| !matches!(c, '*' | '`' | '"')).collect()
}

pub(crate) fn is_comment(text: &str) -> bool {
    let text = text.trim_start();
    let lower: String = text.chars().take(4).collect::<String>().to_ascii_lowercase();
    ["#", "//", "--", "/*", "*", ";", "rem "].iter().any(|mark| lower.starts_with(mark)) && !text.starts_with("#!")
}

/// The nearest comment above within the same block.
fn comment_above<'a, 'b>(source: &'b Source<'a>, index: usize) -> Option<&'b Line<'a>> {
    let fence = source.lines[index].fence;
    let above = source.lines[..index].iter().rev().take(8).take_while(|line| line.place == Place::Code && line.fence == fence);
    above.into_iter().find(|line| is_comment(line.text))
}

/// What leads to this line: of a list or a table what stands before it (and the table's head), otherwise the last line of text.
fn introduction<'a, 'b>(source: &'b Source<'a>, index: usize) -> Vec<&'b Line<'a>> {
    let mut found = Vec::new();
    let listed = |text: &str| {
        let text = text.trim_start_matches(['>', ' ', '\t']);
        text.starts_with(['-', '*', '+', '|']) || text.starts_with(|c: char| c.is_ascii_digit())
    };
    let in_list = listed(source.lines[index].text);
    for line in source.lines[..index].iter().rev().take(UPWARDS) {
        let text = line.text.trim();
        if line.place != Place::Prose || text.starts_with('#') {
            break;
        }
        if text.is_empty() || (in_list && listed(line.text) && !text.starts_with('|')) {
            continue;
        }
        found.push(line);
        // Rows of a table go on up to its head.
        if !text.starts_with('|') {
            break;
        }
    }
    found
}

/// Does what was matched stand in quotes, in code or in a table?
pub(crate) fn is_quoted(source: &Source, view: &View, from: usize, to: usize) -> bool {
    let (first, last) = (view.line_at(from), view.line_at(to.saturating_sub(1).max(from)));
    let Some(line) = source.line(first) else { return false };
    if line.place == Place::Code || (line.place == Place::Prose && line.text.trim_start().starts_with('|')) {
        return true;
    }
    let matched = view.folded.get(from..to).unwrap_or_default();
    let words: Vec<&str> = matched.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let (Some(begin), Some(end)) = (words.first(), words.last()) else { return false };
    let text: String = (first..=last).filter_map(|number| Some(source.line(number)?.meant.to_lowercase())).collect::<Vec<_>>().join(" ");
    [('"', '"'), ('“', '”'), ('`', '`'), ('«', '»'), ('„', '“'), ('‘', '’')].iter().any(|(open, close)| {
        let mut rest = text.as_str();
        while let Some(at) = rest.find(*open) {
            let inner = &rest[at + open.len_utf8()..];
            let Some(length) = inner.find(*close) else { break };
            let span = &inner[..length];
            if span.contains(begin) && span.contains(end) {
                return true;
            }
            rest = &inner[length + close.len_utf8()..];
        }
        false
    })
}
