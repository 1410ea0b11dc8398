//! Git over SSH: the same packets, to and from a program that the server runs.
//!
//! A host is known by its key: the one that it showed when the volume was linked (docs/decisions/git.md).

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use reqwest::Url;
use russh::{
    Channel, ChannelMsg,
    client::{self, Handle, Msg},
    keys::{HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKeyOrCertificate, decode_secret_key},
};
use tokio::{
    fs::File,
    time::{Instant, timeout, timeout_at},
};

use super::{
    client::{Host, Service, said},
    http::{ADVERTISED_BYTES, PACK_TIME},
    packets::{self, Packet},
};
use crate::{
    error::{AppError, AppResult},
    server::{
        error::chain,
        outgoing::{GitRules, Inside},
    },
};

pub const SCHEME: &str = "ssh";
const PORT: u16 = 22;
const USER: &str = "git";
/// From the first byte to being let in.
const GREETING: Duration = Duration::from_secs(20);
/// What a program says beside its answer, in bytes.
const COMPLAINT: usize = 2_000;

pub struct Ssh {
    rules: GitRules,
    url: Url,
    host: Host,
    key: Arc<PrivateKey>,
    host_key: Arc<OnceLock<String>>,
}

/// The private key in a text.
fn private_key(text: &str) -> AppResult<PrivateKey> {
    decode_secret_key(text, None).map_err(|error| {
        tracing::info!(%error, "a key of SSH");
        let why = "This is no private key of SSH: paste the whole file, such as ssh-keygen -t ed25519 writes it, without a passphrase.";
        AppError::field("token", why)
    })
}

impl Ssh {
    pub fn new(rules: &GitRules, url: Url, host: Host, key: Option<&str>, host_key: Option<String>) -> AppResult<Self> {
        let missing = || AppError::field("token", "An address of SSH needs a private key: the one whose public half the repository knows.");
        let key = private_key(key.ok_or_else(missing)?)?;
        let known = OnceLock::new();
        if let Some(host_key) = host_key {
            let _ = known.set(host_key);
        }
        Ok(Self { rules: rules.clone(), url, host, key: Arc::new(key), host_key: Arc::new(known) })
    }

    pub fn host_key(&self) -> Option<String> {
        self.host_key.get().cloned()
    }

    async fn connect(&self) -> AppResult<Handle<Known>> {
        let failed = |error: russh::Error| {
            tracing::info!(host = self.host.0, error = %chain(&error), "a server of Git");
            self.host.unreachable(matches!(error, russh::Error::ConnectionTimeout | russh::Error::InactivityTimeout))
        };
        let greeting = async {
            let port = self.url.port().unwrap_or(PORT);
            let stream = self.rules.connect(&self.host.0, port).await.map_err(|error| {
                tracing::info!(host = self.host.0, %error, "a server of Git");
                if error.get_ref().is_some_and(|error| error.is::<Inside>()) { self.host.is_inside() } else { self.host.unreachable(false) }
            })?;
            let config = client::Config { inactivity_timeout: Some(self.rules.idle), nodelay: true, ..client::Config::default() };
            let known = Known(self.host_key.clone());
            let mut handle = client::connect_stream(Arc::new(config), stream, known).await.map_err(|error| match error {
                russh::Error::UnknownKey => AppError::conflict(format!(
                    "{} shows another key than when this volume was linked, as somebody in between would. If its operators changed it, link the volume anew.",
                    self.host.0
                )),
                error => failed(error),
            })?;
            let user = Some(self.url.username()).filter(|user| !user.is_empty()).unwrap_or(USER);
            let key = PrivateKeyWithHashAlg::new(self.key.clone(), None);
            if handle.authenticate_publickey(user, key).await.map_err(failed)?.success() {
                return Ok(handle);
            }
            let public = self.key.public_key().to_openssh().unwrap_or_default();
            Err(AppError::field("token", format!("{} does not know this key. Its public half, to be added there: {public}", self.host.0)))
        };
        timeout(GREETING.min(self.rules.idle * 2), greeting).await.unwrap_or_else(|_| Err(self.host.unreachable(true)))
    }

    /// The program of a service, and what it begins with: what the server has.
    async fn run(&self, service: Service) -> AppResult<(Running, Vec<u8>)> {
        let handle = self.connect().await?;
        let broken = |_| self.host.broken_off();
        let channel = handle.channel_open_session().await.map_err(broken)?;
        // A quote in the path ends the quoted text, stands for itself, and begins another one.
        let path = self.url.path().replace('\'', "'\\''");
        channel.exec(true, format!("{} '{path}'", service.name())).await.map_err(broken)?;
        let until = Instant::now() + PACK_TIME;
        let mut running = Running { host: self.host.clone(), channel, _handle: handle, until, any: false, complaint: Vec::new() };
        let mut begins = Vec::new();
        while !is_whole(&begins).map_err(|_| self.host.nonsense())? {
            let Some(chunk) = running.chunk().await? else { return Err(self.host.broken_off()) };
            begins.extend_from_slice(&chunk);
            if begins.len() > ADVERTISED_BYTES {
                return Err(self.host.nonsense());
            }
        }
        Ok((running, begins))
    }

    pub async fn advertised(&self, service: Service) -> AppResult<(Vec<u8>, Url)> {
        let (running, begins) = self.run(service).await?;
        // Nothing is wanted: a good way to go.
        let _ = running.channel.data_bytes(&b"0000"[..]).await;
        Ok((begins, self.url.clone()))
    }

    /// What a service answers to a request, behind which a pack may be sent.
    pub async fn ask(&self, service: Service, body: Vec<u8>, pack: Option<File>) -> AppResult<Running> {
        let (running, _) = self.run(service).await?;
        running.channel.data_bytes(body).await.map_err(|_| self.host.broken_off())?;
        if let Some(pack) = pack {
            let sent = timeout_at(running.until, running.channel.data(pack)).await;
            sent.map_err(|_| self.host.unreachable(true))?.map_err(|_| self.host.broken_off())?;
        }
        Ok(running)
    }
}

/// Whether these packets end with a flush.
fn is_whole(mut bytes: &[u8]) -> Result<bool, packets::Malformed> {
    while let Some((packet, rest)) = packets::split(bytes)? {
        if packet == Packet::Flush {
            return Ok(true);
        }
        bytes = rest;
    }
    Ok(false)
}

/// A program at the server.
pub struct Running {
    host: Host,
    channel: Channel<Msg>,
    /// The connection lasts as long as this.
    _handle: Handle<Known>,
    until: Instant,
    any: bool,
    complaint: Vec<u8>,
}

impl Running {
    /// The next bytes of its answer; none at the end.
    pub async fn chunk(&mut self) -> AppResult<Option<Bytes>> {
        loop {
            match timeout_at(self.until, self.channel.wait()).await.map_err(|_| self.host.unreachable(true))? {
                Some(ChannelMsg::Data { data }) => {
                    self.any = true;
                    return Ok(Some(data));
                }
                Some(ChannelMsg::ExtendedData { data, .. }) => {
                    let room = COMPLAINT.saturating_sub(self.complaint.len()).min(data.len());
                    self.complaint.extend_from_slice(&data[..room]);
                }
                Some(ChannelMsg::Failure) => return Err(self.host.nonsense()),
                None if self.any || self.complaint.is_empty() => return Ok(None),
                // It had nothing to give, and said why.
                None => {
                    let why = said(&String::from_utf8_lossy(&self.complaint));
                    return Err(AppError::field("url", format!("{} says: {why}", self.host.0)));
                }
                Some(_) => {}
            }
        }
    }
}

/// Lets a host in whose key is the known one; the first one becomes it.
struct Known(Arc<OnceLock<String>>);

impl client::Handler for Known {
    type Error = russh::Error;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        let shown = match shown {
            PublicKeyOrCertificate::PublicKey { key, .. } => key.fingerprint(HashAlg::Sha256),
            PublicKeyOrCertificate::Certificate(certificate) => certificate.public_key().fingerprint(HashAlg::Sha256),
        };
        let shown = shown.to_string();
        Ok(*self.0.get_or_init(|| shown.clone()) == shown)
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::packets::{flush, line},
        *,
    };

    #[test]
    fn what_a_server_begins_with_ends_with_a_flush() {
        let mut bytes = Vec::new();
        line(&mut bytes, "a");
        flush(&mut bytes);
        assert_eq!(is_whole(&bytes), Ok(true));
        for cut in 0..bytes.len() {
            assert_eq!(is_whole(&bytes[..cut]), Ok(false), "{cut}");
        }
        assert!(is_whole(b"Welcome to this host").is_err());
    }

    #[test]
    fn only_a_private_key_is_one() {
        for wrong in ["", "ghp_token", "ssh-ed25519 AAAA", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----"] {
            assert!(private_key(wrong).is_err(), "{wrong}");
        }
    }
}
