//! Telling GitHub what was seen in a pull request: as a check run where the link's token is an app's, as a commit status where it may write those, as
//! a comment where it may write that.

use reqwest::{Method, StatusCode, Url};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    super::{
        jobs::TELL,
        model::{ChangeKind, PullChange, preview_words},
        store::{
            self,
            pull_requests::{self, PullRow, Which},
        },
    },
    is_of_the_moment, name_at_github, token_of,
};
use crate::{
    error::{AppError, AppResult},
    features::{
        jobs::{self, Job, model::ATTEMPTS, service::NewJob},
        marketplace::model::Finding,
    },
    ids::VolumeId,
    server::{clock, context::Ctx, db::Tx, github::Api},
    ui::plural,
};

const NAME: &str = "LLMos";
/// What GitHub takes as the description of a status.
const DESCRIPTION_CHARS: usize = 140;
/// Findings that a comment lists.
const LISTED: usize = 20;
/// A limit that lasts longer is tried again after this.
const LONGEST_WAIT_MS: i64 = clock::HOUR;

#[derive(Debug, Serialize, Deserialize)]
struct Payload {
    volume: VolumeId,
    repository: String,
    number: i64,
    /// Another job began it before this one.
    #[serde(default)]
    again: bool,
}

/// Queues it, in the transaction that keeps the preview.
pub async fn enqueue(tx: &mut Tx, which: Which<'_>, now: i64) -> AppResult<()> {
    jobs::service::enqueue(tx, job(&which, false)?, now).await
}

fn job(which: &Which<'_>, again: bool) -> AppResult<NewJob> {
    let payload = Payload { volume: which.volume, repository: which.repository.to_owned(), number: which.number, again };
    // In a queue of its own: what GitHub does not take keeps neither pulls nor deliveries waiting.
    Ok(NewJob::new(TELL, &payload)?.in_order_of(format!("check {} {}", which.volume, which.repository)))
}

/// How it was told, with the id of a comment.
struct Told {
    how: String,
    comment: Option<i64>,
}

impl Told {
    fn one(how: &str) -> Self {
        Self { how: how.to_owned(), comment: None }
    }
}

/// The job. Each commit is told of once; without a token of GitHub's nothing is.
pub async fn tell_github(ctx: &Ctx, job: &Job) -> AppResult<Value> {
    let payload: Payload = serde_json::from_str(&job.payload)?;
    let which = Which { volume: payload.volume, repository: &payload.repository, number: payload.number };
    let pool = ctx.db().read();
    let Some(row) = pull_requests::get(pool, which.volume, which.repository, which.number).await? else { return Ok(Value::Null) };
    let Some(sha) = row.looked_sha.clone().filter(|sha| row.checked_sha.as_deref() != Some(sha)) else { return Ok(Value::Null) };
    let Some(link) = store::link(pool, which.volume).await? else { return Ok(Value::Null) };
    // That of the link, which its token is for, whatever name came with the event.
    let Some(repository) = name_at_github(&ctx.state.config.github_url, &link.url) else { return Ok(Value::Null) };
    let Some(token) = token_of(ctx, which.volume, &link).await? else { return Ok(Value::Null) };
    let api = Api::new(&ctx.state.config, token)?;
    let at = format!("{}/repos/{repository}", api.base);
    let result = tell(ctx, &api, &at, which.volume, &Seen { row: &row, sha: &sha, again: payload.again || job.attempts > 1 }).await;
    let now = ctx.now();
    let mut tx = ctx.db().write_tx().await?;
    let report = match &result {
        Ok(told) => {
            pull_requests::set_checked(&mut tx, which, Some(&sha), &told.how, told.comment, now).await?;
            json!({ "told": told.how })
        }
        Err(error) => {
            pull_requests::set_checked(&mut tx, which, None, &error.message, None, now).await?;
            if let Some(seconds) = error.retry_after {
                let wait = (i64::from(seconds) * clock::SECOND).min(LONGEST_WAIT_MS);
                jobs::service::enqueue(&mut tx, self::job(&which, true)?.at(now + wait), now).await?;
            }
            json!({ "later": error.message })
        }
    };
    tx.commit().await?;
    match result {
        Err(error) if error.retry_after.is_none() && is_of_the_moment(&error) && job.attempts < ATTEMPTS => Err(error),
        _ => Ok(report),
    }
}

/// Whether a link has a token of GitHub's, which is shown to nobody else: one over SSH has a private key in its place, which is shown to nobody at all.
pub(super) fn is_of(github: &str, address: &str) -> bool {
    let host = |text: &str| {
        let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
        url.host_str().map(str::to_ascii_lowercase)
    };
    host(address).is_some_and(|there| Some(there) == host(github))
}

/// What was seen, in which commit.
struct Seen<'a> {
    row: &'a PullRow,
    sha: &'a str,
    /// It was begun before, and may have been told: what GitHub took is noted only afterwards.
    again: bool,
}

/// `at`: the repository in the API.
async fn tell(ctx: &Ctx, api: &Api, at: &str, volume: VolumeId, seen: &Seen<'_>) -> AppResult<Told> {
    let Seen { row, sha, again } = *seen;
    let (changes, findings) = (row.changes()?, row.findings()?);
    let holds = findings.iter().any(|finding| finding.blocks);
    let words = preview_words(&changes, &findings);
    let text = in_full(&changes, &findings);
    let address = ctx.state.config.site_url.as_ref().map(|site| format!("{site}/volumes/{volume}"));

    let ours = format!("{volume} {sha}");
    let run = json!({
        "name": NAME, "head_sha": sha, "status": "completed", "conclusion": if holds { "failure" } else { "success" },
        "external_id": ours, "details_url": address, "output": { "title": words, "summary": text },
    });
    let known = again && find_run(api, at, sha, &ours).await?;
    if known || refused(api.make(&format!("{at}/check-runs"), &run).await?)?.is_some() {
        return Ok(Told::one("A check run says so at GitHub."));
    }
    let description: String = words.chars().take(DESCRIPTION_CHARS).collect();
    let status = json!({
        "state": if holds { "failure" } else { "success" }, "context": NAME, "description": description, "target_url": address,
    });
    if refused(api.ask(Method::POST, &format!("{at}/statuses/{sha}"), Some(&status)).await?)?.is_some() {
        return Ok(Told::one("A commit status says so at GitHub."));
    }
    let mark = format!("<!-- {NAME} {volume} -->");
    let comment = json!({ "body": format!("{mark}\n**{NAME}**, commit {}: {words}\n\n{text}", sha.get(..7).unwrap_or(sha)) });
    let known = match row.comment_id {
        None if again => find_comment(api, at, row, &mark).await?,
        known => known,
    };
    // The one that is there is changed, so that a pull request has one.
    if let Some(id) = known
        && refused(api.ask(Method::PATCH, &format!("{at}/issues/comments/{id}"), Some(&comment)).await?)?.is_some()
    {
        return Ok(Told { how: "A comment says so at GitHub.".to_owned(), comment: Some(id) });
    }
    if let Some(response) = refused(api.make(&format!("{at}/issues/{}/comments", row.number), &comment).await?)? {
        let made: Value = response.json().await.unwrap_or_default();
        return Ok(Told { how: "A comment says so at GitHub.".to_owned(), comment: made["id"].as_i64() });
    }
    Ok(Told::one("GitHub lets the token of the link write neither checks nor statuses nor comments: give it one of these rights."))
}

/// Whether a commit has this check run.
async fn find_run(api: &Api, at: &str, sha: &str, ours: &str) -> AppResult<bool> {
    let address = format!("{at}/commits/{sha}/check-runs?check_name={NAME}&filter=all&per_page=100");
    let Some(response) = refused(api.ask(Method::GET, &address, None).await?)? else { return Ok(false) };
    let found: Value = response.json().await.unwrap_or_default();
    Ok(found["check_runs"].as_array().is_some_and(|runs| runs.iter().any(|run| run["external_id"] == ours)))
}

/// The comment with this mark. Ours comes soon after the pull request is heard of, so that one page has it.
async fn find_comment(api: &Api, at: &str, row: &PullRow, mark: &str) -> AppResult<Option<i64>> {
    let since = clock::rfc3339(row.created_at - clock::HOUR);
    let address = format!("{at}/issues/{}/comments?since={since}&per_page=100", row.number);
    let Some(response) = refused(api.ask(Method::GET, &address, None).await?)? else { return Ok(None) };
    let found: Value = response.json().await.unwrap_or_default();
    let ours = |comment: &&Value| comment["body"].as_str().is_some_and(|body| body.starts_with(mark));
    Ok(found.as_array().and_then(|all| all.iter().find(ours)).and_then(|comment| comment["id"].as_i64()))
}

/// The answer; none where this token may not do that, so that the next way is tried.
fn refused(answer: Result<reqwest::Response, StatusCode>) -> AppResult<Option<reqwest::Response>> {
    match answer {
        Ok(response) => Ok(Some(response)),
        Err(StatusCode::UNAUTHORIZED) => Err(AppError::invalid("GitHub does not know the token of the link (any more): add another one.")),
        Err(status) => {
            tracing::info!(status = status.as_u16(), "GitHub does not take what was seen in a pull request in this way");
            Ok(None)
        }
    }
}

/// The whole result, as markdown. What the texts say is not repeated: only where something was found.
fn in_full(changes: &[PullChange], findings: &[Finding]) -> String {
    let quoted = |text: &str| format!("`{}`", text.replace('`', "'"));
    let mut lines: Vec<String> = changes
        .iter()
        .map(|change| {
            let verb = match change.change {
                ChangeKind::Created => "new",
                ChangeKind::Updated => "changed",
                ChangeKind::Deleted => "deleted",
            };
            format!("- {} {verb}: {}", change.kind, quoted(&change.path))
        })
        .collect();
    if !findings.is_empty() {
        lines.push(String::new());
        lines.push(format!("{}:", plural(findings.len() as i64, "finding", "findings")));
    }
    for finding in findings.iter().take(LISTED) {
        lines.push(format!("- **{}** {}:{} {} {}", finding.severity, quoted(&finding.path), finding.line, finding.why, finding.fix));
    }
    if lines.is_empty() { "Nothing that is an artifact.".to_owned() } else { lines.join("\n") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_key_of_ssh_is_no_token_of_githubs() {
        assert!(is_of("https://github.com", "https://GitHub.com/harbor/skills.git"));
        for other in
            ["ssh://git@github.com/harbor/skills.git", "https://github.com.evil.example/harbor/skills.git", "https://git.example/a.git"]
        {
            assert!(!is_of("https://github.com", other), "{other}");
        }
    }
}
