//! What Cargo.toml cannot say: how the browser's half is linked, and what of it a release embeds.

use std::{
    env::var,
    fs::{copy, create_dir_all, read_dir, remove_dir_all},
    io,
    path::Path,
};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if var("CARGO_CFG_TARGET_ARCH").is_ok_and(|arch| arch.starts_with("wasm")) {
        // Keeps the data of a lazily loaded route in that route's file: merged, all of it lands in the first one
        // (cargo-leptos issue 679).
        println!("cargo:rustc-link-arg-cdylib=--no-merge-data-segments");
    } else if var("PROFILE").is_ok_and(|profile| profile == "release") {
        // A release embeds the browser's files, whose names change with their content.
        println!("cargo:rerun-if-changed=target/site");
        let embedded = Path::new(&var("OUT_DIR").expect("cargo says where")).join("site");
        let _ = remove_dir_all(&embedded);
        embed(Path::new("target/site"), &embedded).expect("the site is copied");
    }
}

/// Copies a folder; of what has a Brotli twin, that one alone.
fn embed(from: &Path, to: &Path) -> io::Result<()> {
    create_dir_all(to)?;
    let Ok(entries) = read_dir(from) else { return Ok(()) };
    for entry in entries {
        let path = entry?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        if path.is_dir() {
            embed(&path, &to.join(name))?;
        } else if !path.with_file_name(format!("{name}.br")).exists() {
            copy(&path, to.join(name))?;
        }
    }
    Ok(())
}
