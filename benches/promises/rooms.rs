//! Rooms under load. The clients are a process of their own: this program again, told what to do in one line of JSON; it answers with
//! what it measured, and with the processor time that it took itself.

use std::{
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::{io::AsyncReadExt as _, process::Command, sync::Mutex};

use crate::{
    Figure, Result, percentile,
    server::Server,
    socket::{Reader, TEXT, Writer, connect, find},
};

/// The first argument of the client's process.
pub const CLIENT: &str = "--room-clients";
/// Of the event, as it is sent.
const EVENT_BYTES: usize = 200;
const SECONDS: u64 = 10;
/// Of accounts that take part; more sockets than that are further tabs of theirs.
const MEMBERS: usize = 500;
const IDLE: usize = 10_000;
const ROOM: usize = 50;
const BACK_AT_ONCE: usize = 5_000;

/// What the client's process does.
#[derive(Clone, Serialize, Deserialize)]
struct Task {
    address: String,
    tokens: Vec<String>,
    rooms: Vec<String>,
    kind: Kind,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    /// Everybody in the first room; the first sender sends `rate` events a second, the others listen. `stuck`: one more never reads.
    Talk { members: usize, rate: f64, seconds: u64, stuck: bool },
    /// `count` sockets that do nothing, `ROOM` to a room, until the standard input ends; then all of `back` leave and come back at once.
    Idle { count: usize, back: usize },
}

#[derive(Default, Serialize, Deserialize)]
struct Outcome {
    /// Milliseconds from sending to receiving, of a sample.
    latencies: Vec<f64>,
    received: usize,
    expected: usize,
    /// Seconds until the last of those who came back had its room again.
    back_in: f64,
    /// Seconds of processor time that the clients took.
    cpu: f64,
}

pub async fn run() -> Result<Vec<Figure>> {
    let server = Server::start(None).await?;
    server.set_up().await?;
    let (tokens, rooms) = seed(&server).await?;
    let base = server.memory("VmRSS")?;
    let mut figures = Vec::new();
    let talk = |members: usize, rate: f64, stuck: bool| {
        let task = Task {
            address: server.address.clone(),
            tokens: tokens.clone(),
            rooms: rooms.clone(),
            kind: Kind::Talk { members, rate, seconds: SECONDS, stuck },
        };
        async move { client(&task, None).await }
    };
    let mut alone = talk(50, 20.0, false).await?;
    let what = "event to every member, 50 members, 20 a second";
    figures.push(Figure::at_most(format!("{what}, p50"), 1.0, percentile(&mut alone.latencies, 0.5), "ms"));
    figures.push(Figure::at_most(format!("{what}, p95"), 3.0, percentile(&mut alone.latencies, 0.95), "ms"));
    let p99 = percentile(&mut alone.latencies, 0.99);
    figures.push(Figure::at_most(format!("{what}, p99"), 5.0, p99, "ms"));
    let mut larger = talk(200, 5.0, false).await?;
    figures.push(Figure::at_most("200 members, 5 a second, p99", 10.0, percentile(&mut larger.latencies, 0.99), "ms"));
    let mut largest = talk(500, 2.0, false).await?;
    figures.push(Figure::at_most("500 members, 2 a second, p95", 20.0, percentile(&mut largest.latencies, 0.95), "ms"));
    for (what, outcome) in [("50", &alone), ("200", &larger), ("500", &largest)] {
        let lost = outcome.expected.saturating_sub(outcome.received);
        println!(
            "{what} members: {} events received, {lost} missing; the clients took {:.1} s of {SECONDS}",
            outcome.received, outcome.cpu
        );
    }
    let mut stuck = talk(50, 20.0, true).await?;
    let with_stuck = percentile(&mut stuck.latencies, 0.99);
    figures.push(Figure::at_most("p99 of the others beside a reader that stopped, against without", 1.2, with_stuck / p99, "times"));

    let before = server.memory("VmRSS")?;
    let task = Task { address: server.address.clone(), tokens, rooms, kind: Kind::Idle { count: IDLE, back: BACK_AT_ONCE } };
    let idle = client(&task, Some(&server)).await?;
    figures.push(Figure::at_most("10,000 idle sockets in rooms of 50, over base", 100.0, idle.latencies[0] - before.min(base), "MB"));
    figures.push(Figure::at_most("5,000 that come back at once, all in their rooms", 10.0, idle.back_in, "s"));
    Ok(figures)
}

/// Agents with tokens, and sessions to meet in.
async fn seed(server: &Server) -> Result<(Vec<String>, Vec<String>)> {
    let me = server.api("GET", "/me", None).await?;
    let team = me["teams"][0]["id"].as_str().ok_or("no team")?.to_owned();
    let mut tokens = Vec::new();
    for number in 0..MEMBERS {
        let agent = server
            .api("POST", &format!("/teams/{team}/agents"), Some(json!({ "name": format!("agent {number}"), "role": "member" })))
            .await?;
        let id = agent["person"]["id"].as_str().or(agent["id"].as_str()).ok_or("no agent")?;
        let path = format!("/teams/{team}/agents/{id}/tokens");
        let token = server.api("POST", &path, Some(json!({ "name": "bench", "scopes": ["read", "write"] }))).await?;
        tokens.push(token["token"].as_str().or(token["secret"].as_str()).ok_or("no token")?.to_owned());
    }
    let mut rooms = Vec::new();
    for number in 0..IDLE / ROOM {
        let new = json!({ "title": format!("Session {number}"), "teamId": team });
        let session = server.api("POST", "/sessions", Some(new)).await?;
        rooms.push(session["id"].as_str().ok_or("no session")?.to_owned());
    }
    Ok((tokens, rooms))
}

/// Runs the client's process. With a server its memory is read when all are idle; it stands in the outcome's latencies.
async fn client(task: &Task, server: Option<&Server>) -> Result<Outcome> {
    let mut process = Command::new(std::env::current_exe()?)
        .arg(CLIENT)
        .arg(serde_json::to_string(task)?)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut output = process.stdout.take().ok_or("no output")?;
    let mut memory = None;
    if let Some(server) = server {
        // A line says that all are there.
        let mut ready = [0; 1];
        output.read_exact(&mut ready).await?;
        tokio::time::sleep(Duration::from_secs(2)).await;
        memory = Some(server.memory("VmRSS")?);
    }
    drop(process.stdin.take());
    let mut text = String::new();
    output.read_to_string(&mut text).await?;
    process.wait().await?;
    let mut outcome: Outcome = serde_json::from_str(text.trim()).map_err(|error| format!("the clients said “{text}”: {error}"))?;
    if let Some(memory) = memory {
        outcome.latencies = vec![memory];
    }
    Ok(outcome)
}

/// The client's process.
pub async fn run_client(task: &str) -> Result<()> {
    let task: Task = serde_json::from_str(task)?;
    let mut outcome = match task.kind.clone() {
        Kind::Talk { members, rate, seconds, stuck } => talk(&task, members, rate, seconds, stuck).await?,
        Kind::Idle { count, back } => idle(&task, count, back).await?,
    };
    outcome.cpu = cpu_seconds();
    println!("{}", serde_json::to_string(&outcome)?);
    Ok(())
}

/// Connects and enters a room; gives back when the room's state came.
async fn enter(task: &Task, number: usize, room: &str) -> Result<(Reader, Writer)> {
    let token = format!("authorization: Bearer {}", task.tokens[number % task.tokens.len()]);
    let (mut reader, mut writer) = connect(&task.address, "/ws", &[token]).await?;
    writer.send(TEXT, json!({ "type": "join_room", "roomId": room, "roomType": "session" }).to_string().as_bytes()).await?;
    loop {
        match reader.next().await? {
            Ok((_, bytes)) if find(bytes, b"\"room_state\"").is_some() => return Ok((reader, writer)),
            Ok((_, bytes)) if find(bytes, b"\"type\":\"error\"").is_some() => {
                return Err(String::from_utf8_lossy(bytes).into_owned().into());
            }
            Ok(_) => {}
            Err(code) => return Err(format!("closed with {code}").into()),
        }
    }
}

async fn talk(task: &Task, members: usize, rate: f64, seconds: u64, stuck: bool) -> Result<Outcome> {
    let room = task.rooms[0].as_str();
    let began = Instant::now();
    let mut all = Vec::new();
    for number in 0..members {
        all.push(enter(task, number, room).await?);
    }
    // It joins, and then nobody reads what it gets.
    let idle = if stuck { Some(enter(task, members, room).await?) } else { None };
    // Presence of those who came has to be over.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let latencies = Arc::new(Mutex::new(Vec::new()));
    let received = Arc::new(AtomicUsize::new(0));
    let mut tasks = tokio::task::JoinSet::new();
    let until = Instant::now() + Duration::from_secs(seconds);
    let room: Arc<str> = room.into();
    for (number, (mut reader, mut writer)) in all.into_iter().enumerate() {
        let (latencies, received) = (latencies.clone(), received.clone());
        tasks.spawn(async move {
            let mut mine = Vec::new();
            let wait = until + Duration::from_secs(2);
            while let Ok(Ok(Ok((_, bytes)))) = tokio::time::timeout_at(wait.into(), reader.next()).await {
                let Some(at) = find(bytes, b"\"sent\":") else { continue };
                received.fetch_add(1, Ordering::Relaxed);
                let digits = &bytes[at + 7..];
                let end = digits.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(digits.len());
                let sent: u128 = std::str::from_utf8(&digits[..end]).unwrap_or_default().parse().unwrap_or_default();
                mine.push((began.elapsed().as_nanos() - sent) as f64 / 1e6);
            }
            latencies.lock().await.extend(mine);
        });
        let room = room.clone();
        tasks.spawn(async move {
            // Everybody sends, at a time of their own.
            let pause = Duration::from_secs_f64(1.0 / rate);
            tokio::time::sleep(pause.mul_f64(number as f64 / members as f64)).await;
            let mut ticks = tokio::time::interval(pause);
            while Instant::now() < until {
                ticks.tick().await;
                let sent = began.elapsed().as_nanos();
                let mut event = json!({ "type": "broadcast", "roomId": *room, "event": { "type": "session_update", "sessionId": *room, "data": { "sent": sent as u64, "text": "" } } }).to_string();
                if let Some(fill) = EVENT_BYTES.checked_sub(event.len()) {
                    event = event.replace("\"text\":\"\"", &format!("\"text\":\"{}\"", "x".repeat(fill)));
                }
                if writer.send(TEXT, event.as_bytes()).await.is_err() {
                    break;
                }
            }
            tokio::time::sleep(Duration::from_secs(2)).await;
        });
    }
    tasks.join_all().await;
    drop(idle);
    let sent = (rate * seconds as f64) as usize * members;
    let mut latencies = std::mem::take(&mut *latencies.lock().await);
    // Millions of numbers say no more than a sample of them.
    let step = latencies.len() / 200_000 + 1;
    latencies = latencies.into_iter().step_by(step).collect();
    Ok(Outcome { latencies, received: received.load(Ordering::Relaxed), expected: sent * members, ..Outcome::default() })
}

async fn idle(task: &Task, count: usize, back: usize) -> Result<Outcome> {
    let mut sockets = Vec::with_capacity(count);
    for number in 0..count {
        let (mut reader, writer) = enter(task, number % ROOM, &task.rooms[number / ROOM]).await?;
        reader.rest();
        sockets.push((reader, writer));
    }
    println!();
    // The parent looks at the server's memory, then closes this.
    tokio::task::spawn_blocking(|| std::io::Read::read_to_end(&mut std::io::stdin(), &mut Vec::new())).await??;
    sockets.truncate(count - back);
    let began = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    let task = Arc::new(task.clone());
    for number in count - back..count {
        let task = task.clone();
        tasks.spawn(async move { enter(&task, number % ROOM, &task.rooms[number / ROOM]).await.map(drop) });
    }
    let mut lost = 0;
    while let Some(outcome) = tasks.join_next().await {
        lost += usize::from(!matches!(outcome, Ok(Ok(()))));
    }
    Ok(Outcome { back_in: began.elapsed().as_secs_f64(), received: back - lost, expected: back, ..Outcome::default() })
}

/// Of this process so far, by the kernel's clock of 100 ticks a second.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok()).unwrap_or_default();
    (ticks(11) + ticks(12)) / 100.0
}
