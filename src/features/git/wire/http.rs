//! Git over HTTP: each exchange is a request.

use std::{future, io, time::Duration};

use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt as _, stream};
use reqwest::{Body, RequestBuilder, Response, StatusCode, Url};
use tokio::{fs::File, io::AsyncReadExt as _};

use super::{
    client::{Host, Service},
    packets::{self, Packet, trimmed},
};
use crate::{
    error::{AppError, AppResult, ErrorCode},
    server::{
        error::{chain, internal},
        outgoing::{Elsewhere, GitRules, Inside},
    },
};

/// What a server has, in names and ids.
pub const ADVERTISED_BYTES: usize = 32 * 1024 * 1024;
const ADVERTISED_TIME: Duration = Duration::from_secs(60);
pub const PACK_TIME: Duration = Duration::from_secs(20 * 60);
/// Of a pack that is sent.
const PIECE: usize = 64 * 1024;
const NOBODY: &str = "x-access-token";

pub struct Http {
    rules: GitRules,
    client: reqwest::Client,
    url: Url,
    host: Host,
    token: Option<String>,
}

/// A client that sends so many bytes with each request.
fn client(rules: &GitRules, bytes: u64) -> AppResult<reqwest::Client> {
    rules.client(bytes).map_err(|error| internal("client for Git", &error))
}

impl Http {
    pub fn new(rules: &GitRules, url: Url, host: Host, token: Option<String>) -> AppResult<Self> {
        let client = client(rules, 0)?;
        Ok(Self { rules: rules.clone(), client, url, host, token })
    }

    fn authorised(&self, request: RequestBuilder, url: &Url) -> RequestBuilder {
        match &self.token {
            // Not to whom we were sent on.
            Some(token) if url.host_str() == self.url.host_str() && url.scheme() == self.url.scheme() => {
                request.basic_auth(NOBODY, Some(token))
            }
            _ => request,
        }
    }

    async fn send(&self, request: RequestBuilder) -> AppResult<Response> {
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        let host = &self.host.0;
        match response.status() {
            status if status.is_success() => Ok(response),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(AppError::field(
                "token",
                if self.token.is_some() {
                    format!("{host} does not take this token for the repository: make one that may read and write its contents.")
                } else {
                    format!("{host} shows this repository to nobody without a token: add one.")
                },
            )),
            StatusCode::NOT_FOUND | StatusCode::GONE => {
                Err(AppError::field("url", format!("{host} has no such repository, or shows it only to those with a token for it.")))
            }
            status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => Err(AppError::new(
                ErrorCode::Unavailable,
                format!("{host} has trouble at the moment (it answered {}). It is tried again.", status.as_u16()),
            )),
            status => Err(AppError::field("url", format!("{host} answered {}: that is no server of Git.", status.as_u16()))),
        }
    }

    pub fn unreachable(&self, error: &reqwest::Error) -> AppError {
        let (host, why) = (&self.host.0, chain(error));
        tracing::info!(host, error = %why, "a server of Git");
        let ends_with = |reason: String| why.ends_with(&reason);
        if ends_with(Elsewhere.to_string()) {
            return AppError::field("url", format!("{host} sent us on to an address that this server does not go to."));
        }
        if ends_with(Inside.to_string()) {
            return self.host.is_inside();
        }
        self.host.unreachable(error.is_timeout())
    }

    /// What the server begins with, and where it is by now: it may have sent us on.
    pub async fn advertised(&self, service: Service) -> AppResult<(Vec<u8>, Url)> {
        let base = self.url.as_str().trim_end_matches('/');
        let asked = Url::parse(&format!("{base}/info/refs?service={}", service.name())).map_err(|_| self.host.nonsense())?;
        let request = self.authorised(self.client.get(asked.clone()), &asked).timeout(ADVERTISED_TIME);
        let response = self.send(request).await?;
        let base = response.url().as_str().split_once("/info/refs").and_then(|(base, _)| Url::parse(base).ok());
        let base = base.ok_or_else(|| self.host.nonsense())?;
        let bytes = self.whole(response).await?;
        let rest = without_heading(&bytes, service).ok_or_else(|| self.host.nonsense())?;
        Ok((rest.to_vec(), base))
    }

    async fn whole(&self, mut response: Response) -> AppResult<Vec<u8>> {
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.unreachable(&error))? {
            if bytes.len() + chunk.len() > ADVERTISED_BYTES {
                let (host, most) = (&self.host.0, ADVERTISED_BYTES / 1024 / 1024);
                return Err(AppError::too_large(format!("{host} answered more than is read of it: over {most} MB.")));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    /// The answer to a request, whose body is still to be read; `pack` is sent behind what the request says, piece by piece.
    pub async fn post(&self, base: &Url, service: Service, body: Vec<u8>, pack: Option<File>) -> AppResult<Response> {
        let base = base.as_str().trim_end_matches('/');
        let url = Url::parse(&format!("{base}/{}", service.name())).map_err(|_| self.host.nonsense())?;
        let length = match &pack {
            Some(pack) => body.len() as u64 + pack.metadata().await?.len(),
            None => 0,
        };
        let own = pack.as_ref().map(|_| client(&self.rules, length)).transpose()?;
        let request = own.as_ref().unwrap_or(&self.client).post(url.clone()).timeout(PACK_TIME);
        let request = request.header("content-type", format!("application/x-{}-request", service.name()));
        let request = request.header("accept", format!("application/x-{}-result", service.name()));
        let request = self.authorised(request, &url);
        let Some(pack) = pack else { return self.send(request.body(body)).await };
        // Not every server takes a body whose length it is not told.
        self.send(request.header("content-length", length).body(Body::wrap_stream(pieces(body, pack)))).await
    }
}

/// Some bytes, and what is in a file.
fn pieces(bytes: Vec<u8>, file: File) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    let rest = stream::try_unfold(file, |mut file| async move {
        let mut piece = BytesMut::with_capacity(PIECE);
        let read = file.read_buf(&mut piece).await?;
        Ok::<_, io::Error>((read > 0).then(|| (piece.freeze(), file)))
    });
    stream::once(future::ready(Ok(Bytes::from(bytes)))).chain(rest)
}

/// Over HTTP a line with the name of the service comes first.
fn without_heading(bytes: &[u8], service: Service) -> Option<&[u8]> {
    let (Packet::Line(first), rest) = packets::split(bytes).ok()?? else { return None };
    let (Packet::Flush, rest) = packets::split(rest).ok()?? else { return None };
    (trimmed(first) == format!("# service={}", service.name()).as_bytes()).then_some(rest)
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    };

    use super::{
        super::packets::{flush, line},
        *,
    };

    #[test]
    fn an_answer_begins_with_the_name_of_the_service() {
        let mut bytes = Vec::new();
        line(&mut bytes, "# service=git-upload-pack\n");
        flush(&mut bytes);
        bytes.extend_from_slice(b"rest");
        assert_eq!(without_heading(&bytes, Service::UploadPack), Some(&b"rest"[..]));
        assert_eq!(without_heading(&bytes, Service::ReceivePack), None);
        assert_eq!(without_heading(b"<html>", Service::UploadPack), None);
    }

    /// What asks is what asks for whoever links a repository, but for [`GitRules::check`] of the first address: on this machine no server is outside.
    #[tokio::test]
    async fn who_is_sent_on_to_the_inside_by_a_server_of_git_does_not_go_there() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let (asked, to) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(String::new())));
        let (counted, sent_on) = (asked.clone(), to.clone());
        let router = axum::Router::new().fallback(move || {
            counted.fetch_add(1, Ordering::SeqCst);
            future::ready(axum::response::Redirect::temporary(&sent_on.lock().expect("not poisoned")))
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        let ask = async |host: &str| {
            let url = Url::parse(&format!("http://{host}:{port}/team/a.git")).expect("an address");
            let http = Http::new(&GitRules::default(), url, Host(host.to_owned()), None).expect("a client");
            http.advertised(Service::UploadPack).await.expect_err("refused").message
        };
        let insides = [
            format!("https://127.0.0.1:{port}/team/a.git"),
            format!("http://127.0.0.1:{port}/team/a.git"),
            format!("https://[::1]:{port}/team/a.git"),
            format!("https://[::ffff:127.0.0.1]:{port}/team/a.git"),
            format!("https://localhost:{port}/team/a.git"),
            "https://169.254.169.254/latest/meta-data".to_owned(),
            "https://10.1.2.3/team/a.git".to_owned(),
        ];
        for (before, inside) in insides.iter().enumerate() {
            *to.lock().expect("not poisoned") = inside.clone();
            let message = ask("127.0.0.1").await;
            assert!(message.contains("sent us on to an address that this server does not go to"), "{inside}: {message}");
            assert_eq!(asked.load(Ordering::SeqCst), before + 1, "only the first address was asked: {inside}");
        }
        // A name is seen through when it is connected to, whatever it was when somebody looked at the address.
        let message = ask("localhost").await;
        assert!(message.contains("“localhost” is inside of a network"), "{message}");
        assert_eq!(asked.load(Ordering::SeqCst), insides.len());
    }

    #[tokio::test]
    async fn a_pack_follows_what_is_asked_piece_by_piece() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let pack: Vec<u8> = (0..3 * PIECE + 7).map(|number| (number % 251) as u8).collect();
        std::fs::write(file.path(), &pack).expect("written");
        let sent: Vec<Bytes> =
            pieces(b"ask".to_vec(), File::open(file.path()).await.expect("opens")).map(|piece| piece.expect("read")).collect().await;
        assert!(sent.iter().all(|piece| piece.len() <= PIECE), "no more than that is in memory at once");
        assert_eq!(sent.concat(), [b"ask".as_slice(), &pack].concat());
    }
}
