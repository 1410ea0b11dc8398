//! Git's smart HTTP protocol, version 0: as a client of servers elsewhere, and as a small server for those who clone from here.

mod client;
mod packets;
pub mod serving;

pub use client::{Advertised, Fetch, Remote, Service, Shallow};
