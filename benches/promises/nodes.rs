//! Three nodes on one machine, with PostgreSQL and NATS: how soon the others have what happens at one, what that costs, how soon they refuse a token
//! that was revoked there, and how soon the people of a killed one are back. That nothing acknowledged is lost then is what `tests/it/nodes/kills.rs` looks at, a hundred times over in `scripts/bench`.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures::future::try_join_all;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    Figure, Result,
    beside::{Cpu, Nodes},
    clients::{self, Outcome, Task, ready},
    documents::Edit,
    others::Dialect,
    percentile,
    rooms::{self, Talk},
    server::Server,
    socket::{Reader, Writer},
};

/// In one room, a third of them at each node.
const MEMBERS: usize = 30;
/// Events that each of the ten at the first node tells a second; the goal is for the first of these.
const RATES: [f64; 4] = [2.0, 10.0, 20.0, 40.0];
const EDITORS: usize = 20;
/// Tokens that are revoked. Both others refuse each once, and refuse to look at more than a hundred tokens that do not work.
const REVOKED: usize = 40;
/// Between two requests with a token that is being revoked.
const PAUSE: Duration = Duration::from_millis(2);
/// At the node that is killed, so many to a room.
const CLIENTS: usize = 1_000;
const ROOM: usize = 50;
/// As the pages wait before they come back (`collaboration/link.rs`), in seconds.
const FIRST_PAUSE: f64 = 0.5;
const LONGEST_PAUSE: f64 = 30.0;
/// Then somebody has not come back.
const TRIES: i32 = 8;

pub async fn run() -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    let Some(nodes) = Nodes::start().await? else { return Ok(figures) };
    let place = nodes.first().place(MEMBERS, 1).await?;
    for (index, rate) in RATES.into_iter().enumerate() {
        let talk =
            Talk::new(Dialect::Ours, &nodes.first().address, &place.tokens, &place.sessions[0], MEMBERS, rate).over(&nodes.elsewhere());
        let before = nodes.database.size().await?;
        let (mut told, cost) = measured(&nodes, Task::Talk(talk)).await?;
        let grown = nodes.database.size().await? - before;
        let mut at = |part| percentile(&mut told.latencies, part);
        let (p50, p95, p99) = (at(0.5), at(0.95), at(0.99));
        let events = told.expected as f64 / (MEMBERS * 2 / 3) as f64;
        println!(
            "nodes: {events} events told at one node, {rate} a second by each of ten: {} of {} received at the others, p50 {p50:.1} ms, p95 {p95:.1} ms, p99 {p99:.1} ms; {}, {:.0} bytes of the database",
            told.received,
            told.expected,
            cost.for_each(events, "event"),
            grown / events
        );
        if index == 0 {
            figures.push(Figure::at_most("event at one node to members at the two others, p99", 15.0, p99, "ms"));
            let missing = told.expected.saturating_sub(told.received);
            figures.push(Figure::at_most("… of these missing", 0.0, missing as f64, "events"));
        }
    }

    let shared = nodes.first().artifact("shared").await?;
    let edit = Edit::new(Dialect::Ours, &nodes.first().address, &place.tokens, &shared).over(&nodes.elsewhere());
    let (mut typed, cost) = measured(&nodes, Task::Edit(edit)).await?;
    println!(
        "nodes: {EDITORS} editors of one text: {} of {} keys received at other nodes; {}",
        typed.received,
        typed.expected,
        cost.for_each(typed.saved.len() as f64, "key")
    );
    figures.push(Figure::at_most("key to the editors at other nodes, p95", 25.0, percentile(&mut typed.latencies, 0.95), "ms"));
    figures.push(Figure::at_most("… to said to be on disk, p95", 50.0, percentile(&mut typed.saved, 0.95), "ms"));
    let (mut refused, mut closed) = revoked(&nodes, &place.sessions[0]).await?;
    figures.push(Figure::at_most("token revoked at one node to refused at the others, p99", 1_000.0, percentile(&mut refused, 0.99), "ms"));
    figures.push(Figure::at_most("… to its sockets closed there, p99", 1_000.0, percentile(&mut closed, 0.99), "ms"));
    nodes.remove().await?;

    let Some(nodes) = Nodes::start().await? else { return Ok(figures) };
    for Figure { what, goal, measured, met } in rooms::idle(nodes.first()).await? {
        figures.push(Figure { what: format!("one of three nodes: {what}"), goal, measured, met });
    }
    nodes.remove().await?;
    figures.push(killed().await?);
    Ok(figures)
}

/// Milliseconds from asking the first node to revoke a token until another one refuses it, and until that has closed a socket that was opened with it.
async fn revoked(nodes: &Nodes, room: &str) -> Result<(Vec<f64>, Vec<f64>)> {
    let (mut refused, mut closed) = (Vec::new(), Vec::new());
    for _ in 0..REVOKED {
        let new = json!({ "name": "bench", "scopes": ["read", "write"] });
        let made = nodes.first().api("POST", "/me/tokens", Some(new)).await?;
        let (id, token) = (made["token"]["id"].as_str().ok_or("no token")?, made["secret"].as_str().ok_or("no secret")?);
        let mut sockets = Vec::new();
        for node in nodes.servers.iter().skip(1) {
            // From here on the node believes in it without asking the database.
            let (reader, writer, _) = Dialect::Ours.enter(&node.address, room, token, None, None).await?;
            sockets.push((node, reader, writer));
        }
        let path = format!("/me/tokens/{id}");
        let began = Instant::now();
        let both = |(node, reader, writer)| async move { tokio::try_join!(refuses(node, token, began), closes(reader, writer, began)) };
        let heard = try_join_all(sockets.into_iter().map(both));
        let (_, heard) = tokio::try_join!(nodes.first().api("DELETE", &path, None), heard)?;
        for (at_once, later) in heard {
            refused.push(at_once);
            closed.push(later);
        }
    }
    Ok((refused, closed))
}

/// Milliseconds until a node refuses a token that works until then.
async fn refuses(node: &Server, token: &str, began: Instant) -> Result<f64> {
    loop {
        let answer = node.client.get(node.url("/api/v1/me")).bearer_auth(token).send().await?;
        match answer.status().as_u16() {
            200 => tokio::time::sleep(PAUSE).await,
            401 => return Ok(began.elapsed().as_secs_f64() * 1_000.0),
            other => return Err(format!("a token that was revoked was answered {other}").into()),
        }
    }
}

/// Milliseconds until the node has closed a connection.
async fn closes(mut reader: Reader, writer: Writer, began: Instant) -> Result<f64> {
    while let Ok(Ok(_)) = reader.next().await {}
    drop(writer);
    Ok(began.elapsed().as_secs_f64() * 1_000.0)
}

/// One of three nodes is killed, with everybody at it.
async fn killed() -> Result<Figure> {
    let Some(mut nodes) = Nodes::start().await? else { return Err("the nodes are gone".into()) };
    let place = nodes.first().place(ROOM, CLIENTS / ROOM).await?;
    let task = Task::Back(Back {
        address: nodes.first().address.clone(),
        elsewhere: nodes.elsewhere(),
        tokens: place.tokens,
        rooms: place.sessions,
        count: CLIENTS,
    });
    let (mut back, ()) = clients::run(&task, async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        nodes.servers[0].kill()
    })
    .await?;
    if back.latencies.is_empty() {
        return Err("nobody came back from the node that was killed".into());
    }
    println!(
        "nodes: of {} that were at the killed node {} are back and were told what they missed, half of them after {:.1} s",
        back.expected,
        back.received,
        percentile(&mut back.latencies, 0.5) / 1_000.0
    );
    let seconds = if back.received == back.expected { percentile(&mut back.latencies, 1.0) / 1_000.0 } else { f64::INFINITY };
    nodes.remove().await?;
    Ok(Figure::at_most("kill of one of three nodes: all of its 1,000 clients resumed", 5.0, seconds, "s"))
}

/// Runs clients, and says what they cost.
async fn measured(nodes: &Nodes, task: Task) -> Result<(Outcome, Cost)> {
    let before = nodes.cpu().await?;
    let (outcome, ()) = clients::run(&task, async { Ok(()) }).await?;
    let after = nodes.cpu().await?;
    Ok((outcome, Cost { before, after }))
}

struct Cost {
    before: Cpu,
    after: Cpu,
}

impl Cost {
    /// Processor time for each of so many.
    fn for_each(&self, count: f64, what: &str) -> String {
        let micros = |part: fn(&Cpu) -> f64| (part(&self.after) - part(&self.before)) * 1e6 / count.max(1.0);
        format!(
            "of the processor each {what} took {:.0} µs of the nodes, {:.0} µs of PostgreSQL, {:.0} µs of NATS",
            micros(|cpu| cpu.nodes),
            micros(|cpu| cpu.database),
            micros(|cpu| cpu.nats)
        )
    }
}

/// `count` sockets at one node, `ROOM` to a room, which do nothing until it is gone; then each comes back at another one.
#[derive(Clone, Serialize, Deserialize)]
pub struct Back {
    address: String,
    elsewhere: Vec<String>,
    tokens: Vec<String>,
    rooms: Vec<String>,
    count: usize,
}

impl Back {
    pub async fn run(self) -> Result<Outcome> {
        let mut sockets = Vec::with_capacity(self.count);
        for number in 0..self.count {
            let (mut reader, writer, seen) = self.enter(&self.address, number, None).await?;
            reader.rest();
            sockets.push((reader, writer, seen));
        }
        ready().await?;
        let began = Instant::now();
        let (task, expected) = (Arc::new(self), sockets.len());
        let mut tasks = tokio::task::JoinSet::new();
        for (number, (reader, writer, seen)) in sockets.into_iter().enumerate() {
            let task = task.clone();
            tasks.spawn(async move { task.come_back(number, reader, writer, seen, began).await });
        }
        // Whoever is back stays while others come.
        let mut back = Vec::new();
        while let Some(ended) = tasks.join_next().await {
            back.extend(ended?.ok());
        }
        let latencies: Vec<f64> = back.iter().map(|(took, ..)| *took).collect();
        Ok(Outcome { seconds: began.elapsed().as_secs_f64(), received: latencies.len(), expected, latencies, ..Outcome::default() })
    }

    /// Milliseconds from the kill to being told what was missed, and the new connection.
    async fn come_back(
        &self,
        number: usize,
        mut reader: Reader,
        writer: Writer,
        seen: u64,
        began: Instant,
    ) -> Result<(f64, Reader, Writer)> {
        while let Ok(Ok(_)) = reader.next().await {}
        drop(writer);
        for attempt in 0..TRIES {
            let least = FIRST_PAUSE / 2.0;
            let span = (FIRST_PAUSE * 2_f64.powi(attempt)).min(LONGEST_PAUSE - least);
            tokio::time::sleep(Duration::from_secs_f64(least + span * fastrand::f64())).await;
            let address = &self.elsewhere[(number + attempt as usize) % self.elsewhere.len()];
            if let Ok((reader, writer, _)) = self.enter(address, number, Some(seen)).await {
                return Ok((began.elapsed().as_secs_f64() * 1_000.0, reader, writer));
            }
        }
        Err("nobody takes it".into())
    }

    async fn enter(&self, address: &str, number: usize, since: Option<u64>) -> Result<(Reader, Writer, u64)> {
        Dialect::Ours.enter(address, &self.rooms[number / ROOM], &self.tokens[number % ROOM], since, None).await
    }
}
