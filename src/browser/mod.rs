//! The only code that touches the browser (gloo, web-sys); on the server each part has a twin that does nothing or the
//! equivalent, so that components need no `cfg`.

pub mod chart;
pub mod data;
pub mod document;
pub mod editor;
pub mod json;
mod lazy;
pub mod offline;
pub mod outbox;
pub mod page;
pub mod passkey;
pub mod push;
pub mod pwa;
pub mod response;
#[cfg(feature = "hydrate")]
mod script;
pub mod scroll;
pub mod share;
pub mod signing;
pub mod socket;
pub mod storage;
pub mod tool_sandbox;
pub mod upload;

pub use lazy::LazyPage;
