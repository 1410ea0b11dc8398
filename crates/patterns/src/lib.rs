//! Groups traces of agents' work into patterns.
//!
//! [`Patterns`] keeps the groups of one level (a user's, a team's, the system's): [`Patterns::insert`] puts a new trace where it belongs in milliseconds,
//! a [`Pass`] groups all anew and keeps the ids of patterns. [`confidence()`] says how sure a pattern is, [`summary()`] what its runs share: common
//! steps, variants, pitfalls, typical goals, a name; [`draft()`] writes a skill of that, and [`prose_draft()`] takes a language model's words for it
//! as far as the runs support them.
//!
//! ```
//! use llmos_patterns::{Patterns, Trace, confidence, generalise};
//!
//! // Two numbers for a vector: the server embeds `generalise(goal)` with llmos-search and `GOAL_ADAPTER`.
//! let mut patterns = Patterns::new(2);
//! let trace = Trace { id: "a".into(), goal: "Value Acme by 12 May".into(), success: true, ..Trace::default() };
//! assert_eq!(generalise(&trace.goal), "Value Acme by a date");
//! let first = patterns.insert(&trace, &[1.0, 0.0])?;
//! let second = patterns.insert(&Trace { id: "b".into(), ..trace }, &[0.9, 0.1])?;
//! assert_eq!(first.pattern, second.pattern);
//!
//! patterns.pass();
//! let evidence = patterns.evidence(first.pattern, 0).expect("it has runs");
//! assert!(confidence(&evidence) < 0.7);
//! # Ok::<(), llmos_patterns::Error>(())
//! ```
//!
//! Pure: no I/O, no threads, no clock and no randomness. The same calls give the same patterns. Goals and inputs are data: what of them comes out is
//! in [`Summary`] as quoted data, and what looks like an instruction ([`suspicious()`]) does not.

/// Changes that make llmos-search's all-MiniLM-L6-v2 an encoder of goals ([`Embedder::adapted`](llmos_search::embed::Embedder::adapted)): paraphrases of one task
/// come closer, the same names in other tasks go apart. Learnt on `train/`. [`Weights::default`] is for its vectors, [`Weights::without_adapter`] for all others. The
/// embedder's identity is another one with it, so that stored vectors are not mixed.
pub const GOAL_ADAPTER: &[u8] = include_bytes!("../adapter/goals.safetensors");

mod align;
mod cluster;
mod confidence;
mod draft;
mod features;
mod improve;
mod pass;
mod patterns;
mod promote;
mod prose;
mod shared;
mod summary;
mod suspicious;
mod text;
mod trace;

pub use confidence::{Evidence, Standing, Thresholds, confidence, difference, wilson_lower};
pub use draft::{Origin, draft};
pub use features::Weights;
pub use improve::improved;
pub use pass::Pass;
pub use patterns::{Assignment, Error, Event, PatternId, Patterns};
pub use promote::promoted;
pub use prose::{Prose, ProseStep, Question, Unfit, prose_draft, question, read_prose};
pub use shared::shared;
pub use summary::{CommonStep, Pitfall, PitfallKind, Summary, Variant, summary};
pub use suspicious::suspicious;
pub use text::generalise;
pub use trace::{GOAL_CHARACTERS, MOST_STEPS, Outcome, Step, StepKind, Trace};
