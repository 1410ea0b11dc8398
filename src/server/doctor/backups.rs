//! Whether there is a way back.

use std::{future::Future, time::Duration};

use llmos_backup::Fault;

use super::Finding;
use crate::{
    server::{backups, clock, config::Config, db::Db},
    ui::plural,
};

const TOPIC: &str = "backups";
/// For a look into a store elsewhere.
const LIMIT: Duration = Duration::from_secs(20);

/// The newest backup, and whether a newer one should be there.
pub async fn newest(config: &Config) -> Finding {
    if Db::sqlite_file(&config.database_url).is_none() {
        return Finding::note(
            TOPIC,
            "of PostgreSQL, and not this program's: whether there are any is not known here",
            "Have pg_basebackup or pg_dump made by schedule, and DATA_DIR copied after it (docs/backups.md).",
        );
    }
    let Some(wanted) = &config.backups else {
        return Finding::note(
            TOPIC,
            "there are none: a lost disk costs everything",
            "Set BACKUP_URL to a folder on another disk or to s3://bucket/prefix (docs/backups.md).",
        );
    };
    let found = within(async { backups::newest(&backups::store(config, None, false).await?).await }).await;
    match found {
        Ok(Some(newest)) => {
            let says = format!("the newest in {} is of {}", wanted.url, clock::rfc3339(newest));
            if wanted.is_overdue(newest, clock::now_ms()) {
                return Finding::wrong(
                    TOPIC,
                    format!("{says}: by BACKUP_SCHEDULE a newer one should be there"),
                    "Start the server if it does not run; otherwise its log says why none was made.",
                );
            }
            Finding::good(TOPIC, says)
        }
        Ok(None) => Finding::wrong(
            TOPIC,
            format!("there is none in {} yet", wanted.url),
            "Start the server, which makes one, or run llmos backup; its log says why none was made.",
        ),
        Err(why) => Finding::wrong(TOPIC, why, "Mend BACKUP_URL or what it leads to; llmos backup tries it out."),
    }
}

/// Brings the newest backup and its log back aside, looks at all of it, and says what a lost disk would have cost.
pub async fn drill(config: &Config) -> Finding {
    const TOPIC: &str = "restore drill";
    match backups::restore_drill(config, None).await {
        Ok(drill) => {
            let seconds = |millis: i64| millis as f64 / 1_000.0;
            let rows: i64 = drill.restored.rows.values().sum();
            let parts = plural(i64::try_from(drill.restored.segments).unwrap_or(i64::MAX), "part", "parts");
            Finding::good(
                TOPIC,
                format!(
                    "backup {} and {parts} of its log came back whole, {rows} rows and {} files: RPO {:.1} s at most, RTO {:.1} s",
                    drill.restored.backup,
                    drill.restored.files,
                    seconds(drill.rpo_ms),
                    seconds(drill.rto_ms)
                ),
            )
        }
        Err(why) => {
            Finding::wrong(TOPIC, why.to_string(), "Make a new backup with llmos backup, and look at the disk that this one is on.")
        }
    }
}

async fn within<T>(look: impl Future<Output = Result<T, Fault>>) -> Result<T, String> {
    match tokio::time::timeout(LIMIT, look).await {
        Ok(found) => found.map_err(|fault| fault.to_string()),
        Err(_) => Err("the backup store takes too long to answer".to_owned()),
    }
}
