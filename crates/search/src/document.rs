//! What is searched: documents, whose readers may read them, and the passages they are split into.

use std::ops::Range;

/// A document's id: the 128 bits of its UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(pub u128);

/// Whose readers may read a document: the id of a volume, a team or a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope(pub u128);

/// What a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Skill,
    Tool,
    Agent,
    Session,
    Listing,
}

impl Kind {
    pub const ALL: [Self; 5] = [Self::Skill, Self::Tool, Self::Agent, Self::Session, Self::Listing];
}

/// Major, minor and patch number.
pub type Version = (u64, u64, u64);

/// Who wrote a document: an id and the name to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    pub id: u128,
    pub name: String,
}

/// One thing that can be found. The index keeps its words, names and numbers, not its description and body.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    pub id: Id,
    pub kind: Kind,
    pub scope: Scope,
    pub slug: String,
    pub name: String,
    pub description: String,
    /// Markdown, without frontmatter.
    pub body: String,
    pub tags: Vec<String>,
    /// Empty for none.
    pub category: String,
    pub author: Option<Author>,
    pub version: Option<Version>,
    /// 1 to 5 stars.
    pub rating: Option<f32>,
    /// UTC milliseconds.
    pub updated_at: i64,
}

/// A part of a document that is embedded as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passage {
    /// Bytes of the body; on character boundaries.
    pub range: Range<usize>,
    /// The headings above the passage, outermost first.
    pub headings: Vec<String>,
    /// What to embed: name, description, headings and this part of the body, without marks of markdown.
    pub text: String,
}

/// Words of a whole passage: a model's window of 256 tokens holds about so many words of technical prose.
const BUDGET: usize = 200;
/// Words that a passage repeats of the one before it, where it had to be cut inside a section.
const OVERLAP: usize = 30;
/// Words of the description in the first passage, and in the later ones, which only need its gist.
const DESCRIPTION: (usize, usize) = (60, 16);
/// A word never weighs less than its bytes divided by this, so that data without spaces is cut as well.
const BYTES_A_WORD: usize = 8;

/// Splits a document along its headings into passages of about 200 words, the first of which begins with its name and description.
///
/// There is always at least one passage. Where a section is longer than a passage, neighbours overlap by about 30 words.
pub fn passages(document: &Document) -> Vec<Passage> {
    let body = &document.body;
    let lines = lines(body);
    let name = words(&document.name, 30);
    let mut out = Vec::new();
    let mut from = 0;
    let mut path: Vec<(usize, &str)> = Vec::new();
    while from < lines.len() || out.is_empty() {
        let description = words(&document.description, if out.is_empty() { DESCRIPTION.0 } else { DESCRIPTION.1 });
        let mut outer = path.clone();
        if let Some((level, _)) = lines.get(from).and_then(|line| line.heading) {
            outer.retain(|(above, _)| *above < level);
        }
        let mut headings = path.clone();
        let mut at_start = true;
        let budget = BUDGET.saturating_sub(weight(&name) + weight(&description)).max(BUDGET / 4);
        let (mut to, mut sum) = (from, 0);
        while let Some(line) = lines.get(to) {
            let begins_section = line.heading.is_some() && sum * 2 > budget;
            if to > from && (begins_section || sum + line.weight > budget) {
                break;
            }
            if let Some(heading) = line.heading {
                push_heading(&mut path, heading);
                if at_start {
                    headings.clone_from(&path);
                }
            } else if line.weight > 0 {
                at_start = false;
            }
            sum += line.weight;
            to += 1;
        }
        let range = match (lines.get(from), to.checked_sub(1).and_then(|last| lines.get(last))) {
            (Some(first), Some(last)) if to > from => first.range.start..last.range.end,
            _ => 0..0,
        };
        let headings: Vec<String> = headings.iter().map(|(_, title)| (*title).to_owned()).collect();
        let part = body.get(range.clone()).unwrap_or_default();
        let outer: Vec<&str> = outer.iter().map(|(_, title)| *title).collect();
        let text = [&name, &description, &outer.join(" "), part].join(" ");
        out.push(Passage { range, headings, text: words(&text, usize::MAX) });

        let mut next = to;
        // Not past a heading: what is before it belongs to another section.
        if lines.get(to).is_some_and(|line| line.heading.is_none()) {
            let mut repeated = 0;
            while next > from + 1 && lines[next - 1].heading.is_none() && repeated + lines[next - 1].weight <= OVERLAP {
                next -= 1;
                repeated += lines[next].weight;
            }
        }
        from = next.max(from + 1);
    }
    out
}

fn push_heading<'a>(path: &mut Vec<(usize, &'a str)>, heading: (usize, &'a str)) {
    path.retain(|(level, _)| *level < heading.0);
    path.push(heading);
}

/// At most `limit` words with single spaces between them, without the marks of markdown, which would only fill a model's window.
fn words(text: &str, limit: usize) -> String {
    let words = text.split_whitespace().map(|word| word.trim_matches(['*', '`', '|'])).filter(|word| word.contains(char::is_alphanumeric));
    words.take(limit).collect::<Vec<_>>().join(" ")
}

fn weight(text: &str) -> usize {
    text.split_whitespace().count().max(text.len() / BYTES_A_WORD)
}

struct Line<'a> {
    range: Range<usize>,
    weight: usize,
    heading: Option<(usize, &'a str)>,
}

/// The lines of a text; one that is too long for a passage comes in pieces.
fn lines(text: &str) -> Vec<Line<'_>> {
    let mut out = Vec::new();
    for (range, heading) in markdown_lines(text) {
        let whole = weight(&text[range.clone()]);
        if whole <= BUDGET / 4 {
            out.push(Line { range, weight: whole, heading });
            continue;
        }
        let mut start = range.start;
        while start < range.end {
            let end = piece(text, start, range.end);
            out.push(Line { range: start..end, weight: weight(&text[start..end]), heading: None });
            start = end;
        }
    }
    out
}

/// The end of a piece of at most a quarter of a passage that begins at `start`: after a space where there is one.
fn piece(text: &str, start: usize, end: usize) -> usize {
    let limit = start + BYTES_A_WORD * BUDGET / 4;
    let (mut spaces, mut last_space) = (0, None);
    for (at, c) in text[start..end].char_indices().map(|(at, c)| (start + at, c)) {
        if c.is_whitespace() {
            spaces += 1;
            last_space = Some(at + c.len_utf8());
        }
        if spaces > BUDGET / 8 || at >= limit {
            return last_space.unwrap_or(at + c.len_utf8());
        }
    }
    end
}

/// Each line with its line end, and its level and title if it is an ATX heading outside of a code fence (CommonMark 4.2, 4.5).
pub(crate) fn markdown_lines(text: &str) -> impl Iterator<Item = (Range<usize>, Option<(usize, &str)>)> {
    let mut start = 0;
    let mut fence: Option<&str> = None;
    text.split_inclusive('\n').map(move |line| {
        let range = start..start + line.len();
        start = range.end;
        let trimmed = line.trim();
        let marker = trimmed.get(..3).filter(|marker| matches!(*marker, "```" | "~~~"));
        match (fence, marker) {
            (None, Some(_)) => fence = marker,
            (Some(open), Some(close)) if open == close => fence = None,
            _ => {}
        }
        let level = trimmed.bytes().take_while(|b| *b == b'#').count();
        let title = trimmed[level..].trim().trim_end_matches('#').trim_end();
        let is_heading = fence.is_none() && (1..=6).contains(&level) && trimmed[level..].starts_with([' ', '\t']) && !title.is_empty();
        (range, is_heading.then_some((level, title)))
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn document(id: u128, name: &str, body: &str) -> Document {
        Document {
            id: Id(id),
            kind: Kind::Skill,
            scope: Scope(1),
            slug: name.to_lowercase().replace(' ', "-"),
            name: name.to_owned(),
            description: String::new(),
            body: body.to_owned(),
            tags: Vec::new(),
            category: String::new(),
            author: None,
            version: None,
            rating: None,
            updated_at: 0,
        }
    }

    #[test]
    fn passages_follow_headings_and_cover_the_body() {
        let section = |title: &str, words: usize| format!("## {title}\n\n{}\n", "word ".repeat(words));
        let body = format!("# Guide\nIntro.\n{}{}{}", section("First", 150), section("Second", 500), section("Third", 20));
        let passages = passages(&document(1, "A name", &body));
        assert!(passages[0].text.starts_with("A name Guide Intro. First word"));
        assert!(passages.iter().any(|p| p.headings == ["Guide", "Second"]));
        assert_eq!(passages.last().map(|p| p.range.end), Some(body.len()));
        let mut covered = 0;
        for passage in &passages {
            assert!(passage.range.start <= covered, "a gap before {:?}", passage.range);
            covered = passage.range.end;
            assert!(passage.text.split_whitespace().count() <= BUDGET + 10);
        }
    }

    #[test]
    fn a_comment_in_code_is_not_a_heading() {
        let titles: Vec<_> = markdown_lines("# A\n```sh\n# not\n```\n####### no\n#no\n## B ##\n").filter_map(|(_, h)| h).collect();
        assert_eq!(titles, [(1, "A"), (2, "B")]);
    }

    #[test]
    fn nothing_and_a_wall_of_text_are_split_too() {
        assert_eq!(passages(&document(1, "", "")).len(), 1);
        let wall = "é".repeat(20_000);
        let passages = passages(&document(1, "Wall", &wall));
        assert!(passages.len() > 10 && passages.iter().all(|p| wall.is_char_boundary(p.range.start)));
    }
}
