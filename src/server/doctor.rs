//! What `llmos doctor` looks at. It opens the database beside a running server, only to read, and asks that server over its local socket how it is;
//! so it works as well where none runs, or none starts.

mod backups;
mod outside;
mod storage;
mod time;

use serde::Serialize;

use super::{clock, config::Config, db::Db, error::chain};

pub use backups::drill;
pub use storage::{LITTLE, TOO_LITTLE, size};

/// How something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Good,
    /// It works, but not as well as it could.
    Note,
    Wrong,
}

/// One line of the report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at, such as `database`; docs/troubleshooting.md has these words.
    pub topic: &'static str,
    pub verdict: Verdict,
    /// What was found.
    pub says: String,
    /// What to do about it; nothing where it is good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub todo: Option<String>,
}

impl Finding {
    fn good(topic: &'static str, says: impl Into<String>) -> Self {
        Self { topic, verdict: Verdict::Good, says: says.into(), todo: None }
    }

    fn note(topic: &'static str, says: impl Into<String>, todo: impl Into<String>) -> Self {
        Self { topic, verdict: Verdict::Note, says: says.into(), todo: Some(todo.into()) }
    }

    fn wrong(topic: &'static str, says: impl Into<String>, todo: impl Into<String>) -> Self {
        Self { topic, verdict: Verdict::Wrong, says: says.into(), todo: Some(todo.into()) }
    }
}

/// Looks at everything, in the order in which it is best mended.
pub async fn examine(config: &Config) -> Vec<Finding> {
    let mut findings = vec![storage::folder(config), storage::disk(config)];
    let mut times = Vec::new();
    match Db::look_at(&config.database_url).await {
        Ok(db) => {
            findings.extend(storage::database(config, &db).await);
            times.extend(time::of_database(&db).await);
            findings.extend(storage::contents(config, &db).await);
            db.close().await;
        }
        Err(error) => findings.push(storage::no_database(config, &chain(&error))),
    }
    times.extend(outside::time(config).await);
    findings.push(time::finding(&times, clock::now_ms()));
    findings.extend(storage::files(config).await);
    findings.push(backups::newest(config).await);
    findings.push(outside::model(config));
    findings.push(outside::mail(config).await);
    findings.extend(outside::certificate(config));
    findings.extend(outside::nodes(config).await);
    findings.extend(outside::site(config).await);
    findings.extend(outside::market(config).await);
    findings.extend(outside::server(config).await);
    findings
}
