//! The samples: read, filled in, multiplied.

pub mod mutate;

use std::{fs, path::Path};

use llmos_scanner::{Capabilities, File, Release, Report, Rules, scan};
use mutate::{Mutator, Rng};
use serde::Deserialize;

/// What a class must catch. The shape of `tests/samples/<class>.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Set {
    class: String,
    /// The release is held back; otherwise it is reported.
    held: bool,
    #[serde(default)]
    mutate: String,
    #[serde(default)]
    written: Vec<String>,
    #[serde(default)]
    carriers: Vec<String>,
    #[serde(default)]
    popular: Vec<String>,
    #[serde(default)]
    names: Vec<String>,
    #[serde(default)]
    sample: Vec<Written>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    text: String,
    path: Option<String>,
    held: Option<bool>,
    mutate: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Sample {
    pub class: String,
    pub held: bool,
    /// `written`, or the mutator that made it.
    pub how: String,
    pub path: String,
    pub text: String,
    pub name: String,
    pub popular: Vec<String>,
    pub licence: Option<String>,
}

impl Sample {
    pub fn is_mutated(&self) -> bool {
        self.how != "written"
    }
}

/// What a sample's release declares: enough for `undeclared` to be about something else.
fn capabilities(class: &str) -> Capabilities {
    let list = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
    match class {
        "undeclared" => Capabilities {
            hosts: list(&["*.allowed.io"]),
            paths: list(&["~/.cache/tool"]),
            commands: list(&["git"]),
            env: list(&["HOME_URL"]),
            tools: list(&["Read"]),
        },
        _ => Capabilities::default(),
    }
}

pub fn look(rules: &Rules, sample: &Sample) -> Report {
    let files = [
        File { path: &sample.path, bytes: sample.text.as_bytes() },
        File { path: "references/guide.md", bytes: b"# Guide\n" },
        File { path: "scripts/run.py", bytes: b"print(1)\n" },
    ];
    let files = if sample.class == "broken-link" { &files[..] } else { &files[..1] };
    let popular: Vec<&str> = sample.popular.iter().map(String::as_str).collect();
    let capabilities = capabilities(&sample.class);
    let licence = sample.licence.as_deref();
    scan(rules, &Release { slug: &sample.name, name: &sample.name, licence, capabilities: &capabilities, files, popular: &popular })
}

/// Held back by a finding of the class, or reported by one.
pub fn is_caught(rules: &Rules, sample: &Sample) -> bool {
    look(rules, sample).findings.iter().any(|finding| finding.class == sample.class && (finding.blocks || !sample.held))
}

/// The skills that only talk about such things.
pub fn benign() -> Vec<(String, Sample)> {
    let mut paths: Vec<_> =
        fs::read_dir(folder().join("benign")).expect("tests/samples/benign").filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    let sample = |path: &std::path::PathBuf| Sample {
        class: "benign".to_owned(),
        held: false,
        how: "written".to_owned(),
        path: "SKILL.md".to_owned(),
        text: fs::read_to_string(path).expect("a readable file"),
        name: "sample".to_owned(),
        popular: Vec::new(),
        licence: Some("MIT".to_owned()),
    };
    paths.iter().map(|path| (path.file_name().unwrap_or_default().to_string_lossy().into_owned(), sample(path))).collect()
}

/// How many a mutator makes of each written sample.
const EACH: usize = 4;

pub fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/samples"))
}

/// All of them, those of one class together; the same at every call with the same seed.
pub fn all(seed: u64) -> Vec<Sample> {
    let mut paths: Vec<_> = fs::read_dir(folder()).expect("tests/samples").filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "toml"));
    paths.sort();
    let mut samples = Vec::new();
    for path in paths {
        let text = fs::read_to_string(&path).expect("a readable file");
        let set: Set = toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut rng = Rng::new(seed ^ set.class.bytes().fold(7, |n: u64, b| n.wrapping_mul(31) + u64::from(b)));
        expand(set, &mut rng, &mut samples);
    }
    samples
}

fn expand(set: Set, rng: &mut Rng, samples: &mut Vec<Sample>) {
    let new = |how: &str, path: &str, text: String, held: bool| Sample {
        class: set.class.clone(),
        held,
        how: how.to_owned(),
        path: path.to_owned(),
        text,
        name: "sample".to_owned(),
        popular: set.popular.clone(),
        licence: Some("MIT".to_owned()),
    };
    for text in &set.written {
        let text = fill(text, rng);
        match set.mutate.as_str() {
            "licence" => samples.push(Sample { licence: Some(text), ..new("written", "SKILL.md", "# Sample\n".to_owned(), set.held) }),
            family => {
                let as_written = if matches!(family, "shell" | "undeclared") { format!("```sh\n{text}\n```\n") } else { text.clone() };
                samples.push(new("written", "SKILL.md", as_written, set.held));
                for (how, text) in mutated(&text, family, rng) {
                    samples.push(new(how, "SKILL.md", text, set.held));
                }
            }
        }
    }
    for written in &set.sample {
        let held = written.held.unwrap_or(set.held);
        let text = fill(&written.text, rng);
        samples.push(new("written", written.path.as_deref().unwrap_or("SKILL.md"), text.clone(), held));
        for (how, text) in mutated(&text, written.mutate.as_deref().unwrap_or("none"), rng) {
            samples.push(new(how, written.path.as_deref().unwrap_or("SKILL.md"), text, held));
        }
    }
    for name in &set.names {
        samples.push(Sample { name: name.clone(), ..new("written", "SKILL.md", "# Sample\n".to_owned(), set.held) });
    }
    for text in &set.carriers {
        for _ in 0..8 {
            let (how, text) = if set.mutate == "bidi" { mutate::bidi(text, rng) } else { mutate::hidden(text, rng) };
            samples.push(new(how, "SKILL.md", text, set.held));
        }
    }
    for _ in 0..40 {
        match set.mutate.as_str() {
            "typosquat" => {
                let (how, name) = mutate::typo(rng.pick(&set.popular), rng);
                samples.push(Sample { name, ..new(how, "SKILL.md", "# Sample\n".to_owned(), set.held) });
            }
            "link" => {
                let (how, text) = mutate::link(rng);
                samples.push(new(how, "SKILL.md", text, set.held));
            }
            "licence" => {
                let (how, licence) = mutate::licence(rng);
                samples.push(Sample { licence: Some(licence), ..new(how, "SKILL.md", "# Sample\n".to_owned(), set.held) });
            }
            _ => break,
        }
    }
}

fn mutated(text: &str, family: &str, rng: &mut Rng) -> Vec<(&'static str, String)> {
    let family: &[Mutator] = match family {
        "shell" => mutate::SHELL,
        "prose" => mutate::PROSE,
        "secret" => mutate::SECRET,
        "undeclared" => mutate::UNDECLARED,
        _ => return Vec::new(),
    };
    (0..EACH)
        .map(|_| {
            let (how, change) = rng.pick(family);
            (*how, change(text, rng))
        })
        .collect()
}

/// Puts random letters for `{{kind:length}}`.
pub fn fill(text: &str, rng: &mut Rng) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("{{") {
        let parsed = rest[at + 2..].split_once("}}").and_then(|(inner, after)| {
            let (kind, length) = inner.split_once(':')?;
            let letters: &[u8] = match kind {
                "alnum" => b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
                "base64" => b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
                "upper" => b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
                "hex" => b"0123456789abcdef",
                "digits" => b"0123456789",
                _ => return None,
            };
            Some((letters, length.parse::<usize>().ok()?, after))
        });
        match parsed {
            Some((letters, length, after)) => {
                out.push_str(&rest[..at]);
                out.extend((0..length).map(|_| *rng.pick(letters) as char));
                rest = after;
            }
            None => {
                out.push_str(&rest[..at + 2]);
                rest = &rest[at + 2..];
            }
        }
    }
    out.push_str(rest);
    out
}
