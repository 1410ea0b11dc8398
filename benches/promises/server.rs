//! A server process of its own, on a data folder of its own, and an account in it.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::Result;

pub struct Server {
    process: Child,
    cores: Option<String>,
    variables: &'static [(&'static str, &'static str)],
    data: PathBuf,
    /// Removed with it, where its data is not kept.
    _removed: Option<TempDir>,
    pub address: String,
    pub client: reqwest::Client,
    /// From starting the process to the first answer.
    pub started_in: Duration,
}

impl Server {
    /// Starts the release binary; `cores` as `taskset` takes them.
    pub async fn start(cores: Option<&str>) -> Result<Self> {
        Self::start_with(cores, &[]).await
    }

    /// The same with variables of the environment.
    pub async fn start_with(cores: Option<&str>, variables: &'static [(&'static str, &'static str)]) -> Result<Self> {
        let data = TempDir::new()?;
        Self::start_in(data.path().to_owned(), Some(data), cores, variables).await
    }

    /// The same on data that stays.
    pub async fn start_on(data: &Path, variables: &'static [(&'static str, &'static str)]) -> Result<Self> {
        Self::start_in(data.to_owned(), None, None, variables).await
    }

    async fn start_in(
        data: PathBuf,
        removed: Option<TempDir>,
        cores: Option<&str>,
        variables: &'static [(&'static str, &'static str)],
    ) -> Result<Self> {
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let address = format!("127.0.0.1:{port}");
        let client = reqwest::Client::builder().cookie_store(true).build()?;
        let began = Instant::now();
        let process = spawn(cores, &data, &address, variables)?;
        let cores = cores.map(str::to_owned);
        let mut server = Self { process, cores, variables, data, _removed: removed, address, client, started_in: Duration::ZERO };
        server.answers(began).await?;
        Ok(server)
    }

    /// Kills it and starts it again on the same data.
    pub async fn restart(&mut self) -> Result<()> {
        self.kill()?;
        let began = Instant::now();
        self.process = spawn(self.cores.as_deref(), &self.data, &self.address, self.variables)?;
        self.answers(began).await
    }

    /// Kills it.
    pub fn kill(&mut self) -> Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }

    /// Asks it to stop, and waits until it has.
    pub fn stop(&mut self) -> Result<()> {
        Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status()?;
        self.process.wait()?;
        Ok(())
    }

    /// Asks it to stop, and starts it again on the same data.
    pub async fn resume(&mut self) -> Result<()> {
        self.stop()?;
        let began = Instant::now();
        self.process = spawn(self.cores.as_deref(), &self.data, &self.address, self.variables)?;
        self.answers(began).await
    }

    async fn answers(&mut self, began: Instant) -> Result<()> {
        while self.client.get(self.url("/healthz")).send().await.is_err() {
            if began.elapsed() > Duration::from_secs(30) {
                return Err("the server did not start".into());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.started_in = began.elapsed();
        Ok(())
    }

    /// Of its process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    pub fn data(&self) -> &Path {
        &self.data
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Calls `/api/v1` and fails on anything but success.
    pub async fn api(&self, method: &str, path: &str, body: Option<Value>) -> Result<Value> {
        let mut request = self.client.request(method.parse()?, self.url(&format!("/api/v1{path}")));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await?;
        let status = response.status();
        let text = response.text().await?;
        if !status.is_success() {
            return Err(format!("{method} {path}: {status} {text}").into());
        }
        Ok(if text.is_empty() { Value::Null } else { serde_json::from_str(&text)? })
    }

    /// Opens the first account and a team; gives the id of the team's volume.
    pub async fn set_up(&self) -> Result<String> {
        let account = json!({ "name": "Bench", "email": "bench@example.org", "password": "a bench to sit on" });
        self.api("POST", "/sign-up", Some(account)).await?;
        let team = self.api("POST", "/teams", Some(json!({ "name": "Harbor Platform" }))).await?;
        let volumes = self.api("GET", "/volumes", None).await?;
        let volume = volumes.as_array().and_then(|volumes| volumes.iter().find(|volume| volume["team"] == team["id"]));
        Ok(volume.and_then(|volume| volume["id"].as_str()).ok_or("the team has no volume")?.to_owned())
    }

    /// As many agents with tokens, and sessions to meet in.
    pub async fn place(&self, members: usize, sessions: usize) -> Result<Place> {
        let me = self.api("GET", "/me", None).await?;
        let team = me["teams"][0]["id"].as_str().ok_or("no team")?.to_owned();
        let mut place = Place { tokens: Vec::new(), sessions: Vec::new() };
        for number in 0..members {
            let new = json!({ "name": format!("agent {number}"), "role": "member" });
            let agent = self.api("POST", &format!("/teams/{team}/agents"), Some(new)).await?;
            let id = agent["person"]["id"].as_str().ok_or("no agent")?;
            let new = json!({ "name": "bench", "scopes": ["read", "write"] });
            let token = self.api("POST", &format!("/teams/{team}/agents/{id}/tokens"), Some(new)).await?;
            place.tokens.push(token["secret"].as_str().ok_or("no token")?.to_owned());
        }
        for number in 0..sessions {
            let session = self.api("POST", "/sessions", Some(json!({ "title": format!("Session {number}"), "teamId": team }))).await?;
            place.sessions.push(session["id"].as_str().ok_or("no session")?.to_owned());
        }
        Ok(place)
    }

    /// An artifact of the team's.
    pub async fn artifact(&self, name: &str) -> Result<String> {
        let volumes = self.api("GET", "/volumes", None).await?;
        let volume = volumes.as_array().into_iter().flatten().find(|volume| volume["kind"] == "team").ok_or("the team has no volume")?;
        let made = self.api("POST", "/artifacts", Some(json!({ "volumeId": volume["id"], "kind": "skill", "name": name }))).await?;
        Ok(made["summary"]["id"].as_str().ok_or("no artifact")?.to_owned())
    }

    /// Imports a zip and waits for its end; gives the report.
    pub async fn import(&self, volume: &str, zip: Vec<u8>) -> Result<Value> {
        let request =
            self.client.post(self.url(&format!("/api/v1/volumes/{volume}/imports"))).header("content-type", "application/zip").body(zip);
        let response = request.send().await?;
        let text = response.text().await?;
        let job: Value = serde_json::from_str(&text)?;
        let id = job["id"].as_str().ok_or_else(|| format!("no job: {text}"))?.to_owned();
        loop {
            let job = self.api("GET", &format!("/jobs/{id}"), None).await?;
            match job["state"].as_str() {
                Some("done") => return Ok(job["report"].clone()),
                Some("failed") => return Err(format!("the import failed: {}", job["error"]).into()),
                _ => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }

    /// A line of `/proc/<pid>/status` in megabytes (`VmRSS`, `VmHWM`).
    pub fn memory(&self, line: &str) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let kilobytes =
            status.lines().find_map(|text| text.strip_prefix(line)?.trim_start_matches(':').split_whitespace().next()?.parse::<f64>().ok());
        Ok(kilobytes.ok_or("no such line in /proc")? / 1024.0)
    }
}

/// Who takes part, and where.
pub struct Place {
    pub tokens: Vec<String>,
    pub sessions: Vec<String>,
}

/// The release binary, or what LLMOS_BINARY names.
pub fn binary() -> PathBuf {
    std::env::var_os("LLMOS_BINARY").map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target/release/llmos"), PathBuf::from)
}

fn spawn(cores: Option<&str>, data: &Path, address: &str, variables: &[(&str, &str)]) -> Result<Child> {
    let mut command = match cores {
        Some(cores) => {
            let mut command = Command::new("taskset");
            command.args(["-c", cores]).arg(binary());
            command
        }
        None => Command::new(binary()),
    };
    command
        .arg("serve")
        .env("DATA_DIR", data)
        .env("LEPTOS_SITE_ADDR", address)
        .env("RUST_LOG", "error")
        // What is measured is the server, by far fewer callers than it has.
        .envs(["RATE_USER", "RATE_PROGRAM", "RATE_ADDRESS", "RATE_ROUTE", "RATE_COSTLY"].map(|name| (name, "0")))
        .envs(variables.iter().copied())
        .stdout(Stdio::null());
    Ok(command.spawn()?)
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
