//! `slug@range`, as publishers write it. What can be read is written and read the same.

use llmos_solver::parse_dependency;

pub fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(dependency) = parse_dependency(text) {
        assert_eq!(parse_dependency(&dependency.to_string()), Ok(dependency));
    }
}
