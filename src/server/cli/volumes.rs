//! `llmos import`, `export`, `pull` and `demo`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use futures::StreamExt as _;

use super::{BoxError, Client, checked, client, folders, followed, read};
use crate::{
    browser::data::with_query,
    features::{
        accounts::model::Me,
        artifacts::model::{ArtifactSummary, Kind, LibraryPage, LibraryQuery, Sort},
        git::model::ImportFromGit,
        volumes::model::{ImportItem, ImportOutcome, ImportReport, Volume, VolumeKind},
    },
    ids::TeamId,
    server::config::Config,
};

/// Lines of a report on a terminal; the page of the import has all.
const LINES: usize = 30;

#[derive(Args)]
pub struct Target {
    /// The volume's name or id; not given: the team's first one, or one's own.
    #[arg(long)]
    volume: Option<String>,
    /// The team's name.
    #[arg(long)]
    team: Option<String>,
}

#[derive(Args)]
pub struct Import {
    /// A folder, or a zip.
    #[arg(required_unless_present = "git")]
    source: Option<PathBuf>,
    /// The address of a repository, in place of a folder.
    #[arg(long, value_name = "URL", conflicts_with = "source")]
    git: Option<String>,
    /// Of that repository; not given: the one that it shows first.
    #[arg(long, requires = "git")]
    branch: Option<String>,
    /// Only this folder of it.
    #[arg(long, requires = "git")]
    folder: Option<String>,
    /// What opens it, if it is private.
    #[arg(long, env = "GIT_TOKEN", hide_env_values = true)]
    token: Option<String>,
    #[command(flatten)]
    target: Target,
}

#[derive(Args)]
pub struct Export {
    /// A folder, or a file that ends with .zip.
    target: PathBuf,
    #[command(flatten)]
    source: Target,
}

#[derive(Args)]
pub struct Pull {
    /// The artifact's id in its volume, such as dcf-valuation.
    slug: String,
    /// Only this kind.
    #[arg(long, value_parser = ["skill", "tool", "agent"])]
    kind: Option<String>,
    /// The folder to write into.
    #[arg(long, default_value = ".claude/skills")]
    to: PathBuf,
}

#[derive(Subcommand)]
pub enum Demo {
    /// Add the sample team and volume.
    Add,
    /// Remove them with everything in them.
    Remove,
}

pub async fn import(config: Config, command: Import) -> Result<(), BoxError> {
    let Some(source) = &command.source else {
        let client = client(config).await?;
        let result = import_from_git(&client, command).await;
        client.close().await;
        return result;
    };
    // Before a server is started for nothing.
    let (archive, _kept) = archive_of(source)?;
    let client = client(config).await?;
    // A folder as "." has its name only on disk.
    let name = source.canonicalize().ok().and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
    let result = import_with(&client, &archive, name.as_deref(), &command.target).await;
    client.close().await;
    result
}

async fn import_from_git(client: &Client, command: Import) -> Result<(), BoxError> {
    let volume = find_volume(client, &command.target).await?;
    let input = ImportFromGit {
        id: None,
        url: command.git.unwrap_or_default(),
        branch: command.branch,
        folder: command.folder,
        token: command.token,
    };
    let request = client.http.post(client.url(&format!("/volumes/{}/git/import", volume.id))).json(&input);
    let job = followed(client, read(request.send().await?).await?).await?;
    print_report(&volume, &serde_json::from_value(job.report.unwrap_or_default())?);
    Ok(())
}

/// The zip to send, and what keeps a temporary one alive.
fn archive_of(source: &Path) -> Result<(PathBuf, Option<tempfile::NamedTempFile>), BoxError> {
    let meta = std::fs::metadata(source).map_err(|error| format!("{}: {error}", source.display()))?;
    if !meta.is_dir() {
        return Ok((source.to_owned(), None));
    }
    let (file, left_out) = folders::pack(source)?;
    for path in left_out {
        eprintln!("left out, not a file: {}", path.display());
    }
    Ok((file.path().to_owned(), Some(file)))
}

async fn import_with(client: &Client, archive: &Path, name: Option<&str>, target: &Target) -> Result<(), BoxError> {
    let volume = find_volume(client, target).await?;
    let file = tokio::fs::File::open(archive).await?;
    let length = file.metadata().await?.len();
    let body = reqwest::Body::wrap_stream(tokio_util::io::ReaderStream::with_capacity(file, 256 * 1024));
    let address = with_query(&format!("/volumes/{}/imports", volume.id), &serde_json::json!({ "name": name }));
    let request = client.http.post(client.url(&address));
    let response = request.header("content-type", "application/zip").header("content-length", length).body(body).send().await?;
    let job = followed(client, read(response).await?).await?;
    let report: ImportReport = serde_json::from_value(job.report.unwrap_or_default())?;
    print_report(&volume, &report);
    Ok(())
}

fn print_report(volume: &Volume, report: &ImportReport) {
    println!(
        "{}: {} created, {} updated, {} unchanged, {} skipped",
        volume.name, report.created, report.updated, report.unchanged, report.skipped
    );
    let notes: Vec<_> = report.items.iter().filter(|item| item.reason.is_some()).collect();
    // What was left out first: that is what somebody has to look at.
    let (skipped, others): (Vec<&ImportItem>, Vec<&ImportItem>) =
        notes.iter().copied().partition(|item| item.outcome == ImportOutcome::Skipped);
    for item in skipped.iter().chain(&others).take(LINES) {
        let place = item.line.map_or_else(|| item.path.clone(), |line| format!("{}:{line}", item.path));
        let verb = if item.outcome == ImportOutcome::Skipped { "skipped" } else { "noticed" };
        println!("  {verb} {place}: {}", item.reason.as_deref().unwrap_or_default());
    }
    if notes.len() > LINES {
        println!("  and {} more", notes.len() - LINES + usize::try_from(report.more).unwrap_or(0));
    }
}

/// The team with this name or id.
pub async fn find_team(client: &Client, name: &str) -> Result<TeamId, BoxError> {
    team_called(&read(client.http.get(client.url("/me")).send().await?).await?, name)
}

pub fn team_called(me: &Me, name: &str) -> Result<TeamId, BoxError> {
    let team = me.teams.iter().find(|team| team.name.eq_ignore_ascii_case(name) || team.id.to_string() == *name);
    Ok(team.ok_or_else(|| format!("there is no team “{name}” that you are in"))?.id)
}

/// The one volume that the options name.
pub async fn find_volume(client: &Client, target: &Target) -> Result<Volume, BoxError> {
    let volumes: Vec<Volume> = read(client.http.get(client.url("/volumes")).send().await?).await?;
    let me: Me = read(client.http.get(client.url("/me")).send().await?).await?;
    let team = target.team.as_deref().map(|name| team_called(&me, name)).transpose()?;
    let mut fitting: Vec<Volume> = volumes
        .into_iter()
        .filter(|volume| team.is_none() || volume.team == team)
        .filter(|volume| match &target.volume {
            Some(name) => volume.name.eq_ignore_ascii_case(name) || volume.id.to_string() == *name,
            None => volume.kind != VolumeKind::System && (team.is_some() || volume.id == me.volume_id),
        })
        .collect();
    match (fitting.len(), &target.volume) {
        (0, Some(name)) => Err(format!("there is no volume “{name}” that you see").into()),
        (0, None) => Err("this team has no volume".into()),
        (1, _) | (_, None) => Ok(fitting.swap_remove(0)),
        (_, Some(name)) => Err(format!("several volumes are called “{name}”: name the team with --team, or give the id").into()),
    }
}

pub async fn export(config: Config, command: Export) -> Result<(), BoxError> {
    let client = client(config).await?;
    let result = export_with(&client, &command).await;
    client.close().await;
    result
}

async fn export_with(client: &Client, command: &Export) -> Result<(), BoxError> {
    let volume = find_volume(client, &command.source).await?;
    let response = client.http.get(client.url(&format!("/volumes/{}/export", volume.id))).send().await?;
    let zipped = command.target.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("zip"));
    if zipped {
        // Beside its place, so that an interrupted export leaves no half file under the name.
        let folder = command.target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let file = tempfile::NamedTempFile::new_in(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        save(response, file.path()).await?;
        file.persist(&command.target)?;
        println!("{}: exported to {}", volume.name, command.target.display());
    } else {
        let file = tempfile::NamedTempFile::new()?;
        save(response, file.path()).await?;
        let count = folders::unpack(file.path(), &command.target)?;
        println!("{}: {count} files in {}", volume.name, command.target.display());
    }
    Ok(())
}

pub async fn save(response: reqwest::Response, path: &Path) -> Result<(), BoxError> {
    let mut chunks = checked(response).await?.bytes_stream();
    let mut file = tokio::fs::File::create(path).await?;
    while let Some(chunk) = chunks.next().await {
        tokio::io::AsyncWriteExt::write_all(&mut file, &chunk?).await?;
    }
    Ok(file.sync_all().await?)
}

pub async fn pull(config: Config, command: Pull) -> Result<(), BoxError> {
    let client = client(config).await?;
    let result = pull_with(&client, &command).await;
    client.close().await;
    result
}

async fn pull_with(client: &Client, command: &Pull) -> Result<(), BoxError> {
    let found = find_artifact(client, command).await?;
    let response = client.http.get(client.url(&format!("/artifacts/{}/download", found.id))).send().await?;
    let file = tempfile::NamedTempFile::new()?;
    save(response, file.path()).await?;
    let count = folders::unpack(file.path(), &command.to)?;
    let noun = if count == 1 { "file" } else { "files" };
    println!("{} “{}”: {count} {noun} in {}", found.kind, found.slug, command.to.display());
    Ok(())
}

/// The artifact with this id that hides the others: one's own before the team's before the built-in one.
async fn find_artifact(client: &Client, command: &Pull) -> Result<ArtifactSummary, BoxError> {
    let kind = command.kind.as_deref().and_then(|kind| kind.parse::<Kind>().ok());
    let volumes: Vec<Volume> = read(client.http.get(client.url("/volumes")).send().await?).await?;
    let mut query = LibraryQuery { kind, q: Some(command.slug.clone()), sort: Sort::Name, limit: Some(200), ..LibraryQuery::default() };
    let mut found = Vec::new();
    loop {
        let page: LibraryPage = read(client.http.get(client.url(&with_query("/artifacts", &query))).send().await?).await?;
        found.extend(page.items.into_iter().filter(|item| item.slug == command.slug && !item.new));
        match page.next {
            Some(next) => query.cursor = Some(next),
            None => break,
        }
    }
    let rank = |item: &ArtifactSummary| volumes.iter().find(|volume| volume.id == item.volume_id).map(|volume| volume.kind);
    found.sort_by_key(|item| (item.kind, std::cmp::Reverse(rank(item))));
    let kinds = found.iter().map(|item| item.kind).collect::<std::collections::BTreeSet<_>>();
    if kinds.len() > 1 {
        let kinds: Vec<_> = kinds.iter().map(ToString::to_string).collect();
        return Err(format!("“{}” is there as {}: name one with --kind", command.slug, kinds.join(" and ")).into());
    }
    found.into_iter().next().ok_or_else(|| format!("there is no “{}” that you see", command.slug).into())
}

pub async fn demo(config: Config, command: Demo) -> Result<(), BoxError> {
    let client = client(config).await?;
    let (request, said) = match command {
        Demo::Add => (client.http.post(client.url("/admin/demo")), "The sample team is there."),
        Demo::Remove => (client.http.delete(client.url("/admin/demo")), "The sample team is gone."),
    };
    let result = match request.send().await {
        Ok(response) => checked(response).await,
        Err(error) => Err(error.into()),
    };
    client.close().await;
    result?;
    println!("{said}");
    Ok(())
}
