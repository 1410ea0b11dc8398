//! Git's protocol, version 0: as a client of servers elsewhere, over smart HTTP and SSH, and as a small server for those who clone from here.

mod client;
mod http;
mod packets;
pub mod serving;
mod ssh;

pub use client::{Advertised, Depth, Fetch, Remote, Service, Shallow};
