//! Certificates by ACME from Pebble, the small authority for tests: ordered, kept, renewed, and what happens when it is away or says no. Each test has
//! one of its own, because Pebble asks its questions at one port, that of the server under test.

use std::{
    fs::File,
    net::SocketAddr,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;

use crate::{
    app::skipped,
    operations::llmos,
    process::{Process, free_address},
    tls::{Authority, Visitor, browser, standing, until},
};

const SITE: &str = "skills.harbor.test";
const OTHER: &str = "www.harbor.test";
/// How long its certificates are good, in seconds. A server has a third of that for the next one.
const VALIDITY: u64 = 60;
/// Longer than anything takes here, on a slow machine too.
const PATIENCE: Duration = Duration::from_secs(120);

/// An authority, and a server of DNS to which every name is this machine.
struct Pebble {
    folder: TempDir,
    programs: PathBuf,
    /// Trusts its directory.
    client: reqwest::Client,
    directory: String,
    management: String,
    names: String,
    running: Vec<Child>,
}

impl Pebble {
    /// One that asks its questions at a port; none, said loudly, where it is not installed.
    async fn start(asks_at: u16) -> Option<Self> {
        let Some(programs) = std::env::var_os("LLMOS_TEST_PEBBLE").map(PathBuf::from) else {
            skipped("Pebble", "scripts/pebble installs it and prints the folder for LLMOS_TEST_PEBBLE");
            return None;
        };
        let (folder, authority) = (TempDir::new().expect("a folder"), Authority::new());
        let (certificate, key) = authority.issue(&["127.0.0.1"]);
        let (directory, management, names) = (free_address(), free_address(), free_address());
        let port = |address: &str| address.rsplit(':').next().and_then(|port| port.parse::<u16>().ok()).expect("a port");
        let config = serde_json::json!({ "pebble": {
            "listenAddress": directory,
            "managementListenAddress": management,
            "certificate": "api.pem",
            "privateKey": "api.key",
            "httpPort": port(&free_address()),
            "tlsPort": asks_at,
            "certificateValidityPeriod": VALIDITY,
            // The same for its later versions.
            "profiles": { "default": { "description": "for tests", "validityPeriod": VALIDITY } },
            "domainBlocklist": ["blocked.harbor.test"],
        } });
        for (name, text) in
            [("api.pem", &certificate), ("api.key", &key), ("root.pem", &authority.root), ("config.json", &config.to_string())]
        {
            std::fs::write(folder.path().join(name), text).expect("written");
        }
        let client = browser(&authority.root, &[], directory.parse().expect("an address"));
        let mut pebble = Self { folder, programs, client, directory, management, names, running: Vec::new() };
        pebble.run().await;
        Some(pebble)
    }

    async fn run(&mut self) {
        let program = |name: &str, log: &str| {
            let log = File::options().create(true).append(true).open(self.folder.path().join(log)).expect("a log");
            let mut command = Command::new(self.programs.join(name));
            command.current_dir(self.folder.path()).stdout(log.try_clone().expect("a log")).stderr(log);
            command
        };
        let mut names = program("pebble-challtestsrv", "names.log");
        names.args(["-dns01", &self.names, "-management", &free_address(), "-defaultIPv4", "127.0.0.1", "-defaultIPv6", ""]);
        names.args(["-http01", "", "-https01", "", "-tlsalpn01", ""]);
        let mut authority = program("pebble", "pebble.log");
        authority.args(["-config", "config.json", "-dnsserver", &self.names]).env("PEBBLE_VA_NOSLEEP", "1");
        self.running = [names, authority].into_iter().map(|mut command| command.spawn().expect("the program starts")).collect();
        until("the authority answers", PATIENCE, async || self.client.get(self.address()).send().await.ok()).await;
    }

    fn stop(&mut self) {
        for mut child in self.running.drain(..) {
            child.kill().and_then(|()| child.wait()).expect("it ends");
        }
    }

    fn address(&self) -> String {
        format!("https://{}/dir", self.directory)
    }

    /// Whom browsers would have to trust; another one after each start.
    async fn root(&self) -> String {
        let answer = self.client.get(format!("https://{}/roots/0", self.management)).send().await.expect("an answer");
        answer.text().await.expect("a certificate")
    }

    fn orders(&self) -> usize {
        let log = std::fs::read_to_string(self.folder.path().join("pebble.log")).expect("a log");
        log.lines().filter(|line| line.contains("POST /order-plz")).count()
    }
}

impl Drop for Pebble {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A server that orders its certificate there.
struct Served {
    folder: TempDir,
    address: SocketAddr,
    base: String,
    plain: String,
    environment: Vec<(&'static str, String)>,
}

impl Served {
    fn new(address: &str, pebble: &Pebble, domains: &str) -> Self {
        let (folder, address, plain): (_, SocketAddr, _) =
            (TempDir::new().expect("a folder"), address.parse().expect("an address"), free_address());
        let environment = vec![
            ("DOMAIN", domains.to_owned()),
            ("ACME_DIRECTORY", pebble.address()),
            ("ACME_ROOT", pebble.folder.path().join("root.pem").to_str().expect("UTF-8").to_owned()),
            ("ACME_CONTACT", "maya@harbor.example.org".to_owned()),
            ("REDIRECT_ADDR", plain.clone()),
            ("RUST_LOG", "warn".to_owned()),
        ];
        Self { folder, address, base: format!("https://{SITE}:{}", address.port()), plain, environment }
    }

    fn data(&self) -> &Path {
        self.folder.path()
    }

    fn start(&self) -> Process {
        let environment: Vec<_> = self.environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let log = File::options().create(true).append(true).open(self.data().join("log")).expect("a log");
        Process::spawn(self.data(), &[], &self.address.to_string(), &environment, Stdio::from(log))
    }

    fn doctor(&self) -> (Option<i32>, String) {
        let address = self.address.to_string();
        let mut environment: Vec<_> = self.environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
        environment.extend([("DATA_DIR", self.data().to_str().expect("UTF-8")), ("LEPTOS_SITE_ADDR", address.as_str())]);
        let said = llmos(self.data(), &["doctor"], &environment);
        (said.code, said.out)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.data().join("log")).expect("a log")
    }

    /// A file of what the order left, below the one folder of the one authority.
    fn kept(&self, name: &str) -> Option<PathBuf> {
        let mut folders = std::fs::read_dir(self.data().join("tls")).ok()?.flatten();
        let (folder, other) = (folders.next()?, folders.next());
        assert!(other.is_none(), "one authority");
        Some(folder.path().join(name)).filter(|file| file.exists())
    }

    /// Somebody who trusts what the authority issues now.
    async fn visitor(&self, pebble: &Pebble) -> Visitor {
        Visitor { root: pebble.root().await, names: vec![SITE, OTHER], address: self.address, base: self.base.clone() }
    }

    async fn is(&self, expected: &str) -> bool {
        standing(self.data(), "certificate").await == Some((200, expected.to_owned()))
    }
}

fn port_of(address: &str) -> u16 {
    address.parse::<SocketAddr>().expect("an address").port()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_is_ordered_kept_and_renewed_by_itself() {
    let address = free_address();
    let Some(pebble) = Pebble::start(port_of(&address)).await else { return };
    let served = Served::new(&address, &pebble, &format!("{SITE},{OTHER}"));
    let process = served.start();
    let visitor = served.visitor(&pebble).await;
    let first = until("https answers", PATIENCE, async || visitor.shown().await).await;
    assert!(served.is("ready").await);
    for name in ["certificate.pem", "account.json"] {
        let mode = std::fs::metadata(served.kept(name).expect("kept")).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{name}");
    }
    let account = || std::fs::read(served.kept("account.json").expect("kept")).expect("readable");
    let first_account = account();

    // What was said in plain http is said again in https, and the other name leads to the first.
    let plain = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
    let other = format!("https://{OTHER}:{}/artifacts?tab=mine", served.address.port());
    for (client, from) in [(plain, format!("http://{}/artifacts?tab=mine", served.plain)), (visitor.browser(), other)] {
        let answer = client.post(&from).send().await.expect("an answer");
        let to = answer.headers()["location"].to_str().expect("text");
        assert_eq!((answer.status().as_u16(), to), (308, format!("{}/artifacts?tab=mine", served.base).as_str()), "{from}");
    }

    // The next one comes in good time, and nobody is without one meanwhile.
    let mut failed = 0;
    let second = until("it is renewed", PATIENCE, async || {
        let found = visitor.shown().await;
        failed += usize::from(found.is_none());
        found.filter(|found| *found != first)
    });
    let second = second.await;
    assert_eq!((failed, served.is("ready").await), (0, true));
    assert_eq!(account(), first_account, "the same account");
    let orders = pebble.orders();
    assert!(process.stop().await.success());

    // The next start has it already.
    let process = served.start();
    let third = until("https answers again", PATIENCE, async || visitor.shown().await).await;
    assert!(third == second || pebble.orders() > orders, "nothing is ordered before it is due");
    process.kill();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_old_one_is_served_while_the_authority_is_away() {
    let address = free_address();
    let Some(mut pebble) = Pebble::start(port_of(&address)).await else { return };
    let served = Served::new(&address, &pebble, SITE);
    let process = served.start();
    let visitor = served.visitor(&pebble).await;
    let first = until("https answers", PATIENCE, async || visitor.shown().await).await;
    pebble.stop();

    until("it cannot be renewed", PATIENCE, async || served.is("degraded").await.then_some(())).await;
    assert_eq!(visitor.shown().await.as_ref(), Some(&first), "it goes on");
    let metrics = visitor.browser().get(format!("{}/metrics", served.base)).send().await.expect("an answer").text().await.expect("text");
    let sample = |name: &str| metrics.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<f64>().ok()).expect("a sample");
    assert!(sample("llmos_certificate_failures ") >= 1.0 && sample("llmos_certificate_days_left ") < 1.0, "{metrics}");
    let (_, said) = served.doctor();
    assert!(said.contains("a newer one cannot be had, this one ends on") && said.contains("the authority cannot be asked"), "{said}");
    assert!(served.log().contains("no new certificate could be had"), "{}", served.log());

    // It comes back and knows nothing of us: a new account, and all is well again.
    pebble.run().await;
    let visitor = served.visitor(&pebble).await;
    until("it is renewed", PATIENCE, async || visitor.shown().await.filter(|found| *found != first)).await;
    until("all is well", PATIENCE, async || served.is("ready").await.then_some(())).await;
    process.kill();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_authority_refuses_is_said_and_not_asked_again_at_once() {
    // Its questions go to a port where nobody answers.
    let Some(pebble) = Pebble::start(port_of(&free_address())).await else { return };
    for (domain, words) in [("blocked.harbor.test", "blocked.harbor.test"), ("lost.harbor.test", "lost.harbor.test: ")] {
        let (orders, served) = (pebble.orders(), Served::new(&free_address(), &pebble, domain));
        let process = served.start();
        until("it is refused", PATIENCE, async || served.kept("trouble.txt")).await;
        until("it runs, without TLS that anybody takes", PATIENCE, async || served.is("degraded").await.then_some(())).await;
        let (code, said) = served.doctor();
        assert!(code == Some(1) && said.contains("there is none: ") && said.contains(words), "{said}");
        assert!(served.log().contains("no new certificate could be had"), "{}", served.log());
        tokio::time::sleep(Duration::from_secs(3)).await;
        // Now and then it lets a request be sent a second time.
        assert!(pebble.orders() - orders <= 3, "{domain}: the authority counts");
        process.kill();
    }
}
