//! `slug` and `slug@range`, as frontmatter and the marketplace's API write dependencies.

use std::fmt;
use std::str::FromStr;

use semver::VersionReq;
use serde::{Deserialize, Serialize};

/// The longest slug, in bytes: that of artifacts.
const MAX_SLUG: usize = 64;

/// That a release needs another item, in one of the releases that match the range. Written `slug` or `slug@range`, in serde too.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Dependency {
    pub slug: String,
    pub range: VersionReq,
}

/// What is wrong with a dependency as it was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DependencyError {
    #[error("“{0}” does not begin with the name of an item: write it as name or name@range, for example clause-library@^1.2.")]
    NoSlug(String),
    #[error("“{0}” is no name of an item: names have 1 to 64 lowercase letters, digits and single hyphens between them.")]
    BadSlug(String),
    #[error("“{0}” ends after the @: write a range behind it, for example {0}^1.2, or leave the @ out for any release.")]
    NoRange(String),
    #[error("The range “{range}” for {slug} cannot be read ({cause}): write it for example as ^1.2, =1.2.3 or >=1.2, <2.")]
    BadRange { slug: String, range: String, cause: String },
}

/// Reads `slug@range`, or `slug` alone for any release that is no prerelease. A range is read as in Cargo: `1.2` means `^1.2`.
pub fn parse_dependency(text: &str) -> Result<Dependency, DependencyError> {
    let text = text.trim();
    let (slug, range) = match text.split_once('@') {
        Some((slug, range)) => (slug.trim_end(), Some(range.trim())),
        None => (text, None),
    };
    if slug.is_empty() {
        return Err(DependencyError::NoSlug(text.into()));
    }
    if !is_slug(slug) {
        return Err(DependencyError::BadSlug(slug.into()));
    }
    let range = match range {
        None => VersionReq::STAR,
        Some("") => return Err(DependencyError::NoRange(text.into())),
        Some(range) => VersionReq::parse(range).map_err(|error| DependencyError::BadRange {
            slug: slug.into(),
            range: range.into(),
            cause: error.to_string(),
        })?,
    };
    Ok(Dependency { slug: slug.into(), range })
}

fn is_slug(slug: &str) -> bool {
    slug.len() <= MAX_SLUG
        && slug.split('-').all(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()))
}

impl fmt::Display for Dependency {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        if self.range == VersionReq::STAR { f.write_str(&self.slug) } else { write!(f, "{}@{}", self.slug, self.range) }
    }
}

impl FromStr for Dependency {
    type Err = DependencyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse_dependency(text)
    }
}

impl TryFrom<String> for Dependency {
    type Error = DependencyError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        parse_dependency(&text)
    }
}

impl From<Dependency> for String {
    fn from(dependency: Dependency) -> Self {
        dependency.to_string()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes() {
        for text in ["clause-library", "clause-library@^1.2", "a1@=1.0.0-rc.1", "x@>=1.2, <2", "a@1.*"] {
            assert_eq!(parse_dependency(text).unwrap().to_string(), text);
        }
        assert_eq!(parse_dependency(" clause-library @ 1.2 ").unwrap().to_string(), "clause-library@^1.2");
        assert_eq!(parse_dependency("a@*").unwrap(), parse_dependency("a").unwrap());
    }

    #[test]
    fn says_what_is_wrong() {
        let error = |text| parse_dependency(text).unwrap_err().to_string();
        assert_eq!(
            error("@^1"),
            "“@^1” does not begin with the name of an item: write it as name or name@range, for example clause-library@^1.2."
        );
        assert_eq!(
            error("Clause Library@^1"),
            "“Clause Library” is no name of an item: names have 1 to 64 lowercase letters, digits and single hyphens between them."
        );
        for slug in ["-a", "a-", "a--b", "a_b", "ä", &"a".repeat(65)] {
            assert_eq!(parse_dependency(slug), Err(DependencyError::BadSlug(slug.into())));
        }
        assert_eq!(error("a@"), "“a@” ends after the @: write a range behind it, for example a@^1.2, or leave the @ out for any release.");
        let bad = error("a@newest");
        assert!(
            bad.starts_with("The range “newest” for a cannot be read (")
                && bad.ends_with("): write it for example as ^1.2, =1.2.3 or >=1.2, <2."),
            "{bad}"
        );
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,80}") {
            if let Ok(dependency) = parse_dependency(&text) {
                assert_eq!(parse_dependency(&dependency.to_string()), Ok(dependency));
            }
        }

        #[test]
        fn what_is_written_is_read_back(slug in "[a-z0-9]{1,9}(-[a-z0-9]{1,9}){0,3}", range in "(\\^|~|=|>|>=|<|<=)(0|[1-9][0-9]{0,3})(\\.(0|[1-9][0-9]{0,3}))?") {
            let dependency = parse_dependency(&format!("{slug}@{range}")).unwrap();
            assert_eq!(dependency.slug, slug);
            assert_eq!(dependency.to_string(), format!("{slug}@{range}"));
        }
    }
}
