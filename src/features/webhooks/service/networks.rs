//! Where GitHub's deliveries come from, as it publishes it: noted by default, enforced on request.

use std::{
    net::IpAddr,
    sync::{Arc, PoisonError, RwLock},
};

use ipnet::IpNet;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    super::{model::AllowList, store::networks as store},
    secrets,
};
use crate::{
    error::{AppError, AppResult, ErrorCode},
    features::jobs::service::{NewJob, enqueue},
    server::{clock, cluster::Notice, context::Ctx, db::Tx},
};

/// The job that asks GitHub for them.
pub const NETWORKS: &str = "webhooks.networks";

/// Another node may have fetched them.
const READ_AGAIN_MS: i64 = 10 * clock::MINUTE;
/// What GitHub publishes is some ten; more than this is no list of its networks.
const NETWORKS_MAX: usize = 1_000;

/// The ranges, in memory.
#[derive(Default)]
pub struct Networks(RwLock<Known>);

#[derive(Clone, Default)]
struct Known {
    networks: Arc<[IpNet]>,
    read_at: i64,
}

impl Networks {
    async fn known(&self, ctx: &Ctx) -> Arc<[IpNet]> {
        let now = ctx.now();
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        if now - known.read_at < READ_AGAIN_MS {
            return known.networks;
        }
        match store::all(ctx.db().read()).await {
            Ok(texts) => {
                let networks: Arc<[IpNet]> = texts.iter().filter_map(|text| text.parse().ok()).collect();
                *self.0.write().unwrap_or_else(PoisonError::into_inner) = Known { networks: networks.clone(), read_at: now };
                networks
            }
            Err(error) => {
                tracing::warn!(%error, "GitHub's address ranges could not be read");
                known.networks
            }
        }
    }

    /// They are read again at the next look.
    pub fn forget(&self) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).read_at = 0;
    }
}

/// Whether an address is in any of these; one of version 4 also in its form of version 6.
fn is_in(networks: &[IpNet], address: IpAddr) -> bool {
    let address = address.to_canonical();
    networks.iter().any(|network| network.contains(&address))
}

/// Whether the caller's address is GitHub's; none: that is not known, or not asked. Refuses where only GitHub's are let in.
pub async fn look_at_address(ctx: &Ctx) -> AppResult<Option<bool>> {
    let mode = ctx.state.config.webhook_allow_list;
    if mode == AllowList::Off {
        return Ok(None);
    }
    let networks = ctx.state.networks.known(ctx).await;
    let listed = match ctx.address.parse() {
        Ok(address) if !networks.is_empty() => Some(is_in(&networks, address)),
        _ => None,
    };
    match (mode, listed) {
        (AllowList::Enforce, Some(false)) => {
            Err(AppError::forbidden(format!("Deliveries are taken from GitHub's addresses only; {} is none.", ctx.address)))
        }
        (AllowList::Enforce, None) => Err(AppError::new(
            ErrorCode::Unavailable,
            "Deliveries are taken from GitHub's addresses only, and those are not known yet: try again later.",
        )),
        _ => Ok(listed),
    }
}

/// How many ranges are known.
pub async fn count(ctx: &Ctx) -> i64 {
    ctx.state.networks.known(ctx).await.len() as i64
}

/// Nobody is asked where no deliveries are taken.
async fn is_wanted(ctx: &Ctx) -> AppResult<bool> {
    Ok(ctx.state.config.webhook_allow_list != AllowList::Off && secrets::any(ctx).await?)
}

/// At start: they are fetched, if they never were.
pub async fn refresh_if_unknown(ctx: &Ctx) -> AppResult<()> {
    if !is_wanted(ctx).await? {
        return Ok(());
    }
    let mut tx = ctx.db().write_tx().await?;
    refresh_soon(ctx, &mut tx).await?;
    Ok(tx.commit().await?)
}

/// The same in the transaction from which on deliveries are taken. Call `ctx.state.jobs.notify_one()` then.
pub async fn refresh_soon(ctx: &Ctx, tx: &mut Tx) -> AppResult<()> {
    if ctx.state.config.webhook_allow_list == AllowList::Off || !store::all(ctx.db().read()).await?.is_empty() {
        return Ok(());
    }
    enqueue(tx, NewJob::new(NETWORKS, &Value::Null)?.once(), ctx.now()).await
}

#[derive(Deserialize)]
struct Meta {
    hooks: Vec<String>,
}

/// Asks GitHub for the ranges. Where it cannot be reached, or says nothing sensible, the old ones stay.
pub async fn refresh_networks(ctx: &Ctx) -> AppResult<Value> {
    if !is_wanted(ctx).await? {
        return Ok(json!({ "wanted": false }));
    }
    let url = format!("{}/meta", ctx.state.config.github_api_url.trim_end_matches('/'));
    let mut request = ctx.state.http.get(url).header("accept", "application/vnd.github+json");
    if let Some(token) = &ctx.state.config.github_token {
        request = request.bearer_auth(token);
    }
    let answer = async { request.send().await?.error_for_status()?.json::<Meta>().await };
    let Meta { hooks } = answer.await.map_err(|error| {
        tracing::info!(error = %crate::server::error::chain(&error), "GitHub's address ranges could not be fetched");
        AppError::new(ErrorCode::Unavailable, "GitHub did not say where its deliveries come from.")
    })?;
    let mut networks: Vec<String> =
        hooks.iter().take(NETWORKS_MAX).filter_map(|text| Some(text.parse::<IpNet>().ok()?.trunc().to_string())).collect();
    networks.sort();
    networks.dedup();
    if networks.is_empty() {
        return Err(AppError::invalid("GitHub's answer has no ranges of webhooks in it; the known ones stay."));
    }
    let mut tx = ctx.db().write_tx().await?;
    store::replace(&mut tx, &networks, ctx.now()).await?;
    tx.commit().await?;
    ctx.state.networks.forget();
    ctx.state.cluster.announce(&Notice::Networks);
    Ok(json!({ "networks": networks.len() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_in_a_range_of_its_own_version() {
        let networks: Vec<IpNet> = ["192.30.252.0/22", "2a0a:a440::/29"].map(|text| text.parse::<IpNet>().expect("a range")).into();
        for inside in ["192.30.252.1", "192.30.255.255", "::ffff:192.30.253.7", "2a0a:a440::1"] {
            assert!(is_in(&networks, inside.parse().expect("an address")), "{inside}");
        }
        for outside in ["192.31.0.1", "127.0.0.1", "::1", "2a0b::1"] {
            assert!(!is_in(&networks, outside.parse().expect("an address")), "{outside}");
        }
    }
}
