//! Tokens for the room socket: a browser or a program without headers puts one into the address. They last a minute and stand for the
//! credential that asked for them; when that one ends, so does what was opened with the token. JWT (RFC 7519), HS256.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use super::{super::model::WsToken, limits::WS_TOKEN_SECONDS};
use crate::{
    error::{AppError, AppResult},
    features::accounts::service::Credential,
    server::{clock, context::Ctx, state::AppState},
};

const AUDIENCE: &str = "ws";

#[derive(Serialize, Deserialize)]
struct Claims {
    aud: String,
    /// Seconds since 1970.
    exp: i64,
    credential: Credential,
}

pub fn create_ws_token(ctx: &Ctx, credential: Credential) -> AppResult<WsToken> {
    ctx.actor()?;
    let exp = ctx.now() / clock::SECOND + WS_TOKEN_SECONDS;
    let claims = Claims { aud: AUDIENCE.to_owned(), exp, credential };
    let key = EncodingKey::from_secret(&ctx.state.signing_key);
    let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key).map_err(|error| {
        tracing::error!(%error, "a token could not be signed");
        AppError::internal()
    })?;
    Ok(WsToken { token, expires_at: exp * clock::SECOND })
}

/// What a token stands for; none when it is not ours or has expired.
pub fn credential_of_ws_token(state: &AppState, token: &str) -> Option<Credential> {
    let mut rules = Validation::new(Algorithm::HS256);
    rules.set_audience(&[AUDIENCE]);
    rules.leeway = 0;
    let key = DecodingKey::from_secret(&state.signing_key);
    jsonwebtoken::decode::<Claims>(token, &key, &rules).ok().map(|token| token.claims.credential)
}
