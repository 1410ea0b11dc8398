//! Bad clients and bad days of both sockets that rooms.rs and documents.rs do not have: whoever they happen to is told why or let go, and
//! nobody else notices.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;
use yrs::{
    Text as _, Transact as _,
    sync::{Message, SyncMessage},
};

use crate::{
    app::{Client, TestApp, text},
    editor::{Editor, covers},
    raw::{BINARY, Heard, Raw, TEXT, frame},
    socket::Socket,
    volumes::{create, volume},
};

const SHA: &str = "0123456789abcdef";

/// Maya owns a team, Ines is a member of it; there is one skill that nobody committed yet.
async fn place(app: &TestApp) -> (Client, Client, String, String) {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let ines = app.join(&maya, &team, "member", "ines@harbor.internal").await;
    let shared = volume(&maya, "team").await;
    let artifact = text(&create(&maya, &shared, "shared").await["summary"]["id"]);
    (maya, ines, team, artifact)
}

async fn tell(socket: &mut Socket, room: &str) -> u64 {
    socket.tell(room, json!({ "type": "commit", "volumeType": "team", "commitSha": SHA })).await;
    socket.until("commit").await["seq"].as_u64().expect("a number")
}

/// Asks until the server says that it is so.
async fn until(who: &Client, path: &str, is_so: impl Fn(&Value) -> bool) {
    let asking = async {
        loop {
            let (status, answer) = who.get(path).await;
            assert_eq!(status, 200, "{answer}");
            if is_so(&answer) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_secs(20), asking).await.expect("it becomes so in time");
}

fn editors_of(report: &Value) -> i64 {
    report["documents"][0]["connections"].as_i64().unwrap_or_default()
}

app_test!(a_message_beyond_every_limit_ends_its_connection_only, |app| {
    let (maya, ines, team, artifact) = place(app).await;
    let mut watcher = app.socket_of(&ines).await;
    watcher.join(&team, "workspace", None).await;
    let mut honest = Editor::open(app, &ines, &artifact).await;
    let token = app.token_of(&maya).await;
    for (path, kind) in [(format!("/ws?token={token}"), TEXT), (format!("/ws/doc/{artifact}?token={token}"), BINARY)] {
        // Said to be of 2^62 bytes, and of more than there is room for.
        for head in [[&[0x80 | kind, 0xff][..], &(1_u64 << 62).to_be_bytes(), &[0; 4]].concat(), frame(0x80 | kind, &vec![b'x'; 9 << 20])] {
            let mut socket = Raw::open(&app.url, &path).await;
            socket.bytes(&head).await;
            let code = loop {
                match socket.next().await {
                    Heard::Closed(code) => break code,
                    // The rest of what it sent is not read, so the goodbye may get lost with it.
                    Heard::Ended => break 1006,
                    Heard::Frame(..) => {}
                }
            };
            assert!([4400, 1006].contains(&code), "{code}");
        }
    }
    let mut teller = app.socket_of(&maya).await;
    teller.join(&team, "workspace", None).await;
    let number = tell(&mut teller, &team).await;
    assert_eq!(watcher.until("commit").await["seq"].as_u64(), Some(number));
    honest.write("", "Still here. ").await;
    honest.until_saved().await;
});

app_test!(
    a_half_open_connection_leaves_after_the_silence,
    |config| {
        config.sockets.silence = Duration::from_millis(1_200);
    },
    |app| {
        let (maya, ines, team, artifact) = place(app).await;
        let mut watcher = app.socket_of(&maya).await;
        watcher.join(&team, "workspace", None).await;
        let token = app.token_of(&ines).await;
        // One goes without a word in the middle of a frame, and one after the connection stood; the system below keeps both open.
        let mut room = Raw::open(&app.url, &format!("/ws?token={token}")).await;
        room.send(TEXT, json!({ "type": "join_room", "roomId": team, "roomType": "workspace" }).to_string().as_bytes()).await;
        room.bytes(&frame(0x81, &[b' '; 100])[..20]).await;
        let document = Raw::open(&app.url, &format!("/ws/doc/{artifact}?token={token}")).await;
        let left = async {
            loop {
                // Whoever lives says so now and then.
                watcher.ping().await;
                let (_, report) = maya.get("/admin/rooms").await;
                let people = report["rooms"].as_array().into_iter().flatten().find(|room| room["roomId"] == team.as_str());
                if people.is_some_and(|room| room["connections"] == 1) && editors_of(&report) == 0 && report["sockets"] == 1 {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        timeout(Duration::from_secs(20), left).await.expect("both are let go");
        drop((room, document));
    }
);

app_test!(a_reader_of_a_document_that_stops_is_let_go_and_the_others_read_everything, |app| {
    let (maya, ines, _, artifact) = place(app).await;
    let mut writer = Editor::open(app, &maya, &artifact).await;
    let mut reader = Editor::open(app, &maya, &artifact).await;
    let token = app.token_of(&ines).await;
    let stuck = Socket::open_slow(&app.url, &format!("/ws/doc/{artifact}?token={token}")).await;
    until(&maya, "/admin/rooms", |report| editors_of(report) == 3).await;
    let start = writer.text().len() as u32;
    // More than what the system's buffers and ours hold together; what was written is taken out again, so that the text stays small.
    for number in 0..150 {
        let word = format!("{number:04}");
        let update = {
            let mut tx = writer.doc.transact_mut();
            let length = writer.content.len(&tx);
            writer.content.remove_range(&mut tx, start, length - start);
            writer.content.insert(&mut tx, start, &format!("{word}{}", "x".repeat(60_000)));
            tx.encode_update_v1()
        };
        writer.send(Message::Sync(SyncMessage::Update(update))).await;
        reader.until_text(&word).await;
    }
    until(&maya, "/admin/rooms", |report| editors_of(report) == 2).await;
    writer.until_saved().await;
    assert_eq!(reader.text(), writer.text());
    drop(stuck);
});

app_test!(a_document_cannot_be_grown_to_a_hundred_megabytes, |app| {
    let (maya, ines, _, artifact) = place(app).await;
    let mut honest = Editor::open(app, &maya, &artifact).await;
    let first = honest.text();
    // One token for every time that it comes back: on a fast machine it is let go more often than an account has tokens.
    let token = app.client_with_token(&ines, &["read", "write"]).await.token.expect("a token");
    let mut greedy = Editor::connect(&app.url, &token, &artifact).await.expect("the document");
    let mut sent = 0;
    while sent < 100 << 20 {
        // Other bytes each time: whatever is kept of them is kept in full.
        let piece: String = std::iter::repeat_with(fastrand::alphanumeric).take(500_000).collect();
        for update in grown(&greedy, &piece) {
            sent += update.len();
            greedy.send(Message::Sync(SyncMessage::Update(update))).await;
        }
        // It waits for its turn, or is told that this is too much and comes back.
        match greedy.hear(Editor::is_saved).await {
            Ok(()) => honest.until(|editor| covers(&editor.vector(), &greedy.vector())).await,
            Err(code) => {
                assert_eq!(code, 4413);
                greedy = Editor::connect(&app.url, &token, &artifact).await.expect("the document");
            }
        }
    }
    // What was taken out again is forgotten, and not held against whoever writes next.
    let forgotten = async {
        loop {
            let stored: i64 = sqlx::query_scalar(
                "SELECT CAST(LENGTH(state) + (SELECT COALESCE(SUM(LENGTH(data)), 0) FROM document_updates) AS BIGINT) FROM documents",
            )
            .fetch_one(app.state.db.read())
            .await
            .expect("a size");
            assert!(stored <= 17 << 20, "{stored} bytes are kept");
            if stored < 4 << 20 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(Duration::from_secs(20), forgotten).await.expect("it is forgotten in time");
    honest.write("", "Small. ").await;
    honest.until_saved().await;
    greedy.until_text("Small. ").await;
    assert!(honest.text().ends_with(&first));
});

/// Writes a piece and takes it out again: two updates.
fn grown(editor: &Editor, piece: &str) -> [Vec<u8>; 2] {
    let put = {
        let mut tx = editor.doc.transact_mut();
        editor.content.insert(&mut tx, 0, piece);
        tx.encode_update_v1()
    };
    let mut tx = editor.doc.transact_mut();
    editor.content.remove_range(&mut tx, 0, piece.len() as u32);
    [put, tx.encode_update_v1()]
}

app_test!(clocks_that_are_wrong_change_nothing, |app| {
    let (maya, ines, team, artifact) = place(app).await;
    let mut watcher = app.socket_of(&maya).await;
    watcher.join(&team, "workspace", None).await;
    let mut socket = app.socket_of(&ines).await;
    let seq = socket.join(&team, "workspace", None).await["seq"].as_u64().expect("a number");
    // The client's is years off, in both directions.
    let before = server_time();
    for claimed in ["1970-01-01T00:00:00.000Z", "2199-12-31T23:59:59.999Z", "yesterday"] {
        let event = json!({ "type": "commit", "volumeType": "team", "commitSha": SHA, "timestamp": claimed });
        socket.tell(&team, event).await;
        let told = text(&watcher.until("commit").await["event"]["timestamp"]);
        assert!(before <= told && told <= server_time(), "{told}");
    }
    assert_eq!(socket.join(&team, "workspace", Some(u64::MAX)).await["resync"], true);
    // The highest clock that presence can have: whoever says it is heard once, and the others as before.
    let mut first = Editor::open(app, &maya, &artifact).await;
    let mut second = Editor::open(app, &ines, &artifact).await;
    second.say(u32::MAX, json!({ "cursor": "far" })).await;
    first.until(|editor| editor.heard.iter().any(|state| state.contains("far"))).await;
    drop(second);
    first.until(|editor| editor.heard.last().map(String::as_str) == Some("null")).await;
    first.say(1, json!({ "cursor": "near" })).await;
    first.until(|editor| editor.heard.iter().any(|state| state.contains("near"))).await;

    // The server's went back by a year: what was told is from the future now. Numbers, not times, say what was missed.
    tokio::time::sleep(Duration::from_millis(600)).await;
    sqlx::query("UPDATE room_events SET created_at = created_at + 31536000000").execute(app.state.db.read()).await.expect("it is there");
    let last = tell(&mut watcher, &team).await;
    let mut back = app.socket_of(&ines).await;
    let state = back.join(&team, "workspace", Some(seq)).await;
    assert_eq!(state["resync"], Value::Null, "{state}");
    for number in seq + 1..=last {
        assert_eq!(back.until("event").await["seq"].as_u64(), Some(number));
    }
});

/// As the server writes it.
fn server_time() -> String {
    llmos_lite::server::clock::rfc3339(llmos_lite::server::clock::now_ms())
}

app_test!(a_database_that_is_busy_for_six_seconds_loses_nothing_and_stops_nobody, |app| {
    let (maya, ines, team, artifact) = place(app).await;
    let mut teller = app.socket_of(&maya).await;
    let seq = teller.join(&team, "workspace", None).await["seq"].as_u64().expect("a number");
    let mut listener = app.socket_of(&ines).await;
    listener.join(&team, "workspace", None).await;
    let mut late = app.socket_of(&ines).await;
    let mut first = Editor::open(app, &maya, &artifact).await;
    let mut second = Editor::open(app, &ines, &artifact).await;
    first.write("", "Before. ").await;
    first.until_saved().await;
    second.until_text("Before. ").await;
    // The draft follows before that: the server then takes the tables below in another order, and PostgreSQL ends one of two that wait for each other.
    let (status, before) = maya.get(&format!("/artifacts/{artifact}")).await;
    assert_eq!((status, text(&before["text"])), (200, first.text()));

    let pool = sqlx::AnyPool::connect(&app.state.config.database_url).await.expect("the database opens");
    // Readers go on; whoever writes waits, on SQLite for five seconds.
    let lock = match app.state.db.engine() {
        llmos_lite::server::db::Engine::Sqlite => pool.begin_with("BEGIN EXCLUSIVE").await.expect("the lock is free"),
        llmos_lite::server::db::Engine::Postgres => {
            let mut lock = pool.begin().await.expect("a transaction");
            sqlx::query("LOCK TABLE rooms, room_events, documents, document_updates, artifacts, drafts IN EXCLUSIVE MODE")
                .execute(&mut *lock)
                .await
                .expect("the lock is free");
            lock
        }
    };
    let began = std::time::Instant::now();
    let mut told = 0;
    while began.elapsed() < Duration::from_secs(6) {
        // Everything is told and passed on at once; nothing is said to be on disk.
        told = tell(&mut teller, &team).await;
        assert_eq!(listener.until("commit").await["seq"].as_u64(), Some(told));
        let word = format!("During {told}. ");
        first.write("", &word).await;
        second.until_text(&word).await;
        let _ = timeout(Duration::from_millis(100), first.hear(|_| false)).await;
        assert!(!first.is_saved(), "said to be saved while nothing can be");
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    // Somebody comes to a room that is not in memory: told to come again, or let in when it is over.
    late.send(json!({ "type": "join_room", "roomId": ines.id, "roomType": "workspace" })).await;
    lock.rollback().await.expect("the lock is given back");
    loop {
        let answer = late.next().await;
        match (answer["type"].as_str(), answer["code"].as_str()) {
            (Some("room_state"), _) => break,
            (Some("error"), Some("unavailable")) => {
                tokio::time::sleep(Duration::from_millis(200)).await;
                late.send(json!({ "type": "join_room", "roomId": ines.id, "roomType": "workspace" })).await;
            }
            _ => {}
        }
    }
    first.until_saved().await;
    second.until_saved().await;
    let (_, now) = maya.get(&format!("/artifacts/{artifact}")).await;
    assert_eq!(now["text"], first.text());
    // Whoever was away is told all of it.
    let state = late.join(&team, "workspace", Some(seq)).await;
    assert_eq!(state["resync"], Value::Null, "{state}");
    for number in seq + 1..=told {
        assert_eq!(late.until("event").await["seq"].as_u64(), Some(number));
    }
});
