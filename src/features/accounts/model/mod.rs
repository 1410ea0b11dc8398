//! Types and rules of accounts; pure, for both halves.

mod device;
mod factors;
mod people;
mod permissions;
mod rules;
mod teams;

pub use device::device_name;
pub use factors::*;
pub use people::*;
pub use permissions::{Action, Role, Scope, Scopes};
pub use rules::*;
pub use teams::*;
