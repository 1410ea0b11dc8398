//! Embedding with OpenAI's API, or one that speaks like it (<https://platform.openai.com/docs/api-reference/embeddings>): `text-embedding-3-small`,
//! shortened to as many components as the local model has.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use reqwest::{StatusCode, header};
use serde::{Deserialize, Serialize};

use crate::features::jobs::model::backoff_ms;

const MODEL: &str = "text-embedding-3-small";
pub const DIMENSION: usize = 384;
/// Passages in one request: some 20,000 tokens, where 300,000 are allowed.
pub const BATCH: usize = 64;
/// A question waits so long at most: then words have to do.
const QUESTION: Duration = Duration::from_secs(3);
const PASSAGES: Duration = Duration::from_secs(60);
/// After a failure nobody asks for so long; twice as long after each further one.
const PAUSE_MS: i64 = 2_000;
const PAUSE_MAX_MS: i64 = 120_000;
/// Bytes of an answer, of which 64 vectors take 600 KB.
const ANSWER_MAX: usize = 16 * 1024 * 1024;

/// Why there are no vectors. No variant holds a key or a text.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("no key: set OPENAI_API_KEY, or a key of the team")]
    NoKey,
    #[error("the service refused the key ({0})")]
    Refused(StatusCode),
    #[error("the service is not asked again for {} s", .0.as_secs() + 1)]
    Paused(Duration),
    #[error("the service answered {0}")]
    Status(StatusCode),
    #[error("the service could not be reached: {0}")]
    Unreachable(String),
    #[error("the service answered nonsense: {0}")]
    Nonsense(&'static str),
}

impl Failure {
    /// Whether it may go away by itself.
    pub fn may_pass(&self) -> bool {
        !matches!(self, Self::NoKey | Self::Refused(_))
    }
}

/// Who the vectors are for: a person who waits, or nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    Question,
    Background,
}

pub struct OpenAi {
    http: reqwest::Client,
    url: String,
    /// The server's own.
    key: Option<String>,
    pause: Mutex<Pause>,
}

#[derive(Default)]
struct Pause {
    failures: i64,
    until: Option<Instant>,
}

#[derive(Serialize)]
struct Request<'a> {
    model: &'static str,
    input: &'a [&'a str],
    dimensions: usize,
    encoding_format: &'static str,
}

#[derive(Deserialize)]
struct Answer {
    data: Vec<Embedded>,
}

#[derive(Deserialize)]
struct Embedded {
    index: usize,
    embedding: Vec<f32>,
}

impl OpenAi {
    /// `base_url` is what the paths of the API are put behind, such as `https://api.openai.com/v1`.
    pub fn new(http: reqwest::Client, base_url: &str, key: Option<String>) -> Self {
        Self { http, url: format!("{}/embeddings", base_url.trim_end_matches('/')), key, pause: Mutex::default() }
    }

    /// What vectors may be compared with each other.
    pub fn identity(&self) -> String {
        format!("openai/{MODEL}/{DIMENSION}")
    }

    /// Whether it may be asked now; else for how long not.
    pub fn paused(&self) -> Option<Duration> {
        let pause = self.pause.lock().unwrap_or_else(PoisonError::into_inner);
        pause.until?.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
    }

    /// The vectors of at most [`BATCH`] texts, in their order; with the given key, or the server's own.
    ///
    /// # Errors
    /// After one that may pass, further calls fail at once for a while.
    pub async fn embed(&self, texts: &[&str], key: Option<&str>, urgency: Urgency) -> Result<Vec<Vec<f32>>, Failure> {
        let key = key.or(self.key.as_deref()).ok_or(Failure::NoKey)?;
        if let Some(left) = self.paused() {
            return Err(Failure::Paused(left));
        }
        let answer = self.ask(texts, key, urgency).await;
        let mut pause = self.pause.lock().unwrap_or_else(PoisonError::into_inner);
        match answer {
            Ok(vectors) => {
                *pause = Pause::default();
                Ok(vectors)
            }
            Err((failure, wait)) => {
                if failure.may_pass() {
                    pause.failures += 1;
                    let own = || Duration::from_millis(backoff_ms(PAUSE_MS, PAUSE_MAX_MS, pause.failures, fraction()).unsigned_abs());
                    pause.until = Some(Instant::now() + wait.unwrap_or_else(own).min(Duration::from_millis(PAUSE_MAX_MS.unsigned_abs())));
                }
                Err(failure)
            }
        }
    }

    async fn ask(&self, texts: &[&str], key: &str, urgency: Urgency) -> Result<Vec<Vec<f32>>, (Failure, Option<Duration>)> {
        let timeout = if urgency == Urgency::Question { QUESTION } else { PASSAGES };
        // The API takes no empty text.
        let input: Vec<&str> = texts.iter().map(|text| if text.trim().is_empty() { "." } else { *text }).collect();
        let request = Request { model: MODEL, input: &input, dimensions: DIMENSION, encoding_format: "float" };
        let unreachable = |error: reqwest::Error| (Failure::Unreachable(error.without_url().to_string()), None);
        let mut answer = self.http.post(&self.url).bearer_auth(key).timeout(timeout).json(&request).send().await.map_err(unreachable)?;
        let status = answer.status();
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return Err((Failure::Refused(status), None));
        }
        if !status.is_success() {
            let wait = answer.headers().get(header::RETRY_AFTER).and_then(|wait| wait.to_str().ok()?.trim().parse().ok());
            return Err((Failure::Status(status), wait.map(Duration::from_secs)));
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(unreachable)? {
            if bytes.len() + chunk.len() > ANSWER_MAX {
                return Err((Failure::Nonsense("an answer without an end"), None));
            }
            bytes.extend_from_slice(&chunk);
        }
        read(&bytes, texts.len()).map_err(|failure| (failure, None))
    }
}

/// The vectors of an answer, each of the right length and made of numbers.
fn read(answer: &[u8], count: usize) -> Result<Vec<Vec<f32>>, Failure> {
    let answer: Answer = serde_json::from_slice(answer).map_err(|_| Failure::Nonsense("no list of embeddings"))?;
    let mut vectors = vec![Vec::new(); count];
    for embedded in answer.data {
        let place = vectors.get_mut(embedded.index).filter(|place| place.is_empty());
        let place = place.ok_or(Failure::Nonsense("an embedding of a text that was not sent, or a second one"))?;
        if embedded.embedding.len() != DIMENSION || !embedded.embedding.iter().all(|number| number.is_finite()) {
            return Err(Failure::Nonsense("an embedding of another length, or not of numbers"));
        }
        *place = embedded.embedding;
    }
    if vectors.iter().any(Vec::is_empty) {
        return Err(Failure::Nonsense("a text without an embedding"));
    }
    Ok(vectors)
}

/// From 0 to 1.
fn fraction() -> f64 {
    let mut bytes = [0u8; 4];
    let _ = getrandom::fill(&mut bytes);
    f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(of: impl IntoIterator<Item = (usize, usize)>) -> Vec<u8> {
        let data: Vec<_> =
            of.into_iter().map(|(index, length)| serde_json::json!({ "index": index, "embedding": vec![0.5; length] })).collect();
        serde_json::json!({ "object": "list", "data": data, "model": MODEL }).to_string().into_bytes()
    }

    #[test]
    fn an_answer_is_taken_by_its_numbers_and_nonsense_is_not() {
        assert_eq!(read(&answer([(1, 384), (0, 384)]), 2).expect("two").len(), 2);
        for nonsense in [
            answer([(0, 384)]),
            answer([(0, 384), (0, 384)]),
            answer([(0, 384), (2, 384)]),
            answer([(0, 384), (1, 1536)]),
            b"<html>busy</html>".to_vec(),
            b"{\"data\":[{\"index\":0,\"embedding\":[\"a\"]}]}".to_vec(),
            Vec::new(),
        ] {
            assert!(matches!(read(&nonsense, 2), Err(Failure::Nonsense(_))), "{}", String::from_utf8_lossy(&nonsense));
        }
    }

    #[tokio::test]
    async fn without_a_key_nobody_is_asked() {
        let service = OpenAi::new(reqwest::Client::new(), "http://127.0.0.1:9/v1", None);
        let failure = service.embed(&["text"], None, Urgency::Question).await.expect_err("no key");
        assert!(matches!(failure, Failure::NoKey) && service.paused().is_none());
    }
}
