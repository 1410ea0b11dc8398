//! The command line: every command that changes data talks to the running server over its local socket, and only when none
//! runs opens the database itself (by serving that same socket for the time of the command).

mod analytics;
mod backups;
mod folders;
mod market;
mod market_args;
mod market_keys;
mod market_owners;
mod model;
mod operations;
mod search;
mod team;
mod traces;
mod user;
mod volumes;

use std::{
    io::{IsTerminal as _, Write as _},
    time::Duration,
};

use clap::Subcommand;

use super::{
    config::Config,
    serve::{self, BoxError},
};
use crate::{
    error::AppError,
    features::jobs::model::{JobState, JobStatus},
};

/// Stands for the server behind the local socket.
const OWN_HOST: &str = "llmos.local";
const POLL: Duration = Duration::from_millis(100);

#[derive(Subcommand)]
pub enum Command {
    /// Import a folder or a zip of skills, tools and agents into a volume.
    #[command(after_help = "Examples:
  llmos import ./skills --team Harbor
  llmos import backup.zip --volume \"Field notes\"
  GIT_TOKEN=… llmos import --git https://github.com/team/skills.git --branch main --folder agents

What is there already and unchanged is counted and left; nothing is refused for the shape of its files, and the report says what was skipped and why.")]
    Import(volumes::Import),
    /// Export a volume to a folder, or to a zip if the name ends with .zip.
    #[command(after_help = "Examples:
  llmos export ./backup.zip --team Harbor
  llmos export ./notes --volume \"Field notes\"")]
    Export(volumes::Export),
    /// Whole teams: one as a file, and a team of such a file.
    #[command(after_help = "Examples:
  llmos team export Harbor harbor.team.zip
  llmos team import harbor.team.zip")]
    Team {
        #[command(subcommand)]
        command: team::Command,
    },
    /// Write one artifact in the folder form that agents read.
    #[command(after_help = "Examples:
  llmos pull code-review
  llmos pull dcf-valuation --kind skill --to ~/.claude/skills")]
    Pull(volumes::Pull),
    /// The sample team and volume.
    #[command(after_help = "Examples:
  llmos demo add
  llmos demo remove")]
    Demo {
        #[command(subcommand)]
        command: volumes::Demo,
    },
    /// The marketplace: search, show, install, update, publish, verify.
    #[command(after_help = "Examples:
  llmos market search company value
  llmos market install dcf-valuation@^1.2 --team Harbor
  llmos market publish ./skills/tide-tables --version 1.0.0 --license MIT
  llmos market verify dcf-valuation
  LLMOS_TOKEN=… llmos market --server https://skills.example.org show dcf-valuation")]
    Market(market::Market),
    /// Traces of agents' runs: bring in files of them.
    #[command(after_help = "Examples:
  llmos traces import ~/.claude/projects --team Harbor
  llmos traces import run.json spans.pb")]
    Traces {
        #[command(subcommand)]
        command: traces::Command,
    },
    /// Print every setting, its value (secrets hidden) and where it comes from.
    Config,
    /// Look at database, disk, clock, model, keys, webhooks, mail, certificate and address, and say what to do.
    #[command(after_help = "Examples:
  llmos doctor
  llmos doctor --json | jq '.[] | select(.verdict == \"wrong\")'

It changes nothing and needs no running server. The exit code is 1 when something is wrong; docs/troubleshooting.md has a section for each topic.")]
    Doctor(operations::Doctor),
    /// Ask the running server whether it serves, for health checks of containers.
    Healthcheck,
    /// Write a zip with what helps somebody else to find a fault, without secrets.
    #[command(after_help = "Examples:
  llmos support-bundle
  llmos support-bundle /tmp/for-support.zip")]
    SupportBundle(operations::Bundle),
    /// Make a backup now: of the database, the files and the server's own key.
    #[command(after_help = "Examples:
  llmos backup
  llmos backup --to s3://harbor-backups/llmos

docs/backups.md says how they are made by themselves.")]
    Backup(backups::Backup),
    /// Bring a backup back into an empty DATA_DIR, list backups, or try out whether one would come back.
    #[command(after_help = "Examples:
  llmos restore --list
  llmos restore --drill
  llmos restore --at 2026-11-23T03:29:00Z
  llmos restore --from /mnt/other-disk/llmos")]
    Restore(backups::Restore),
    /// Move from SQLite to PostgreSQL: copies every row and compares it.
    #[command(after_help = "Examples:
  llmos migrate --to postgres://llmos:PASSWORD@db.example.org/llmos

Stop the server first; DATA_DIR stays as it is.")]
    Migrate(backups::Migrate),
    /// The model that search goes by meaning with.
    #[command(after_help = "Examples:
  llmos model fetch
  EMBEDDING_MODEL_URL=https://mirror.example.org/all-MiniLM-L6-v2 llmos model fetch")]
    Model {
        #[command(subcommand)]
        command: model::Command,
    },
    /// Make the search index anew from the database.
    Reindex,
    /// The figures: make what usage events add up to anew.
    #[command(after_help = "Examples:
  llmos analytics rebuild")]
    Analytics {
        #[command(subcommand)]
        command: analytics::Command,
    },
    /// Accounts: reset a forgotten password, or lost second factors.
    #[command(after_help = "Examples:
  llmos user reset-password maya@example.org
  llmos user reset-factors maya@example.org")]
    User {
        #[command(subcommand)]
        command: user::Command,
    },
}

/// Runs one command.
pub async fn run(config: Config, command: Command) -> Result<(), BoxError> {
    match command {
        Command::Import(command) => volumes::import(config, command).await,
        Command::Export(command) => volumes::export(config, command).await,
        Command::Team { command } => team::run(config, command).await,
        Command::Pull(command) => volumes::pull(config, command).await,
        Command::Demo { command } => volumes::demo(config, command).await,
        Command::Market(command) => market::run(config, command).await,
        Command::Traces { command } => traces::run(config, command).await,
        Command::Config => {
            operations::config(&config);
            Ok(())
        }
        Command::Doctor(command) => operations::doctor(&config, command).await,
        Command::Healthcheck => operations::healthcheck(&config).await,
        Command::SupportBundle(command) => operations::support_bundle(&config, command).await,
        Command::Backup(command) => backups::backup(config, command).await,
        Command::Restore(command) => backups::restore(config, command).await,
        Command::Migrate(command) => backups::migrate(config, command).await,
        Command::Model { command } => model::run(&config, command).await,
        Command::Reindex => search::reindex(config).await,
        Command::Analytics { command } => analytics::run(config, command).await,
        Command::User { command } => user::run(config, command).await,
    }
}

/// Reads an answer, or says what the server had against it.
async fn read<T: serde::de::DeserializeOwned>(response: reqwest::Response) -> Result<T, BoxError> {
    let response = checked(response).await?;
    let bytes = response.bytes().await?;
    Ok(serde_json::from_slice(if bytes.is_empty() { b"null" } else { &bytes })?)
}

/// Waits for the end of a job, with a bar where somebody looks.
async fn followed(client: &Client, mut job: JobStatus) -> Result<JobStatus, BoxError> {
    let bar = std::io::stderr().is_terminal();
    while !job.state.ended() {
        if bar {
            eprint!("\r{} {:>5} of {:<5}", line(job.done, job.total), job.done, job.total);
            let _ = std::io::stderr().flush();
        }
        tokio::time::sleep(POLL).await;
        job = read(client.http.get(client.url(&format!("/jobs/{}", job.id))).send().await?).await?;
    }
    if bar {
        eprint!("\r\x1b[K");
    }
    if job.state == JobState::Done { Ok(job) } else { Err(job.error.unwrap_or_else(|| "it failed".to_owned()).into()) }
}

fn line(done: i64, total: i64) -> String {
    const WIDTH: usize = 30;
    let filled = if total > 0 { usize::try_from(done * WIDTH as i64 / total).unwrap_or(0).min(WIDTH) } else { 0 };
    format!("[{}{}]", "#".repeat(filled), ".".repeat(WIDTH - filled))
}

/// A good answer, or what the server had against the request.
async fn checked(response: reqwest::Response) -> Result<reqwest::Response, BoxError> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    if status == reqwest::StatusCode::UNAUTHORIZED {
        let own = response.url().host_str() == Some(OWN_HOST);
        return Err(if own {
            "nobody has an account on this server yet: open it in a browser to make the first one"
        } else {
            "the server asks who you are: give an API token with --token"
        }
        .into());
    }
    let bytes = response.bytes().await?;
    Err(serde_json::from_slice::<AppError>(&bytes).map_or_else(|_| format!("the server answered {status}").into(), Into::into))
}

/// A client for the server that has this DATA_DIR; starts one inside this process when none runs.
pub async fn client(config: Config) -> Result<Client, BoxError> {
    let path = serve::socket_path(&config.data_dir);
    let own = match serve::lock_data_dir(&config.data_dir)? {
        Some(lock) => {
            let state = serve::prepare(config).await?;
            let task = serve::local_socket(&state, super::router::router(state.clone()))?;
            let worker = tokio::spawn(super::worker::work(state.clone()));
            Some((lock, state, task, worker))
        }
        None => None,
    };
    let http = reqwest::Client::builder().unix_socket(path).build()?;
    Ok(Client { http, base: format!("http://{OWN_HOST}"), own })
}

/// Talks to `/api/v1`: of the server of this machine as the operator, of another one with a token.
pub struct Client {
    pub http: reqwest::Client,
    base: String,
    own: Option<(serve::DataDirLock, super::state::AppState, tokio::task::JoinHandle<()>, tokio::task::JoinHandle<()>)>,
}

impl Client {
    /// For another server.
    pub fn at(server: &str, token: Option<&str>) -> Result<Self, BoxError> {
        let mut headers = reqwest::header::HeaderMap::new();
        if let Some(token) = token {
            let mut value = reqwest::header::HeaderValue::from_str(&format!("Bearer {token}"))?;
            value.set_sensitive(true);
            headers.insert(reqwest::header::AUTHORIZATION, value);
        }
        let http = reqwest::Client::builder().default_headers(headers).redirect(reqwest::redirect::Policy::none()).build()?;
        Ok(Self { http, base: server.trim_end_matches('/').to_owned(), own: None })
    }

    /// The address of a route below `/api/v1`.
    pub fn url(&self, path: &str) -> String {
        format!("{}/api/v1{path}", self.base)
    }

    /// Ends a server that this client started.
    pub async fn close(self) {
        if let Some((_lock, state, task, worker)) = self.own {
            state.shutdown.cancel();
            let _ = worker.await;
            task.abort();
            let _ = std::fs::remove_file(serve::socket_path(&state.config.data_dir));
            state.db.close().await;
        }
    }
}
