//! `scan FOLDER`: scans every skill folder (one with a SKILL.md) and every other markdown file of agents below FOLDER, and says how long it
//! took and what each rule found. `--held` lists what blocks, `--findings` everything, `--table` prints what the samples give, `--names`
//! compares each name with all others, `--seeds=20` takes the samples of twenty seeds, `--missed` lists what was not caught.

#[path = "../tests/support/mod.rs"]
#[allow(dead_code)]
mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::{Path, PathBuf},
    time::Instant,
};

use llmos_scanner::{Capabilities, File, Release, Report, Rules, scan};

struct Folder {
    name: String,
    files: Vec<(String, Vec<u8>)>,
}

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let rules = Rules::builtin().unwrap_or_else(|error| panic!("{error}"));
    let roots: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with("--")).collect();
    let mut folders = Vec::new();
    for root in &roots {
        find(Path::new(root), &mut folders);
    }
    let mut held = Vec::new();
    if !folders.is_empty() {
        let names: Vec<&str> = folders.iter().map(|folder| folder.name.as_str()).collect();
        held = real(&rules, &folders, if has("--names") { &names } else { &[] }, &has);
    }
    if has("--table") {
        table(&rules, &has);
        if !folders.is_empty() {
            println!("\nReal skills and agents held back: {} of {}", held.len(), folders.len());
        }
    }
}

/// A folder with a SKILL.md is one release; a markdown file elsewhere is one, too.
fn find(path: &Path, folders: &mut Vec<Folder>) {
    let name = |path: &Path| path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut entries: Vec<PathBuf> = fs::read_dir(path).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())).collect();
    entries.sort();
    if path.join("SKILL.md").is_file() || path.join("skill.md").is_file() {
        let mut files = Vec::new();
        read(path, path, &mut files);
        folders.push(Folder { name: name(path), files });
        return;
    }
    for entry in entries {
        if entry.is_dir() {
            find(&entry, folders);
        } else if entry.extension().is_some_and(|ending| ending == "md") {
            let bytes = fs::read(&entry).unwrap_or_default();
            folders.push(Folder { name: name(&entry), files: vec![(name(&entry) + ".md", bytes)] });
        }
    }
}

fn read(root: &Path, path: &Path, files: &mut Vec<(String, Vec<u8>)>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(path).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())).collect();
    entries.sort();
    for entry in entries {
        if entry.is_dir() {
            read(root, &entry, files);
        } else {
            let relative = entry.strip_prefix(root).unwrap_or(&entry).to_string_lossy().into_owned();
            files.push((relative, fs::read(&entry).unwrap_or_default()));
        }
    }
}

fn real<'a>(rules: &Rules, folders: &'a [Folder], names: &[&str], has: &dyn Fn(&str) -> bool) -> Vec<&'a str> {
    let nothing = Capabilities::default();
    let mut times = Vec::new();
    let mut counts: BTreeMap<String, (usize, usize, BTreeSet<&str>)> = BTreeMap::new();
    let mut held = Vec::new();
    let mut bytes = 0;
    for folder in folders {
        let files: Vec<File> = folder.files.iter().map(|(path, bytes)| File { path, bytes }).collect();
        bytes += files.iter().map(|file| file.bytes.len()).sum::<usize>();
        let popular: Vec<&str> = names.iter().copied().filter(|name| *name != folder.name).collect();
        let release = Release {
            slug: &folder.name,
            name: &folder.name,
            licence: Some("MIT"),
            capabilities: &nothing,
            files: &files,
            popular: &popular,
        };
        let began = Instant::now();
        let report = scan(rules, &release);
        times.push((began.elapsed(), &folder.name));
        if report.is_held() {
            held.push(folder.name.as_str());
        }
        for finding in &report.findings {
            let count = counts.entry(finding.rule.clone()).or_default();
            count.0 += 1;
            count.1 += usize::from(finding.blocks);
            count.2.insert(&folder.name);
            if has("--findings") || (has("--held") && finding.blocks) {
                println!("{} {}:{} {} {:?}: {}", folder.name, finding.path, finding.line, finding.rule, finding.severity, finding.evidence);
            }
        }
    }
    times.sort();
    let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize].0;
    println!("{} releases, {:.1} MB, {} rules", folders.len(), bytes as f64 / 1e6, rules.list().count());
    println!("p50 {:.2?}, p90 {:.2?}, p99 {:.2?}, max {:.2?} ({})", at(0.5), at(0.9), at(0.99), at(1.0), times[times.len() - 1].1);
    let slow = times.iter().filter(|(time, _)| time.as_millis() >= 20).count();
    println!("20 ms or more: {slow}");
    println!("held back: {} ({:.2} %): {}", held.len(), held.len() as f64 * 100.0 / folders.len() as f64, held.join(", "));
    println!("\n| rule | findings | blocking | releases |\n|---|---|---|---|");
    for (rule, (all, blocking, releases)) in counts {
        println!("| {rule} | {all} | {blocking} | {} |", releases.len());
    }
    held
}

/// The table of the README: class, samples, caught.
fn table(rules: &Rules, has: &dyn Fn(&str) -> bool) {
    let mut rows: BTreeMap<String, [usize; 4]> = BTreeMap::new();
    let seeds = env::args().find_map(|argument| argument.strip_prefix("--seeds=").and_then(|seeds| seeds.parse().ok())).unwrap_or(1);
    for sample in (1..=seeds).flat_map(support::all) {
        let caught = support::is_caught(rules, &sample);
        let row = rows.entry(sample.class.clone()).or_default();
        let column = if sample.is_mutated() { 2 } else { 0 };
        row[column] += 1;
        row[column + 1] += usize::from(caught);
        if !caught && has("--missed") {
            println!("missed {} ({}, {}): {:?} {:?}", sample.class, sample.how, sample.path, sample.name, sample.text);
        }
    }
    println!("\n| class | written | caught | mutated | caught |\n|---|---|---|---|---|");
    for (class, [written, caught, mutated, also]) in rows {
        println!("| {class} | {written} | {caught} | {mutated} | {also} |");
    }
    let benign = support::benign();
    let held: Vec<_> = benign.iter().filter(|(_, sample)| support::look(rules, sample).is_held()).collect();
    println!("\nBenign look-alikes held back: {} of {}", held.len(), benign.len());
    for (name, sample) in held {
        let report: Report = support::look(rules, sample);
        for finding in report.findings.iter().filter(|finding| finding.blocks) {
            println!("{name}:{} {} {}", finding.line, finding.rule, finding.evidence);
        }
    }
}
