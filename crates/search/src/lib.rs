//! The ranking engine, the same on the server and in the browser: no threads, no files, no clocks.

pub mod embed;
