//! References to files of the release that are not there.

use std::{collections::HashMap, sync::LazyLock};

use regex::Regex;

use super::Draft;
use crate::{
    File, evidence,
    rules::Rule,
    source::{Place, Source},
};

static LINK: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"\]\(\s*(?:<([^>]*)>|([^\s)]+))|^\s{0,3}\[[^\]]+\]:\s*(?:<([^>]*)>|(\S+))|\b(?:src|href)=["']([^"']+)["']"#).ok()
});
/// A path in a folder that skills have, wherever it stands.
static NAMED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"(?:^|[\s`"'(])((?:\./)?(?:references?|scripts?|assets|templates|resources)/[A-Za-z0-9_./-]*[A-Za-z0-9_-]\.[A-Za-z0-9]{1,8})(?:[\s`"'),:;.\\]|$)"#).ok()
});

pub(crate) fn find(rule: &Rule, source: &Source, files: &[File]) -> Vec<Draft> {
    if !source.markdown {
        return Vec::new();
    }
    let paths: HashMap<String, &str> = files.iter().map(|file| (file.path.to_lowercase(), file.path)).collect();
    let folder = source.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut drafts = Vec::new();
    for line in &source.lines {
        let mut targets: Vec<String> = Vec::new();
        let may_link = ["](", "]:", "src=", "href="].iter().any(|mark| line.text.contains(mark));
        if line.place == Place::Prose
            && may_link
            && let Some(link) = LINK.as_ref()
        {
            // What stands in code is shown, not followed.
            let text = without_code(line.text);
            targets.extend(
                link.captures_iter(&text).filter_map(|found| Some((1..=5).find_map(|group| found.get(group))?.as_str().to_owned())),
            );
        }
        let shell = line.place == Place::Code && matches!(line.language, "sh" | "bash" | "shell" | "zsh" | "console");
        if (line.place == Place::Prose || shell)
            && line.text.contains('/')
            && let Some(named) = NAMED.as_ref()
        {
            targets.extend(named.captures_iter(line.text).filter_map(|found| Some(found.get(1)?.as_str().to_owned())));
        }
        targets.sort();
        targets.dedup();
        let missing: Vec<String> = targets.iter().filter_map(|target| missing(target, folder, &paths)).collect();
        if !missing.is_empty() {
            drafts.push(Draft::new(rule, line.number, evidence::shown(&missing.join(", "))));
        }
    }
    drafts
}

/// What is written about the target, if it is a file of the release and not there.
fn missing(target: &str, folder: &str, paths: &HashMap<String, &str>) -> Option<String> {
    let path = target.split(['#', '?']).next().unwrap_or_default();
    let foreign = path.is_empty()
        || path.starts_with(['/', '~', '<', '$', '{', '@', '#'])
        || path.contains("://")
        || path.contains(['{', '}', '$', '*', '<', '>', '[', '|', '\\']);
    let scheme = path.split_once(':').is_some_and(|(scheme, _)| scheme.bytes().all(|b| b.is_ascii_alphanumeric()));
    if foreign || scheme || path == "..." || path.len() > 300 {
        return None;
    }
    let path = decoded(path);
    // A word without an ending or a folder is as likely an example: `[text](url)`.
    if !path.contains(['.', '/']) {
        return None;
    }
    let mut near = None;
    for from in [folder, ""] {
        let Some(resolved) = resolve(from, &path) else { continue };
        let key = resolved.to_lowercase();
        match paths.get(&key) {
            Some(there) if *there == resolved => return None,
            Some(there) => near = Some(*there),
            // A folder.
            None if paths.keys().any(|other| other.strip_prefix(&key).is_some_and(|rest| key.is_empty() || rest.starts_with('/'))) => {
                return None;
            }
            None => {}
        }
    }
    Some(near.map_or_else(|| path.clone(), |near| format!("{path} (the file is called {near})")))
}

/// The path from the release's folder, if it stays within it.
fn resolve(folder: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

fn decoded(path: &str) -> String {
    let bytes = path.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = (bytes[at] == b'%').then(|| u8::from_str_radix(path.get(at + 1..at + 3)?, 16).ok()).flatten();
        out.push(code.unwrap_or(bytes[at]));
        at += if code.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn without_code(text: &str) -> String {
    text.split('`').step_by(2).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles() {
        assert!([&LINK, &NAMED].iter().all(|pattern| pattern.is_some()));
    }

    #[test]
    fn only_files_of_the_release_are_looked_for() {
        let paths: HashMap<String, &str> =
            ["references/guide.md", "SKILL.md"].into_iter().map(|path| (path.to_lowercase(), path)).collect();
        for (target, folder, gone) in [
            ("references/guide.md#a", "", false),
            ("./guide.md", "references", false),
            ("../SKILL.md", "references", false),
            ("references/", "", false),
            ("https://example.org/a.md", "", false),
            ("mailto:a@example.org", "", false),
            ("url", "", false),
            ("{baseDir}/a.md", "", false),
            ("references/none.md", "", true),
            ("references/GUIDE.md", "", true),
            ("../other/SKILL.md", "", true),
        ] {
            assert_eq!(missing(target, folder, &paths).is_some(), gone, "{target}");
        }
    }
}
