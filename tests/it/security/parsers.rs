//! Every parser of foreign input, with what the fuzz targets of fuzz/ do (`fuzz/bodies`), on a stable compiler: seeds, and seeds that were changed. Nothing may panic.
//!
//! `LLMOS_FUZZ_ROUNDS` says how often each is run (1,000,000 once for each: docs/security/fuzzing.md says which have been), `LLMOS_SEED` from which seed, `LLMOS_FUZZ_TARGET`
//! names one of them. What was found is kept as a file in `fuzz/seeds`.

use std::path::Path;

use fastrand::Rng;
use llmos_trust::archive::{self, File, Limits};

use crate::import::pack;

#[path = "../../../fuzz/bodies/analytics.rs"]
mod analytics;
#[path = "../../../fuzz/bodies/assistant.rs"]
mod assistant;
#[path = "../../../fuzz/bodies/dependencies.rs"]
mod dependencies;
#[path = "../../../fuzz/bodies/documents.rs"]
mod documents;
#[path = "../../../fuzz/bodies/identity.rs"]
mod identity;
#[path = "../../../fuzz/bodies/markdown.rs"]
mod markdown;
#[path = "../../../fuzz/bodies/releases.rs"]
mod releases;
#[path = "../../../fuzz/bodies/scanner.rs"]
mod scanner;
#[path = "../../../fuzz/bodies/search.rs"]
mod search;
#[path = "../../../fuzz/bodies/traces.rs"]
mod traces;
#[path = "../../../fuzz/bodies/uploads.rs"]
mod uploads;
#[path = "../../../fuzz/bodies/webhooks.rs"]
mod webhooks;

/// In every test run.
const ROUNDS: usize = 300;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// The files of a folder below the project, and of those in it.
fn files(folder: &str) -> Vec<Vec<u8>> {
    fn walk(folder: &Path, found: &mut Vec<(std::path::PathBuf, Vec<u8>)>) {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                walk(&path, found);
            } else if let Ok(bytes) = std::fs::read(&path) {
                found.push((path, bytes));
            }
        }
    }
    let mut found = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut found);
    // The same seed begins with the same files.
    found.sort();
    found.into_iter().map(|(_, bytes)| bytes).filter(|bytes| bytes.len() <= 1 << 16).collect()
}

/// One to eight changes: other bytes, fewer, more, some twice, a piece of another seed, and numbers that are as large as can be.
fn changed(rng: &mut Rng, mut bytes: Vec<u8>, others: &[Vec<u8>]) -> Vec<u8> {
    for _ in 0..rng.usize(1..=8) {
        let at = rng.usize(..=bytes.len());
        let end = (at + rng.usize(..40)).min(bytes.len());
        match rng.u8(..8) {
            0 if at < bytes.len() => bytes[at] = rng.u8(..),
            1 if at < bytes.len() => bytes[at] ^= 1 << rng.u8(..8),
            2 => bytes.truncate(at),
            3 => drop(bytes.drain(at..end)),
            4 => {
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            5 => {
                let other = &others[rng.usize(..others.len())];
                let from = rng.usize(..=other.len());
                let piece = other[from..(from + rng.usize(..60)).min(other.len())].to_vec();
                bytes.splice(at..at, piece);
            }
            6 => {
                let odd: [&[u8]; 8] = [
                    b"\0",
                    b"\xff\xff\xff\xff",
                    b"99999999999999999999",
                    b"../",
                    b"\"\\ud800\"",
                    b"---\n",
                    b"[[[[[[[[",
                    "\u{202e}\u{feff}".as_bytes(),
                ];
                bytes.splice(at..at, odd[rng.usize(..odd.len())].to_vec());
            }
            _ => bytes.extend((0..rng.usize(..20)).map(|_| rng.u8(..))),
        }
    }
    bytes.truncate(1 << 17);
    bytes
}

fn fuzz(name: &str, seeds: Vec<Vec<u8>>, run: fn(&[u8])) {
    if std::env::var("LLMOS_FUZZ_TARGET").is_ok_and(|wanted| wanted != name) {
        return;
    }
    let seeds: Vec<_> = seeds.into_iter().chain(files(&format!("fuzz/seeds/{name}"))).chain([Vec::new()]).collect();
    assert!(seeds.len() > 2, "{name} has seeds");
    seeds.iter().for_each(|seed| run(seed));
    let seed = number("LLMOS_SEED").unwrap_or_else(|| fastrand::u64(..1_000_000));
    let rounds = number("LLMOS_FUZZ_ROUNDS").map_or(ROUNDS, |rounds| rounds as usize);
    println!("LLMOS_SEED={seed}, {rounds} rounds of {name} over {} seeds", seeds.len());
    let mut rng = Rng::with_seed(seed);
    for round in 0..rounds {
        let chosen = seeds[rng.usize(..seeds.len())].clone();
        let input = changed(&mut rng, chosen, &seeds);
        if std::panic::catch_unwind(|| run(&input)).is_err() {
            let path = std::env::temp_dir().join(format!("llmos-fuzz-{name}-{seed}-{round}"));
            let kept = std::fs::write(&path, &input).map_or_else(|error| error.to_string(), |()| path.display().to_string());
            panic!("{name}: LLMOS_SEED={seed}, round {round}; the input is in {kept}, and belongs to fuzz/seeds/{name}");
        }
    }
}

fn texts() -> Vec<Vec<u8>> {
    files("tests/data/volume").into_iter().step_by(7).take(60).chain(files("volumes/system")).collect()
}

#[test]
fn main_files() {
    fuzz("documents", texts(), documents::run);
}

#[test]
fn markdown_of_others() {
    fuzz("markdown", texts(), markdown::run);
}

#[test]
fn files_under_the_scanner() {
    fuzz("scanner", texts().into_iter().take(20).collect(), scanner::run);
}

#[test]
fn deliveries() {
    fuzz("webhooks", Vec::new(), webhooks::run);
}

#[test]
fn zips() {
    let one = pack(&[("skills/oil/SKILL.md", b"---\nname: oil\n---\n# Oil\n", 0o644), ("skills/oil/run.sh", b"#!/bin/sh\n", 0o755)]);
    fuzz("uploads", vec![one, pack(&[("../out.md", b"x", 0o644), ("a/../../b.md", b"y", 0o644)]), pack(&[])], uploads::run);
}

#[test]
fn releases_and_their_signatures() {
    let files = [("SKILL.md", "# Oil\n"), ("references/a.md", "a")].map(|(path, text)| File { path: path.to_owned(), bytes: text.into() });
    let packed = archive::pack(&files, &Limits::default()).expect("an archive");
    let envelope =
        br#"{"payload":"e30=","payloadType":"application/vnd.in-toto+json","signatures":[{"keyid":"0011223344556677","sig":"AAAA"}]}"#;
    fuzz("releases", vec![archive::compress(&packed), packed, envelope.to_vec()], releases::run);
}

#[test]
fn dependencies_of_releases() {
    fuzz("dependencies", Vec::new(), dependencies::run);
}

#[test]
fn questions_and_snapshots_of_the_index() {
    let snapshot = llmos_search::Index::new(4).to_bytes();
    fuzz("search", vec![snapshot, b"\"exact words\" -without calculate company".to_vec()], search::run);
}

#[test]
fn traces_in_every_form() {
    fuzz("traces", files("crates/traces/fixtures"), traces::run);
}

#[test]
fn answers_of_a_model() {
    fuzz("assistant", Vec::new(), assistant::run);
}

#[test]
fn stored_cells_of_analytics() {
    fuzz("analytics", vec![vec![1], vec![0; 40], vec![0xff; 40]], analytics::run);
}

#[test]
fn answers_of_an_issuer_and_codes() {
    let described = br#"{"issuer":"https://id.example","authorization_endpoint":"https://id.example/a","token_endpoint":"https://id.example/t","jwks_uri":"https://id.example/k"}"#;
    fuzz("identity", vec![b"eyJhbGciOiJFUzI1NiJ9.e30.AA\n{\"keys\":[]}".to_vec(), described.to_vec()], identity::run);
}

/// Each body has its target for libFuzzer, and each target is run here.
#[test]
fn every_target_is_run() {
    let names = |folder: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(folder);
        let mut names: Vec<_> = std::fs::read_dir(path).expect("a folder").flatten().map(|entry| entry.file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(names("bodies"), names("fuzz_targets"));
    let (here, manifest) = (include_str!("parsers.rs"), include_str!("../../../fuzz/Cargo.toml"));
    for name in names("bodies") {
        let name = name.to_string_lossy().trim_end_matches(".rs").to_owned();
        assert!(here.contains(&format!("fuzz(\"{name}\"")), "{name} is run by no test");
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name} is no target of fuzz/Cargo.toml");
    }
}
