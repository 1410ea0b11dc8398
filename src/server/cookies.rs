//! Cookies: how they are named, set and read, in one place.
//!
//! Over https their names begin with `__Host-` (RFC 6265bis, 4.1.3.2): a browser takes such a one only over https, for this host and all of its paths, so that no other
//! host of the domain can have planted it. Over plain http browsers refuse the name, and it is left out.

use axum::http::{HeaderMap, HeaderValue, header};

use super::config::Config;

/// The name of a cookie that the code calls `name`.
pub fn named(config: &Config, name: &str) -> String {
    if config.secure() { format!("__Host-{name}") } else { name.to_owned() }
}

/// The value of `Set-Cookie`: not for scripts, not from other sites but by following a link, and only over https where that is spoken. 0 seconds take it away.
/// None: `value` has what no header may have.
pub fn set(config: &Config, name: &str, value: &str, seconds: u32) -> Option<HeaderValue> {
    let (name, secure) = (named(config, name), if config.secure() { "; Secure" } else { "" });
    HeaderValue::from_str(&format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}")).ok()
}

/// The value of a cookie that came with a request.
pub fn read<'a>(config: &Config, headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let name = named(config, name);
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(key, value)| (key == name).then_some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(site: &'static str) -> Config {
        Config::from_sources(&move |name| (name == "SITE_URL").then(|| site.to_owned()), "").expect("usable")
    }

    #[test]
    fn over_https_a_cookie_is_this_hosts_by_its_name() {
        let set = |site, value| set(&config(site), "llmos_x", value, 60).and_then(|header| header.to_str().ok().map(str::to_owned));
        assert_eq!(set("https://x.example", "v").as_deref(), Some("__Host-llmos_x=v; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure"));
        assert_eq!(set("http://x.example", "v").as_deref(), Some("llmos_x=v; Path=/; Max-Age=60; HttpOnly; SameSite=Lax"));
        assert_eq!(set("http://x.example", "v\r\nset-cookie: y"), None);
    }

    #[test]
    fn one_that_another_host_may_have_set_is_none() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("llmos_x=planted; other=1"));
        headers.append(header::COOKIE, HeaderValue::from_static("__Host-llmos_x=ours"));
        assert_eq!(read(&config("https://x.example"), &headers, "llmos_x"), Some("ours"));
        assert_eq!(read(&config("http://x.example"), &headers, "llmos_x"), Some("planted"));
        assert_eq!(read(&config("http://x.example"), &headers, "llmos"), None);
    }
}
