//! What is asked of search, and what it answers.

use serde::{Deserialize, Serialize};

use crate::{
    features::accounts::model::Person,
    ids::{TeamId, VolumeId},
};

pub const LIMIT_DEFAULT: u32 = 20;
pub const LIMIT_MAX: u32 = 100;
/// Deeper pages are refused: who gets there needs another query.
pub const OFFSET_MAX: u32 = 10_000;
/// Bytes of a query.
pub const QUERY_MAX: usize = 16_000;
pub const SUGGESTIONS_MAX: u32 = 20;

/// What can be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Found {
    Skill,
    Tool,
    Agent,
    Session,
}

impl Found {
    pub const ALL: [Self; 4] = [Self::Skill, Self::Tool, Self::Agent, Self::Session];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Skill => "skill",
            Self::Tool => "tool",
            Self::Agent => "agent",
            Self::Session => "session",
        }
    }
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SearchSort {
    #[default]
    Relevance,
    Newest,
    Name,
}

/// A search; the page's address has the same names. Lists are separated by commas.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct SearchQuery {
    /// What is needed, in one's own words. Quotation marks ask for the words side by side, a minus leaves out what has a word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub q: Option<String>,
    /// Any of `skill`, `tool`, `agent`, `session`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Any of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Ids of people, any of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// All of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume: Option<VolumeId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<TeamId>,
    /// The lowest version, such as `1.2`; what has no version is left out then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_version: Option<String>,
    /// The highest version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_version: Option<String>,
    /// From 1 to 5; what is not rated is left out then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_rating: Option<f32>,
    /// UTC milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_since: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(inline)]
    pub sort: Option<SearchSort>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u32>,
    /// 20 without, 100 at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Whether the last word may be unfinished: while somebody types.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partial: Option<bool>,
    /// Whether each hit says why it is where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explain: Option<bool>,
}

/// A part of a shown text: a word that matched, or what stands between.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Piece {
    pub text: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mark: bool,
}

/// Cuts `text` at `marks`, which are in order and do not overlap, and shows `range` of it; all in bytes. What does not fit the text is left out.
pub fn pieces(text: &str, range: std::ops::Range<usize>, marks: &[std::ops::Range<usize>]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut push = |from: usize, to: usize, mark: bool| {
        if let Some(part) = text.get(from..to).filter(|part| !part.is_empty()) {
            pieces.push(Piece { text: part.to_owned(), mark });
        }
    };
    let mut at = range.start;
    for mark in marks.iter().filter(|mark| mark.start >= range.start && mark.end <= range.end) {
        push(at, mark.start, false);
        push(mark.start, mark.end, true);
        at = mark.end;
    }
    push(at, range.end, false);
    pieces
}

/// A part of a body as one reads it in a line: without the marks of markdown.
pub fn without_marks(pieces: Vec<Piece>) -> Vec<Piece> {
    let mut begins_line = true;
    let mut plain = Vec::with_capacity(pieces.len());
    for piece in pieces {
        let mut text = String::with_capacity(piece.text.len());
        for line in piece.text.split_inclusive('\n') {
            let mut rest = line;
            if begins_line {
                rest = rest.trim_start_matches([' ', '\t', '#', '>', '|', '-', '+', '*', '=']);
            }
            begins_line = line.ends_with('\n');
            text.extend(rest.chars().filter(|c| !matches!(c, '*' | '`' | '|')).map(|c| if c.is_whitespace() { ' ' } else { c }));
        }
        while text.contains("  ") {
            text = text.replace("  ", " ");
        }
        if !text.is_empty() {
            plain.push(Piece { text, ..piece });
        }
    }
    plain
}

/// What one word of the query added.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WhyWord {
    /// The word of the document that matched.
    pub word: String,
    pub field: String,
    pub score: f32,
}

/// Why a hit is where it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Why {
    /// From 0 to 1: by words, and by meaning where that had a part.
    pub lexical: f32,
    pub semantic: Option<f32>,
    pub lexical_rank: Option<usize>,
    pub semantic_rank: Option<usize>,
    /// The cosine of the nearest passage.
    pub cosine: Option<f32>,
    /// What was added because the query is its name.
    pub name_boost: f32,
    pub words: Vec<WhyWord>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SearchHit {
    pub id: String,
    pub kind: Found,
    /// Empty for sessions.
    pub slug: String,
    /// From 0 to 1, comparable among the hits of one query.
    pub score: f32,
    pub name: String,
    /// The name with the words that matched.
    pub name_pieces: Vec<Piece>,
    pub description: String,
    pub description_pieces: Vec<Piece>,
    /// The part of the text that fits best, with the words that matched.
    pub passage: Vec<Piece>,
    /// What it is in: a volume, or of a session the team that it is shared with; neither for a private session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume_id: Option<VolumeId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team_id: Option<TeamId>,
    /// Its name.
    pub place: String,
    /// Of a session, the number of the message that fits best.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<i64>,
    pub category: String,
    pub tags: Vec<String>,
    pub version: String,
    pub updated_at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<Why>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Count<T> {
    pub value: T,
    pub count: usize,
}

/// How many of the found have each value, the most frequent first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SearchFacets {
    pub kinds: Vec<Count<Found>>,
    pub categories: Vec<Count<String>>,
    pub tags: Vec<Count<String>>,
    pub authors: Vec<Count<Person>>,
    pub volumes: Vec<Count<VolumeId>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SearchPage {
    pub hits: Vec<SearchHit>,
    /// How many were found, of which `hits` is a part.
    pub total: usize,
    pub facets: SearchFacets,
    /// Whether meaning had a part in the order; else words alone.
    pub semantic: bool,
    /// Documents whose vectors are still to be made: until then they are found by their words.
    pub waiting: usize,
    /// Milliseconds that the ranking took.
    pub took_ms: f64,
}

/// How search stands, for operators.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SearchStatus {
    /// In the index of this node.
    pub documents: usize,
    /// Of them, those whose vectors are still to be made.
    pub waiting: usize,
    /// `ready`, `loading`, `missing`, or `away` while a service does not answer: then search goes by words alone, and the log says why.
    pub meaning: String,
}

/// What is asked of a completion.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SuggestQuery {
    pub q: String,
    /// 8 without, 20 at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// What somebody may be about to type: a name, a tag, a category or a word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Suggested {
    pub text: String,
    /// The id of what has this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// And what it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Found>,
}

/// How many like one are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SimilarQuery {
    /// 6 without, 20 at most.
    pub limit: Option<u32>,
}

/// The values of a list in the address.
pub fn values(list: Option<&str>) -> Vec<&str> {
    list.unwrap_or_default().split(',').map(str::trim).filter(|value| !value.is_empty()).collect()
}

/// `1.2.3`, `v1.2`, `1`: what is left of it is 0; what comes after a hyphen or a plus does not count.
pub fn parse_version(text: &str) -> Option<(u64, u64, u64)> {
    let text = text.trim().trim_start_matches(['v', 'V']);
    let text = text.split(['-', '+']).next()?;
    let mut numbers = text.split('.').map(|part| part.parse::<u64>().ok());
    let first = numbers.next()??;
    let mut next = || numbers.next().map_or(Some(0), |number| number);
    let version = (first, next()?, next()?);
    numbers.next().is_none().then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_leniently() {
        assert_eq!(parse_version("1.2.3"), Some((1, 2, 3)));
        assert_eq!(parse_version(" v2 "), Some((2, 0, 0)));
        assert_eq!(parse_version("1.4-beta.2"), Some((1, 4, 0)));
        for wrong in ["", "latest", "1.x", "1.2.3.4", "-1"] {
            assert_eq!(parse_version(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_passage_is_read_without_its_marks() {
        let piece = |text: &str, mark| Piece { text: text.to_owned(), mark };
        let plain = without_marks(vec![piece("## The **", false), piece("lamp", true), piece("**\n\n- `trim`   it\n| a | b |", false)]);
        assert_eq!(plain, [piece("The ", false), piece("lamp", true), piece(" trim it a b ", false)]);
        assert!(without_marks(vec![piece("***", false)]).is_empty());
    }

    #[test]
    fn lists_are_separated_by_commas() {
        assert_eq!(values(Some("skill, tool,,")), ["skill", "tool"]);
        assert!(values(None).is_empty());
    }

    #[test]
    fn a_text_is_cut_at_its_marks() {
        let text = "über den Wert";
        assert_eq!(
            pieces(text, 0..14, std::slice::from_ref(&(9..13))),
            [
                Piece { text: "über den".to_owned(), mark: false },
                Piece { text: " Wer".to_owned(), mark: true },
                Piece { text: "t".to_owned(), mark: false }
            ]
        );
        // Marks outside of what is shown, and in the middle of a character.
        assert_eq!(pieces(text, 6..14, &[0..2, 9..13]).len(), 3);
        assert!(pieces("ü", 1..2, &[]).is_empty());
    }
}
