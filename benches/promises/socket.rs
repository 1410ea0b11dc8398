//! A WebSocket client that costs next to nothing: the load comes from a process on the same two cores, and what it takes the server
//! lacks. Frames as in RFC 6455; only what these measurements need.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpSocket,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

use crate::Result;

pub const TEXT: u8 = 1;
pub const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;

pub struct Reader {
    stream: OwnedReadHalf,
    buffer: Vec<u8>,
    /// What of the buffer is read already.
    from: usize,
}

pub struct Writer {
    stream: OwnedWriteHalf,
    frame: Vec<u8>,
}

/// Opens `path` at `address`; `headers` are whole lines. With `take_in` the system takes in no more than these bytes of what is not read.
pub async fn connect(address: &str, path: &str, headers: &[String], take_in: Option<u32>) -> Result<(Reader, Writer)> {
    let socket = TcpSocket::new_v4()?;
    if let Some(bytes) = take_in {
        socket.set_recv_buffer_size(bytes)?;
    }
    let mut stream = socket.connect(address.parse()?).await?;
    stream.set_nodelay(true)?;
    let mut request = format!(
        "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    );
    for header in headers {
        request.push_str(header);
        request.push_str("\r\n");
    }
    request.push_str("\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut buffer = Vec::with_capacity(1024);
    let end = loop {
        if let Some(end) = find(&buffer, b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut buffer).await? == 0 {
            return Err("the server closed the connection before it upgraded".into());
        }
    };
    if !buffer.starts_with(b"HTTP/1.1 101") {
        return Err(String::from_utf8_lossy(&buffer[..end.min(200)]).into_owned().into());
    }
    let (read, write) = stream.into_split();
    Ok((Reader { stream: read, buffer, from: end }, Writer { stream: write, frame: Vec::new() }))
}

pub fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    memchr::memmem::find(text, what)
}

impl Reader {
    /// The next message's kind and bytes; none when the server closed, with its code. Pings are left unanswered: these connections do
    /// not live that long.
    pub async fn next(&mut self) -> Result<std::result::Result<(u8, &[u8]), u16>> {
        loop {
            let (kind, start, length) = loop {
                if let Some(frame) = header(&self.buffer[self.from..]) {
                    let (kind, head, length) = frame;
                    if self.buffer.len() - self.from >= head + length {
                        break (kind, self.from + head, length);
                    }
                }
                if self.from > 0 {
                    self.buffer.drain(..self.from);
                    self.from = 0;
                }
                self.buffer.reserve(16 * 1024);
                if self.stream.read_buf(&mut self.buffer).await? == 0 {
                    return Ok(Err(0));
                }
            };
            self.from = start + length;
            match kind {
                CLOSE => {
                    let code = self.buffer.get(start..start + 2).map_or(0, |code| u16::from_be_bytes([code[0], code[1]]));
                    return Ok(Err(code));
                }
                kind if kind >= PING => {}
                kind => return Ok(Ok((kind, &self.buffer[start..start + length]))),
            }
        }
    }

    /// Gives back what an idle connection does not need.
    pub fn rest(&mut self) {
        if self.from == self.buffer.len() {
            self.buffer = Vec::new();
            self.from = 0;
        }
    }
}

/// Kind, length of the head, length of what follows. Servers do not mask.
fn header(bytes: &[u8]) -> Option<(u8, usize, usize)> {
    let (first, second) = (*bytes.first()?, *bytes.get(1)?);
    let kind = first & 0x0f;
    match second & 0x7f {
        126 => Some((kind, 4, usize::from(u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?])))),
        127 => Some((kind, 10, u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?) as usize)),
        short => Some((kind, 2, usize::from(short))),
    }
}

impl Writer {
    /// Sends one whole message. Clients have to mask; a mask of zeros leaves the bytes as they are.
    pub async fn send(&mut self, kind: u8, bytes: &[u8]) -> Result<()> {
        self.frame.clear();
        self.frame.push(0x80 | kind);
        match bytes.len() {
            short @ 0..=125 => self.frame.push(0x80 | short as u8),
            middle @ 126..=0xffff => {
                self.frame.push(0x80 | 126);
                self.frame.extend_from_slice(&(middle as u16).to_be_bytes());
            }
            long => {
                self.frame.push(0x80 | 127);
                self.frame.extend_from_slice(&(long as u64).to_be_bytes());
            }
        }
        self.frame.extend_from_slice(&[0; 4]);
        self.frame.extend_from_slice(bytes);
        Ok(self.stream.write_all(&self.frame).await?)
    }
}
