//! What is kept: the folder, the disk, the database and what in it waits or failed.

use std::{fs, path::Path};

use super::Finding;
use crate::{
    error::AppError,
    features::{accounts, accounts::model::KeyProvider, analytics, git, webhooks},
    server::{
        blobs, clock,
        config::Config,
        db::{Db, Engine, Schema},
        error::is_damage,
        machine,
        secrets::Vault,
    },
    ui::{bytes, plural},
};

/// Below this much free space there is something to do, …
pub const LITTLE: u64 = 1 << 30;
/// … and below this much nothing may be stored soon.
pub const TOO_LITTLE: u64 = 100 << 20;
/// What to do about a damaged database.
const RESTORE: &str =
    "Stop the server, keep this file, and put the newest good copy in its place: a backup, or one of the copies beside it.";

pub fn folder(config: &Config) -> Finding {
    let folder = &config.data_dir;
    if !folder.exists() {
        return Finding::note("data folder", format!("{} is not there yet", folder.display()), "Nothing: the first start makes it.");
    }
    match tempfile::NamedTempFile::new_in(folder) {
        Ok(_) => Finding::good("data folder", format!("{} can be written", folder.display())),
        Err(error) => Finding::wrong(
            "data folder",
            format!("{} cannot be written: {error}", folder.display()),
            "Give it to the user that runs the server, or set another DATA_DIR.",
        ),
    }
}

pub fn disk(config: &Config) -> Finding {
    let existing = config.data_dir.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("."));
    let Some(disk) = machine::disk(existing) else {
        return Finding::note("disk", "how much is free cannot be found out", "Look yourself: df -h.");
    };
    let says = format!("{} of {} free", size(disk.free), size(disk.size));
    match disk.free {
        free if free < TOO_LITTLE => Finding::wrong("disk", says, "Make room now: soon nothing can be stored."),
        free if free < LITTLE => Finding::note("disk", says, "Make room before it is full."),
        _ => Finding::good("disk", says),
    }
}

/// The object store of files, where there is one.
pub async fn files(config: &Config) -> Option<Finding> {
    const TOPIC: &str = "files";
    let url = config.blob_url.as_deref()?;
    Some(match blobs::reach(url, &config.s3).await {
        Ok(()) => Finding::good(TOPIC, format!("{url} answers")),
        Err(why) => {
            Finding::wrong(TOPIC, why, "Look at BLOB_URL and at the credentials in the environment (AWS_ACCESS_KEY_ID, AWS_ENDPOINT …).")
        }
    })
}

pub fn size(size: u64) -> String {
    bytes(i64::try_from(size).unwrap_or(i64::MAX))
}

pub fn no_database(config: &Config, why: &str) -> Finding {
    let is_new = Db::sqlite_file(&config.database_url).is_some_and(|file| !file.exists());
    if is_new {
        return Finding::note("database", "there is none yet", "Nothing: the first start makes it.");
    }
    if is_damage(why) {
        return Finding::wrong("database", format!("it is damaged: {why}"), RESTORE);
    }
    Finding::wrong("database", format!("it cannot be opened: {why}"), "Look at DATABASE_URL, and whether the database runs.")
}

pub async fn database(config: &Config, db: &Db) -> Vec<Finding> {
    let schema = match db.schema().await {
        Ok(Schema { applied, known }) if applied > known => Finding::wrong(
            "schema",
            format!("a newer version of llmos has written here (schema {applied}, this one knows {known})"),
            "Start that version again, or put the copy from before the upgrade back.",
        ),
        Ok(Schema { applied, known }) if applied < known => Finding::note(
            "schema",
            format!("it is at {applied} of {known}"),
            "Start the server: it brings it up to date, after a copy beside the database.",
        ),
        Ok(Schema { applied, .. }) => Finding::good("schema", format!("up to date ({applied})")),
        Err(error) => Finding::note("schema", format!("it cannot be read: {error}"), "Start the server once: it makes what is missing."),
    };
    vec![integrity(config, db).await, schema]
}

async fn integrity(config: &Config, db: &Db) -> Finding {
    if db.engine() == Engine::Postgres {
        let version: Result<String, _> = sqlx::query_scalar("SELECT version()").fetch_one(db.read()).await;
        return match version {
            Ok(version) => {
                let name: Vec<&str> = version.split_whitespace().take(2).collect();
                Finding::good("database", format!("{} answers", name.join(" ")))
            }
            Err(error) => Finding::wrong("database", format!("it does not answer: {error}"), "Look at its log, and at DATABASE_URL."),
        };
    }
    let file = Db::sqlite_file(&config.database_url).map(|file| file.display().to_string()).unwrap_or_default();
    let found: Result<Vec<String>, _> = sqlx::query_scalar("PRAGMA integrity_check(5)").fetch_all(db.read()).await;
    match found {
        Ok(lines) if lines == ["ok"] => Finding::good("database", format!("{file} is whole")),
        Ok(lines) => Finding::wrong("database", format!("{file} is damaged: {}", lines.join("; ")), RESTORE),
        Err(error) => Finding::wrong("database", format!("{file} cannot be read: {error}"), RESTORE),
    }
}

/// What is in the database; nothing of one without tables.
pub async fn contents(config: &Config, db: &Db) -> Vec<Finding> {
    let number = async |sql: &'static str| sqlx::query_scalar::<_, Option<i64>>(sql).fetch_optional(db.read()).await.map(Option::flatten);
    let mut findings = Vec::new();
    if let (Ok(failed), Ok(due)) = (
        number("SELECT COUNT(*) FROM jobs WHERE state = 'failed'").await,
        number("SELECT MIN(run_at) FROM jobs WHERE state = 'queued'").await,
    ) {
        let waits = due.map_or(0, |due| clock::now_ms() - due);
        findings.push(match (failed.unwrap_or_default(), waits) {
            (_, waits) if waits > 10 * clock::MINUTE => Finding::note(
                "jobs",
                format!("one has waited for {} minutes", waits / clock::MINUTE),
                "Start the server if it does not run; otherwise look at /admin/jobs.",
            ),
            (0, _) => Finding::good("jobs", "none failed"),
            (failed, _) => Finding::note("jobs", format!("{failed} failed"), "Read why at /admin/jobs, and begin them again there."),
        });
    }
    findings.push(keys(config, db).await);
    findings.extend(deliveries(config, db).await);
    if let Ok(failed) = number("SELECT COUNT(*) FROM notification_deliveries WHERE state = 'failed'").await {
        let failed = failed.unwrap_or_default();
        if failed > 0 {
            findings.push(Finding::note(
                "mail",
                format!("{failed} messages were not taken"),
                "The log says why of each; Settings, Notifications has a test.",
            ));
        }
    }
    findings.extend(usage(config, db).await);
    findings
}

/// Whether usage is counted, and how far.
async fn usage(config: &Config, db: &Db) -> Option<Finding> {
    const TOPIC: &str = "analytics";
    if !config.analytics_enabled {
        return Some(Finding::note(TOPIC, "usage is not counted", "Set ANALYTICS_ENABLED=true if it should be."));
    }
    let (newest, counted, at) = analytics::service::progress(db).await.ok()?;
    let waiting = (newest - counted).max(0);
    Some(match clock::now_ms() - at {
        // A new server has counted nothing yet.
        ago if waiting > 0 && at > 0 && ago > clock::HOUR => Finding::note(
            TOPIC,
            format!(
                "{} to be counted, and none was for {}",
                plural(waiting, "event waits", "events wait"),
                plural(ago / clock::HOUR, "hour", "hours")
            ),
            "Start the server if it does not run; otherwise its log says why, and llmos analytics rebuild counts anew what is kept.",
        ),
        _ => Finding::good(TOPIC, format!("{counted} events are counted, {waiting} wait")),
    })
}

async fn keys(config: &Config, db: &Db) -> Finding {
    const TOPIC: &str = "keys";
    let key = match &config.secret_key {
        Some(key) => key.as_bytes().to_vec(),
        None => {
            let path = config.data_dir.join("secret.key");
            let Ok(key) = fs::read(&path) else {
                return Finding::note(
                    TOPIC,
                    format!("{} is not there", path.display()),
                    "Nothing on a new server. After a restore: put it back, what is sealed needs it.",
                );
            };
            let is_open = fs::metadata(&path).is_ok_and(|found| std::os::unix::fs::PermissionsExt::mode(&found.permissions()) & 0o077 != 0);
            if is_open {
                return Finding::wrong(TOPIC, format!("others can read {}", path.display()), format!("chmod 600 {}", path.display()));
            }
            key
        }
    };
    let vault = Vault::new(&key);
    let unreadable = async {
        Ok::<_, AppError>([
            (accounts::service::unreadable_team_keys(db, &vault, KeyProvider::OpenAi).await?, "key of a team", "keys of teams"),
            (accounts::service::unreadable_factors(db, &vault).await?, "authenticator app", "authenticator apps"),
            (git::service::unreadable_tokens(db, &vault).await?, "token of a repository", "tokens of repositories"),
            (webhooks::service::unreadable_secrets(db, &vault).await?, "webhook secret", "webhook secrets"),
        ])
    };
    match unreadable.await {
        Ok(counts) if counts.iter().all(|(count, ..)| *count == 0) => Finding::good(TOPIC, "what is sealed can be opened"),
        Ok(counts) => {
            let what = counts.into_iter().filter(|(count, ..)| *count > 0);
            let what: Vec<String> = what.map(|(count, one, many)| plural(i64::try_from(count).unwrap_or(i64::MAX), one, many)).collect();
            Finding::wrong(
                TOPIC,
                format!("sealed under another SECRET_KEY: {}", what.join(", ")),
                "Set the old SECRET_KEY, or add those again.",
            )
        }
        Err(error) => Finding::note(TOPIC, format!("they cannot be looked at: {error}"), "See “database” and “schema”."),
    }
}

async fn deliveries(config: &Config, db: &Db) -> Option<Finding> {
    const TOPIC: &str = "webhooks";
    let number = async |sql: &'static str| sqlx::query_scalar::<_, i64>(sql).fetch_one(db.read()).await.ok();
    let linked = number("SELECT COUNT(*) FROM git_links").await?;
    let own = number("SELECT COUNT(*) FROM webhook_secrets").await?;
    let failed = number("SELECT COUNT(*) FROM deliveries WHERE state = 'failed'").await?;
    let waiting = number("SELECT COUNT(*) FROM deliveries WHERE state = 'received'").await?;
    let has_secret = own > 0 || !config.webhook_secrets.is_empty();
    Some(match (has_secret, linked, failed) {
        (false, 0, _) => Finding::good(TOPIC, "not used"),
        (false, ..) => Finding::note(
            TOPIC,
            "volumes are linked to repositories, but there is no secret: every delivery is refused",
            "Set GITHUB_WEBHOOK_SECRET to what the webhook has at GitHub.",
        ),
        (true, _, 0) => Finding::good(TOPIC, format!("{waiting} deliveries wait, none failed")),
        (true, ..) => Finding::note(TOPIC, format!("{failed} deliveries failed"), "Read why at /deliveries, and replay them there."),
    })
}
