//! Which files of a folder are artifacts: pure, from paths (and the text of those few files whose place does not say).
//!
//! `…/SKILL.md`, `TOOL.md` and `AGENT.md` make a folder with everything below it an artifact; a markdown file below `skills/`,
//! `tools/` or `agents/` is one by itself; any other markdown file is one if its frontmatter says so.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::Entry;
use crate::features::artifacts::model::{Kind, document::Document, frontmatter::Frontmatter, slug::slugify};

/// An artifact found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub kind: Kind,
    /// Made from the folder's or the file's name; another artifact may have it.
    pub slug: String,
    /// Of the main file in the volume.
    pub path: String,
    /// Index of the main file.
    pub main: usize,
    /// The files beside it: path relative to the folder, and index.
    pub files: Vec<(String, usize)>,
}

/// A file left aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    pub path: String,
    pub reason: String,
}

#[derive(Debug, Default)]
pub struct Plan {
    pub candidates: Vec<Candidate>,
    /// Files that may be sessions: path in the volume, and index.
    pub sessions: Vec<(String, usize)>,
    pub skipped: Vec<Skipped>,
}

/// Files about a collection, which are not artifacts of it.
const ABOUT: [&str; 10] =
    ["readme", "license", "licence", "changelog", "contributing", "code_of_conduct", "security", "authors", "notice", "index"];

fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// The kind that a main file's name says.
fn kind_of_main(name: &str) -> Option<Kind> {
    match name.to_ascii_lowercase().as_str() {
        "skill.md" => Some(Kind::Skill),
        "tool.md" => Some(Kind::Tool),
        "agent.md" => Some(Kind::Agent),
        _ => None,
    }
}

fn is_markdown(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    lower.ends_with(".md") || lower.ends_with(".markdown")
}

fn noise(path: &str) -> Option<&'static str> {
    let parts = path.split('/');
    for part in parts {
        match part {
            "__MACOSX" | ".DS_Store" | "Thumbs.db" | "desktop.ini" => return Some("A file of the operating system."),
            ".git" | ".hg" | ".svn" => return Some("A file of the version control."),
            "node_modules" | "__pycache__" | ".venv" => return Some("A file of a build or a package manager."),
            _ => {}
        }
    }
    None
}

/// The folder that everything is in and that is no artifact itself: `my-repo-main/skills/…`.
fn common_root<'a>(paths: impl Iterator<Item = &'a str> + Clone) -> Option<String> {
    let (first, _) = paths.clone().next()?.split_once('/')?;
    let prefix = format!("{first}/");
    let is_kind = first == "sessions" || Kind::ALL.iter().any(|kind| kind.folder() == first);
    let shared = paths.clone().all(|path| path.starts_with(&prefix));
    let is_artifact = paths.clone().any(|path| path.strip_prefix(&prefix).is_some_and(|name| kind_of_main(name).is_some()));
    (shared && !is_kind && !is_artifact).then_some(prefix)
}

/// Sorts files into artifacts and others. `known` are the paths that are artifacts already, `text` gives the bytes of a file
/// whose place says nothing.
pub fn recognise(entries: &[Entry], known: &HashMap<String, Kind>, mut text: impl FnMut(usize) -> Option<Vec<u8>>) -> Plan {
    let mut plan = Plan::default();
    let mut files: Vec<(usize, String)> = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        match noise(&entry.path) {
            Some(reason) => plan.skipped.push(Skipped { path: entry.path.clone(), reason: reason.to_owned() }),
            None => files.push((index, entry.path.clone())),
        }
    }
    if let Some(root) = common_root(files.iter().map(|(_, path)| path.as_str()))
        // An export of a volume whose paths all begin alike.
        && !files.iter().any(|(_, path)| known.contains_key(path))
    {
        for (_, path) in &mut files {
            path.drain(..root.len());
        }
    }
    let folders = main_files(&files);
    let mut beside: BTreeMap<&str, Vec<(String, usize)>> = BTreeMap::new();
    let mut loose = Vec::new();
    let mains: HashSet<usize> = folders.values().copied().collect();
    for (index, path) in &files {
        if mains.contains(index) {
            continue;
        }
        match owner(path, &folders) {
            Some(folder) => {
                let relative = if folder.is_empty() { path.clone() } else { path[folder.len() + 1..].to_owned() };
                beside.entry(folder).or_default().push((relative, *index));
            }
            None => loose.push((*index, path.as_str())),
        }
    }
    let by_index: HashMap<usize, &str> = files.iter().map(|(index, path)| (*index, path.as_str())).collect();
    for (folder, main) in &folders {
        let Some(path) = by_index.get(main) else { continue };
        let name = split(path).1;
        let kind = kind_of_main(name).unwrap_or(Kind::Skill);
        let mut own = beside.remove(folder.as_str()).unwrap_or_default();
        own.sort();
        if folder.is_empty() {
            // A skill without its folder: its own name makes one.
            let slug = slugify(&named(text(*main)).unwrap_or_else(|| kind.as_str().to_owned()));
            plan.candidates.push(Candidate { kind, path: format!("{}/{slug}/{name}", kind.folder()), slug, main: *main, files: own });
        } else {
            plan.candidates.push(Candidate { kind, slug: slugify(split(folder).1), path: (*path).to_owned(), main: *main, files: own });
        }
    }
    for (index, path) in loose {
        if is_session(path) {
            plan.sessions.push((path.to_owned(), index));
            continue;
        }
        match single(path, known.get(path).copied(), || text(index)) {
            Ok((kind, path, slug)) => plan.candidates.push(Candidate { kind, slug, path, main: index, files: Vec::new() }),
            Err(reason) => plan.skipped.push(Skipped { path: path.to_owned(), reason: reason.to_owned() }),
        }
    }
    plan.candidates.sort_by(|a, b| a.path.cmp(&b.path));
    plan.sessions.sort();
    plan
}

/// A JSON file in a folder `sessions`.
fn is_session(path: &str) -> bool {
    let (folder, name) = split(path);
    split(folder).1 == "sessions" && name.to_ascii_lowercase().ends_with(".json")
}

/// The main file of each folder that has one: a skill before a tool before an agent, the usual spelling before others.
fn main_files(files: &[(usize, String)]) -> BTreeMap<String, usize> {
    let mut found: BTreeMap<String, (Kind, bool, usize)> = BTreeMap::new();
    for (index, path) in files {
        let (folder, name) = split(path);
        let Some(kind) = kind_of_main(name) else { continue };
        // `agents/tool.md` is an agent named "tool": the folder of a kind is no artifact.
        if Kind::ALL.iter().any(|kind| kind.folder() == folder) {
            continue;
        }
        let unusual = name != name.to_ascii_uppercase().replace(".MD", ".md");
        let rank = (kind, unusual, *index);
        found.entry(folder.to_owned()).and_modify(|best| *best = rank.min(*best)).or_insert(rank);
    }
    found.into_iter().map(|(folder, (_, _, index))| (folder, index)).collect()
}

/// The nearest folder above a file that is an artifact.
fn owner<'a>(path: &str, folders: &'a BTreeMap<String, usize>) -> Option<&'a str> {
    let mut folder = split(path).0;
    loop {
        if let Some((name, _)) = folders.get_key_value(folder) {
            // A main file at the very top owns only what is beside it, not whole collections below.
            if !(folder.is_empty() && folders.len() > 1) {
                return Some(name);
            }
        }
        if folder.is_empty() {
            return None;
        }
        folder = split(folder).0;
    }
}

fn named(bytes: Option<Vec<u8>>) -> Option<String> {
    let frontmatter = Frontmatter::parse(&Document::decode(&bytes?).text);
    frontmatter.name.or(frontmatter.title)
}

/// A markdown file that may be an artifact by itself: kind, path in the volume, slug.
fn single(path: &str, known: Option<Kind>, text: impl FnOnce() -> Option<Vec<u8>>) -> Result<(Kind, String, String), &'static str> {
    let (folder, name) = split(path);
    if !is_markdown(name) {
        return Err("Not part of a skill, tool or agent.");
    }
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    // `reviewer.agent.md` and the like.
    let stem = Kind::ALL.iter().find_map(|kind| stem.strip_suffix(&format!(".{kind}"))).unwrap_or(stem);
    let slug = slugify(stem);
    if let Some(kind) = known {
        return Ok((kind, path.to_owned(), slug));
    }
    let placed = folder.split('/').rev().find_map(|part| Kind::ALL.into_iter().find(|kind| kind.folder() == part));
    let about = ABOUT.contains(&stem.to_ascii_lowercase().as_str());
    if let (Some(kind), false) = (placed, about) {
        return Ok((kind, path.to_owned(), slug));
    }
    let Some(bytes) = text() else { return Err("It is too large to be an artifact.") };
    let frontmatter = Frontmatter::parse(&Document::decode(&bytes).text);
    let said = frontmatter.kind.as_deref().and_then(|kind| kind.to_ascii_lowercase().parse::<Kind>().ok());
    let kind = match (said.or(placed), about) {
        (Some(kind), false) => Some(kind),
        // A read-me with a name and a description in its frontmatter means it.
        (_, _) if frontmatter.name.is_some() && frontmatter.description.is_some() => {
            let agent = ["tools", "model", "color", "permissionMode"].iter().any(|key| frontmatter.get(key).is_some());
            said.or(placed).or(Some(if agent { Kind::Agent } else { Kind::Skill }))
        }
        _ => None,
    };
    kind.map(|kind| (kind, path.to_owned(), slug))
        .ok_or("No frontmatter with a name and a description, and not below skills, tools or agents.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(files: &[(&str, &str)]) -> Plan {
        let entries: Vec<Entry> = files.iter().map(|(path, _)| Entry { path: (*path).to_owned(), size: 1, executable: None }).collect();
        recognise(&entries, &HashMap::new(), |index| Some(files[index].1.as_bytes().to_vec()))
    }

    fn found(plan: &Plan) -> Vec<(Kind, &str, &str, usize)> {
        plan.candidates.iter().map(|one| (one.kind, one.slug.as_str(), one.path.as_str(), one.files.len())).collect()
    }

    #[test]
    fn folders_and_single_files() {
        let plan = plan(&[
            ("repo-main/README.md", "# Read me"),
            ("repo-main/skills/pdf/SKILL.md", ""),
            ("repo-main/skills/pdf/scripts/a.py", ""),
            ("repo-main/skills/pdf/nested/Skill.md", ""),
            ("repo-main/skills/pdf/nested/x.txt", ""),
            ("repo-main/agents/My Reviewer.agent.md", ""),
            ("repo-main/tools/calc/TOOL.md", ""),
            ("repo-main/Makefile", ""),
        ]);
        assert_eq!(
            found(&plan),
            [
                (Kind::Agent, "my-reviewer", "agents/My Reviewer.agent.md", 0),
                (Kind::Skill, "pdf", "skills/pdf/SKILL.md", 1),
                (Kind::Skill, "nested", "skills/pdf/nested/Skill.md", 1),
                (Kind::Tool, "calc", "tools/calc/TOOL.md", 0),
            ]
        );
        assert_eq!(plan.skipped.len(), 2);
    }

    #[test]
    fn one_skill_alone_keeps_its_folder_or_gets_one() {
        assert_eq!(found(&plan(&[("pdf/SKILL.md", ""), ("pdf/LICENSE.txt", "")])), [(Kind::Skill, "pdf", "pdf/SKILL.md", 1)]);
        assert_eq!(
            found(&plan(&[("SKILL.md", "---\nname: my-pdf\n---\n"), ("a/b.txt", "")])),
            [(Kind::Skill, "my-pdf", "skills/my-pdf/SKILL.md", 1)]
        );
    }

    #[test]
    fn loose_files_say_what_they_are() {
        let plan = plan(&[
            ("a.md", "---\ntype: tool\n---\n"),
            ("b.md", "---\nname: b\ndescription: d\ntools: [x]\n---\n"),
            ("c.md", "---\nname: c\ndescription: d\n---\n"),
            ("d.md", "just text"),
            ("agents/readme.md", "about"),
            ("__MACOSX/skills/x/SKILL.md", ""),
        ]);
        assert_eq!(found(&plan), [(Kind::Tool, "a", "a.md", 0), (Kind::Agent, "b", "b.md", 0), (Kind::Skill, "c", "c.md", 0)]);
        assert_eq!(plan.skipped.len(), 3);
    }

    #[test]
    fn sessions_are_json_in_their_folder() {
        let plan = plan(&[
            ("repo/sessions/a.json", "{}"),
            ("repo/skills/x/SKILL.md", ""),
            ("repo/skills/x/sessions/b.json", ""),
            ("repo/sessions/readme.txt", ""),
        ]);
        assert_eq!(plan.sessions, [("sessions/a.json".to_owned(), 0)]);
        assert_eq!(found(&plan), [(Kind::Skill, "x", "skills/x/SKILL.md", 1)]);
        assert_eq!(super::tests::plan(&[("sessions/a.json", "{}")]).sessions.len(), 1, "the folder alone");
    }

    #[test]
    fn a_top_skill_does_not_swallow_a_collection() {
        let plan = plan(&[("SKILL.md", "---\nname: top\n---"), ("skills/a/SKILL.md", ""), ("skills/a/f.txt", ""), ("x.txt", "")]);
        assert_eq!(found(&plan), [(Kind::Skill, "a", "skills/a/SKILL.md", 1), (Kind::Skill, "top", "skills/top/SKILL.md", 0)]);
    }
}
