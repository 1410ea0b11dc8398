//! The document socket: what the stock `y-websocket` provider speaks (y-protocols' sync and awareness, binary frames), and with `?ack=1`
//! what is on disk.

use std::panic::catch_unwind;

use axum::{
    body::Bytes,
    extract::{Path, Query, State, WebSocketUpgrade, ws::Message as Frame},
    http::HeaderMap,
    response::{IntoResponse as _, Response},
};
use yrs::{
    sync::{Message, SyncMessage},
    updates::{decoder::Decode as _, encoder::Encode as _},
};

use super::{
    super::{
        model::RoomUser,
        service::{
            documents::{
                Document, Refused,
                limits::{MESSAGE_BURST, MESSAGE_BYTES, MESSAGES_PER_SECOND},
                live::{Joining, NotTaken},
                tell_presence,
            },
            limits::Bucket,
        },
    },
    Asked, End, Flow, Heard, Line, Opened, close, credential, identify, say_goodbye, upgrade,
};
use crate::{
    error::{AppError, ErrorCode},
    features::{accounts::service::Credential, artifacts},
    ids::ArtifactId,
    server::{context::Ctx, state::AppState},
};

/// A message over the limit is still read, up to here, so that the goodbye can say what was wrong.
const READ_MAX: usize = 2 * MESSAGE_BYTES;
const READ_BUFFER: usize = 4 * 1024;

/// Opens the document of an artifact. A browser does not get to see an answer that refuses, so who may not is told by a close code.
pub async fn document_socket(
    State(state): State<AppState>,
    ctx: Ctx,
    Path(id): Path<String>,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
    opening: WebSocketUpgrade,
) -> Response {
    match credential(&state, &ctx, &headers, asked.token.as_deref()) {
        Ok(credential) => {
            let acks = asked.ack == Some(1);
            upgrade(opening, (READ_BUFFER, READ_MAX), ctx, credential, move |opened| serve(opened, id.parse().ok(), acks))
        }
        Err(error) => error.into_response(),
    }
}

async fn serve(mut opened: Box<Opened>, id: Option<ArtifactId>, acks: bool) {
    let state = opened.ctx.state.clone();
    let _counted = state.rooms.count();
    let changes = state.actors.changes();
    // In a box: what is done once would otherwise lie in the memory of every connection that only waits.
    let end = match Box::pin(enter(&mut opened, id)).await {
        Ok((credential, document, id, write)) => {
            let mut editor = Editor {
                id,
                write,
                messages: Bucket::new(MESSAGE_BURST, MESSAGES_PER_SECOND, std::time::Instant::now()),
                line: Line::new(&mut opened.socket, opened.ctx.clone(), credential, changes),
                document: document.clone(),
            };
            let Err(end) = editor.run(acks).await;
            if let Ok(live) = document.live() {
                let gone = live.leave(editor.line.id, std::time::Instant::now());
                tell_presence(&state.cluster, live.id, gone);
            }
            end
        }
        Err(end) => end,
    };
    say_goodbye(&mut opened.socket, end).await;
}

async fn enter(opened: &mut Opened, id: Option<ArtifactId>) -> Result<(Credential, Document, ArtifactId, bool), End> {
    let credential = opened.credential.take().ok_or(End::Close(close::SIGN_IN, "sign in first"))?;
    opened.ctx = identify(&opened.ctx, &credential).await?;
    let ctx = &opened.ctx;
    let id = id.ok_or(NOT_FOUND)?;
    let access = artifacts::service::room_access(ctx, id).await.map_err(|error| refusal(&error))?;
    let document = ctx.state.documents.open(ctx, id).await.map_err(|error| refusal(&error))?;
    Ok((credential, document, id, access.write))
}

const NOT_FOUND: End = End::Close(close::NOT_FOUND, "there is no such artifact, or it is not shared with you");

fn refusal(error: &AppError) -> End {
    match error.code {
        ErrorCode::NotFound => NOT_FOUND,
        ErrorCode::Unauthenticated => End::Close(close::SIGN_IN, "sign in first"),
        ErrorCode::Forbidden | ErrorCode::FactorRequired => End::Close(close::FORBIDDEN, "this is not shared with you"),
        ErrorCode::Conflict => End::Close(close::FORBIDDEN, "this file cannot be edited as text"),
        _ => {
            tracing::warn!(%error, "a document could not be opened");
            End::Close(close::RESTART, "try again")
        }
    }
}

/// One connection to one document.
struct Editor<'a> {
    line: Line<'a, Bytes>,
    document: Document,
    id: ArtifactId,
    write: bool,
    messages: Bucket,
}

impl Editor<'_> {
    async fn run(&mut self, acks: bool) -> Result<std::convert::Infallible, End> {
        let user = RoomUser::from(self.line.ctx.actor().map_err(|_| End::Gone)?.person.clone());
        let joining = Joining { connection: self.line.id, outbox: &self.line.outbox, user, write: self.write, acks };
        let first = self.document.live().map_err(|_| End::Gone)?.join(joining);
        self.line.write_all(first.into_iter()).await?;
        loop {
            match self.line.next().await? {
                Heard::Message(Frame::Binary(bytes)) => {
                    if !self.messages.take(std::time::Instant::now()) {
                        // Its next message is read when it is its turn again: nothing may be dropped here, and nobody else waits.
                        tokio::time::sleep(std::time::Duration::from_secs_f64(1.0 / MESSAGES_PER_SECOND)).await;
                    }
                    self.take(&bytes).await?;
                }
                Heard::Message(_) => self.line.count_fault(close::UNREADABLE)?,
                Heard::RightsMayHaveChanged => self.recheck().await?,
            }
        }
    }

    async fn take(&mut self, bytes: &[u8]) -> Flow {
        if bytes.len() > MESSAGE_BYTES {
            return Err(End::Close(close::TOO_LARGE, "a message takes at most 4 MB"));
        }
        // Foreign input: the library's own checks of it panic in development builds.
        let Ok(Ok(message)) = catch_unwind(|| Message::decode_v1(bytes)) else { return self.line.count_fault(close::UNREADABLE) };
        let document = self.document.clone();
        let Ok(live) = document.live() else { return Err(End::Gone) };
        match message {
            Message::Sync(SyncMessage::SyncStep1(vector)) => match live.missing(&vector) {
                Ok(frame) => self.line.send(frame).await,
                Err(refused) => self.refused(NotTaken::Refused(refused)).await,
            },
            Message::Sync(SyncMessage::SyncStep2(update) | SyncMessage::Update(update)) => {
                let taken = live.take(self.line.id, &update, self.line.ctx.now());
                self.line.ctx.state.documents.wake();
                match taken {
                    Ok(()) => Ok(()),
                    Err(refused) => self.refused(refused).await,
                }
            }
            Message::Awareness(update) => {
                let said = live.take_presence(self.line.id, update);
                tell_presence(&self.line.ctx.state.cluster, live.id, said);
                Ok(())
            }
            Message::AwarenessQuery => match live.everybody() {
                Some(frame) => self.line.send(frame).await,
                None => Ok(()),
            },
            Message::Auth(_) | Message::Custom(..) => self.line.count_fault(close::UNREADABLE),
        }
    }

    async fn refused(&mut self, refused: NotTaken) -> Flow {
        match refused {
            NotTaken::ReadOnly => {
                self.line.count_fault(close::FORBIDDEN)?;
                self.line.send(Message::Auth(Some(READ_ONLY.to_owned())).encode_v1().into()).await
            }
            NotTaken::TooLarge => Err(End::Close(close::TOO_LARGE, "the document would be too large")),
            NotTaken::Refused(Refused::Unreadable) => self.line.count_fault(close::UNREADABLE),
            NotTaken::Gap => {
                // Something before it did not arrive: it is asked for everything.
                self.line.count_fault(close::UNREADABLE)?;
                let ask = self.document.live().map_err(|_| End::Gone)?.ask();
                self.line.send(ask).await
            }
            NotTaken::Refused(Refused::Broken) => Err(End::Close(close::RESTART, "the document is read again: come back")),
        }
    }

    async fn recheck(&mut self) -> Flow {
        match artifacts::service::room_access(&self.line.ctx, self.id).await {
            Ok(access) => {
                self.write = access.write;
                self.document.live().map_err(|_| End::Gone)?.set_write(self.line.id, access.write);
                Ok(())
            }
            Err(error) if matches!(error.code, ErrorCode::Internal | ErrorCode::Unavailable) => Ok(()),
            Err(_) => Err(End::Close(close::FORBIDDEN, "this is not shared with you any more")),
        }
    }
}

const READ_ONLY: &str = "You may read this document and not change it.";
