//! Asking a language model through the chat API of OpenAI, which many services and local servers speak
//! (<https://platform.openai.com/docs/api-reference/chat>). What is sent and how answers are read is in `crates/assistant`.

use std::time::{Duration, Instant};

use llmos_assistant::{
    failure::{self, Failure},
    stream::{Answer, Reply},
    wire::{ChatRequest, Message, StreamOptions, ToolSpec},
};
use reqwest::{Response, header};

use super::live::Answering;
use crate::{
    features::jobs::model::backoff_ms,
    server::{
        config::{AssistantTimes, Config},
        error::chain,
    },
};

/// How often a refusal that may pass is tried again before anything was said.
const TRIES: i64 = 4;
const LONGEST_PAUSE_MS: i64 = 30_000;
/// An answer as a whole.
const WHOLE: Duration = Duration::from_secs(15 * 60);
/// Bytes of an answer that is not a stream, and of a refusal.
const BODY_MAX: usize = 4 * 1024 * 1024;
const REFUSAL_MAX: usize = 64 * 1024;
/// What was said is told so often.
const TELL_EVERY: Duration = Duration::from_millis(60);

/// Why there is no whole answer.
#[derive(Debug)]
pub enum Ended {
    Stopped,
    /// In a sentence for people.
    Failed(String),
}

/// Where the model is, and with whose key.
pub struct Endpoint<'a> {
    http: &'a reqwest::Client,
    url: String,
    key: String,
    pub model: &'a str,
    times: AssistantTimes,
}

impl<'a> Endpoint<'a> {
    pub fn new(config: &'a Config, http: &'a reqwest::Client, model: &'a str, key: String) -> Self {
        let url = format!("{}/chat/completions", config.openai_base_url.trim_end_matches('/'));
        Self { http, url, key, model, times: config.assistant }
    }

    /// Asks once more while nothing was said and the refusal may pass. `tell` gets what is new of the answer, some times a second.
    ///
    /// # Errors
    /// Somebody stopped it, or the model's service does not give an answer.
    pub async fn ask(
        &self,
        messages: &[Message],
        tools: &[ToolSpec],
        answering: &Answering,
        mut tell: impl FnMut(&str) + Send,
    ) -> Result<Reply, Ended> {
        let mut attempt = 1;
        loop {
            let pause = match self.begin(messages, tools, answering).await? {
                Ok(response) => return self.read(response, answering, &mut tell).await,
                Err(Refusal { pause_ms, why }) => {
                    if attempt == TRIES {
                        return Err(Ended::Failed(why));
                    }
                    let own = || backoff_ms(self.times.first_pause_ms, LONGEST_PAUSE_MS, attempt, 0.5).unsigned_abs();
                    pause_ms.unwrap_or_else(own).min(LONGEST_PAUSE_MS.unsigned_abs())
                }
            };
            attempt += 1;
            tokio::select! {
                () = answering.stop.cancelled() => return Err(Ended::Stopped),
                () = tokio::time::sleep(Duration::from_millis(pause)) => {}
            }
        }
    }

    /// Sends the question; the inner error may pass.
    async fn begin(&self, messages: &[Message], tools: &[ToolSpec], answering: &Answering) -> Result<Result<Response, Refusal>, Ended> {
        let stream_options = Some(StreamOptions { include_usage: true });
        let request = ChatRequest { model: self.model, messages, tools, stream: true, stream_options };
        let request = self.http.post(&self.url).bearer_auth(&self.key).timeout(WHOLE).json(&request).send();
        let idle = Duration::from_millis(self.times.idle_ms);
        let answer = tokio::select! {
            () = answering.stop.cancelled() => return Err(Ended::Stopped),
            answer = tokio::time::timeout(idle, request) => answer,
        };
        let response = match answer {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => {
                tracing::info!(error = %chain(&error.without_url()), "the language model's service");
                return Ok(Err(Refusal::passing("The language model's service could not be reached.")));
            }
            Err(_) => return Ok(Err(Refusal::passing("The language model's service did not answer in time."))),
        };
        let status = response.status();
        if status.is_success() {
            return Ok(Ok(response));
        }
        let retry_after = response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let body = self.whole(response, REFUSAL_MAX, answering).await.unwrap_or_default();
        match failure::classify(status.as_u16(), retry_after.as_deref(), &String::from_utf8_lossy(&body)) {
            Failure::Retry { after_ms } => {
                let why = if status.as_u16() == 429 {
                    "The language model's service has too many requests at the moment: ask again in a minute.".to_owned()
                } else {
                    format!("The language model's service has a fault of the moment ({status}): ask again in a minute.")
                };
                Ok(Err(Refusal { pause_ms: after_ms, why }))
            }
            Failure::Refused(why) => Err(Ended::Failed(why)),
        }
    }

    /// The next bytes of a body; none at its end.
    async fn chunk(&self, response: &mut Response, answering: &Answering) -> Result<Option<axum::body::Bytes>, Ended> {
        let idle = Duration::from_millis(self.times.idle_ms);
        tokio::select! {
            () = answering.stop.cancelled() => Err(Ended::Stopped),
            chunk = tokio::time::timeout(idle, response.chunk()) => match chunk {
                Ok(Ok(chunk)) => Ok(chunk),
                Ok(Err(error)) => {
                    tracing::info!(error = %chain(&error.without_url()), "the language model's service");
                    Err(Ended::Failed("The connection to the language model's service broke in the middle of the answer.".to_owned()))
                }
                Err(_) => Err(Ended::Failed("The language model's service stopped in the middle of the answer.".to_owned())),
            },
        }
    }

    async fn whole(&self, mut response: Response, most: usize, answering: &Answering) -> Result<Vec<u8>, Ended> {
        let mut body = Vec::new();
        while let Some(chunk) = self.chunk(&mut response, answering).await? {
            if body.len() + chunk.len() > most {
                return Err(Ended::Failed("The language model's service sent more than an answer may have.".to_owned()));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    async fn read(&self, mut response: Response, answering: &Answering, tell: &mut (impl FnMut(&str) + Send)) -> Result<Reply, Ended> {
        let failed = |fault: llmos_assistant::stream::Fault| Ended::Failed(fault.to_string());
        let media_type = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if media_type.starts_with("application/json") {
            // Some servers do not stream.
            let reply = Reply::from_json(&self.whole(response, BODY_MAX, answering).await?).map_err(failed)?;
            tell(&reply.text);
            return Ok(reply);
        }
        let mut answer = Answer::new();
        let mut new = String::new();
        let mut told = Instant::now();
        let read = loop {
            // What is new does not wait for what comes after it.
            let chunk = tokio::select! {
                chunk = self.chunk(&mut response, answering) => chunk,
                () = tokio::time::sleep_until((told + TELL_EVERY).into()), if !new.is_empty() => {
                    tell(&std::mem::take(&mut new));
                    told = Instant::now();
                    continue;
                }
            };
            match chunk {
                Ok(Some(bytes)) => match answer.feed(&bytes) {
                    Ok(pieces) => new.extend(pieces),
                    Err(fault) => break Err(failed(fault)),
                },
                Ok(None) => break Ok(()),
                // Some keep the connection open behind the end.
                Err(Ended::Failed(_)) if answer.is_done() => break Ok(()),
                Err(ended) => break Err(ended),
            }
        };
        if !new.is_empty() {
            tell(&new);
        }
        read?;
        answer.finish().map_err(failed)
    }
}

/// What may pass.
struct Refusal {
    pause_ms: Option<u64>,
    why: String,
}

impl Refusal {
    fn passing(why: &str) -> Self {
        Self { pause_ms: None, why: format!("{why} Ask again in a minute.") }
    }
}
