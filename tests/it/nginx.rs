//! nginx before several nodes, with the configuration that we ship: only addresses are other ones.
//!
//! Needs `LLMOS_TEST_NGINX`, the program of nginx (`scripts/nginx` installs it and prints where it is).

use std::{
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::{app::skipped, process::free_address};

const SHIPPED: &str = include_str!("../../deploy/nginx.nodes.conf");
const PATIENCE: Duration = Duration::from_secs(20);

/// The program; without one, says so.
pub fn program() -> Option<String> {
    let program = std::env::var("LLMOS_TEST_NGINX").ok();
    if program.is_none() {
        skipped("nginx", "scripts/nginx prints the program for LLMOS_TEST_NGINX");
    }
    program
}

/// One that ends with the test.
pub struct Nginx {
    child: Child,
    /// Where people are led in: `http://127.0.0.1:port`.
    pub base: String,
    _folder: TempDir,
}

impl Nginx {
    /// Starts it before the nodes at these addresses, which need not be there yet.
    pub async fn start(program: &str, nodes: &[String; 3]) -> Self {
        let folder = TempDir::new().expect("a folder");
        let address = free_address();
        let (file, log) = (folder.path().join("nginx.conf"), folder.path().join("error.log"));
        std::fs::write(&file, configuration(folder.path(), &address, nodes)).expect("written");
        let child = Command::new(program)
            .args([Path::new("-p"), folder.path(), Path::new("-e"), &log, Path::new("-c"), &file])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("LLMOS_TEST_NGINX is a program");
        let nginx = Self { child, base: format!("http://{address}"), _folder: folder };
        let began = Instant::now();
        while TcpStream::connect(&address).await.is_err() {
            assert!(began.elapsed() < PATIENCE, "nginx listens: {}", std::fs::read_to_string(&log).unwrap_or_default());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        nginx
    }
}

impl Drop for Nginx {
    /// Its workers end with it when it is asked, and not when it is killed.
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
    }
}

/// The shipped file as it is included on a server, with `nodes` in place of those that it names, and everything that is written below `folder`.
fn configuration(folder: &Path, address: &str, nodes: &[String; 3]) -> String {
    let listen = format!("listen {address};");
    let [one, two, three] = nodes;
    let mut servers = SHIPPED.to_owned();
    for (theirs, ours) in [("server one:3000", one), ("server two:3000", two), ("server three:3000", three)] {
        assert_eq!(SHIPPED.matches(theirs).count(), 1, "deploy/nginx.nodes.conf names {theirs} once");
        servers = servers.replace(theirs, &format!("server {ours}"));
    }
    assert_eq!(SHIPPED.matches("listen 80;").count(), 1, "deploy/nginx.nodes.conf listens once");
    let servers = servers.replace("listen 80;", &listen);
    let folder = folder.display();
    // One worker: each counts the connections of its own alone, and two might send two people to the same node.
    format!(
        "daemon off;\nworker_processes 1;\nuser {} {};\npid {folder}/nginx.pid;\nevents {{ worker_connections 1024; }}\nhttp {{\n\
         access_log off;\nclient_body_temp_path {folder}/body;\nproxy_temp_path {folder}/proxy;\nfastcgi_temp_path {folder}/fastcgi;\n\
         uwsgi_temp_path {folder}/uwsgi;\nscgi_temp_path {folder}/scgi;\n{servers}}}\n",
        mine("-un"),
        mine("-gn")
    )
}

/// The name of the user, or of its group, that runs this: as root nginx would give its work to somebody who may not see the folder.
fn mine(which: &str) -> String {
    let output = Command::new("id").arg(which).output().expect("id is there");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Busy for one caller is not gone for all: nginx would answer everybody with 502 for as long as it takes each node to be gone.
#[test]
fn a_node_that_is_busy_for_one_stays_there_for_others() {
    use axum::{Router, http::StatusCode, routing::get};

    let Some(program) = program() else { return };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let addresses = [free_address(), free_address(), free_address()];
        for address in &addresses {
            let listener = tokio::net::TcpListener::bind(address).await.expect("it is free");
            let node = Router::new().route("/busy", get(|| async { StatusCode::SERVICE_UNAVAILABLE })).route("/", get(|| async { "here" }));
            tokio::spawn(async move { axum::serve(listener, node).await });
        }
        let nginx = Nginx::start(&program, &addresses).await;
        let status = async |path: &str| reqwest::get(format!("{}{path}", nginx.base)).await.expect("an answer").status().as_u16();
        for _ in 0..6 {
            assert_eq!(status("/busy").await, 503);
        }
        assert_eq!(status("/").await, 200);
    });
}
