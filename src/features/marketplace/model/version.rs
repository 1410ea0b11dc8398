//! Versions in SQL: texts that sort as semver does.

use std::fmt::Write as _;

use semver::Version;

/// A text whose order by bytes is semver's order of versions (semver.org, 11), without build metadata: numbers have their length in front, a release comes after all its
/// pre-releases, and numeric identifiers come before others.
pub fn order(version: &Version) -> String {
    let mut order = String::new();
    for number in [version.major, version.minor, version.patch] {
        number_order(&mut order, number);
    }
    if version.pre.is_empty() {
        order.push('~');
        return order;
    }
    for identifier in version.pre.as_str().split('.') {
        // What has fewer identifiers comes first: a space is less than each of these.
        match identifier.parse::<u64>() {
            Ok(number) => {
                order.push_str(" 0");
                number_order(&mut order, number);
            }
            Err(_) => {
                order.push_str(" 1");
                order.push_str(identifier);
            }
        }
    }
    order
}

/// The number of digits as a letter, then the digits.
fn number_order(order: &mut String, number: u64) {
    let digits = number.checked_ilog10().map_or(1, |digits| digits + 1);
    let letter = char::from(b'a' + u8::try_from(digits.min(25)).unwrap_or(25));
    let _ = write!(order, "{letter}{number}");
}

/// The version after one that was given without a number of its own.
pub fn next_patch(last: Option<&Version>) -> Version {
    match last {
        None => Version::new(1, 0, 0),
        Some(last) if last.pre.is_empty() => Version::new(last.major, last.minor, last.patch + 1),
        // 1.2.0-rc.1 is followed by 1.2.0.
        Some(last) => Version::new(last.major, last.minor, last.patch),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn version() -> impl Strategy<Value = Version> {
        let identifier = prop_oneof![(0..1_200u64).prop_map(|number| number.to_string()), "[a-z][a-z0-9-]{0,3}", "-{0,1}[A-Z]{1,2}"];
        let pre = proptest::collection::vec(identifier, 0..3).prop_map(|parts| parts.join("."));
        (0..1_200u64, 0..12u64, 0..12u64, pre).prop_filter_map("a version", |(major, minor, patch, pre)| {
            let text = if pre.is_empty() { format!("{major}.{minor}.{patch}") } else { format!("{major}.{minor}.{patch}-{pre}") };
            Version::parse(&text).ok()
        })
    }

    proptest! {
        #[test]
        fn texts_sort_as_versions_do(a in version(), b in version()) {
            prop_assert_eq!(order(&a).cmp(&order(&b)), a.cmp_precedence(&b));
        }
    }

    #[test]
    fn the_largest_numbers_have_their_place() {
        let largest = Version::new(u64::MAX, 0, 0);
        assert!(order(&largest) > order(&Version::new(u64::MAX / 10, 0, 0)));
    }

    #[test]
    fn a_version_that_is_not_given_is_the_next_patch() {
        assert_eq!(next_patch(None).to_string(), "1.0.0");
        assert_eq!(next_patch(Some(&Version::new(1, 4, 9))).to_string(), "1.4.10");
        assert_eq!(next_patch(Version::parse("2.0.0-rc.1").ok().as_ref()).to_string(), "2.0.0");
    }
}
