//! Looking for what GitHub sent and is not here, and asking for it again: it keeps deliveries for three days, and does not send one a second
//! time by itself.

use std::collections::HashMap;

use reqwest::{Method, Response, StatusCode, header};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::super::{
    model::{MissingCheck, delivery_guid, repository_name},
    store::{deliveries as store, networks as checks, secrets},
};
use crate::{
    error::{AppError, AppResult, ErrorCode},
    features::{
        accounts::service::require_administrator,
        jobs::service::{NewJob, enqueue},
    },
    server::{clock, context::Ctx, github::Api},
};

/// The job that looks, at start and hourly.
pub const CHECK: &str = "webhooks.check";

/// For as long GitHub sends a delivery again.
const SENT_AGAIN_MS: i64 = 3 * clock::DAY;
/// Younger ones may be on their way.
const YOUNG_MS: i64 = 2 * clock::MINUTE;
/// When some were asked for again, it is looked sooner whether they came.
const LOOK_AGAIN_MS: i64 = 5 * clock::MINUTE;
/// One that was sent so often and is still not here is refused for a reason.
const SENT_MAX: i64 = 5;
const HIDDEN: &str = "GitHub does not show the webhooks of this repository to GITHUB_TOKEN: it needs the right to read and write them.";
const ASKED_MAX: usize = 200;
const PAGES_MAX: usize = 200;

#[derive(Deserialize)]
struct Hook {
    id: i64,
    #[serde(default)]
    active: bool,
    config: HookConfig,
}

#[derive(Deserialize)]
struct HookConfig {
    #[serde(default)]
    url: String,
}

#[derive(Deserialize)]
struct Sent {
    id: i64,
    guid: String,
    delivered_at: String,
}

/// Asks for a check now.
pub async fn ask_to_check(ctx: &Ctx) -> AppResult<()> {
    require_administrator(ctx)?;
    if ctx.state.config.github_token.is_none() {
        return Err(AppError::invalid("Set GITHUB_TOKEN, so that this server can ask GitHub what it has sent."));
    }
    check_soon(ctx).await
}

/// At start.
pub async fn check_at_start(ctx: &Ctx) -> AppResult<()> {
    if ctx.state.config.github_token.is_some() { check_soon(ctx).await } else { Ok(()) }
}

async fn check_soon(ctx: &Ctx) -> AppResult<()> {
    let now = ctx.now();
    let mut tx = ctx.db().write_tx().await?;
    enqueue(&mut tx, NewJob::new(CHECK, &Value::Null)?.once(), now).await?;
    tx.commit().await?;
    ctx.state.jobs.notify_one();
    Ok(())
}

/// The job: looks at every repository that is configured or has a secret of its own.
pub async fn check_missing(ctx: &Ctx) -> AppResult<Value> {
    let config = &ctx.state.config;
    let Some(token) = &config.github_token else { return Ok(json!({ "token": false })) };
    let api = Api::new(config, token.clone())?;
    let mut repositories: Vec<String> = config.webhook_repositories.iter().filter_map(|name| repository_name(name)).collect();
    repositories.extend(secrets::list(ctx.db().read()).await?.into_iter().map(|secret| secret.repository));
    repositories.sort();
    repositories.dedup();
    let began = ctx.now();
    let mut asked_again = 0;
    for repository in &repositories {
        let mut check =
            MissingCheck { repository: repository.clone(), sent: 0, missing: 0, asked_again: 0, error: None, updated_at: ctx.now() };
        if let Err(error) = look(ctx, &api, &mut check).await {
            tracing::info!(%error, repository, "it could not be found out which deliveries are missing");
            check.error = Some(error.message);
        }
        asked_again += check.asked_again;
        let mut tx = ctx.db().write_tx().await?;
        checks::note_check(&mut tx, &check).await?;
        tx.commit().await?;
    }
    let mut tx = ctx.db().write_tx().await?;
    checks::forget_checks(&mut tx, began).await?;
    if asked_again > 0 {
        let now = ctx.now();
        enqueue(&mut tx, NewJob::new(CHECK, &Value::Null)?.at(now + LOOK_AGAIN_MS).once(), now).await?;
    }
    tx.commit().await?;
    Ok(json!({ "repositories": repositories.len(), "askedAgain": asked_again }))
}

async fn look(ctx: &Ctx, api: &Api, check: &mut MissingCheck) -> AppResult<()> {
    let Some(site) = &ctx.state.config.site_url else {
        return Err(AppError::invalid("Set SITE_URL: it tells which of the repository's webhooks is this server's."));
    };
    let ours = format!("{site}/webhook/github");
    let hooks_path = format!("/repos/{}/hooks", check.repository);
    let mut hooks = Vec::new();
    pages(api, &format!("{hooks_path}?per_page=100"), HIDDEN, |page: Vec<Hook>| {
        hooks.extend(page.into_iter().filter(|hook| hook.active && hook.config.url.trim_end_matches('/') == ours));
        true
    })
    .await?;
    if hooks.is_empty() {
        return Err(AppError::invalid(format!("The repository has no active webhook to {ours}.")));
    }
    for hook in hooks {
        let now = ctx.now();
        // The newest comes first: of each delivery the last attempt, and how often it was sent.
        let mut sent: HashMap<String, (i64, i64)> = HashMap::new();
        let deliveries_path = format!("{hooks_path}/{}/deliveries", hook.id);
        pages(api, &format!("{deliveries_path}?per_page=100"), HIDDEN, |page: Vec<Sent>| {
            let mut goes_on = true;
            for one in page {
                let at = one.delivered_at.parse::<jiff::Timestamp>().map_or(now, jiff::Timestamp::as_millisecond);
                goes_on = at >= now - SENT_AGAIN_MS;
                if goes_on
                    && at <= now - YOUNG_MS
                    && let Some(guid) = delivery_guid(&one.guid)
                {
                    sent.entry(guid).or_insert((one.id, 0)).1 += 1;
                }
            }
            goes_on
        })
        .await?;
        let guids: Vec<String> = sent.keys().cloned().collect();
        for known in store::known(ctx.db().read(), &guids).await? {
            sent.remove(&known);
        }
        check.sent += guids.len() as i64;
        check.missing += sent.len() as i64;
        // In the order in which they were sent.
        let mut missing: Vec<i64> = sent.into_values().filter(|(_, times)| *times < SENT_MAX).map(|(id, _)| id).collect();
        missing.sort_unstable();
        for id in missing.into_iter().take(ASKED_MAX) {
            ask(api, Method::POST, &format!("{}{deliveries_path}/{id}/attempts", api.base), HIDDEN).await?;
            check.asked_again += 1;
        }
    }
    Ok(())
}

/// Reads page after page, until there is none or `take` has enough. `hidden` is said where GitHub shows it to nobody with this token.
pub(super) async fn pages<T: DeserializeOwned>(api: &Api, path: &str, hidden: &str, mut take: impl FnMut(Vec<T>) -> bool) -> AppResult<()> {
    let mut next = Some(format!("{}{path}", api.base));
    for _ in 0..PAGES_MAX {
        let Some(url) = next else { return Ok(()) };
        let response = ask(api, Method::GET, &url, hidden).await?;
        // Nowhere else: the token goes along.
        next = response
            .headers()
            .get(header::LINK)
            .and_then(|link| next_of(link.to_str().ok()?))
            .filter(|url| url.starts_with(&format!("{}/", api.base)));
        let page = response.json().await.map_err(|error| unexpected(&error))?;
        if !take(page) {
            return Ok(());
        }
    }
    Ok(())
}

/// Asks; what GitHub refuses is said in a sentence.
async fn ask(api: &Api, method: Method, url: &str, hidden: &str) -> AppResult<Response> {
    api.ask(method, url, None)
        .await
        .map_err(|error| AppError { message: format!("{} It is asked again within the hour.", error.message), ..error })?
        .map_err(|status| {
            AppError::invalid(match status {
                StatusCode::NOT_FOUND => hidden.to_owned(),
                StatusCode::UNAUTHORIZED => "GitHub does not know GITHUB_TOKEN: make a new one.".to_owned(),
                status => format!("GitHub refused to answer ({}).", status.as_u16()),
            })
        })
}

fn unexpected(error: &reqwest::Error) -> AppError {
    tracing::info!(error = %crate::server::error::chain(error), "GitHub's API");
    AppError::new(ErrorCode::Unavailable, "GitHub's API answered something else than it documents.")
}

/// The address behind `rel="next"`.
fn next_of(link: &str) -> Option<String> {
    link.split(',').find_map(|part| {
        let (url, parameters) = part.split_once(';')?;
        let next = parameters.split(';').any(|parameter| matches!(parameter.trim(), r#"rel="next""# | "rel=next"));
        next.then(|| url.trim().strip_prefix('<')?.strip_suffix('>').map(str::to_owned)).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_in_the_header() {
        let link = r#"<https://api.github.com/x?cursor=a>; rel="prev", <https://api.github.com/x?per_page=100&cursor=b>; rel="next""#;
        assert_eq!(next_of(link).as_deref(), Some("https://api.github.com/x?per_page=100&cursor=b"));
        assert_eq!(next_of(r#"<https://x>; rel="prev""#), None);
        assert_eq!(next_of("nonsense"), None);
    }
}
