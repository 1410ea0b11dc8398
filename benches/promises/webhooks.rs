//! Deliveries from GitHub: how soon one is answered, how many a second, each on the disk before its answer; and the same load on GitHub's own
//! middleware for Node with SQLite behind it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use llmos_lite::features::webhooks::service::sign;
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
};

use crate::{Figure, Result, clients::cpu_seconds, others::NodeServer, percentile, server::Server};

const SECRET: &str = "a secret of this bench alone";
/// As many deliveries a second as GitHub sends of a large organisation.
const RATE: f64 = 200.0;
const SENDERS: usize = 16;
/// GitHub sends from many machines at once.
const CONNECTIONS: usize = 64;
const REPOSITORIES: usize = 20;

/// Shorter, to try it.
fn seconds() -> u64 {
    std::env::var("LLMOS_WEBHOOK_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(30)
}

/// A push of some 8 KB, as recorded ones are, of one of several repositories.
fn push(number: usize) -> Vec<u8> {
    let name = format!("harbor/skills-{}", number % REPOSITORIES);
    let url = format!("https://api.github.com/repos/{name}");
    let commit = |at: usize| {
        let id = format!("{:040x}", number * 100 + at);
        json!({
            "id": id, "tree_id": id, "distinct": true, "message": format!("Name the owner of runbook {at}, and what to do when nobody answers"),
            "timestamp": "2026-11-28T09:43:51+01:00", "url": format!("https://github.com/{name}/commit/{id}"),
            "author": { "name": "Kenji Arai", "email": "kenji@harbor.example", "username": "kenji" },
            "committer": { "name": "Kenji Arai", "email": "kenji@harbor.example", "username": "kenji" },
            "added": [], "removed": [], "modified": [format!("skills/runbook-{at}/SKILL.md")],
        })
    };
    let addresses = [
        "forks",
        "keys",
        "collaborators",
        "teams",
        "hooks",
        "issues",
        "events",
        "assignees",
        "branches",
        "tags",
        "git",
        "statuses",
        "languages",
    ];
    let addresses: serde_json::Map<_, _> =
        addresses.iter().map(|kind| (format!("{kind}_url"), json!(format!("{url}/{kind}{{/id}}")))).collect();
    let mut payload = json!({
        "ref": "refs/heads/main", "before": format!("{number:040x}"), "after": format!("{:040x}", number + 1),
        "created": false, "deleted": false, "forced": false, "base_ref": null, "compare": format!("https://github.com/{name}/compare/a...b"),
        "repository": { "id": number, "full_name": name, "clone_url": format!("https://github.com/{name}.git"), "owner": addresses },
        "pusher": { "name": "kenji", "email": "kenji@harbor.example" }, "sender": { "login": "kenji", "id": 7 }, "head_commit": commit(9),
        "commits": (0..10).map(commit).collect::<Vec<_>>(),
    });
    payload["repository"]["urls"] = payload["repository"]["owner"].clone();
    payload.to_string().into_bytes()
}

/// A whole request but for its id, which is not signed: it is put into its place.
struct Request {
    bytes: Vec<u8>,
    id_at: usize,
}

impl Request {
    fn new(number: usize) -> Self {
        let body = push(number);
        let head = format!(
            "POST /webhook/github HTTP/1.1\r\nhost: bench\r\nuser-agent: GitHub-Hookshot/bench\r\ncontent-type: application/json\r\nx-github-event: push\r\n\
             x-hub-signature-256: {}\r\ncontent-length: {}\r\nx-github-delivery: ",
            sign(SECRET, &body),
            body.len()
        );
        let id_at = head.len();
        let id = uuid::Uuid::nil().to_string();
        Self { bytes: [head.as_bytes(), id.as_bytes(), b"\r\n\r\n", &body].concat(), id_at }
    }
}

struct Connection(BufReader<TcpStream>);

impl Connection {
    async fn open(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }

    /// The status of the answer.
    async fn send(&mut self, request: &mut Request) -> Result<u16> {
        let id = uuid::Uuid::now_v7().to_string();
        request.bytes[request.id_at..request.id_at + id.len()].copy_from_slice(id.as_bytes());
        self.0.get_mut().write_all(&request.bytes).await?;
        let mut line = String::new();
        self.0.read_line(&mut line).await?;
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(|| format!("no answer: {line}"))?;
        let (mut length, mut chunked) = (0, false);
        loop {
            line.clear();
            self.0.read_line(&mut line).await?;
            let (name, value) = line.trim_end().split_once(':').unwrap_or_default();
            match name.to_ascii_lowercase().as_str() {
                "" => break,
                "content-length" => length = value.trim().parse()?,
                "transfer-encoding" => chunked = true,
                _ => {}
            }
        }
        if chunked {
            loop {
                line.clear();
                self.0.read_line(&mut line).await?;
                let part = usize::from_str_radix(line.trim(), 16)?;
                self.0.read_exact(&mut vec![0; part + 2]).await?;
                if part == 0 {
                    break;
                }
            }
        }
        self.0.read_exact(&mut vec![0; length]).await?;
        Ok(status)
    }
}

/// So many a second, whether or not the ones before were answered: milliseconds from when each was due to its answer.
async fn at_a_rate(address: &str, seconds: u64) -> Result<Vec<f64>> {
    let began = Instant::now() + Duration::from_millis(100);
    let mut senders = tokio::task::JoinSet::new();
    for sender in 0..SENDERS {
        let address = address.to_owned();
        senders.spawn(async move {
            let mut connection = Connection::open(&address).await?;
            let mut request = Request::new(sender);
            let mut times = Vec::new();
            for step in 0.. {
                let due = began + Duration::from_secs_f64((sender + step * SENDERS) as f64 / RATE);
                if due > began + Duration::from_secs(seconds) {
                    break;
                }
                tokio::time::sleep_until(due.into()).await;
                let status = connection.send(&mut request).await?;
                if !(200..300).contains(&status) {
                    return Err(format!("answered {status}").into());
                }
                times.push(due.elapsed().as_secs_f64() * 1_000.0);
            }
            Result::Ok(times)
        });
    }
    let mut all = Vec::new();
    for times in senders.join_all().await {
        all.extend(times?);
    }
    Ok(all)
}

/// As many as are answered: how many a second, and how many were told to come again.
async fn as_many_as_possible(address: &str, seconds: u64) -> Result<(f64, usize)> {
    let (stored, busy) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let until = Instant::now() + Duration::from_secs(seconds);
    let mut senders = tokio::task::JoinSet::new();
    for number in 0..CONNECTIONS {
        let (address, stored, busy) = (address.to_owned(), stored.clone(), busy.clone());
        senders.spawn(async move {
            let mut connection = Connection::open(&address).await?;
            let mut request = Request::new(number);
            while Instant::now() < until {
                match connection.send(&mut request).await? {
                    200..300 => stored.fetch_add(1, Ordering::Relaxed),
                    503 => busy.fetch_add(1, Ordering::Relaxed),
                    status => return Err(format!("answered {status}").into()),
                };
            }
            Result::Ok(())
        });
    }
    for ended in senders.join_all().await {
        ended?;
    }
    Ok((stored.load(Ordering::Relaxed) as f64 / seconds as f64, busy.load(Ordering::Relaxed)))
}

struct Row {
    who: &'static str,
    p50: f64,
    p99: f64,
    rate: f64,
    busy: usize,
    cpu: f64,
}

async fn measure(who: &'static str, address: &str, process: u32) -> Result<Row> {
    // What is done once is done before.
    at_a_rate(address, 2).await?;
    let mut times = at_a_rate(address, seconds()).await?;
    let before = cpu_seconds(process);
    let (rate, busy) = as_many_as_possible(address, seconds()).await?;
    let cpu = (cpu_seconds(process) - before) / (rate * seconds() as f64) * 1_000.0;
    Ok(Row { who, p50: percentile(&mut times, 0.5), p99: percentile(&mut times, 0.99), rate, busy, cpu })
}

pub async fn run() -> Result<Vec<Figure>> {
    let server = Server::start_with(None, &[("GITHUB_WEBHOOK_SECRET", SECRET), ("WEBHOOK_ALLOW_LIST", "off")]).await?;
    server.set_up().await?;
    let ours = measure("LLMos-Lite", &server.address, server.id()).await?;
    let began = Instant::now();
    let report = loop {
        let report = server.api("GET", "/webhooks/report", None).await?;
        if report["waiting"] == 0 {
            break report;
        }
        if began.elapsed() > Duration::from_secs(600) {
            return Err(format!("deliveries still wait: {report}").into());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    println!("{} deliveries were stored; the last had its turn {:.1} s after the load", report["day"], began.elapsed().as_secs_f64());
    drop(server);
    let figures = vec![
        Figure::at_most("a delivery of 7 KB answered, flushed to disk before, 200 a second, p99", 50.0, ours.p99, "ms"),
        Figure::at_least(
            format!("deliveries a second for {} s, each flushed to disk before its answer", seconds()),
            2_000.0,
            ours.rate,
            "",
        ),
    ];
    let mut rows = vec![ours];
    let file = tempfile::tempdir()?;
    let database = file.path().join("deliveries.sqlite").display().to_string();
    match NodeServer::start_in("benches/webhook-server", "server.mjs", &[SECRET, &database]).await? {
        Some(node) => rows.push(measure("@octokit/webhooks 14.2.0, better-sqlite3", node.address(), node.id()).await?),
        None => println!("\n@octokit/webhooks is not installed (npm ci in benches/webhook-server): nothing to compare with."),
    }
    println!(
        "\n| server | 200 a second, p50 | p99 | most a second | told to come again | its processor time for each |\n|---|---|---|---|---|---|"
    );
    for Row { who, p50, p99, rate, busy, cpu } in rows {
        println!("| {who} | {p50:.1} ms | {p99:.1} ms | {rate:.0} | {busy} | {cpu:.2} ms |");
    }
    Ok(figures)
}
