//! TLS that the server speaks itself, with certificates of one's own: both versions of HTTP, sockets over both, and files that change while it runs.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::http::Request;
use futures::{SinkExt as _, StreamExt as _};
use reqwest::{Method, tls::TlsInfo};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, ServerName, pem::PemObject as _},
    },
};
use tokio_tungstenite::{client_async, tungstenite::Message};

use crate::{
    operations::llmos,
    process::{Process, credentials, free_address},
};

/// Longer than the server takes to look at its files again, on a slow machine too.
const PATIENCE: Duration = Duration::from_secs(40);
const PING: &str = r#"{"type":"ping"}"#;
const PONG: &str = r#""type":"pong""#;

/// An authority of the test's own.
pub struct Authority {
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
    pub root: String,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = rcgen::CertificateParams::new(Vec::<String>::new()).expect("no names");
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, "Harbor");
        let key = rcgen::KeyPair::generate().expect("a key");
        let root = params.self_signed(&key).expect("a certificate").pem();
        Self { issuer: rcgen::Issuer::new(params, key), root }
    }

    /// A certificate for these names and addresses, and its key, in PEM.
    pub fn issue(&self, names: &[&str]) -> (String, String) {
        let params = rcgen::CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).expect("names");
        let key = rcgen::KeyPair::generate().expect("a key");
        (params.signed_by(&key, &self.issuer).expect("a certificate").pem(), key.serialize_pem())
    }
}

/// Asks again until there is something.
pub async fn until<T>(what: &str, within: Duration, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(began.elapsed() < within, "{what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// A browser that trusts `root` alone, finds `names` at `address`, and begins each request with a handshake.
pub fn browser(root: &str, names: &[&str], address: SocketAddr) -> reqwest::Client {
    let roots = reqwest::Certificate::from_pem_bundle(root.as_bytes()).expect("certificates");
    let client = reqwest::Client::builder().tls_certs_only(roots).tls_info(true).redirect(reqwest::redirect::Policy::none());
    let client = client.cookie_store(true).pool_max_idle_per_host(0).timeout(Duration::from_secs(20));
    names.iter().fold(client, |client, name| client.resolve(name, address)).build().expect("a client")
}

/// Somebody who looks at a server that speaks TLS.
pub struct Visitor {
    /// Whom they trust, in PEM.
    pub root: String,
    pub names: Vec<&'static str>,
    pub address: SocketAddr,
    pub base: String,
}

impl Visitor {
    /// In a new browser: one that was here before resumes its session, and goes by the certificate of that.
    pub fn browser(&self) -> reqwest::Client {
        browser(&self.root, &self.names, self.address)
    }

    /// The certificate that the server shows while it says that it is well; nothing while it does not.
    pub async fn shown(&self) -> Option<Vec<u8>> {
        let answer = self.browser().get(format!("{}/healthz", self.base)).send().await.ok()?;
        let certificate = answer.extensions().get::<TlsInfo>()?.peer_certificate()?.to_vec();
        (answer.text().await.ok()? == "ok").then_some(certificate)
    }
}

/// How a part of the server stands, asked over its local socket; with the status of the answer.
pub async fn standing(data: &Path, part: &str) -> Option<(u16, String)> {
    let client = reqwest::Client::builder().unix_socket(data.join("llmos.sock")).build().expect("a client");
    let answer = client.get("http://llmos.local/readyz").send().await.ok()?;
    let status = answer.status().as_u16();
    let ready: Value = answer.json().await.ok()?;
    Some((status, ready["components"][part].as_str()?.to_owned()))
}

/// A server with a certificate of its own.
struct Own {
    folder: TempDir,
    authority: Authority,
    process: Process,
    visitor: Visitor,
}

impl Own {
    async fn start(environment: &[(&str, &str)]) -> Self {
        let (folder, authority, address) = (TempDir::new().expect("a folder"), Authority::new(), free_address());
        let file = |name: &str| folder.path().join(name);
        let (chain, key) = authority.issue(&["127.0.0.1", "localhost"]);
        std::fs::write(file("chain.pem"), chain).expect("written");
        std::fs::write(file("key.pem"), key).expect("written");
        let (chain, key) = (text(&file("chain.pem")), text(&file("key.pem")));
        let files = [("TLS_CERT", chain.as_str()), ("TLS_KEY", key.as_str()), ("RUST_LOG", "warn")];
        let environment: Vec<_> = files.into_iter().chain(environment.iter().copied()).collect();
        let process = Process::spawn(folder.path(), &[], &address, &environment, Stdio::inherit());
        let (root, base) = (authority.root.clone(), format!("https://{address}"));
        let visitor = Visitor { root, names: Vec::new(), address: address.parse().expect("an address"), base };
        until("the server answers", PATIENCE, async || visitor.shown().await).await;
        Self { folder, authority, process, visitor }
    }

    fn put(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).expect("written");
    }

    /// A connection with this protocol agreed on.
    async fn connect(&self, protocol: &str) -> TlsStream<TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.authority.root.as_bytes()).expect("a certificate")).expect("usable");
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider())).with_safe_default_protocol_versions();
        let mut config = config.expect("protocols").with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        let stream = TcpStream::connect(self.visitor.address).await.expect("it listens");
        let name = ServerName::try_from("localhost").expect("a name");
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.expect("a handshake");
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(protocol.as_bytes()));
        stream
    }
}

fn text(path: &Path) -> String {
    path.to_str().expect("UTF-8").to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_and_sockets_go_over_https_by_both_versions_of_http() {
    let own = Own::start(&[]).await;
    let (base, address) = (own.visitor.base.as_str(), own.visitor.address);
    // HTTP/1.1: the cookie is Secure, the page tells browsers to stay with https, and its own origin is known although no address was set.
    let client = own.visitor.browser();
    let request = client.post(format!("{base}/api/v1/sign-up")).header("origin", base).json(&credentials());
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), 201);
    let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    assert!(header("set-cookie").contains("; Secure") && header("strict-transport-security").starts_with("max-age="));
    let foreign = client.post(format!("{base}/api/v1/teams")).header("origin", "https://elsewhere.example");
    assert_eq!(foreign.json(&serde_json::json!({ "name": "Harbor" })).send().await.expect("an answer").status(), 403);
    // The token lasts a minute and opens as many sockets as one likes.
    let made: Value = client.post(format!("{base}/api/v1/ws-token")).send().await.expect("an answer").json().await.expect("JSON");
    let path = format!("/ws?token={}", made["token"].as_str().expect("a token"));
    let (mut socket, _) = client_async(format!("wss://{address}{path}"), own.connect("http/1.1").await).await.expect("a socket");
    socket.send(Message::text(PING)).await.expect("sent");
    let pong = until("a pong", PATIENCE, async || match socket.next().await {
        Some(Ok(Message::Text(text))) if text.contains(PONG) => Some(()),
        Some(Ok(_)) => None,
        other => panic!("{other:?}"),
    });
    pong.await;

    // HTTP/2, whose requests have no Host: their origin is known as well.
    let (client, connection) = h2::client::handshake(own.connect("h2").await).await.expect("HTTP/2");
    tokio::spawn(connection);
    let mut client = client.ready().await.expect("ready");
    let post = |origin: &str| {
        let request = Request::post(format!("{base}/api/v1/sign-in")).header("origin", origin).header("content-type", "application/json");
        request.body(()).expect("a request")
    };
    for (origin, expected) in [(base, 200), ("https://elsewhere.example", 403)] {
        let (answer, mut body) = client.send_request(post(origin), false).expect("sent");
        let credentials = credentials();
        let text = serde_json::json!({ "email": credentials["email"], "password": credentials["password"] }).to_string();
        body.send_data(text.into(), true).expect("sent");
        let answer = answer.await.expect("an answer");
        assert_eq!(answer.status(), expected, "{origin}");
        client = client.ready().await.expect("ready");
    }
    // A socket within that connection (RFC 8441): a frame of text with an empty mask.
    assert!(client.is_extended_connect_protocol_enabled());
    let mut request = Request::builder().method(Method::CONNECT).uri(format!("{base}{path}")).header("sec-websocket-version", "13");
    request.extensions_mut().expect("a request").insert(h2::ext::Protocol::from_static("websocket"));
    let (answer, mut send) = client.send_request(request.body(()).expect("a request"), false).expect("sent");
    let mut answer = answer.await.expect("an answer");
    assert_eq!(answer.status(), 200);
    let length = 0x80 | u8::try_from(PING.len()).expect("short");
    send.send_data([&[0x81, length, 0, 0, 0, 0][..], PING.as_bytes()].concat().into(), false).expect("sent");
    let mut came = Vec::new();
    while !came.windows(PONG.len()).any(|part| part == PONG.as_bytes()) {
        let data = tokio::time::timeout(PATIENCE, answer.body_mut().data()).await.expect("it comes").expect("open").expect("data");
        answer.body_mut().flow_control().release_capacity(data.len()).expect("released");
        came.extend_from_slice(&data);
    }
    drop((send, answer, client, socket));

    // Who connects and says nothing makes nobody wait.
    let silent: Vec<TcpStream> =
        futures::future::join_all((0..20).map(|_| TcpStream::connect(address))).await.into_iter().flatten().collect();
    assert_eq!(silent.len(), 20);
    let began = Instant::now();
    assert!(own.visitor.shown().await.is_some() && began.elapsed() < Duration::from_secs(5));
    drop(silent);
    assert!(own.process.stop().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_of_ones_own_is_replaced_while_it_runs() {
    let sockets = free_address();
    let own = Own::start(&[("WS_ADDR", sockets.as_str())]).await;
    let (visitor, data) = (&own.visitor, own.folder.path());
    let first = visitor.shown().await.expect("well");
    assert_eq!(standing(data, "certificate").await, Some((200, "ready".to_owned())));
    let metrics = visitor.browser().get(format!("{}/metrics", visitor.base)).send().await.expect("an answer").text().await.expect("text");
    assert!(metrics.contains("llmos_certificate_days_left") && metrics.contains("llmos_certificate_failures 0"), "{metrics}");

    // One of two files: they do not belong together yet, so the first pair goes on.
    let (chain, key) = own.authority.issue(&["127.0.0.1", "localhost"]);
    own.put("chain.pem", &chain);
    let degraded = Some((200, "degraded".to_owned()));
    until("it is noticed", PATIENCE, async || (standing(data, "certificate").await == degraded).then_some(())).await;
    assert_eq!(visitor.shown().await.as_ref(), Some(&first));
    let (chain_file, key_file) = (text(&data.join("chain.pem")), text(&data.join("key.pem")));
    let environment = [("DATA_DIR", data.to_str().expect("UTF-8")), ("TLS_CERT", chain_file.as_str()), ("TLS_KEY", key_file.as_str())];
    let said = llmos(data, &["doctor"], &environment);
    assert!(said.code == Some(1) && said.out.contains("the key belongs to another certificate"), "{}", said.out);

    own.put("key.pem", &key);
    let second = until("the new one is shown", PATIENCE, async || visitor.shown().await.filter(|found| *found != first)).await;
    until("all is well", PATIENCE, async || (standing(data, "certificate").await? == (200, "ready".to_owned())).then_some(())).await;
    // On every listener.
    let beside = visitor.browser().get(format!("https://{sockets}/healthz")).send().await.expect("https");
    assert_eq!(beside.extensions().get::<TlsInfo>().and_then(TlsInfo::peer_certificate), Some(second.as_slice()));

    // One that is damaged or gone changes nothing but what is said.
    own.put("chain.pem", "-----BEGIN CERTIFICATE-----\nnonsense\n");
    until("it is noticed", PATIENCE, async || (standing(data, "certificate").await == degraded).then_some(())).await;
    std::fs::remove_file(data.join("key.pem")).expect("removed");
    assert_eq!(visitor.shown().await, Some(second));
    own.process.kill();
}

#[test]
fn files_that_cannot_be_used_stop_the_start_with_one_sentence() {
    let folder = TempDir::new().expect("a folder");
    let authority = Authority::new();
    let (chain, key) = authority.issue(&["localhost"]);
    let file = |name: &str, text: &str| -> PathBuf {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path
    };
    let (chain, key, other) = (file("chain.pem", &chain), file("key.pem", &key), file("other.pem", &authority.issue(&["localhost"]).1));
    let address = free_address();
    for (certificate, key, words) in [
        (Path::new("/nowhere.pem"), key.as_path(), "TLS_CERT: /nowhere.pem cannot be read"),
        (chain.as_path(), Path::new("/nowhere.pem"), "TLS_KEY: /nowhere.pem cannot be read"),
        (chain.as_path(), other.as_path(), "the key belongs to another certificate"),
        (key.as_path(), key.as_path(), "there is no certificate in PEM in it"),
    ] {
        let environment = [("TLS_CERT", text(certificate)), ("TLS_KEY", text(key)), ("LEPTOS_SITE_ADDR", address.clone())];
        let environment: Vec<_> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let said = llmos(folder.path(), &["serve"], &environment);
        assert!(said.code == Some(1) && said.error.contains(words) && said.error.trim().lines().count() == 1, "{words}: {}", said.error);
    }
}

app_test!(
    people_behind_a_proxy_keep_their_address,
    |config| {
        let environment = |name: &str| (name == "TRUSTED_PROXIES").then(|| "127.0.0.0/8".to_owned());
        config.trusted_proxies = llmos_lite::server::config::Config::from_sources(&environment, "").expect("usable").trusted_proxies;
    },
    |app| {
        let maya = app.sign_up_first().await;
        let visitor = app.visitor();
        // What the visitor claims stands on a line before the one that the proxy adds.
        let request = visitor.request(Method::POST, "/api/v1/sign-in").header("x-forwarded-for", "192.0.2.1");
        let body = serde_json::json!({ "email": "maya@harbor.internal", "password": crate::app::PASSWORD });
        let answer = visitor.answer(request.header("x-forwarded-for", "203.0.113.9, 127.0.0.2").json(&body)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let (_, list) = maya.get("/me/sign-ins").await;
        let addresses: Vec<&str> = list.as_array().expect("a list").iter().filter_map(|row| row["address"].as_str()).collect();
        assert!(addresses.contains(&"203.0.113.9") && !addresses.contains(&"192.0.2.1"), "{addresses:?}");
    }
);
