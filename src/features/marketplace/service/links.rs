//! Whether the addresses that a release's texts lead to are still there. Only what a server says for certain counts: that it has no such page.

use std::{collections::BTreeMap, time::Duration};

use futures::{StreamExt as _, stream};
use llmos_trust::archive::File;
use reqwest::{Client, Method, StatusCode, Url};

use super::super::model::Finding;
use crate::server::{
    config::Links,
    outgoing::{self, is_public, number_of},
};

/// Addresses of one release that are asked; the first of its files.
const ASKED: usize = 30;
const AT_ONCE: usize = 4;
const LIMIT: Duration = Duration::from_secs(10);
/// For all of a release.
const IN_ALL: Duration = Duration::from_secs(60);
/// Longer ones are no links that somebody follows.
const ADDRESS: usize = 500;
/// Hosts that stand for any (RFC 2606, RFC 6761).
const EXAMPLES: [&str; 8] = ["example.com", "example.org", "example.net", "example", "test", "invalid", "localhost", "local"];

/// The client that asks: without cookies, and, unless an operator wants otherwise, only ever in the public network.
pub fn client(links: Links) -> Result<Client, reqwest::Error> {
    let any = links == Links::Any;
    let client = outgoing::client(any, move |url| any || is_outside(url));
    client.timeout(LIMIT).user_agent("llmos-lite (checks the links of a release)").build()
}

/// Whether an address may be asked: on the web, at its usual port, and not by a number that is inside of a network.
fn is_outside(url: &Url) -> bool {
    let Some(host) = url.host_str() else { return false };
    let is_outside = match number_of(url) {
        Some(ip) => is_public(ip),
        None => !EXAMPLES.iter().any(|example| host == *example || host.ends_with(&format!(".{example}"))),
    };
    is_outside && url.port().is_none() && matches!(url.scheme(), "http" | "https")
}

/// The addresses in the texts of a release, each with the file and the line where it stands first.
fn addresses(files: &[File], links: Links) -> BTreeMap<String, (String, i64)> {
    let mut found = BTreeMap::new();
    for file in files {
        let Ok(text) = std::str::from_utf8(&file.bytes) else { continue };
        for (number, line) in text.lines().enumerate() {
            for (at, _) in line.match_indices("http") {
                let Some(address) = address_at(&line[at..]) else { continue };
                let Ok(mut url) = Url::parse(address) else { continue };
                url.set_fragment(None);
                if found.len() < ASKED && (links == Links::Any || is_outside(&url)) {
                    found.entry(url.to_string()).or_insert_with(|| (file.path.clone(), number as i64 + 1));
                }
            }
        }
    }
    found
}

/// The address that a text begins with; none where it is only a pattern of one.
fn address_at(text: &str) -> Option<&str> {
    if !(text.starts_with("http://") || text.starts_with("https://")) {
        return None;
    }
    let end = text.find(|c: char| c.is_whitespace() || c.is_control() || "<>\"'`|\\^".contains(c)).unwrap_or(text.len());
    let mut address = &text[..end];
    loop {
        let open = address.matches('(').count();
        let trimmed = address.trim_end_matches(['.', ',', ';', ':', '!', '?', '*', '_', ']', '}']);
        let trimmed = if trimmed.ends_with(')') && trimmed.matches(')').count() > open { &trimmed[..trimmed.len() - 1] } else { trimmed };
        if trimmed.len() == address.len() {
            break;
        }
        address = trimmed;
    }
    let is_pattern = address.contains(['{', '}', '$', '[', ']']) || address.contains("...");
    (!is_pattern && address.len() <= ADDRESS).then_some(address)
}

/// A finding for each address whose server says that there is nothing. Those that there is no time for are left out.
pub async fn look(client: &Client, files: &[File], links: Links) -> Vec<Finding> {
    let found = addresses(files, links);
    let asked = stream::iter(found).map(|(address, place)| async move { (is_gone(client, &address).await, address, place) });
    let enough = tokio::time::sleep(IN_ALL);
    let gone: Vec<_> = asked.buffered(AT_ONCE).take_until(enough).filter(|(gone, ..)| std::future::ready(*gone)).collect().await;
    let finding = |(_, address, (path, line)): (bool, String, (String, i64))| Finding {
        rule: RULE.to_owned(),
        class: "links".to_owned(),
        severity: "low".to_owned(),
        blocks: false,
        path,
        line,
        evidence: address,
        why: "The address leads nowhere: its server has no such page.".to_owned(),
        fix: "Correct the address, or leave the link out.".to_owned(),
    };
    gone.into_iter().map(finding).collect()
}

pub const RULE: &str = "links-outside";

/// Some servers know no HEAD: what GET says counts.
async fn is_gone(client: &Client, address: &str) -> bool {
    for method in [Method::HEAD, Method::GET] {
        match client.request(method, address).send().await {
            Ok(answer) if matches!(answer.status(), StatusCode::NOT_FOUND | StatusCode::GONE) => {}
            // Whoever cannot be reached now, or lets nobody in, may be there.
            _ => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_end_where_the_text_around_them_begins() {
        for (text, address) in [
            ("https://a.dev/x, and", Some("https://a.dev/x")),
            ("https://a.dev/x).", Some("https://a.dev/x")),
            ("https://a.dev/x_(y))", Some("https://a.dev/x_(y)")),
            ("https://a.dev/x`", Some("https://a.dev/x")),
            ("https://a.dev/{id}", None),
            ("https://a.dev/$PATH", None),
            ("httpsome", None),
        ] {
            assert_eq!(address_at(text), address, "{text}");
        }
    }

    #[test]
    fn nobody_is_asked_inside_of_a_network() {
        for inside in [
            "http://127.0.0.1/",
            "http://10.1.2.3/",
            "http://169.254.169.254/latest",
            "http://[::1]/",
            "http://[fd00::1]/",
            "http://[::ffff:10.0.0.1]/",
            "http://100.64.1.1/",
            "http://localhost/",
            "https://api.example.com/",
            "https://a.dev:8080/",
            "http://[2002:7f00:1::]/",
            "http://0.0.0.0/",
        ] {
            assert!(!is_outside(&Url::parse(inside).expect("an address")), "{inside}");
        }
        for outside in ["https://a.dev/", "http://93.184.215.14/", "http://[2606:4700::1]/"] {
            assert!(is_outside(&Url::parse(outside).expect("an address")), "{outside}");
        }
    }

    #[test]
    fn each_address_is_asked_once_and_says_where_it_stands() {
        let file = |path: &str, text: &str| File { path: path.to_owned(), bytes: text.as_bytes().to_vec() };
        let files = [file("SKILL.md", "one\n[x](https://a.dev/x#part) and https://b.dev\n"), file("b.md", "https://a.dev/x\n")];
        let found = addresses(&files, Links::Public);
        assert_eq!(found.get("https://a.dev/x"), Some(&("SKILL.md".to_owned(), 2)));
        assert_eq!(found.len(), 2);
    }
}
