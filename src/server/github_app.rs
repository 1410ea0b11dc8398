//! Tokens of this server's GitHub App. Those of an installation end after an hour: they are made for one repository at a time, when they are needed, and
//! kept until shortly before they end. The app itself is known by a short JWT that its private key signs
//! (docs.github.com, "Authenticating as a GitHub App installation").

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::{Method, Response, StatusCode};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, pem::PemObject as _};

use super::{clock, config::Config, github::Api};
use crate::error::{AppError, AppResult, ErrorCode};

/// GitHub takes ten minutes at most, and its clock may go before ours.
const JWT_SECONDS: i64 = 9 * 60;
const JWT_BEFORE_SECONDS: i64 = 60;
/// So long before its end a token is no longer given out: what is begun with it has to come to its end.
const SPARE_MS: i64 = 10 * clock::MINUTE;

/// A GitHub App, as its operator configured it.
#[derive(Clone)]
pub struct GitHubApp {
    /// Its id, or its client id.
    id: String,
    key: Arc<RsaKeyPair>,
}

impl fmt::Debug for GitHubApp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GitHubApp").field("id", &self.id).finish_non_exhaustive()
    }
}

impl GitHubApp {
    /// `key` is the private key in PEM, as GitHub gives it; line ends may be written as `\n`.
    ///
    /// # Errors
    /// It is none, in a few words.
    pub fn new(id: String, key: &str) -> Result<Self, String> {
        let pem = key.replace("\\n", "\n");
        let der =
            PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| "it is not a private key in PEM, as GitHub gives it".to_owned())?;
        let key = match &der {
            PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
            PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
            _ => return Err("it is not a key of RSA, as GitHub gives it".to_owned()),
        };
        let key = key.map_err(|error| format!("it cannot be used: {error}"))?;
        Ok(Self { id, key: Arc::new(key) })
    }

    /// Says to GitHub that this is the app: RS256 (RFC 7515, 3.3 of RFC 7518). `now` in UTC milliseconds.
    fn jwt(&self, now: i64) -> AppResult<String> {
        let now = now / clock::SECOND;
        let claims = json!({ "iat": now - JWT_BEFORE_SECONDS, "exp": now + JWT_SECONDS, "iss": self.id });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let said = format!("{}.{}", part(&json!({ "alg": "RS256", "typ": "JWT" })), part(&claims));
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), said.as_bytes(), &mut signature).map_err(|error| {
            tracing::error!(%error, "GITHUB_APP_KEY signs nothing");
            AppError::internal()
        })?;
        Ok(format!("{said}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

#[derive(Deserialize)]
struct Installation {
    id: i64,
}

#[derive(Clone, Deserialize)]
struct Minted {
    token: String,
    /// RFC 3339.
    expires_at: String,
}

#[derive(Deserialize)]
struct Account {
    login: String,
}

#[derive(Deserialize)]
struct Permission {
    permission: String,
}

/// Tokens that were made and have not ended: by repository, with when they end.
#[derive(Default)]
pub struct Tokens(Mutex<HashMap<String, (String, i64)>>);

impl Tokens {
    fn kept(&self, repository: &str, now: i64) -> Option<String> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, (_, ends)| *ends - SPARE_MS > now);
        kept.get(repository).map(|(token, _)| token.clone())
    }

    /// A token for `owner/name`; none where there is no app, or it is not installed for that repository.
    ///
    /// # Errors
    /// GitHub does not answer now, or does not know the app.
    pub async fn if_installed(&self, config: &Config, repository: &str) -> AppResult<Option<String>> {
        let Some(app) = &config.github_app else { return Ok(None) };
        let now = clock::now_ms();
        if let Some(token) = self.kept(repository, now) {
            return Ok(Some(token));
        }
        let api = Api::new(config, app.jwt(now)?)?;
        let Some(installation) = ask::<Installation>(&api, Method::GET, &format!("/repos/{repository}/installation"), None).await? else {
            return Ok(None);
        };
        let name = repository.rsplit('/').next().unwrap_or(repository);
        let path = format!("/app/installations/{}/access_tokens", installation.id);
        let Some(minted) = ask::<Minted>(&api, Method::POST, &path, Some(&json!({ "repositories": [name] }))).await? else {
            return Ok(None);
        };
        let ends = clock::parse_rfc3339(&minted.expires_at).unwrap_or(now);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.insert(repository.to_owned(), (minted.token.clone(), ends));
        Ok(Some(minted.token))
    }

    /// The same for a repository that is linked by the app.
    ///
    /// # Errors
    /// Besides: it is not installed there any more.
    pub async fn of(&self, config: &Config, repository: &str) -> AppResult<String> {
        let token = self.if_installed(config, repository).await?;
        token.ok_or_else(|| {
            AppError::conflict(format!(
                "The GitHub App of this server is not installed for {repository} (any more): install it there, or link the volume with a token."
            ))
        })
    }

    /// Whether an account at GitHub, by its id there, may read a repository, or write to it. The app sees what it is installed for, whoever asks; so whoever
    /// links a volume by it has to be somebody whom GitHub lets in as well.
    pub async fn lets(&self, config: &Config, repository: &str, account: i64, write: bool) -> AppResult<bool> {
        let Some(token) = self.if_installed(config, repository).await? else { return Ok(false) };
        let api = Api::new(config, token)?;
        let Some(Account { login }) = ask(&api, Method::GET, &format!("/user/{account}"), None).await? else { return Ok(false) };
        let path = format!("/repos/{repository}/collaborators/{}/permission", crate::browser::data::encode(&login));
        let found: Option<Permission> = ask(&api, Method::GET, &path, None).await?;
        Ok(found.is_some_and(|found| match found.permission.as_str() {
            "admin" | "write" => true,
            "read" => !write,
            _ => false,
        }))
    }
}

/// The answer; none where GitHub knows no such thing, or shows it not to the app.
async fn ask<T: DeserializeOwned>(api: &Api, method: Method, path: &str, body: Option<&Value>) -> AppResult<Option<T>> {
    let answer: Result<Response, StatusCode> = api.ask(method, &format!("{}{path}", api.base), body).await?;
    match answer {
        Ok(response) => response.json().await.map(Some).map_err(|error| {
            tracing::info!(error = %super::error::chain(&error), "GitHub's API");
            AppError::new(ErrorCode::Unavailable, "GitHub's API answered something else than it documents.")
        }),
        Err(StatusCode::NOT_FOUND | StatusCode::UNPROCESSABLE_ENTITY) => Ok(None),
        Err(StatusCode::UNAUTHORIZED) => {
            Err(AppError::conflict("GitHub does not know this server's app: its operator looks at GITHUB_APP_ID and GITHUB_APP_KEY."))
        }
        Err(status) => Err(AppError::conflict(format!("GitHub refuses this server's app ({}).", status.as_u16()))),
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::{
        encoding::{AsDer as _, Pkcs8V1Der},
        rsa::KeySize,
        signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey},
    };
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    fn pem(key: &RsaKeyPair) -> String {
        let der: Pkcs8V1Der<'_> = key.as_der().expect("a key");
        let body = STANDARD.encode(der.as_ref());
        let lines: Vec<&str> = body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).expect("letters")).collect();
        format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"))
    }

    #[test]
    fn an_app_says_who_it_is_for_some_minutes() {
        let key = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key");
        for pem in [pem(&key), pem(&key).replace('\n', "\\n")] {
            let app = GitHubApp::new("12345".to_owned(), &pem).expect("a key");
            let jwt = app.jwt(1_790_000_000_000).expect("signed");
            let (said, signature) = jwt.rsplit_once('.').expect("three parts");
            let signature = URL_SAFE_NO_PAD.decode(signature).expect("base64");
            let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key().as_ref());
            public.verify(said.as_bytes(), &signature).expect("its signature");
            let claims = URL_SAFE_NO_PAD.decode(said.split_once('.').expect("two parts").1).expect("base64");
            let claims: Value = serde_json::from_slice(&claims).expect("JSON");
            assert_eq!(claims, json!({ "iat": 1_789_999_940, "exp": 1_790_000_540, "iss": "12345" }));
            assert!(!format!("{app:?}").contains("PRIVATE"));
        }
        assert!(GitHubApp::new("1".to_owned(), "no key").is_err_and(|why| why.contains("PEM")));
    }

    #[test]
    fn a_token_is_kept_until_shortly_before_it_ends() {
        let tokens = Tokens::default();
        tokens.0.lock().expect("not poisoned").insert("harbor/skills".to_owned(), ("ghs_1".to_owned(), clock::HOUR));
        assert_eq!(tokens.kept("harbor/skills", 0).as_deref(), Some("ghs_1"));
        assert_eq!(tokens.kept("harbor/other", 0), None);
        assert_eq!(tokens.kept("harbor/skills", clock::HOUR - SPARE_MS), None);
    }
}
