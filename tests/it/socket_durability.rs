//! What the sockets said is there is there after `kill -9`: messages, updates of documents, and numbers of events that never go back and
//! never leave a gap that is not told. Uses the real binary as a process.
//!
//! The kills run on both engines. The trace is of SQLite by nature: with PostgreSQL it is another program that calls fsync.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    process::{Command, Stdio},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use reqwest::{Client, Method};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use yrs::StateVector;

use crate::{
    app::{skipped, text},
    durability::rounds,
    editor::{Editor, covers},
    process::{Process, browser, call_patiently, first_account},
    process_test,
    socket::Socket,
};

/// What one node has stored is at another after seconds at most.
const PATIENCE: Duration = Duration::from_secs(15);

/// One artifact and one session of the first account, and a token of it.
pub struct Place {
    pub token: String,
    pub artifact: String,
    pub session: String,
    /// The volume of one's own.
    pub volume: String,
}

pub async fn place(process: &Process, client: &Client) -> Place {
    let volume = first_account(process, client).await;
    let make = async |path: &str, body: Value| -> Value {
        let (status, made) = process.call(client, Method::POST, path, body).await.expect("an answer");
        assert!(status < 300, "{path}: {status} {made}");
        made
    };
    let token = make("/me/tokens", json!({ "name": "test", "scopes": ["read", "write"], "expiresInDays": 7 })).await;
    let artifact = make("/artifacts", json!({ "volumeId": volume, "kind": "skill", "name": "Shared" })).await;
    let session = make("/sessions", json!({ "title": "Review" })).await;
    Place { token: text(&token["secret"]), artifact: text(&artifact["summary"]["id"]), session: text(&session["id"]), volume }
}

/// What the server said yes to.
#[derive(Default)]
pub struct Acknowledged {
    /// Of the document: its state vector, and which words are in it, or are no longer.
    saved: StateVector,
    words: HashMap<String, bool>,
    /// By their numbers.
    messages: HashMap<i64, String>,
    /// The highest number of an event that was heard.
    heard: u64,
    /// How often somebody was told to read everything again.
    resyncs: usize,
}

impl Acknowledged {
    /// Says how much it was, once everybody has ended.
    pub fn tell(acknowledged: Arc<Mutex<Self>>) {
        let seen = Arc::try_unwrap(acknowledged).ok().expect("everybody ended").into_inner().expect("not poisoned");
        assert!(!seen.messages.is_empty() && seen.heard > 0 && seen.saved.iter().count() > 0, "something was written before the kills");
        println!("{} messages, {} words, events up to {}, {} resyncs", seen.messages.len(), seen.words.len(), seen.heard, seen.resyncs);
    }
}

/// A server, and what people do there.
#[derive(Clone)]
pub struct World {
    url: String,
    place: Arc<Place>,
    acknowledged: Arc<Mutex<Acknowledged>>,
    /// Ends those who edit before the server is gone.
    pub stop: CancellationToken,
}

impl World {
    pub fn new(url: &str, place: &Arc<Place>, acknowledged: &Arc<Mutex<Acknowledged>>) -> Self {
        Self { url: url.to_owned(), place: place.clone(), acknowledged: acknowledged.clone(), stop: CancellationToken::new() }
    }

    /// Begins to edit, to talk and to listen, all until the server is gone.
    pub fn begin(&self, client: &Client, round: usize) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        for editor in 0..2 {
            tasks.spawn(self.clone().edit(format!("{round}.{editor}")));
        }
        tasks.spawn(self.clone().talk(client.clone(), format!("{round}")));
        tasks.spawn(self.clone().listen());
        tasks
    }

    /// Looks whether everything is there that was acknowledged, of the timeline what is behind number `read`; gives its last one.
    pub async fn has_everything(&self, client: &Client, round: usize, read: i64) -> i64 {
        let mut editor = Editor::connect(&self.url, &self.place.token, &self.place.artifact).await.expect("it opens");
        let saved = self.note().saved.clone();
        let has = tokio::time::timeout(PATIENCE, editor.hear(|editor| covers(&editor.vector(), &saved))).await;
        assert!(has.is_ok_and(|has| has.is_ok()), "round {round}: an update that was acknowledged is gone");
        let get = async |path: String| {
            let (status, answer) = call_patiently(&self.url, client, Method::GET, &path, Value::Null).await.expect("an answer");
            assert_eq!(status, 200, "{path}: {answer}");
            answer
        };
        let detail = get(format!("/artifacts/{}", self.place.artifact)).await;
        let draft = text(&detail["text"]);
        // What the server took just before it died may be in neither of them at first.
        let same = tokio::time::timeout(PATIENCE, editor.hear(|editor| editor.text() == draft)).await;
        assert!(same.is_ok_and(|same| same.is_ok()), "round {round}: the draft is not what is written");
        let words: HashSet<&str> = draft.split_whitespace().collect();
        for (word, is_there) in &self.note().words {
            assert_eq!(words.contains(word.as_str()), *is_there, "round {round}: {word}");
        }
        let mut missing = self.note().messages.clone();
        missing.retain(|number, _| *number > read);
        let mut read = read;
        loop {
            let page = get(format!("/sessions/{}/entries?from={}&limit=200", self.place.session, read + 1)).await;
            let items = page["items"].as_array().expect("a list");
            for item in items {
                let number = item["number"].as_i64().expect("a number");
                if let Some(words) = missing.remove(&number) {
                    assert_eq!(item["text"].as_str(), Some(words.as_str()), "round {round}: {item}");
                }
                read = read.max(number);
            }
            if items.is_empty() || read >= page["total"].as_i64().expect("a number") {
                break;
            }
        }
        assert!(missing.is_empty(), "round {round}: messages that were acknowledged are gone: {missing:?}");
        read
    }

    fn note(&self) -> MutexGuard<'_, Acknowledged> {
        self.acknowledged.lock().expect("not poisoned")
    }

    /// Writes into the document until the server is gone, or it is told to stop.
    pub async fn edit(self, name: String) {
        let Ok(mut editor) = Editor::connect(&self.url, &self.place.token, &self.place.artifact).await else { return };
        let mut mine = VecDeque::new();
        for step in 0.. {
            if self.stop.is_cancelled() {
                return;
            }
            let mut words = Vec::new();
            for part in 0..4 {
                let word = format!("{name}.{step}.{part}");
                editor.write("", &format!("{word} ")).await;
                mine.push_back(word.clone());
                words.push((word, true));
            }
            if step % 2 == 1
                && let Some(word) = mine.pop_front()
            {
                // From here on until the answer it may be there or not.
                self.note().words.remove(&word);
                editor.erase(&format!("{word} ")).await;
                words.push((word, false));
            }
            let sent = editor.sent;
            if editor.hear(|editor| editor.on_disk >= sent).await.is_err() {
                return;
            }
            let mut seen = self.note();
            seen.saved.merge(editor.saved.clone().expect("it was heard"));
            seen.words.extend(words);
        }
    }

    /// Sends messages until the server is gone.
    async fn talk(self, client: Client, name: String) {
        let path = format!("/sessions/{}/messages", self.place.session);
        for step in 0.. {
            let words = format!("{name}.{step}");
            let Some((status, entry)) = call_patiently(&self.url, &client, Method::POST, &path, json!({ "text": words })).await else {
                return;
            };
            assert_eq!(status, 201, "{entry}");
            self.note().messages.insert(entry["number"].as_i64().expect("a number"), words);
        }
    }

    /// Tells the session's room and hears what is told there, from the number on that was heard last, until the server is gone.
    async fn listen(self) {
        let headers = [("authorization", format!("Bearer {}", self.place.token))];
        let Ok(mut socket) = Socket::open(&self.url, "/ws", &headers).await else { return };
        let since = self.note().heard;
        let join = json!({ "type": "join_room", "roomId": self.place.session, "roomType": "session", "since": since });
        if socket.try_send(join).await.is_err() {
            return;
        }
        let mut next = None;
        let mut ticks = tokio::time::interval(Duration::from_millis(30));
        loop {
            let frame = tokio::select! {
                frame = socket.frame() => frame,
                _ = ticks.tick() => {
                    let event = json!({ "type": "session_update", "sessionId": self.place.session, "data": "x" });
                    if socket.try_send(json!({ "type": "broadcast", "roomId": self.place.session, "event": event })).await.is_err() {
                        return;
                    }
                    continue;
                }
            };
            let Ok(frame) = frame else { return };
            match frame["type"].as_str() {
                Some("room_state") => {
                    let last = frame["seq"].as_u64().expect("a number");
                    assert!(last >= since, "numbers went back from {since}: {frame}");
                    let resync = frame["resync"] == true;
                    self.note().resyncs += usize::from(resync);
                    next = Some(if resync { last + 1 } else { since + 1 });
                }
                Some("event") if frame["seq"].is_u64() => {
                    let number = frame["seq"].as_u64();
                    assert_eq!(number, next, "a gap that was not told: {frame}");
                    self.note().heard = number.unwrap_or_default();
                    next = number.map(|number| number + 1);
                }
                Some("error") => assert_eq!(frame["code"], "too_many_requests", "{frame}"),
                _ => {}
            }
        }
    }
}

process_test!(nothing_that_a_socket_acknowledged_is_lost_by_kill_9, |disk| {
    let client = browser();
    let mut process = disk.start(&[]).await;
    let place = Arc::new(place(&process, &client).await);
    let acknowledged = Arc::new(Mutex::new(Acknowledged::default()));
    let mut read = 0;
    for round in 0..rounds() {
        let mut tasks = World::new(&process.base, &place, &acknowledged).begin(&client, round);
        let moment = u64::from(uuid::Uuid::now_v7().as_bytes()[15]);
        tokio::time::sleep(Duration::from_millis(400 + moment * 3)).await;
        process.kill();
        while let Some(ended) = tasks.join_next().await {
            ended.expect("nobody was told anything wrong");
        }
        process = disk.start(&[]).await;
        read = World::new(&process.base, &place, &acknowledged).has_everything(&client, round, read).await;
    }
    process.kill();
    Acknowledged::tell(acknowledged);
});

/// A system call of the server: the lines of the trace where it began and ended, and its text.
struct Call {
    began: usize,
    ended: usize,
    text: String,
}

/// strace writes a call that another thread interrupts in two lines.
fn calls(trace: &str) -> Vec<Call> {
    let mut begun: HashMap<&str, (usize, String)> = HashMap::new();
    let mut calls = Vec::new();
    for (line, text) in trace.lines().enumerate() {
        let Some((thread, text)) = text.trim_start().split_once(' ') else { continue };
        let text = text.trim_start();
        if let Some(start) = text.strip_suffix("<unfinished ...>") {
            begun.insert(thread, (line, start.to_owned()));
        } else if text.starts_with("<... ") {
            let Some((began, start)) = begun.remove(thread) else { continue };
            let rest = text.split_once("resumed>").map_or("", |(_, rest)| rest);
            calls.push(Call { began, ended: line, text: format!("{start}{rest}") });
        } else {
            calls.push(Call { began: line, ended: line, text: text.to_owned() });
        }
    }
    calls
}

/// One editor, one update after another: between reading each one and saying that it is on disk there is an fsync, begun after the one
/// and ended before the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_update_of_a_document_is_fsynced_before_it_is_acknowledged() {
    const UPDATES: usize = 25;
    if Command::new("strace").arg("-V").stdout(Stdio::null()).status().is_err() {
        skipped("strace", "install it, so that somebody watches the system calls");
        return;
    }
    let data = TempDir::new().expect("a folder");
    let log = data.path().join("strace.log");
    let trace = log.to_string_lossy().into_owned();
    let traced = "trace=fsync,fdatasync,read,recvfrom,write,writev,sendto,sendmsg";
    let process = Process::start(data.path(), &["strace", "-f", "-qq", "-s", "64", "-e", traced, "-o", &trace]).await;
    let client = browser();
    let place = place(&process, &client).await;
    let mut editor = Editor::connect(&process.base, &place.token, &place.artifact).await.expect("it opens");
    editor.until_saved().await;
    for number in 0..UPDATES {
        editor.write("", &format!("Update {number}. ")).await;
        editor.until_saved().await;
    }
    process.kill();
    let trace = std::fs::read_to_string(&log).expect("strace wrote its log");
    let calls = calls(&trace);
    let opened = calls.iter().find(|call| call.text.contains("\"GET /ws/doc/")).expect("the connection is in the trace");
    let socket = opened.text.split(['(', ',']).nth(1).expect("a number of a file").to_owned();
    let on_socket = |call: &&Call, names: &[&str]| names.iter().any(|name| call.text.starts_with(&format!("{name}({socket},")));
    let read = |call: &&Call| on_socket(call, &["read", "recvfrom"]) && !call.text.contains("= -1") && !call.text.ends_with("= 0");
    // A binary frame whose content begins with 100.
    let told = |call: &&Call| on_socket(call, &["write", "writev", "sendto", "sendmsg"]) && is_saved(&call.text);
    let synced = |call: &&Call| (call.text.starts_with("fsync(") || call.text.starts_with("fdatasync(")) && call.text.ends_with("= 0");
    let mut seen = 0;
    for saved in calls.iter().filter(told).filter(|call| call.began > opened.ended) {
        let update = calls.iter().filter(read).filter(|call| call.ended < saved.began).max_by_key(|call| call.ended).expect("an update");
        // The first one that is counted has nothing new in it: the answer to the server's question.
        if update.ended <= opened.ended || saved.text.contains("\\1\",") {
            continue;
        }
        let between = calls.iter().filter(synced).any(|call| call.began > update.ended && call.ended < saved.began);
        assert!(between, "acknowledged before anything was fsynced: {}", saved.text);
        seen += 1;
    }
    assert!(seen >= UPDATES, "{seen} of {UPDATES} acknowledgements are in the trace");
}

/// Whether a call writes message 100 of the document socket: as strace shows it, the frame's first byte, its length, and the `d` that 100 is.
fn is_saved(call: &str) -> bool {
    let Some((_, bytes)) = call.split_once("\"\\202") else { return false };
    // The length is one byte: shown as itself or as an escape of up to three digits.
    let mut rest = bytes.chars();
    if rest.next() == Some('\\') {
        let digits: String = rest.clone().take_while(char::is_ascii_digit).take(3).collect();
        for _ in 0..digits.len().max(1) {
            rest.next();
        }
    }
    rest.next() == Some('d')
}
