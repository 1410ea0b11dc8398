//! Reads a volume folder as documents, and a file of vectors: what the examples share.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use llmos_search::{Document, Id, Kind, Scope, passages};

/// The documents of a volume folder and their paths relative to it, in the order of the paths.
pub fn read(root: &Path) -> io::Result<Vec<(String, Document)>> {
    let mut files = Vec::new();
    for (folder, kind, main) in
        [("skills", Kind::Skill, Some("SKILL.md")), ("tools", Kind::Tool, Some("TOOL.md")), ("agents", Kind::Agent, None)]
    {
        let Ok(entries) = fs::read_dir(root.join(folder)) else { continue };
        for entry in entries {
            let path = entry?.path();
            let file: PathBuf = main.map_or(path.clone(), |name| path.join(name));
            if file.is_file() && file.extension().is_some_and(|e| e == "md") {
                let relative = file.strip_prefix(root).unwrap_or(&file).to_string_lossy().into_owned();
                let stem = if main.is_some() { path.file_name() } else { path.file_stem() };
                files.push((relative, kind, stem.unwrap_or_default().to_string_lossy().into_owned(), fs::read_to_string(&file)?));
            }
        }
    }
    files.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(files.into_iter().map(|(path, kind, slug, text)| (path.clone(), document(&path, kind, slug, &text))).collect())
}

fn document(path: &str, kind: Kind, slug: String, text: &str) -> Document {
    let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
    let (head, body) = text.strip_prefix("---\n").and_then(|rest| rest.split_once("\n---")).unwrap_or(("", &text));
    let mut keys = frontmatter(head);
    let name = keys.remove("title").or_else(|| keys.remove("name")).filter(|n| !n.is_empty()).unwrap_or_else(|| slug.clone());
    let tags = keys.remove("tags").unwrap_or_default();
    // FNV-1a over the path: any id will do, as long as it is the same in every run.
    let id = path.bytes().fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128, |h, b| {
        (h ^ u128::from(b)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b)
    });
    Document {
        id: Id(id),
        kind,
        scope: Scope(1),
        slug,
        name,
        description: keys.remove("description").unwrap_or_default(),
        body: body.trim_start_matches('-').to_owned(),
        tags: tags
            .trim_matches(['[', ']'])
            .split([',', '\n'])
            .map(|t| unquote(t.trim_start_matches([' ', '-'])))
            .filter(|t| !t.is_empty())
            .collect(),
        category: keys.remove("category").unwrap_or_default(),
        author: None,
        version: None,
        rating: None,
        updated_at: 0,
    }
}

/// The top-level keys of simple YAML: enough for an experiment, no more.
fn frontmatter(head: &str) -> BTreeMap<String, String> {
    let mut keys: BTreeMap<String, String> = BTreeMap::new();
    let mut last = String::new();
    for line in head.lines().filter(|line| !line.starts_with('#')) {
        match line.split_once(':') {
            Some((key, value)) if !line.starts_with([' ', '-', '\t']) => {
                last = key.trim().to_owned();
                let value = value.trim();
                keys.insert(last.clone(), if matches!(value, ">" | "|" | ">-" | "|-" | "") { String::new() } else { unquote(value) });
            }
            _ => {
                if let Some(value) = keys.get_mut(&last) {
                    value.push_str(if value.is_empty() { "" } else { "\n" });
                    value.push_str(line.trim());
                }
            }
        }
    }
    keys
}

fn unquote(value: &str) -> String {
    let value = value.trim();
    let inner = ['"', '\''].into_iter().find_map(|q| value.strip_prefix(q)?.strip_suffix(q));
    inner.unwrap_or(value).replace("\\\"", "\"").replace("''", "'")
}

/// Document and passage numbers, the first passages of all documents first.
#[allow(dead_code)]
pub fn in_order_of_depth(documents: &[(String, Document)]) -> impl Iterator<Item = (usize, usize)> {
    let counts: Vec<usize> = documents.iter().map(|(_, document)| passages(document).len()).collect();
    let deepest = counts.iter().copied().max().unwrap_or(0);
    (0..deepest).flat_map(move |depth| {
        let deep_enough: Vec<usize> = (0..counts.len()).filter(|document| counts[*document] > depth).collect();
        deep_enough.into_iter().map(move |document| (document, depth))
    })
}

/// Little-endian 32-bit floats, `dimension` to a vector.
#[allow(dead_code)]
pub fn vectors(path: &Path, dimension: usize) -> io::Result<Vec<Vec<f32>>> {
    let bytes = fs::read(path)?;
    let floats: Vec<f32> = bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    Ok(floats.chunks_exact(dimension).map(<[f32]>::to_vec).collect())
}
