//! `llmos team export` and `import`.

use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::{
    BoxError, Client, client, followed, read,
    volumes::{save, team_called},
};
use crate::{
    features::{
        accounts::model::{AdminTeam, Me},
        archives::model::{TeamExported, TeamImported},
        jobs::model::JobStatus,
    },
    ids::TeamId,
    server::config::Config,
};

#[derive(Subcommand)]
pub enum Command {
    /// Write everything that a team has into one file (docs/team-archives.md).
    Export {
        /// The team's name or id.
        team: String,
        /// The file to write, such as harbor.team.zip.
        file: PathBuf,
    },
    /// Make a team of such a file; the same file again makes no second one.
    Import {
        /// The file of a team.
        file: PathBuf,
    },
}

pub async fn run(config: Config, command: Command) -> Result<(), BoxError> {
    let client = client(config).await?;
    let result = match &command {
        Command::Export { team, file } => export(&client, team, file).await,
        Command::Import { file } => import(&client, file).await,
    };
    client.close().await;
    result
}

/// One that the account is in, or any of the server's.
async fn find(client: &Client, name: &str) -> Result<TeamId, BoxError> {
    let me: Me = read(client.http.get(client.url("/me")).send().await?).await?;
    let Err(unknown) = team_called(&me, name) else { return team_called(&me, name) };
    let all: Vec<AdminTeam> = read(client.http.get(client.url("/admin/teams")).send().await?).await?;
    let mut fitting = all.into_iter().filter(|team| team.name.eq_ignore_ascii_case(name) || team.id.to_string() == *name);
    match (fitting.next(), fitting.next()) {
        (Some(team), None) => Ok(team.id),
        (Some(_), Some(_)) => Err(format!("several teams are called “{name}”: give the id").into()),
        (None, _) => Err(unknown),
    }
}

async fn export(client: &Client, team: &str, target: &Path) -> Result<(), BoxError> {
    let id = find(client, team).await?;
    let job: JobStatus = read(client.http.post(client.url(&format!("/teams/{id}/exports"))).send().await?).await?;
    let job = followed(client, job).await?;
    let report: TeamExported = serde_json::from_value(job.report.unwrap_or_default())?;
    // Beside its place, so that an interrupted export leaves no half file under the name.
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let file = tempfile::NamedTempFile::new_in(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    save(client.http.get(client.url(&format!("/teams/{id}/exports/{}", job.id))).send().await?, file.path()).await?;
    file.persist(target)?;
    println!("{}: {} rows and {} files of {team}", target.display(), report.rows, report.files);
    Ok(())
}

async fn import(client: &Client, source: &Path) -> Result<(), BoxError> {
    let file = tokio::fs::File::open(source).await.map_err(|error| format!("{}: {error}", source.display()))?;
    let length = file.metadata().await?.len();
    let body = reqwest::Body::wrap_stream(tokio_util::io::ReaderStream::with_capacity(file, 256 * 1024));
    let request = client.http.post(client.url("/teams/imports")).header("content-type", "application/zip").header("content-length", length);
    let job = followed(client, read(request.body(body).send().await?).await?).await?;
    let report: TeamImported = serde_json::from_value(job.report.unwrap_or_default())?;
    if !report.created {
        println!("{} is here already, with just the same in it: nothing was changed", report.name);
        return Ok(());
    }
    println!("{}: {} rows and {} files", report.name, report.rows, report.files);
    println!("{} people were known by their e-mail address, accounts were made for {}", report.people_known, report.people_made);
    for note in &report.notes {
        println!("  {note}");
    }
    Ok(())
}
