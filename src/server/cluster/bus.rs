//! What carries messages between nodes: NATS, or nothing where one serves alone. At most once, and only while there is a connection.

use std::{
    borrow::Cow,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_nats::{Client, ConnectOptions, Event, connection::State};
use bytes::Bytes;
use futures::StreamExt as _;
use percent_encoding::percent_decode_str;
use tokio::{
    sync::{mpsc, watch},
    task::AbortHandle,
};

use crate::ids::{ArtifactId, RoomId, RunId};

/// A message has at most so many bytes: half of what NATS takes unless it is told otherwise.
pub const LARGEST: usize = 512 * 1024;
/// How soon a connection that died without a word is noticed: after two pings without an answer.
const PING: Duration = Duration::from_secs(2);
/// Between two tries to connect, at most.
const PAUSE_MS: u64 = 2_000;
/// Messages of one subject that wait to be heard. More are dropped, and the database is read.
const WAITING: usize = 4_096;

/// Where the servers of one cluster are, and what a node says to be let in. The client knows one way in for all of them, and does not read it out
/// of an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Servers {
    /// Without users and passwords.
    addresses: Vec<String>,
    pass: Pass,
}

/// As the addresses have it: `nats://user:password@host`, or `nats://token@host`.
#[derive(Clone, PartialEq, Eq)]
enum Pass {
    None,
    Token(String),
    User(String, String),
}

impl fmt::Debug for Pass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::None { "none" } else { "hidden" })
    }
}

impl Servers {
    /// Reads one address, or several with commas between them.
    ///
    /// # Errors
    /// What is wrong, in a sentence that holds no password.
    pub fn read(text: &str) -> Result<Self, &'static str> {
        const ADDRESS: &str = "it is not an address such as nats://nats.internal:4222, or tls://… where it is encrypted";
        let mut servers = Self { addresses: Vec::new(), pass: Pass::None };
        for address in text.split(',') {
            let mut url = reqwest::Url::parse(address.trim()).map_err(|_| ADDRESS)?;
            if !matches!(url.scheme(), "nats" | "tls") || url.host_str().is_none_or(str::is_empty) {
                return Err(ADDRESS);
            }
            let plain = |part: &str| percent_decode_str(part).decode_utf8().map(Cow::into_owned).map_err(|_| ADDRESS);
            let pass = match (url.username(), url.password()) {
                ("", None) => Pass::None,
                (token, None) => Pass::Token(plain(token)?),
                (user, Some(password)) => Pass::User(plain(user)?, plain(password)?),
            };
            if pass != Pass::None {
                if servers.pass != Pass::None && servers.pass != pass {
                    return Err("its addresses have different users or passwords: the servers of one cluster have the same");
                }
                servers.pass = pass;
            }
            url.set_username("").and_then(|()| url.set_password(None)).map_err(|()| ADDRESS)?;
            servers.addresses.push(url.to_string());
        }
        Ok(servers)
    }

    fn options(&self) -> ConnectOptions {
        match self.pass.clone() {
            Pass::None => ConnectOptions::new(),
            Pass::Token(token) => ConnectOptions::with_token(token),
            Pass::User(user, password) => ConnectOptions::with_user_and_password(user, password),
        }
    }
}

/// What a message is about: who listens to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Every node.
    All,
    /// Nodes with a member in the room.
    Room(RoomId),
    /// Nodes that have the document open.
    Document(ArtifactId),
    /// The node that gives this answer of the assistant.
    Answer(RunId),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Room(id) => write!(f, "room.{id}"),
            Self::Document(id) => write!(f, "doc.{id}"),
            Self::Answer(id) => write!(f, "answer.{id}"),
        }
    }
}

/// Hears until it is dropped.
#[must_use = "it ends when it is dropped"]
#[derive(Debug, Default)]
pub struct Listening(Option<AbortHandle>);

impl Drop for Listening {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

/// The two ways.
pub struct Bus {
    nats: Option<Nats>,
    missed: Arc<watch::Sender<u64>>,
    kept: Mutex<Vec<Listening>>,
}

struct Nats {
    client: Client,
    group: String,
    out: mpsc::UnboundedSender<(String, Bytes)>,
}

impl Bus {
    pub fn alone() -> Self {
        Self { nats: None, missed: Arc::default(), kept: Mutex::default() }
    }

    /// Connects in the background, and again whenever the connection is lost, to one of the servers at `addresses` ([`Servers::read`]);
    /// `group` parts installations that share them.
    ///
    /// # Errors
    /// What is no address.
    pub async fn connect(addresses: &str, group: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let missed: Arc<watch::Sender<u64>> = Arc::default();
        let servers = Servers::read(addresses)?;
        let counted = missed.clone();
        let client = servers
            .options()
            .name("llmos")
            .no_echo()
            .ping_interval(PING)
            .subscription_capacity(WAITING)
            .retry_on_initial_connect()
            .reconnect_delay_callback(|tries| {
                let most = PAUSE_MS.min(100 << tries.min(5));
                // Not all nodes at once.
                Duration::from_millis(most / 2 + spread(most / 2))
            })
            .event_callback(move |event| {
                match event {
                    Event::Connected | Event::SlowConsumer(_) => counted.send_modify(|count| *count += 1),
                    Event::Disconnected => tracing::warn!("NATS is away: this node goes on alone"),
                    Event::ServerError(error) => tracing::warn!(%error, "NATS refused something"),
                    Event::ClientError(error) => tracing::debug!(%error, "NATS"),
                    _ => {}
                }
                std::future::ready(())
            })
            .connect(servers.addresses)
            .await?;
        let (out, told) = mpsc::unbounded_channel();
        tokio::spawn(publish_all(client.clone(), told));
        let nats = Nats { client, group: format!("llmos.{group}"), out };
        Ok(Self { nats: Some(nats), missed, kept: Mutex::default() })
    }

    pub fn is_shared(&self) -> bool {
        self.nats.is_some()
    }

    pub fn is_connected(&self) -> bool {
        self.nats.as_ref().is_some_and(|nats| nats.client.connection_state() == State::Connected)
    }

    pub fn missed(&self) -> watch::Receiver<u64> {
        self.missed.subscribe()
    }

    /// In the order of calls; never waits.
    pub fn publish(&self, subject: Subject, payload: Bytes) {
        if let Some(nats) = &self.nats {
            let _ = nats.out.send((nats.address(subject), payload));
        }
    }

    /// Calls `hear` with each message, and whether it waits for an answer.
    pub fn listen(&self, subject: Subject, hear: impl Fn(Bytes, bool) -> Option<Bytes> + Send + 'static) -> Listening {
        let Some(nats) = &self.nats else { return Listening::default() };
        let (client, address) = (nats.client.clone(), nats.address(subject));
        let task = tokio::spawn(async move {
            let mut messages = match client.subscribe(address).await {
                Ok(messages) => messages,
                Err(error) => return tracing::warn!(%error, ?subject, "other nodes are not heard"),
            };
            while let Some(message) = messages.next().await {
                let answer = hear(message.payload, message.reply.is_some());
                if let (Some(answer), Some(reply)) = (answer, message.reply) {
                    let _ = client.publish(reply, answer).await;
                }
            }
        });
        Listening(Some(task.abort_handle()))
    }

    /// Listens for as long as the process lives.
    pub fn keep(&self, listening: Listening) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).push(listening);
    }

    pub async fn ask(&self, subject: Subject, most: Duration) -> Option<Bytes> {
        let nats = self.nats.as_ref().filter(|_| self.is_connected())?;
        let asked = nats.client.request(nats.address(subject), Bytes::new());
        // Where nobody listens the server says so at once.
        Some(tokio::time::timeout(most, asked).await.ok()?.ok()?.payload)
    }
}

impl Nats {
    fn address(&self, subject: Subject) -> String {
        format!("{}.{subject}", self.group)
    }
}

/// Hands messages on in their order. What is told while there is no connection is dropped: it would come when it is old.
async fn publish_all(client: Client, mut told: mpsc::UnboundedReceiver<(String, Bytes)>) {
    while let Some((subject, payload)) = told.recv().await {
        if client.connection_state() != State::Connected || payload.len() > client.max_payload() {
            continue;
        }
        if let Err(error) = client.publish(subject, payload).await {
            tracing::debug!(%error, "other nodes were not told");
        }
    }
}

/// Connects once, to see whether it can be done: what the server says it is, or why not.
pub async fn reach(addresses: &str) -> Result<String, String> {
    let servers = Servers::read(addresses)?;
    let connecting = servers.options().name("llmos doctor").connect(servers.addresses);
    let client = connecting.await.map_err(|error| crate::server::error::chain(&error))?;
    Ok(client.server_info().version)
}

/// A number up to `most`, by chance.
fn spread(most: u64) -> u64 {
    let mut bytes = [0; 8];
    match getrandom::fill(&mut bytes) {
        Ok(()) => u64::from_le_bytes(bytes) % (most + 1),
        Err(_) => most / 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn alone_nothing_is_told_and_nobody_answers() {
        let bus = Bus::alone();
        let _listening = bus.listen(Subject::All, |_, _| Some(Bytes::new()));
        bus.publish(Subject::All, Bytes::from_static(b"{}"));
        assert!(bus.ask(Subject::All, Duration::from_secs(1)).await.is_none());
        assert!(!bus.is_shared() && !bus.is_connected());
    }

    #[test]
    fn what_lets_a_node_in_is_read_once_for_all_servers() {
        let read = |text: &str| Servers::read(text).map(|servers| (servers.addresses.join(" "), servers.pass));
        let user = |name: &str, password: &str| Pass::User(name.to_owned(), password.to_owned());
        assert_eq!(read("nats://one"), Ok(("nats://one".to_owned(), Pass::None)));
        assert_eq!(
            read("nats://llmos:a%40b%2Fc@one:4222, tls://two"),
            Ok(("nats://one:4222 tls://two".to_owned(), user("llmos", "a@b/c")))
        );
        assert_eq!(read("nats://s3cret@one"), Ok(("nats://one".to_owned(), Pass::Token("s3cret".to_owned()))));
        assert_eq!(read("nats://a:p@one,nats://a:p@two").map(|(_, pass)| pass), Ok(user("a", "p")));
        assert!(read("nats://a:p@one,nats://a:q@two").is_err_and(|why| why.contains("different")));
        for wrong in ["", "one:4222", "http://one", "nats://a,", "nats://"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        assert!(!format!("{:?}", Servers::read("nats://a:hunter2@one")).contains("hunter2"));
    }

    #[tokio::test]
    async fn what_is_no_address_is_refused_and_a_server_that_is_away_is_not() {
        assert!(Bus::connect("not an address", "x").await.is_err());
        let bus = Bus::connect("nats://127.0.0.1:9", "x").await.expect("it connects when it can");
        assert!(bus.is_shared() && !bus.is_connected());
    }
}
