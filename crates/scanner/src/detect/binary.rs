//! Files that are no text: what they begin with says what they are, whatever their name says.

use serde::Deserialize;

use super::Draft;
use crate::{File, MAX_FILES, MAX_RELEASE, MAX_TEXT, Release, rules::Rule, source};

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Parameters {
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum What {
    Executable,
    Archive,
    Other,
}

/// (first bytes, what it is, what kind).
const MAGIC: &[(&[u8], &str, What)] = &[
    (b"\x7fELF", "an ELF executable", What::Executable),
    (b"MZ", "a Windows executable", What::Executable),
    (b"\xfe\xed\xfa\xce", "a Mach-O executable", What::Executable),
    (b"\xfe\xed\xfa\xcf", "a Mach-O executable", What::Executable),
    (b"\xce\xfa\xed\xfe", "a Mach-O executable", What::Executable),
    (b"\xcf\xfa\xed\xfe", "a Mach-O executable", What::Executable),
    (b"\xca\xfe\xba\xbe", "a Java class or Mach-O executable", What::Executable),
    (b"\0asm", "a WebAssembly module", What::Executable),
    (b"dex\n", "an Android executable", What::Executable),
    (b"L\0\0\0\x01\x14\x02\0", "a Windows shortcut", What::Executable),
    (b"!<arch>\n", "a library or Debian package", What::Executable),
    (b"\xed\xab\xee\xdb", "an RPM package", What::Executable),
    (b"\xd0\xcf\x11\xe0", "an old Office document or installer, which may have macros", What::Executable),
    (b"PK\x03\x04", "a ZIP archive", What::Archive),
    (b"PK\x05\x06", "a ZIP archive", What::Archive),
    (b"\x1f\x8b", "a gzip archive", What::Archive),
    (b"BZh", "a bzip2 archive", What::Archive),
    (b"\xfd7zXZ\0", "an xz archive", What::Archive),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", What::Archive),
    (b"Rar!", "a RAR archive", What::Archive),
    (b"\x28\xb5\x2f\xfd", "a zstd archive", What::Archive),
    (b"xar!", "a macOS package", What::Archive),
    (b"\x89PNG", "a PNG picture", What::Other),
    (b"\xff\xd8\xff", "a JPEG picture", What::Other),
    (b"GIF8", "a GIF picture", What::Other),
    (b"RIFF", "a RIFF file (WebP, WAV, AVI)", What::Other),
    (b"%PDF", "a PDF document", What::Other),
    (b"wOFF", "a font", What::Other),
    (b"wOF2", "a font", What::Other),
    (b"SQLite format 3\0", "a SQLite database", What::Other),
];

pub(crate) fn find(rule: &Rule, parameters: &Parameters, file: &File, is_text: bool) -> Vec<Draft> {
    let known = MAGIC.iter().find(|(start, _, _)| file.bytes.starts_with(start));
    let ending = source::ending(file.path);
    let compiled = matches!(
        ending.as_str(),
        "pyc"
            | "pyo"
            | "so"
            | "dylib"
            | "dll"
            | "exe"
            | "class"
            | "jar"
            | "msi"
            | "scr"
            | "com"
            | "node"
            | "dmg"
            | "pkg"
            | "deb"
            | "rpm"
            | "apk"
    );
    let (what, kind) = match known {
        // Two letters are no proof in a text, and documents of Office are ZIP archives.
        Some((start, _, _)) if is_text && start.len() <= 4 && !file.bytes.contains(&0) => return Vec::new(),
        Some((_, what, What::Archive)) if compiled => (*what, What::Executable),
        Some((_, what, kind)) => (*what, *kind),
        None if is_text => return Vec::new(),
        None if compiled => ("a compiled file", What::Executable),
        None => ("a binary file of no known kind", What::Other),
    };
    if kind != parameters.what {
        return Vec::new();
    }
    vec![Draft::new(rule, 0, format!("{what}, {} bytes", file.bytes.len()))]
}

/// Texts and folders that are too large to be looked at.
pub(crate) fn sizes(rule: &Rule, release: &Release) -> Vec<(String, Draft)> {
    let mut found = Vec::new();
    if release.files.len() > MAX_FILES {
        found.push((String::new(), Draft::new(rule, 0, format!("{} files, of which {MAX_FILES} were read", release.files.len()))));
    }
    let mut read = 0;
    for file in release.files.iter().take(MAX_FILES) {
        let before = read;
        read += source::text_of(crate::bounded(file.bytes)).map_or(0, |text| text.len());
        if before <= MAX_RELEASE && read > MAX_RELEASE {
            found.push((
                file.path.to_owned(),
                Draft::new(rule, 0, format!("more than {MAX_RELEASE} bytes of text in all; this file and those behind it were not read")),
            ));
        }
        if file.bytes.len() > MAX_TEXT && source::text_of(crate::bounded(file.bytes)).is_some() {
            found.push((
                file.path.to_owned(),
                Draft::new(rule, 0, format!("{} bytes of text, of which {MAX_TEXT} were read", file.bytes.len())),
            ));
        }
    }
    found
}
