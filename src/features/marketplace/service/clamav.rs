//! Asks ClamAV's daemon about files, where there is one: clamd's session protocol with INSTREAM (man page of clamd, "COMMANDS").

use std::time::Duration;

use llmos_trust::archive::File;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
};

use super::super::model::Finding;

/// For one release.
const LIMIT: Duration = Duration::from_secs(30);
/// Bytes of one piece of a stream.
const PIECE: usize = 64 * 1024;
/// Bytes of an answer, which is one line.
const ANSWER: usize = 4 * 1024;

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// What is found in these files. `address` is `host:port`, or the path of a socket. Where clamd cannot be asked that is a finding too, which
/// blocks: nothing goes public unlooked at because a daemon was down.
pub async fn look(address: &str, files: &[File]) -> Vec<Finding> {
    match tokio::time::timeout(LIMIT, ask(address, files)).await {
        Ok(Ok(findings)) => findings,
        Ok(Err(error)) => {
            tracing::error!(%error, "clamd could not be asked");
            vec![unasked()]
        }
        Err(_) => {
            tracing::error!("clamd did not answer within {} s", LIMIT.as_secs());
            vec![unasked()]
        }
    }
}

async fn connect(address: &str) -> std::io::Result<Box<dyn Stream>> {
    #[cfg(unix)]
    if address.starts_with('/') {
        return Ok(Box::new(tokio::net::UnixStream::connect(address).await?));
    }
    Ok(Box::new(TcpStream::connect(address).await?))
}

async fn ask(address: &str, files: &[File]) -> std::io::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let mut session: Option<Box<dyn Stream>> = None;
    for file in files {
        let stream = match &mut session {
            Some(stream) => stream,
            None => {
                let mut stream = connect(address).await?;
                stream.write_all(b"zIDSESSION\0").await?;
                session.insert(stream)
            }
        };
        let sent = send(stream.as_mut(), &file.bytes).await;
        // It refuses a long stream while it is sent: then the answer says so.
        let answer = match (answer(stream.as_mut()).await, sent) {
            (Ok(answer), _) => answer,
            (Err(error), Ok(())) | (Err(_), Err(error)) => return Err(error),
        };
        match verdict(&answer) {
            Verdict::Clean => {}
            Verdict::Found(name) => findings.push(infected(&file.path, name)),
            Verdict::Error(why) => {
                tracing::warn!(path = file.path, why, "clamd did not look at a file");
                findings.push(too_large(&file.path, why));
                // It hangs up after that.
                session = None;
            }
        }
    }
    if let Some(mut stream) = session {
        stream.write_all(b"zEND\0").await?;
    }
    Ok(findings)
}

async fn send(stream: &mut dyn Stream, bytes: &[u8]) -> std::io::Result<()> {
    stream.write_all(b"zINSTREAM\0").await?;
    for piece in bytes.chunks(PIECE) {
        stream.write_u32(piece.len() as u32).await?;
        stream.write_all(piece).await?;
    }
    stream.write_u32(0).await?;
    stream.flush().await
}

/// One answer, which ends with a zero byte.
async fn answer(stream: &mut dyn Stream) -> std::io::Result<String> {
    let mut text = Vec::new();
    loop {
        match stream.read_u8().await {
            Ok(0) => break,
            Ok(byte) if text.len() < ANSWER => text.push(byte),
            Ok(_) => return Err(std::io::Error::other("an answer without an end")),
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof && !text.is_empty() => break,
            Err(error) => return Err(error),
        }
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict<'a> {
    Clean,
    /// The signature's name.
    Found(&'a str),
    Error(&'a str),
}

/// Reads `1: stream: OK`, `1: stream: NAME FOUND` or `1: … ERROR`.
fn verdict(answer: &str) -> Verdict<'_> {
    let said = answer.split_once("stream: ").map_or(answer, |(_, said)| said).trim();
    if said == "OK" {
        return Verdict::Clean;
    }
    match said.strip_suffix(" FOUND") {
        Some(name) => Verdict::Found(name),
        None => Verdict::Error(said.strip_suffix(" ERROR").unwrap_or(said)),
    }
}

fn finding(rule: &str, severity: &str, path: &str, evidence: &str, why: &str, fix: &str) -> Finding {
    Finding {
        rule: rule.to_owned(),
        class: "malware".to_owned(),
        severity: severity.to_owned(),
        blocks: true,
        path: path.to_owned(),
        line: 0,
        evidence: evidence.to_owned(),
        why: why.to_owned(),
        fix: fix.to_owned(),
    }
}

fn infected(path: &str, name: &str) -> Finding {
    finding(
        "clamav",
        "critical",
        path,
        name,
        "The virus scanner knows this file by a signature of malware.",
        "Take the file out, and look where it came from. If it is a false alarm, say so in an appeal.",
    )
}

fn too_large(path: &str, why: &str) -> Finding {
    finding(
        "clamav-unread",
        "high",
        path,
        why,
        "The virus scanner did not look at this file.",
        "Make the file smaller, or ask the operator to raise StreamMaxLength of clamd.",
    )
}

fn unasked() -> Finding {
    finding(
        "clamav-unread",
        "high",
        "",
        "",
        "The virus scanner of this server could not be asked.",
        "The operator looks why clamd does not answer; then submit it again.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_clamd_are_read() {
        assert_eq!(verdict("1: stream: OK"), Verdict::Clean);
        assert_eq!(verdict("2: stream: Eicar-Test-Signature FOUND"), Verdict::Found("Eicar-Test-Signature"));
        assert_eq!(verdict("INSTREAM size limit exceeded. ERROR"), Verdict::Error("INSTREAM size limit exceeded."));
        assert_eq!(verdict("3: UNKNOWN COMMAND"), Verdict::Error("3: UNKNOWN COMMAND"));
    }
}
