//! An editor of a document as its clients are: a replica of its own, and a connection that speaks the protocol.

use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio_tungstenite::tungstenite::Message as Frame;
use yrs::{
    Doc, GetString as _, ReadTxn as _, StateVector, Text as _, TextRef, Transact as _, Update,
    sync::{AwarenessUpdate, Message, SyncMessage, awareness::AwarenessUpdateEntry},
    updates::{decoder::Decode as _, encoder::Encode as _},
};

use crate::{
    app::{Client, TestApp},
    socket::Socket,
};

const PATIENCE: Duration = Duration::from_secs(20);

pub struct Editor {
    pub socket: Socket,
    pub doc: Doc,
    pub content: TextRef,
    /// The last state vector that the server said is on disk, and how many of the updates sent.
    pub saved: Option<StateVector>,
    pub on_disk: u64,
    pub sent: u64,
    /// JSON of others' awareness, as it came.
    pub heard: Vec<String>,
    pub denied: Option<String>,
    /// Where it is connected, to come back.
    url: String,
    path: String,
}

impl Editor {
    pub async fn open(app: &TestApp, who: &Client, artifact: &str) -> Self {
        let token = app.client_with_token(who, &["read", "write"]).await.token.expect("a token");
        Self::connect(&app.url, &token, artifact).await.unwrap_or_else(|code| panic!("closed with {code}"))
    }

    /// Connects and syncs; the code when the server closes.
    pub async fn connect(url: &str, token: &str, artifact: &str) -> Result<Self, u16> {
        let path = format!("/ws/doc/{artifact}?ack=1&token={token}");
        let socket = Socket::open(url, &path, &[]).await?;
        let doc = Doc::new();
        let content = doc.get_or_insert_text("content");
        let mut editor =
            Self { socket, doc, content, saved: None, on_disk: 0, sent: 0, heard: Vec::new(), denied: None, url: url.to_owned(), path };
        editor.ask().await;
        editor.hear(|editor| !editor.vector().is_empty()).await?;
        Ok(editor)
    }

    /// Comes back after the connection broke, with what it has.
    pub async fn again(&mut self) -> Result<(), u16> {
        self.socket = Socket::open(&self.url, &self.path, &[]).await?;
        (self.saved, self.on_disk, self.sent) = (None, 0, 0);
        self.ask().await;
        Ok(())
    }

    async fn ask(&mut self) {
        self.send(Message::Sync(SyncMessage::SyncStep1(self.vector()))).await;
    }

    pub fn vector(&self) -> StateVector {
        self.doc.transact().state_vector()
    }

    pub fn text(&self) -> String {
        self.content.get_string(&self.doc.transact())
    }

    pub async fn send(&mut self, message: Message) {
        self.sent += u64::from(matches!(message, Message::Sync(SyncMessage::SyncStep2(_) | SyncMessage::Update(_))));
        self.raw(message.encode_v1()).await;
    }

    pub async fn raw(&mut self, bytes: Vec<u8>) {
        // That the server has closed shows when what it sent is read.
        let _ = self.socket.0.send(Frame::binary(bytes)).await;
    }

    /// Takes messages until something is so; the code when the server closes.
    pub async fn hear(&mut self, is_so: impl Fn(&Self) -> bool) -> Result<(), u16> {
        while !is_so(self) {
            let message = tokio::time::timeout(PATIENCE, self.socket.0.next()).await.expect("a message in time");
            match message {
                Some(Ok(Frame::Binary(bytes))) => self.take(&bytes).await,
                Some(Ok(Frame::Close(frame))) => return Err(frame.map_or(1005, |frame| frame.code.into())),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(1006),
            }
        }
        Ok(())
    }

    async fn take(&mut self, bytes: &[u8]) {
        match Message::decode_v1(bytes).expect("a message of the protocol") {
            Message::Sync(SyncMessage::SyncStep1(vector)) => {
                let missing = self.doc.transact().encode_state_as_update_v1(&vector);
                self.send(Message::Sync(SyncMessage::SyncStep2(missing))).await;
            }
            Message::Sync(SyncMessage::SyncStep2(update) | SyncMessage::Update(update)) => {
                let update = Update::decode_v1(&update).expect("an update");
                self.doc.transact_mut().apply_update(update).expect("it applies");
            }
            Message::Awareness(update) => self.heard.extend(update.clients.into_values().map(|entry| entry.json.to_string())),
            Message::Auth(reason) => self.denied = reason,
            Message::Custom(100, vector) => {
                self.saved = Some(StateVector::decode_v1(&vector).expect("a vector"));
                self.on_disk = on_disk(bytes).expect("a number behind the vector");
            }
            other => panic!("{other:?}"),
        }
    }

    pub async fn until(&mut self, is_so: impl Fn(&Self) -> bool) {
        if let Err(code) = self.hear(is_so).await {
            panic!("closed with {code}");
        }
    }

    pub async fn until_text(&mut self, contains: &str) {
        self.until(|editor| editor.text().contains(contains)).await;
    }

    /// Whether the server has said that all of it is on disk: what was inserted, and what was deleted.
    pub fn is_saved(&self) -> bool {
        self.on_disk >= self.sent && self.saved.as_ref().is_some_and(|saved| covers(saved, &self.vector()))
    }

    /// Whether it has said so of what was written here: what another node stored is said to be with the next thing that this one stores.
    pub fn is_own_saved(&self) -> bool {
        let own = self.doc.client_id();
        self.on_disk >= self.sent && self.saved.as_ref().is_some_and(|saved| saved.get(&own) >= self.vector().get(&own))
    }

    pub async fn until_saved(&mut self) {
        self.until(Self::is_saved).await;
    }

    pub async fn closed(&mut self) -> u16 {
        self.hear(|_| false).await.expect_err("it closes")
    }

    /// Writes at the end of the first line that holds `after`, or at the end of the text.
    pub async fn write(&mut self, after: &str, text: &str) {
        let whole = self.text();
        let at = whole.find(after).map_or(whole.len(), |at| at + after.len());
        let update = {
            let mut tx = self.doc.transact_mut();
            self.content.insert(&mut tx, at as u32, text);
            tx.encode_update_v1()
        };
        self.send(Message::Sync(SyncMessage::Update(update))).await;
    }

    /// Takes a word out, where it stands first.
    pub async fn erase(&mut self, word: &str) {
        let Some(at) = self.text().find(word) else { return };
        let update = {
            let mut tx = self.doc.transact_mut();
            self.content.remove_range(&mut tx, at as u32, word.len() as u32);
            tx.encode_update_v1()
        };
        self.send(Message::Sync(SyncMessage::Update(update))).await;
    }

    pub async fn say(&mut self, clock: u32, state: Value) {
        let entry = AwarenessUpdateEntry { clock, json: state.to_string().into() };
        let update = AwarenessUpdate { clients: [(self.doc.client_id(), entry)].into_iter().collect() };
        self.send(Message::Awareness(update)).await;
    }
}

/// Whether one state vector counts everything that another one does.
pub fn covers(saved: &StateVector, vector: &StateVector) -> bool {
    vector.iter().all(|(client, clock)| saved.get(client) >= *clock)
}

/// What message 100 says behind the vector: how many of our updates are on disk.
pub fn on_disk(message: &[u8]) -> Option<u64> {
    let number = |bytes: &mut std::slice::Iter<u8>| {
        let mut value = 0;
        for shift in (0..).step_by(7) {
            let byte = *bytes.next()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    };
    let mut bytes = message.iter();
    (number(&mut bytes)? == 100).then_some(())?;
    let vector = number(&mut bytes)?;
    bytes.by_ref().take(vector as usize).for_each(drop);
    number(&mut bytes)
}
