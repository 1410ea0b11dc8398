//! Records of agents' runs: one model for them, whatever they were recorded by.
//!
//! Pure: bytes in, [`Trace`]s out. Nothing in a trace is trusted; what a source says of itself is put in order here ([`Trace::tidy`]) and masked, limited
//! and authorised by whoever takes it in.

mod model;

pub use model::{Notice, Outcome, Step, StepKind, Trace, limits};
