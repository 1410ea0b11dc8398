//! Licences by their SPDX names, for the form that publishes.

use llmos_scanner::Licence;

use super::super::model::LicenceCheck;
use crate::error::{AppError, AppResult};

/// Longer than any expression that people write.
const EXPRESSION_CHARS: usize = 400;

/// The identifiers that are recommended.
pub fn licences() -> Vec<&'static str> {
    llmos_scanner::licences().collect()
}

/// What the checks will say of a licence as it is written.
pub fn check_licence(expression: &str) -> AppResult<LicenceCheck> {
    let expression = expression.trim();
    if expression.chars().count() > EXPRESSION_CHARS {
        return Err(AppError::field("expression", format!("A licence has at most {EXPRESSION_CHARS} characters.")));
    }
    let found = if expression.is_empty() { Licence::Unknown } else { Licence::read(expression) };
    Ok(match found {
        Licence::Valid => LicenceCheck { valid: true, message: "An SPDX expression.".to_owned(), meant: None },
        Licence::Meant(meant) => {
            LicenceCheck { valid: false, message: format!("Not an SPDX expression. Is {meant} meant?"), meant: Some(meant) }
        }
        Licence::Unknown if expression.is_empty() => {
            LicenceCheck { valid: false, message: "Without a licence nobody may use it: choose one.".to_owned(), meant: None }
        }
        Licence::Unknown => LicenceCheck {
            valid: false,
            message: "Not an SPDX expression: the checks will say so. One of your own is written LicenseRef-Name.".to_owned(),
            meant: None,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant_is_said() {
        assert!(check_licence(" MIT OR Apache-2.0 ").is_ok_and(|check| check.valid));
        assert!(check_licence("apache2").is_ok_and(|check| !check.valid && check.meant.as_deref() == Some("Apache-2.0")));
        assert!(check_licence("").is_ok_and(|check| !check.valid) && check_licence("as we say").is_ok_and(|check| !check.valid));
        assert!(check_licence(&"M".repeat(500)).is_err());
    }
}
