//! `Idempotency-Key` on every mutation of `/api/v1`: the same key again answers what the first request was answered, and does
//! nothing. Keys belong to their account and are kept for two weeks: so long a device may have been away that sent something and did not hear the answer.
//!
//! A change and its answer are noted one after the other, so a server that dies in between is asked once more; where the client made no id, the change notes the
//! answer itself ([`settle`]).
//!
//! Follows draft-ietf-httpapi-idempotency-key-header: another request under a used key is refused, so is one whose first is
//! still running. Answers of 500 and above are not kept: the client may try again.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum::{
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{HeaderValue, Method, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http_body_util::{BodyExt as _, Limited};
use serde::Serialize;
use tracing::Instrument;

use super::{clock, context::Ctx, db::Tx, error::internal, secrets, state::AppState};
use crate::error::{AppError, AppResult};

const KEY_MAX: usize = 200;
/// Bodies up to this size are part of the fingerprint; larger ones (archives) are known by their length.
const BODY_READ: usize = 4 * 1024 * 1024;
/// Answers of mutations are small; a larger one is passed on and not kept.
const BODY_KEPT: usize = 1024 * 1024;
pub const KEPT_MS: i64 = 14 * clock::DAY;
/// A first request that has not ended by then never will, also where its process lives on, or is not known.
const STALE_MS: i64 = 2 * clock::MINUTE;

crate::row! {
    struct Stored { fingerprint: String, status: i64, body: String, created_at: i64 }
}

pub async fn layer(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let mutation = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let key = request.headers().get("idempotency-key").map(|value| value.to_str().unwrap_or_default().to_owned());
    let actor = request.extensions().get::<Ctx>().and_then(|ctx| ctx.actor.as_ref().map(|actor| actor.id().to_string()));
    match (mutation, key, actor) {
        (true, Some(key), Some(actor)) => run(state, actor, key, request, next).await.unwrap_or_else(IntoResponse::into_response),
        _ => next.run(request).await,
    }
}

async fn run(state: AppState, actor: String, key: String, request: Request, next: Next) -> AppResult<Response> {
    if key.is_empty() || key.len() > KEY_MAX {
        return Err(AppError::invalid(format!("Idempotency-Key has 1 to {KEY_MAX} ASCII characters.")));
    }
    let (parts, body) = request.into_parts();
    let length =
        parts.headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()).and_then(|text| text.parse::<usize>().ok());
    let mut fingerprint = format!("{} {} {length:?} ", parts.method, parts.uri);
    let body = if length.is_some_and(|length| length <= BODY_READ) && !may_have_password(&parts) {
        let bytes = to_bytes(body, BODY_READ).await.map_err(|_| AppError::invalid("The body ended early. Send it again."))?;
        fingerprint.push_str(&secrets::sha256(&bytes));
        Body::from(bytes)
    } else {
        body
    };
    let fingerprint = secrets::sha256(fingerprint.as_bytes());
    let broke_off = Arc::new(AtomicBool::new(false));
    let body = Body::new(body.map_err({
        let broke_off = broke_off.clone();
        move |error| {
            broke_off.store(true, Ordering::Relaxed);
            error
        }
    }));

    if let Some(stored) = claim(&state, &actor, &key, &fingerprint).await? {
        if stored.fingerprint != fingerprint {
            return Err(AppError::conflict("This Idempotency-Key was used for another request: use a new one."));
        }
        if stored.status == 0 {
            // The time tells programs that this is no conflict, and passes by itself.
            let running = AppError::conflict("The first request with this Idempotency-Key is still running: try again in a moment.");
            return Err(AppError { retry_after: Some(1), ..running });
        }
        let status = u16::try_from(stored.status).ok().and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or(StatusCode::OK);
        let mut response = (status, stored.body).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
        return Ok(response);
    }

    let taken = Taken(Some((state, actor, key.clone())), broke_off);
    let mut parts = parts;
    if let Some(ctx) = parts.extensions.get_mut::<Ctx>() {
        ctx.key = Some(key.as_str().into());
    }
    let response = next.run(Request::from_parts(parts, body)).await;
    // What was done is noted, also where its client goes away now.
    tokio::spawn(taken.ended(response).in_current_span()).await.map_err(|error| internal("an answer is kept", &error))?
}

/// A key whose first request runs. Where that ends without an answer (its client went away, it took too long), its work was rolled back: the key is free then.
struct Taken(Option<(AppState, String, String)>, Arc<AtomicBool>);

impl Taken {
    /// Keeps the answer under the key, or frees it where the client may try again.
    async fn ended(mut self, response: Response) -> AppResult<Response> {
        let Some((state, actor, key)) = self.0.take() else { return Ok(response) };
        let (parts, body) = response.into_parts();
        let small = Limited::new(body, BODY_KEPT).collect().await.ok().map(|whole| whole.to_bytes());
        let Some(bytes) = small else {
            forget(&state, &actor, &key).await?;
            return Err(AppError::invalid("The answer is too large to be kept: send this request without Idempotency-Key."));
        };
        // What was said of half a body is not true of the whole one.
        let half = !parts.status.is_success() && self.1.load(Ordering::Relaxed);
        if half || parts.status.is_server_error() || parts.status == StatusCode::TOO_MANY_REQUESTS {
            forget(&state, &actor, &key).await?;
        } else {
            // A secret is shown once and stored nowhere, not even here.
            let secret = parts.status.is_success() && parts.headers.get(header::CACHE_CONTROL).is_some_and(|value| value == "no-store");
            let (status, body) = if secret { shown_once()? } else { (parts.status, String::from_utf8_lossy(&bytes).into_owned()) };
            let mut tx = state.db.write_tx().await?;
            sqlx::query("UPDATE idempotency_keys SET status = $1, body = $2 WHERE actor_id = $3 AND key = $4")
                .bind(i64::from(status.as_u16()))
                .bind(body)
                .bind(&actor)
                .bind(&key)
                .execute(&mut *tx)
                .await?;
            tx.commit().await?;
        }
        Ok(Response::from_parts(parts, Body::from(bytes)))
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let (Some((state, actor, key)), Ok(runtime)) = (self.0.take(), tokio::runtime::Handle::try_current()) else { return };
        runtime.spawn(async move {
            if let Err(error) = forget(&state, &actor, &key).await {
                tracing::warn!(%error, "the key of a request that was given up stays taken for two minutes");
            }
        });
    }
}

/// Requests whose body may have a password: a hash as fast as the fingerprint's must not be stored of it.
fn may_have_password(parts: &Parts) -> bool {
    let path = parts.uri.path();
    path.ends_with("/password")
        || path.ends_with("/sign-in")
        || path.ends_with("/sign-up")
        || path.contains("/sign-in/")
        || path.ends_with("/me/confirmation")
        || path.contains("/password-links/")
        || path.ends_with("/me")
}

/// What a repeated key is answered when the first answer had a secret in it.
fn shown_once() -> AppResult<(StatusCode, String)> {
    let error = AppError::conflict("This was done already, and its answer is shown only once. Load the page again to see what was made.");
    Ok((StatusCode::CONFLICT, serde_json::to_string(&error)?))
}

/// Takes the key for this request, or gives what is stored under it.
async fn claim(state: &AppState, actor: &str, key: &str, fingerprint: &str) -> AppResult<Option<Stored>> {
    let now = clock::now_ms();
    let mut tx = state.db.write_tx().await?;
    let own = state.cluster.id().to_string();
    // A first request whose process is gone ended with it. One that serves alone is in no table: then every other one is gone.
    sqlx::query(
        "DELETE FROM idempotency_keys WHERE actor_id = $1 AND key = $2 AND (created_at < $3 OR (status = 0 AND (created_at < $4 \
         OR (node_id <> '' AND node_id <> $5 AND NOT EXISTS (SELECT 1 FROM nodes n WHERE n.id = idempotency_keys.node_id)))))",
    )
    .bind(actor)
    .bind(key)
    .bind(now - KEPT_MS)
    .bind(now - STALE_MS)
    .bind(&own)
    .execute(&mut *tx)
    .await?;
    let claimed = sqlx::query(
        "INSERT INTO idempotency_keys (actor_id, key, fingerprint, status, body, created_at, node_id) VALUES ($1, $2, $3, 0, '', $4, $5) \
         ON CONFLICT DO NOTHING",
    )
    .bind(actor)
    .bind(key)
    .bind(fingerprint)
    .bind(now)
    .bind(&own)
    .execute(&mut *tx)
    .await?
    .rows_affected();
    let stored = if claimed == 1 {
        None
    } else {
        sqlx::query_as::<_, Stored>("SELECT fingerprint, status, body, created_at FROM idempotency_keys WHERE actor_id = $1 AND key = $2")
            .bind(actor)
            .bind(key)
            .fetch_optional(&mut *tx)
            .await?
    };
    tx.commit().await?;
    if let Some(stored) = &stored {
        tracing::debug!(since = now - stored.created_at, "idempotency key seen before");
    }
    Ok(stored)
}

/// Notes in the transaction of a change what its request is answered, for changes that no id of the client's keeps from happening twice: a server that dies
/// before it has answered gives that answer when it is asked again, and does nothing. The caller makes something (201), answers just this, and does nothing
/// after the transaction that can fail.
pub async fn settle(ctx: &Ctx, tx: &mut Tx, answer: &impl Serialize) -> AppResult<()> {
    let (Some(key), Some(actor)) = (&ctx.key, &ctx.actor) else { return Ok(()) };
    sqlx::query("UPDATE idempotency_keys SET status = $1, body = $2 WHERE actor_id = $3 AND key = $4")
        .bind(i64::from(StatusCode::CREATED.as_u16()))
        .bind(serde_json::to_string(answer)?)
        .bind(actor.id().to_string())
        .bind(key.to_string())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// What was settled stays: its change is there, though nobody may have heard of that.
async fn forget(state: &AppState, actor: &str, key: &str) -> AppResult<()> {
    let mut tx = state.db.write_tx().await?;
    sqlx::query("DELETE FROM idempotency_keys WHERE actor_id = $1 AND key = $2 AND status = 0")
        .bind(actor)
        .bind(key)
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(())
}
