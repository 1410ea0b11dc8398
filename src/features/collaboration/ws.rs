//! The room socket: `GET /ws`. docs/protocol.md describes it.

use std::{collections::HashMap, sync::Arc, time::Duration};

use axum::{
    body::Bytes,
    extract::{
        Query, State, WebSocketUpgrade,
        ws::{CloseFrame, Message, Utf8Bytes, WebSocket},
    },
    http::HeaderMap,
    response::{IntoResponse as _, Response},
};
use futures::SinkExt;
use serde::Deserialize;
use tokio::time::{Instant, timeout};

use super::{
    model::{ClientFrame, RoomEvent, RoomType, RoomUser, ServerFrame},
    service::{
        self,
        limits::{BROADCAST_BURST, BROADCASTS_PER_SECOND, Bucket, EVENT_BYTES, FAULTS, JOIN_BURST, JOINS_PER_SECOND, ROOMS_PER_CONNECTION},
        outbox::Outbox,
        room::{ConnectionId, Entering, Missed, Told},
        room_access,
    },
};
use crate::{
    error::{AppError, AppResult, ErrorCode},
    features::accounts::service::{COOKIE, Changed, Credential, actor_of},
    ids::RoomId,
    server::{clock, context::Ctx, middleware, state::AppState},
};

/// Close codes of both sockets.
pub mod close {
    pub const UNREADABLE: u16 = 4400;
    pub const SIGN_IN: u16 = 4401;
    pub const SILENT: u16 = 4408;
    pub const TOO_FAST: u16 = 4429;
    /// It did not read; it may come back.
    pub const SLOW: u16 = 4009;
    /// The server stops; come back (RFC 6455 registry: service restart).
    pub const RESTART: u16 = 1012;
}

/// axum's defaults take about 134 KB for each socket, most of it for reading; what comes here are small frames.
const READ_BUFFER: usize = 4 * 1024;
/// Frames are collected up to this before they are written without being asked to.
const WRITE_BUFFER: usize = 16 * 1024;
/// A frame over the limit of events is still read, so that the answer can say what was wrong.
const MESSAGE_MAX: usize = 256 * 1024;
/// A goodbye that nobody reads waits no longer.
const GOODBYE: Duration = Duration::from_secs(2);

#[derive(Deserialize)]
pub struct Asked {
    token: Option<String>,
}

/// Opens the socket for whoever can say who they are; who cannot yet has ten seconds to.
pub async fn room_socket(
    State(state): State<AppState>,
    ctx: Ctx,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
    upgrade: WebSocketUpgrade,
) -> Response {
    let credential = match credential(&state, &ctx, &headers, asked.token.as_deref()) {
        Ok(credential) => credential,
        Err(error) => return error.into_response(),
    };
    upgrade
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_message_size(MESSAGE_MAX)
        .max_frame_size(MESSAGE_MAX)
        .on_upgrade(async move |socket| serve(socket, ctx, credential).await)
}

/// What the request came with. A cookie counts only from a page of ours: browsers send it along from anywhere.
fn credential(state: &AppState, ctx: &Ctx, headers: &HeaderMap, token: Option<&str>) -> AppResult<Option<Credential>> {
    if let Some(token) = token {
        return Ok(Some(credential_of(state, token)));
    }
    if let Some(token) = middleware::bearer(headers) {
        return Ok(Some(Credential::token(token)));
    }
    let (Some(_), Some(secret)) = (&ctx.actor, middleware::cookie(headers, COOKIE)) else { return Ok(None) };
    if headers.contains_key("origin") && middleware::origin_is_ours(state, headers) {
        return Ok(Some(Credential::cookie(secret)));
    }
    Err(AppError::new(ErrorCode::ForeignOrigin, "This connection came from another site. Open the page here and try again."))
}

fn credential_of(state: &AppState, token: &str) -> Credential {
    service::credential_of_ws_token(state, token).unwrap_or_else(|| Credential::token(token))
}

/// Why a connection ends.
enum End {
    /// The other side went.
    Gone,
    Close(u16, &'static str),
}

type Flow = Result<(), End>;

async fn serve(mut socket: WebSocket, ctx: Ctx, credential: Option<Credential>) {
    let rooms = &ctx.state.rooms;
    let _counted = rooms.count();
    let shutdown = ctx.state.shutdown.clone();
    let end = match greet(&mut socket, &ctx, credential).await {
        Ok((ctx, credential)) => {
            let mut client = Client::new(&mut socket, ctx.clone(), credential);
            let end = client.run().await;
            let id = client.id;
            for room in client.rooms.into_keys() {
                ctx.state.rooms.leave(id, room, ctx.now());
            }
            end
        }
        Err(end) => end,
    };
    if let End::Close(code, reason) = end {
        let frame = Message::Close(Some(CloseFrame { code, reason: Utf8Bytes::from_static(reason) }));
        let _ = timeout(GOODBYE, async {
            socket.send(frame).await?;
            // Until the other side has said goodbye too, so that it gets to read ours; not while everybody waits for the process.
            while !shutdown.is_cancelled()
                && let Some(Ok(_)) = socket.recv().await
            {}
            Ok::<(), axum::Error>(())
        })
        .await;
    }
}

/// Finds out who it is: from the request, or from the first frame.
async fn greet(socket: &mut WebSocket, ctx: &Ctx, credential: Option<Credential>) -> Result<(Ctx, Credential), End> {
    let credential = match credential {
        Some(credential) => credential,
        None => {
            let first = timeout(ctx.state.rooms.limits.greeting, socket.recv()).await;
            let Ok(Some(Ok(Message::Text(text)))) = first else { return Err(End::Close(close::SIGN_IN, "say who you are first")) };
            match serde_json::from_str(&text) {
                Ok(ClientFrame::Auth { token: Some(token), .. }) => credential_of(&ctx.state, &token),
                _ => return Err(End::Close(close::SIGN_IN, "say who you are first")),
            }
        }
    };
    match actor_of(ctx, &credential).await {
        Ok(Some(actor)) => {
            let ctx = ctx.on_behalf_of(actor);
            let user_id = ctx.actor().map_err(|_| End::Gone)?.id();
            let welcome = ServerFrame::Welcome { user_id, timestamp: clock::rfc3339(ctx.now()) };
            send_now(socket, &welcome).await?;
            Ok((ctx, credential))
        }
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

async fn send_now(socket: &mut WebSocket, frame: &ServerFrame) -> Flow {
    let text = serde_json::to_string(frame).unwrap_or_default();
    socket.send(Message::Text(text.into())).await.map_err(|_| End::Gone)
}

/// One connection and what it is in.
struct Client<'a> {
    socket: &'a mut WebSocket,
    ctx: Ctx,
    credential: Credential,
    id: ConnectionId,
    outbox: Arc<Outbox>,
    rooms: HashMap<RoomId, RoomType>,
    broadcasts: Bucket,
    joins: Bucket,
    faults: u32,
    heard: Instant,
    /// When a protocol ping went out: browsers answer it by themselves, also from a tab behind, whose timers are held up.
    pinged: Option<Instant>,
}

impl<'a> Client<'a> {
    fn new(socket: &'a mut WebSocket, ctx: Ctx, credential: Credential) -> Self {
        let now = std::time::Instant::now();
        Self {
            socket,
            id: ctx.state.rooms.next_connection(),
            ctx,
            credential,
            outbox: Arc::default(),
            rooms: HashMap::new(),
            broadcasts: Bucket::new(BROADCAST_BURST, BROADCASTS_PER_SECOND, now),
            joins: Bucket::new(JOIN_BURST, JOINS_PER_SECOND, now),
            faults: 0,
            heard: Instant::now(),
            pinged: None,
        }
    }

    async fn run(&mut self) -> End {
        let shutdown = self.ctx.state.shutdown.clone();
        let limits = self.ctx.state.rooms.limits;
        let mut changes = self.ctx.state.actors.changes();
        let mut recheck = Instant::now() + limits.recheck_anyway;
        loop {
            let outbox = self.outbox.clone();
            let look = recheck.min(self.next_look(limits.silence));
            let flow = tokio::select! {
                () = shutdown.cancelled() => return End::Close(close::RESTART, "the server restarts: come back"),
                message = self.socket.recv() => match message {
                    Some(Ok(message)) => {
                        self.heard = Instant::now();
                        self.pinged = None;
                        self.take(message).await
                    }
                    Some(Err(_)) | None => return End::Gone,
                },
                () = outbox.something() => self.flush().await,
                changed = changes.recv() => {
                    let mine = match changed {
                        Ok(Changed::Account(user)) => self.ctx.actor.as_ref().is_some_and(|actor| actor.id() == user),
                        // Too many to have seen them all counts as any.
                        _ => true,
                    };
                    if mine {
                        // Not all at once: a thousand connections spread their questions.
                        let spread = limits.recheck.mul_f64((self.id % 64) as f64 / 64.0);
                        recheck = recheck.min(Instant::now() + spread);
                    }
                    Ok(())
                }
                () = tokio::time::sleep_until(look) => {
                    let now = Instant::now();
                    if now >= self.heard + limits.silence {
                        return End::Close(close::SILENT, "nothing was heard for too long");
                    }
                    if now >= recheck {
                        recheck = now + limits.recheck_anyway;
                        self.recheck().await
                    } else {
                        self.pinged = Some(now);
                        self.socket.send(Message::Ping(Bytes::new())).await.map_err(|_| End::Gone)
                    }
                }
            };
            if let Err(end) = flow {
                return end;
            }
        }
    }

    /// When the silence has to be looked at: half way through it is asked whether anybody is there, at its end it is over.
    fn next_look(&self, silence: Duration) -> Instant {
        self.heard + if self.pinged.is_some() { silence } else { silence / 2 }
    }

    /// Writes what waits, in batches; a reader that does not keep up is let go.
    async fn flush(&mut self) -> Flow {
        loop {
            if self.outbox.is_slow() {
                return Err(End::Close(close::SLOW, "read faster, or come back and read again"));
            }
            let batch = self.outbox.take();
            if batch.is_empty() {
                return Ok(());
            }
            let outbox = self.outbox.clone();
            let socket = &mut *self.socket;
            let write = async {
                for frame in batch {
                    socket.feed(Message::Text(frame)).await?;
                }
                SinkExt::<Message>::flush(socket).await
            };
            tokio::select! {
                written = write => written.map_err(|_| End::Gone)?,
                () = outbox.overflow() => return Err(End::Close(close::SLOW, "read faster, or come back and read again")),
            }
        }
    }

    async fn send(&mut self, frame: &ServerFrame) -> Flow {
        // What waited already came before it.
        self.flush().await?;
        send_now(self.socket, frame).await
    }

    async fn refuse(&mut self, code: &str, message: impl Into<String>) -> Flow {
        self.send(&ServerFrame::Error { code: code.to_owned(), message: message.into() }).await
    }

    /// Something that a well-made client does not do; many of them end the connection.
    async fn fault(&mut self, code: &str, message: &str, close: u16) -> Flow {
        self.faults += 1;
        if self.faults > FAULTS {
            return Err(End::Close(close, "too many frames that could not be taken"));
        }
        self.refuse(code, message).await
    }

    async fn take(&mut self, message: Message) -> Flow {
        match message {
            Message::Text(text) => self.take_text(&text).await,
            Message::Binary(_) => self.fault("unreadable", "Frames are JSON text.", close::UNREADABLE).await,
            Message::Close(_) => Err(End::Gone),
            Message::Ping(_) | Message::Pong(_) => Ok(()),
        }
    }

    async fn take_text(&mut self, text: &str) -> Flow {
        if text.len() > EVENT_BYTES {
            return self.fault("too_large", "An event takes at most 64 KB.", close::TOO_FAST).await;
        }
        match serde_json::from_str(text) {
            Ok(ClientFrame::Ping) => self.send(&ServerFrame::Pong).await,
            // Who it is was said already.
            Ok(ClientFrame::Auth { .. }) => Ok(()),
            Ok(ClientFrame::JoinRoom { room_id, room_type, since }) => self.join(room_id, room_type, since).await,
            Ok(ClientFrame::LeaveRoom { room_id }) => {
                self.leave(room_id);
                Ok(())
            }
            Ok(ClientFrame::Broadcast { room_id, event }) => self.broadcast(room_id, event).await,
            Err(error) => {
                let message = format!("This frame could not be read: {error}.");
                self.fault("unreadable", &message, close::UNREADABLE).await
            }
        }
    }

    fn leave(&mut self, room: RoomId) {
        if self.rooms.remove(&room).is_some() {
            self.ctx.state.rooms.leave(self.id, room, self.ctx.now());
            self.outbox.forget_passing(room);
        }
    }

    async fn broadcast(&mut self, room: RoomId, event: RoomEvent) -> Flow {
        if !self.broadcasts.take(std::time::Instant::now()) {
            return self.fault("too_many_requests", "Too many events: 50 a second, 200 at once.", close::TOO_FAST).await;
        }
        let Some(kind) = self.rooms.get(&room).copied() else {
            return self.refuse("not_found", "Join the room before you tell it something.").await;
        };
        if let Some(problem) = event.problem(room, kind) {
            return self.fault("invalid_input", problem, close::UNREADABLE).await;
        }
        let Ok(user) = self.ctx.actor().map(|actor| actor.id()) else { return Err(End::Gone) };
        let rooms = &self.ctx.state.rooms;
        match rooms.may_write(self.id, room) {
            Some(write) if write || event.passing().is_some() => {
                rooms.tell(room, event, user, self.ctx.now());
                Ok(())
            }
            Some(_) => self.refuse("forbidden", "As a viewer you can point and type here, and nothing more.").await,
            None => self.refuse("not_found", "Join the room before you tell it something.").await,
        }
    }

    async fn join(&mut self, room: RoomId, kind: RoomType, since: Option<u64>) -> Flow {
        if !self.joins.take(std::time::Instant::now()) {
            return self.fault("too_many_requests", "Too many rooms at once: wait a moment.", close::TOO_FAST).await;
        }
        if self.rooms.len() >= ROOMS_PER_CONNECTION && !self.rooms.contains_key(&room) {
            return self.refuse("too_many_requests", "One connection is in at most 32 rooms: leave one first.").await;
        }
        match self.enter(room, kind, since).await {
            Ok(flow) => flow,
            Err(error) => {
                self.leave(room);
                if error.code == ErrorCode::Internal || error.code == ErrorCode::Unavailable {
                    tracing::warn!(%error, "a room could not be entered");
                }
                let code = serde_json::to_value(error.code).ok().and_then(|code| code.as_str().map(str::to_owned)).unwrap_or_default();
                self.refuse(&code, error.message).await
            }
        }
    }

    async fn enter(&mut self, room: RoomId, kind: RoomType, since: Option<u64>) -> AppResult<Flow> {
        let access = room_access(&self.ctx, kind, room).await?;
        let person = &self.ctx.actor()?.person;
        let user = RoomUser { user_id: person.id, user_name: person.name.clone(), color: person.color, kind: person.kind };
        if let Err(end) = self.flush().await {
            return Ok(Err(end));
        }
        let since = since.map(|since| i64::try_from(since).unwrap_or(i64::MAX));
        let ctx = self.ctx.clone();
        let entering = Entering { connection: self.id, outbox: &self.outbox, user, write: access.write, since };
        let entered = ctx.state.rooms.enter(&ctx, room, kind, entering).await?;
        self.rooms.insert(room, kind);
        let state = |resync| ServerFrame::RoomState { room_id: room, users: entered.users.clone(), seq: entered.seq as u64, resync };
        Ok(match entered.missed {
            Missed::Nothing => send_now(self.socket, &state(false)).await,
            Missed::Resync => send_now(self.socket, &state(true)).await,
            Missed::Here(told) => match send_now(self.socket, &state(false)).await {
                Ok(()) => self.tell_again(told).await,
                end => end,
            },
            Missed::Stored { since, before, tail } => {
                let Some(mut page) = service::stored_events(&ctx, room, since, before).await? else {
                    return Ok(send_now(self.socket, &state(true)).await);
                };
                if let Err(end) = send_now(self.socket, &state(false)).await {
                    return Ok(Err(end));
                }
                loop {
                    let last = page.last().map_or(before, |(seq, _)| *seq);
                    if let Err(end) = self.write_all(page.into_iter().map(|(_, frame)| frame.into())).await {
                        return Ok(Err(end));
                    }
                    if last + 1 >= before {
                        break self.tell_again(tail).await;
                    }
                    page = match service::stored_events(&ctx, room, last, before).await? {
                        Some(page) => page,
                        // They were removed just now: it has to read everything again.
                        None => return Ok(send_now(self.socket, &state(true)).await),
                    };
                }
            }
        })
    }

    async fn tell_again(&mut self, told: Vec<Told>) -> Flow {
        self.write_all(told.into_iter().map(|told| told.frame)).await
    }

    /// Writes past the outbox; whoever does not read holds up only itself, and not for ever.
    async fn write_all(&mut self, frames: impl Iterator<Item = Utf8Bytes>) -> Flow {
        let silence = self.ctx.state.rooms.limits.silence;
        let socket = &mut *self.socket;
        let write = async {
            for frame in frames {
                socket.feed(Message::Text(frame)).await?;
            }
            SinkExt::<Message>::flush(socket).await
        };
        match timeout(silence, write).await {
            Ok(written) => written.map_err(|_| End::Gone),
            Err(_) => Err(End::Close(close::SLOW, "read faster, or come back and read again")),
        }
    }

    /// Looks again at the credential and at the rights in each room.
    async fn recheck(&mut self) -> Flow {
        match actor_of(&self.ctx, &self.credential).await {
            Ok(Some(actor)) => self.ctx = self.ctx.on_behalf_of(actor),
            Ok(None) => return Err(End::Close(close::SIGN_IN, "signed out, or the token has ended")),
            // The database is busy: what held a moment ago holds until it answers.
            Err(error) => {
                tracing::warn!(%error, "a socket's rights could not be looked up");
                return Ok(());
            }
        }
        for (room, kind) in self.rooms.clone() {
            match room_access(&self.ctx, kind, room).await {
                Ok(access) => self.ctx.state.rooms.set_write(self.id, room, access.write),
                Err(error) if matches!(error.code, ErrorCode::Internal | ErrorCode::Unavailable) => {}
                Err(_) => {
                    self.leave(room);
                    let message = format!("You are no longer in the room {room}: it is not shared with you any more.");
                    self.refuse("forbidden", message).await?;
                }
            }
        }
        Ok(())
    }
}
