//! Asking a server of Git: what it has, a pack of what is lacking here, and taking what is new from here.
//!
//! libgit2 has this as well, but its transports are set up for the whole process, by an unsafe call, and say little of why something failed. Here it
//! is an ordinary request of the guarded client (docs/decisions/git.md).

use std::{path::Path, time::Duration};

use git2::Oid;
use reqwest::{RequestBuilder, Response, StatusCode, Url};
use tokio::io::AsyncWriteExt as _;

use super::packets::{self, Packet, flush, line, trimmed};
use crate::{
    error::{AppError, AppResult, ErrorCode},
    server::{
        error::chain,
        outgoing::{Elsewhere, GitRules, Inside},
    },
};

/// What a server has, in names and ids.
const ADVERTISED_BYTES: usize = 32 * 1024 * 1024;
/// A pack; a shallow one of a large repository is some hundred megabytes.
const PACK_BYTES: u64 = 1024 * 1024 * 1024;
const ANSWER_BYTES: usize = 1024 * 1024;
const ADVERTISED_TIME: Duration = Duration::from_secs(60);
const PACK_TIME: Duration = Duration::from_secs(20 * 60);
const NOBODY: &str = "x-access-token";
const OURS: &str = concat!("agent=llmos-lite/", env!("CARGO_PKG_VERSION"));

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// They send.
    UploadPack,
    /// They take.
    ReceivePack,
}

impl Service {
    fn name(self) -> &'static str {
        match self {
            Service::UploadPack => "git-upload-pack",
            Service::ReceivePack => "git-receive-pack",
        }
    }
}

/// A repository elsewhere, and what opens it.
pub struct Remote {
    client: reqwest::Client,
    url: Url,
    host: String,
    token: Option<String>,
}

/// What it has.
pub struct Advertised {
    refs: Vec<(String, Oid)>,
    capabilities: Vec<String>,
    /// Where it is by now: a server may have sent us on.
    url: Url,
}

impl Advertised {
    pub fn can(&self, capability: &str) -> bool {
        self.capabilities.iter().any(|known| known == capability)
    }

    /// The head of a branch.
    pub fn branch(&self, name: &str) -> Option<Oid> {
        let full = format!("refs/heads/{name}");
        self.refs.iter().find(|(known, _)| *known == full).map(|(_, id)| *id)
    }

    /// The branch that is shown first.
    pub fn default_branch(&self) -> Option<&str> {
        let said = self.capabilities.iter().find_map(|capability| capability.strip_prefix("symref=HEAD:refs/heads/"));
        said.or_else(|| {
            let head = self.refs.iter().find(|(name, _)| name == "HEAD")?.1;
            self.refs.iter().find(|(name, id)| *id == head && name.starts_with("refs/heads/"))?.0.strip_prefix("refs/heads/")
        })
    }

    pub fn is_empty(&self) -> bool {
        !self.refs.iter().any(|(name, _)| name.starts_with("refs/heads/"))
    }
}

/// What is lacking here.
pub struct Fetch {
    pub want: Oid,
    /// Commits that are here.
    pub haves: Vec<Oid>,
    /// Those of them whose parents are not.
    pub shallow: Vec<Oid>,
    /// Commits from this time on, in seconds; without: only the newest.
    pub since: Option<i64>,
}

impl Remote {
    pub fn new(rules: &GitRules, url: &str, token: Option<String>) -> AppResult<Self> {
        let wrong = || AppError::field("url", "The address of a repository looks like https://github.com/team/repository.git.");
        let url = Url::parse(url).map_err(|_| wrong())?;
        rules.check(&url).map_err(|why| AppError::field("url", why))?;
        let host = url.host_str().ok_or_else(wrong)?.to_owned();
        let client = rules.client().map_err(|error| crate::server::error::internal("client for Git", &error))?;
        Ok(Self { client, url, host, token })
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
        let host = &self.host;
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

    fn unreachable(&self, error: &reqwest::Error) -> AppError {
        let (host, why) = (&self.host, chain(error));
        tracing::info!(host, error = %why, "a server of Git");
        let ends_with = |reason: String| why.ends_with(&reason);
        if ends_with(Elsewhere.to_string()) {
            return AppError::field("url", format!("{host} sent us on to an address that this server does not go to."));
        }
        if ends_with(Inside.to_string()) {
            return AppError::field("url", format!("“{host}” is inside of a network: its operator allows that with GIT_PRIVATE=true."));
        }
        let what = if error.is_timeout() { "did not answer in time" } else { "cannot be reached" };
        AppError::new(ErrorCode::Unavailable, format!("{host} {what}. It is tried again."))
    }

    fn nonsense(&self) -> AppError {
        AppError::field("url", format!("What {} answered is not what a server of Git says: look at the address.", self.host))
    }

    fn broken_off(&self) -> AppError {
        AppError::new(ErrorCode::Unavailable, format!("{} broke off in the middle. It is tried again.", self.host))
    }

    /// What is there; also the way to find out whether the address and the token are right.
    pub async fn advertised(&self, service: Service) -> AppResult<Advertised> {
        let base = self.url.as_str().trim_end_matches('/');
        let asked = Url::parse(&format!("{base}/info/refs?service={}", service.name())).map_err(|_| self.nonsense())?;
        let request = self.authorised(self.client.get(asked.clone()), &asked).timeout(ADVERTISED_TIME);
        let response = self.send(request).await?;
        let base =
            response.url().as_str().split_once("/info/refs").and_then(|(base, _)| Url::parse(base).ok()).ok_or_else(|| self.nonsense())?;
        let bytes = self.whole(response, ADVERTISED_BYTES).await?;
        parse_advertised(&bytes, service, base).ok_or_else(|| self.nonsense())
    }

    async fn whole(&self, mut response: Response, most: usize) -> AppResult<Vec<u8>> {
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.unreachable(&error))? {
            if bytes.len() + chunk.len() > most {
                return Err(AppError::too_large(format!(
                    "{} answered more than is read of it: over {} MB.",
                    self.host,
                    most / 1024 / 1024
                )));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    fn post(&self, at: &Advertised, service: Service, body: Vec<u8>) -> AppResult<RequestBuilder> {
        let base = at.url.as_str().trim_end_matches('/');
        let url = Url::parse(&format!("{base}/{}", service.name())).map_err(|_| self.nonsense())?;
        let request = self.client.post(url.clone()).timeout(PACK_TIME);
        let request = request.header("content-type", format!("application/x-{}-request", service.name()));
        let request = request.header("accept", format!("application/x-{}-result", service.name()));
        Ok(self.authorised(request, &url).body(body))
    }

    /// Writes a pack of what is lacking to `pack`; the commits that have no parents here from now on, and those that have them again.
    pub async fn fetch(&self, at: &Advertised, fetch: &Fetch, pack: &Path) -> AppResult<Shallow> {
        let mut body = Vec::new();
        let mut capabilities = vec![OURS];
        for wanted in ["side-band-64k", "ofs-delta", "shallow", "deepen-since", "no-progress"] {
            if at.can(wanted) {
                capabilities.push(wanted);
            }
        }
        let banded = at.can("side-band-64k");
        line(&mut body, format!("want {} {}\n", fetch.want, capabilities.join(" ")));
        for id in &fetch.shallow {
            line(&mut body, format!("shallow {id}\n"));
        }
        let deepens = at.can("shallow");
        if deepens {
            match fetch.since.filter(|_| at.can("deepen-since")) {
                Some(since) => line(&mut body, format!("deepen-since {since}\n")),
                None => line(&mut body, "deepen 1\n"),
            }
        }
        flush(&mut body);
        for id in &fetch.haves {
            line(&mut body, format!("have {id}\n"));
        }
        line(&mut body, "done\n");
        let response = self.send(self.post(at, Service::UploadPack, body)?).await?;
        let mut incoming = Incoming { remote: self, response, buffer: Vec::new(), at: 0, read: 0 };
        let mut shallow = Shallow::default();
        if deepens {
            loop {
                let Some(payload) = incoming.line().await? else { break };
                let text = String::from_utf8_lossy(trimmed(&payload)).into_owned();
                match text.split_once(' ') {
                    Some(("shallow", id)) => shallow.now.extend(Oid::from_str(id).ok()),
                    Some(("unshallow", id)) => shallow.no_longer.extend(Oid::from_str(id).ok()),
                    Some(("ERR", why)) => return Err(self.refused(why)),
                    _ => return Err(self.nonsense()),
                }
            }
        }
        let payload = incoming.line().await?.ok_or_else(|| self.nonsense())?;
        let text = String::from_utf8_lossy(trimmed(&payload)).into_owned();
        if let Some(why) = text.strip_prefix("ERR ") {
            return Err(self.refused(why));
        }
        // Without the more talkative ways of acknowledging there is one of these, then the pack.
        if text != "NAK" && !text.starts_with("ACK ") {
            return Err(self.nonsense());
        }
        let mut file = tokio::fs::File::create(pack).await?;
        while let Some(bytes) = if banded { incoming.banded().await? } else { incoming.rest().await? } {
            file.write_all(&bytes).await?;
        }
        file.flush().await?;
        Ok(shallow)
    }

    fn refused(&self, why: &str) -> AppError {
        let why: String = why.chars().filter(|c| !c.is_control()).take(200).collect();
        AppError::conflict(format!("{} refused: {why}", self.host))
    }

    /// Moves a branch from `old` to `new`, which `pack` has what is lacking for. A conflict: somebody moved it in between, or it may not be moved.
    pub async fn push(&self, at: &Advertised, branch: &str, old: Oid, new: Oid, pack: Vec<u8>) -> AppResult<()> {
        let mut body = Vec::with_capacity(pack.len() + 256);
        line(&mut body, format!("{old} {new} refs/heads/{branch}\0report-status {OURS}\n"));
        flush(&mut body);
        body.extend_from_slice(&pack);
        let response = self.send(self.post(at, Service::ReceivePack, body)?).await?;
        let bytes = self.whole(response, ANSWER_BYTES).await?;
        let mut rest = bytes.as_slice();
        let (mut unpacked, mut moved) = (false, false);
        while let Ok(Some((packet, more))) = packets::split(rest) {
            rest = more;
            let Packet::Line(payload) = packet else { continue };
            let text = String::from_utf8_lossy(trimmed(payload)).into_owned();
            match text.split_once(' ') {
                Some(("unpack", "ok")) => unpacked = true,
                Some(("unpack", why)) => return Err(self.refused(why)),
                Some(("ok", _)) => moved = true,
                Some(("ng", why)) => return Err(self.refused(why.split_once(' ').map_or(why, |(_, why)| why))),
                _ => {}
            }
        }
        if unpacked && moved { Ok(()) } else { Err(self.broken_off()) }
    }
}

/// Which commits have no parents here.
#[derive(Debug, Default)]
pub struct Shallow {
    pub now: Vec<Oid>,
    pub no_longer: Vec<Oid>,
}

/// An answer that is read packet by packet.
struct Incoming<'a> {
    remote: &'a Remote,
    response: Response,
    buffer: Vec<u8>,
    at: usize,
    read: u64,
}

impl Incoming<'_> {
    async fn more(&mut self) -> AppResult<bool> {
        let Some(chunk) = self.response.chunk().await.map_err(|error| self.remote.unreachable(&error))? else { return Ok(false) };
        self.read += chunk.len() as u64;
        if self.read > PACK_BYTES {
            return Err(AppError::too_large(format!("The repository is over {} MB, even without its history.", PACK_BYTES / 1024 / 1024)));
        }
        self.buffer.drain(..self.at);
        self.at = 0;
        self.buffer.extend_from_slice(&chunk);
        Ok(true)
    }

    /// None: a flush.
    async fn line(&mut self) -> AppResult<Option<Vec<u8>>> {
        loop {
            if let Some((packet, rest)) = packets::split(&self.buffer[self.at..]).map_err(|_| self.remote.nonsense())? {
                let payload = match packet {
                    Packet::Flush => None,
                    Packet::Line(payload) => Some(payload.to_vec()),
                };
                self.at = self.buffer.len() - rest.len();
                return Ok(payload);
            }
            if !self.more().await? {
                return Err(self.remote.broken_off());
            }
        }
    }

    /// The next bytes of the pack from a multiplexed answer.
    async fn banded(&mut self) -> AppResult<Option<Vec<u8>>> {
        loop {
            let Some(mut payload) = self.line().await? else { return Ok(None) };
            match payload.first() {
                Some(1) => return Ok(Some(payload.split_off(1))),
                Some(2) => {}
                Some(3) => return Err(self.remote.refused(&String::from_utf8_lossy(&payload[1..]))),
                _ => return Err(self.remote.nonsense()),
            }
        }
    }

    async fn rest(&mut self) -> AppResult<Option<Vec<u8>>> {
        if self.at == self.buffer.len() && !self.more().await? {
            return Ok(None);
        }
        let bytes = self.buffer.split_off(self.at);
        self.buffer.clear();
        self.at = 0;
        Ok(Some(bytes))
    }
}

fn parse_advertised(bytes: &[u8], service: Service, url: Url) -> Option<Advertised> {
    let (Packet::Line(first), rest) = packets::split(bytes).ok()?? else { return None };
    if trimmed(first) != format!("# service={}", service.name()).as_bytes() {
        return None;
    }
    let (Packet::Flush, mut rest) = packets::split(rest).ok()?? else { return None };
    let mut found = Advertised { refs: Vec::new(), capabilities: Vec::new(), url };
    let mut is_first = true;
    loop {
        let (packet, more) = packets::split(rest).ok()??;
        rest = more;
        let Packet::Line(payload) = packet else { return Some(found) };
        let mut text = trimmed(payload);
        if std::mem::take(&mut is_first)
            && let Some(end) = text.iter().position(|byte| *byte == 0)
        {
            found.capabilities = String::from_utf8_lossy(&text[end + 1..]).split_whitespace().map(str::to_owned).collect();
            text = &text[..end];
        }
        let text = std::str::from_utf8(text).ok();
        // Names that are no UTF-8, and what the server is shallow at, are nothing to us.
        if let Some((id, name)) = text.and_then(|text| text.split_once(' '))
            && let Ok(id) = Oid::from_str(id)
            && !id.is_zero()
        {
            found.refs.push((name.to_owned(), id));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_has_is_read() {
        let id = "1234567890123456789012345678901234567890";
        let mut bytes = Vec::new();
        line(&mut bytes, "# service=git-upload-pack\n");
        flush(&mut bytes);
        line(&mut bytes, format!("{id} HEAD\0shallow symref=HEAD:refs/heads/trunk\n"));
        line(&mut bytes, format!("{id} refs/heads/trunk\n"));
        flush(&mut bytes);
        let url = Url::parse("https://a.dev/x").expect("an address");
        let found = parse_advertised(&bytes, Service::UploadPack, url.clone()).expect("an answer");
        assert_eq!((found.default_branch(), found.can("shallow"), found.can("thin-pack")), (Some("trunk"), true, false));
        assert_eq!(found.branch("trunk").map(|id| id.to_string()).as_deref(), Some(id));
        assert!(found.branch("main").is_none() && !found.is_empty());
        for cut in 0..bytes.len() {
            assert!(parse_advertised(&bytes[..cut], Service::UploadPack, url.clone()).is_none(), "{cut}");
        }
        assert!(parse_advertised(b"<html>", Service::UploadPack, url).is_none());
    }
}
