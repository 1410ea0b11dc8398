//! Keeping people out, proven: who gets what at every route, which headers every answer has, how often anybody may ask, what leaves the server, what is in its logs, and
//! that the list of docs/security/asvs.md names tests that are there.

mod asvs;
mod headers;
mod limits;
pub mod logs;
mod matrix;
mod outgoing;
mod parsers;
mod routes;
mod secrets;
