//! GitHub's API, for whoever asks it: one place for its headers, its limits and its faults of the moment.

use std::time::Duration;

use reqwest::{Client, Method, Response, StatusCode, Url};
use serde_json::Value;

use super::{clock, config::Config, error::chain, outgoing};
use crate::error::{AppError, AppResult, ErrorCode};

/// Where it is unless the operator says otherwise.
const PUBLIC: &str = "https://api.github.com";
const TRIES: u32 = 3;
/// A limit of requests that lasts longer is for the caller to wait for.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// Where GitHub does not say how long a limit lasts.
const LIMIT: Duration = Duration::from_secs(120);
const IDLE: Duration = Duration::from_secs(30);

pub struct Api {
    client: Client,
    token: String,
    pub base: String,
}

impl Api {
    /// The API that this server is configured to ask; it never goes elsewhere, since the token goes along.
    pub fn new(config: &Config, token: String) -> AppResult<Self> {
        let base = config.github_api_url.trim_end_matches('/').to_owned();
        let origin = Url::parse(&base).map(|url| url.origin()).map_err(|error| super::error::internal("GITHUB_API_URL", &error))?;
        // What the operator chose may be inside of their network.
        let own = base != PUBLIC;
        let client = outgoing::client(own, move |url| url.origin() == origin)
            .read_timeout(IDLE)
            .user_agent(concat!("llmos-lite/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| super::error::internal("client for GitHub", &error))?;
        Ok(Self { client, token, base })
    }

    /// Asks, and waits where GitHub says so or has a fault of the moment. The status, where it refuses. It may be sent more than once: what must not be there
    /// twice is for [`make`](Self::make).
    ///
    /// # Errors
    /// It does not answer now, or has had enough requests: then with the seconds to wait.
    pub async fn ask(&self, method: Method, url: &str, body: Option<&Value>) -> AppResult<Result<Response, StatusCode>> {
        self.send(method, url, body, true).await
    }

    /// Has GitHub make something, as [`ask`](Self::ask) does; but it is sent again only where it cannot have been made: GitHub said to wait, or was not
    /// reached at all.
    ///
    /// # Errors
    /// The same; also where it is not known whether it was made, which the caller has to find out before the next try.
    pub async fn make(&self, url: &str, body: &Value) -> AppResult<Result<Response, StatusCode>> {
        self.send(Method::POST, url, Some(body), false).await
    }

    async fn send(&self, method: Method, url: &str, body: Option<&Value>, repeatable: bool) -> AppResult<Result<Response, StatusCode>> {
        let mut attempt = 1;
        loop {
            let mut request = self.client.request(method.clone(), url).bearer_auth(&self.token);
            request = request.header("accept", "application/vnd.github+json").header("x-github-api-version", "2022-11-28");
            if let Some(body) = body {
                request = request.header("content-type", "application/json").body(body.to_string());
            }
            let wait = match request.send().await {
                Ok(response) if response.status().is_success() => return Ok(Ok(response)),
                // A gateway that gave up may have passed it on.
                Ok(response) if !repeatable && response.status().is_server_error() => return Err(silent()),
                Ok(response) => match wait_of(&response, attempt) {
                    Some(wait) if wait > LONGEST_WAIT => {
                        let error = AppError::new(ErrorCode::Unavailable, "GitHub's API has had enough requests of this token for now.");
                        return Err(AppError { retry_after: u32::try_from(wait.as_secs()).ok(), ..error });
                    }
                    Some(wait) => wait,
                    None => return Ok(Err(response.status())),
                },
                Err(error) => {
                    tracing::info!(error = %chain(&error), "GitHub's API");
                    if !repeatable && !error.is_connect() {
                        return Err(silent());
                    }
                    Duration::from_secs(u64::from(attempt))
                }
            };
            if attempt == TRIES {
                return Err(silent());
            }
            attempt += 1;
            tokio::time::sleep(wait).await;
        }
    }
}

fn silent() -> AppError {
    AppError::new(ErrorCode::Unavailable, "GitHub's API does not answer now.")
}

/// How long to wait before the next try; none where there is no use in one.
fn wait_of(response: &Response, attempt: u32) -> Option<Duration> {
    let number = |name: &str| response.headers().get(name)?.to_str().ok()?.parse::<u64>().ok();
    let status = response.status();
    let spent = number("x-ratelimit-remaining") == Some(0);
    if status == StatusCode::TOO_MANY_REQUESTS || status == StatusCode::FORBIDDEN && (number("retry-after").is_some() || spent) {
        let now = clock::now_ms().unsigned_abs() / 1_000;
        let reset = number("x-ratelimit-reset").filter(|_| spent).map(|at| Duration::from_secs(at.saturating_sub(now)));
        return Some(number("retry-after").map(Duration::from_secs).or(reset).unwrap_or(LIMIT));
    }
    status.is_server_error().then(|| Duration::from_secs(u64::from(attempt)))
}
