//! Compiles the rules of `rules/` in: a list of (file name, text), in the order of the names.

use std::{env, error::Error, fs, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../../rules").canonicalize()?;
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".toml") {
            names.push(name);
        }
    }
    names.sort();
    let entries: String =
        names.iter().map(|name| format!("    ({name:?}, include_str!({:?})),\n", folder.join(name).display().to_string())).collect();
    fs::write(Path::new(&env::var("OUT_DIR")?).join("rules.rs"), format!("&[\n{entries}]\n"))?;
    Ok(())
}
