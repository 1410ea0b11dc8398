//! Types and rules of accounts; pure, for both halves.

mod permissions;
mod people;
mod rules;
mod teams;

pub use people::*;
pub use permissions::{Action, Role, Scope, Scopes};
pub use rules::*;
pub use teams::*;
