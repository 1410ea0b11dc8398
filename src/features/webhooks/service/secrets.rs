//! What deliveries are signed with: secrets of the whole server, and those of single repositories.

use std::sync::atomic::{AtomicI64, Ordering};

use super::{
    super::{
        model::{Heading, SetWebhookSecret, WebhookSecret, read_heading, repository_name},
        store::secrets as store,
    },
    networks,
    signature::is_signed_with,
};
use crate::{
    error::{AppError, AppResult, ErrorCode},
    features::{
        accounts::service::{Audit, note, require_administrator},
        git::model::same_repository,
    },
    // Two parts are the old and the new one, while a secret is changed.
    server::{
        clock,
        config::parts,
        context::Ctx,
        db::{Db, Tx},
        secrets::Vault,
    },
};

const SECRET_MAX: usize = 1_000;
/// Shorter ones can be guessed.
const SECRET_MIN: usize = 16;

fn purpose(repository: &str) -> String {
    format!("webhook secret of {repository}")
}

/// Whether there is anything to verify with.
pub async fn any(ctx: &Ctx) -> AppResult<bool> {
    Ok(!ctx.state.config.webhook_secrets.is_empty() || store::any(ctx.db().read()).await?)
}

/// Refuses while there is nothing to verify with, and says so in the log, once a minute.
pub async fn require_any(ctx: &Ctx) -> AppResult<()> {
    static SAID: AtomicI64 = AtomicI64::new(0);
    if any(ctx).await? {
        return Ok(());
    }
    let (now, said) = (ctx.now(), SAID.load(Ordering::Relaxed));
    if now - said >= clock::MINUTE && SAID.compare_exchange(said, now, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
        tracing::warn!(
            "webhooks are refused: there is no secret to verify them with; set GITHUB_WEBHOOK_SECRET, or one for the repository"
        );
    }
    Err(AppError::new(
        ErrorCode::Unavailable,
        "This server has no webhook secret, so it takes no deliveries: set GITHUB_WEBHOOK_SECRET here.",
    ))
}

/// Whose signature it is, in words. A repository's own secret counts for its own deliveries only.
pub async fn signer(ctx: &Ctx, body: &[u8], payload: &[u8], signature: &[u8; 32]) -> AppResult<String> {
    let all = &ctx.state.config.webhook_secrets;
    if let Some(at) = all.iter().position(|secret| is_signed_with(secret, body, signature)) {
        return Ok(format!("Secret {} of {}", at + 1, all.len()));
    }
    let heading = read_heading("", payload).unwrap_or_default();
    if let Some(own) = secret_of(ctx, &heading.repository).await?
        && parts(&own).any(|secret| is_signed_with(secret, body, signature))
    {
        require_its_own(ctx, &heading)?;
        return Ok(format!("Secret of {}", heading.repository));
    }
    Err(AppError::new(
        ErrorCode::Unauthenticated,
        "The signature is not of this payload: the webhook's secret at GitHub and the one here differ, or the payload was changed on its way.",
    ))
}

/// The secret is found by the name of the repository, and what is acted on by its address: whoever knows one repository's secret could name that one, and
/// give the address of another.
fn require_its_own(ctx: &Ctx, heading: &Heading) -> AppResult<()> {
    let Heading { repository, clone_url, .. } = heading;
    let own = format!("{}/{repository}", ctx.state.config.github_url);
    // Without an address nothing is found to act on.
    if clone_url.is_empty() || same_repository(clone_url, &own) {
        return Ok(());
    }
    Err(AppError::forbidden(format!(
        "The secret of {repository} is for its own deliveries only: this one gives another address of the repository than {own}."
    )))
}

/// The repository's own secrets, as they were given.
pub async fn secret_of(ctx: &Ctx, repository: &str) -> AppResult<Option<String>> {
    if repository.is_empty() {
        return Ok(None);
    }
    let Some(sealed) = store::get(ctx.db().read(), repository).await? else { return Ok(None) };
    let secret = ctx.state.vault.open(&purpose(repository), &sealed);
    if secret.is_none() {
        tracing::error!(repository, "the webhook secret of a repository cannot be opened: SECRET_KEY is another one than when it was set");
    }
    Ok(secret)
}

/// How many secrets cannot be opened with this server key: for whoever runs the server, which need not be running.
pub async fn unreadable_secrets(db: &Db, vault: &Vault) -> AppResult<usize> {
    let secrets = store::all(db.read()).await?.into_iter();
    Ok(secrets.filter(|(repository, sealed)| vault.open(&purpose(repository), sealed).is_none()).count())
}

fn named(text: &str) -> AppResult<String> {
    repository_name(text).ok_or_else(|| AppError::field("repository", "Name the repository as owner/name."))
}

pub async fn list_secrets(ctx: &Ctx) -> AppResult<Vec<WebhookSecret>> {
    require_administrator(ctx)?;
    store::list(ctx.db().read()).await
}

/// For administrators: whoever knows a repository's secret can make up its deliveries.
pub async fn set_secret(ctx: &Ctx, repository: &str, wish: SetWebhookSecret) -> AppResult<()> {
    require_administrator(ctx)?;
    let repository = named(repository)?;
    let fits = |part: &str| part.len() >= SECRET_MIN;
    if wish.secret.len() > SECRET_MAX {
        return Err(AppError::field("secret", format!("Keep a secret to {SECRET_MAX} characters.")));
    }
    if parts(&wish.secret).next().is_none() || !parts(&wish.secret).all(fits) {
        return Err(AppError::field("secret", format!("A secret has {SECRET_MIN} characters or more; separate two with a comma.")));
    }
    let sealed = ctx.state.vault.seal(&purpose(&repository), wish.secret.trim());
    let mut tx = ctx.db().write_tx().await?;
    store::put(&mut tx, &repository, &sealed, ctx.now()).await?;
    note_change(ctx, &mut tx, "webhook_secret.set", &repository).await?;
    // With the first secret deliveries are taken, from addresses that nobody asked for before.
    networks::refresh_soon(ctx, &mut tx).await?;
    tx.commit().await?;
    ctx.state.jobs.notify_one();
    Ok(())
}

pub async fn remove_secret(ctx: &Ctx, repository: &str) -> AppResult<()> {
    require_administrator(ctx)?;
    let repository = named(repository)?;
    let mut tx = ctx.db().write_tx().await?;
    if !store::delete(&mut tx, &repository).await? {
        return Err(AppError::not_found("secret"));
    }
    note_change(ctx, &mut tx, "webhook_secret.removed", &repository).await?;
    Ok(tx.commit().await?)
}

async fn note_change(ctx: &Ctx, tx: &mut Tx, action: &'static str, repository: &str) -> AppResult<()> {
    note(ctx, tx, Audit::new(action, repository)).await
}
