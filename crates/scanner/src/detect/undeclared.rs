//! What the texts use and the author did not declare.

use serde::Deserialize;

use super::Draft;
use crate::{Capabilities, CapabilityKind, evidence, matching::Ready, rules::Rule};

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Parameters {
    what: CapabilityKind,
}

/// One finding for a file: its line is that of the first of them.
pub(crate) fn find(rule: &Rule, parameters: &Parameters, ready: &Ready, capabilities: &Capabilities) -> Vec<Draft> {
    let used = ready.uses().iter().filter(|used| used.kind == parameters.what);
    let mut undeclared: Vec<(u32, String)> =
        used.filter(|used| !capabilities.covers(used.kind, &used.value)).map(|used| (used.line, used.value.clone())).collect();
    undeclared.sort();
    let Some(first) = undeclared.first().map(|(line, _)| *line) else { return Vec::new() };
    let values: Vec<&str> = undeclared.iter().map(|(_, value)| value.as_str()).collect();
    vec![Draft::new(rule, first, evidence::shown(&values.join(", ")))]
}
