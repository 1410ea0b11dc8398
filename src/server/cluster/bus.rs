//! What carries messages between nodes: NATS, or nothing where one serves alone. At most once, and only while there is a connection.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_nats::{Client, ConnectOptions, Event, connection::State};
use bytes::Bytes;
use futures::StreamExt as _;
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

    /// Connects in the background, and again whenever the connection is lost. `addresses` of servers of one cluster, with commas;
    /// `group` parts installations that share it.
    ///
    /// # Errors
    /// What is no address.
    pub async fn connect(addresses: &str, group: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let missed: Arc<watch::Sender<u64>> = Arc::default();
        let addresses: Vec<String> = addresses.split(',').map(|address| address.trim().to_owned()).collect();
        let counted = missed.clone();
        let client = ConnectOptions::new()
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
            .connect(addresses)
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
    let addresses: Vec<&str> = addresses.split(',').map(str::trim).collect();
    let client =
        ConnectOptions::new().name("llmos doctor").connect(addresses).await.map_err(|error| crate::server::error::chain(&error))?;
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

    #[tokio::test]
    async fn what_is_no_address_is_refused_and_a_server_that_is_away_is_not() {
        assert!(Bus::connect("not an address", "x").await.is_err());
        let bus = Bus::connect("nats://127.0.0.1:9", "x").await.expect("it connects when it can");
        assert!(bus.is_shared() && !bus.is_connected());
    }
}
