//! BERT's WordPiece tokenizer, read from a `tokenizer.json`: the same ids as Hugging Face's `tokenizers`, with the place in the text that each
//! token came from.
//!
//! The steps, in their order: special tokens are cut out of the text as they stand (`[SEP]` in a document is one token); control characters go,
//! white space becomes a space, Chinese characters stand alone; accents and upper case go; words end at white space and at punctuation, which
//! stands alone; each word is the longest known pieces from left to right, or `[UNK]`.
//!
//! Categories of characters come from the tables that the reference uses (`unicode_categories`), older than today's Unicode on purpose.

use std::collections::HashMap;
use std::ops::Range;

use serde::Deserialize;
use unicode_categories::UnicodeCategories;

use super::EmbedError;

/// One token of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Its row in the model's vocabulary.
    pub id: u32,
    /// The bytes of the text that it came from; both ends are boundaries of characters.
    pub span: Range<usize>,
}

/// Splits text into the pieces a BERT-style model was trained on.
#[derive(Debug)]
pub struct Tokenizer {
    /// Pieces that begin a word, and pieces that continue one (without their `##`).
    begin: HashMap<Box<str>, u32>,
    inside: HashMap<Box<str>, u32>,
    /// Bytes of the longest piece: nothing longer is looked up.
    longest: usize,
    /// Text that is one token wherever it stands, longest first.
    special: Vec<(Box<str>, u32)>,
    normalizer: Normalizer,
    max_word_chars: usize,
    unknown: u32,
    first: u32,
    last: u32,
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    added_tokens: Vec<AddedToken>,
    normalizer: Normalizer,
    pre_tokenizer: PreTokenizer,
    model: WordPiece,
}

#[derive(Deserialize)]
struct AddedToken {
    id: u32,
    content: Box<str>,
    #[serde(default)]
    normalized: bool,
}

#[derive(Deserialize, Debug)]
struct Normalizer {
    r#type: String,
    #[serde(default)]
    clean_text: bool,
    #[serde(default)]
    handle_chinese_chars: bool,
    strip_accents: Option<bool>,
    #[serde(default)]
    lowercase: bool,
}

#[derive(Deserialize)]
struct PreTokenizer {
    r#type: String,
}

#[derive(Deserialize)]
struct WordPiece {
    /// Older files leave it out.
    r#type: Option<String>,
    unk_token: String,
    continuing_subword_prefix: String,
    max_input_chars_per_word: usize,
    vocab: HashMap<Box<str>, u32>,
}

/// A character of the normalised text and the bytes of the original that it came from.
type Placed = (char, usize, usize);

impl Tokenizer {
    /// Reads a `tokenizer.json`.
    ///
    /// # Errors
    /// [`EmbedError::Tokenizer`] when it is not the JSON of a BERT-style WordPiece tokenizer.
    pub fn load(json: &[u8]) -> Result<Self, EmbedError> {
        let file: File = serde_json::from_slice(json).map_err(|error| EmbedError::Tokenizer(error.to_string()))?;
        let refuse = |what: &str| Err(EmbedError::Tokenizer(what.to_owned()));
        if file.normalizer.r#type != "BertNormalizer" || file.pre_tokenizer.r#type != "BertPreTokenizer" {
            return refuse("only BertNormalizer with BertPreTokenizer is supported");
        }
        if file.model.r#type.as_deref().is_some_and(|kind| kind != "WordPiece") || file.model.continuing_subword_prefix != "##" {
            return refuse("only WordPiece with the prefix ## is supported");
        }
        if file.added_tokens.iter().any(|token| token.normalized || token.content.is_empty()) {
            return refuse("added tokens must be matched in the text as it stands");
        }
        let vocab = file.model.vocab;
        let named = |name: &str| vocab.get(name).copied().ok_or_else(|| EmbedError::Tokenizer(format!("the vocabulary has no {name}")));
        let (unknown, first, last) = (named(&file.model.unk_token)?, named("[CLS]")?, named("[SEP]")?);
        let mut special: Vec<_> = file.added_tokens.into_iter().map(|token| (token.content, token.id)).collect();
        special.sort_by_key(|(content, _)| std::cmp::Reverse(content.len()));
        let longest = vocab.keys().map(|piece| piece.len()).max().unwrap_or(0);
        let (mut begin, mut inside) = (HashMap::new(), HashMap::new());
        for (piece, id) in vocab {
            if let Some(rest) = piece.strip_prefix("##") {
                inside.insert(rest.into(), id);
            }
            begin.insert(piece, id);
        }
        Ok(Self {
            begin,
            inside,
            longest,
            special,
            normalizer: file.normalizer,
            max_word_chars: file.model.max_input_chars_per_word,
            unknown,
            first,
            last,
        })
    }

    /// The tokens of a text in order, without the two that begin and end every input of the model.
    #[must_use]
    pub fn tokens(&self, text: &str) -> Vec<Token> {
        let mut tokens = Vec::with_capacity(text.len() / 4);
        let (mut start, mut at) = (0, 0);
        while at < text.len() {
            // Special tokens begin with an ASCII bracket in practice; any boundary of a character will do.
            let found =
                text.is_char_boundary(at).then(|| self.special.iter().find(|(content, _)| text[at..].starts_with(&**content))).flatten();
            if let Some((content, id)) = found {
                self.plain(text, start..at, &mut tokens);
                tokens.push(Token { id: *id, span: at..at + content.len() });
                at += content.len();
                start = at;
            } else {
                at += 1;
            }
        }
        self.plain(text, start..text.len(), &mut tokens);
        tokens
    }

    /// The model's input for a text, cut to `window` tokens in all: begin, pieces, end.
    #[must_use]
    pub fn input(&self, text: &str, window: usize) -> Vec<u32> {
        let pieces = self.tokens(text);
        let kept = pieces.len().min(window.saturating_sub(2));
        std::iter::once(self.first).chain(pieces[..kept].iter().map(|token| token.id)).chain(std::iter::once(self.last)).collect()
    }

    /// One more than the largest id that can come out.
    #[must_use]
    pub fn id_limit(&self) -> usize {
        let ids = self.begin.values().chain(self.special.iter().map(|(_, id)| id));
        ids.max().map_or(0, |&id| id as usize + 1)
    }

    /// The tokens of a stretch of text that has no special token in it.
    fn plain(&self, text: &str, range: Range<usize>, tokens: &mut Vec<Token>) {
        let mut word: Vec<Placed> = Vec::new();
        let mut scratch = String::new();
        self.normalizer.normalize(text, range, &mut |placed| {
            if placed.0.is_whitespace() {
                self.word(&word, &mut scratch, tokens);
                word.clear();
            } else if is_punctuation(placed.0) {
                self.word(&word, &mut scratch, tokens);
                word.clear();
                self.word(&[placed], &mut scratch, tokens);
            } else {
                word.push(placed);
            }
        });
        self.word(&word, &mut scratch, tokens);
    }

    /// The longest known pieces of one word from left to right; the whole word is unknown if any part of it is.
    fn word(&self, word: &[Placed], scratch: &mut String, tokens: &mut Vec<Token>) {
        let (Some(first), Some(last)) = (word.first(), word.last()) else { return };
        let unknown = Token { id: self.unknown, span: first.1..last.2 };
        if word.len() > self.max_word_chars {
            tokens.push(unknown);
            return;
        }
        scratch.clear();
        scratch.extend(word.iter().map(|placed| placed.0));
        let before = tokens.len();
        // The word's place in characters and in bytes.
        let (mut from, mut from_byte) = (0, 0);
        while from < word.len() {
            let pieces = if from == 0 { &self.begin } else { &self.inside };
            let rest = &scratch[from_byte..];
            let mut end = rest.len().min(self.longest);
            while !rest.is_char_boundary(end) {
                end -= 1;
            }
            let found = loop {
                if end == 0 {
                    break None;
                }
                if let Some(&id) = pieces.get(&rest[..end]) {
                    break Some(id);
                }
                end -= 1;
                while !rest.is_char_boundary(end) {
                    end -= 1;
                }
            };
            let Some(id) = found else {
                tokens.truncate(before);
                tokens.push(unknown);
                return;
            };
            let to = from + rest[..end].chars().count();
            tokens.push(Token { id, span: word[from].1..word[to - 1].2 });
            (from, from_byte) = (to, from_byte + end);
        }
    }
}

impl Normalizer {
    /// Hands on the characters of the normalised text, each with the bytes that it came from.
    fn normalize(&self, text: &str, range: Range<usize>, out: &mut impl FnMut(Placed)) {
        let strip_accents = self.strip_accents.unwrap_or(self.lowercase);
        for (offset, original) in text[range.clone()].char_indices() {
            let (start, end) = (range.start + offset, range.start + offset + original.len_utf8());
            if original.is_ascii() {
                // What all of the below does to most of all text.
                if self.clean_text && original.is_ascii_control() {
                    if original.is_ascii_whitespace() && original != '\x0c' {
                        out((' ', start, end));
                    }
                    continue;
                }
                out((if self.lowercase { original.to_ascii_lowercase() } else { original }, start, end));
                continue;
            }
            if self.clean_text && (original == '\u{fffd}' || original.is_other()) {
                continue;
            }
            let alone = self.handle_chinese_chars && is_chinese(original);
            if alone {
                out((' ', start, start));
            }
            let mut lower = |character: char| {
                if self.lowercase {
                    character.to_lowercase().for_each(|lower| out((lower, start, end)));
                } else {
                    out((character, start, end));
                }
            };
            if strip_accents {
                unicode_normalization::char::decompose_canonical(original, |part| {
                    if !part.is_mark_nonspacing() {
                        lower(part);
                    }
                });
            } else {
                lower(original);
            }
            if alone {
                out((' ', end, end));
            }
        }
    }
}

fn is_punctuation(character: char) -> bool {
    character.is_ascii_punctuation() || (!character.is_ascii() && character.is_punctuation())
}

/// The blocks of Chinese characters as BERT knows them.
fn is_chinese(character: char) -> bool {
    matches!(character as u32,
        0x4E00..=0x9FFF | 0x3400..=0x4DBF | 0x20000..=0x2A6DF | 0x2A700..=0x2B73F | 0x2B740..=0x2B81F
        | 0x2B920..=0x2CEAF | 0xF900..=0xFAFF | 0x2F800..=0x2FA1F)
}
