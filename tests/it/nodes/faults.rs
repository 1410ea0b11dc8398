//! NATS that goes away, nodes that are killed, frozen, or asked to leave.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::{KEY, Nats, beside_nats, standing, until, with_nodes};
use crate::{
    app::{PostgresDatabase, text},
    editor::Editor,
    process::{Process, browser, call, call_patiently, credentials, first_account},
    rooms::{commit, people},
    socket::Socket,
    volumes::{committed, volume},
};

#[test]
fn without_nats_nodes_go_on_alone_say_so_and_heal() {
    with_nodes(2, async |nodes, nats| {
        let (maya, ines, _, team) = people(&nodes[0]).await;
        let ines = ines.at(&nodes[1]);
        let mut one = nodes[0].socket_of(&maya).await;
        let mut two = nodes[1].socket_of(&ines).await;
        one.join(&team, "workspace", None).await;
        two.join(&team, "workspace", None).await;
        let shared = volume(&maya, "team").await;
        let (id, _) = committed(&maya, &shared, "review").await;
        let mut first = Editor::open(&nodes[0], &maya, &id).await;
        let mut second = Editor::open(&nodes[1], &ines, &id).await;
        assert_eq!(standing(&maya, "nodes").await, (true, "ready".to_owned()));

        nats.down();
        until("both say that they are alone", async || {
            standing(&maya, "nodes").await == (true, "degraded".to_owned())
                && standing(&ines, "nodes").await == (true, "degraded".to_owned())
        })
        .await;
        for socket in [&mut one, &mut two] {
            assert_eq!(socket.until("nodes").await["alone"], true);
        }
        // What happens at one is at the other a little later, whole and in order.
        for number in 0..5_u32 {
            one.tell(&team, commit(&format!("{number:08x}aaaa"))).await;
            two.tell(&team, commit(&format!("{number:08x}bbbb"))).await;
        }
        let (mut at_one, mut at_two) = (Vec::new(), Vec::new());
        for _ in 0..10 {
            at_one.push(one.until("commit").await);
            at_two.push(two.until("commit").await);
        }
        assert_eq!(at_one, at_two);
        first.write(AT_THE_END, "\nWritten at the first.").await;
        second.write(AT_THE_END, "\nWritten at the second.").await;
        first.until_text("at the second").await;
        second.until_text("at the first").await;

        nats.up();
        until("both hear one another again", async || {
            standing(&maya, "nodes").await.1 == "ready" && standing(&ines, "nodes").await.1 == "ready"
        })
        .await;
        while two.until("nodes").await["alone"] != false {}
        // The subscriptions are there again: it takes no comparison, which comes after five seconds.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let asked = Instant::now();
        one.tell(&team, commit("0123456789ab")).await;
        two.until("commit").await;
        assert!(asked.elapsed() < Duration::from_secs(4), "{:?}", asked.elapsed());
        first.until_saved().await;
        second.until_saved().await;
        first.until(|editor| editor.text() == second.text()).await;
    });
}

/// No line holds this, so it is written behind all of them.
const AT_THE_END: &str = "\u{0}";

/// How many changes of a name wait for a lock, …
const WAITS: &str = "SELECT COUNT(*) FROM pg_stat_activity \
                     WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE 'UPDATE users SET name = $2%'";
/// … and in how many transactions nothing comes after one.
const STAYS_OPEN: &str = "SELECT COUNT(*) FROM pg_stat_activity \
                          WHERE datname = current_database() AND state = 'idle in transaction' AND query LIKE 'UPDATE users SET name = $2%'";

/// A server as a process, with a folder of its own.
pub struct Node {
    pub process: Process,
    _folder: TempDir,
}

impl Node {
    pub async fn start(nats: &Nats, database: &PostgresDatabase) -> Self {
        let folder = TempDir::new().expect("a folder");
        let (url, address) = (database.url(), nats.url());
        let environment = [("DATABASE_URL", url.as_str()), ("NATS_URL", address.as_str()), ("SECRET_KEY", KEY), ("DRAIN_SECONDS", "2")];
        let process = Process::start_with(folder.path(), &[], &environment).await;
        Self { process, _folder: folder }
    }

    pub fn base(&self) -> &str {
        &self.process.base
    }
}

/// Maya with a token; her id is that of her own workspace's room.
struct Person {
    browser: reqwest::Client,
    token: String,
    id: String,
    volume: String,
}

impl Person {
    async fn first(node: &Node) -> Self {
        let browser = browser();
        let volume = first_account(&node.process, &browser).await;
        let (_, me) = node.process.call(&browser, Method::GET, "/me", Value::Null).await.expect("an answer");
        let body = json!({ "name": "test", "scopes": ["read", "write"], "expiresInDays": 7 });
        let (status, made) = node.process.call(&browser, Method::POST, "/me/tokens", body).await.expect("an answer");
        assert_eq!(status, 201, "{made}");
        Self { browser, token: text(&made["secret"]), id: text(&me["person"]["id"]), volume }
    }

    async fn socket(&self, node: &Node) -> Socket {
        let mut socket = Socket::open(node.base(), &format!("/ws?token={}", self.token), &[]).await.expect("it opens");
        socket.until("welcome").await;
        socket
    }

    /// Asks a node to change her name, and does not wait for it: the status of the answer, none where the node died before it.
    fn rename(&self, node: &Node, name: &'static str) -> JoinHandle<Option<u16>> {
        let (base, browser) = (node.base().to_owned(), self.browser.clone());
        tokio::spawn(async move { Some(call(&base, &browser, Method::PATCH, "/me", json!({ "name": name })).await?.0) })
    }

    /// A team of hers, and an agent in it with a token.
    async fn agent(&self, node: &Node) -> (String, String, String) {
        let make = async |path: String, body: Value| {
            let (status, made) = node.process.call(&self.browser, Method::POST, &path, body).await.expect("an answer");
            assert_eq!(status, 201, "{made}");
            made
        };
        let team = text(&make("/teams".to_owned(), json!({ "name": "Harbor" })).await["id"]);
        let agent = make(format!("/teams/{team}/agents"), json!({ "name": "Gull", "role": "member" })).await;
        let agent = text(&agent["person"]["id"]);
        let token = make(format!("/teams/{team}/agents/{agent}/tokens"), json!({ "name": "test", "scopes": ["read"] })).await;
        (team, agent, text(&token["secret"]))
    }

    async fn artifact(&self, node: &Node) -> String {
        let body = json!({ "volumeId": self.volume, "kind": "skill", "name": "review", "text": "---\nname: review\ndescription: How.\n---\n\nRead.\n" });
        let (status, made) = call_patiently(node.base(), &self.browser, Method::POST, "/artifacts", body).await.expect("an answer");
        assert_eq!(status, 201, "{made}");
        text(&made["summary"]["id"])
    }
}

#[test]
fn a_node_that_is_killed_takes_its_people_with_it_and_nothing_that_was_acknowledged() {
    beside_nats(async |nats, database| {
        let (one, two) = (Node::start(nats, &database).await, Node::start(nats, &database).await);
        let maya = Person::first(&one).await;
        let id = maya.artifact(&one).await;
        let mut watching = maya.socket(&one).await;
        let seen = watching.join(&maya.id, "workspace", None).await["seq"].as_u64();
        let mut editor = Editor::connect(two.base(), &maya.token, &id).await.expect("it opens");
        let mut other = Editor::connect(one.base(), &maya.token, &id).await.expect("it opens");
        let mut room = maya.socket(&two).await;
        room.join(&maya.id, "workspace", None).await;
        for number in 0..30 {
            editor.write(AT_THE_END, &format!("\nline {number}")).await;
        }
        editor.until_saved().await;
        let written = editor.text();
        // Somebody who is at the second node alone.
        let (team, agent, token) = maya.agent(&one).await;
        let mut beside = maya.socket(&one).await;
        beside.join(&team, "workspace", None).await;
        let mut alone = Socket::open(two.base(), &format!("/ws?token={token}"), &[]).await.expect("it opens");
        alone.until("welcome").await;
        alone.join(&team, "workspace", None).await;
        while beside.until("user_joined").await["event"]["userId"] != agent.as_str() {}
        room.tell(&maya.id, commit("0123456789ab")).await;
        room.until("commit").await;
        two.process.kill();
        // At the other node everything is there, and the connections come back to it.
        other.until(|editor| editor.text() == written).await;
        let again = Editor::connect(one.base(), &maya.token, &id).await.expect("it opens");
        assert_eq!(again.text(), written);
        let mut back = maya.socket(&one).await;
        let state = back.join(&maya.id, "workspace", seen).await;
        assert_eq!(state["resync"], Value::Null, "{state}");
        back.until("commit").await;
        assert_eq!(beside.until("user_left").await["event"]["userId"], agent.as_str());
        // Maya is at the first node as well: nobody else has left.
        let db = llmos_lite::server::db::Db::look_at(&database.url()).await.expect("the database");
        until("the dead node's people are taken back", async || {
            super::count(&db, "SELECT COUNT(DISTINCT node_id) FROM room_people").await == 1
        })
        .await;
        assert_eq!(super::count(&db, "SELECT COUNT(*) FROM nodes").await, 1);
        let left = format!("SELECT COUNT(*) FROM room_events WHERE frame LIKE '%user_left%' AND frame NOT LIKE '%{agent}%'");
        assert_eq!(super::count(&db, &left).await, 0);
        // Its draft is settled by somebody else.
        until("the draft has all of it", async || {
            let (_, now) = one.process.call(&maya.browser, Method::GET, &format!("/artifacts/{id}"), Value::Null).await.expect("an answer");
            now["text"] == written
        })
        .await;
        one.process.kill();
        db.close().await;
        database.drop().await;
    });
}

#[test]
fn a_node_that_was_frozen_notices_and_writes_nothing_old() {
    beside_nats(async |nats, database| {
        let (one, two) = (Node::start(nats, &database).await, Node::start(nats, &database).await);
        let maya = Person::first(&one).await;
        let id = maya.artifact(&one).await;
        let mut frozen = Editor::connect(two.base(), &maya.token, &id).await.expect("it opens");
        frozen.write(AT_THE_END, "\nBefore it froze.").await;
        frozen.until_saved().await;
        let mut room = maya.socket(&two).await;
        room.join(&maya.id, "workspace", None).await;
        // It freezes within a transaction that has changed a row: the change waits for a lock of the test's until then.
        let db = llmos_lite::server::db::Db::look_at(&database.url()).await.expect("the database");
        let mut held = db.read().begin().await.expect("a transaction");
        sqlx::query("UPDATE users SET name = name").execute(&mut *held).await.expect("the row is locked");
        let overtaken = maya.rename(&two, "Under Way");
        until("the change waits for the lock", async || super::count(&db, WAITS).await == 1).await;
        // What is under way when it freezes is not stored yet.
        frozen.write(AT_THE_END, "\nUnder way.").await;
        two.process.signal("STOP");
        held.rollback().await.expect("it is undone");
        until("its transaction stays open", async || super::count(&db, STAYS_OPEN).await == 1).await;
        let renamed = maya.rename(&one, "Gone Past");
        let mut other = Editor::connect(one.base(), &maya.token, &id).await.expect("it opens");
        other.until_text("Before it froze.").await;
        other.write(AT_THE_END, "\nWhile it was frozen.").await;
        other.until_saved().await;
        until("the others have given it up", async || super::count(&db, "SELECT COUNT(*) FROM nodes").await == 1).await;
        until("nobody is there any more", async || super::count(&db, "SELECT COUNT(*) FROM room_people").await == 0).await;
        // PostgreSQL has ended its transaction: what waited for that lock goes on.
        assert_eq!(renamed.await.expect("it ends"), Some(200));
        two.process.signal("CONT");
        assert_eq!(overtaken.await.expect("it ends"), Some(503), "nothing was changed, and that is said");
        // Whoever was connected is sent away, and comes back.
        assert!(matches!(room.closed().await, 4009 | 1006 | 1012));
        until("it is among the living", async || super::count(&db, "SELECT COUNT(*) FROM nodes").await == 2).await;
        let mut again = Editor::connect(two.base(), &maya.token, &id).await.expect("it opens");
        again.until_text("While it was frozen.").await;
        assert_eq!(again.text().matches("Before it froze.").count(), 1);
        assert!(again.text().matches("Under way.").count() <= 1);
        // It writes again.
        again.write(AT_THE_END, "\nAfter it thawed.").await;
        again.until_saved().await;
        other.until_text("After it thawed.").await;
        assert_eq!(again.text(), other.text());
        let mut room = maya.socket(&two).await;
        let state = room.join(&maya.id, "workspace", None).await;
        let names: Vec<&Value> = state["users"].as_array().into_iter().flatten().map(|user| &user["userName"]).collect();
        assert_eq!(names, ["Gone Past"], "the change that came first stands, at the node that was frozen as well");
        one.process.kill();
        two.process.kill();
        db.close().await;
        database.drop().await;
    });
}

#[test]
fn a_node_that_is_asked_to_stop_says_so_first_and_serves_on_for_a_while() {
    beside_nats(async |nats, database| {
        let (one, two) = (Node::start(nats, &database).await, Node::start(nats, &database).await);
        let maya = Person::first(&one).await;
        let mut room = maya.socket(&two).await;
        room.join(&maya.id, "workspace", None).await;
        let base = two.base().to_owned();
        let asked = Instant::now();
        two.process.signal("TERM");
        until("it wants no more", async || reqwest::get(format!("{base}/readyz")).await.is_ok_and(|answer| answer.status() == 503)).await;
        // It still serves whoever is there, and keeps no connection: what is sent over one while it goes would be lost.
        let answer = reqwest::get(format!("{base}/healthz")).await.expect("an answer");
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers().get("connection").map(reqwest::header::HeaderValue::as_bytes), Some(&b"close"[..]));
        room.ping().await;
        assert_eq!(room.closed().await, 1012);
        assert!(asked.elapsed() >= Duration::from_millis(1_500), "{:?}", asked.elapsed());
        let mut back = maya.socket(&one).await;
        back.join(&maya.id, "workspace", None).await;
        let db = llmos_lite::server::db::Db::look_at(&database.url()).await.expect("the database");
        until("it is gone at once", async || super::count(&db, "SELECT COUNT(*) FROM nodes").await == 1).await;
        assert!(two.process.stop().await.success());
        one.process.kill();
        db.close().await;
        database.drop().await;
    });
}

#[test]
fn a_sign_in_at_one_node_is_one_at_all() {
    beside_nats(async |nats, database| {
        let (one, two) = (Node::start(nats, &database).await, Node::start(nats, &database).await);
        Person::first(&one).await;
        let browser = browser();
        let (status, _) = call_patiently(two.base(), &browser, Method::POST, "/sign-in", credentials()).await.expect("an answer");
        assert!(status < 300, "{status}");
        // The cookie is of the host, whichever node answers; and so is a token of a minute, which the key of all signs.
        let (status, made) = call_patiently(one.base(), &browser, Method::POST, "/ws-token", Value::Null).await.expect("an answer");
        assert_eq!(status, 200, "{made}");
        let mut socket = Socket::open(two.base(), &format!("/ws?token={}", text(&made["token"])), &[]).await.expect("it opens");
        socket.until("welcome").await;
        one.process.kill();
        two.process.kill();
        database.drop().await;
    });
}
