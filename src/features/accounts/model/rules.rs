//! Rules for names, e-mail addresses and passwords. Each gives back the cleaned value or the sentence for the form.

use crate::{
    error::{AppError, AppResult},
    features::artifacts::model::invisible,
};

pub const NAME_MAX: usize = 80;
pub const EMAIL_MAX: usize = 254;
/// NIST SP 800-63B-4: length counts, composition rules do not.
pub const PASSWORD_MIN: usize = 10;
/// argon2 reads all of it; the limit only bounds the work of one attempt.
pub const PASSWORD_MAX: usize = 256;

/// A name of a person, team, volume or token: one line, trimmed, with nothing in it that is not seen.
pub fn clean_name(field: &str, what: &str, text: &str) -> AppResult<String> {
    let name: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if name.is_empty() {
        return Err(AppError::field(field, format!("Give {what} a name.")));
    }
    if name.chars().count() > NAME_MAX {
        return Err(AppError::field(field, format!("Keep the name to {NAME_MAX} characters.")));
    }
    check_shown(field, &name)?;
    Ok(name)
}

/// Names and titles of anything have no character that is not seen or turns those around it. What emoji and scripts are joined with stays.
pub fn check_shown(field: &str, name: &str) -> AppResult<()> {
    if name.chars().any(char::is_control) || !invisible::find(name).is_empty() {
        return Err(AppError::field(field, "This has invisible characters: type it again."));
    }
    Ok(())
}

/// An e-mail address in lower case. Only what would never work is refused: the proof is a mail that arrives.
pub fn clean_email(text: &str) -> AppResult<String> {
    let email = text.trim().to_lowercase();
    let valid = email.len() <= EMAIL_MAX
        && !email.chars().any(|c| c.is_whitespace() || c.is_control())
        && email.split_once('@').is_some_and(|(local, domain)| {
            !local.is_empty() && !domain.is_empty() && !domain.contains('@') && !domain.starts_with('.') && !domain.ends_with('.')
        });
    if valid { Ok(email) } else { Err(AppError::field("email", "This is not an e-mail address: it needs the form name@example.org.")) }
}

/// A password long enough to be one, and not the account's own name or address.
pub fn check_password(password: &str, email: &str) -> AppResult<()> {
    let length = password.chars().count();
    if length < PASSWORD_MIN {
        return Err(AppError::field("password", format!("Use at least {PASSWORD_MIN} characters; a few words are easiest to keep.")));
    }
    if length > PASSWORD_MAX {
        return Err(AppError::field("password", format!("Keep the password to {PASSWORD_MAX} characters.")));
    }
    let distinct = password.chars().collect::<std::collections::BTreeSet<_>>().len();
    if distinct < 4 || password.eq_ignore_ascii_case(email) {
        return Err(AppError::field("password", "This password is easy to guess: use a few words instead."));
    }
    Ok(())
}

/// Where to sign in, and come back to `next` afterwards.
pub fn login_address(next: &str) -> String {
    if next == "/" { "/login".to_owned() } else { format!("/login?next={}", crate::browser::data::encode(next)) }
}

/// Where the second factor is asked for, to come back to `next` afterwards.
pub fn second_step_address(next: &str) -> String {
    if next == "/" { SECOND_STEP.to_owned() } else { format!("{SECOND_STEP}?next={}", crate::browser::data::encode(next)) }
}

/// The page where it is.
pub const SECOND_STEP: &str = "/login/second-step";

/// `next` if it is a path of ours: anything else would make the login page a springboard to other sites.
pub fn safe_next(next: &str) -> &str {
    let ours = next.starts_with('/') && !next.starts_with("//") && !next.contains(['\\', '\r', '\n', '\t']);
    if ours { next } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_one_trimmed_line() {
        assert_eq!(clean_name("name", "the team", "  Harbor \n Platform ").expect("fine"), "Harbor Platform");
        assert!(clean_name("name", "the team", "👩\u{200d}🔧 می\u{200c}خواهم").is_ok());
        for bad in ["", "   ", "a\u{0}b", "a\u{202e}b", "zero\u{200b}width", "soft\u{ad}hyphen", &"x".repeat(NAME_MAX + 1)] {
            assert!(clean_name("name", "the team", bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn addresses() {
        assert_eq!(clean_email(" Maya@Harbor.Internal ").expect("fine"), "maya@harbor.internal");
        for bad in ["", "maya", "@x", "a@", "a b@c", "a@b@c", "a@.b"] {
            assert!(clean_email(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn only_our_own_paths_are_gone_to_after_signing_in() {
        assert_eq!(safe_next("/artifacts?q=a"), "/artifacts?q=a");
        for foreign in ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", ""] {
            assert_eq!(safe_next(foreign), "/", "{foreign:?}");
        }
    }

    #[test]
    fn passwords() {
        assert!(check_password("correct horse battery", "a@b").is_ok());
        for bad in ["short", "aaaaaaaaaaaa", "maya@harbor.internal"] {
            assert!(check_password(bad, "maya@harbor.internal").is_err(), "{bad:?}");
        }
    }
}
