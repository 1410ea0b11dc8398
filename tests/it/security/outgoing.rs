//! Nothing leaves the server but by the ways that are listed here: what somebody outside may choose an address of goes through `server::outgoing`.

use std::collections::BTreeSet;

use llmos_lite::server::outgoing::is_public;

use super::secrets::sources;

/// Files that make a client or a connection of their own, and why they may: to what the operator set, which nobody outside can choose.
const MAY: [(&str, &str); 9] = [
    ("server/outgoing.rs", "the guarded clients themselves"),
    ("server/state.rs", "one client for addresses that the operator sets; it follows no redirect"),
    ("server/cluster/bus.rs", "NATS_URL"),
    ("server/telemetry/export.rs", "OTEL_EXPORTER_OTLP_ENDPOINT"),
    ("server/doctor/outside.rs", "asks what the operator set whether it answers"),
    ("server/cli.rs", "the command line, as the person who runs it"),
    ("server/cli/operations.rs", "the command line: the local socket"),
    ("features/marketplace/service/clamav.rs", "CLAMD_ADDR"),
    ("features/notifications/service/mail.rs", "SMTP_URL"),
];

/// What makes one. Databases, stores of objects and the orders of certificates have clients of their own (`sqlx`, `object_store`, `instant_acme`), which get the
/// address that is set.
const MAKES: [&str; 10] = [
    "reqwest::Client::builder",
    "reqwest::Client::new",
    " Client::builder()",
    "ClientBuilder::new",
    "TcpStream::connect",
    "UnixStream::connect",
    "hyper_util::client",
    "AsyncSmtpTransport::",
    "lookup_host(",
    "ConnectOptions::new()",
];

/// The code of a file, without its comments and the tests at its end, which talk to themselves.
fn code(text: &str) -> impl Iterator<Item = &str> {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    code.lines().filter(|line| !line.trim_start().starts_with("//"))
}

#[test]
fn no_other_way_leads_out() {
    let mut made = BTreeSet::new();
    for (path, text) in sources() {
        if code(&text).any(|line| MAKES.iter().any(|makes| line.contains(makes))) {
            made.insert(path);
        }
    }
    let unknown: Vec<_> = made.iter().filter(|path| !MAY.iter().any(|(may, _)| may == path)).collect();
    assert!(unknown.is_empty(), "these make a client of their own, use server::outgoing: {unknown:?}");
    assert!(made.len() > 5, "the clients were found: {made:?}");
}

/// Where somebody is sent on to is looked at again, or not gone to at all.
#[test]
fn redirects_are_followed_by_the_guarded_client_alone() {
    for (path, text) in sources().into_iter().filter(|(path, _)| path != "server/outgoing.rs") {
        for line in code(&text) {
            let follows = ["Policy::limited", "Policy::default", "Policy::custom"].iter().any(|follows| line.contains(follows));
            assert!(!follows, "{path} follows redirects by itself: {line}");
        }
        // A client follows ten, unless it is told otherwise; the local socket leads nowhere.
        let text = code(&text).collect::<Vec<_>>().join("\n");
        for made in text.split("reqwest::Client::builder()").skip(1) {
            let made = made.split(".build()").next().unwrap_or_default();
            assert!(made.contains("Policy::none()") || made.contains(".unix_socket("), "{path}: a client that follows redirects: {made}");
        }
    }
}

/// What people write is never an argument of a program, because there is none.
#[test]
fn no_program_is_started() {
    for (path, text) in sources() {
        let starts = code(&text).any(|line| line.contains("process::Command") || line.contains("Command::new("));
        assert!(!starts, "{path} starts a program");
    }
}

#[test]
fn addresses_inside_of_a_network_are_none() {
    for inside in [
        "0.0.0.0",
        "10.0.0.1",
        "100.64.0.1",
        "127.0.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.8",
        "192.0.2.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "fc00::1",
        "fd12:3456::1",
        "fe80::1",
        "ff02::1",
    ] {
        assert!(!is_public(inside.parse().expect("an address")), "{inside}");
    }
    for outside in ["1.1.1.1", "8.8.8.8", "140.82.121.4", "192.1.1.1", "2606:4700::1111", "2a00:1450:4001:80b::200e"] {
        assert!(is_public(outside.parse().expect("an address")), "{outside}");
    }
}
