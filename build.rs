//! Two things that Cargo.toml cannot say.

use std::env::var;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if var("CARGO_CFG_TARGET_ARCH").is_ok_and(|arch| arch.starts_with("wasm")) {
        // Keeps the data of a lazily loaded route in that route's file: merged, all of it lands in the first one
        // (cargo-leptos issue 679).
        println!("cargo:rustc-link-arg-cdylib=--no-merge-data-segments");
    } else if var("PROFILE").is_ok_and(|profile| profile == "release") {
        // A release embeds the browser's files, whose names change with their content.
        println!("cargo:rerun-if-changed=target/site");
    }
}
