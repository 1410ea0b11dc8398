//! A WebSocket by hand (RFC 6455), to send what no client would, and to stop in the middle of it.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

pub const TEXT: u8 = 1;
pub const BINARY: u8 = 2;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;

/// Nothing takes longer, on a slow machine either.
const PATIENCE: Duration = Duration::from_secs(20);

pub struct Raw {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// What came from the server.
#[derive(Debug)]
pub enum Heard {
    Frame(u8, Vec<u8>),
    /// It said goodbye with this code.
    Closed(u16),
    /// The connection ended without a word.
    Ended,
}

impl Raw {
    /// Opens `path` of the server at `url`.
    pub async fn open(url: &str, path: &str) -> Self {
        let address = url.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).await.expect("connects");
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.expect("sends");
        let mut buffer = Vec::new();
        let end = loop {
            if let Some(end) = buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break end + 4;
            }
            let read = timeout(PATIENCE, stream.read_buf(&mut buffer)).await.expect("an answer in time").expect("an answer");
            assert!(read > 0, "the server ended the connection instead of upgrading it");
        };
        assert!(buffer.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&buffer));
        buffer.drain(..end);
        Self { stream, buffer }
    }

    /// Sends bytes as they are; whether that worked says nothing, what is read does.
    pub async fn bytes(&mut self, bytes: &[u8]) {
        let _ = timeout(PATIENCE, self.stream.write_all(bytes)).await.expect("the server reads");
    }

    pub async fn send(&mut self, kind: u8, payload: &[u8]) {
        self.bytes(&frame(0x80 | kind, payload)).await;
    }

    pub async fn next(&mut self) -> Heard {
        loop {
            if let Some((head, length)) = header(&self.buffer)
                && self.buffer.len() >= head + length
            {
                let kind = self.buffer[0] & 0x0f;
                let payload = self.buffer[head..head + length].to_vec();
                self.buffer.drain(..head + length);
                return match (kind, payload.as_slice()) {
                    (CLOSE, [high, low, ..]) => Heard::Closed(u16::from_be_bytes([*high, *low])),
                    (CLOSE, _) => Heard::Closed(1005),
                    _ => Heard::Frame(kind, payload),
                };
            }
            match timeout(PATIENCE, self.stream.read_buf(&mut self.buffer)).await.expect("something in time") {
                Ok(0) | Err(_) => return Heard::Ended,
                Ok(_) => {}
            }
        }
    }
}

/// Lengths of the head and of what follows; servers do not mask.
fn header(bytes: &[u8]) -> Option<(usize, usize)> {
    match bytes.get(1)? & 0x7f {
        126 => Some((4, usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)))),
        127 => Some((10, u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?) as usize)),
        short => Some((2, usize::from(short))),
    }
}

/// A frame with this first byte; its mask of zeros leaves the payload as it is.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        short @ 0..=125 => frame.push(0x80 | short as u8),
        middle @ 126..=0xffff => {
            frame.push(0x80 | 126);
            frame.extend((middle as u16).to_be_bytes());
        }
        long => {
            frame.push(0x80 | 127);
            frame.extend((long as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}
