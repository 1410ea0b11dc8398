//! `llmos config`, `doctor`, `healthcheck` and `support-bundle`: what whoever runs the server asks about it. None of them changes anything, so they open the
//! database beside a running server.

use std::{
    fs::File,
    io::{IsTerminal as _, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use zip::write::SimpleFileOptions;

use super::BoxError;
use crate::server::{
    clock,
    config::{Config, source::Setting},
    doctor::{self, Finding, Verdict},
    serve,
};

/// How long a health check waits.
const HEALTH: Duration = Duration::from_secs(4);

#[derive(Args)]
pub struct Doctor {
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Also restore the newest backup aside, look at all of it, say how much would have been lost (RPO) and how long it took (RTO), and remove it again.
    #[arg(long)]
    restore_drill: bool,
}

#[derive(Args)]
pub struct Bundle {
    /// The zip to write; not given: llmos-support-<time>.zip in this folder.
    to: Option<PathBuf>,
}

/// Prints every setting with its origin.
pub fn config(config: &Config) {
    print!("{}", settings(&config.settings));
}

fn settings(settings: &[Setting]) -> String {
    let names = settings.iter().map(|setting| setting.name.len()).max().unwrap_or_default();
    let values = settings.iter().map(|setting| value(setting).chars().count()).max().unwrap_or_default().min(60);
    let line = |setting: &Setting| format!("{:names$}  {:values$}  {}\n", setting.name, value(setting), setting.origin);
    settings.iter().map(line).collect()
}

fn value(setting: &Setting) -> &str {
    setting.shown.as_deref().unwrap_or("(not set)")
}

/// Looks at everything and says what to do; an error when something is wrong.
pub async fn doctor(config: &Config, command: Doctor) -> Result<(), BoxError> {
    let mut findings = doctor::examine(config).await;
    if command.restore_drill {
        findings.push(doctor::drill(config).await);
    }
    if command.json {
        println!("{}", serde_json::to_string_pretty(&findings)?);
    } else {
        print!("{}", lines(&findings, std::io::stdout().is_terminal()));
    }
    match findings.iter().filter(|finding| finding.verdict == Verdict::Wrong).count() {
        0 => Ok(()),
        1 => Err("one thing is wrong".into()),
        wrong => Err(format!("{wrong} things are wrong").into()),
    }
}

fn lines(findings: &[Finding], colours: bool) -> String {
    let topics = findings.iter().map(|finding| finding.topic.len()).max().unwrap_or_default();
    let mut text = String::new();
    for finding in findings {
        let (word, colour) = match finding.verdict {
            Verdict::Good => ("good ", "32"),
            Verdict::Note => ("note ", "33"),
            Verdict::Wrong => ("WRONG", "31"),
        };
        let word = if colours { format!("\x1b[{colour}m{word}\x1b[0m") } else { word.to_owned() };
        text.push_str(&format!("{word}  {:topics$}  {}\n", finding.topic, finding.says));
        if let Some(todo) = &finding.todo {
            text.push_str(&format!("       {:topics$}  -> {todo}\n", ""));
        }
    }
    text
}

/// Asks the server that runs on this DATA_DIR whether it serves; an error when not.
pub async fn healthcheck(config: &Config) -> Result<(), BoxError> {
    match tokio::time::timeout(HEALTH, asked(config, "/healthz")).await {
        Ok(Ok(answer)) if answer == "ok" => Ok(()),
        Ok(Ok(answer)) => Err(answer.into()),
        Ok(Err(error)) => Err(format!("the server cannot be asked: {error}").into()),
        Err(_) => Err("the server took too long".into()),
    }
}

/// Writes what helps somebody else to find a fault, without secrets and without anything that people wrote.
pub async fn support_bundle(config: &Config, command: Bundle) -> Result<(), BoxError> {
    let stamp: String = clock::rfc3339(clock::now_ms()).chars().take(19).filter(char::is_ascii_alphanumeric).collect();
    let path = command.to.unwrap_or_else(|| PathBuf::from(format!("llmos-support-{stamp}.zip")));
    let findings = doctor::examine(config).await;
    let mut parts = vec![
        ("README.txt", README.to_owned()),
        ("version.txt", format!("llmos {}\n{} {}\n", env!("CARGO_PKG_VERSION"), std::env::consts::OS, std::env::consts::ARCH)),
        ("config.txt", settings(&config.settings)),
        ("doctor.txt", lines(&findings, false)),
        ("doctor.json", serde_json::to_string_pretty(&findings)?),
    ];
    for (name, address) in [("readyz.json", "/readyz"), ("metrics.txt", "/metrics")] {
        parts.push((name, asked(config, address).await.unwrap_or_else(|error| format!("the server could not be asked: {error}\n"))));
    }
    write(&path, &parts).map_err(|error| format!("{}: {error}", path.display()))?;
    println!("{}", path.display());
    Ok(())
}

const README: &str = "What llmos knows of this installation, for whoever helps with it.

Secrets are left out, and so is what people wrote; addresses, folders and the names of settings are in it. Look through it before you pass it on.
The server's log is not in it: it goes to standard error, so to the journal under systemd (journalctl -u llmos --since -1h).
";

async fn asked(config: &Config, address: &str) -> Result<String, BoxError> {
    let client = reqwest::Client::builder().unix_socket(serve::socket_path(&config.data_dir)).build()?;
    Ok(client.get(format!("http://{}{address}", super::OWN_HOST)).send().await?.text().await?)
}

fn write(path: &Path, parts: &[(&str, String)]) -> Result<(), BoxError> {
    let mut zip = zip::ZipWriter::new(File::options().write(true).create_new(true).open(path)?);
    for (name, text) in parts {
        zip.start_file(*name, SimpleFileOptions::default())?;
        zip.write_all(text.as_bytes())?;
    }
    zip.finish()?.sync_all()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::config::source::Origin;

    #[test]
    fn settings_stand_in_columns() {
        let setting =
            |name: &str, shown: Option<&str>| Setting { name: name.into(), shown: shown.map(Into::into), origin: Origin::Default };
        let text = settings(&[setting("DATA_DIR", Some("data")), setting("SITE_URL", None)]);
        assert_eq!(text, "DATA_DIR  data       default\nSITE_URL  (not set)  default\n");
    }
}
