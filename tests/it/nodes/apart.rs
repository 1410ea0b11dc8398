//! What parts nodes: a NATS that lets in who knows its password, one that a single node does not reach, a database that answers nobody for a while,
//! a pool that is used up, versions, and a beginning at the same moment.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::Notify,
};

use super::{KEY, Nats, beside_nats, standing, until, with_nodes};
use crate::{
    app::{self, Engine, PostgresDatabase, TestApp},
    operations::llmos,
    rooms::{commit, people},
};

/// A server on a database, with another way to NATS than the others may have.
async fn start(database: &PostgresDatabase, nats: &str) -> TestApp {
    TestApp::start(None, |config| {
        config.database_url = database.url();
        config.nats_url = Some(nats.to_owned());
        config.secret_key = Some(KEY.to_owned());
    })
    .await
}

async fn until_all_hear(nodes: &[TestApp]) {
    until("all hear one another", async || {
        nodes.iter().all(|node| node.state.cluster.hears_all() && node.state.cluster.nodes().len() == nodes.len())
    })
    .await;
}

async fn stop(nodes: Vec<TestApp>, database: PostgresDatabase) {
    for node in nodes {
        node.stop().await;
    }
    database.drop().await;
}

#[test]
fn nats_lets_in_who_knows_its_password_by_the_file_that_is_shipped() {
    let Some(nats) = super::program().map(Nats::guarded) else { return };
    app::on(Engine::Postgres, async |database| {
        let Some(database) = database else { return };
        let nodes = vec![start(&database, &nats.url()).await, start(&database, &nats.url()).await];
        until_all_hear(&nodes).await;
        let (maya, ines, _, team) = people(&nodes[0]).await;
        let mut one = nodes[0].socket_of(&maya).await;
        let mut two = nodes[1].socket_of(&ines.at(&nodes[1])).await;
        one.join(&team, "workspace", None).await;
        two.join(&team, "workspace", None).await;
        // What nodes listen to and tell is what its rights name.
        until("both listen to the room", async || nats.subscriptions(&format!("room.{team}")).await == 2).await;
        one.tell(&team, commit("0123456789ab")).await;
        two.until("commit").await;

        let folder = TempDir::new().expect("a folder");
        let url = database.url();
        let doctor =
            |nats: &str| llmos(folder.path(), &["doctor"], &[("DATABASE_URL", url.as_str()), ("SECRET_KEY", KEY), ("NATS_URL", nats)]).out;
        let said = doctor(&nats.url());
        assert!(said.lines().any(|line| line.starts_with("good") && line.contains("NATS 2")), "{said}");
        for wrong in [nats.url().replace("change", "changed"), format!("nats://{}", nats.address)] {
            let said = doctor(&wrong);
            assert!(said.contains("NATS cannot be reached") && !said.contains("changed%20me"), "{said}");
        }
        stop(nodes, database).await;
    });
}

/// A way to NATS that can be cut.
struct Way {
    url: String,
    open: Arc<AtomicBool>,
    cut: Arc<Notify>,
}

impl Way {
    async fn to(nats: &Nats) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("nats://{}", listener.local_addr().expect("an address"));
        let (open, cut, address) = (Arc::new(AtomicBool::new(true)), Arc::new(Notify::new()), nats.address.clone());
        let (is_open, ends) = (open.clone(), cut.clone());
        tokio::spawn(async move {
            while let Ok((mut here, _)) = listener.accept().await {
                if !is_open.load(Ordering::SeqCst) {
                    continue;
                }
                let (address, ends) = (address.clone(), ends.clone());
                tokio::spawn(async move {
                    let Ok(mut there) = TcpStream::connect(address).await else { return };
                    tokio::select! {
                        _ = copy_bidirectional(&mut here, &mut there) => {}
                        () = ends.notified() => {}
                    }
                });
            }
        });
        Self { url, open, cut }
    }

    fn cut(&self) {
        self.open.store(false, Ordering::SeqCst);
        self.cut.notify_waiters();
    }

    fn mend(&self) {
        self.open.store(true, Ordering::SeqCst);
    }
}

#[test]
fn a_node_that_is_cut_off_alone_is_read_by_the_others_all_the_same() {
    beside_nats(async |nats, database| {
        let way = Way::to(nats).await;
        let nodes = vec![start(&database, &nats.url()).await, start(&database, &nats.url()).await, start(&database, &way.url).await];
        until_all_hear(&nodes).await;
        let (maya, ines, _, team) = people(&nodes[0]).await;
        let mut sockets = Vec::new();
        for (node, who) in nodes.iter().zip([&maya, &ines, &maya]) {
            let mut socket = node.socket_of(&who.at(node)).await;
            socket.join(&team, "workspace", None).await;
            sockets.push(socket);
        }
        way.cut();
        until("all know that one is cut off", async || nodes.iter().all(|node| !node.state.cluster.hears_all())).await;
        assert!(nodes[2].state.cluster.is_cut_off() && !nodes[0].state.cluster.is_cut_off());
        for (node, who) in nodes.iter().zip([&maya, &ines, &maya]) {
            until("it says so, and serves on", async || standing(&who.at(node), "nodes").await == (true, "degraded".to_owned())).await;
        }
        // What is told at any of them comes to all, in one order.
        for (number, at) in [0_usize, 2, 1, 2, 0].into_iter().enumerate() {
            sockets[at].tell(&team, commit(&format!("{number:08x}abcd"))).await;
        }
        let mut heard: Vec<Vec<Value>> = Vec::new();
        for socket in &mut sockets {
            let mut own = Vec::new();
            for _ in 0..5 {
                own.push(socket.until("commit").await);
            }
            heard.push(own);
        }
        assert!(heard[0] == heard[1] && heard[1] == heard[2], "{heard:?}");
        way.mend();
        until_all_hear(&nodes).await;
        sockets[2].tell(&team, commit("0123456789ab")).await;
        for socket in &mut sockets {
            socket.until("commit").await;
        }
        stop(nodes, database).await;
    });
}

#[test]
fn requests_that_have_all_connections_do_not_make_a_node_look_dead() {
    with_nodes(2, async |nodes, _| {
        let (maya, _, _, team) = people(&nodes[0]).await;
        let mut room = nodes[0].socket_of(&maya).await;
        room.join(&team, "workspace", None).await;
        // As many as there are, for longer than a node is believed to live without a sign.
        let mut all = Vec::new();
        while let Some(connection) = nodes[0].state.db.read().try_acquire() {
            all.push(connection);
        }
        while all.len() < 16 {
            all.push(nodes[0].state.db.read().acquire().await.expect("a connection"));
        }
        tokio::time::sleep(Duration::from_secs(7)).await;
        assert!(nodes[0].state.cluster.fence().is_open());
        assert_eq!(nodes[1].state.cluster.nodes().len(), 2, "the other one has not given it up");
        drop(all);
        room.tell(&team, commit("0123456789ab")).await;
        room.until("commit").await;
    });
}

#[test]
fn a_node_of_the_version_before_goes_on_with_a_newer_schema_and_none_begins_on_it() {
    with_nodes(2, async |nodes, _| {
        let (maya, ines, _, team) = people(&nodes[0]).await;
        // The first node of a new version was here: it only added something.
        for sql in [
            "CREATE TABLE of_a_newer_version (id TEXT PRIMARY KEY)",
            "ALTER TABLE nodes ADD COLUMN of_a_newer_version TEXT",
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (99990, 'newer', TRUE, '', 0)",
        ] {
            sqlx::query(sql).execute(nodes[0].state.db.read()).await.expect("it is done");
        }
        let mut one = nodes[0].socket_of(&maya).await;
        let mut two = nodes[1].socket_of(&ines.at(&nodes[1])).await;
        one.join(&team, "workspace", None).await;
        two.join(&team, "workspace", None).await;
        one.tell(&team, commit("0123456789ab")).await;
        two.until("commit").await;
        assert_eq!(standing(&maya, "migrations").await, (true, "degraded".to_owned()));
        let begun = llmos_lite::server::db::Db::open(&nodes[0].state.config.database_url).await;
        assert!(begun.is_err_and(|error| error.to_string().contains("newer version of llmos")));
    });
}

#[test]
fn nodes_that_begin_at_the_same_moment_on_an_empty_database_all_serve() {
    beside_nats(async |nats, database| {
        // Not the template: nothing at all.
        let empty = database.empty().await;
        let url = nats.url();
        let nodes: Vec<TestApp> = futures::future::join_all((0..3).map(|_| start(&empty, &url))).await;
        until_all_hear(&nodes).await;
        let commits = "SELECT COUNT(*) FROM commits";
        assert_eq!(super::count(&nodes[0].state.db, commits).await, 1, "one of them has installed what is built in");
        let maya = nodes[0].sign_up_first().await;
        for node in &nodes {
            let (status, found) = maya.at(node).get("/artifacts?limit=100").await;
            assert!(status == 200 && found["items"].as_array().is_some_and(|items| items.len() >= 24), "{found}");
        }
        let twice = "SELECT COUNT(*) FROM (SELECT path FROM artifacts GROUP BY volume_id, path HAVING COUNT(*) > 1) t";
        assert_eq!(super::count(&nodes[0].state.db, twice).await, 0, "what is built in is there once");
        assert_eq!(super::count(&nodes[0].state.db, "SELECT COUNT(*) FROM stagings").await, 0);
        stop(nodes, empty).await;
        database.drop().await;
    });
}

#[test]
fn a_database_that_answers_nobody_for_a_while_costs_no_socket() {
    let Some(nats) = super::nats() else { return };
    let Some(cluster) = crate::postgres_restarts::Cluster::wanted() else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let start = async || {
            TestApp::start(None, |config| {
                config.database_url.clone_from(&cluster.url);
                config.nats_url = Some(nats.url());
                config.secret_key = Some(KEY.to_owned());
            })
            .await
        };
        let nodes = vec![start().await, start().await];
        until_all_hear(&nodes).await;
        let (maya, ines, _, team) = people(&nodes[0]).await;
        let mut one = nodes[0].socket_of(&maya).await;
        let mut two = nodes[1].socket_of(&ines.at(&nodes[1])).await;
        one.join(&team, "workspace", None).await;
        two.join(&team, "workspace", None).await;
        cluster.signal("STOP");
        // Longer than a node without a sign of life is believed to live.
        tokio::time::sleep(Duration::from_secs(8)).await;
        cluster.signal("CONT");
        until("both may write again", async || nodes.iter().all(|node| node.state.cluster.fence().is_open())).await;
        // By the connections that they had: nobody was sent away.
        one.tell(&team, commit("0123456789ab")).await;
        one.until("commit").await;
        two.until("commit").await;
        for node in nodes {
            node.stop().await;
        }
    });
}
