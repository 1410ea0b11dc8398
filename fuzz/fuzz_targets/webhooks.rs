#![no_main]

#[path = "../bodies/webhooks.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| body::run(bytes));
