//! The room socket: JSON frames.

use std::collections::HashMap;

use axum::{
    extract::{
        Query, State, WebSocketUpgrade,
        ws::{Message, Utf8Bytes},
    },
    http::HeaderMap,
    response::{IntoResponse as _, Response},
};
use tokio::time::timeout;

use super::{
    super::{
        model::{ClientFrame, RoomEvent, RoomType, RoomUser, ServerFrame},
        service::{
            self,
            limits::{BROADCAST_BURST, BROADCASTS_PER_SECOND, Bucket, EVENT_BYTES, JOIN_BURST, JOINS_PER_SECOND, ROOMS_PER_CONNECTION},
            room::{Entering, Missed, Told},
            room_access,
        },
    },
    Asked, End, Flow, Heard, Line, Opened, STOPPING, close, credential, credential_of, identify, say_goodbye, upgrade,
};
use crate::{
    error::{AppResult, ErrorCode},
    features::accounts::service::Credential,
    ids::RoomId,
    server::{clock, context::Ctx, state::AppState},
};

/// A frame over the limit of events is still read, so that the answer can say what was wrong.
const MESSAGE_MAX: usize = 256 * 1024;
/// What comes here are small frames, and thousands wait here.
const READ_BUFFER: usize = 1024;

/// Opens the socket for whoever can say who they are; who cannot yet has ten seconds to.
pub async fn room_socket(
    State(state): State<AppState>,
    ctx: Ctx,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
    opening: WebSocketUpgrade,
) -> Response {
    match credential(&state, &ctx, &headers, asked.token.as_deref()) {
        Ok(credential) => upgrade(opening, (READ_BUFFER, MESSAGE_MAX), ctx, credential, serve),
        Err(error) => error.into_response(),
    }
}

async fn serve(mut opened: Box<Opened>) {
    let state = opened.ctx.state.clone();
    let _counted = state.rooms.count();
    let changes = state.actors.changes();
    // In boxes, here and below: what is done once in a while would otherwise lie in the memory of every connection that only waits.
    let end = match Box::pin(greet(&mut opened)).await {
        Ok(credential) => {
            let mut client = Client::new(Line::new(&mut opened.socket, opened.ctx.clone(), credential, changes));
            let Err(end) = client.run().await;
            let id = client.line.id;
            for room in client.rooms.into_keys() {
                state.rooms.leave(id, room, opened.ctx.now());
            }
            end
        }
        Err(end) => end,
    };
    say_goodbye(&mut opened.socket, end).await;
}

/// Finds out who it is: from the request, or from the first frame.
async fn greet(opened: &mut Opened) -> Result<Credential, End> {
    let Opened { socket, ctx, credential, .. } = opened;
    let credential = match credential.take() {
        Some(credential) => credential,
        None => {
            let first = tokio::select! {
                first = timeout(ctx.state.rooms.limits.greeting, socket.recv()) => first,
                () = ctx.state.shutdown.cancelled() => return Err(STOPPING),
            };
            let Ok(Some(Ok(Message::Text(text)))) = first else { return Err(End::Close(close::SIGN_IN, "say who you are first")) };
            match serde_json::from_str(&text) {
                Ok(ClientFrame::Auth { token: Some(token), .. }) => credential_of(&ctx.state, &token),
                _ => return Err(End::Close(close::SIGN_IN, "say who you are first")),
            }
        }
    };
    *ctx = identify(ctx, &credential).await?;
    let user_id = ctx.actor().map_err(|_| End::Gone)?.id();
    let welcome = text(&ServerFrame::Welcome { user_id, timestamp: clock::rfc3339(ctx.now()) });
    socket.send(Message::Text(welcome)).await.map_err(|_| End::Gone)?;
    if ctx.state.cluster.is_cut_off() {
        socket.send(Message::Text(text(&ServerFrame::Nodes { alone: true }))).await.map_err(|_| End::Gone)?;
    }
    Ok(credential)
}

fn text(frame: &ServerFrame) -> Utf8Bytes {
    // Only maps with keys that are no text fail, and there are none.
    serde_json::to_string(frame).unwrap_or_default().into()
}

/// One connection and what it is in.
struct Client<'a> {
    line: Line<'a, Utf8Bytes>,
    rooms: HashMap<RoomId, RoomType>,
    broadcasts: Bucket,
    joins: Bucket,
}

impl<'a> Client<'a> {
    fn new(line: Line<'a, Utf8Bytes>) -> Self {
        let now = std::time::Instant::now();
        Self {
            line,
            rooms: HashMap::new(),
            broadcasts: Bucket::new(BROADCAST_BURST, BROADCASTS_PER_SECOND, now),
            joins: Bucket::new(JOIN_BURST, JOINS_PER_SECOND, now),
        }
    }

    async fn run(&mut self) -> Result<std::convert::Infallible, End> {
        loop {
            match self.line.next().await? {
                Heard::Message(message) => Box::pin(self.take(message)).await?,
                Heard::RightsMayHaveChanged => Box::pin(self.recheck()).await?,
            }
        }
    }

    async fn send(&mut self, frame: &ServerFrame) -> Flow {
        self.line.send(text(frame)).await
    }

    async fn refuse(&mut self, code: &str, message: impl Into<String>) -> Flow {
        self.send(&ServerFrame::Error { code: code.to_owned(), message: message.into() }).await
    }

    /// Something that a well-made client does not do; many of them end the connection.
    async fn fault(&mut self, code: &str, message: &str, close: u16) -> Flow {
        self.line.count_fault(close)?;
        self.refuse(code, message).await
    }

    async fn take(&mut self, message: Message) -> Flow {
        match message {
            Message::Text(text) => self.take_text(&text).await,
            _ => self.fault("unreadable", "Frames are JSON text.", close::UNREADABLE).await,
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
            Ok(ClientFrame::JoinRoom { room_id, room_type, since }) => Box::pin(self.join(room_id, room_type, since)).await,
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
            self.line.ctx.state.rooms.leave(self.line.id, room, self.line.ctx.now());
            self.line.outbox.forget_passing(room);
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
        let Ok(user) = self.line.ctx.actor().map(|actor| actor.id()) else { return Err(End::Gone) };
        let rooms = &self.line.ctx.state.rooms;
        match rooms.may_write(self.line.id, room) {
            Some(write) if write || event.passing().is_some() => {
                rooms.tell(room, event, user, self.line.ctx.now());
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
        let access = room_access(&self.line.ctx, kind, room).await?;
        let user = RoomUser::from(self.line.ctx.actor()?.person.clone());
        if let Err(end) = self.line.flush().await {
            return Ok(Err(end));
        }
        let since = since.map(|since| i64::try_from(since).unwrap_or(i64::MAX));
        let ctx = self.line.ctx.clone();
        let entering = Entering { connection: self.line.id, outbox: &self.line.outbox, user, write: access.write, since };
        let entered = ctx.state.rooms.enter(&ctx, room, kind, entering).await?;
        self.rooms.insert(room, kind);
        let state = |resync| ServerFrame::RoomState { room_id: room, users: entered.users.clone(), seq: entered.seq as u64, resync };
        Ok(match entered.missed {
            Missed::Nothing => self.write_now(&state(false)).await,
            Missed::Resync => self.write_now(&state(true)).await,
            Missed::Here(told) => match self.write_now(&state(false)).await {
                Ok(()) => self.tell_again(told).await,
                end => end,
            },
            Missed::Stored { since, before, tail } => {
                let Some(mut page) = service::stored_events(&ctx, room, since, before).await? else {
                    return Ok(self.write_now(&state(true)).await);
                };
                if let Err(end) = self.write_now(&state(false)).await {
                    return Ok(Err(end));
                }
                loop {
                    let last = page.last().map_or(before, |(seq, _)| *seq);
                    if let Err(end) = self.line.write_all(page.into_iter().map(|(_, frame)| frame.into())).await {
                        return Ok(Err(end));
                    }
                    if last + 1 >= before {
                        break self.tell_again(tail).await;
                    }
                    page = match service::stored_events(&ctx, room, last, before).await? {
                        Some(page) => page,
                        // They were removed just now: it has to read everything again.
                        None => return Ok(self.write_now(&state(true)).await),
                    };
                }
            }
        })
    }

    /// Ahead of what waits already: that comes after it in the room's order.
    async fn write_now(&mut self, frame: &ServerFrame) -> Flow {
        self.line.write_all(std::iter::once(text(frame))).await
    }

    async fn tell_again(&mut self, told: Vec<Told>) -> Flow {
        self.line.write_all(told.into_iter().map(|told| told.frame)).await
    }

    /// Looks again at the rights in each room.
    async fn recheck(&mut self) -> Flow {
        for (room, kind) in self.rooms.clone() {
            match room_access(&self.line.ctx, kind, room).await {
                Ok(access) => self.line.ctx.state.rooms.set_write(self.line.id, room, access.write),
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
