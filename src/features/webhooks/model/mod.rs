//! Deliveries as administrators see them, and events as the rest of the server reads them.

mod delivery;
mod events;
mod headers;
mod tags;

pub use delivery::*;
pub use events::*;
pub use headers::*;
pub use tags::*;
