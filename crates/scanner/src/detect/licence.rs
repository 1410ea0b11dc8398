//! Is the licence an SPDX expression?

use serde::Deserialize;

use super::Draft;
use crate::{Licence, Release, evidence, rules::Rule};

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Parameters {
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum What {
    Missing,
    Invalid,
}

pub(crate) fn find(rule: &Rule, parameters: &Parameters, release: &Release) -> Vec<(String, Draft)> {
    let licence = release.licence.map(str::trim).filter(|licence| !licence.is_empty());
    let evidence = match (parameters.what, licence) {
        (What::Missing, None) => "no licence".to_owned(),
        (What::Invalid, Some(licence)) => match Licence::read(licence) {
            Licence::Valid => return Vec::new(),
            Licence::Meant(meant) => format!("{licence} (is {meant} meant?)"),
            Licence::Unknown => licence.to_owned(),
        },
        _ => return Vec::new(),
    };
    vec![(String::new(), Draft::new(rule, 0, evidence::shown(&evidence)))]
}
