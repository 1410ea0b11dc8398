//! Frames that no client would send, at both sockets, from a seed: valid ones that were changed, and garbage. The server may refuse them and
//! close; it may not panic, and whoever else is there is served as ever.
//!
//! `LLMOS_FUZZ_FRAMES` says how many frames each socket gets (`scripts/bench` runs the long form), `LLMOS_SEED` from which seed.

use std::sync::{Mutex, PoisonError};

use fastrand::Rng;
use serde_json::{Map, Value, json};
use yrs::{
    Any, ClientID, Doc, StateVector, Text as _, Transact as _, XmlElementPrelim, XmlFragment as _,
    sync::{AwarenessUpdate, Message, SyncMessage, awareness::AwarenessUpdateEntry},
    types::Attrs,
    updates::encoder::Encode as _,
};

use crate::{
    app::{Client, text},
    editor::Editor,
    raw::{BINARY, Heard, PING, Raw, TEXT, frame},
    socket::Socket,
    volumes::{create, volume},
};

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn frames() -> usize {
    number("LLMOS_FUZZ_FRAMES").unwrap_or(8_000) as usize
}

/// A seed that a failure names.
fn seed() -> u64 {
    let seed = number("LLMOS_SEED").unwrap_or_else(|| fastrand::u64(..1_000_000));
    println!("LLMOS_SEED={seed}");
    seed
}

/// Frames of one connection: fewer than what ends it by their number alone.
const BURST: usize = 90;
/// How often somebody else looks whether they are still served.
const LOOK_EVERY: usize = 20;
/// What is written by those who may write stays: a new document now and then.
const DOCUMENT_EVERY: usize = 200;

/// Panics of this process, but for those of the library of documents, which the server catches: it checks itself in development builds.
static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn watch_panics() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !panic.location().is_some_and(|at| at.file().contains("/yrs-")) {
            PANICS.lock().unwrap_or_else(PoisonError::into_inner).push(panic.to_string());
            before(panic);
        }
    }));
}

fn nothing_panicked() {
    let panics = PANICS.lock().unwrap_or_else(PoisonError::into_inner);
    assert!(panics.is_empty(), "{panics:?}");
}

/// How a burst ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Answered,
    Closed(u16),
    Ended,
}

/// Reads until the server has answered `is_answer`, or closed.
async fn answered(socket: &mut Raw, is_answer: impl Fn(u8, &[u8]) -> bool) -> End {
    loop {
        match socket.next().await {
            Heard::Frame(kind, payload) if is_answer(kind, &payload) => return End::Answered,
            Heard::Frame(..) => {}
            Heard::Closed(code) => return End::Closed(code),
            Heard::Ended => return End::Ended,
        }
    }
}

/// Changes some bytes: other ones, fewer, more, some twice.
fn bytes(rng: &mut Rng, mut bytes: Vec<u8>) -> Vec<u8> {
    for _ in 0..rng.usize(1..4) {
        let at = rng.usize(..=bytes.len());
        let end = (at + rng.usize(..20)).min(bytes.len());
        match rng.u8(..6) {
            0 if at < bytes.len() => bytes[at] = rng.u8(..),
            1 if at < bytes.len() => bytes[at] ^= 1 << rng.u8(..8),
            2 => bytes.truncate(at),
            3 => drop(bytes.drain(at..end)),
            4 => {
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            _ => {
                let piece = [&[0xff; 10][..], &[0x80; 5], &[0], &[0xff, 0xff, 0xff, 0xff, 0x0f], &[0x7f]][rng.usize(..5)].to_vec();
                bytes.splice(at..at, piece);
            }
        }
    }
    bytes
}

fn garbage(rng: &mut Rng) -> Vec<u8> {
    let length = [rng.usize(..8), rng.usize(..200), rng.usize(..5_000)][rng.usize(..3)];
    (0..length).map(|_| rng.u8(..)).collect()
}

/// What is no frame: its connection is over after it.
fn no_frame(rng: &mut Rng) -> Vec<u8> {
    let payload = garbage(rng);
    match rng.u8(..5) {
        // Reserved kinds and bits.
        0 => frame(0x80 | rng.u8(3..8), &payload),
        1 => frame(0xf1, &payload),
        // Said to be endless.
        2 => [&[0x81, 0xff][..], &u64::MAX.to_be_bytes(), &payload].concat(),
        // Not masked, or not even that.
        3 => [&[0x82, payload.len().min(125) as u8][..], &payload].concat(),
        _ => payload,
    }
}

app_test!(a_room_survives_whatever_is_sent, |app| {
    watch_panics();
    let mut rng = Rng::with_seed(seed());
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let other = maya.team("Quay").await;
    let ines = app.join(&maya, &team, "member", "ines@harbor.internal").await;
    let mut watcher = app.socket_of(&maya).await;
    watcher.join(&team, "workspace", None).await;
    let mut teller = app.socket_of(&maya).await;
    teller.join(&team, "workspace", None).await;
    let token = app.token_of(&ines).await;
    let ids = [team.clone(), other, ines.id.clone(), maya.id.clone(), "0192a000-0000-7000-8000-0000000000aa".to_owned(), String::new()];
    let (mut sent, mut connections) = (0, 0_usize);
    while sent < frames() {
        let mut socket = Raw::open(&app.url, &format!("/ws?token={token}")).await;
        if rng.bool() {
            socket.send(TEXT, json!({ "type": "join_room", "roomId": team, "roomType": "workspace" }).to_string().as_bytes()).await;
        }
        for _ in 0..BURST.min(frames() - sent) {
            let valid = room_frame(&mut rng, &ids);
            let (kind, payload) = match rng.u8(..10) {
                0 => (TEXT, valid.to_string().into_bytes()),
                1..=5 => (TEXT, changed(&mut rng, valid, &ids).to_string().into_bytes()),
                6..=7 => {
                    let text = bytes(&mut rng, valid.to_string().into_bytes());
                    (TEXT, String::from_utf8_lossy(&text).into_owned().into_bytes())
                }
                8 => (TEXT, String::from_utf8_lossy(&garbage(&mut rng)).into_owned().into_bytes()),
                _ => ([BINARY, PING, 10][rng.usize(..3)], garbage(&mut rng).into_iter().take(125).collect()),
            };
            // Now and then in pieces.
            if rng.u8(..20) == 0 && kind == TEXT {
                let at = rng.usize(..=payload.len());
                socket.bytes(&frame(kind, &payload[..at])).await;
                socket.bytes(&frame(0x80, &payload[at..])).await;
            } else {
                socket.send(kind, &payload).await;
            }
            sent += 1;
        }
        let broken = rng.u8(..4) == 0;
        if broken {
            let bytes = if rng.bool() { no_frame(&mut rng) } else { frame(0x81, &[0xff, 0xfe, 0xc0]) };
            socket.bytes(&bytes).await;
            sent += 1;
        }
        socket.send(TEXT, b"{\"type\":\"ping\"}").await;
        // Of pieces that were left open, of frames that are none, nothing is known but that they end.
        let end = if broken {
            drop(socket);
            End::Answered
        } else {
            answered(&mut socket, |kind, payload| kind == TEXT && payload == b"{\"type\":\"pong\"}").await
        };
        assert!(matches!(end, End::Answered | End::Closed(4400 | 4429 | 4009)), "connection {connections}: {}", told(end));
        connections += 1;
        if connections.is_multiple_of(LOOK_EVERY) || sent >= frames() {
            nothing_panicked();
            look_at_the_room(&mut teller, &mut watcher, &team).await;
        }
    }
    println!("{sent} frames over {connections} connections");
});

fn told(end: End) -> String {
    match end {
        End::Answered => "answered".to_owned(),
        End::Closed(code) => format!("closed with {code}"),
        End::Ended => "ended without a word".to_owned(),
    }
}

/// Somebody tells something and somebody hears it, and every number on the way there once.
async fn look_at_the_room(teller: &mut Socket, watcher: &mut Socket, room: &str) {
    let sha = format!("{:040x}", fastrand::u64(..));
    teller.tell(room, json!({ "type": "commit", "volumeType": "team", "commitSha": sha })).await;
    let mut last: Option<u64> = None;
    loop {
        let frame = watcher.next().await;
        if let Some(number) = frame["seq"].as_u64() {
            assert!(last.is_none_or(|last| number == last + 1), "after {last:?}: {frame}");
            last = Some(number);
        }
        if frame["event"]["commitSha"] == sha.as_str() {
            break;
        }
    }
    // What it is told is read too, so that it is not slow.
    while teller.until("commit").await["event"]["commitSha"] != sha.as_str() {}
}

/// A frame that a client may send.
fn room_frame(rng: &mut Rng, ids: &[String]) -> Value {
    let id = ids[rng.usize(..ids.len())].clone();
    let kind = ["workspace", "session", "artifact"][rng.usize(..3)];
    match rng.u8(..12) {
        0 => json!({ "type": "ping" }),
        1 => json!({ "type": "auth", "userId": id, "token": id }),
        2 => json!({ "type": "leave_room", "roomId": id }),
        3 => json!({ "type": "join_room", "roomId": id, "roomType": kind, "since": rng.u64(..) }),
        4 => json!({ "type": "join_room", "roomId": ids[0], "roomType": "workspace", "since": rng.u64(..50) }),
        _ => json!({ "type": "broadcast", "roomId": ids[rng.usize(..3)], "event": event(rng, &id) }),
    }
}

fn event(rng: &mut Rng, id: &str) -> Value {
    match rng.u8(..10) {
        0..3 => json!({ "type": "cursor_move", "position": { "x": rng.f64(), "y": rng.i32(..) } }),
        3 => json!({ "type": "typing", "sessionId": id }),
        4 => json!({ "type": "session_update", "sessionId": id, "data": { "a": [1, null, "x"] } }),
        5 => json!({ "type": "artifact_updated", "artifactId": id, "data": "x".repeat(rng.usize(..2_000)) }),
        6 => json!({ "type": "artifact_created", "artifactId": id }),
        7 => json!({ "type": "user_joined", "userName": "x", "color": 300, "kind": "human" }),
        8 => json!({ "type": "message", "sessionId": id, "number": -1 }),
        _ => json!({ "type": "commit", "volumeType": "team", "commitSha": "0123456789abcdef" }),
    }
}

/// Something else somewhere in it.
fn changed(rng: &mut Rng, value: Value, ids: &[String]) -> Value {
    match value {
        Value::Object(map) if !map.is_empty() && rng.u8(..5) > 0 => {
            let chosen = rng.usize(..map.len());
            let mut changed_map = Map::new();
            for (at, (key, value)) in map.into_iter().enumerate() {
                match (at == chosen, rng.u8(..6)) {
                    (true, 0) => {}
                    (true, 1) => drop(changed_map.insert(format!("{key}x"), value)),
                    (true, _) => drop(changed_map.insert(key, changed(rng, value, ids))),
                    _ => drop(changed_map.insert(key, value)),
                }
            }
            Value::Object(changed_map)
        }
        _ => match rng.u8(..12) {
            0 => Value::Null,
            1 => json!(rng.i64(..)),
            2 => json!(f64::MAX),
            3 => json!("\u{0}\u{202e}🦀".repeat(rng.usize(..200))),
            4 => json!([]),
            5 => json!({}),
            6 => json!(true),
            7 => json!(ids[rng.usize(..ids.len())]),
            8 => (0..rng.usize(1..200)).fold(json!(1), |inner, _| json!([inner])),
            9 => json!("x".repeat(70_000)),
            10 => json!(["session", "workspace", "artifact", "broadcast", "user_left", "commit", "auth"][rng.usize(..7)]),
            _ => json!(-1),
        },
    }
}

app_test!(a_document_survives_whatever_is_sent, |app| {
    watch_panics();
    let mut rng = Rng::with_seed(seed());
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let ines = app.join(&maya, &team, "member", "ines@harbor.internal").await;
    let shared = volume(&maya, "team").await;
    let token = app.token_of(&ines).await;
    let editors = Opener { url: &app.url, token: app.client_with_token(&maya, &["read", "write"]).await.token.expect("a token") };
    let (mut sent, mut connections, mut codes) = (0, 0_usize, std::collections::BTreeMap::<u16, usize>::new());
    while sent < frames() {
        let artifact = text(&create(&maya, &shared, &format!("shared {connections}")).await["summary"]["id"]);
        let mut pair = editors.pair(&artifact).await;
        for _ in 0..DOCUMENT_EVERY {
            if sent >= frames() {
                break;
            }
            let mut socket = Raw::open(&app.url, &format!("/ws/doc/{artifact}?ack={}&token={token}", rng.u8(..2))).await;
            let doc = copy(&pair[0]);
            for _ in 0..BURST.min(frames() - sent) {
                let valid = message(&mut rng, &doc);
                let payload = match rng.u8(..10) {
                    0..2 => valid,
                    2..9 => bytes(&mut rng, valid),
                    _ => garbage(&mut rng),
                };
                if rng.u8(..50) == 0 {
                    socket.send(TEXT, String::from_utf8_lossy(&payload).as_bytes()).await;
                } else {
                    socket.send(BINARY, &payload).await;
                }
                sent += 1;
            }
            if rng.u8(..4) == 0 {
                socket.bytes(&no_frame(&mut rng)).await;
                sent += 1;
            } else {
                // Whoever asks what it misses is told, with something that can be read.
                socket.send(BINARY, &Message::Sync(SyncMessage::SyncStep1(StateVector::default())).encode_v1()).await;
                let end = answered(&mut socket, |kind, payload| kind == BINARY && payload.starts_with(&[0, 1])).await;
                if let End::Closed(code) = end {
                    *codes.entry(code).or_default() += 1;
                }
                assert!(matches!(end, End::Answered | End::Closed(4400 | 4413 | 4009 | 1012)), "connection {connections}: {}", told(end));
            }
            connections += 1;
            if connections.is_multiple_of(LOOK_EVERY) {
                nothing_panicked();
                look_at_the_document(&editors, &artifact, &mut pair).await;
            }
        }
        nothing_panicked();
        look_at_the_document(&editors, &artifact, &mut pair).await;
        the_draft_is_what_is_written(&editors, &maya, &mut pair, &artifact).await;
    }
    println!("{sent} frames over {connections} connections; closed: {codes:?}");
});

/// A document that knows what an editor knows, and writes under a number of its own.
fn copy(editor: &Editor) -> Doc {
    use yrs::{ReadTxn as _, Update, updates::decoder::Decode as _};
    let doc = Doc::new();
    let state = editor.doc.transact().encode_state_as_update_v1(&StateVector::default());
    doc.transact_mut().apply_update(Update::decode_v1(&state).expect("an update")).expect("it applies");
    doc
}

/// A message that a client may send; also with what no text of ours has: formats, pictures, elements, other roots.
fn message(rng: &mut Rng, doc: &Doc) -> Vec<u8> {
    use yrs::ReadTxn as _;
    let content = doc.get_or_insert_text("content");
    let message = match rng.u8(..14) {
        0 => Message::Sync(SyncMessage::SyncStep1(doc.transact().state_vector())),
        1 => Message::Sync(SyncMessage::SyncStep1([(ClientID::new(rng.u64(..1 << 53)), rng.u32(..))].into_iter().collect())),
        2 => Message::Sync(SyncMessage::SyncStep2(doc.transact().encode_state_as_update_v1(&StateVector::default()))),
        3 => Message::AwarenessQuery,
        4 => Message::Auth(Some("no".to_owned())),
        5 => Message::Custom(rng.u8(..), garbage(rng)),
        6 => {
            let json = ["{\"cursor\":1}", "null", "[]", "{", "{\"user\":{\"name\":\"\u{0}\"}}"][rng.usize(..5)];
            let entry = AwarenessUpdateEntry { clock: rng.u32(..), json: json.into() };
            Message::Awareness(AwarenessUpdate { clients: [(ClientID::new(rng.u64(..1 << 53)), entry)].into_iter().collect() })
        }
        kind => {
            let fragment = (kind == 13).then(|| doc.get_or_insert_xml_fragment("elsewhere"));
            let mut tx = doc.transact_mut();
            let length = content.len(&tx);
            let at = if rng.bool() { 0 } else { length };
            match kind {
                7..10 => content.insert(&mut tx, at, ["a", "word ", "\n", "\u{0}", "🦀", "ä"][rng.usize(..6)]),
                10 => content.remove_range(&mut tx, 0, length),
                11 => content.insert_with_attributes(&mut tx, at, "b", Attrs::from([("bold".into(), Any::Bool(true))])),
                12 => drop(content.insert_embed(&mut tx, at, Any::from("embedded"))),
                _ => {
                    if let Some(fragment) = fragment {
                        fragment.insert(&mut tx, 0, XmlElementPrelim::empty("p"));
                    }
                }
            }
            Message::Sync(SyncMessage::Update(tx.encode_update_v1()))
        }
    };
    message.encode_v1()
}

/// Opens documents with one token: an account has a hundred at most.
struct Opener<'a> {
    url: &'a str,
    token: String,
}

impl Opener<'_> {
    async fn pair(&self, artifact: &str) -> [Editor; 2] {
        [self.open(artifact).await, self.open(artifact).await]
    }
    async fn open(&self, artifact: &str) -> Editor {
        Editor::connect(self.url, &self.token, artifact).await.unwrap_or_else(|code| panic!("closed with {code}"))
    }
}

/// How long two honest editors may take to hear of each other.
const HEARD: std::time::Duration = std::time::Duration::from_secs(20);

/// One writes and the other reads it. A frame may have claimed to be of the writer's own client, and further than that client is: what it
/// writes then counts as known, in every document of Yjs. Whoever loads the page again is a new client, and goes on.
async fn look_at_the_document(editors: &Opener<'_>, artifact: &str, pair: &mut [Editor; 2]) {
    if !hears_the_other(pair).await {
        *pair = editors.pair(artifact).await;
        assert!(hears_the_other(pair).await, "what one wrote did not reach the other");
    }
}

/// They come back as clients do when the server says so: what somebody sent may have cost the document.
async fn hears_the_other(pair: &mut [Editor; 2]) -> bool {
    let word = format!("<{:x}>", fastrand::u64(..));
    let [writer, reader] = pair;
    writer.write("", &word).await;
    let began = std::time::Instant::now();
    while !reader.text().contains(&word) {
        if began.elapsed() > HEARD {
            return false;
        }
        for editor in [&mut *writer, &mut *reader] {
            let hearing = editor.hear(|editor| editor.text().contains(&word) && editor.saved.is_some());
            if let Ok(Err(code)) = tokio::time::timeout(std::time::Duration::from_millis(500), hearing).await {
                assert!([1012, 4009, 1006].contains(&code), "an honest editor was closed with {code}");
                editor.again().await.expect("it opens again");
            }
        }
    }
    true
}

/// Of editors whose client a frame claimed to be, with other words under the same numbers, each keeps its own: they load the page again.
async fn the_draft_is_what_is_written(editors: &Opener<'_>, maya: &Client, pair: &mut [Editor; 2], artifact: &str) {
    for editor in &mut *pair {
        editor.until_saved().await;
    }
    let mut text = draft_of(maya, artifact).await;
    if pair.iter().any(|editor| shown(editor) != text) {
        *pair = editors.pair(artifact).await;
        text = draft_of(maya, artifact).await;
    }
    for editor in pair {
        assert_eq!(shown(editor), text);
    }
}

async fn draft_of(maya: &Client, artifact: &str) -> String {
    let (status, detail) = maya.get(&format!("/artifacts/{artifact}")).await;
    assert_eq!(status, 200, "{detail}");
    text(&detail["text"])
}

/// As the draft has it.
fn shown(editor: &Editor) -> String {
    editor.text().replace('\0', "\u{FFFD}")
}
