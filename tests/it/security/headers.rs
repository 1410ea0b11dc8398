//! The headers of every answer (`headers.txt`), cookies, and that a change which another site asks for is refused at every route.
//!
//! `LLMOS_WRITE_TABLE=1` writes what was found in place of the snapshot.

use std::{collections::BTreeMap, fmt::Write as _};

use reqwest::Method;
use serde_json::json;

use super::{
    matrix::{People, world},
    routes::{self, Ids, Route},
};
use crate::app::{Answer, Client, PASSWORD};

const SNAPSHOT: &str = include_str!("headers.txt");
const SEEN: [&str; 10] = [
    "access-control-allow-origin",
    "cache-control",
    "content-security-policy",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
    "permissions-policy",
    "referrer-policy",
    "strict-transport-security",
    "x-content-type-options",
    "x-powered-by",
];
/// The block of what most answers have; the others say what differs.
const MOST: &str = "most";

type Headers = BTreeMap<String, String>;

/// What is random in a policy, made the same.
fn steady(policy: &str) -> String {
    let parts = policy.split('\'').enumerate().map(|(at, part)| match part.split_once('-') {
        Some((kind @ ("nonce" | "sha256"), _)) if at % 2 == 1 => format!("{kind}-…"),
        _ => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join("'")
}

fn seen(answer: &Answer) -> Headers {
    let present = SEEN.iter().filter(|name| answer.headers.contains_key(**name));
    present.map(|name| ((*name).to_owned(), steady(answer.header(name)))).collect()
}

fn snapshot() -> BTreeMap<String, Headers> {
    let (mut blocks, mut name) = (BTreeMap::<String, Headers>::new(), String::new());
    for line in SNAPSHOT.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
        if let Some(route) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            route.clone_into(&mut name);
            blocks.entry(name.clone()).or_default();
        } else {
            let (header, value) = line.split_once(": ").expect("a header and its value");
            blocks.entry(name.clone()).or_default().insert(header.to_owned(), value.to_owned());
        }
    }
    blocks
}

/// All pages have the same.
fn block(route: &Route) -> String {
    if route.is_page() { "page".to_owned() } else { route.name() }
}

async fn get(client: &Client, route: &Route, ids: &Ids) -> Answer {
    client.answer(client.request(Method::GET, &routes::address(route, ids)).header("accept", "text/html, */*")).await
}

app_test!(every_route_has_its_headers, |app| {
    let people = People::sign_up(app).await;
    let ids = world(&people).await;
    let expected = snapshot();
    let most = expected.get(MOST).cloned().unwrap_or_default();
    let mut found: BTreeMap<String, Headers> = BTreeMap::from([(MOST.to_owned(), most.clone())]);
    let mut wrong = Vec::new();
    for route in routes::all().into_iter().filter(Route::is_safe) {
        let headers = seen(&get(&people.clients["owner"], &route, &ids).await);
        let name = block(&route);
        let differing: Headers =
            headers.iter().filter(|(header, value)| most.get(*header) != Some(*value)).map(|(a, b)| (a.clone(), b.clone())).collect();
        if differing != expected.get(&name).cloned().unwrap_or_default() || most.keys().any(|header| !headers.contains_key(header)) {
            wrong.push(format!("{}: {headers:#?}", route.name()));
        }
        if !differing.is_empty() {
            found.insert(name, differing);
        }
        // Whatever the snapshot says.
        let policy = &headers["content-security-policy"];
        assert!(policy.contains("frame-ancestors 'none'") || route.path == "/frames/tool", "{}: {policy}", route.name());
        assert!(!policy.contains("'unsafe-eval'") && !policy.contains("script-src 'unsafe-inline'"), "{}: {policy}", route.name());
        assert_eq!(headers["x-content-type-options"], "nosniff", "{}", route.name());
    }
    if std::env::var_os("LLMOS_WRITE_TABLE").is_some() {
        let mut text = String::from("# The headers of answers to an owner (headers.rs): of most, then what differs from them.\n");
        let first = found.remove(MOST).into_iter().map(|headers| (MOST.to_owned(), headers));
        for (name, headers) in first.chain(found) {
            let _ = writeln!(text, "\n[{name}]");
            for (header, value) in headers {
                let _ = writeln!(text, "{header}: {value}");
            }
        }
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/security/headers.txt"), text).expect("the snapshot can be written");
        return;
    }
    assert!(wrong.is_empty(), "{} routes differ from headers.txt:\n{}", wrong.len(), wrong.join("\n"));
    for name in expected.keys().filter(|name| *name != MOST) {
        assert!(found.contains_key(name), "headers.txt has a block for {name}, which differs in nothing");
    }
});

app_test!(a_change_that_another_site_asks_for_is_refused_at_every_route, |app| {
    let people = People::sign_up(app).await;
    let owner = &people.clients["owner"];
    let ids = world(&people).await;
    let before = owner.get(&format!("/teams/{}", ids["teams"])).await.1;
    for route in routes::all().into_iter().filter(|route| !route.is_safe()) {
        let address = routes::address(&route, &ids);
        for (header, value) in
            [("origin", "https://evil.example"), ("origin", "null"), ("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-site")]
        {
            let request = owner.request(route.method.parse().expect("a method"), &address).header(header, value);
            let answer = owner.answer(request.header("content-type", "text/plain").body("{}")).await;
            assert_eq!(
                (answer.status, answer.json()["code"].as_str()),
                (403, Some("foreign_origin")),
                "{} {header}: {value}",
                route.name()
            );
        }
    }
    assert_eq!(owner.get(&format!("/teams/{}", ids["teams"])).await.1, before, "nothing was changed");
});

app_test!(no_other_site_may_read_an_answer, |app| {
    let people = People::sign_up(app).await;
    let owner = &people.clients["owner"];
    let ids = world(&people).await;
    for route in routes::all() {
        let address = routes::address(&route, &ids);
        let asked = owner.request(Method::OPTIONS, &address).header("origin", "https://evil.example");
        let preflight = owner.answer(asked.header("access-control-request-method", route.method.as_str())).await;
        let mut answers = vec![preflight];
        if route.is_safe() {
            answers.push(owner.answer(owner.request(Method::GET, &address).header("origin", "https://evil.example")).await);
        }
        for answer in answers {
            let allowing: Vec<_> = answer.headers.keys().filter(|name| name.as_str().starts_with("access-control-")).collect();
            assert!(allowing.is_empty(), "{}: {allowing:?}", route.name());
        }
    }
});

app_test!(what_has_a_body_says_what_it_is, |app| {
    let people = People::sign_up(app).await;
    let ids = world(&people).await;
    for route in routes::all().into_iter().filter(Route::is_safe) {
        let answer = get(&people.clients["owner"], &route, &ids).await;
        if answer.text.is_empty() {
            continue;
        }
        let kind = answer.header("content-type");
        assert!(kind.contains('/'), "{}: {kind}", route.name());
        // Numbers and names of metrics are ASCII, whose form has no charset.
        let needs_charset = kind.starts_with("text/") && route.path != "/metrics";
        assert!(!needs_charset || kind.to_lowercase().contains("charset=utf-8"), "{}: {kind}", route.name());
    }
});

app_test!(a_parameter_that_is_there_twice_is_refused, |app| {
    let maya = app.sign_up_first().await;
    for address in ["/api/v1/search?q=a&q=b", "/api/v1/traces?limit=1&limit=2"] {
        let answer = maya.answer(maya.request(Method::GET, address)).await;
        assert_eq!((answer.status, answer.json()["code"].as_str()), (400, Some("invalid_input")), "{address}: {}", answer.text);
    }
    let twice =
        maya.request(Method::POST, "/api/v1/teams").header("content-type", "application/json").body(r#"{"name": "a", "name": "b"}"#);
    assert_eq!(maya.answer(twice).await.status, 400);
});

// What stands before us and we ourselves must not take two requests for one (RFC 9112, 6.3).
app_test!(a_request_whose_length_is_said_twice_is_refused, |app| {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = tokio::net::TcpStream::connect(app.url.trim_start_matches("http://")).await.expect("connects");
    let request = b"POST /api/v1/sign-in HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\ncontent-length: 5\r\n\r\n{}GET";
    stream.write_all(request).await.expect("sends");
    let mut answer = Vec::new();
    let read = tokio::time::timeout(std::time::Duration::from_secs(20), stream.read_to_end(&mut answer)).await;
    assert!(read.is_ok() && answer.starts_with(b"HTTP/1.1 400"), "{}", String::from_utf8_lossy(&answer));
});

// TRACE would send a cookie back to a script; it is no method here, nor is one that nobody knows.
app_test!(methods_that_nothing_takes_are_refused, |app| {
    let visitor = app.visitor();
    for method in ["TRACE", "TRACK", "PROPFIND"] {
        for path in ["/", "/api/v1/me", "/healthz", "/pkg/llmos.js"] {
            let answer = visitor.answer(visitor.request(method.parse().expect("a method"), path)).await;
            assert!([403, 404, 405].contains(&answer.status), "{method} {path}: {}", answer.status);
        }
    }
});

app_test!(
    over_https_cookies_are_bound_to_this_host_and_every_answer_says_https,
    |config| {
        config.site_url = Some("https://llmos.example".to_owned());
    },
    |app| {
        let visitor = app.visitor();
        let account = json!({ "name": "Maya", "email": "maya@harbor.internal", "password": PASSWORD });
        let answer = visitor.answer(visitor.request(Method::POST, "/api/v1/sign-up").json(&account)).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        let cookie = answer.header("set-cookie");
        assert!(cookie.starts_with("__Host-llmos_session="), "{cookie}");
        for part in ["; Path=/;", "; HttpOnly", "; Secure", "; SameSite=Lax"] {
            assert!(cookie.contains(part), "{cookie} lacks {part}");
        }
        assert!(!cookie.contains("Domain="), "{cookie}");
        assert!(!answer.text.contains(cookie.split(['=', ';']).nth(1).expect("a value")), "the secret is in the header alone");
        // With the name of before, which another host of the domain could have set, nobody is signed in.
        let named = cookie.split(';').next().expect("a pair").to_owned();
        let with = async |cookie: &str| visitor.answer(visitor.request(Method::GET, "/api/v1/me").header("cookie", cookie)).await.status;
        assert_eq!(with(&named).await, 200);
        assert_eq!(with(&named.replace("__Host-", "")).await, 401);
        for path in ["/login", "/api/v1/instance", "/healthz", "/api/v1/nothing", "/sw.js", "/favicon.svg"] {
            let answer = visitor.answer(visitor.request(Method::GET, path)).await;
            assert!(answer.header("strict-transport-security").starts_with("max-age=31536000"), "{path}");
        }
    }
);

// `server::cookies` writes them all; what pages keep for themselves by script (the theme) is no secret.
#[test]
fn cookies_are_set_with_all_their_attributes() {
    for (path, text) in crate::security::secrets::sources() {
        let sets = text.lines().any(|line| line.contains("Max-Age=") && line.contains("Path=/"));
        assert!(!sets || path == "server/cookies.rs" || path == "browser/storage.rs", "{path} writes a cookie by itself");
        if path == "server/cookies.rs" {
            let written = text.lines().find(|line| line.contains("{name}={value}")).expect("the line that writes one");
            for part in ["Path=/;", "HttpOnly", "SameSite=Lax", "{secure}"] {
                assert!(written.contains(part), "{written} lacks {part}");
            }
        }
    }
}
