//! `llmos market`: finding, installing, updating, publishing and verifying, on the server of this machine or on any other.

use std::{
    fs,
    io::{IsTerminal as _, Read as _, Write as _},
    path::{Path, PathBuf},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use llmos_trust::{Bundle, Envelope, Expected, PublicKey, SigningKey, TrustRoot, archive::Limits, statement::ReleaseStatement};
use serde::Deserialize;

pub use super::market_args::Market;
use super::{
    BoxError, Client, checked, client,
    market_args::{Command, PublishArgs},
    market_keys::{key_path, registered, rotate},
    read,
    volumes::{Target, find_volume},
};
use crate::{
    browser::data::with_query,
    features::{
        artifacts::model::{Kind, slug::is_valid_slug},
        marketplace::model::{
            BrowsePage, BrowseQuery, Capabilities, ChangeLock, Deprecation, ItemDetail, LockPlan, Publish, PublishFile, ReleaseState,
            Signed, Submission, SubmissionDetail, VolumeLock,
        },
    },
    server::config::Config,
};

const TOO_LARGE: &str = "the archive is larger than any that is published";

pub async fn run(config: Config, market: Market) -> Result<(), BoxError> {
    if let Command::Verify { item, archive: Some(archive), bundle: Some(bundle), trust: Some(trust) } = &market.command {
        let (archive, bundle) = (read_file(archive)?, read_file(bundle)?);
        return verify(item, &archive, &bundle, &trust_root(trust)?);
    }
    let client = match market.server.as_ref().or(config.market_url.as_ref()) {
        Some(server) => Client::at(server, market.token.as_deref())?,
        None => client(config).await?,
    };
    let done = act(&client, market.command).await;
    client.close().await;
    done
}

async fn act(client: &Client, command: Command) -> Result<(), BoxError> {
    match command {
        Command::Search { words, kind, category, limit } => {
            let q = Some(words.join(" ")).filter(|words| !words.trim().is_empty());
            search(client, BrowseQuery { q, kind, category, limit: Some(limit), ..BrowseQuery::default() }).await
        }
        Command::Show { item, version } => show(client, &item, version).await,
        Command::Install { items, target, yes } => {
            change(client, &target, ChangeLock { install: items, ..ChangeLock::default() }, yes).await
        }
        Command::Update { items, target, yes } => {
            let update_all = items.is_empty();
            change(client, &target, ChangeLock { update: items, update_all, ..ChangeLock::default() }, yes).await
        }
        Command::Owners(command) => super::market_owners::run(client, command).await,
        Command::Publish(args) => publish(client, *args).await,
        Command::Sign { release, key } => sign_named(client, &release, key).await,
        Command::Key { key, rotate: replaces } => {
            let path = key_path(key)?;
            let key = if replaces { rotate(client, &path).await? } else { registered(client, &path, true).await? };
            println!("you publish with the key {}", key.public().id());
            Ok(())
        }
        Command::Download { item, to } => download(client, &item, &to).await,
        Command::Verify { item, archive, bundle, trust } => {
            let (archive, bundle) = match (archive, bundle) {
                (Some(archive), Some(bundle)) => (read_file(&archive)?, read_file(&bundle)?),
                _ => fetch(client, &item).await.map(|(_, archive, bundle)| (archive, bundle))?,
            };
            let trust = match trust {
                Some(trust) => trust_root(&trust)?,
                None => registry(client).await?,
            };
            verify(&item, &archive, &bundle, &trust)
        }
    }
}

async fn search(client: &Client, query: BrowseQuery) -> Result<(), BoxError> {
    let page: BrowsePage = read(client.http.get(client.url(&with_query("/marketplace/listings", &query))).send().await?).await?;
    for card in &page.items {
        let rating = if card.ratings == 0 { "not rated".to_owned() } else { format!("{:.1} of 5 ({})", card.rating, card.ratings) };
        println!("{} {}  {}, by {}, {rating}, {} installs", card.slug, card.version, card.kind, card.author.name, card.installs);
        println!("    {}", card.description);
    }
    println!("{} of {}", page.items.len(), page.total);
    Ok(())
}

async fn item(client: &Client, slug: &str, version: Option<&str>) -> Result<ItemDetail, BoxError> {
    let address = with_query(&format!("/marketplace/listings/{slug}"), &serde_json::json!({ "version": version }));
    read(client.http.get(client.url(&address)).send().await?).await
}

async fn show(client: &Client, slug: &str, version: Option<String>) -> Result<(), BoxError> {
    let item = item(client, slug, version.as_deref()).await?;
    let card = &item.card;
    println!("{} {} ({}), by {}, {}", card.name, item.version, card.kind, card.author.name, card.licence);
    println!("{}", card.description);
    if card.deprecated {
        println!("{}", Deprecation { reason: item.deprecation.clone(), successor: item.successor.clone() }.words());
    }
    print_capabilities("may use", &item.capabilities);
    for of in &item.dependencies {
        println!("needs {}@{}", of.slug, of.range);
    }
    for finding in &item.report {
        println!("checks: {} {} in {}:{}", finding.severity, finding.rule, finding.path, finding.line);
    }
    if let Some(proof) = &item.proof {
        println!("signed with the key {}, entry {} of the log, {}", proof.key_id, proof.log_index, proof.digest);
    }
    for release in &item.versions {
        let withdrawn =
            if release.state == ReleaseState::Withdrawn { format!(", withdrawn: {}", release.withdrawn_reason) } else { String::new() };
        println!("  {}{withdrawn}  {}", release.version, release.changelog.lines().next().unwrap_or_default());
    }
    Ok(())
}

fn print_capabilities(verb: &str, capabilities: &Capabilities) {
    for (_, words, values) in capabilities.groups() {
        if !values.is_empty() {
            println!("{verb} {}: {}", words.to_lowercase(), values.join(", "));
        }
    }
}

/// Shows what would change, asks, and does it.
async fn change(client: &Client, target: &Target, input: ChangeLock, yes: bool) -> Result<(), BoxError> {
    let volume = find_volume(client, target).await?;
    let address = client.url(&format!("/volumes/{}/lock", volume.id));
    let plan: LockPlan = read(client.http.post(format!("{address}/plan")).json(&input).send().await?).await?;
    if let Some(refusal) = plan.refusal {
        for reason in plan.reasons {
            eprintln!("  {reason}");
        }
        return Err(refusal.into());
    }
    if plan.steps.is_empty() {
        println!("{}: nothing changes", volume.name);
        return Ok(());
    }
    for step in &plan.steps {
        match (&step.from, &step.to) {
            (None, Some(to)) => println!("+ {} {to}", step.slug),
            (Some(from), Some(to)) => println!("~ {} {from} to {to}", step.slug),
            (Some(from), None) => println!("- {} {from}", step.slug),
            (None, None) => {}
        }
        if !step.needed_by.is_empty() {
            println!("    for {}", step.needed_by.join(", "));
        }
        if let Some(deprecation) = &step.deprecation {
            println!("    {}", deprecation.words());
        }
        if !step.changelog.is_empty() {
            println!("    {}", step.changelog.replace('\n', "\n    "));
        }
        print_capabilities("    new:", &step.new_capabilities);
        if step.edited {
            println!("    was changed in {}: both sides' changes are joined", volume.name);
        }
        for path in &step.conflicts {
            println!("    conflict in {path}");
        }
    }
    if !yes && !confirmed(&format!("Change {} so?", volume.name))? {
        println!("nothing was changed");
        return Ok(());
    }
    let lock: VolumeLock = read(client.http.post(address).json(&input).send().await?).await?;
    println!("{}: {} items of the marketplace", volume.name, lock.installations.len());
    Ok(())
}

pub(super) fn confirmed(question: &str) -> Result<bool, BoxError> {
    if !std::io::stdin().is_terminal() {
        return Err("say --yes to do this without being asked".into());
    }
    eprint!("{question} [y/N] ");
    std::io::stderr().flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Reads a folder as it is published.
fn folder(source: &Path) -> Result<(Kind, String, String, Vec<PublishFile>), BoxError> {
    let shown = source.display();
    let name = source.canonicalize()?.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if source.is_file() {
        return Ok((Kind::Agent, name, fs::read_to_string(source).map_err(|error| format!("{shown}: {error}"))?, Vec::new()));
    }
    let main = [(Kind::Skill, "SKILL.md"), (Kind::Tool, "TOOL.md")].into_iter().find(|(_, main)| source.join(main).is_file());
    let (kind, main) = main.ok_or_else(|| format!("{shown} has neither a SKILL.md nor a TOOL.md"))?;
    let content = fs::read_to_string(source.join(main)).map_err(|error| format!("{shown}/{main}: {error}"))?;
    let mut files = Vec::new();
    collect(source, "", main, &mut files)?;
    Ok((kind, name, content, files))
}

fn collect(folder: &Path, prefix: &str, main: &str, files: &mut Vec<PublishFile>) -> Result<(), BoxError> {
    let mut entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (path, kind) = (entry.path(), entry.file_type()?);
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if kind.is_dir() {
            if !matches!(entry.file_name().to_str(), Some(".git" | "node_modules")) {
                collect(&path, &format!("{name}/"), main, files)?;
            }
        } else if kind.is_file() {
            if name != main {
                let content = BASE64_STANDARD.encode(fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?);
                files.push(PublishFile { path: name, content });
            }
        } else {
            return Err(format!("{} is not a file: a release holds files only", path.display()).into());
        }
    }
    Ok(())
}

async fn publish(client: &Client, args: PublishArgs) -> Result<(), BoxError> {
    let (kind, name, content, files) = folder(&args.source)?;
    let declared = Capabilities { hosts: args.hosts, paths: args.paths, commands: args.commands, env: args.env, tools: args.tools };
    let input = Publish {
        slug: Some(args.slug.unwrap_or_else(|| crate::features::artifacts::model::slug::slugify(&name))),
        kind: Some(kind),
        content: Some(content),
        files,
        category: args.category,
        license: args.license,
        version: args.version,
        changelog: Some(args.changelog),
        repository: args.repository,
        dependencies: Some(args.dependencies).filter(|list| !list.is_empty()),
        capabilities: Some(declared).filter(|capabilities| !capabilities.is_empty()),
        ..Publish::default()
    };
    let made: SubmissionDetail = read(client.http.post(client.url("/marketplace/submissions")).json(&input).send().await?).await?;
    for finding in &made.report {
        let blocks = if finding.blocks { ", blocks" } else { "" };
        println!(
            "{}{blocks}: {} in {}:{}\n    {}\n    {}",
            finding.severity, finding.rule, finding.path, finding.line, finding.why, finding.fix
        );
    }
    let path = key_path(args.key.clone())?;
    let submission = if path.is_file() || args.key.is_some() {
        let key = registered(client, &path, false).await?;
        sign(client, &made.submission, &key).await?
    } else {
        println!("it is not signed yet: “llmos market sign {}@{}”", made.submission.slug, made.submission.version);
        made.submission
    };
    println!("{} {}: {}", submission.slug, submission.version, submission.state.words());
    Ok(())
}

async fn sign_named(client: &Client, release: &str, key: Option<PathBuf>) -> Result<(), BoxError> {
    let (slug, version) = release.split_once('@').ok_or("name the release as slug@version")?;
    let mine: Vec<Submission> = read(client.http.get(client.url("/marketplace/mine")).send().await?).await?;
    let waits = |one: &&Submission| matches!(one.state, ReleaseState::Review | ReleaseState::Approved);
    let found = mine.iter().filter(waits).find(|one| one.slug == slug && one.version == version);
    let found = found.ok_or_else(|| format!("you have no submission {release} that waits for a signature"))?;
    let key = registered(client, &key_path(key)?, false).await?;
    let submission = sign(client, found, &key).await?;
    println!("{} {}: {}", submission.slug, submission.version, submission.state.words());
    Ok(())
}

/// Signs what the server gives for a release, once it is what is in its archive.
async fn sign(client: &Client, submission: &Submission, key: &SigningKey) -> Result<Submission, BoxError> {
    let address = client.url(&format!("/marketplace/submissions/{}", submission.id));
    let id = key.public().id().to_string();
    let detail: SubmissionDetail = read(client.http.get(format!("{address}?key={id}")).send().await?).await?;
    let payload = BASE64_STANDARD.decode(&detail.payload)?;
    let mut envelope = Envelope { payload, payload_type: detail.payload_type, signatures: Vec::new() };
    let statement: ReleaseStatement = envelope.statement()?;
    let archive = checked(client.http.get(format!("{address}/archive")).send().await?).await?.bytes().await?;
    if llmos_trust::Digest::of(&archive) != statement.digest || statement.slug != submission.slug || statement.version != submission.version
    {
        return Err("what the server wants to have signed is not this release: nothing was signed".into());
    }
    envelope.sign(key);
    let signature = envelope.signatures.first().map(|signature| BASE64_STANDARD.encode(&signature.sig)).unwrap_or_default();
    let signed = Signed { key_id: id, signature };
    let detail: SubmissionDetail = read(client.http.post(format!("{address}/sign")).json(&signed).send().await?).await?;
    Ok(detail.submission)
}

/// The name, archive and proof of a release.
async fn fetch(client: &Client, name: &str) -> Result<(String, Vec<u8>, Vec<u8>), BoxError> {
    let (slug, version) = name.split_once('@').map_or((name, None), |(slug, version)| (slug, Some(version)));
    let item = item(client, slug, version).await?;
    let release = item.versions.iter().find(|release| release.version == item.version).ok_or("this version is not there")?;
    // Files are named by it: a server says what it likes.
    if !is_valid_slug(&item.card.slug) || semver::Version::parse(&item.version).is_err() {
        return Err("what this server calls the release is no name of a release".into());
    }
    let address = client.url(&format!("/marketplace/submissions/{}", release.id));
    let archive = limited(client, &format!("{address}/archive")).await?;
    let bundle = limited(client, &format!("{address}/bundle")).await?;
    Ok((format!("{}-{}", item.card.slug, item.version), archive, bundle))
}

/// What is there, as far as it is no larger than an archive may be.
async fn limited(client: &Client, address: &str) -> Result<Vec<u8>, BoxError> {
    let mut response = checked(client.http.get(address).send().await?).await?;
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() as u64 > Limits::default().archive_bytes() {
            return Err(TOO_LARGE.into());
        }
    }
    Ok(bytes)
}

async fn download(client: &Client, name: &str, to: &Path) -> Result<(), BoxError> {
    let (file, archive, bundle) = fetch(client, name).await?;
    let trust = registry(client).await?;
    fs::create_dir_all(to)?;
    let (archive_path, bundle_path) = (to.join(format!("{file}.tar")), to.join(format!("{file}.bundle.json")));
    fs::write(&archive_path, archive)?;
    fs::write(&bundle_path, bundle)?;
    println!("{}\n{}", archive_path.display(), bundle_path.display());
    let key = trust.keys.first().map(ToString::to_string).unwrap_or_default();
    println!(
        "verify it anywhere: llmos market verify {name} --archive {} --bundle {} --trust '{} {key}'",
        archive_path.display(),
        bundle_path.display(),
        trust.origin
    );
    Ok(())
}

async fn registry(client: &Client) -> Result<TrustRoot, BoxError> {
    #[derive(Deserialize)]
    struct Registry {
        origin: String,
        key: String,
    }
    let registry: Registry = read(client.http.get(client.url("/log")).send().await?).await?;
    Ok(TrustRoot { origin: registry.origin, keys: vec![registry.key.parse::<PublicKey>()?] })
}

fn trust_root(text: &str) -> Result<TrustRoot, BoxError> {
    let (origin, key) = text.trim().rsplit_once(' ').ok_or("a registry is given as its origin, a space and its key")?;
    Ok(TrustRoot { origin: origin.to_owned(), keys: vec![key.parse::<PublicKey>()?] })
}

fn read_file(path: &Path) -> Result<Vec<u8>, BoxError> {
    let failed = |error| format!("{}: {error}", path.display());
    let (mut bytes, limit) = (Vec::new(), Limits::default().archive_bytes());
    fs::File::open(path).map_err(failed)?.take(limit + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > limit { Err(TOO_LARGE.into()) } else { Ok(bytes) }
}

/// Says what was verified, or fails with what is wrong.
fn verify(name: &str, archive: &[u8], bundle: &[u8], trust: &TrustRoot) -> Result<(), BoxError> {
    let bundle = Bundle::from_bytes(bundle)?;
    let (slug, version) = match name.split_once('@') {
        Some((slug, version)) => (slug, version.to_owned()),
        None => (name, bundle.release.envelope.statement::<ReleaseStatement>()?.version),
    };
    if archive.len() as u64 > Limits::default().archive_bytes() {
        return Err(TOO_LARGE.into());
    }
    let verified = bundle.verify(archive, trust, &Expected { slug, version: &version, publisher_key: None })?;
    let statement = &verified.release.statement;
    println!("{slug} {}: {} files as signed", statement.version, verified.files.len());
    if statement.slug != slug {
        println!("  published as {}, which was renamed", statement.slug);
    }
    println!("  signed with the key {} of the account {}", statement.publisher_key.id(), statement.publisher);
    println!("  countersigned by {}, entry {} of its log of {}", trust.origin, verified.release.index, verified.release.checkpoint.size);
    println!("  {}", statement.digest);
    Ok(())
}
