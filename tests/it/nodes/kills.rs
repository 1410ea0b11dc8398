//! Nodes that are killed again and again while people write at them and at others.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use super::{beside_nats, faults::Node};
use crate::{
    durability::{every_write_is_there, rounds, write_until_gone},
    process::browser,
    socket_durability::{Acknowledged, World, place},
};

/// How long those at another node go on after the kill.
const GO_ON: Duration = Duration::from_millis(500);

#[test]
fn nothing_acknowledged_is_lost_by_kill_9_of_one_of_three_nodes() {
    beside_nats(async |nats, database| {
        let client = browser();
        let mut nodes = Vec::new();
        for _ in 0..3 {
            nodes.push(Node::start(nats, &database).await);
        }
        let place = Arc::new(place(&nodes[0].process, &client).await);
        let (acknowledged, written) = (Arc::new(Mutex::new(Acknowledged::default())), Arc::default());
        let mut read = 0;
        for round in 0..rounds() {
            let doomed = nodes.remove(0);
            let world = World::new(doomed.base(), &place, &acknowledged);
            let mut tasks = world.begin(&client, round);
            tasks.spawn(write_until_gone(&doomed.process, &client, &place.volume, &written, round.to_string()));
            // Somebody edits the same at a node that lives on.
            let beside = World::new(nodes[0].base(), &place, &acknowledged);
            tasks.spawn(beside.clone().edit(format!("{round}.beside")));
            let moment = u64::from(uuid::Uuid::now_v7().as_bytes()[15]);
            tokio::time::sleep(Duration::from_millis(400 + moment * 3)).await;
            doomed.process.kill();
            tokio::time::sleep(GO_ON).await;
            beside.stop.cancel();
            while let Some(ended) = tasks.join_next().await {
                ended.expect("nobody was told anything wrong");
            }
            read = World::new(nodes[1].base(), &place, &acknowledged).has_everything(&client, round, read).await;
            nodes.push(Node::start(nats, &database).await);
        }
        let written = Arc::try_unwrap(written).ok().expect("everybody ended").into_inner().expect("not poisoned");
        every_write_is_there(&nodes[0].process, &client, &written).await;
        Acknowledged::tell(acknowledged);
        for node in nodes {
            node.process.kill();
        }
        database.drop().await;
    });
}
