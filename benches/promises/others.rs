//! The same rooms and editors on other servers of Yjs, as npm has them, in the same run.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;

use crate::{
    Result,
    clients::{self, Outcome, Task, cpu_seconds},
    documents::Edit,
    percentile,
    rooms::Talk,
    server::Server,
    socket::{BINARY, Reader, TEXT, Writer, connect, find},
};

/// Whose protocol is spoken. All three carry the messages of Yjs; what is around them differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Dialect {
    Ours,
    YWebsocket,
    Hocuspocus,
}

impl Dialect {
    /// Opens a document.
    pub async fn open(self, address: &str, name: &str, token: &str) -> Result<(Reader, Writer)> {
        let headers = [format!("authorization: Bearer {token}")];
        match self {
            Self::Ours => connect(address, &format!("/ws/doc/{name}?ack=1"), &headers, None).await,
            Self::YWebsocket => connect(address, &format!("/{name}"), &[], None).await,
            Self::Hocuspocus => {
                let (reader, mut writer) = connect(address, "/", &[], None).await?;
                // Authentication: a token, which nobody asks for here.
                writer.send(BINARY, &self.wrap(name, &[2, 0, 1, b'x'])).await?;
                Ok((reader, writer))
            }
        }
    }

    /// A message as it goes out: Hocuspocus puts the name of the document before it.
    pub fn wrap(self, name: &str, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Hocuspocus => [&[name.len() as u8], name.as_bytes(), message].concat(),
            _ => message.to_vec(),
        }
    }

    /// And as it came in.
    pub fn unwrap(self, bytes: &[u8]) -> &[u8] {
        match (self, bytes.first()) {
            (Self::Hocuspocus, Some(length)) => bytes.get(1 + usize::from(*length)..).unwrap_or_default(),
            _ => bytes,
        }
    }

    /// Enters a room; gives back when it is there.
    pub async fn enter(
        self,
        address: &str,
        room: &str,
        token: &str,
        since: Option<u64>,
        take_in: Option<u32>,
    ) -> Result<(Reader, Writer, u64)> {
        if self != Self::Ours {
            let (mut reader, mut writer) = self.open(address, room, token).await?;
            writer.send(BINARY, &self.wrap(room, &[0, 0, 1, 0])).await?;
            loop {
                match reader.next().await? {
                    Ok((_, bytes)) if self.unwrap(bytes).starts_with(&[0, 1]) => return Ok((reader, writer, 0)),
                    Ok(_) => {}
                    Err(code) => return Err(format!("closed with {code}").into()),
                }
            }
        }
        let (mut reader, mut writer) = connect(address, "/ws", &[format!("authorization: Bearer {token}")], take_in).await?;
        let join = serde_json::json!({ "type": "join_room", "roomId": room, "roomType": "session", "since": since });
        writer.send(TEXT, join.to_string().as_bytes()).await?;
        loop {
            match reader.next().await? {
                Ok((_, bytes)) if find(bytes, b"\"room_state\"").is_some() => {
                    let state: serde_json::Value = serde_json::from_slice(bytes)?;
                    if since.is_some() && state["resync"] == true {
                        return Err("it was told to read everything again".into());
                    }
                    return Ok((reader, writer, state["seq"].as_u64().ok_or("no number")?));
                }
                Ok((_, bytes)) if find(bytes, b"\"type\":\"error\"").is_some() => {
                    return Err(String::from_utf8_lossy(bytes).into_owned().into());
                }
                Ok(_) => {}
                Err(code) => return Err(format!("closed with {code}").into()),
            }
        }
    }

    /// Something for everybody in a room, with the time in it: an event here, a stateless message of Hocuspocus, awareness otherwise.
    pub fn event(self, room: &str, member: usize, number: u32, sent: u64, bytes: usize) -> (u8, Vec<u8>) {
        let text = |around: usize| {
            format!("{{\"sent\":{sent},\"text\":\"{}\"}}", "x".repeat(bytes.saturating_sub(around + sent.to_string().len() + 18)))
        };
        match self {
            Self::Ours => {
                let event = |data: &str| {
                    format!(
                        r#"{{"type":"broadcast","roomId":"{room}","event":{{"type":"session_update","sessionId":"{room}","data":{data}}}}}"#
                    )
                };
                (TEXT, event(&text(event("").len())).into_bytes())
            }
            Self::Hocuspocus => {
                let mut message = vec![5];
                write_bytes(&mut message, text(room.len() + 4).as_bytes());
                (BINARY, self.wrap(room, &message))
            }
            Self::YWebsocket => {
                let mut update = vec![1];
                write_number(&mut update, 1 + member as u64);
                write_number(&mut update, u64::from(number) + 1);
                write_bytes(&mut update, text(10).as_bytes());
                let mut message = vec![1];
                write_bytes(&mut message, &update);
                (BINARY, message)
            }
        }
    }
}

/// A number as lib0 writes it.
fn write_number(to: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        to.push(number as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}

fn write_bytes(to: &mut Vec<u8>, bytes: &[u8]) {
    write_number(to, bytes.len() as u64);
    to.extend_from_slice(bytes);
}

/// A server of Node's, in memory.
/// A server of npm, as it comes.
pub struct NodeServer {
    process: Child,
    address: String,
}

impl NodeServer {
    async fn start(script: &str) -> Result<Option<Self>> {
        Self::start_in("benches/yjs-servers", script, &[]).await
    }

    /// None where it is not installed.
    pub async fn start_in(folder: &str, script: &str, arguments: &[&str]) -> Result<Option<Self>> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        if !folder.join("node_modules").exists() {
            return Ok(None);
        }
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let process =
            Command::new("node").arg(script).arg(port.to_string()).args(arguments).current_dir(folder).stdout(Stdio::null()).spawn()?;
        let server = Self { process, address: format!("127.0.0.1:{port}") };
        for _ in 0..500 {
            if TcpStream::connect(&server.address).await.is_ok() {
                return Ok(Some(server));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Err(format!("{script} did not start").into())
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    /// Of its process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for NodeServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What one server did under one load.
pub struct Row {
    who: &'static str,
    what: &'static str,
    p50: f64,
    p95: f64,
    p99: f64,
    lost: usize,
    server_cpu: f64,
    client_cpu: f64,
}

async fn measure(who: &'static str, what: &'static str, process: u32, task: Task) -> Result<Row> {
    let before = cpu_seconds(process);
    let (mut outcome, ()) = clients::run(&task, async { Ok(()) }).await?;
    let Outcome { received, expected, cpu, .. } = outcome;
    let mut at = |part| percentile(&mut outcome.latencies, part);
    Ok(Row {
        who,
        what,
        p50: at(0.5),
        p95: at(0.95),
        p99: at(0.99),
        lost: expected.saturating_sub(received),
        server_cpu: cpu_seconds(process) - before,
        client_cpu: cpu,
    })
}

pub async fn run() -> Result<()> {
    let server = Server::start(None).await?;
    server.set_up().await?;
    let place = server.place(50, 2).await?;
    let artifact = server.artifact("the others").await?;
    let ours = (Dialect::Ours, "LLMos-Lite", server.address.clone(), server.id());
    let hocuspocus = NodeServer::start("hocuspocus.mjs").await?;
    let y_websocket = NodeServer::start("y-websocket.mjs").await?;
    let (Some(hocuspocus), Some(y_websocket)) = (hocuspocus, y_websocket) else {
        println!("\nThe other servers are not installed (npm ci in benches/yjs-servers): nothing to compare with.");
        return Ok(());
    };
    let servers = [
        ours,
        (Dialect::Hocuspocus, "@hocuspocus/server 4.7.0", hocuspocus.address.clone(), hocuspocus.process.id()),
        (Dialect::YWebsocket, "@y/websocket-server 0.1.1", y_websocket.address.clone(), y_websocket.process.id()),
    ];
    let mut rows = Vec::new();
    for (dialect, who, address, process) in &servers {
        let talk = |members, rate| Task::Talk(Talk::new(*dialect, address, &place.tokens, &place.sessions[0], members, rate));
        rows.push(measure(who, "50 members, 2 a second", *process, talk(50, 2.0)).await?);
        rows.push(measure(who, "50 members, 20 a second", *process, talk(50, 20.0)).await?);
        rows.push(
            measure(who, "20 editors, 5 keys a second", *process, Task::Edit(Edit::new(*dialect, address, &place.tokens, &artifact)))
                .await?,
        );
    }
    println!(
        "\n| load | server | p50 | p95 | p99 | lost | its processor time | p95 against ours | processor time against ours |\n|---|---|---|---|---|---|---|---|---|"
    );
    for row in &rows {
        let Some(ours) = rows.iter().find(|one| one.what == row.what) else { continue };
        println!(
            "| {} | {} | {:.1} ms | {:.1} ms | {:.1} ms | {} | {:.1} s | {:.1} × | {:.1} × |",
            row.what,
            row.who,
            row.p50,
            row.p95,
            row.p99,
            row.lost,
            row.server_cpu,
            row.p95 / ours.p95,
            row.server_cpu / ours.server_cpu
        );
    }
    let clients: f64 = rows.iter().map(|row| row.client_cpu).sum();
    println!(
        "\nThe clients took {clients:.1} s of processor time for these {} loads. The others keep nothing on disk and ask nobody who they are.",
        rows.len()
    );
    Ok(())
}
