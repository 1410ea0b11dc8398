//! `llmos backup`, `restore` and `migrate`. They read and write files and no row that a server has, so they do not go through its socket: a
//! backup is made beside it, also when it hangs, and the other two want it stopped.

use clap::Args;
use llmos_backup::{Manifest, Wish, moment_id};

use super::BoxError;
use crate::server::{backups, clock, config::Config, machine, migrate, serve};

#[derive(Args)]
pub struct Backup {
    /// A folder, or s3://bucket/prefix; not given: BACKUP_URL.
    #[arg(long, value_name = "URL")]
    to: Option<String>,
}

#[derive(Args)]
pub struct Restore {
    /// A folder, or s3://bucket/prefix; not given: BACKUP_URL.
    #[arg(long, value_name = "URL")]
    from: Option<String>,
    /// The name of a backup; not given: the newest one.
    #[arg(long)]
    backup: Option<String>,
    /// The state of this moment: 2026-11-23T03:30:00Z, or milliseconds since 1970.
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// Only show which backups there are.
    #[arg(long, conflicts_with_all = ["backup", "at"])]
    list: bool,
    /// Restore the newest one aside, look at all of it, say how much would have been lost and how long it took, and remove it again.
    #[arg(long, conflicts_with_all = ["backup", "at", "list"])]
    drill: bool,
}

#[derive(Args)]
pub struct Migrate {
    /// An empty database: postgres://user:password@host/name.
    #[arg(long, value_name = "URL")]
    to: String,
}

pub async fn backup(config: Config, command: Backup) -> Result<(), BoxError> {
    // Packing takes a whole core for a while; whoever asks the server something meanwhile should not notice.
    machine::give_way();
    let Manifest { id, database, files, moment, finished, .. } = backups::make(&config, command.to.as_deref()).await?;
    let rows: i64 = database.rows.values().sum();
    let bytes = database.size + files.iter().map(|file| file.size).sum::<u64>();
    let seconds = (finished - moment) as f64 / 1_000.0;
    println!("backup {id}: {rows} rows, {} files, {} MB, in {seconds:.1} s", files.len(), bytes / 1_000_000);
    Ok(())
}

pub async fn restore(config: Config, command: Restore) -> Result<(), BoxError> {
    let from = command.from.as_deref();
    if command.list {
        for id in llmos_backup::list(&backups::store(&config, from, false).await?).await? {
            println!("{id}  {}", moment_id(&id).map(clock::rfc3339).unwrap_or_default());
        }
        return Ok(());
    }
    if command.drill {
        let drill = backups::restore_drill(&config, from).await?;
        let seconds = |millis: i64| millis as f64 / 1_000.0;
        println!("backup {} with {} parts of the log is whole", drill.restored.backup, drill.restored.segments);
        println!("lost would have been what was written in the last {:.1} s (RPO)", seconds(drill.rpo_ms));
        println!("back after {:.1} s (RTO)", seconds(drill.rto_ms));
        return Ok(());
    }
    let at = command.at.as_deref().map(moment).transpose()?;
    let Some(_lock) = serve::lock_data_dir(&config.data_dir)? else {
        return Err(format!("a server runs on {}: stop it first", config.data_dir.display()).into());
    };
    let wish = Wish { backup: command.backup, at, thorough: false };
    let report = backups::restore(&config, from, &wish).await?;
    let rows: i64 = report.rows.values().sum();
    println!(
        "restored the state of {} into {}: {rows} rows, {} files, {} MB, in {:.1} s; all of it was verified",
        clock::rfc3339(report.moment),
        config.data_dir.display(),
        report.files,
        report.bytes / 1_000_000,
        report.took_ms as f64 / 1_000.0
    );
    Ok(())
}

fn moment(text: &str) -> Result<i64, BoxError> {
    let millis = text.parse().ok().or_else(|| clock::parse_rfc3339(text));
    millis.ok_or_else(|| format!("“{text}” is not a time such as 2026-11-23T03:30:00Z").into())
}

pub async fn migrate(config: Config, command: Migrate) -> Result<(), BoxError> {
    let Some(_lock) = serve::lock_data_dir(&config.data_dir)? else {
        return Err(format!("a server runs on {}: stop it first", config.data_dir.display()).into());
    };
    let report = migrate::to_postgres(&config, &command.to).await?;
    println!("{} rows in {} tables are in PostgreSQL, and each is the same as here", report.rows, report.tables);
    println!("set DATABASE_URL to the new database and start the server; DATA_DIR stays as it is");
    Ok(())
}
