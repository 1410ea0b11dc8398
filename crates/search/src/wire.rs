//! What is asked of search over HTTP and what it answers, as JSON: the same on the server and in the worker of a browser that is offline.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::document::{Author, Document, Id, Kind, Scope, Version};
use crate::highlight::Highlighter;
use crate::lexical::TermPart;
use crate::query::{Filter, Order, Query};
use crate::search::{Explanation, Hit};
use crate::suggest::{Suggestion, SuggestionOf};

pub const LIMIT_DEFAULT: u32 = 20;
pub const LIMIT_MAX: u32 = 100;
/// Deeper pages are refused: who gets there needs another query.
pub const OFFSET_MAX: u32 = 10_000;
/// Bytes of a query.
pub const QUERY_MAX: usize = 16_000;
pub const SUGGESTIONS_MAX: u32 = 20;

/// What can be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Found {
    Skill,
    Tool,
    Agent,
    Session,
    /// Of the marketplace, whatever its kind is there.
    Listing,
}

impl Found {
    pub const ALL: [Self; 5] = [Self::Skill, Self::Tool, Self::Agent, Self::Session, Self::Listing];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Skill => "skill",
            Self::Tool => "tool",
            Self::Agent => "agent",
            Self::Session => "session",
            Self::Listing => "listing",
        }
    }
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    pub fn of(kind: Kind) -> Self {
        match kind {
            Kind::Skill => Self::Skill,
            Kind::Tool => Self::Tool,
            Kind::Agent => Self::Agent,
            Kind::Session => Self::Session,
            Kind::Listing => Self::Listing,
        }
    }
    pub fn kind(self) -> Kind {
        match self {
            Self::Skill => Kind::Skill,
            Self::Tool => Kind::Tool,
            Self::Agent => Kind::Agent,
            Self::Session => Kind::Session,
            Self::Listing => Kind::Listing,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum SearchSort {
    #[default]
    Relevance,
    /// What one's teams hold, then the marketplace; both by relevance.
    Own,
    Newest,
    Name,
}

/// A search; the page's address has the same names. Lists are separated by commas.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[cfg_attr(feature = "openapi", into_params(parameter_in = Query, rename_all = "camelCase"))]
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
    pub volume: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<Uuid>,
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
    #[cfg_attr(feature = "openapi", param(inline))]
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

/// Which field of a question cannot be answered, and a sentence for who asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    pub field: &'static str,
    pub why: String,
}

impl Refused {
    fn because<T>(field: &'static str, why: impl Into<String>) -> Result<T, Self> {
        Err(Self { field, why: why.into() })
    }
}

impl SearchQuery {
    /// The query of the engine, for who may read `readable`, in `places` of it (empty for everywhere).
    ///
    /// # Errors
    /// What is no value of a filter, with those that are; `categories` are the ones that there are.
    pub fn to_query(&self, readable: Vec<Scope>, places: Vec<Scope>, categories: &[&str]) -> Result<Query, Refused> {
        let text = self.q.clone().unwrap_or_default();
        if text.len() > QUERY_MAX {
            return Refused::because("q", format!("A query has at most {QUERY_MAX} bytes."));
        }
        let offset = self.offset.unwrap_or(0);
        if offset > OFFSET_MAX {
            return Refused::because("offset", format!("Pages go up to {OFFSET_MAX} hits: narrow the query instead."));
        }
        let kind = |text: &str| match Found::parse(text) {
            Some(found) => Ok(found.kind()),
            None => Refused::because("kind", format!("“{text}” is no kind. Kinds are {}.", Found::ALL.map(Found::as_str).join(", "))),
        };
        let category = |text: &str| {
            if categories.iter().any(|known| known.eq_ignore_ascii_case(text)) {
                return Ok(text.to_owned());
            }
            Refused::because("category", format!("“{text}” is no category. Categories are {}.", categories.join(", ")))
        };
        let author = |text: &str| match Uuid::parse_str(text) {
            Ok(id) => Ok(id.as_u128()),
            Err(_) => Refused::because("author", "An author is the id of an account."),
        };
        let version = |field: &'static str, text: Option<&str>| match text.filter(|text| !text.trim().is_empty()) {
            None => Ok(None),
            Some(text) => match parse_version(text) {
                None => Refused::because(field, "A version is up to three numbers, such as 1.2.0."),
                version => Ok(version),
            },
        };
        if self.min_rating.is_some_and(|rating| !(1.0..=5.0).contains(&rating)) {
            return Refused::because("minRating", "A rating is from 1 to 5.");
        }
        Ok(Query {
            text,
            vector: None,
            near: None,
            is_partial: self.partial.unwrap_or(false),
            filter: Filter {
                scopes: readable,
                places,
                kinds: values(self.kind.as_deref()).into_iter().map(kind).collect::<Result<_, _>>()?,
                categories: values(self.category.as_deref()).into_iter().map(category).collect::<Result<_, _>>()?,
                authors: values(self.author.as_deref()).into_iter().map(author).collect::<Result<_, _>>()?,
                tags: values(self.tag.as_deref()).into_iter().map(str::to_owned).collect(),
                min_version: version("minVersion", self.min_version.as_deref())?,
                max_version: version("maxVersion", self.max_version.as_deref())?,
                min_rating: self.min_rating,
                updated_since: self.updated_since,
            },
            order: match self.sort.unwrap_or_default() {
                SearchSort::Relevance => Order::Relevance,
                SearchSort::Own => Order::Own,
                SearchSort::Newest => Order::Newest,
                SearchSort::Name => Order::Name,
            },
            offset: offset as usize,
            limit: self.limit.unwrap_or(LIMIT_DEFAULT).clamp(1, LIMIT_MAX) as usize,
            explain: self.explain.unwrap_or(false),
        })
    }
}

/// A part of a shown text: a word that matched, or what stands between.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Piece {
    pub text: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mark: bool,
}

/// Cuts `text` at `marks`, which are in order and do not overlap, and shows `range` of it; all in bytes. What does not fit the text is left out.
pub fn pieces(text: &str, range: Range<usize>, marks: &[Range<usize>]) -> Vec<Piece> {
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
            let mut before = ' ';
            let mut chars = rest.chars().peekable();
            while let Some(c) = chars.next() {
                // A star between spaces multiplies.
                let is_sign = c == '*' && before.is_whitespace() && chars.peek().is_some_and(|next| next.is_whitespace());
                if is_sign || !matches!(c, '*' | '`' | '|') {
                    text.push(if c.is_whitespace() { ' ' } else { c });
                }
                before = c;
            }
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct WhyWord {
    /// The word of the document that matched.
    pub word: String,
    pub field: String,
    pub score: f32,
}

/// Why a hit is where it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
    pub volume_id: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team_id: Option<Uuid>,
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

/// What a hit shows of its document.
pub struct Shown<'a> {
    pub kind: Found,
    pub slug: String,
    pub name: String,
    pub description: String,
    pub body: &'a str,
    /// Of a session, where each message begins in the body, and its number.
    pub messages: &'a [(usize, i64)],
    pub volume_id: Option<Uuid>,
    pub team_id: Option<Uuid>,
    pub place: String,
    pub category: String,
    pub tags: Vec<String>,
    pub version: String,
    pub updated_at: i64,
}

impl SearchHit {
    pub fn new(hit: &Hit, highlighter: &Highlighter, shown: Shown<'_>) -> Self {
        let marked = |text: &str| pieces(text, 0..text.len(), &highlighter.marks(text));
        let snippet = highlighter.snippet(shown.body, hit.passage.clone());
        Self {
            id: Uuid::from_u128(hit.id.0).to_string(),
            kind: shown.kind,
            score: hit.score,
            name_pieces: marked(&shown.name),
            description_pieces: marked(&shown.description),
            entry: message_at(shown.messages, &snippet.range),
            passage: without_marks(pieces(shown.body, snippet.range, &snippet.marks)),
            volume_id: shown.volume_id,
            team_id: shown.team_id,
            place: shown.place,
            slug: shown.slug,
            name: shown.name,
            description: shown.description,
            category: shown.category,
            tags: shown.tags,
            version: shown.version,
            updated_at: shown.updated_at,
            why: hit.explanation.as_deref().map(Why::from),
        }
    }
}

/// The number of the message that most of a range of the body is in.
fn message_at(messages: &[(usize, i64)], range: &Range<usize>) -> Option<i64> {
    let middle = range.start + (range.end - range.start) / 2;
    let after = messages.partition_point(|(at, _)| *at <= middle);
    messages.get(after.checked_sub(1)?).map(|(_, number)| *number)
}

impl From<&Explanation> for Why {
    fn from(explanation: &Explanation) -> Self {
        let word =
            |part: &TermPart| WhyWord { word: part.term.clone(), field: format!("{:?}", part.field).to_lowercase(), score: part.score };
        Self {
            lexical: explanation.lexical,
            semantic: explanation.semantic,
            lexical_rank: explanation.lexical_rank,
            semantic_rank: explanation.semantic_rank,
            cosine: explanation.cosine,
            name_boost: explanation.name_boost,
            words: explanation.terms.iter().map(word).collect(),
        }
    }
}

/// Somebody, to be shown by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Named {
    pub id: Uuid,
    pub name: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Count<T> {
    pub value: T,
    pub count: usize,
}

/// How many of the found have each value, the most frequent first. Kinds, categories, authors and volumes are counted as if nothing were chosen
/// among them: what one more choice would find.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SearchFacets {
    pub kinds: Vec<Count<Found>>,
    pub categories: Vec<Count<String>>,
    pub tags: Vec<Count<String>>,
    pub authors: Vec<Count<Named>>,
    pub volumes: Vec<Count<Uuid>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct SearchPage {
    /// Names this answer to a whole question, for saying what was opened of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<Uuid>,
    pub hits: Vec<SearchHit>,
    /// How many were found, of which `hits` is a part.
    pub total: usize,
    pub facets: SearchFacets,
    /// Whether meaning had a part in the order; else words alone.
    pub semantic: bool,
    /// Of them, those that were found by words alone because their vectors are still to be made.
    pub waiting: usize,
    /// Milliseconds that the ranking took.
    pub took_ms: f64,
    /// Whether the device answered, because the server could not be reached.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub device: bool,
}

/// What is asked of a completion.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(feature = "openapi", into_params(parameter_in = Query))]
pub struct SuggestQuery {
    pub q: String,
    /// 8 without, 20 at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// What somebody may be about to type: a name, a tag, a category or a word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Suggested {
    pub text: String,
    /// The id of what has this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// And what it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Found>,
}

impl From<Suggestion> for Suggested {
    fn from(suggestion: Suggestion) -> Self {
        let (id, kind) = match suggestion.of {
            SuggestionOf::Document { id, kind } => (Some(Uuid::from_u128(id.0).to_string()), Some(Found::of(kind))),
            SuggestionOf::Tag { .. } => (None, None),
        };
        Self { text: suggestion.text, id, kind }
    }
}

/// A document as a device keeps it: what the index is made from there, and what hits show.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Record {
    pub id: Uuid,
    /// Another one whenever anything else of it is another, its vectors included.
    pub state: String,
    pub kind: Found,
    /// The id of what it is in: a volume, or of a session the team or the account.
    pub scope: Uuid,
    pub slug: String,
    pub name: String,
    pub description: String,
    pub body: String,
    /// Of a session, where each message begins in the body (bytes), and its number.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<(usize, i64)>,
    pub category: String,
    pub tags: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<Named>,
    pub version: String,
    pub updated_at: i64,
    /// In base64, for each passage the step (a 32-bit float, little-endian; 0 if it has none yet) and a signed byte for each component.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vectors: Option<String>,
}

impl Record {
    /// What the index takes, equal to what the server's took.
    pub fn document(&self) -> Document {
        Document {
            id: Id(self.id.as_u128()),
            kind: self.kind.kind(),
            scope: Scope(self.scope.as_u128()),
            slug: self.slug.clone(),
            name: self.name.clone(),
            description: self.description.clone(),
            body: self.body.clone(),
            tags: self.tags.clone(),
            category: self.category.clone(),
            author: self.author.as_ref().map(|Named { id, name }| Author { id: id.as_u128(), name: name.clone() }),
            version: parse_version(&self.version),
            rating: None,
            updated_at: self.updated_at,
        }
    }

    /// What a hit shows of it; `place`: what it is in.
    pub fn shown(&self, place: &Place) -> Shown<'_> {
        Shown {
            kind: self.kind,
            slug: self.slug.clone(),
            name: self.name.clone(),
            description: self.description.clone(),
            body: &self.body,
            messages: &self.messages,
            volume_id: place.volume_id,
            team_id: place.team_id,
            place: place.name.clone(),
            category: self.category.clone(),
            tags: self.tags.clone(),
            version: self.version.clone(),
            updated_at: self.updated_at,
        }
    }
}

/// Where documents are: a volume, or the sessions of a team or an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Place {
    pub scope: Uuid,
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume_id: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team_id: Option<Uuid>,
}

/// What a device has to have to search without the server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// All that the asker may read.
    pub places: Vec<Place>,
    /// Ids and states, the last updated first.
    pub documents: Vec<(Uuid, String)>,
    /// Older documents that a device is not given, because they are too many.
    pub left_out: usize,
    /// Bytes of the documents, about.
    pub bytes: u64,
    /// Components of a vector.
    pub dimension: usize,
    /// The model that questions are embedded with; none where a service does it, or nothing: the device then finds by words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ManifestModel>,
}

/// A model as a device gets it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ManifestModel {
    /// What vectors may be compared with each other.
    pub identity: String,
    pub name: String,
    /// Bytes of its files.
    pub bytes: u64,
}

/// How many like one are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(feature = "openapi", into_params(parameter_in = Query))]
pub struct SimilarQuery {
    /// 6 without, 20 at most.
    pub limit: Option<u32>,
}

/// The values of a list in the address.
pub fn values(list: Option<&str>) -> Vec<&str> {
    list.unwrap_or_default().split(',').map(str::trim).filter(|value| !value.is_empty()).collect()
}

/// `1.2.3`, `v1.2`, `1`: what is left of it is 0; what comes after a hyphen or a plus does not count.
pub fn parse_version(text: &str) -> Option<Version> {
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
        assert_eq!(without_marks(vec![piece("x 2.5 * **y** * z", false)]), [piece("x 2.5 * y * z", false)]);
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

    #[test]
    fn a_passage_leads_to_the_message_it_is_in() {
        let messages = [(0, 3), (10, 4), (30, 9)];
        assert_eq!([0..4, 8..20, 12..90].map(|range| message_at(&messages, &range)), [Some(3), Some(4), Some(9)]);
        assert_eq!(message_at(&[], &(0..4)), None);
    }
}
