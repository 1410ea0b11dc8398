//! Writing a zip while it is sent. Order, times and modes depend on the content alone, so that equal volumes give equal archives.

use std::io::{self, Write};

use bytes::Bytes;
use tokio::sync::mpsc;
use zip::{
    CompressionMethod, ZipWriter,
    write::{SimpleFileOptions, StreamWriter},
};

/// Bytes handed over at once.
const CHUNK: usize = 64 * 1024;

/// A writer whose other end is a response body.
struct Channel {
    buffer: Vec<u8>,
    sender: mpsc::Sender<io::Result<Bytes>>,
}

impl Channel {
    fn pass_on(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let bytes = Bytes::from(std::mem::replace(&mut self.buffer, Vec::with_capacity(CHUNK)));
        self.sender.blocking_send(Ok(bytes)).map_err(|_| io::Error::new(io::ErrorKind::BrokenPipe, "nobody reads the archive any more"))
    }
}

impl Write for Channel {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= CHUNK {
            self.pass_on()?;
        }
        Ok(bytes.len())
    }
    /// Small pieces wait for the next ones: the end of the archive passes on what is left.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A zip that flows into a channel; used on a blocking thread.
pub struct ZipStream(ZipWriter<StreamWriter<Channel>>);

impl ZipStream {
    pub fn new(sender: mpsc::Sender<io::Result<Bytes>>) -> Self {
        Self(ZipWriter::new_stream(Channel { buffer: Vec::with_capacity(CHUNK), sender }))
    }

    pub fn add(&mut self, path: &str, bytes: &[u8], executable: bool) -> io::Result<()> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(1))
            .last_modified_time(zip::DateTime::default())
            .unix_permissions(if executable { 0o755 } else { 0o644 });
        self.0.start_file(path, options)?;
        self.0.write_all(bytes)
    }

    pub fn finish(self) -> io::Result<()> {
        self.0.finish()?.into_inner().pass_on()
    }
}
