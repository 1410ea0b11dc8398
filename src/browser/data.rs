//! The one seam through which pages read and write: `/api/v1`, by path.
//!
//! In the browser it is a request; on the server, while a page is rendered, the same route is called in the process with the
//! visitor's own context. Where the server cannot be reached, the service worker gives what it kept (`pwa`), and the device answers what
//! it can (`offline`).

use std::{
    convert::Infallible,
    fmt,
    future::{Future, ready},
    pin::Pin,
    str::FromStr,
    sync::Arc,
};

use leptos::{prelude::*, server::codee::string::FromToStringCodec};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    outbox::{self, OutcomeState, Wish},
    pwa,
};
use crate::error::{AppError, AppResult, ErrorCode};

/// What a page shows of a path: read while the server renders, sent along with the page, read again when the path changes.
///
/// It keeps the answer as the text that came and decodes it where it is shown. So everything that waits for an answer is
/// compiled once for all pages and not once for each type, which is most of what a page would weigh in the browser.
pub struct Fetched<T> {
    answer: Resource<Answer, FromToStringCodec>,
    decode: fn(&str) -> AppResult<T>,
}

impl<T> Clone for Fetched<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Fetched<T> {}

impl<T> Fetched<T> {
    /// None: not here yet, or not asked for. Reactive; inside a `Suspense` or `Transition`.
    pub fn get(self) -> Option<AppResult<T>> {
        self.arrived().map(Arrived::read)
    }
    /// The same, to be decoded where it is shown: for answers that are large.
    pub fn arrived(self) -> Option<Arrived<T>> {
        Arrived::of(self.answer.get()?, self.decode)
    }
    /// Once it is here; for what runs by itself in the browser. None: it was not asked for.
    pub async fn soon(self) -> Option<AppResult<T>> {
        Arrived::of(self.answer.await, self.decode).map(Arrived::read)
    }
    /// Without subscribing; for event handlers.
    pub fn get_untracked(self) -> Option<AppResult<T>> {
        Arrived::of(self.answer.get_untracked()?, self.decode).map(Arrived::read)
    }
    /// Reads it again; the old answer stays until the new one is here.
    pub fn refetch(self) {
        self.answer.refetch();
    }
}

/// An answer that is here.
pub struct Arrived<T> {
    answer: Answer,
    decode: fn(&str) -> AppResult<T>,
}

impl<T> Arrived<T> {
    fn of(answer: Answer, decode: fn(&str) -> AppResult<T>) -> Option<Self> {
        (!answer.0.is_empty()).then_some(Self { answer, decode })
    }

    pub fn read(self) -> AppResult<T> {
        match self.answer.0.split_at_checked(1) {
            Some(("+", text)) => (self.decode)(text),
            Some((_, error)) => Err(refusal(error)),
            None => Err(AppError::internal()),
        }
    }
}

/// Reads the path that `path` gives (with its query, under `/api/v1`); none asks for nothing. What stands behind a `#` is not
/// sent: when it changes, the rest is read again.
pub fn fetch<T: DeserializeOwned>(path: impl Fn() -> Option<String> + Send + Sync + 'static) -> Fetched<T> {
    Fetched { answer: resource(Box::new(path)), decode: from_json }
}

/// The same for a text that is shown as it came.
pub fn fetch_text(path: impl Fn() -> Option<String> + Send + Sync + 'static) -> Fetched<String> {
    Fetched { answer: resource(Box::new(path)), decode: |text| Ok(text.to_owned()) }
}

fn resource(path: Box<dyn Fn() -> Option<String> + Send + Sync>) -> Resource<Answer, FromToStringCodec> {
    let path: Arc<dyn Fn() -> Option<String> + Send + Sync> = path.into();
    let source = path.clone();
    let answer = Resource::new_with_options(move || source(), ask, false);
    // What the server put into the page never passes the service worker, which would keep it.
    if Owner::current_shared_context().is_some_and(|page| page.get_is_hydrating()) {
        Effect::new(move |_| {
            if let (Some(path), Some(answer)) = (untrack(|| path()), answer.get_untracked())
                && let Some(json) = answer.0.strip_prefix('+')
            {
                pwa::came_along(sent(path), json);
            }
        });
    }
    answer
}

/// What of a path is sent to the server.
fn sent(mut path: String) -> String {
    path.truncate(path.find('#').unwrap_or(path.len()));
    path
}

fn ask(path: Option<String>) -> Pin<Box<dyn Future<Output = Answer> + Send>> {
    let Some(path) = path else { return Box::pin(ready(Answer("".into()))) };
    let reply = transport::get_text(sent(path));
    Box::pin(async move {
        Answer(match reply.await {
            Ok(text) => format!("+{text}").into(),
            Err(error) => format!("-{error}").into(),
        })
    })
}

/// What came back, as it came: the answer, or the error. Nothing at all is an error without a text.
type Reply = Result<String, String>;

/// An answer on its way from the server to the page: `+` and what came, `-` and the error, nothing when nothing was asked.
#[derive(Clone, PartialEq)]
struct Answer(Arc<str>);

impl fmt::Display for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl FromStr for Answer {
    type Err = Infallible;
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.into()))
    }
}

fn from_json<T: DeserializeOwned>(text: &str) -> AppResult<T> {
    // An empty answer reads as `()`.
    transport::decode(if text.is_empty() { "null" } else { text })
}

/// The error that came in place of an answer.
fn refusal(error: &str) -> AppError {
    if error.is_empty() {
        return AppError::offline();
    }
    from_json(error).unwrap_or_else(|error| error)
}

/// Reads `path` (with its query, under `/api/v1`). Call it inside a component or a resource's fetcher.
pub fn get<T: DeserializeOwned + Send + 'static>(path: impl Into<String>) -> impl Future<Output = AppResult<T>> + Send + 'static {
    let reply = transport::get_text(path.into());
    async move { decode(reply.await) }
}

/// Changes something. Every call has a new `Idempotency-Key`, so that a retry by the browser or a proxy happens once.
pub fn send<T: DeserializeOwned + Send + 'static>(
    method: &'static str,
    path: impl Into<String>,
    body: &impl Serialize,
) -> impl Future<Output = AppResult<T>> + Send + 'static {
    let reply = transport::send_text(method, path.into(), serde_json::to_string(body).ok());
    async move { decode(reply.await) }
}

/// What became of a change that may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// The server has it.
    Done,
    /// It is kept on this device, and sent as soon as the server is reached.
    Waiting,
}

/// Changes something, now or when the server can be reached: the outbox keeps it until then. Ends when the server has answered, or when it is clear that it does not.
///
/// # Errors
/// The server refused it at once, or it could not be kept: the page has it still, and nothing is sent later.
pub async fn send_later(wish: Wish) -> AppResult<Sent> {
    match outbox::add(&wish, true).await {
        Ok(outcome) => match outcome.state {
            OutcomeState::Done => Ok(Sent::Done),
            OutcomeState::Waiting => Ok(Sent::Waiting),
            OutcomeState::Refused => Err(refusal(&outcome.text)),
        },
        // There is no outbox, since its script never came: then it is as if there were none.
        Err(error) if error.code == ErrorCode::Offline => {
            transport::send_text(wish.method, wish.path, wish.body).await.map(|_| Sent::Done).map_err(|error| refusal(&error))
        }
        Err(error) => Err(error),
    }
}

/// Keeps a change and has it sent, without waiting for the server. Gives the server's answer where there is one at once: nothing could be kept, so it was sent.
///
/// # Errors
/// It could neither be kept nor sent: the page has it still.
pub async fn keep(wish: Wish) -> AppResult<Option<String>> {
    match outbox::add(&wish, false).await {
        Ok(outcome) => match outcome.state {
            OutcomeState::Done => Ok(Some(outcome.text)),
            OutcomeState::Waiting => Ok(None),
            OutcomeState::Refused => Err(refusal(&outcome.text)),
        },
        Err(error) if error.code == ErrorCode::Offline => {
            transport::send_text(wish.method, wish.path, wish.body).await.map(Some).map_err(|error| refusal(&error))
        }
        Err(error) => Err(error),
    }
}

/// Reads an answer that came another way.
pub fn read<T: DeserializeOwned>(text: &str) -> AppResult<T> {
    from_json(text)
}

fn decode<T: DeserializeOwned>(reply: Reply) -> AppResult<T> {
    from_json(&reply.map_err(|error| refusal(&error))?)
}

pub fn post<T: DeserializeOwned + Send + 'static>(
    path: impl Into<String>,
    body: &impl Serialize,
) -> impl Future<Output = AppResult<T>> + Send + 'static {
    send("POST", path, body)
}

/// The fields of a query as they stand in an address; what is `None` is left out.
pub fn fields(query: &impl Serialize) -> Vec<(String, String)> {
    let Ok(serde_json::Value::Object(fields)) = serde_json::to_value(query) else { return Vec::new() };
    let text = |value| match value {
        serde_json::Value::Null => None,
        serde_json::Value::String(text) => Some(text),
        other => Some(other.to_string()),
    };
    fields.into_iter().filter_map(|(name, value)| Some((name, text(value)?))).collect()
}

/// A path with a query made from `query`'s fields.
pub fn with_query(path: &str, query: &impl Serialize) -> String {
    let mut address = path.to_owned();
    let mut separator = '?';
    for (name, text) in fields(query) {
        address.push(separator);
        address.push_str(&name);
        address.push('=');
        address.push_str(&encode(&text));
        separator = '&';
    }
    address
}

/// Percent-encodes everything but RFC 3986's unreserved characters.
pub fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(byte as char),
            _ => {
                const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
                encoded.push('%');
                encoded.push(DIGITS[usize::from(byte >> 4)] as char);
                encoded.push(DIGITS[usize::from(byte & 15)] as char);
            }
        }
    }
    encoded
}

#[cfg(feature = "hydrate")]
mod transport {
    use gloo::utils::window;
    use js_sys::JsString;
    use send_wrapper::SendWrapper;
    use wasm_bindgen::{JsCast as _, JsValue};
    use wasm_bindgen_futures::JsFuture;
    use web_sys::{Headers, RequestInit, Response};

    use super::{AppError, AppResult, DeserializeOwned, Future, Reply};
    use crate::{
        browser::{json, offline, page},
        error::ErrorCode,
    };

    /// Pauses before asking again, in milliseconds, when the server says that it cannot answer just now: a large import is being
    /// published, or the database is busy. Nothing was changed then, and the key makes sure that it happens once.
    const AGAIN: [u32; 4] = [300, 700, 1_500, 3_000];
    const UNAVAILABLE: u16 = 503;
    /// Nobody answered (0), or what stands before the server found nobody there.
    const UNREACHED: [u16; 3] = [0, 502, 504];

    pub fn get_text(path: String) -> impl Future<Output = Reply> + Send {
        SendWrapper::new(call("GET", path, None, None))
    }

    // Apart from reading: what makes keys is not in the first load, which only reads.
    pub fn send_text(method: &'static str, path: String, body: Option<String>) -> impl Future<Output = Reply> + Send {
        SendWrapper::new(async move { call(method, path, Some(uuid::Uuid::now_v7().to_string()), body).await })
    }

    async fn call(method: &'static str, path: String, key: Option<String>, body: Option<String>) -> Reply {
        let mut pauses = AGAIN.into_iter();
        loop {
            let (status, text) = send(method, &path, key.as_deref(), body.as_deref()).await.unwrap_or_default();
            if method == "GET"
                && UNREACHED.contains(&status)
                && let Some(answer) = offline::answer(&path).await
            {
                return Ok(answer);
            }
            match pauses.next() {
                Some(pause) if status == UNAVAILABLE => page::pause(pause).await,
                _ => return if (200..300).contains(&status) { Ok(text) } else { Err(text) },
            }
        }
    }

    /// The answer's status and text.
    async fn send(method: &str, path: &str, key: Option<&str>, body: Option<&str>) -> Result<(u16, String), JsValue> {
        let request = RequestInit::new();
        let headers = Headers::new()?;
        if let Some(key) = key {
            headers.set("idempotency-key", key)?;
        }
        if let Some(body) = body {
            headers.set("content-type", "application/json")?;
            request.set_body(&body.into());
        }
        request.set_method(method);
        request.set_headers(&headers);
        let answer = JsFuture::from(window().fetch_with_str_and_init(&format!("/api/v1{path}"), &request)).await?;
        let answer: Response = answer.unchecked_into();
        let text: JsString = JsFuture::from(answer.text()?).await?.unchecked_into();
        Ok((answer.status(), text.into()))
    }

    pub fn decode<T: DeserializeOwned>(text: &str) -> AppResult<T> {
        json::read(text).map_err(|_| {
            AppError::new(ErrorCode::Internal, "The server sent something that this page does not understand. Load the page again.")
        })
    }
}

#[cfg(feature = "ssr")]
mod transport {
    use axum::{
        body::{Body, to_bytes},
        http::{Request, header},
    };
    use tower::ServiceExt as _;

    use super::{AppError, AppResult, DeserializeOwned, Future, Reply};
    use crate::server::{context::Ctx, error::internal};

    /// No page shows more than this at once.
    const ANSWER_MAX: usize = 32 * 1024 * 1024;

    pub fn decode<T: DeserializeOwned>(text: &str) -> AppResult<T> {
        serde_json::from_str(text).map_err(|error| internal("page data", &error))
    }

    pub fn get_text(path: String) -> impl Future<Output = Reply> + Send {
        send_text("GET", path, None)
    }

    pub fn send_text(method: &'static str, path: String, body: Option<String>) -> impl Future<Output = Reply> + Send {
        // Taken now: the context belongs to the reactive owner, which is not there after an await.
        let ctx = leptos::prelude::use_context::<Ctx>();
        async move {
            match call(ctx, method, path, body).await {
                Ok((true, text)) => Ok(text),
                Ok((false, text)) => Err(text),
                Err(error) => Err(serde_json::to_string(&error).unwrap_or_default()),
            }
        }
    }

    /// Whether it worked, and the answer's text.
    async fn call(ctx: Option<Ctx>, method: &str, path: String, body: Option<String>) -> AppResult<(bool, String)> {
        let ctx = ctx.ok_or_else(AppError::unauthenticated)?;
        let api = ctx.state.api.get().cloned().ok_or_else(AppError::internal)?;
        let mut request = Request::builder().method(method).uri(format!("/api/v1{path}")).extension(ctx);
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let request = request.body(body.map_or_else(Body::empty, Body::from)).map_err(|error| internal("page data", &error))?;
        let response = match api.oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        let ok = response.status().is_success();
        let bytes = to_bytes(response.into_body(), ANSWER_MAX).await.map_err(|error| internal("page data", &error))?;
        Ok((ok, String::from_utf8_lossy(&bytes).into_owned()))
    }
}

#[cfg(not(any(feature = "ssr", feature = "hydrate")))]
mod transport {
    use super::{AppError, AppResult, DeserializeOwned, Future, Reply};

    pub fn decode<T: DeserializeOwned>(text: &str) -> AppResult<T> {
        crate::browser::json::read(text).map_err(|_| AppError::internal())
    }

    /// A build without either half (a plain `cargo check`) has nobody to ask.
    pub fn get_text(_: String) -> impl Future<Output = Reply> + Send {
        async { Err(String::new()) }
    }

    pub fn send_text(_: &'static str, path: String, _: Option<String>) -> impl Future<Output = Reply> + Send {
        get_text(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_travel_as_text_and_keep_their_errors() {
        let travelled = |text: &str| {
            let answer = Answer(Answer(text.into()).to_string().into());
            Arrived::of(answer, from_json::<i64>).map(Arrived::read)
        };
        assert_eq!(travelled(""), None);
        assert_eq!(travelled("+7"), Some(Ok(7)));
        let refused = AppError::not_found("volume");
        let sent = serde_json::to_string(&refused).unwrap_or_default();
        assert_eq!(travelled(&format!("-{sent}")), Some(Err(refused)));
        assert_eq!(travelled("-"), Some(Err(AppError::offline())));
        for unreadable in ["+{}", "-{}", "?"] {
            assert!(matches!(travelled(unreadable), Some(Err(_))));
        }
    }

    #[derive(Serialize)]
    struct Query {
        q: Option<&'static str>,
        tag: Option<&'static str>,
        limit: u32,
    }

    #[test]
    fn queries_leave_out_what_is_not_set_and_escape_the_rest() {
        let query = Query { q: Some("a&b=ä"), tag: None, limit: 5 };
        let address = with_query("/artifacts", &query);
        assert!(
            address.starts_with("/artifacts?")
                && address.contains("q=a%26b%3D%C3%A4")
                && address.contains("limit=5")
                && !address.contains("tag")
        );
    }
}
