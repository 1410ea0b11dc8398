//! The ranking engine: passages, BM25F, vectors and their fusion.
//!
//! `Index::put` takes a document, `passages` says what to embed, `Index::set_vector` takes what came of it; `Index::search` ranks, `suggest` and
//! `similar` help on; `to_bytes` and `from_bytes` keep the whole. Scores are made from what the asker may read and nothing else.
//!
//! Pure: no I/O, no threads, no clock and no randomness. The same documents and the same query give the same ranking on every target.

mod codes;
mod document;
pub mod embed;
mod highlight;
mod index;
mod lexical;
mod mask;
mod query;
mod search;
mod snapshot;
mod stem;
mod suggest;
mod terms;
mod tuning;
mod vectors;
pub mod wire;
mod words;

pub use document::{Author, Document, Id, Kind, Passage, Scope, Version, passages};
pub use highlight::{Highlighter, Snippet};
pub use index::{Error, Index, Listed};
pub use lexical::TermPart;
pub use mask::mask;
pub use query::{Filter, Order, Query};
pub use search::{Answer, Explanation, Facets, Hit};
pub use stem::stem;
pub use suggest::{Suggestion, SuggestionOf};
pub use terms::Field;
pub use tuning::Tuning;
