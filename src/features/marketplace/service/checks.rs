//! What is looked for before a person sees a release: the rules of this server over all of its files.

use std::{path::Path, sync::LazyLock};

use llmos_scanner::{Error, Release, Rules, scan};
use llmos_trust::archive::File;

use super::{
    super::{
        model::{Capabilities, Finding, MarketSort},
        store,
    },
    access::{TEAM, USER},
    clamav,
    publishing::Report,
};
use crate::{
    error::{AppError, AppResult},
    server::{context::Ctx, error::internal},
};

/// Names that are worth imitating.
const POPULAR: usize = 500;

/// What the checks need to know besides the files.
pub struct Looked<'a> {
    pub slug: &'a str,
    pub name: &'a str,
    pub licence: &'a str,
    pub capabilities: &'a Capabilities,
    /// Whose it is: their own names are no imitation. None: the caller's.
    pub owner: Option<(&'static str, &'a str)>,
}

/// The rules of this server. To compile them takes longer than all else at its start, and many a server never looks at a release: those that come with the
/// program, of which tests know that they are right, wait until they are needed. An operator's are compiled at once, so that what is wrong is said at the start.
pub enum ServerRules {
    BuiltIn(LazyLock<Result<Rules, Error>>),
    Own(Rules),
}

impl ServerRules {
    /// [`Rules::version`], without compiling any.
    pub fn version(&self) -> String {
        match self {
            Self::BuiltIn(_) => Rules::version_of(Rules::builtin_files()),
            Self::Own(rules) => rules.version().to_owned(),
        }
    }

    /// The first time it takes a moment: not for a thread that answers requests.
    fn compiled(&self) -> AppResult<&Rules> {
        match self {
            Self::BuiltIn(rules) => rules.as_ref().map_err(|error| internal("built-in rules", error)),
            Self::Own(rules) => Ok(rules),
        }
    }
}

/// The rules that come with the program, and those of a folder: one that has the id of a built-in one changes it.
///
/// # Errors
/// A sentence that names the file and what is wrong with it.
pub fn rules(folder: &Path) -> Result<ServerRules, String> {
    let mut own: Vec<(String, String)> = Vec::new();
    match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(format!("The folder of rules {} cannot be read: {error}.", folder.display())),
        Ok(entries) => {
            for entry in entries {
                let path = entry.map_err(|error| format!("The folder of rules {} cannot be read: {error}.", folder.display()))?.path();
                if path.extension().is_some_and(|extension| extension == "toml") {
                    let text =
                        std::fs::read_to_string(&path).map_err(|error| format!("The rule {} cannot be read: {error}.", path.display()))?;
                    own.push((path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(), text));
                }
            }
        }
    }
    if own.is_empty() {
        return Ok(ServerRules::BuiltIn(LazyLock::new(Rules::builtin)));
    }
    own.sort();
    let mut files: Vec<(&str, &str)> = Rules::builtin_files().collect();
    files.extend(own.iter().map(|(name, text)| (name.as_str(), text.as_str())));
    Rules::parse(files).map(ServerRules::Own).map_err(|error| format!("The rules in {} cannot be used: {error}", folder.display()))
}

fn declared(capabilities: &Capabilities) -> llmos_scanner::Capabilities {
    llmos_scanner::Capabilities {
        hosts: capabilities.hosts.clone(),
        paths: capabilities.paths.clone(),
        commands: capabilities.commands.clone(),
        env: capabilities.env.clone(),
        tools: capabilities.tools.clone(),
    }
}

/// Findings, and what the texts seem to use. Off the async threads.
pub async fn look(ctx: &Ctx, looked: Looked<'_>, files: Vec<File>) -> AppResult<(Report, Capabilities)> {
    let owner = match looked.owner {
        Some((kind, id)) => (kind, id.to_owned()),
        None => (USER, ctx.actor()?.id().to_string()),
    };
    debug_assert!(owner.0 == USER || owner.0 == TEAM, "there are two kinds of publishers");
    // Names that somebody might take for another one are those of what is installed most; the catalogue has them in that order already.
    ctx.state.market.follow(ctx).await?;
    let popular = ctx.state.market.read().first(MarketSort::Popular, POPULAR);
    let popular = store::slugs_of(ctx.db().read(), &popular).await?;
    let popular: Vec<String> = popular
        .into_iter()
        .filter(|(slug, kind, id)| slug != looked.slug && (kind.as_str(), id) != (owner.0, &owner.1))
        .map(|(slug, ..)| slug)
        .collect();
    let (slug, name, licence) = (looked.slug.to_owned(), looked.name.to_owned(), looked.licence.to_owned());
    let (rules, capabilities) = (ctx.state.rules.clone(), declared(looked.capabilities));
    let infected = match &ctx.state.config.clamd_addr {
        Some(address) => clamav::look(address, &files).await,
        None => Vec::new(),
    };
    let scanned = tokio::task::spawn_blocking(move || {
        let files: Vec<llmos_scanner::File<'_>> =
            files.iter().map(|file| llmos_scanner::File { path: &file.path, bytes: &file.bytes }).collect();
        let popular: Vec<&str> = popular.iter().map(String::as_str).collect();
        let release = Release {
            slug: &slug,
            name: &name,
            licence: Some(licence.as_str()).filter(|licence| !licence.is_empty()),
            capabilities: &capabilities,
            files: &files,
            popular: &popular,
        };
        let report = scan(rules.compiled()?, &release);
        Ok::<_, AppError>((report, llmos_scanner::Capabilities::seen_in(&files)))
    });
    let (report, seen) = scanned.await.map_err(|error| internal("scan", &error))??;
    let seen = Capabilities { hosts: seen.hosts, paths: seen.paths, commands: seen.commands, env: seen.env, tools: seen.tools };
    let mut findings = infected;
    for found in report.findings {
        findings.push(finding(found)?);
    }
    Ok((Report { findings, rules: report.rules }, seen))
}

/// What is about a release, and not about the text alone.
const OF_RELEASES: [&str; 3] = ["undeclared", "licence", "typosquat"];

/// What the rules find in an artifact that nobody publishes yet, such as one that a pull request would change.
pub async fn findings_in(ctx: &Ctx, slug: &str, files: Vec<File>) -> AppResult<Vec<Finding>> {
    let looked = Looked { slug, name: slug, licence: "", capabilities: &Capabilities::default(), owner: None };
    let (mut report, _) = look(ctx, looked, files).await?;
    report.findings.retain(|finding| !OF_RELEASES.contains(&finding.class.as_str()));
    Ok(report.findings)
}

fn finding(found: llmos_scanner::Finding) -> AppResult<Finding> {
    // Both are the same JSON.
    Ok(serde_json::from_value(serde_json::to_value(found)?)?)
}
