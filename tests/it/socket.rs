//! A real WebSocket client for tests of both sockets.

use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, client_async, connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest as _, http::HeaderValue},
};

use crate::app::{Client, TestApp};

/// Nothing takes longer, on a slow machine either.
const PATIENCE: Duration = Duration::from_secs(20);

/// `http` as `ws`.
fn address(url: &str, path: &str) -> String {
    format!("{}{path}", url.replacen("http", "ws", 1))
}

pub struct Socket(pub WebSocketStream<MaybeTlsStream<TcpStream>>);

impl TestApp {
    /// Opens a socket with these headers; the status of the answer when it is refused.
    pub async fn open(&self, path: &str, headers: &[(&'static str, String)]) -> Result<Socket, u16> {
        Socket::open(&self.url, path, headers).await
    }

    /// Opens the room socket as a program with a token of `who`, and reads the welcome.
    pub async fn socket_of(&self, who: &Client) -> Socket {
        let token = self.token_of(who).await;
        let mut socket = self.open("/ws", &[("authorization", format!("Bearer {token}"))]).await.expect("it opens");
        socket.welcomed(who).await;
        socket
    }

    /// The same for a client whose system takes in little of what it does not read.
    pub async fn slow_socket_of(&self, who: &Client) -> Socket {
        let token = self.token_of(who).await;
        let mut socket = Socket::open_slow(&self.url, &format!("/ws?token={token}")).await;
        socket.welcomed(who).await;
        socket
    }

    pub async fn token_of(&self, who: &Client) -> String {
        self.client_with_token(who, &["read", "write"]).await.token.expect("a token")
    }
}

impl Socket {
    /// Opens `path` of a server; the status of the answer when it is refused, 0 when nobody answers.
    pub async fn open(url: &str, path: &str, headers: &[(&'static str, String)]) -> Result<Self, u16> {
        let mut request = address(url, path).into_client_request().expect("an address");
        for (name, value) in headers {
            request.headers_mut().insert(*name, HeaderValue::from_str(value).expect("a header"));
        }
        match connect_async(request).await {
            Ok((socket, _)) => Ok(Self(socket)),
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(_) => Err(0),
        }
    }

    /// The same, with small buffers in the client's system: some take in tens of megabytes of what nobody reads.
    pub async fn open_slow(url: &str, path: &str) -> Self {
        let request = address(url, path).into_client_request().expect("an address");
        let connection = TcpSocket::new_v4().expect("a socket");
        connection.set_recv_buffer_size(64 * 1024).expect("a small buffer");
        let server = request.uri().authority().expect("an address").as_str().parse().expect("an address");
        let stream = connection.connect(server).await.expect("connects");
        let (socket, _) = client_async(request, MaybeTlsStream::Plain(stream)).await.expect("it opens");
        Self(socket)
    }

    async fn welcomed(&mut self, who: &Client) {
        let welcome = self.next().await;
        assert_eq!((&welcome["type"], &welcome["userId"]), (&json!("welcome"), &json!(who.id)));
    }

    pub async fn send(&mut self, frame: Value) {
        self.try_send(frame).await.expect("sends");
    }

    pub async fn try_send(&mut self, frame: Value) -> Result<(), Error> {
        self.0.send(Message::text(frame.to_string())).await
    }

    /// The next text frame as JSON.
    pub async fn next(&mut self) -> Value {
        match self.frame().await {
            Ok(frame) => frame,
            Err(code) => panic!("closed with {code} instead of a frame"),
        }
    }

    /// The next text frame, or the code that the server closed with.
    pub async fn frame(&mut self) -> Result<Value, u16> {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.0.next()).await.expect("a frame in time");
            match message {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).expect("JSON")),
                Some(Ok(Message::Close(frame))) => return Err(frame.map_or(1005, |frame| frame.code.into())),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(1006),
            }
        }
    }

    /// The next frame of this type; others before it are passed over.
    pub async fn until(&mut self, kind: &str) -> Value {
        loop {
            let frame = self.next().await;
            if frame["type"] == kind || frame["event"]["type"] == kind {
                return frame;
            }
        }
    }

    /// The code that the server closes with; frames before it are passed over.
    pub async fn closed(&mut self) -> u16 {
        loop {
            if let Err(code) = self.frame().await {
                return code;
            }
        }
    }

    /// Enters a room; its state.
    pub async fn join(&mut self, room: &str, kind: &str, since: Option<u64>) -> Value {
        let mut frame = json!({ "type": "join_room", "roomId": room, "roomType": kind });
        if let Some(since) = since {
            frame["since"] = json!(since);
        }
        self.send(frame).await;
        self.until("room_state").await
    }

    pub async fn tell(&mut self, room: &str, event: Value) {
        self.send(json!({ "type": "broadcast", "roomId": room, "event": event })).await;
    }

    /// Asks and waits for the answer: what was sent before it has been taken.
    pub async fn ping(&mut self) {
        self.send(json!({ "type": "ping" })).await;
        self.until("pong").await;
    }
}
