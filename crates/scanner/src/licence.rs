//! Licences as SPDX knows them.

/// What a licence is, as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Licence {
    /// An SPDX expression.
    Valid,
    /// None, but nearly this one.
    Meant(String),
    Unknown,
}

impl Licence {
    pub fn read(text: &str) -> Self {
        if spdx::Expression::parse(text).is_ok() {
            return Self::Valid;
        }
        match spdx::Expression::canonicalize(text) {
            Ok(Some(meant)) => Self::Meant(meant),
            _ => Self::Unknown,
        }
    }
}

/// The identifiers of the SPDX list that are still recommended, in its order.
pub fn licences() -> impl Iterator<Item = &'static str> {
    let current = |licence: &&spdx::License| licence.flags & spdx::flags::IS_DEPRECATED == 0;
    // It ends with one that stands for what has no licence.
    spdx::identifiers::LICENSES.iter().filter(current).map(|licence| licence.name).filter(|name| *name != "NOASSERTION")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn licences_are_read_as_spdx_reads_them() {
        for valid in ["MIT", "MIT OR Apache-2.0", "LicenseRef-Ours"] {
            assert_eq!(Licence::read(valid), Licence::Valid, "{valid}");
        }
        assert_eq!(Licence::read("Apache2"), Licence::Meant("Apache-2.0".to_owned()));
        assert_eq!(Licence::read("see the file"), Licence::Unknown);
        let all: Vec<&str> = licences().collect();
        assert!(all.contains(&"MIT") && all.contains(&"CC-BY-4.0") && !all.contains(&"GPL-3.0"), "{all:?}");
        assert!(all.iter().all(|id| Licence::read(id) == Licence::Valid));
    }
}
