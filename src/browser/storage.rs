//! Small things kept on the device: the theme and the like, in cookies, so that the server renders the page right at once.

use super::response::cookies;

/// The value of a preference, on either side.
pub fn preference(name: &str) -> Option<String> {
    cookies().split(';').filter_map(|pair| pair.trim().split_once('=')).find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
}

/// Keeps a preference for a year. `value` is a word of ours, never what a person typed.
pub fn set_preference(name: &str, value: &str) {
    super::page::set_cookie(&format!("{name}={value}; Path=/; Max-Age=31536000; SameSite=Lax"));
}
