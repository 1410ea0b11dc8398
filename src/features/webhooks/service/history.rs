//! Counting what was before GitHub told us: the pull requests and commits of linked repositories, asked of its API where there is a token. What is
//! counted already is not counted again, so that it may be done at any time, and makes up for deliveries that never came.

use std::collections::BTreeSet;

use reqwest::Url;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    super::model::{Account, PullRequest},
    act::{Heard, pull_requests::news},
    missing::pages,
};
use crate::{
    error::{AppError, AppResult},
    features::{
        accounts,
        analytics::service::{Event, UsageKind, record_once},
        git::{self, service::LinkedRepository},
        jobs::service::{NewJob, enqueue},
    },
    server::{clock, context::Ctx, db::Tx, github::Api},
};

/// The job, daily and after a link was made.
pub const HISTORY: &str = "webhooks.history";

/// Events are kept for 13 months: what is older is not asked for.
const KEPT: i64 = 396 * clock::DAY;
/// Looked back beyond the last time, for deliveries that were lost since.
const AGAIN: i64 = 3 * clock::DAY;
const HIDDEN: &str = "GitHub does not show this repository to the token: it needs the right to read its contents and pull requests.";
/// Events of one transaction.
const SLICE: usize = 200;

#[derive(Deserialize)]
struct Commit {
    sha: String,
    commit: Made,
    #[serde(default)]
    author: Option<Account>,
}

#[derive(Deserialize)]
struct Made {
    #[serde(default)]
    committer: Option<Signed>,
}

#[derive(Deserialize)]
struct Signed {
    date: String,
}

/// Has it counted, in the transaction that links a volume.
pub async fn count_history_soon(ctx: &Ctx, tx: &mut Tx) -> AppResult<()> {
    if ctx.state.config.analytics_enabled { enqueue(tx, NewJob::new(HISTORY, &Value::Null)?.once(), ctx.now()).await } else { Ok(()) }
}

/// The job: counts the history of every linked repository at GitHub. One that cannot be asked keeps no other one waiting.
///
/// # Errors
/// One of them could not be asked; the others are counted.
pub async fn count_history(ctx: &Ctx) -> AppResult<Value> {
    if !ctx.state.config.analytics_enabled {
        return Ok(json!({ "enabled": false }));
    }
    let (mut counted, mut refused) = (0, None);
    for repository in git::service::repositories_at_github(ctx).await? {
        let Some(token) = ctx.state.config.github_token.clone().or(repository.token.clone()) else { continue };
        match count(ctx, &Api::new(&ctx.state.config, token)?, &repository).await {
            Ok(()) => counted += 1,
            Err(error) => {
                tracing::info!(%error, repository = repository.name, "the history of a repository could not be counted");
                refused = Some(AppError { message: format!("{}: {}", repository.name, error.message), ..error });
            }
        }
    }
    match refused {
        Some(error) => Err(error),
        None => Ok(json!({ "repositories": counted })),
    }
}

async fn count(ctx: &Ctx, api: &Api, repository: &LinkedRepository) -> AppResult<()> {
    let now = ctx.now();
    let since = repository.history_at.map_or(now - KEPT, |at| at - AGAIN);
    let mut events = pull_requests(ctx, api, repository, since).await?;
    // Later ones are in the commits that pulls make.
    if repository.history_at.is_none() {
        events.extend(commits(ctx, api, repository, since).await?);
    }
    let mut events = events.into_iter();
    loop {
        let slice: Vec<Event> = events.by_ref().take(SLICE).collect();
        if slice.is_empty() {
            break;
        }
        let mut tx = ctx.db().write_tx().await?;
        record_once(ctx, &mut tx, slice).await?;
        tx.commit().await?;
    }
    let mut tx = ctx.db().write_tx().await?;
    git::service::note_history(&mut tx, &repository.links, now).await?;
    Ok(tx.commit().await?)
}

/// Those that changed since a time, the latest first.
async fn pull_requests(ctx: &Ctx, api: &Api, repository: &LinkedRepository, since: i64) -> AppResult<Vec<Event>> {
    let mut found: Vec<PullRequest> = Vec::new();
    let path = format!("/repos/{}/pulls?state=all&sort=updated&direction=desc&per_page=100", repository.name);
    pages(api, &path, HIDDEN, |page: Vec<PullRequest>| {
        let before = found.len();
        let length = page.len();
        found.extend(page.into_iter().take_while(|pull| clock::parse_rfc3339(&pull.updated_at).is_none_or(|at| at >= since)));
        found.len() == before + length
    })
    .await?;
    let heard = Heard::asked(ctx.now());
    let mut events = Vec::new();
    for pull in &found {
        let links: Vec<_> = repository.links.iter().filter(|link| link.branch == pull.base.reference).cloned().collect();
        events.extend(git::service::counted(ctx, &links, &news(pull, &repository.name, "", &heard)).await?);
    }
    Ok(events)
}

/// Those of the linked branches from before they were linked. How much each changed is not known.
async fn commits(ctx: &Ctx, api: &Api, repository: &LinkedRepository, since: i64) -> AppResult<Vec<Event>> {
    let mut events = Vec::new();
    let branches: BTreeSet<&str> = repository.links.iter().map(|link| link.branch.as_str()).collect();
    for branch in branches {
        let links: Vec<_> = repository.links.iter().filter(|link| link.branch == branch).collect();
        let Some(until) = links.iter().map(|link| link.created_at).max() else { continue };
        let (since, until) = (clock::rfc3339(since), clock::rfc3339(until));
        let query = [("sha", branch), ("since", since.as_str()), ("until", until.as_str()), ("per_page", "100")];
        let path =
            Url::parse_with_params("https://any.example/", query).map_err(|error| crate::server::error::internal("query", &error))?;
        let mut found: Vec<Commit> = Vec::new();
        pages(api, &format!("/repos/{}/commits?{}", repository.name, path.query().unwrap_or_default()), HIDDEN, |page: Vec<Commit>| {
            found.extend(page);
            true
        })
        .await?;
        for commit in &found {
            let Some(at) = commit.commit.committer.as_ref().and_then(|signed| clock::parse_rfc3339(&signed.date)) else { continue };
            let mut seen = Vec::new();
            for link in links.iter().filter(|link| at < link.created_at) {
                if seen.contains(&link.workspace) {
                    continue;
                }
                seen.push(link.workspace);
                let made =
                    Event::new(UsageKind::CommitMade).workspace(link.workspace).volume(link.volume).subject(&commit.sha).known_at(at);
                let author = match (link.team, &commit.author) {
                    (Some(team), Some(author)) => accounts::service::member_at_github(ctx, team, author.id).await?,
                    _ => None,
                };
                events.push(match author {
                    Some(person) => made.by(person.id),
                    None => made,
                });
            }
        }
    }
    Ok(events)
}
