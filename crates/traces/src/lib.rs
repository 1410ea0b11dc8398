//! Records of agents' runs: one model for them, whatever they were recorded by.
//!
//! Pure: bytes in, [`Trace`]s out. Nothing in a trace is trusted; what a source says of itself is put in order here ([`Trace::tidy`]) and masked, limited
//! and authorised by whoever takes it in.
//!
//! ```
//! use std::borrow::Cow;
//!
//! let file = br#"{"id": "r1", "goal": "Count the orders", "started_at": "2026-09-21T07:04:52Z", "steps": [{"name": "sql", "kind": "tool"}]}"#;
//! let format = llmos_traces::detect("runs.jsonl", None, file).unwrap();
//! for trace in llmos_traces::parse(format, file) {
//!     let mut trace = trace?;
//!     trace.tidy(|text| Cow::Borrowed(text), |_| false);
//!     assert_eq!(trace.steps[0].name, "sql");
//!     assert_eq!(llmos_traces::markdown::parse(trace.to_markdown().as_bytes())?, trace);
//! }
//! # Ok::<(), llmos_traces::Fault>(())
//! ```

pub mod claude_code;
mod fault;
mod format;
mod json;
mod lines;
pub mod markdown;
mod model;
pub mod native;
pub mod otlp;
mod text;
mod tidy;

pub use fault::{Fault, Place};
pub use format::{Format, detect, parse};
pub use lines::{LINE, Lines};
pub use model::{Notice, Outcome, Step, StepKind, Trace, limits};
