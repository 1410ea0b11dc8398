//! What the tag of a release says: which version, and of what where a repository has several skills.

/// `v1.2.3`, `pdf-v1.2.3`, `pdf@1.2.3`, `pdf/v1.2.3`: a name, if there is one, and the version as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag<'a> {
    pub name: Option<&'a str>,
    pub version: &'a str,
}

/// Reads a tag. Whether the version is one is for whoever takes it: they say what is wrong with it.
pub fn read_tag(tag: &str) -> Tag<'_> {
    let plain = |version: &'_ str| -> Option<usize> {
        let digits = version.strip_prefix(['v', 'V']).unwrap_or(version);
        digits.starts_with(|c: char| c.is_ascii_digit()).then(|| version.len() - digits.len())
    };
    let of = |name: &'_ str, rest: &'_ str| -> Option<(usize, usize)> { Some((name.len(), plain(rest)?)).filter(|(name, _)| *name > 0) };
    // The last one: names have hyphens too.
    let hyphen = tag.rmatch_indices("-v").map(|(at, _)| at).find(|at| tag[at + 2..].starts_with(|c: char| c.is_ascii_digit()));
    for at in [tag.rfind('@'), tag.rfind('/'), hyphen].into_iter().flatten() {
        if let Some((name, prefix)) = of(&tag[..at], &tag[at + 1..]) {
            // A scope is none of the name.
            let name = &tag[..name];
            let name = name.rsplit('/').next().unwrap_or(name);
            return Tag { name: Some(name).filter(|name| !name.is_empty()), version: &tag[at + 1 + prefix..] };
        }
    }
    Tag { name: None, version: &tag[plain(tag).unwrap_or(0)..] }
}

/// The version of a tag, and whether it fits what GitHub says of the release. The error says what is wrong and what to do.
pub fn version_of(tag: &str, version: &str, prerelease: bool) -> Result<String, String> {
    let read = semver::Version::parse(version).map_err(|error| {
        format!("The tag “{tag}” names no semantic version such as v1.4.0 ({error}): publish the release again with one that does.")
    })?;
    if !read.build.is_empty() {
        return Err(format!("The tag “{tag}” has build metadata (what follows a +), which versions here have not: tag it without."));
    }
    if prerelease && read.pre.is_empty() {
        return Err(format!(
            "The release “{tag}” is marked as a pre-release, but its version is not one: tag it v{read}-rc.1, or unmark it."
        ));
    }
    Ok(read.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_name_versions_and_sometimes_skills() {
        for (tag, name, version) in [
            ("v1.2.3", None, "1.2.3"),
            ("1.2.3", None, "1.2.3"),
            ("pdf-v1.2.3", Some("pdf"), "1.2.3"),
            ("pdf-tools-v1.2.3-rc.1", Some("pdf-tools"), "1.2.3-rc.1"),
            ("dcf-valuation@1.2.3", Some("dcf-valuation"), "1.2.3"),
            ("@harbor/dcf-valuation@v1.2.3", Some("dcf-valuation"), "1.2.3"),
            ("pdf/v0.1.0", Some("pdf"), "0.1.0"),
            ("pdf-v2-v0.1.0", Some("pdf-v2"), "0.1.0"),
            ("v1.2.3-rc.1", None, "1.2.3-rc.1"),
            ("v1.2", None, "1.2"),
            ("nightly", None, "nightly"),
            ("", None, ""),
            ("-v1.0.0", None, "-v1.0.0"),
        ] {
            assert_eq!(read_tag(tag), Tag { name, version }, "{tag}");
        }
    }

    #[test]
    fn what_is_no_version_says_what_to_do() {
        assert_eq!(version_of("v1.2.3", "1.2.3", false), Ok("1.2.3".to_owned()));
        assert_eq!(version_of("v1.2.3-rc.1", "1.2.3-rc.1", true), Ok("1.2.3-rc.1".to_owned()));
        assert!(version_of("v1.2", "1.2", false).is_err_and(|why| why.contains("v1.4.0")));
        assert!(version_of("nightly", "nightly", false).is_err());
        assert!(version_of("v1.0.0+x", "1.0.0+x", false).is_err_and(|why| why.contains("metadata")));
        assert!(version_of("v1.2.3", "1.2.3", true).is_err_and(|why| why.contains("v1.2.3-rc.1")));
    }
}
