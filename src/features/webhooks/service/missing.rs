//! Looking for what GitHub sent and is not here, and asking for it again: it keeps deliveries for three days, and does not send one a second
//! time by itself.

use std::collections::{BTreeMap, HashMap};

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
        git,
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
const HIDDEN: &str = "GitHub does not show the webhooks of this repository to GITHUB_TOKEN, or to this server's app: it needs the right to read and write them.";
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

/// Whether there is anything that GitHub can be asked with.
fn may_ask(ctx: &Ctx) -> bool {
    ctx.state.config.github_token.is_some() || ctx.state.config.github_app.is_some()
}

/// Asks for a check now.
pub async fn ask_to_check(ctx: &Ctx) -> AppResult<()> {
    require_administrator(ctx)?;
    if !may_ask(ctx) {
        return Err(AppError::invalid(
            "Set GITHUB_TOKEN, or GITHUB_APP_ID and GITHUB_APP_KEY, so that this server can ask GitHub what it has sent.",
        ));
    }
    check_soon(ctx).await
}

/// At start.
pub async fn check_at_start(ctx: &Ctx) -> AppResult<()> {
    if may_ask(ctx) { check_soon(ctx).await } else { Ok(()) }
}

async fn check_soon(ctx: &Ctx) -> AppResult<()> {
    let now = ctx.now();
    let mut tx = ctx.db().write_tx().await?;
    enqueue(&mut tx, NewJob::new(CHECK, &Value::Null)?.once(), now).await?;
    tx.commit().await?;
    ctx.state.jobs.notify_one();
    Ok(())
}

/// The repositories whose deliveries are looked for, each with whether it is known to have a webhook to here: those that are configured, have a secret of
/// their own, or sent something. One that a volume is only linked to may do without.
async fn repositories(ctx: &Ctx) -> AppResult<BTreeMap<String, bool>> {
    let pool = ctx.db().read();
    let mut all = BTreeMap::new();
    for name in git::service::linked_at_github(ctx).await? {
        let sends = store::any_of(pool, &name).await?;
        all.insert(name, sends);
    }
    all.extend(ctx.state.config.webhook_repositories.iter().filter_map(|name| Some((repository_name(name)?, true))));
    all.extend(secrets::list(pool).await?.into_iter().map(|secret| (secret.repository, true)));
    Ok(all)
}

/// What a repository's webhooks are asked with: the server's own token, or else its app's.
async fn api_for(ctx: &Ctx, repository: &str) -> AppResult<Option<Api>> {
    let config = &ctx.state.config;
    let token = match &config.github_token {
        Some(token) => Some(token.clone()),
        None => ctx.state.github_tokens.if_installed(config, repository).await?,
    };
    token.map(|token| Api::new(config, token)).transpose()
}

/// The job: looks at every repository that deliveries come from. One that cannot be asked keeps no other one waiting.
pub async fn check_missing(ctx: &Ctx) -> AppResult<Value> {
    if !may_ask(ctx) {
        return Ok(json!({ "token": false }));
    }
    let repositories = repositories(ctx).await?;
    let began = ctx.now();
    let (mut looked_at, mut asked_again) = (0, 0);
    for (repository, sends) in &repositories {
        let mut check =
            MissingCheck { repository: repository.clone(), sent: 0, missing: 0, asked_again: 0, error: None, updated_at: ctx.now() };
        let looked = async {
            let api = api_for(ctx, repository).await?.ok_or_else(|| AppError::invalid(HIDDEN))?;
            look(ctx, &api, &mut check).await
        };
        if let Err(error) = looked.await {
            // No webhook of ours was seen there: it may have none, and its links are looked at each hour.
            if !sends && check.sent == 0 && !matches!(error.code, ErrorCode::Unavailable | ErrorCode::Internal) {
                tracing::debug!(%error, repository, "a linked repository sends no deliveries, as far as can be seen");
                continue;
            }
            tracing::info!(%error, repository, "it could not be found out which deliveries are missing");
            check.error = Some(error.message);
        }
        looked_at += 1;
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
    Ok(json!({ "repositories": looked_at, "askedAgain": asked_again }))
}

async fn look(ctx: &Ctx, api: &Api, check: &mut MissingCheck) -> AppResult<()> {
    let Some(ours) = ctx.state.config.webhook_address() else {
        return Err(AppError::invalid("Set SITE_URL, or WEBHOOK_URL: it tells which of the repository's webhooks is this server's."));
    };
    let hooks_path = format!("/repos/{}/hooks", check.repository);
    let mut hooks = Vec::new();
    let all = pages(api, &format!("{hooks_path}?per_page=100"), HIDDEN, |page: Vec<Hook>| {
        hooks.extend(page.into_iter().filter(|hook| hook.active && hook.config.url.trim_end_matches('/') == ours));
        true
    })
    .await?;
    if hooks.is_empty() {
        return Err(AppError::invalid(format!("The repository has no active webhook to {ours}.")));
    }
    let mut problem = (!all).then(not_all);
    for hook in hooks {
        let now = ctx.now();
        // The newest comes first: of each delivery the last attempt, and how often it was sent.
        let mut sent: HashMap<String, (i64, i64)> = HashMap::new();
        let deliveries_path = format!("{hooks_path}/{}/deliveries", hook.id);
        let all = pages(api, &format!("{deliveries_path}?per_page=100"), HIDDEN, |page: Vec<Sent>| {
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
        if !all {
            problem = Some(not_all());
        }
        for id in missing.into_iter().take(ASKED_MAX) {
            let url = format!("{}{deliveries_path}/{id}/attempts", api.base);
            match api.ask(Method::POST, &url, None).await? {
                Ok(_) => check.asked_again += 1,
                // Of one that GitHub has no more, or does not send, the others are asked for all the same.
                Err(status) => {
                    tracing::info!(status = status.as_u16(), id, repository = check.repository, "GitHub does not send a delivery again");
                    problem = Some(AppError::invalid(format!("GitHub did not send every missing delivery again ({}).", status.as_u16())));
                }
            }
        }
    }
    problem.map_or(Ok(()), Err)
}

fn not_all() -> AppError {
    AppError::invalid("GitHub has more deliveries of three days than are read of them: some that are missing may not be known.")
}

/// Reads page after page, until there is none or `take` has enough; false if there are more than are read. `hidden` is said where GitHub shows it to nobody
/// with this token.
pub(super) async fn pages<T: DeserializeOwned>(
    api: &Api,
    path: &str,
    hidden: &str,
    mut take: impl FnMut(Vec<T>) -> bool,
) -> AppResult<bool> {
    let mut next = Some(format!("{}{path}", api.base));
    for _ in 0..PAGES_MAX {
        let Some(url) = next else { return Ok(true) };
        let response = ask(api, Method::GET, &url, hidden).await?;
        // Nowhere else: the token goes along.
        next = response
            .headers()
            .get(header::LINK)
            .and_then(|link| next_of(link.to_str().ok()?))
            .filter(|url| url.starts_with(&format!("{}/", api.base)));
        let page = response.json().await.map_err(|error| unexpected(&error))?;
        if !take(page) {
            return Ok(true);
        }
    }
    Ok(next.is_none())
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
