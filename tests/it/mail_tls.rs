//! Mail over TLS, from the first byte and by STARTTLS: a certificate that is trusted is used, another one is refused, and nothing goes out in the clear.
//! The certificates are made by openssl; whom the server trusts is the system's list, or the file that `SSL_CERT_FILE` names.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use llmos_lite::{
    features::notifications::{model::Channel, service::send_due},
    server::{
        config::{Config, Smtp},
        context::Ctx,
        state::AppState,
    },
};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    },
};

use crate::{
    app::{TestApp, skipped, text},
    notification_mail::{MailServer, deliveries, first_error, people},
    process::{Process, browser, first_account},
    sessions::say,
};

/// An authority of our own, and a server's certificate by it.
struct Authority {
    folder: TempDir,
}

impl Authority {
    /// None, said loudly, where there is no openssl.
    fn new() -> Option<Self> {
        if Command::new("openssl").arg("version").stdout(Stdio::null()).status().is_err() {
            skipped("openssl", "install it, so that mail over TLS is tried");
            return None;
        }
        let folder = TempDir::new().expect("a folder");
        let run = |arguments: &str| {
            let output = Command::new("openssl").current_dir(folder.path()).args(arguments.split(' ')).output().expect("openssl runs");
            assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
        };
        std::fs::write(folder.path().join("names"), "subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=critical,CA:FALSE\n")
            .expect("a file");
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
        run(&format!("req -x509 {key} -days 2 -keyout ca.key -out ca.pem -subj /CN=Harbor"));
        run(&format!("req {key} -keyout server.key -out server.csr -subj /CN=localhost"));
        run("x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.pem");
        Some(Self { folder })
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn acceptor(&self) -> TlsAcceptor {
        let certificate = CertificateDer::from_pem_file(self.file("server.pem")).expect("a certificate");
        let key = PrivateKeyDer::from_pem_file(self.file("server.key")).expect("a key");
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("protocols")
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .expect("they belong together");
        TlsAcceptor::from(Arc::new(config))
    }
}

/// Sends oneself a test; the state of its job, and what it says.
async fn test_mail(process: &Process, client: &reqwest::Client) -> (String, String) {
    let (status, job) = process.call(client, Method::POST, "/notifications/test", json!({ "channel": "mail" })).await.expect("an answer");
    assert!(status < 300, "{status} {job}");
    for _ in 0..600 {
        let path = format!("/jobs/{}", text(&job["id"]));
        let (_, job) = process.call(client, Method::GET, &path, Value::Null).await.expect("an answer");
        let state = text(&job["state"]);
        if state == "done" || state == "failed" {
            return (state, job["error"].as_str().unwrap_or_default().to_owned());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the test ends");
}

/// A server with such an address of mail, which trusts the authorities in a file.
async fn sent_by(data: &Path, url: &str, trusted: &Path) -> (String, String) {
    let trusted = trusted.to_str().expect("UTF-8");
    let environment = [("SMTP_URL", url), ("SMTP_FROM", "llmos@harbor.example"), ("SSL_CERT_FILE", trusted)];
    let process = Process::start_with(data, &[], &environment).await;
    let client = browser();
    first_account(&process, &client).await;
    let answer = test_mail(&process, &client).await;
    process.kill();
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mail_goes_over_tls_to_a_server_that_is_trusted() {
    let (Some(ours), Some(other)) = (Authority::new(), Authority::new()) else { return };
    let server = MailServer::default();
    server.speak_tls(ours.acceptor());
    let (plain, sealed) = (server.listen(false), server.listen(true));
    for url in [
        format!("smtp://localhost:{plain}?tls=required"),
        format!("smtp://127.0.0.1:{plain}?tls=opportunistic"),
        format!("smtps://localhost:{sealed}"),
    ] {
        let (count, data) = (server.mails().len(), TempDir::new().expect("a folder"));
        assert_eq!(sent_by(data.path(), &url, &ours.file("ca.pem")).await, ("done".to_owned(), String::new()), "{url}");
        let mails = server.mails();
        assert_eq!(mails.len(), count + 1, "{url}");
        let mail = mails.last().expect("one");
        assert!(mail.sealed && mail.to == "maya@example.org" && mail.header("Subject").starts_with("Test"), "{url}: {mail:?}");

        // Somebody else's certificate: nothing is sent, and whoever looks is told why.
        let data = TempDir::new().expect("a folder");
        let (state, said) = sent_by(data.path(), &url, &other.file("ca.pem")).await;
        assert_eq!(state, "failed", "{url}");
        assert!(said.starts_with("The mail server cannot be used") && said.contains("certificate"), "{url}: {said}");
        assert_eq!(server.mails().len(), count + 1, "{url}: {:?}", server.mails());
    }
    // Where TLS has to be and is not offered, nothing is sent in the clear.
    let bare = MailServer::default();
    let url = format!("smtp://localhost:{}?tls=required", bare.listen(false));
    let data = TempDir::new().expect("a folder");
    let (state, said) = sent_by(data.path(), &url, &ours.file("ca.pem")).await;
    assert!(state == "failed" && said.starts_with("The mail server cannot be used"), "{state}: {said}");
    assert!(bare.mails().is_empty());
}

/// A server whose certificate nobody here knows.
#[derive(Clone, Default)]
struct Unknown(MailServer);

impl Unknown {
    fn start(&self, config: &mut Config) {
        if let Some(authority) = Authority::new() {
            self.0.speak_tls(authority.acceptor());
        }
        self.0.start(config);
    }
}

app_test_beside!(Unknown, mail_waits_while_the_certificate_is_not_trusted, |app, server| {
    let (maya, _, tom, session) = people(app).await;
    if !server.0.speaks_tls() {
        return;
    }
    say(&maya, &session, "@tom look").await;
    let error = first_error(app).await.expect("it was tried");
    assert!(error.starts_with("The mail server cannot be used") && error.contains("certificate"), "{error}");
    server.0.until(0).await;
    assert_eq!(crate::notifications::unread(&tom).await, 1);
    waits(app).await;

    // The operator mends it: what waited goes out.
    let mended = MailServer::default();
    let mut config = app.state.config.clone();
    config.smtp = Some(Smtp { url: format!("smtp://127.0.0.1:{}", mended.listen(false)), from: "llmos@harbor.example".to_owned() });
    let state = AppState::open(config).await.expect("opens");
    let ctx = Ctx::internal(state.clone(), None);
    for _ in 0..200 {
        send_due(&ctx, Channel::Mail).await.expect("runs");
        if !mended.mails().is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(mended.until(1).await[0].to, "tom@x.example");
    state.db.close().await;
});

/// What is to go out is still to go out.
async fn waits(app: &TestApp) {
    let states: Vec<String> = deliveries(app).await.into_iter().map(|(state, ..)| state).collect();
    assert!(!states.is_empty() && states.iter().all(|state| state != "failed" && state != "sent" && state != "skipped"), "{states:?}");
}
