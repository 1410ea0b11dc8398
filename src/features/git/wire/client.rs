//! Asking a server of Git: what it has, a pack of what is lacking here, and taking what is new from here.
//!
//! libgit2 has this as well, but its transports are set up for the whole process, by an unsafe call, and say little of why something failed. Here it
//! is an ordinary request of a guarded connection (docs/decisions/git.md), over HTTP or SSH.

use std::path::Path;

use git2::Oid;
use reqwest::Url;
use tokio::{io::AsyncWriteExt as _, sync::watch};

use super::{
    http::Http,
    packets::{self, Packet, flush, line, trimmed},
    ssh::{self, Ssh},
};
use crate::{
    error::{AppError, AppResult, ErrorCode},
    server::outgoing::GitRules,
};

/// A pack; a shallow one of a large repository is some hundred megabytes.
const PACK_BYTES: u64 = 1024 * 1024 * 1024;
const ANSWER_BYTES: usize = 1024 * 1024;
/// Files that one request names.
const WANTED: usize = 10_000;
const SIDE_BAND: &str = "side-band-64k";
const OURS: &str = concat!("agent=llmos-lite/", env!("CARGO_PKG_VERSION"));

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// They send.
    UploadPack,
    /// They take.
    ReceivePack,
}

impl Service {
    pub fn name(self) -> &'static str {
        match self {
            Service::UploadPack => "git-upload-pack",
            Service::ReceivePack => "git-receive-pack",
        }
    }
}

/// What a host is said to have done, in sentences.
#[derive(Clone, Debug)]
pub struct Host(pub String);

impl Host {
    pub fn nonsense(&self) -> AppError {
        AppError::field("url", format!("What {} answered is not what a server of Git says: look at the address.", self.0))
    }

    pub fn broken_off(&self) -> AppError {
        AppError::new(ErrorCode::Unavailable, format!("{} broke off in the middle. It is tried again.", self.0))
    }

    pub fn unreachable(&self, timed_out: bool) -> AppError {
        let what = if timed_out { "did not answer in time" } else { "cannot be reached" };
        AppError::new(ErrorCode::Unavailable, format!("{} {what}. It is tried again.", self.0))
    }

    pub fn is_inside(&self) -> AppError {
        AppError::field("url", format!("“{}” is inside of a network: its operator allows that with GIT_PRIVATE=true.", self.0))
    }

    pub fn refused(&self, why: &str) -> AppError {
        AppError::conflict(format!("{} refused: {}", self.0, said(why)))
    }
}

/// What a server says, as far as it is shown.
pub fn said(text: &str) -> String {
    text.trim().chars().filter(|c| !c.is_control()).take(200).collect()
}

/// How a repository elsewhere is reached.
enum Way {
    Http(Http),
    Ssh(Ssh),
}

/// A repository elsewhere, and what opens it.
pub struct Remote {
    way: Way,
    host: Host,
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

    /// What a whole name, such as `refs/pull/7/head`, stands for.
    pub fn reference(&self, name: &str) -> Option<Oid> {
        self.refs.iter().find(|(known, _)| known == name).map(|(_, id)| *id)
    }

    /// Whether it shows this commit under any name.
    pub fn offers(&self, commit: Oid) -> bool {
        self.refs.iter().any(|(_, id)| *id == commit)
    }

    /// The branch that is shown first.
    pub fn default_branch(&self) -> Option<&str> {
        let said = self.capabilities.iter().find_map(|capability| capability.strip_prefix("symref=HEAD:refs/heads/"));
        said.or_else(|| {
            let head = self.refs.iter().find(|(name, _)| name == "HEAD")?.1;
            self.refs.iter().find(|(name, id)| *id == head && name.starts_with("refs/heads/"))?.0.strip_prefix("refs/heads/")
        })
    }

    /// Whether it sends commits and trees without what is in files, and those files later.
    fn can_leave_files(&self) -> bool {
        self.can("filter") && self.can("allow-reachable-sha1-in-want")
    }

    /// What is asked of it, of what it can.
    fn asked_of(&self, more: Option<&'static str>) -> String {
        let mut asked = vec![OURS];
        asked.extend([SIDE_BAND, "ofs-delta", "shallow", "deepen-since", "no-progress"].into_iter().filter(|wanted| self.can(wanted)));
        asked.extend(more);
        asked.join(" ")
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
    pub depth: Depth,
    /// Without what is in files: [`Remote::fetch_files`] gets that of some.
    pub without_files: bool,
}

/// How far back commits come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Only the newest.
    Newest,
    /// Those from this time on, in seconds.
    Since(i64),
    Whole,
}

/// What stands for all there is, as `git fetch --unshallow` says it.
const WHOLE: u32 = i32::MAX as u32;

impl Remote {
    /// `credential` is a token, or the private key of SSH; `host_key` what the host has to show then, if that is known.
    pub fn new(rules: &GitRules, url: &str, credential: Option<String>, host_key: Option<String>) -> AppResult<Self> {
        let wrong = || AppError::field("url", "The address of a repository looks like https://github.com/team/repository.git.");
        let url = Url::parse(url).map_err(|_| wrong())?;
        rules.check(&url).map_err(|why| AppError::field("url", why))?;
        let host = Host(url.host_str().ok_or_else(wrong)?.to_owned());
        let way = match url.scheme() {
            ssh::SCHEME => Way::Ssh(Ssh::new(rules, url, host.clone(), credential.as_deref(), host_key)?),
            _ => Way::Http(Http::new(rules, url, host.clone(), credential)?),
        };
        Ok(Self { way, host })
    }

    /// What the host showed itself with, once it was asked over SSH.
    pub fn host_key(&self) -> Option<String> {
        match &self.way {
            Way::Http(_) => None,
            Way::Ssh(ssh) => ssh.host_key(),
        }
    }

    /// What is there; also the way to find out whether the address and the token are right.
    pub async fn advertised(&self, service: Service) -> AppResult<Advertised> {
        let (bytes, url) = match &self.way {
            Way::Http(http) => http.advertised(service).await?,
            Way::Ssh(ssh) => ssh.advertised(service).await?,
        };
        parse_advertised(&bytes, url).ok_or_else(|| self.host.nonsense())
    }

    /// `pack`: a file that is sent behind the body.
    async fn ask(&self, at: &Advertised, service: Service, body: Vec<u8>, pack: Option<&Path>) -> AppResult<Incoming<'_>> {
        let pack = match pack {
            Some(path) => Some(tokio::fs::File::open(path).await?),
            None => None,
        };
        let source = match &self.way {
            Way::Http(http) => Source::Http(http.post(&at.url, service, body, pack).await?),
            Way::Ssh(ssh) => Source::Ssh(Box::new(ssh.ask(service, body, pack).await?)),
        };
        Ok(Incoming { remote: self, source, buffer: Vec::new(), at: 0, read: 0 })
    }

    /// Writes a pack of what is lacking to `pack`; the commits that have no parents here from now on, and those that have them again. `received`
    /// is told of each byte.
    pub async fn fetch(&self, at: &Advertised, fetch: &Fetch, pack: &Path, received: &watch::Sender<u64>) -> AppResult<Shallow> {
        let filters = fetch.without_files && at.can_leave_files();
        let mut body = Vec::new();
        line(&mut body, format!("want {} {}\n", fetch.want, at.asked_of(if filters { Some("filter") } else { None })));
        for id in &fetch.shallow {
            line(&mut body, format!("shallow {id}\n"));
        }
        let deepens = at.can("shallow");
        if deepens {
            match fetch.depth {
                Depth::Since(since) if at.can("deepen-since") => line(&mut body, format!("deepen-since {since}\n")),
                Depth::Newest | Depth::Since(_) => line(&mut body, "deepen 1\n"),
                Depth::Whole => line(&mut body, format!("deepen {WHOLE}\n")),
            }
        }
        if filters {
            line(&mut body, "filter blob:none\n");
        }
        flush(&mut body);
        for id in &fetch.haves {
            line(&mut body, format!("have {id}\n"));
        }
        line(&mut body, "done\n");
        let mut incoming = self.ask(at, Service::UploadPack, body, None).await?;
        let mut shallow = Shallow::default();
        if deepens {
            loop {
                let Some(payload) = incoming.line().await? else { break };
                let text = String::from_utf8_lossy(trimmed(&payload)).into_owned();
                match text.split_once(' ') {
                    Some(("shallow", id)) => shallow.now.extend(Oid::from_str(id).ok()),
                    Some(("unshallow", id)) => shallow.no_longer.extend(Oid::from_str(id).ok()),
                    Some(("ERR", why)) => return Err(self.host.refused(why)),
                    _ => return Err(self.host.nonsense()),
                }
            }
        }
        incoming.pack(at, pack, received).await?;
        Ok(shallow)
    }

    /// Writes packs of these files, each to a path that `place` gives.
    pub async fn fetch_files(
        &self,
        at: &Advertised,
        files: &[Oid],
        mut place: impl FnMut() -> AppResult<std::path::PathBuf>,
        received: &watch::Sender<u64>,
    ) -> AppResult<()> {
        for some in files.chunks(WANTED) {
            let mut body = Vec::with_capacity(some.len() * 50);
            for (number, id) in some.iter().enumerate() {
                let asked = if number == 0 { format!(" {}", at.asked_of(None)) } else { String::new() };
                line(&mut body, format!("want {id}{asked}\n"));
            }
            flush(&mut body);
            line(&mut body, "done\n");
            self.ask(at, Service::UploadPack, body, None).await?.pack(at, &place()?, received).await?;
        }
        Ok(())
    }

    /// Moves a branch from `old` to `new`, which the file `pack` has what is lacking for.
    ///
    /// # Errors
    /// A conflict: somebody moved it in between, or it may not be moved. The pack is larger than what is fetched either.
    pub async fn push(&self, at: &Advertised, branch: &str, old: Oid, new: Oid, pack: &Path) -> AppResult<()> {
        if tokio::fs::metadata(pack).await?.len() > PACK_BYTES {
            return Err(AppError::too_large(format!("What is to be pushed is over {} MB.", PACK_BYTES / 1024 / 1024)));
        }
        let mut body = Vec::new();
        line(&mut body, format!("{old} {new} refs/heads/{branch}\0report-status {OURS}\n"));
        flush(&mut body);
        let mut incoming = self.ask(at, Service::ReceivePack, body, Some(pack)).await?;
        let (mut unpacked, mut moved, mut length) = (false, false, 0);
        while let Some(payload) = incoming.line().await? {
            length += payload.len();
            if length > ANSWER_BYTES {
                return Err(self.host.nonsense());
            }
            let text = String::from_utf8_lossy(trimmed(&payload)).into_owned();
            match text.split_once(' ') {
                Some(("unpack", "ok")) => unpacked = true,
                Some(("unpack", why)) => return Err(self.host.refused(why)),
                Some(("ok", _)) => moved = true,
                Some(("ng", why)) => return Err(self.host.refused(why.split_once(' ').map_or(why, |(_, why)| why))),
                _ => {}
            }
        }
        if unpacked && moved { Ok(()) } else { Err(self.host.broken_off()) }
    }
}

/// Which commits have no parents here.
#[derive(Debug, Default)]
pub struct Shallow {
    pub now: Vec<Oid>,
    pub no_longer: Vec<Oid>,
}

/// The other side's bytes, in whatever pieces they come.
enum Source {
    Http(reqwest::Response),
    Ssh(Box<ssh::Running>),
}

/// An answer that is read packet by packet.
struct Incoming<'a> {
    remote: &'a Remote,
    source: Source,
    buffer: Vec<u8>,
    at: usize,
    read: u64,
}

impl Incoming<'_> {
    async fn more(&mut self) -> AppResult<bool> {
        let chunk = match (&mut self.source, &self.remote.way) {
            (Source::Http(response), Way::Http(http)) => response.chunk().await.map_err(|error| http.unreachable(&error))?,
            (Source::Http(_), Way::Ssh(_)) => None,
            (Source::Ssh(running), _) => running.chunk().await?,
        };
        let Some(chunk) = chunk else { return Ok(false) };
        self.read += chunk.len() as u64;
        if self.read > PACK_BYTES {
            return Err(AppError::too_large(format!("The repository is over {} MB, even without its history.", PACK_BYTES / 1024 / 1024)));
        }
        self.buffer.drain(..self.at);
        self.at = 0;
        self.buffer.extend_from_slice(&chunk);
        Ok(true)
    }

    /// The acknowledgement, and the pack after it.
    async fn pack(&mut self, at: &Advertised, path: &Path, received: &watch::Sender<u64>) -> AppResult<()> {
        let host = &self.remote.host;
        let payload = self.line().await?.ok_or_else(|| host.nonsense())?;
        let text = String::from_utf8_lossy(trimmed(&payload)).into_owned();
        if let Some(why) = text.strip_prefix("ERR ") {
            return Err(host.refused(why));
        }
        // Without the more talkative ways of acknowledging there is one of these, then the pack.
        if text != "NAK" && !text.starts_with("ACK ") {
            return Err(host.nonsense());
        }
        let banded = at.can(SIDE_BAND);
        let mut file = tokio::fs::File::create(path).await?;
        while let Some(bytes) = if banded { self.banded().await? } else { self.rest().await? } {
            file.write_all(&bytes).await?;
            received.send_modify(|received| *received += bytes.len() as u64);
        }
        Ok(file.flush().await?)
    }

    /// None: a flush.
    async fn line(&mut self) -> AppResult<Option<Vec<u8>>> {
        loop {
            if let Some((packet, rest)) = packets::split(&self.buffer[self.at..]).map_err(|_| self.remote.host.nonsense())? {
                let payload = match packet {
                    Packet::Flush => None,
                    Packet::Line(payload) => Some(payload.to_vec()),
                };
                self.at = self.buffer.len() - rest.len();
                return Ok(payload);
            }
            if !self.more().await? {
                return Err(self.remote.host.broken_off());
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
                Some(3) => return Err(self.remote.host.refused(&String::from_utf8_lossy(&payload[1..]))),
                _ => return Err(self.remote.host.nonsense()),
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

/// The names and ids that a server begins with.
fn parse_advertised(bytes: &[u8], url: Url) -> Option<Advertised> {
    let mut rest = bytes;
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
        line(&mut bytes, format!("{id} HEAD\0shallow symref=HEAD:refs/heads/trunk\n"));
        line(&mut bytes, format!("{id} refs/heads/trunk\n"));
        flush(&mut bytes);
        let url = Url::parse("https://a.dev/x").expect("an address");
        let found = parse_advertised(&bytes, url.clone()).expect("an answer");
        assert_eq!((found.default_branch(), found.can("shallow"), found.can("thin-pack")), (Some("trunk"), true, false));
        assert_eq!(found.branch("trunk").map(|id| id.to_string()).as_deref(), Some(id));
        assert!(found.branch("main").is_none() && !found.is_empty());
        for cut in 0..bytes.len() {
            assert!(parse_advertised(&bytes[..cut], url.clone()).is_none(), "{cut}");
        }
        assert!(parse_advertised(b"<html>", url).is_none());
    }
}
