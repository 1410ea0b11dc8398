//! What a main file should look like by the rules of agentskills.io, as hints: nothing here
//! keeps anybody from saving.

use serde::{Deserialize, Serialize};

use super::{
    CATEGORIES,
    frontmatter::{Frontmatter, Node, ProblemCode},
    invisible::{self, Found},
    slug::{MAX_SLUG, is_valid_slug},
};

/// Longest description, in characters.
pub const MAX_DESCRIPTION: usize = 1024;
/// Longest `compatibility`, in characters.
pub const MAX_COMPATIBILITY: usize = 500;
/// A body of as many lines is better split into references.
pub const MAX_BODY_LINES: usize = 500;
/// More hints on invisible characters say nothing new.
const MAX_INVISIBLE: usize = 10;

/// How much a hint matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Agents may refuse or misread the file.
    Warn,
}

/// What a hint is about; stable, for tests and translations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HintCode {
    /// There is no frontmatter.
    FrontmatterMissing,
    /// Its fences are not right.
    FrontmatterFence,
    /// Its YAML is not valid, not a mapping, or too large.
    YamlBroken,
    /// A tab indents YAML.
    YamlTab,
    /// A key is repeated.
    KeyDuplicate,
    /// `name` is missing.
    NameMissing,
    /// `name` is not of the allowed form.
    NameFormat,
    /// `name` is too long.
    NameLength,
    /// `name` is not the folder's name.
    NameFolder,
    /// `description` is missing.
    DescriptionMissing,
    /// `description` is too long.
    DescriptionLength,
    /// `description` or `name` holds an XML-like tag.
    Markup,
    /// `compatibility` is too long.
    CompatibilityLength,
    /// `license` is missing.
    LicenseMissing,
    /// `version` is not a semantic version.
    VersionFormat,
    /// `category` is none of [`CATEGORIES`].
    CategoryUnknown,
    /// The body is empty.
    BodyEmpty,
    /// The body is long.
    BodyLength,
    /// There are characters that cannot be seen.
    Invisible,
}

/// A hint for the author.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Hint {
    /// What it is about.
    pub code: HintCode,
    /// How much it matters.
    pub severity: Severity,
    /// The frontmatter key, `frontmatter` or `body`.
    pub field: String,
    /// The line in the file, from 1, if there is one.
    pub line: Option<usize>,
    /// A sentence for people.
    pub message: String,
}

/// Checks a main file. `slug` is the folder (or the file name without `.md`), `kind` the kind of
/// artifact: only a `skill` has to be named like its folder. `fm` and `body` are of one text;
/// [`Frontmatter::body_line`] makes lines of the body lines of the file. Never fails.
pub fn hints(slug: &str, kind: &str, fm: &Frontmatter, body: &str) -> Vec<Hint> {
    let mut hints = Hints { fm, list: Vec::new() };
    hints.problems();
    let missing = fm.problems.iter().any(|p| matches!(p.code, ProblemCode::Missing | ProblemCode::TooLarge));
    if !missing {
        hints.name(slug, kind == "skill");
        hints.description();
        hints.details();
    }
    hints.body(body);
    hints.list
}

struct Hints<'a> {
    fm: &'a Frontmatter,
    list: Vec<Hint>,
}

impl Hints<'_> {
    fn warn(&mut self, code: HintCode, field: &str, message: impl Into<String>) {
        self.push(code, Severity::Warn, field, self.fm.line_of(field), message);
    }

    /// The field may stand in `metadata` instead.
    fn info(&mut self, code: HintCode, field: &str, message: impl Into<String>) {
        let given = code != HintCode::LicenseMissing;
        let nested = || self.fm.line_of("metadata").filter(|_| given);
        self.push(code, Severity::Info, field, self.fm.line_of(field).or_else(nested), message);
    }

    fn push(&mut self, code: HintCode, severity: Severity, field: &str, line: Option<usize>, message: impl Into<String>) {
        self.list.push(Hint { code, severity, field: field.to_owned(), line, message: message.into() });
    }

    fn problems(&mut self) {
        for problem in &self.fm.problems {
            let code = match problem.code {
                ProblemCode::Missing => HintCode::FrontmatterMissing,
                ProblemCode::Unclosed | ProblemCode::NotFirst => HintCode::FrontmatterFence,
                ProblemCode::BrokenYaml | ProblemCode::NotAMap | ProblemCode::TooLarge => HintCode::YamlBroken,
                ProblemCode::Tab => HintCode::YamlTab,
                ProblemCode::DuplicateKey => HintCode::KeyDuplicate,
            };
            self.push(code, Severity::Warn, "frontmatter", Some(problem.line), problem.message.clone());
        }
    }

    fn name(&mut self, slug: &str, strict: bool) {
        let Some(name) = &self.fm.name else {
            return self.warn(HintCode::NameMissing, "name", "The name is missing.");
        };
        let length = name.chars().count();
        if length > MAX_SLUG {
            let message = format!("The name has {length} characters; {MAX_SLUG} are allowed.");
            self.warn(HintCode::NameLength, "name", message);
        }
        if has_markup(name) {
            self.warn(HintCode::Markup, "name", "The name contains an XML-like tag.");
        }
        if !strict {
            return;
        }
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if !name.chars().all(allowed) {
            let message = "The name may contain only lowercase letters, digits and hyphens.";
            self.warn(HintCode::NameFormat, "name", message);
        } else if !is_valid_slug(name) && length <= MAX_SLUG {
            let message = "The name may not begin or end with a hyphen or have two in a row.";
            self.warn(HintCode::NameFormat, "name", message);
        }
        if name != slug {
            let message = format!("The name differs from the folder {slug}.");
            self.warn(HintCode::NameFolder, "name", message);
        }
    }

    fn description(&mut self) {
        let Some(description) = &self.fm.description else {
            let message = "The description is missing. Agents choose by it.";
            return self.warn(HintCode::DescriptionMissing, "description", message);
        };
        let length = description.chars().count();
        if length > MAX_DESCRIPTION {
            let message = format!("The description has {length} characters; {MAX_DESCRIPTION} are allowed.");
            self.warn(HintCode::DescriptionLength, "description", message);
        }
        if has_markup(description) {
            self.warn(HintCode::Markup, "description", "The description contains an XML-like tag.");
        }
    }

    fn details(&mut self) {
        let compatibility = self.fm.get("compatibility").and_then(Node::text);
        let length = compatibility.map_or(0, |c| c.chars().count());
        if length > MAX_COMPATIBILITY {
            let message = format!("The compatibility note has {length} characters; {MAX_COMPATIBILITY} are allowed.");
            self.warn(HintCode::CompatibilityLength, "compatibility", message);
        }
        if self.fm.license.is_none() {
            self.info(HintCode::LicenseMissing, "license", "No license is given.");
        }
        if let Some(version) = self.fm.version.as_ref().filter(|v| !is_semver(v)) {
            let message = format!("The version {version} is not of the form 1.2.3.");
            self.info(HintCode::VersionFormat, "version", message);
        }
        if let Some(category) = self.fm.category.as_ref().filter(|category| !CATEGORIES.iter().any(|(known, _)| known == category)) {
            let message = format!("The category {category} is not a known one.");
            self.info(HintCode::CategoryUnknown, "category", message);
        }
        let entries = self.fm.entries.iter();
        let found: Vec<_> = entries
            .flat_map(|e| {
                let found = invisible::find(&e.raw).into_iter();
                found.map(move |f| (e.key.clone(), Found { line: e.lines.0 + f.line - 1, ..f }))
            })
            .collect();
        self.invisible(found);
    }

    fn body(&mut self, body: &str) {
        let start = Some(self.fm.body_line.max(1));
        let lines = body.trim().lines().count();
        if lines == 0 {
            self.push(HintCode::BodyEmpty, Severity::Warn, "body", start, "The body is empty.");
        } else if lines >= MAX_BODY_LINES {
            let message = format!("The body has {lines} lines; below {MAX_BODY_LINES} is better. Details can go to references/.");
            self.push(HintCode::BodyLength, Severity::Info, "body", start, message);
        }
        let first = self.fm.body_line.max(1);
        let found = invisible::find(body).into_iter();
        self.invisible(found.map(|f| ("body".to_owned(), Found { line: first + f.line - 1, ..f })).collect());
    }

    /// One hint for each line.
    fn invisible(&mut self, found: Vec<(String, Found)>) {
        let lines = found.chunk_by(|(_, a), (_, b)| a.line == b.line);
        for line in lines.take(MAX_INVISIBLE) {
            let [(field, first), ..] = line else { continue };
            let label = first.kind.label();
            let code = first.ch as u32;
            let message = match line.len() {
                1 => format!("A {label} (U+{code:04X}) hides in line {}.", first.line),
                n => format!("{n} invisible characters hide in line {}, the first a {label} (U+{code:04X}).", first.line),
            };
            self.push(HintCode::Invisible, Severity::Warn, field, Some(first.line), message);
        }
    }
}

/// Whether a text holds something like `<tag>` or `</tag>`. `a < b` and `->` are none.
fn has_markup(text: &str) -> bool {
    text.match_indices('<').any(|(i, _)| {
        let rest = text[i + 1..].trim_start_matches('/');
        let tag_like = rest.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '!' | '?'));
        tag_like && rest.find('>').is_some_and(|end| !rest[..end].contains('<'))
    })
}

/// Whether a text is a semantic version such as `1.2.3` or `1.2.3-rc.1+build`.
fn is_semver(version: &str) -> bool {
    let (version, build) = version.split_once('+').map_or((version, None), |(v, b)| (v, Some(b)));
    let (core, pre) = version.split_once('-').map_or((version, None), |(v, p)| (v, Some(p)));
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    let number = |s: &str| digits(s) && (s.len() == 1 || !s.starts_with('0'));
    let label = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    core.split('.').count() == 3
        && core.split('.').all(number)
        && pre.is_none_or(|p| p.split('.').all(|s| label(s) && (!digits(s) || number(s))))
        && build.is_none_or(|b| b.split('.').all(label))
}

#[cfg(test)]
mod tests {
    use super::super::document::Document;
    use super::*;

    fn codes(slug: &str, kind: &str, text: &str) -> Vec<(HintCode, Option<usize>)> {
        let hints = hints(slug, kind, &Frontmatter::parse(text), Document::parse(text).body);
        hints.iter().map(|h| (h.code, h.line)).collect()
    }

    #[test]
    fn a_good_skill_gets_none() {
        let text = "---\nname: a-b\ndescription: Does x when a < b. Use for y -> z.\nlicense: MIT\nversion: 1.0.0-rc.1\ncategory: legal\n---\n# A\n";
        assert_eq!(codes("a-b", "skill", text), []);
    }

    #[test]
    fn says_what_is_wrong() {
        use HintCode::*;
        let long = "d".repeat(1025);
        let text = format!("---\nname: A--b\ndescription: {long}\ncategory: x\nversion: 1.0\n---\nhi\u{200B}\n");
        assert_eq!(
            codes("c", "skill", &text),
            [
                (NameFormat, Some(2)),
                (NameFolder, Some(2)),
                (DescriptionLength, Some(3)),
                (LicenseMissing, None),
                (VersionFormat, Some(5)),
                (CategoryUnknown, Some(4)),
                (Invisible, Some(7)),
            ]
        );
        assert_eq!(codes("a", "skill", "# A\n"), [(FrontmatterMissing, Some(1))]);
        let text = "---\nname: My Agent\nlicense: MIT\ndescription: Use <b>me</b>: now\n---\n";
        assert_eq!(codes("a", "agent", text), [(YamlBroken, Some(4)), (Markup, Some(4)), (BodyEmpty, Some(6))]);
        let body = "x\n".repeat(500);
        let text = format!("---\nname: -a\nlicense: MIT\ndescription: \"a\n  \u{202E}b\"\n---\n{body}");
        assert_eq!(codes("-a", "skill", &text), [(NameFormat, Some(2)), (Invisible, Some(5)), (BodyLength, Some(7))]);
    }

    #[test]
    fn knows_versions() {
        for good in ["0.0.1", "1.2.3", "1.2.3-alpha.1", "1.2.3+5", "1.2.3-x-y+z.1"] {
            assert!(is_semver(good), "{good}");
        }
        for bad in ["", "1", "1.0", "v1.0.0", "01.0.0", "1.0.0-", "1.0.0-01", "1.2.3.4", "2026-01-20a"] {
            assert!(!is_semver(bad), "{bad}");
        }
    }
}
