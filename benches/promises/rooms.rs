//! Rooms under load: many who talk, one who stops reading, very many who are idle and come back.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use crate::{
    Figure, Result,
    clients::{self, Outcome, Tally, Task, cpu_seconds, ready},
    others::Dialect,
    percentile,
    server::Server,
    socket::{Reader, Writer, find},
};

/// Of the event, as it is sent.
const EVENT_BYTES: usize = 200;
const SECONDS: u64 = 10;
/// With one who does not read: the system takes in some megabytes for it before anything waits here.
const STUCK_SECONDS: u64 = 40;
/// Of accounts that take part; more sockets than that are further tabs of theirs.
const MEMBERS: usize = 500;
/// Idle sockets that are there before the memory is looked at. What a server needed to begin (its own texts get vectors), it gives back when it has something to do.
const FIRST: usize = 2_000;
const IDLE: usize = 10_000;
const ROOM: usize = 50;
const BACK_AT_ONCE: usize = 5_000;
/// Bytes that the system takes in for a reader that stopped; some take in megabytes, and then nobody sees it stop.
const STUCK_BUFFER: u32 = 16 * 1024;

/// Everybody in one room, everybody tells `rate` events a second, everybody listens. Over several nodes those at the first one tell, and those at
/// the others listen.
#[derive(Clone, Serialize, Deserialize)]
pub struct Talk {
    dialect: Dialect,
    address: String,
    tokens: Vec<String>,
    room: String,
    members: usize,
    rate: f64,
    seconds: u64,
    /// One more who never reads.
    stuck: bool,
    /// Addresses of other nodes.
    elsewhere: Vec<String>,
}

/// `count` sockets that do nothing, `ROOM` to a room; then `back` of them leave and come back at once.
#[derive(Clone, Serialize, Deserialize)]
pub struct Idle {
    address: String,
    tokens: Vec<String>,
    rooms: Vec<String>,
    count: usize,
    back: usize,
}

pub async fn run() -> Result<Vec<Figure>> {
    let server = Server::start(None).await?;
    server.set_up().await?;
    let place = server.place(MEMBERS, 1).await?;
    let mut figures = Vec::new();
    let talk = async |members: usize, rate: f64, stuck: bool| -> Result<(Outcome, f64)> {
        let seconds = if stuck { STUCK_SECONDS } else { SECONDS };
        let task = Task::Talk(Talk {
            stuck,
            seconds,
            ..Talk::new(Dialect::Ours, &server.address, &place.tokens, &place.sessions[0], members, rate)
        });
        let before = cpu_seconds(server.id());
        let running = clients::run(&task, async { Ok(()) });
        tokio::pin!(running);
        // Meanwhile what waits for the slowest reader is looked at.
        let mut longest: f64 = 0.0;
        let (outcome, ()) = loop {
            tokio::select! {
                done = &mut running => break done?,
                () = tokio::time::sleep(Duration::from_millis(500)), if stuck => {
                    let report = server.api("GET", "/admin/rooms", None).await?;
                    let rooms = report["rooms"].as_array().into_iter().flatten();
                    longest = rooms.filter_map(|room| room["longestQueueBytes"].as_f64()).fold(longest, f64::max);
                }
            }
        };
        println!(
            "{members} members, {rate} a second{}: {} events received, {} missing; of {seconds} s the server took {:.1} s of processor time, the clients {:.1} s",
            if stuck { ", one stopped" } else { "" },
            outcome.received,
            outcome.expected.saturating_sub(outcome.received),
            cpu_seconds(server.id()) - before,
            outcome.cpu
        );
        Ok((outcome, longest))
    };
    let (mut alone, _) = talk(50, 20.0, false).await?;
    let what = "event to every member, 50 members, 20 a second";
    figures.push(Figure::at_most(format!("{what}, p50"), 1.0, percentile(&mut alone.latencies, 0.5), "ms"));
    figures.push(Figure::at_most(format!("{what}, p95"), 3.0, percentile(&mut alone.latencies, 0.95), "ms"));
    let p99 = percentile(&mut alone.latencies, 0.99);
    figures.push(Figure::at_most(format!("{what}, p99"), 5.0, p99, "ms"));
    let (mut larger, _) = talk(200, 5.0, false).await?;
    figures.push(Figure::at_most("200 members, 5 a second, p99", 10.0, percentile(&mut larger.latencies, 0.99), "ms"));
    let (mut largest, _) = talk(500, 2.0, false).await?;
    figures.push(Figure::at_most("500 members, 2 a second, p95", 20.0, percentile(&mut largest.latencies, 0.95), "ms"));
    let (mut stuck, longest) = talk(50, 20.0, true).await?;
    figures.push(Figure::at_most("what waits for a reader that stopped", 1_024.0, longest / 1_024.0, "KiB"));
    let with_stuck = percentile(&mut stuck.latencies, 0.99);
    figures.push(Figure::at_most("p99 of the others beside it, against without", 1.2, with_stuck / p99, "times"));

    // A server of its own: what the others left behind is no part of what an idle socket takes.
    drop(server);
    let server = Server::start(None).await?;
    server.set_up().await?;
    figures.extend(idle(&server).await?);
    Ok(figures)
}

/// What idle sockets take at a server that does nothing else, and how soon those are back that leave at once.
pub async fn idle(server: &Server) -> Result<Vec<Figure>> {
    let place = server.place(ROOM, (FIRST + IDLE) / ROOM).await?;
    let (first, rooms) = place.sessions.split_at(FIRST / ROOM);
    let task = |rooms: &[String], count, back| {
        Task::Idle(Idle { address: server.address.clone(), tokens: place.tokens.clone(), rooms: rooms.to_vec(), count, back })
    };
    let (_, (back, memory)) = clients::run(&task(first, FIRST, 0), async {
        let base = settled(server).await?;
        clients::run(&task(rooms, IDLE, BACK_AT_ONCE), async { Ok(settled(server).await? - base) }).await
    })
    .await?;
    println!("{} of {} came back and were told what they missed", back.received, back.expected);
    let seconds = if back.received == back.expected { back.seconds } else { f64::INFINITY };
    Ok(vec![
        Figure::at_most("10,000 idle sockets in rooms of 50, over base", 100.0, memory, "MB"),
        Figure::at_most("5,000 that come back at once, all resumed", 10.0, seconds, "s"),
    ])
}

/// The server's memory in megabytes, when the last ones have come in.
async fn settled(server: &Server) -> Result<f64> {
    tokio::time::sleep(Duration::from_secs(2)).await;
    server.memory("VmRSS")
}

impl Talk {
    pub fn new(dialect: Dialect, address: &str, tokens: &[String], room: &str, members: usize, rate: f64) -> Self {
        Self {
            dialect,
            address: address.to_owned(),
            tokens: tokens.to_vec(),
            room: room.to_owned(),
            members,
            rate,
            seconds: SECONDS,
            stuck: false,
            elsewhere: Vec::new(),
        }
    }

    /// The same over further nodes.
    pub fn over(self, elsewhere: &[String]) -> Self {
        Self { elsewhere: elsewhere.to_vec(), ..self }
    }

    pub async fn run(self) -> Result<Outcome> {
        let Self { dialect, address, tokens, room, members, rate, seconds, stuck, elsewhere } = self;
        let token = |number: usize| tokens[number % tokens.len()].as_str();
        let addresses: Vec<&str> = std::iter::once(&address).chain(&elsewhere).map(String::as_str).collect();
        let is_at_first = |number: usize| number.is_multiple_of(addresses.len());
        let listens = |number: usize| elsewhere.is_empty() || !is_at_first(number);
        let mut all = Vec::new();
        for number in 0..members {
            let (reader, writer, _) = dialect.enter(addresses[number % addresses.len()], &room, token(number), None, None).await?;
            all.push((reader, writer));
        }
        // It joins, and then nobody reads what it gets.
        let idle = if stuck { Some(dialect.enter(&address, &room, token(members), None, Some(STUCK_BUFFER)).await?) } else { None };
        // Presence of those who came has to be over.
        tokio::time::sleep(Duration::from_secs(1)).await;
        ready().await?;
        let began = Instant::now();
        let until = began + Duration::from_secs(seconds);
        let tally = Arc::new(Tally::default());
        let mut tasks = tokio::task::JoinSet::new();
        let count = (rate * seconds as f64) as u32;
        let end = until + Duration::from_secs(2);
        for (number, (reader, writer)) in all.into_iter().enumerate() {
            // Who only tells is told as well, and has to read it.
            tasks.spawn(listen(reader, began, end, if listens(number) { tally.clone() } else { Arc::default() }));
            // Everybody at a time of their own.
            let pause = Duration::from_secs_f64(1.0 / rate);
            let first = began + pause.mul_f64(number as f64 / members as f64);
            let count = if is_at_first(number) { count } else { 0 };
            tasks.spawn(tell(writer, dialect, room.clone(), number, began, first, pause, count, end));
        }
        tasks.join_all().await;
        drop(idle);
        let of = |which: &dyn Fn(usize) -> bool| (0..members).filter(|number| which(*number)).count();
        Ok(tally.outcome(count as usize * of(&is_at_first) * of(&listens)))
    }
}

/// Notes how long everything took that comes in until then.
async fn listen(mut reader: Reader, began: Instant, until: Instant, tally: Arc<Tally>) {
    let mut mine = Vec::new();
    while let Ok(Ok(Ok((_, bytes)))) = tokio::time::timeout_at(until.into(), reader.next()).await {
        let now = began.elapsed().as_nanos() as u64;
        // Several of these may come in one message of another server.
        let mut rest = bytes;
        while let Some(at) = find(rest, b"\"sent\":") {
            rest = &rest[at + 7..];
            let end = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
            let sent: u64 = std::str::from_utf8(&rest[..end]).unwrap_or_default().parse().unwrap_or_default();
            mine.push(now.saturating_sub(sent) as f64 / 1e6);
        }
    }
    tally.latencies(mine);
}

#[expect(clippy::too_many_arguments, reason = "a task of its own takes what it needs along")]
async fn tell(
    mut writer: Writer,
    dialect: Dialect,
    room: String,
    member: usize,
    began: Instant,
    first: Instant,
    pause: Duration,
    count: u32,
    end: Instant,
) {
    let mut ticks = tokio::time::interval_at(first.into(), pause);
    for number in 0..count {
        ticks.tick().await;
        let (kind, event) = dialect.event(&room, member, number, began.elapsed().as_nanos() as u64, EVENT_BYTES);
        if writer.send(kind, &event).await.is_err() {
            break;
        }
    }
    // The other half reads on; whoever goes now is told to all.
    tokio::time::sleep_until(end.into()).await;
}

impl Idle {
    pub async fn run(self) -> Result<Outcome> {
        let Self { count, back, .. } = self;
        let mut sockets = Vec::with_capacity(count);
        for number in 0..count {
            let (mut reader, writer, seen) = self.enter(number, None).await?;
            reader.rest();
            sockets.push((reader, writer, seen));
        }
        ready().await?;
        let leaving = sockets.split_off(count - back);
        // What each of them knows: of those who came after it, it was told.
        let seen: Vec<u64> = leaving.iter().map(|(_, _, seen)| *seen).collect();
        drop(leaving);
        let began = Instant::now();
        let mut tasks = tokio::task::JoinSet::new();
        let task = Arc::new(self);
        for (number, seen) in (count - back..count).zip(seen) {
            let task = task.clone();
            tasks.spawn(async move { task.enter(number, Some(seen)).await });
        }
        let mut resumed = Vec::new();
        while let Some(outcome) = tasks.join_next().await {
            resumed.extend(outcome?.ok());
        }
        Ok(Outcome { seconds: began.elapsed().as_secs_f64(), received: resumed.len(), expected: back, ..Outcome::default() })
    }

    async fn enter(&self, number: usize, since: Option<u64>) -> Result<(Reader, Writer, u64)> {
        let token = &self.tokens[number % ROOM];
        Dialect::Ours.enter(&self.address, &self.rooms[number / ROOM], token, since, None).await
    }
}
