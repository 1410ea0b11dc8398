//! Small things kept on the device: the theme and the like, in cookies, so that the server renders the page right at once; and what
//! a person wrote that has not arrived yet, in the browser's local storage.

use super::response::cookies;

pub use inner::*;

/// The value of a preference, on either side.
pub fn preference(name: &str) -> Option<String> {
    cookies().split(';').filter_map(|pair| pair.trim().split_once('=')).find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
}

/// Keeps a preference for a year. `value` is a word of ours, never what a person typed.
pub fn set_preference(name: &str, value: &str) {
    super::page::set_cookie(&format!("{name}={value}; Path=/; Max-Age=31536000; SameSite=Lax"));
}

#[cfg(feature = "hydrate")]
mod inner {
    use gloo::utils::window;

    /// What was kept under `key`.
    pub fn kept(key: &str) -> Option<String> {
        window().local_storage().ok().flatten()?.get_item(key).ok().flatten()
    }

    /// Keeps `value` on this device; an empty one is removed. A full or forbidden storage keeps nothing: the page goes on without.
    pub fn keep(key: &str, value: &str) {
        if let Ok(Some(storage)) = window().local_storage() {
            let _ = if value.is_empty() { storage.remove_item(key) } else { storage.set_item(key, value) };
        }
    }
}

#[cfg(not(feature = "hydrate"))]
mod inner {
    pub fn kept(_: &str) -> Option<String> {
        None
    }
    pub fn keep(_: &str, _: &str) {}
}
