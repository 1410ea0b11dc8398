//! The command line: every command that changes data talks to the running server over its local socket, and only when none
//! runs opens the database itself (by serving that same socket for the time of the command).

mod folders;
mod user;
mod volumes;

use clap::Subcommand;

use super::{
    config::Config,
    serve::{self, BoxError},
};
use crate::error::AppError;

#[derive(Subcommand)]
pub enum Command {
    /// Import a folder or a zip of skills, tools and agents into a volume.
    Import(volumes::Import),
    /// Export a volume to a folder, or to a zip if the name ends with .zip.
    Export(volumes::Export),
    /// Write one artifact in the folder form that agents read.
    Pull(volumes::Pull),
    /// The sample team and volume.
    Demo {
        #[command(subcommand)]
        command: volumes::Demo,
    },
    /// Accounts: reset a forgotten password.
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
        Command::Pull(command) => volumes::pull(config, command).await,
        Command::Demo { command } => volumes::demo(config, command).await,
        Command::User { command } => user::run(config, command).await,
    }
}

/// Reads an answer, or says what the server had against it.
async fn read<T: serde::de::DeserializeOwned>(response: reqwest::Response) -> Result<T, BoxError> {
    let response = checked(response).await?;
    let bytes = response.bytes().await?;
    Ok(serde_json::from_slice(if bytes.is_empty() { b"null" } else { &bytes })?)
}

/// A good answer, or what the server had against the request.
async fn checked(response: reqwest::Response) -> Result<reqwest::Response, BoxError> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    if status == reqwest::StatusCode::UNAUTHORIZED {
        return Err("nobody has an account on this server yet: open it in a browser to make the first one".into());
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
    Ok(Client { http, own })
}

/// Talks to `/api/v1` as the operator.
pub struct Client {
    pub http: reqwest::Client,
    own: Option<(serve::DataDirLock, super::state::AppState, tokio::task::JoinHandle<()>, tokio::task::JoinHandle<()>)>,
}

impl Client {
    /// The address of a route below `/api/v1`; the host is not used.
    pub fn url(&self, path: &str) -> String {
        format!("http://llmos.local/api/v1{path}")
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
