//! The end of the process, as those who hold a socket see it.

use std::time::Duration;

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::timeout;

use crate::{
    editor::Editor,
    process::{Process, browser, free_address},
    socket::Socket,
    socket_durability::place,
};

/// Tells a room so much that one who does not read has it waiting in the server, and not so much that it is let go for that.
async fn fill(teller: &mut Socket, room: &str, waiting: impl AsyncFn() -> i64) {
    let filler = "x".repeat(60 * 1024);
    for number in 0..190 {
        teller.tell(room, json!({ "type": "session_update", "sessionId": room, "data": { "n": number, "x": filler } })).await;
        while teller.until("session_update").await["event"]["data"]["n"] != number {}
        if waiting().await > 200_000 {
            return;
        }
    }
    panic!("the reader is not stuck");
}

/// What waits for the slowest reader of all rooms.
fn longest(report: &Value) -> i64 {
    let rooms = report["rooms"].as_array().into_iter().flatten();
    rooms.filter_map(|room| room["longestQueueBytes"].as_i64()).max().unwrap_or_default()
}

app_test!(a_reader_that_is_stuck_does_not_outlast_the_process, |app| {
    let maya = app.sign_up_first().await;
    let (_, session) = maya.post("/sessions", json!({ "title": "Review" })).await;
    let session = crate::app::text(&session["id"]);
    let mut stuck = app.slow_socket_of(&maya).await;
    stuck.join(&session, "session", None).await;
    let mut teller = app.socket_of(&maya).await;
    teller.join(&session, "session", None).await;
    fill(&mut teller, &session, async || longest(&maya.get("/admin/rooms").await.1)).await;
    // One that has not said yet who it is does not either.
    let mut unknown = app.open("/ws", &[]).await.expect("it opens");
    app.state.shutdown.cancel();
    assert_eq!(teller.closed().await, 1012);
    assert_eq!(unknown.closed().await, 1012);
    let ended = async {
        while app.state.rooms.sockets() > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(20), ended).await.expect("every socket ends");
    drop(stuck);
});

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_is_told_of_the_end_and_what_was_acknowledged_is_there_afterwards() {
    let data = TempDir::new().expect("a folder");
    let client = browser();
    let sockets = free_address();
    let process = Process::start_with(data.path(), &[], &[("WS_ADDR", &sockets)]).await;
    let place = place(&process, &client).await;
    let own = {
        let (_, me) = process.call(&client, Method::GET, "/me", Value::Null).await.expect("an answer");
        crate::app::text(&me["person"]["id"])
    };
    let token = format!("token={}", place.token);

    let mut stuck = Socket::open_slow(&process.base, &format!("/ws?{token}")).await;
    stuck.join(&place.session, "session", None).await;
    let mut teller = Socket::open(&process.base, &format!("/ws?{token}"), &[]).await.expect("it opens");
    teller.join(&place.session, "session", None).await;
    let report = async || process.call(&client, Method::GET, "/admin/rooms", Value::Null).await.expect("an answer").1;
    fill(&mut teller, &place.session, async || longest(&report().await)).await;

    // Both listeners have the room socket, the second one at its root too.
    let separate = format!("http://{sockets}");
    let mut rooms = vec![teller];
    for number in 0..24 {
        let (url, path) = [(&process.base, "/ws"), (&separate, "/"), (&separate, "/ws")][number % 3];
        let mut socket = Socket::open(url, &format!("{path}?{token}"), &[]).await.expect("it opens");
        assert_eq!(socket.until("welcome").await["userId"], own.as_str());
        assert_eq!(socket.join(&own, "workspace", None).await["type"], "room_state");
        rooms.push(socket);
    }
    let mut editors = Vec::new();
    for number in 0..24 {
        let url = [&process.base, &separate][number % 2];
        let mut editor = Editor::connect(url, &place.token, &place.artifact).await.expect("it opens");
        editor.write("", &format!("word{number} ")).await;
        editors.push(editor);
    }
    join_all(editors.iter_mut().map(Editor::until_saved)).await;

    let (status, told, ended) =
        tokio::join!(process.stop(), join_all(rooms.iter_mut().map(Socket::closed)), join_all(editors.iter_mut().map(Editor::closed)),);
    assert!(status.success(), "{status}");
    assert_eq!(told, [1012; 25]);
    assert_eq!(ended, [1012; 24]);
    drop(stuck);

    let process = Process::start(data.path(), &[]).await;
    let editor = Editor::connect(&process.base, &place.token, &place.artifact).await.expect("it opens");
    let path = format!("/artifacts/{}", place.artifact);
    let (_, detail) = process.call(&client, Method::GET, &path, Value::Null).await.expect("an answer");
    assert_eq!(detail["text"], editor.text());
    for number in 0..24 {
        assert!(editor.text().contains(&format!("word{number} ")), "{number}");
    }
    // Rooms were closed in order: numbers go on without a gap.
    let mut back = Socket::open(&process.base, &format!("/ws?{token}"), &[]).await.expect("it opens");
    assert_eq!(back.join(&own, "workspace", Some(1)).await["resync"], Value::Null);
    drop((editor, back));
    assert!(process.stop().await.success());
}
