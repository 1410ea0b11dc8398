//! The document socket: twenty who type at the same time, and a text that was edited a quarter of a million times.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use sqlx::Row as _;
use yrs::{
    Doc, ReadTxn as _, StateVector, Text as _, TextRef, Transact as _, Update,
    encoding::read::Read as _,
    sync::{Message, SyncMessage},
    updates::{
        decoder::{Decode as _, DecoderV1},
        encoder::Encode as _,
    },
};

use crate::{
    Figure, Result,
    clients::{self, Outcome, Tally, Task, ready},
    others::Dialect,
    percentile,
    server::Server,
    socket::{BINARY, Reader, Writer},
};

const EDITORS: usize = 20;
const KEYS_PER_SECOND: f64 = 5.0;
const SECONDS: u64 = 20;
/// Of the trace `crdt-benchmarks` calls B4: a paper as it was typed.
const EDITS: usize = 259_778;
const INSERTED: usize = 182_315;
/// Edits of one message: the trace is typed at 10,000 keys a second.
const EDITS_PER_MESSAGE: usize = 100;
/// Client numbers begin here, so that whose key it is shows in it.
const FIRST_CLIENT: u64 = 1_000;
/// A document is put away some time after the last one left.
const PUT_AWAY: Duration = Duration::from_secs(40);

pub async fn run() -> Result<Vec<Figure>> {
    let mut server = Server::start(None).await?;
    server.set_up().await?;
    let place = server.place(EDITORS, 0).await?;
    let shared = server.artifact("shared").await?;
    let before = clients::cpu_seconds(server.id());
    let task = Task::Edit(Edit::new(Dialect::Ours, &server.address, &place.tokens, &shared));
    let (mut typed, ()) = clients::run(&task, async { Ok(()) }).await?;
    println!(
        "{EDITORS} editors: {} keys received, {} missing, {} said to be on disk; the server took {:.1} s of processor time, the clients {:.1} s",
        typed.received,
        typed.expected.saturating_sub(typed.received),
        typed.saved.len(),
        clients::cpu_seconds(server.id()) - before,
        typed.cpu
    );
    let mut figures = vec![
        Figure::at_most(
            format!("{EDITORS} editors, 5 keys a second each, key to all others, p95"),
            10.0,
            percentile(&mut typed.latencies, 0.95),
            "ms",
        ),
        Figure::at_most("key to said to be on disk, p95", 50.0, percentile(&mut typed.saved, 0.95), "ms"),
    ];

    let artifact = server.artifact("trace").await?;
    let file = std::env::var_os("LLMOS_TRACE").map(PathBuf::from);
    let named = if file.is_some() { "B4 of crdt-benchmarks" } else { "made up, as long as B4" };
    let task = Task::Trace(Trace { address: server.address.clone(), token: place.tokens[0].clone(), artifact: artifact.clone(), file });
    let (typed, ()) = clients::run(&task, async { Ok(()) }).await?;
    println!(
        "trace ({named}): {} edits typed in {:.0} s, the clients took {:.1} s of processor time",
        typed.received, typed.seconds, typed.cpu
    );
    let stored = stored(&server, &artifact).await?;
    let bytes: usize = stored.iter().map(Vec::len).sum();
    figures.push(Figure::at_most(format!("{EDITS} edits ({named}), stored"), 160.0, bytes as f64 / 1_000.0, "KB"));

    let mut loads = Vec::new();
    for _ in 0..20 {
        let began = Instant::now();
        let doc = Doc::new();
        for update in &stored {
            doc.transact_mut().apply_update(Update::decode_v2(update)?)?;
        }
        loads.push(began.elapsed().as_secs_f64() * 1_000.0);
    }
    figures.push(Figure::at_most("load of it, as the server does, median of 20", 20.0, percentile(&mut loads, 0.5), "ms"));
    let mut opened = Vec::new();
    for _ in 0..10 {
        server.restart().await?;
        let began = Instant::now();
        let (mut reader, mut writer) = Dialect::Ours.open(&server.address, &artifact, &place.tokens[0]).await?;
        writer.send(BINARY, &question(&Doc::new())).await?;
        while !matches!(reader.next().await?, Ok((_, bytes)) if bytes.starts_with(&[0, 1])) {}
        opened.push(began.elapsed().as_secs_f64() * 1_000.0);
    }
    figures.push(Figure::at_most(
        "from connecting to a server that just started to having all of it, median of 10",
        100.0,
        percentile(&mut opened, 0.5),
        "ms",
    ));
    Ok(figures)
}

/// What the database holds of a document, once it was put away.
async fn stored(server: &Server, artifact: &str) -> Result<Vec<Vec<u8>>> {
    sqlx::any::install_default_drivers();
    let pool = sqlx::AnyPool::connect(&format!("sqlite:{}", server.data().join("llmos.sqlite").display())).await?;
    let until = Instant::now() + PUT_AWAY;
    let loose = "SELECT data FROM document_updates WHERE artifact_id = $1 ORDER BY number";
    while Instant::now() < until && !sqlx::query(loose).bind(artifact).fetch_all(&pool).await?.is_empty() {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let mut stored: Vec<Vec<u8>> = Vec::new();
    for sql in ["SELECT state FROM documents WHERE artifact_id = $1", loose] {
        for row in sqlx::query(sql).bind(artifact).fetch_all(&pool).await? {
            stored.push(row.try_get(0)?);
        }
    }
    Ok(stored)
}

pub fn question(doc: &Doc) -> Vec<u8> {
    Message::Sync(SyncMessage::SyncStep1(doc.transact().state_vector())).encode_v1()
}

/// Everybody types into one document; each key is looked for at all others, over several nodes at all who are at another one.
#[derive(Clone, Serialize, Deserialize)]
pub struct Edit {
    dialect: Dialect,
    /// Of each node.
    addresses: Vec<String>,
    tokens: Vec<String>,
    document: String,
}

/// When each editor typed each of its keys, in nanoseconds since all began.
type Typed = Arc<Vec<Vec<AtomicU64>>>;

impl Edit {
    pub fn new(dialect: Dialect, address: &str, tokens: &[String], document: &str) -> Self {
        Self { dialect, addresses: vec![address.to_owned()], tokens: tokens.to_vec(), document: document.to_owned() }
    }

    /// The same over further nodes.
    pub fn over(mut self, elsewhere: &[String]) -> Self {
        self.addresses.extend_from_slice(elsewhere);
        self
    }

    /// Whether what one editor types is looked for at the other.
    fn is_heard(nodes: usize, typist: usize, listener: usize) -> bool {
        typist != listener && (nodes == 1 || typist % nodes != listener % nodes)
    }

    pub async fn run(self) -> Result<Outcome> {
        let keys = (KEYS_PER_SECOND * SECONDS as f64) as usize;
        let nodes = self.addresses.len();
        let typed: Typed = Arc::new((0..EDITORS).map(|_| (0..keys).map(|_| AtomicU64::new(0)).collect()).collect());
        let mut editors = Vec::new();
        for number in 0..EDITORS {
            editors.push(Editor::open(&self, number).await?);
        }
        ready().await?;
        let tally = Arc::new(Tally::default());
        let began = Instant::now();
        let mut tasks = tokio::task::JoinSet::new();
        for editor in editors {
            tasks.spawn(editor.work(began, typed.clone(), tally.clone()));
        }
        while let Some(ended) = tasks.join_next().await {
            ended??;
        }
        let listeners = |typist: usize| (0..EDITORS).filter(move |listener| Self::is_heard(nodes, typist, *listener)).count();
        Ok(tally.outcome(keys * (0..EDITORS).map(listeners).sum::<usize>()))
    }
}

struct Editor {
    dialect: Dialect,
    document: String,
    nodes: usize,
    number: usize,
    doc: Doc,
    text: TextRef,
    reader: Reader,
    writer: Writer,
    /// Where the next key goes.
    cursor: u32,
    /// Keys so far, and those that were said to be on disk.
    typed: u32,
    saved: u32,
}

impl Editor {
    async fn open(edit: &Edit, number: usize) -> Result<Self> {
        let Edit { dialect, addresses, tokens, document } = edit;
        let nodes = addresses.len();
        let (reader, writer) = dialect.open(&addresses[number % nodes], document, &tokens[number % tokens.len()]).await?;
        let doc = Doc::with_client_id(FIRST_CLIENT + number as u64);
        let text = doc.get_or_insert_text("content");
        let mut editor =
            Self { dialect: *dialect, document: document.clone(), nodes, number, doc, text, reader, writer, cursor: 0, typed: 0, saved: 0 };
        let question = dialect.wrap(document, &question(&editor.doc));
        editor.writer.send(BINARY, &question).await?;
        loop {
            let (answered, answer) = match editor.reader.next().await? {
                Ok((_, bytes)) => {
                    let bytes = dialect.unwrap(bytes);
                    (bytes.starts_with(&[0, 1]), take(&editor.doc, bytes)?)
                }
                Err(code) => return Err(format!("closed with {code}").into()),
            };
            if let Some(answer) = answer {
                editor.writer.send(BINARY, &dialect.wrap(document, &answer)).await?;
            }
            if answered {
                return Ok(editor);
            }
        }
    }

    async fn work(mut self, began: Instant, typed: Typed, tally: Arc<Tally>) -> Result<()> {
        let keys = typed[self.number].len();
        let pause = Duration::from_secs_f64(1.0 / KEYS_PER_SECOND);
        let first = tokio::time::Instant::from_std(began) + pause.mul_f64(self.number as f64 / EDITORS as f64);
        let mut ticks = tokio::time::interval_at(first, pause);
        let end = tokio::time::Instant::from_std(began) + Duration::from_secs(SECONDS + 3);
        let (mut heard, mut saved, mut key) = (Vec::new(), Vec::new(), 0);
        loop {
            tokio::select! {
                _ = ticks.tick(), if key < keys => {
                    typed[self.number][key].store(began.elapsed().as_nanos() as u64, Ordering::Release);
                    key += 1;
                    let update = self.key();
                    let message = Message::Sync(SyncMessage::Update(update)).encode_v1();
                    self.writer.send(BINARY, &self.dialect.wrap(&self.document, &message)).await?;
                }
                () = tokio::time::sleep_until(end) => break,
                message = self.reader.next() => {
                    let now = began.elapsed().as_nanos() as u64;
                    let bytes = match message? {
                        Ok((_, bytes)) => self.dialect.unwrap(bytes),
                        Err(code) => return Err(format!("closed with {code}").into()),
                    };
                    let passed = |editor: usize, key: u32| {
                        let sent = typed.get(editor)?.get(key as usize)?.load(Ordering::Acquire);
                        Some(now.saturating_sub(sent) as f64 / 1e6)
                    };
                    if bytes.first() == Some(&100) {
                        let Message::Custom(_, vector) = Message::decode_v1(bytes)? else { continue };
                        let upto = StateVector::decode_v1(&vector)?.get(&self.doc.client_id());
                        saved.extend((self.saved..upto).filter_map(|key| passed(self.number, key)));
                        self.saved = self.saved.max(upto);
                    } else if bytes.starts_with(&[0, 2]) {
                        let Message::Sync(SyncMessage::Update(update)) = Message::decode_v1(bytes)? else { continue };
                        let update = Update::decode_v1(&update)?;
                        for (client, ranges) in update.insertions(true).iter() {
                            let editor = client.get().wrapping_sub(FIRST_CLIENT) as usize;
                            // Some servers send back what one has sent.
                            if Edit::is_heard(self.nodes, editor, self.number) {
                                heard.extend(ranges.iter().flat_map(|range| range.start..range.end).filter_map(|key| passed(editor, key)));
                            }
                        }
                        self.doc.transact_mut().apply_update(update)?;
                    } else if let Some(answer) = take(&self.doc, bytes)? {
                        self.writer.send(BINARY, &self.dialect.wrap(&self.document, &answer)).await?;
                    }
                }
            }
        }
        tally.latencies(heard);
        tally.saved(saved);
        Ok(())
    }

    /// One key, behind the one before; now and then somewhere else.
    fn key(&mut self) -> Vec<u8> {
        let mut tx = self.doc.transact_mut();
        let length = self.text.len(&tx);
        if self.typed.is_multiple_of(40) || self.cursor > length {
            self.cursor = (self.number as u32 * 7_919) % (length + 1);
        }
        self.text.insert(&mut tx, self.cursor, "k");
        self.cursor += 1;
        self.typed += 1;
        tx.encode_update_v1()
    }
}

/// Takes a message that is none of those that are measured; what has to be answered.
fn take(doc: &Doc, bytes: &[u8]) -> Result<Option<Vec<u8>>> {
    if bytes.first() != Some(&0) {
        return Ok(None);
    }
    Ok(match Message::decode_v1(bytes)? {
        Message::Sync(SyncMessage::SyncStep1(vector)) => {
            let missing = doc.transact().encode_state_as_update_v1(&vector);
            Some(Message::Sync(SyncMessage::SyncStep2(missing)).encode_v1())
        }
        Message::Sync(SyncMessage::SyncStep2(update) | SyncMessage::Update(update)) => {
            doc.transact_mut().apply_update(Update::decode_v1(&update)?)?;
            None
        }
        _ => None,
    })
}

/// One types a whole trace.
#[derive(Clone, Serialize, Deserialize)]
pub struct Trace {
    address: String,
    token: String,
    artifact: String,
    file: Option<PathBuf>,
}

enum Edited {
    Inserted(u32, String),
    Removed(u32, u32),
}

impl Trace {
    pub async fn run(self) -> Result<Outcome> {
        let edits = match &self.file {
            Some(file) => read(file)?,
            None => made_up(),
        };
        let edit = Edit::new(Dialect::Ours, &self.address, std::slice::from_ref(&self.token), &self.artifact);
        let mut editor = Editor::open(&edit, 0).await?;
        ready().await?;
        let began = Instant::now();
        // A trace begins with nothing.
        let first = {
            let mut tx = editor.doc.transact_mut();
            let length = editor.text.len(&tx);
            editor.text.remove_range(&mut tx, 0, length);
            tx.encode_update_v1()
        };
        editor.writer.send(BINARY, &Message::Sync(SyncMessage::Update(first)).encode_v1()).await?;
        for edits in edits.chunks(EDITS_PER_MESSAGE) {
            let update = {
                let mut tx = editor.doc.transact_mut();
                for edit in edits {
                    match edit {
                        Edited::Inserted(at, text) => editor.text.insert(&mut tx, *at, text),
                        Edited::Removed(at, length) => editor.text.remove_range(&mut tx, *at, *length),
                    }
                }
                tx.encode_update_v1()
            };
            editor.writer.send(BINARY, &Message::Sync(SyncMessage::Update(update)).encode_v1()).await?;
        }
        let mine = editor.doc.transact().state_vector();
        loop {
            match editor.reader.next().await? {
                Ok((_, bytes)) if bytes.first() == Some(&100) => {
                    let Message::Custom(_, vector) = Message::decode_v1(bytes)? else { continue };
                    let saved = StateVector::decode_v1(&vector)?;
                    if mine.iter().all(|(client, clock)| saved.get(client) >= *clock) {
                        break;
                    }
                }
                Ok(_) => {}
                Err(code) => return Err(format!("closed with {code}").into()),
            }
        }
        Ok(Outcome { received: edits.len(), seconds: began.elapsed().as_secs_f64(), ..Outcome::default() })
    }
}

/// A trace as the benchmarks of y-crdt keep it: a count, then for each edit 1, place and text, or 2, place and length.
fn read(file: &Path) -> Result<Vec<Edited>> {
    let bytes = std::fs::read(file)?;
    let mut decoder = DecoderV1::from(bytes.as_slice());
    let count: usize = yrs::encoding::read::Read::read_var(&mut decoder)?;
    let mut edits = Vec::with_capacity(count);
    for _ in 0..count {
        let kind: u32 = yrs::encoding::read::Read::read_var(&mut decoder)?;
        let at: u32 = yrs::encoding::read::Read::read_var(&mut decoder)?;
        edits.push(match kind {
            1 => Edited::Inserted(at, decoder.read_string()?.to_owned()),
            _ => Edited::Removed(at, yrs::encoding::read::Read::read_var(&mut decoder)?),
        });
    }
    Ok(edits)
}

/// As long as that one, from a seed: words that are typed, letters that are taken back, and now and then another place.
fn made_up() -> Vec<Edited> {
    let mut rng = fastrand::Rng::with_seed(4);
    let mut edits = Vec::with_capacity(EDITS);
    let (mut length, mut at, mut inserted) = (0_u32, 0_u32, 0);
    while edits.len() < EDITS {
        if rng.u32(..30) == 0 {
            at = rng.u32(..=length);
        }
        let removed = edits.len() - inserted;
        let typing = (removed >= EDITS - INSERTED || rng.u32(..4) > 0) && inserted < INSERTED;
        for _ in 0..rng.u32(1..if typing { 24 } else { 14 }) {
            if edits.len() == EDITS || (typing && inserted == INSERTED) || (!typing && at == 0) {
                break;
            }
            if typing {
                edits.push(Edited::Inserted(at, rng.lowercase().to_string()));
                (at, length, inserted) = (at + 1, length + 1, inserted + 1);
            } else {
                (at, length) = (at - 1, length - 1);
                edits.push(Edited::Removed(at, 1));
            }
        }
        if !typing && at == 0 {
            at = length;
        }
    }
    edits
}
