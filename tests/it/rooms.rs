//! The room socket, with real connections.

use std::time::Duration;

use futures::SinkExt as _;
use llmos_lite::{features::collaboration::service, server::context::Ctx};
use reqwest::Method;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::{
    app::{Client, TestApp, text},
    sessions::begin,
    socket::Socket,
    volumes::{committed, save, volume},
};

pub fn commit(sha: &str) -> Value {
    json!({ "type": "commit", "volumeType": "team", "commitSha": sha })
}

pub const SHA: &str = "0123456789abcdef";

/// Maya owns a team, Ines is a member and Vera a viewer of it.
pub async fn people(app: &TestApp) -> (Client, Client, Client, String) {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let ines = app.join(&maya, &team, "member", "ines@harbor.internal").await;
    let vera = app.join(&maya, &team, "viewer", "vera@harbor.internal").await;
    (maya, ines, vera, team)
}

/// A number `ahead` of the newest, told by `socket`.
async fn tell_and_read(socket: &mut Socket, room: &str) -> u64 {
    socket.tell(room, commit(SHA)).await;
    socket.until("commit").await["seq"].as_u64().expect("a number")
}

app_test!(who_comes_and_goes_is_told_once_for_all_tabs, |app| {
    let (maya, ines, _, team) = people(app).await;
    let mut first = app.socket_of(&maya).await;
    let state = first.join(&team, "workspace", None).await;
    assert_eq!(state["users"].as_array().map(Vec::len), Some(1));
    let mut tabs = [app.socket_of(&ines).await, app.socket_of(&ines).await];
    for tab in &mut tabs {
        let state = tab.join(&team, "workspace", None).await;
        assert_eq!(state["users"].as_array().map(Vec::len), Some(2));
    }
    let joined = first.until("user_joined").await;
    assert_eq!(joined["event"]["userName"], "ines");
    assert_eq!(joined["event"]["userId"], ines.id.as_str());
    let [mut one, mut two] = tabs;
    one.0.close(None).await.expect("closes");
    two.send(json!({ "type": "leave_room", "roomId": team })).await;
    // The next thing that is told is that she left: not twice, and not with the first tab.
    let left = first.next().await;
    assert_eq!((&left["event"]["type"], &left["event"]["userId"]), (&json!("user_left"), &json!(ines.id)));
});

app_test!(who_is_here_has_the_picture_of_the_account, |app| {
    let (maya, ines, _, team) = people(app).await;
    let mut tx = app.state.db.write_tx().await.expect("a transaction");
    let picture = "UPDATE users SET avatar_sha = $1 WHERE id = $2";
    sqlx::query(picture).bind("ab".repeat(32)).bind(ines.id.as_str()).execute(&mut *tx).await.expect("updates");
    tx.commit().await.expect("commits");
    let mut first = app.socket_of(&maya).await;
    first.join(&team, "workspace", None).await;
    let mut second = app.socket_of(&ines).await;
    let state = second.join(&team, "workspace", None).await;
    let of = |id: &str| state["users"].as_array().into_iter().flatten().find(|user| user["userId"] == id).cloned().unwrap_or_default();
    let avatar = of(&ines.id)["avatar"].clone();
    assert!(avatar.as_str().is_some_and(|avatar| avatar.contains(&"ab".repeat(32))), "{state}");
    assert_eq!(of(&maya.id)["avatar"], Value::Null);
    assert_eq!(first.until("user_joined").await["event"]["avatar"], avatar);
});

app_test!(events_are_numbered_and_those_missed_are_told_again, |app| {
    let (maya, ines, _, team) = people(app).await;
    let mut maya = app.socket_of(&maya).await;
    maya.join(&team, "workspace", None).await;
    let mut away = app.socket_of(&ines).await;
    let state = away.join(&team, "workspace", None).await;
    let seen = state["seq"].as_u64().expect("a number");
    drop(away);
    maya.until("user_left").await;
    for _ in 0..5 {
        tell_and_read(&mut maya, &team).await;
    }
    let mut back = app.socket_of(&ines).await;
    let state = back.join(&team, "workspace", Some(seen)).await;
    assert_eq!(state["resync"], Value::Null);
    let mut numbers = Vec::new();
    while numbers.len() < 7 {
        let frame = back.until("event").await;
        numbers.push(frame["seq"].as_u64().expect("a number"));
    }
    // She left, five commits, she came.
    assert_eq!(numbers, (seen + 1..=seen + 7).collect::<Vec<_>>());
    assert_eq!(state["seq"].as_u64(), Some(seen + 7));
    // What nobody can know is told to be read again.
    assert_eq!(back.join(&team, "workspace", Some(seen + 1_000_000)).await["resync"], true);
});

app_test!(what_was_told_is_in_the_database_and_is_told_from_there, |app| {
    let (maya, ..) = people(app).await;
    let team = maya.team("Quay").await;
    let mut socket = app.socket_of(&maya).await;
    let first = socket.join(&team, "workspace", None).await["seq"].as_u64().expect("a number");
    for number in 0..1_500 {
        // Over the rate of one connection: a new one now and then.
        if number % 150 == 149 {
            socket = app.socket_of(&maya).await;
            socket.join(&team, "workspace", None).await;
        }
        socket.tell(&team, commit(SHA)).await;
    }
    socket.ping().await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    let mut late = app.socket_of(&maya).await;
    let state = late.join(&team, "workspace", Some(first)).await;
    assert_eq!(state["resync"], Value::Null, "{state}");
    let last = state["seq"].as_u64().expect("a number");
    assert!(last > first + 1_200, "{first} to {last}");
    for number in first + 1..=last {
        assert_eq!(late.until("event").await["seq"].as_u64(), Some(number));
    }
});

app_test!(viewers_point_and_type_and_nothing_more, |app| {
    let (maya, _, vera, team) = people(app).await;
    let mut maya = app.socket_of(&maya).await;
    maya.join(&team, "workspace", None).await;
    let vera_id = vera.id.clone();
    let mut vera = app.socket_of(&vera).await;
    vera.join(&team, "workspace", None).await;
    vera.tell(&team, commit(SHA)).await;
    assert_eq!(vera.until("error").await["code"], "forbidden");
    // Whatever it says of who sent it and when: the server says it.
    vera.tell(&team, json!({ "type": "cursor_move", "position": { "x": 1, "y": 2 }, "userId": "somebody", "timestamp": "1999" })).await;
    let moved = maya.until("cursor_move").await;
    assert_eq!(moved["event"]["userId"], vera_id.as_str());
    assert!(text(&moved["event"]["timestamp"]).starts_with("20"));
    assert_eq!(moved["seq"], Value::Null);
});

app_test!(rooms_that_are_not_shared_are_not_there, |app| {
    let (maya, ..) = people(app).await;
    let stranger = app.sign_up(&maya, "stranger@elsewhere.example").await;
    let team = maya.team("Secret").await;
    let (status, session) = maya.post("/sessions", json!({ "title": "Private" })).await;
    assert_eq!(status, 201, "{session}");
    let mut socket = app.socket_of(&stranger).await;
    for (room, kind) in
        [(team.as_str(), "workspace"), (&text(&session["id"]), "session"), (maya.id.as_str(), "workspace"), (&team, "artifact")]
    {
        socket.send(json!({ "type": "join_room", "roomId": room, "roomType": kind })).await;
        assert_eq!(socket.until("error").await["code"], "not_found", "{kind}");
    }
    socket.tell(&team, commit(SHA)).await;
    assert_eq!(socket.until("error").await["code"], "not_found");
    let own = socket.join(&stranger.id, "workspace", None).await;
    assert_eq!(own["users"][0]["userId"], stranger.id.as_str());
});

app_test!(who_one_is_comes_from_the_credential, |app| {
    let (maya, ines, ..) = people(app).await;
    // A token of a minute, in the address or in the first frame.
    let (status, made) = maya.post("/ws-token", Value::Null).await;
    assert_eq!(status, 200, "{made}");
    let token = text(&made["token"]);
    let mut socket = app.open(&format!("/ws?token={token}"), &[]).await.expect("it opens");
    assert_eq!(socket.next().await["userId"], maya.id.as_str());
    let mut socket = app.open("/ws", &[]).await.expect("it opens");
    socket.send(json!({ "type": "auth", "userId": ines.id, "token": token })).await;
    assert_eq!(socket.next().await["userId"], maya.id.as_str());
    // Nothing and nonsense.
    for first in [json!({ "type": "auth", "userId": ines.id }), json!({ "type": "ping" }), json!({ "type": "auth", "token": "wrong" })] {
        let mut socket = app.open("/ws", &[]).await.expect("it opens");
        socket.send(first).await;
        assert_eq!(socket.closed().await, 4401);
    }
    let mut socket = app.open("/ws?token=wrong", &[]).await.expect("it opens");
    assert_eq!(socket.closed().await, 4401);
});

app_test!(a_cookie_counts_from_our_own_pages_only, |app| {
    let (maya, ..) = people(app).await;
    let answer = maya
        .answer(
            maya.request(Method::POST, "/api/v1/sign-in")
                .json(&json!({ "email": "maya@harbor.internal", "password": crate::app::PASSWORD })),
        )
        .await;
    let cookie = answer.header("set-cookie").split(';').next().unwrap_or_default().to_owned();
    assert!(!cookie.is_empty());
    for origin in ["http://evil.example", "null", "http://127.0.0.1:1"] {
        let refused = app.open("/ws", &[("cookie", cookie.clone()), ("origin", origin.to_owned())]).await;
        assert_eq!(refused.err(), Some(403), "{origin}");
    }
    assert_eq!(app.open("/ws", &[("cookie", cookie.clone())]).await.err(), Some(403), "no origin");
    let mut socket = app.open("/ws", &[("cookie", cookie), ("origin", app.url.clone())]).await.expect("it opens");
    assert_eq!(socket.next().await["userId"], maya.id.as_str());
});

app_test!(what_cannot_be_taken_is_refused_and_harms_nobody, |app| {
    let (maya, ines, _, team) = people(app).await;
    let mut watcher = app.socket_of(&ines).await;
    watcher.join(&team, "workspace", None).await;
    let mut socket = app.socket_of(&maya).await;
    socket.join(&team, "workspace", None).await;
    for (event, code) in [
        (json!({ "type": "user_left" }), "invalid_input"),
        (json!({ "type": "notification", "unread": 5 }), "invalid_input"),
        (json!({ "type": "commit", "volumeType": "team", "commitSha": "'; drop table users" }), "invalid_input"),
        (json!({ "type": "artifact_updated", "artifactId": "../../etc", "data": null }), "invalid_input"),
        (json!({ "type": "unheard_of" }), "unreadable"),
        (json!({ "type": "session_update", "sessionId": team, "data": "x".repeat(65 * 1024) }), "too_large"),
    ] {
        socket.tell(&team, event).await;
        assert_eq!(socket.until("error").await["code"], code);
    }
    for frame in ["", "null", "[]", "{", "{\"type\":7}", "\u{0}", "{\"type\":\"join_room\",\"roomId\":\"x\",\"roomType\":\"session\"}"] {
        socket.0.send(Message::text(frame)).await.expect("sends");
        assert_eq!(socket.until("error").await["code"], "unreadable", "{frame}");
    }
    socket.0.send(Message::binary(vec![0xff; 100])).await.expect("sends");
    assert_eq!(socket.until("error").await["code"], "unreadable");
    // It still works, and nothing of that was told.
    tell_and_read(&mut socket, &team).await;
    watcher.until("user_joined").await;
    assert_eq!(watcher.next().await["event"]["type"], "commit");
    // Too much of it ends the connection.
    for _ in 0..120 {
        if socket.0.send(Message::text("{")).await.is_err() {
            break;
        }
    }
    assert_eq!(socket.closed().await, 4400);
});

app_test!(ten_thousand_joins_and_too_many_events_are_survived, |app| {
    let (maya, ..) = people(app).await;
    let team = maya.team("Busy").await;
    let mut socket = app.socket_of(&maya).await;
    socket.join(&team, "workspace", None).await;
    for _ in 0..250 {
        socket.tell(&team, commit(SHA)).await;
    }
    assert_eq!(socket.until("error").await["code"], "too_many_requests");
    let mut joining = app.socket_of(&maya).await;
    for _ in 0..10_000 {
        let frame = json!({ "type": "join_room", "roomId": team, "roomType": "workspace" });
        if joining.0.send(Message::text(frame.to_string())).await.is_err() {
            break;
        }
    }
    assert_eq!(joining.closed().await, 4429);
    let mut other = app.socket_of(&maya).await;
    other.join(&team, "workspace", None).await;
});

app_test!(a_reader_that_stops_is_let_go_and_the_others_hear_everything, |app| {
    let (maya, ines, _, team) = people(app).await;
    let mut stuck = app.slow_socket_of(&ines).await;
    stuck.join(&team, "workspace", None).await;
    let mut reader = app.socket_of(&maya).await;
    reader.join(&team, "workspace", None).await;
    let filler = "x".repeat(60 * 1024);
    // More than what the system's buffers and ours hold together.
    let mut sender = app.socket_of(&maya).await;
    sender.join(&team, "workspace", None).await;
    let mut left = None;
    for number in 0..190 {
        sender.tell(&team, json!({ "type": "session_update", "sessionId": team, "data": { "n": number, "x": filler } })).await;
        loop {
            let heard = reader.next().await;
            match heard["event"]["type"].as_str() {
                Some("user_left") => left = Some(text(&heard["event"]["userId"])),
                Some("session_update") => {
                    assert_eq!(heard["event"]["data"]["n"], number);
                    break;
                }
                _ => {}
            }
        }
        sender.until("session_update").await;
    }
    // A goodbye cannot reach who does not read; the others learn that she is gone.
    assert_eq!(left, Some(ines.id));
    drop(stuck);
});

app_test!(
    a_connection_without_a_sign_of_life_is_closed,
    |config| {
        config.sockets.silence = Duration::from_millis(1_200);
        config.sockets.greeting = Duration::from_millis(300);
    },
    |app| {
        let maya = app.sign_up_first().await;
        let mut socket = app.socket_of(&maya).await;
        socket.join(&maya.id, "workspace", None).await;
        // Nothing answers the server's ping while nobody reads.
        tokio::time::sleep(Duration::from_millis(1_900)).await;
        assert_eq!(socket.closed().await, 4008);
        let mut silent = app.open("/ws", &[]).await.expect("it opens");
        assert_eq!(silent.closed().await, 4401);
    }
);

app_test!(stopping_says_come_back, |app| {
    let maya = app.sign_up_first().await;
    let mut socket = app.socket_of(&maya).await;
    socket.join(&maya.id, "workspace", None).await;
    app.state.shutdown.cancel();
    assert_eq!(socket.closed().await, 1012);
});

app_test!(messages_of_a_session_are_announced_in_its_room, |app| {
    let (maya, ines, _, team) = people(app).await;
    let (status, session) = maya.post("/sessions", json!({ "title": "Review", "teamId": team })).await;
    assert_eq!(status, 201, "{session}");
    let id = text(&session["id"]);
    let mut socket = app.socket_of(&ines).await;
    socket.join(&id, "session", None).await;
    let (status, entry) = maya.post(&format!("/sessions/{id}/messages"), json!({ "text": "Hello" })).await;
    assert_eq!(status, 201, "{entry}");
    let told = socket.until("message").await;
    assert_eq!(told["event"]["number"], entry["number"]);
    let (_, list) = maya.get("/sessions").await;
    assert_eq!(list["items"][0]["here"][0]["userId"], ines.id.as_str());
});

app_test!(administrators_see_the_rooms, |app| {
    let (maya, ines, _, team) = people(app).await;
    // Each of the three is told that a password was set, which may come late.
    let mut before = Value::Null;
    for _ in 0..500 {
        (_, before) = maya.get("/admin/rooms").await;
        if before["total"]["told"] == 3 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(before["total"]["told"], 3, "{before}");
    let more = |what: &str, count: i64| json!(before["total"][what].as_i64().unwrap_or_default() + count);
    let private = begin(&ines, None, "Between me and me").await;
    let shared = begin(&ines, Some(&team), "Mooring").await;
    let mut socket = app.socket_of(&ines).await;
    socket.join(&team, "workspace", None).await;
    for session in [&private, &shared] {
        socket.join(session, "session", None).await;
    }
    tell_and_read(&mut socket, &team).await;
    let (status, report) = maya.get("/admin/rooms").await;
    assert_eq!(status, 200, "{report}");
    assert_eq!(report["sockets"], 1);
    // Three came in, and a commit was told.
    assert_eq!((&report["total"]["rooms"], &report["total"]["told"]), (&more("rooms", 3), &more("told", 4)));
    assert_eq!((&report["total"]["dropped"], &report["total"]["documents"]), (&json!(0), &json!(0)));
    let room = |id: &str| {
        let rooms = report["rooms"].as_array().expect("a list");
        rooms.iter().find(|room| room["roomId"] == id).unwrap_or_else(|| panic!("{id} in {report}")).clone()
    };
    let of_team = room(&team);
    assert_eq!((&of_team["name"], &of_team["connections"], &of_team["present"]), (&json!("Harbor"), &json!(1), &json!(1)));
    assert_eq!((&of_team["people"][0]["userName"], &of_team["seq"], &of_team["told"]), (&json!("ines"), &json!(2), &json!(2)));
    assert!(of_team["lagMs"].is_i64() && of_team["queuedBytes"].is_i64());
    assert_eq!(room(&shared)["name"], "Mooring");
    // An administrator runs the instance and reads what is shared with them, nothing else.
    assert_eq!(room(&private)["name"], Value::Null);
    let (_, sessions) = maya.get("/admin/rooms?kind=session").await;
    assert_eq!((sessions["rooms"].as_array().map(Vec::len), &sessions["total"]["rooms"]), (Some(2), &more("rooms", 3)));
    assert_eq!(maya.get("/admin/rooms?kind=kitchen").await.0, 400);
    assert_eq!(ines.get("/admin/rooms").await.0, 403);
});

app_test!(a_session_is_told_of_drafts_and_commits_of_its_artifacts, |app| {
    let (maya, ines, _, team) = people(app).await;
    let volume = volume(&maya, "team").await;
    let (skill, _) = committed(&maya, &volume, "mooring").await;
    let session = begin(&ines, Some(&team), "Mooring").await;
    let other = begin(&ines, Some(&team), "Something else").await;
    let (status, added) = ines.post(&format!("/sessions/{session}/artifacts"), json!({ "artifactId": skill })).await;
    assert_eq!(status, 201, "{added}");
    let mut socket = app.socket_of(&ines).await;
    socket.join(&other, "session", None).await;
    socket.join(&session, "session", None).await;
    let told = async |socket: &mut Socket| {
        let frame = socket.until("session_update").await;
        assert_eq!((&frame["roomId"], &frame["event"]["sessionId"]), (&json!(session), &json!(session)));
        assert_eq!(frame["event"]["data"]["changed"], "artifacts");
        ines.get(&format!("/sessions/{session}")).await.1["artifacts"][0].clone()
    };
    let (status, saved) = save(&maya, &skill, "# Mooring\n\nTwice.\n", 0).await;
    assert_eq!(status, 200, "{saved}");
    assert_eq!(told(&mut socket).await["hasDraft"], true);
    assert_eq!(maya.delete(&format!("/artifacts/{skill}/draft")).await.0, 204);
    assert_eq!(told(&mut socket).await["hasDraft"], false);
    assert_eq!(maya.delete(&format!("/artifacts/{skill}")).await.0, 204);
    assert_eq!(told(&mut socket).await["gone"], true);
});

app_test!(a_room_that_was_left_goes_on_with_its_numbers, |app| {
    // As after a crash: the room's row says that it was not closed.
    let maya = app.sign_up_first().await;
    let mut socket = app.socket_of(&maya).await;
    let team = maya.team("Quay").await;
    sqlx::query("INSERT INTO rooms (id, reserved, closed, updated_at) VALUES ($1, 500, 0, 0)")
        .bind(team.as_str())
        .execute(app.state.db.read())
        .await
        .expect("a row");
    let state = socket.join(&team, "workspace", Some(40)).await;
    assert_eq!(state["resync"], true);
    assert_eq!(state["seq"], 501, "behind what may have been given, and one for coming in");
});

app_test!(who_is_in_a_room_is_here_without_having_asked_for_anything, |app| {
    let (maya, ines, _, team) = people(app).await;
    let eve = app.sign_up(&maya, "eve@elsewhere.internal").await;
    let session = begin(&maya, Some(&team), "Review").await;
    let mut sockets = [app.socket_of(&ines).await, app.socket_of(&eve).await];
    for person in [&ines, &eve] {
        assert_eq!(person.post("/me/sign-out-everywhere", Value::Null).await.0, 204);
    }
    let here = async || {
        let (status, home) = maya.get("/home").await;
        assert_eq!(status, 200, "{home}");
        home["here"].as_array().expect("a list").iter().map(|person| text(&person["name"])).collect::<Vec<_>>()
    };
    assert_eq!(here().await, ["vera"], "no sign-in is left of the others");
    sockets[0].join(&session, "session", None).await;
    sockets[1].join(&eve.id, "workspace", None).await;
    let mut names = here().await;
    names.sort();
    assert_eq!(names, ["ines", "vera"], "who shares a team with the one who asks");
    sockets[0].send(json!({ "type": "leave_room", "roomId": session })).await;
    // What is asked next is answered after she has left.
    sockets[0].join(&team, "workspace", None).await;
    sockets[0].send(json!({ "type": "leave_room", "roomId": team })).await;
    sockets[0].send(json!({ "type": "ping" })).await;
    sockets[0].until("pong").await;
    assert_eq!(here().await, ["vera"]);
});

app_test!(events_that_had_their_time_are_removed_and_the_last_thousand_stay, |app| {
    let (maya, ines, _, team) = people(app).await;
    let ctx = Ctx::internal(app.state.clone(), None);
    let day = 24 * 3_600_000;
    // Nothing was told in them yet.
    let (mine, ours) = (maya.team("Mine").await, ines.team("Ours").await);
    for (room, age) in [(&mine, 4 * day), (&ours, 4 * day), (&team, 2 * day)] {
        sqlx::query(
            "WITH RECURSIVE n(seq) AS (SELECT 1 UNION ALL SELECT seq + 1 FROM n WHERE seq < 1500) \
             INSERT INTO room_events (room_id, seq, frame, created_at) \
             SELECT CAST($1 AS TEXT), seq, '{\"type\":\"event\",\"seq\":' || seq || '}', CAST($2 AS BIGINT) FROM n",
        )
        .bind(room.as_str())
        .bind(ctx.now() - age)
        .execute(app.state.db.read())
        .await
        .expect("rows");
        sqlx::query("INSERT INTO rooms (id, reserved, closed, updated_at) VALUES ($1, 1500, 1, 0)")
            .bind(room.as_str())
            .execute(app.state.db.read())
            .await
            .expect("a row");
    }
    // One room is in memory meanwhile.
    let mut there = app.socket_of(&ines).await;
    assert_eq!(there.join(&ours, "workspace", Some(0)).await["resync"], Value::Null);
    service::remove_old_events(&ctx).await.expect("they are removed");
    let kept = async |room: &str| -> (i64, i64) {
        let rows = sqlx::query_as("SELECT COUNT(*), MIN(seq) FROM room_events WHERE room_id = $1 AND seq <= 1500");
        rows.bind(room.to_owned()).fetch_one(app.state.db.read()).await.expect("a count")
    };
    assert_eq!(kept(&mine).await, (1_000, 501));
    assert_eq!(kept(&team).await, (1_500, 1), "younger than three days");

    let mut late = app.socket_of(&maya).await;
    assert_eq!(late.join(&mine, "workspace", Some(499)).await["resync"], true);
    let state = late.join(&mine, "workspace", Some(500)).await;
    assert_eq!(state["resync"], Value::Null, "{state}");
    for number in 501..=state["seq"].as_u64().expect("a number") {
        assert_eq!(late.until("event").await["seq"].as_u64(), Some(number));
    }
    // What the memory took for kept is looked for in the database.
    let mut other = app.socket_of(&ines).await;
    assert_eq!(other.join(&ours, "workspace", Some(499)).await["resync"], true);
});
