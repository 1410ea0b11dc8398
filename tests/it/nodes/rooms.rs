//! Rooms, rights and limits over nodes.

use std::time::{Duration, Instant};

use llmos_lite::server::config::Config;
use reqwest::Method;
use serde_json::{Value, json};

use super::{count, until, with_nodes, with_nodes_of};
use crate::{
    accounts::factors::App,
    app::{PASSWORD, text},
    editor::Editor,
    rooms::{SHA, commit, people},
    sessions::{begin, say},
    socket::Socket,
    volumes::{committed, volume},
};

/// The next `many` numbered commits: their numbers, and what tells them apart.
async fn commits(socket: &mut Socket, many: usize) -> Vec<(u64, String)> {
    let mut told = Vec::new();
    while told.len() < many {
        let frame = socket.until("commit").await;
        told.push((frame["seq"].as_u64().expect("a number"), text(&frame["event"]["commitSha"])));
    }
    told
}

#[test]
fn events_have_one_order_at_every_node() {
    with_nodes(3, async |nodes, _| {
        let (maya, ines, vera, team) = people(&nodes[0]).await;
        let mut one = nodes[0].socket_of(&maya).await;
        let mut two = nodes[1].socket_of(&ines.at(&nodes[1])).await;
        let mut three = nodes[2].socket_of(&vera.at(&nodes[2])).await;
        for socket in [&mut one, &mut two, &mut three] {
            socket.join(&team, "workspace", None).await;
        }
        for number in 0..40_u32 {
            one.tell(&team, commit(&format!("{number:08x}aaaa"))).await;
            two.tell(&team, commit(&format!("{number:08x}bbbb"))).await;
        }
        let told = commits(&mut one, 80).await;
        assert_eq!(commits(&mut two, 80).await, told);
        assert_eq!(commits(&mut three, 80).await, told);
        // Each node's own come in the order in which they were told.
        for of in ["aaaa", "bbbb"] {
            let own: Vec<&String> = told.iter().map(|(_, sha)| sha).filter(|sha| sha.ends_with(of)).collect();
            assert!(own.is_sorted() && own.len() == 40, "{own:?}");
        }
        assert!(told.windows(2).all(|pair| pair[1].0 > pair[0].0));
        // Who comes back at another node is told what it missed.
        let (since, _) = told[20];
        let mut back = nodes[2].socket_of(&ines.at(&nodes[2])).await;
        let state = back.join(&team, "workspace", Some(since)).await;
        assert_eq!(state["resync"], Value::Null, "{state}");
        assert_eq!(commits(&mut back, 59).await, told[21..]);
        let gaps = "SELECT COUNT(*) FROM room_events e WHERE e.seq > 1 AND NOT EXISTS \
                    (SELECT 1 FROM room_events p WHERE p.room_id = e.room_id AND p.seq = e.seq - 1)";
        assert_eq!(count(&nodes[0].state.db, gaps).await, 0);
    });
}

#[test]
fn who_is_there_is_so_at_every_node_and_what_passes_reaches_them() {
    with_nodes(2, async |nodes, _| {
        let (maya, ines, _, team) = people(&nodes[0]).await;
        let mut one = nodes[0].socket_of(&maya).await;
        one.join(&team, "workspace", None).await;
        let ines_there = ines.at(&nodes[1]);
        let mut tabs = [nodes[1].socket_of(&ines_there).await, nodes[0].socket_of(&ines).await];
        let state = tabs[0].join(&team, "workspace", None).await;
        assert_eq!(state["users"].as_array().map(Vec::len), Some(2), "{state}");
        // Of oneself it may be told as well.
        while one.until("user_joined").await["event"]["userName"] != "ines" {}
        tabs[1].join(&team, "workspace", None).await;
        one.tell(&team, json!({ "type": "cursor_move", "position": { "x": 1, "y": 2 } })).await;
        let [mut there, mut here] = tabs;
        assert_eq!(there.until("cursor_move").await["event"]["userId"], maya.id.as_str());
        // One of her two connections goes: she is still there. The last one goes: she has left, and that is told once.
        there.0.close(None).await.expect("closes");
        drop(there);
        tokio::time::sleep(Duration::from_millis(500)).await;
        one.tell(&team, commit(SHA)).await;
        one.until("commit").await;
        here.send(json!({ "type": "leave_room", "roomId": team })).await;
        let left = one.next().await;
        assert_eq!((&left["event"]["type"], &left["event"]["userId"]), (&json!("user_left"), &json!(ines.id)), "{left}");
        until("only Maya is there", async || count(&nodes[1].state.db, "SELECT COUNT(*) FROM room_people").await == 1).await;
    });
}

#[test]
fn no_node_hears_of_rooms_and_documents_that_it_has_nobody_in() {
    // A document that everybody left stays open for a while, and so does what is heard of it.
    let soon = |config: &mut Config| config.sockets.document_unused = Duration::from_millis(500);
    with_nodes_of(2, soon, async |nodes, nats| {
        let (maya, ines, _, team) = people(&nodes[0]).await;
        let ines = ines.at(&nodes[1]);
        let (id, _) = committed(&maya, &volume(&maya, "team").await, "review").await;
        let (room, document) = (format!("room.{team}"), format!("doc.{id}"));
        let listen = async |at_room: usize, at_document: usize| {
            (nats.subscriptions(&room).await, nats.subscriptions(&document).await) == (at_room, at_document)
        };
        let mut one = nodes[0].socket_of(&maya).await;
        one.join(&team, "workspace", None).await;
        let first = Editor::open(&nodes[0], &maya, &id).await;
        until("the first node listens", async || listen(1, 1).await).await;
        let mut two = nodes[1].socket_of(&ines).await;
        two.join(&team, "workspace", None).await;
        let second = Editor::open(&nodes[1], &ines, &id).await;
        until("both listen", async || listen(2, 2).await).await;
        two.send(json!({ "type": "leave_room", "roomId": team })).await;
        drop(second);
        until("the second one listens no more", async || listen(1, 1).await).await;
        drop(first);
        until("nor does the first one to the document", async || listen(1, 0).await).await;
    });
}

#[test]
fn rights_that_end_at_one_node_end_at_the_others_at_once() {
    with_nodes(2, async |nodes, _| {
        let (maya, ines, _, team) = people(&nodes[0]).await;
        let program = nodes[0].client_with_token(&ines, &["read", "write"]).await;
        let there = program.at(&nodes[1]);
        let mut socket = nodes[1].socket_of(&ines.at(&nodes[1])).await;
        socket.join(&team, "workspace", None).await;
        assert_eq!(there.get("/me").await.0, 200, "it is believed there");
        let (_, tokens) = ines.get("/me/tokens").await;
        for token in tokens.as_array().expect("a list") {
            assert_eq!(ines.delete(&format!("/me/tokens/{}", text(&token["id"]))).await.0, 204);
        }
        let revoked = Instant::now();
        until("the token works no more", async || there.get("/me").await.0 == 401).await;
        assert_eq!(socket.closed().await, 4401);
        // Without hearing of it they would believe in it for five seconds.
        assert!(revoked.elapsed() < Duration::from_secs(4), "{:?}", revoked.elapsed());
        assert_eq!(maya.at(&nodes[1]).get("/me").await.0, 200);
    });
}

#[test]
fn a_sign_in_that_ends_at_one_node_ends_at_the_others_within_a_second() {
    with_nodes(2, async |nodes, _| {
        let (maya, ines, _, team) = people(&nodes[0]).await;
        // A second browser of hers, with a socket that its cookie opened at the other node.
        let phone = nodes[0].visitor();
        let credentials = json!({ "email": "ines@harbor.internal", "password": PASSWORD });
        let answer = phone.answer(phone.request(Method::POST, "/api/v1/sign-in").json(&credentials)).await;
        let cookie = answer.header("set-cookie").split(';').next().unwrap_or_default().to_owned();
        let there = phone.at(&nodes[1]);
        let with_cookie = || there.request(Method::GET, "/api/v1/me").header("cookie", &cookie);
        assert_eq!(there.answer(with_cookie()).await.status, 200, "it is believed there");
        let mut socket = nodes[1].open("/ws", &[("cookie", cookie.clone()), ("origin", nodes[1].url.clone())]).await.expect("it opens");
        socket.until("welcome").await;
        socket.join(&team, "workspace", None).await;
        assert_eq!(ines.post("/me/sign-out-others", Value::Null).await.0, 204);
        let ended = Instant::now();
        until("the sign-in works no more", async || there.answer(with_cookie()).await.status == 401).await;
        assert_eq!(socket.closed().await, 4401);
        // The promise is a second; the machine of a test may be busy, and without hearing of it the other node would believe in it for five.
        assert!(ended.elapsed() < Duration::from_secs(4), "{:?}", ended.elapsed());
        // A second factor that is added at one node ends sign-ins at the other as well.
        let answer = phone.answer(phone.request(Method::POST, "/api/v1/sign-in").json(&credentials)).await;
        assert_eq!(answer.status, 200);
        let cookie = answer.header("set-cookie").split(';').next().unwrap_or_default().to_owned();
        let mut socket = nodes[1].open("/ws", &[("cookie", cookie), ("origin", nodes[1].url.clone())]).await.expect("it opens");
        socket.until("welcome").await;
        App::add(&ines).await;
        assert_eq!(socket.closed().await, 4401);
        assert_eq!(maya.at(&nodes[1]).get("/me").await.0, 200);
    });
}

#[test]
fn what_is_used_of_a_limit_counts_at_every_node() {
    with_nodes(2, async |nodes, _| {
        nodes[0].sign_up_first().await;
        let wrong = json!({ "email": "maya@harbor.internal", "password": "not this one" });
        for _ in 0..10 {
            let (status, _) = nodes[0].visitor().post("/sign-in", wrong.clone()).await;
            assert_ne!(status, 429);
        }
        // What is told takes a moment; the other node was never asked.
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(nodes[1].visitor().post("/sign-in", wrong).await.0, 429);
    });
}

#[test]
fn unread_notifications_are_counted_at_the_node_where_somebody_is() {
    with_nodes(2, async |nodes, _| {
        let (maya, ines, _, team) = people(&nodes[0]).await;
        let mut socket = nodes[1].socket_of(&ines.at(&nodes[1])).await;
        socket.join(&ines.id, "workspace", None).await;
        let session = begin(&maya, Some(&team), "Lamps").await;
        say(&maya, &session, "@ines look").await;
        assert_eq!(socket.until("notification").await["event"]["unread"], 1);
    });
}
