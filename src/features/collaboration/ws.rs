//! The sockets: `GET /ws` for rooms, `GET /ws/doc/{artifact_id}` for documents. docs/protocol.md describes both.
//!
//! Here is what they have in common: who may open one, and a [`Line`] that writes what waits, notices silence, slow readers, the end of
//! the process, and that rights may have changed.

mod documents;
mod rooms;

use std::{sync::Arc, time::Duration};

use axum::{
    body::Bytes,
    extract::{
        WebSocketUpgrade,
        ws::{CloseFrame, Message, Utf8Bytes, WebSocket},
    },
    http::HeaderMap,
    response::{IntoResponse as _, Response},
};
use futures::SinkExt as _;
use serde::Deserialize;
use tokio::{
    sync::broadcast,
    time::{Instant, timeout},
};

pub use self::{documents::document_socket, rooms::room_socket};
use super::service::{
    self,
    limits::{FAULTS, SocketLimits},
    outbox::{Frame, Outbox},
    room::ConnectionId,
};
use crate::{
    error::{AppError, AppResult, ErrorCode},
    features::accounts::service::{Changed, Credential, actor_of},
    server::{context::Ctx, middleware, places::Place, state::AppState},
};

/// Close codes of both sockets.
pub mod close {
    pub const UNREADABLE: u16 = 4400;
    pub const SIGN_IN: u16 = 4401;
    pub const FORBIDDEN: u16 = 4403;
    pub const NOT_FOUND: u16 = 4404;
    pub const TOO_LARGE: u16 = 4413;
    pub const TOO_FAST: u16 = 4429;
    // Whoever is closed with one of these may come back: stock Yjs clients take 4400 to 4499 for final.
    pub const SILENT: u16 = 4008;
    pub const SLOW: u16 = 4009;
    /// The server stops; come back (RFC 6455 registry: service restart).
    pub const RESTART: u16 = 1012;
}

/// Frames are collected up to this before they are written without being asked to.
const WRITE_BUFFER: usize = 16 * 1024;
/// Connections of a node that goes end within this time.
const SPREAD: Duration = Duration::from_secs(1);
/// A goodbye that nobody reads waits no longer.
const GOODBYE: Duration = Duration::from_secs(2);

#[derive(Deserialize)]
pub struct Asked {
    token: Option<String>,
    /// Document sockets: whether to tell what is on disk.
    ack: Option<u8>,
}

/// What a connection begins with.
struct Opened {
    socket: WebSocket,
    ctx: Ctx,
    /// None: it says who it is in its first frame.
    credential: Option<Credential>,
    /// Of all that may be open; taken until this is gone.
    _place: Place,
}

/// Takes the connection over; messages over `most` bytes end it without a word. axum's defaults take about 134 KB for each socket, most of
/// it for reading: `read` bytes are read at once, and kept for as long as the socket lives.
fn upgrade<Served: Future<Output = ()> + Send + 'static>(
    upgrade: WebSocketUpgrade,
    (read, most): (usize, usize),
    ctx: Ctx,
    credential: Option<Credential>,
    serve: impl FnOnce(Box<Opened>) -> Served + Send + 'static,
) -> Response {
    let Some(place) = ctx.state.sockets.take(middleware::caller_of(&ctx.address).as_deref()) else {
        return middleware::busy().into_response();
    };
    let upgrade = upgrade.read_buffer_size(read).write_buffer_size(WRITE_BUFFER).max_message_size(most).max_frame_size(most);
    // In a box: a future has a place of its own for what it is given, and one more for what it keeps of that, and so has each around it.
    upgrade.on_upgrade(move |socket| serve(Box::new(Opened { socket, ctx, credential, _place: place })))
}

/// What the request came with. A cookie counts only from a page of ours: browsers send it along from anywhere.
fn credential(state: &AppState, ctx: &Ctx, headers: &HeaderMap, token: Option<&str>) -> AppResult<Option<Credential>> {
    if let Some(token) = token {
        return Ok(Some(credential_of(state, token)));
    }
    if let Some(token) = middleware::bearer(headers) {
        return Ok(Some(Credential::token(token)));
    }
    let Some(credential) = ctx.actor.as_deref().and_then(Credential::of_sign_in) else { return Ok(None) };
    if headers.contains_key("origin") && middleware::origin_is_ours(state, headers) {
        return Ok(Some(credential));
    }
    Err(AppError::new(ErrorCode::ForeignOrigin, "This connection came from another site. Open the page here and try again."))
}

fn credential_of(state: &AppState, token: &str) -> Credential {
    service::credential_of_ws_token(state, token).unwrap_or_else(|| Credential::token(token))
}

/// Who a credential belongs to, as the context of everything that the connection does.
async fn identify(ctx: &Ctx, credential: &Credential) -> Result<Ctx, End> {
    match actor_of(ctx, credential).await {
        Ok(Some(actor)) => Ok(ctx.on_behalf_of(actor)),
        Ok(None) => {
            if ctx.state.limits.wrong_secret(&ctx.address).is_err() {
                return Err(End::Close(close::TOO_FAST, "too many tries: wait a while"));
            }
            Err(End::Close(close::SIGN_IN, "this credential does not work: sign in"))
        }
        Err(error) => {
            tracing::warn!(%error, "a socket's credential could not be looked up");
            Err(End::Close(close::RESTART, "try again"))
        }
    }
}

/// Why a connection ends.
enum End {
    /// The other side went.
    Gone,
    Close(u16, &'static str),
}

type Flow = Result<(), End>;

/// What came is no WebSocket message, or one beyond every limit; or nothing comes any more, and then nobody hears this.
const NO_MESSAGE: End = End::Close(close::UNREADABLE, "this is not a message, or far too long");

const SLOW: End = End::Close(close::SLOW, "read faster, or come back and read again");

const STOPPING: End = End::Close(close::RESTART, "the server restarts: come back");

/// Where another node takes them up, connections end one after another, so that they do not all come there in the same moment.
async fn stopping(spread: bool, id: ConnectionId) -> End {
    if spread {
        tokio::time::sleep(SPREAD.mul_f64((id % 64) as f64 / 64.0)).await;
    }
    STOPPING
}

/// Tells the other side why.
async fn say_goodbye(socket: &mut WebSocket, end: End) {
    let End::Close(code, reason) = end else { return };
    let frame = Message::Close(Some(CloseFrame { code, reason: Utf8Bytes::from_static(reason) }));
    let _ = timeout(GOODBYE, async {
        socket.send(frame).await?;
        // Until the other side has said goodbye too: what it still sends would otherwise make its system throw ours away.
        while let Some(Ok(_)) = socket.recv().await {}
        Ok::<(), axum::Error>(())
    })
    .await;
}

/// What a connection has to do something about.
enum Heard {
    Message(Message),
    /// The credential still works; whether what it allows is the same has to be looked at.
    RightsMayHaveChanged,
}

/// One open connection.
struct Line<'a, F: Frame> {
    socket: &'a mut WebSocket,
    ctx: Ctx,
    credential: Credential,
    id: ConnectionId,
    outbox: Arc<Outbox<F>>,
    limits: SocketLimits,
    faults: u32,
    heard: Instant,
    /// When a protocol ping went out: browsers answer it by themselves, also from a tab behind, whose timers are held up.
    pinged: Option<Instant>,
    changes: broadcast::Receiver<Changed>,
    recheck: Instant,
}

impl<'a, F: Frame> Line<'a, F> {
    /// `changes` from before it was looked who it is: what changed since then would not be heard of otherwise.
    fn new(socket: &'a mut WebSocket, ctx: Ctx, credential: Credential, changes: broadcast::Receiver<Changed>) -> Self {
        let now = Instant::now();
        let limits = ctx.state.rooms.limits;
        Self {
            socket,
            id: ctx.state.rooms.next_connection(),
            outbox: Arc::default(),
            limits,
            faults: 0,
            heard: now,
            pinged: None,
            changes,
            recheck: now + limits.recheck_anyway,
            ctx,
            credential,
        }
    }

    /// Waits for something to do, and writes what waits meanwhile.
    async fn next(&mut self) -> Result<Heard, End> {
        let shutdown = self.ctx.state.shutdown.clone();
        let outbox = self.outbox.clone();
        loop {
            let look = self.recheck.min(self.next_look());
            tokio::select! {
                () = shutdown.cancelled() => return Err(Box::pin(stopping(self.ctx.state.cluster.is_shared(), self.id)).await),
                message = self.socket.recv() => match message {
                    Some(Ok(Message::Close(_))) | None => return Err(End::Gone),
                    Some(Err(_)) => return Err(NO_MESSAGE),
                    Some(Ok(message)) => {
                        self.heard = Instant::now();
                        self.pinged = None;
                        if matches!(message, Message::Text(_) | Message::Binary(_)) {
                            return Ok(Heard::Message(message));
                        }
                    }
                },
                () = outbox.something() => self.flush().await?,
                changed = self.changes.recv() => {
                    let mine = match changed {
                        Ok(Changed::Account(user)) => self.ctx.actor.as_ref().is_some_and(|actor| actor.id() == user),
                        // Too many to have seen them all counts as any.
                        _ => true,
                    };
                    if mine {
                        // Not all at once: a thousand connections spread their questions.
                        let spread = self.limits.recheck.mul_f64((self.id % 64) as f64 / 64.0);
                        self.recheck = self.recheck.min(Instant::now() + spread);
                    }
                }
                () = tokio::time::sleep_until(look) => {
                    let now = Instant::now();
                    if now >= self.heard + self.limits.silence {
                        return Err(End::Close(close::SILENT, "nothing was heard for too long"));
                    }
                    if now >= self.recheck {
                        self.recheck = now + self.limits.recheck_anyway;
                        if Box::pin(self.look_again()).await? {
                            return Ok(Heard::RightsMayHaveChanged);
                        }
                    } else {
                        self.pinged = Some(now);
                        Box::pin(self.write(std::iter::once(Message::Ping(Bytes::new())))).await?;
                    }
                }
            }
        }
    }

    /// When the silence has to be looked at: half way through it is asked whether anybody is there, at its end it is over.
    fn next_look(&self) -> Instant {
        self.heard + if self.pinged.is_some() { self.limits.silence } else { self.limits.silence / 2 }
    }

    /// Looks at the credential again; false when that cannot be done now.
    async fn look_again(&mut self) -> Result<bool, End> {
        match actor_of(&self.ctx, &self.credential).await {
            Ok(Some(actor)) => {
                self.ctx = self.ctx.on_behalf_of(actor);
                Ok(true)
            }
            Ok(None) => Err(End::Close(close::SIGN_IN, "signed out, or the token has ended")),
            // The database is busy: what held a moment ago holds until it answers.
            Err(error) => {
                tracing::warn!(%error, "a socket's rights could not be looked up");
                Ok(false)
            }
        }
    }

    /// Writes what waits, in batches.
    async fn flush(&mut self) -> Flow {
        loop {
            if self.outbox.is_slow() {
                return Err(SLOW);
            }
            let batch = self.outbox.take();
            if batch.is_empty() {
                return Ok(());
            }
            self.write_all(batch.into_iter()).await?;
        }
    }

    /// Sends past the outbox, behind what waits in it.
    async fn send(&mut self, frame: F) -> Flow {
        self.flush().await?;
        self.write_all(std::iter::once(frame)).await
    }

    /// Writes past the outbox.
    async fn write_all(&mut self, frames: impl Iterator<Item = F>) -> Flow {
        self.write(frames.map(Frame::into_message)).await
    }

    /// Whoever does not read holds up only itself, not for ever, and not the end of the process.
    async fn write(&mut self, messages: impl Iterator<Item = Message>) -> Flow {
        tokio::select! {
            written = timeout(self.limits.silence, write(self.socket, messages)) => match written {
                Ok(written) => written.map_err(|_| End::Gone),
                Err(_) => Err(SLOW),
            },
            () = self.outbox.overflow() => Err(SLOW),
            () = self.ctx.state.shutdown.cancelled() => Err(STOPPING),
        }
    }

    /// Counts something that a well-made client does not do; many of them end the connection with `code`.
    fn count_fault(&mut self, code: u16) -> Flow {
        self.faults += 1;
        if self.faults > FAULTS { Err(End::Close(code, "too many frames that could not be taken")) } else { Ok(()) }
    }
}

async fn write(socket: &mut WebSocket, messages: impl Iterator<Item = Message>) -> Result<(), axum::Error> {
    for message in messages {
        socket.feed(message).await?;
    }
    socket.flush().await
}
