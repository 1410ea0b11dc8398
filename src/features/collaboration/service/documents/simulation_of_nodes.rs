//! Nodes that have one document open, from a seed: what they tell one another is lost, comes late, twice or in another order; they are killed, and
//! settle at the same moment. At the end all have the same text, the draft is that text, and nothing that was acknowledged is gone.

use std::{collections::BTreeSet, sync::Arc, time::Instant};

use axum::body::Bytes;
use yrs::{
    StateVector,
    sync::{Message, SyncMessage},
    updates::decoder::Decode as _,
};

use super::{
    live::{Joining, Live, NotTaken, Stored, StoredUpdate},
    replica::Replica,
    simulation::{Chance, hold_for_seeds},
};
use crate::{
    features::{
        accounts::model::UserKind,
        collaboration::{model::RoomUser, service::outbox::Outbox},
    },
    ids::{ArtifactId, UserId},
};

const SEEDS: u64 = 100;
const STEPS: usize = 250;
const NODES: usize = 3;
const EDITORS: usize = 4;

/// What all nodes share.
struct Database {
    first: Vec<u8>,
    /// The updates with the numbers from 1 on.
    updates: Vec<Vec<u8>>,
    settled: i64,
    draft: String,
}

impl Database {
    fn newest(&self) -> i64 {
        self.updates.len() as i64
    }

    fn load(&self) -> Live {
        let replica = Replica::load([self.first.as_slice()].into_iter().chain(self.updates.iter().map(Vec::as_slice))).expect("it loads");
        let (number, settled) = (self.newest(), self.settled);
        let stored = Stored { replica, number, settled, seen: number, base: None, authors: BTreeSet::new(), rows: 0, loose: 0, bytes: 0 };
        Live::new(ArtifactId::generate(), stored, Instant::now())
    }

    /// What came after a number.
    fn after(&self, seen: i64) -> Vec<StoredUpdate> {
        let update = |(at, data): (usize, &Vec<u8>)| StoredUpdate { number: at as i64 + 1, author: None, data: data.clone() };
        self.updates.iter().enumerate().skip(seen as usize).map(update).collect()
    }
}

/// What one node told another: the number before it, and the updates.
type News = (i64, Vec<Vec<u8>>);

struct Node {
    live: Live,
    /// On its way here.
    told: Vec<News>,
}

struct Editor {
    replica: Replica,
    user: RoomUser,
    outbox: Arc<Outbox<Bytes>>,
    /// The node, and the number of the connection to it.
    at: Option<(usize, u64)>,
    saved: StateVector,
}

struct World {
    chance: Chance,
    database: Database,
    nodes: Vec<Node>,
    editors: Vec<Editor>,
    connections: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        let draft = "one two three\nfour five six\n".to_owned();
        let (_, first) = Replica::begin(&draft);
        let database = Database { first, updates: Vec::new(), settled: 0, draft };
        let user = |name| RoomUser {
            user_id: UserId::generate(),
            user_name: format!("Editor {name}"),
            color: 1,
            kind: UserKind::Human,
            avatar: None,
        };
        let editor = |name| Editor {
            replica: Replica::load([]).expect("nothing loads"),
            user: user(name),
            outbox: Arc::default(),
            at: None,
            saved: StateVector::default(),
        };
        Self {
            chance: Chance(seed),
            nodes: (0..NODES).map(|_| Node { live: database.load(), told: Vec::new() }).collect(),
            database,
            editors: (0..EDITORS).map(editor).collect(),
            connections: 0,
        }
    }

    /// An editor comes to a node, and both say what they know.
    fn connect(&mut self, editor: usize, node: usize) {
        self.connections += 1;
        let live = &self.nodes[node].live;
        let editor = &mut self.editors[editor];
        editor.outbox = Arc::default();
        editor.at = Some((node, self.connections));
        let joining = Joining { connection: self.connections, outbox: &editor.outbox, user: editor.user.clone(), write: true, acks: true };
        let first = live.join(joining);
        first.into_iter().for_each(|message| editor.outbox.push(message));
        let asked = live.missing(&StateVector::decode_v1(&editor.replica.state_vector()).expect("a vector")).expect("it encodes");
        editor.outbox.push(asked);
    }

    fn cut(&mut self, editor: usize) {
        if let Some((node, connection)) = self.editors[editor].at.take() {
            self.nodes[node].live.leave(connection, Instant::now());
        }
    }

    /// What waits for an editor arrives, and what it answers arrives at its node.
    fn hear(&mut self, at: usize) -> bool {
        let editor = &mut self.editors[at];
        let Some((node, connection)) = editor.at else { return false };
        let messages = editor.outbox.take();
        let heard = !messages.is_empty();
        for message in messages {
            let update = match Message::decode_v1(&message).expect("a message") {
                Message::Sync(SyncMessage::SyncStep1(vector)) => editor.replica.missing(&vector).expect("it encodes"),
                Message::Sync(SyncMessage::SyncStep2(update) | SyncMessage::Update(update)) => {
                    let taken = editor.replica.apply(&update).expect("it applies");
                    if taken.gap {
                        editor.outbox.push(self.nodes[node].live.missing(&vector_of(&editor.replica)).expect("it encodes"));
                    }
                    continue;
                }
                Message::Custom(100, vector) => {
                    editor.saved.merge(StateVector::decode_v1(&vector).expect("a vector"));
                    continue;
                }
                other => panic!("{other:?}"),
            };
            send(&self.nodes[node].live, connection, &update, &editor.replica);
        }
        heard
    }

    fn write(&mut self, at: usize) {
        let text = self.chance.changed(&self.editors[at].replica.text());
        let editor = &mut self.editors[at];
        if let (Some(changed), Some((node, connection))) = (editor.replica.write(&text), editor.at) {
            send(&self.nodes[node].live, connection, &changed.v1, &editor.replica);
        }
    }

    fn store(&mut self, node: usize) {
        let live = &self.nodes[node].live;
        let Some(batch) = live.take_batch() else { return };
        let before = self.database.newest();
        let updates: Vec<Vec<u8>> = batch.updates.iter().map(|update| update.data.clone()).collect();
        self.database.updates.extend(updates.clone());
        live.note_saved(&batch);
        if !live.note_stored(before, self.database.newest()) {
            self.catch_up(node);
        }
        self.tell(node, (before, updates));
    }

    fn tell(&mut self, from: usize, news: News) {
        for (at, node) in self.nodes.iter_mut().enumerate() {
            // Some is lost.
            if at != from && !self.chance.percent(20) {
                node.told.push(news.clone());
            }
        }
    }

    /// One message of another node arrives: any, and sometimes it stays to arrive again.
    fn arrive(&mut self, at: usize) {
        let node = &mut self.nodes[at];
        if node.told.is_empty() {
            return;
        }
        let which = self.chance.below(node.told.len());
        let (before, updates) = if self.chance.percent(20) { node.told[which].clone() } else { node.told.remove(which) };
        let stored = (before + 1..).zip(updates).map(|(number, data)| StoredUpdate { number, author: None, data });
        if !node.live.follow(stored, Instant::now()) && self.chance.percent(50) {
            self.catch_up(at);
        }
    }

    fn catch_up(&mut self, at: usize) {
        let live = &self.nodes[at].live;
        assert!(live.follow(self.database.after(live.seen()), Instant::now()), "nothing is missing in the database");
        live.note_standing(self.database.settled, None, Instant::now());
    }

    /// As the real one does: what it would overlook undoes it.
    fn settle(&mut self, at: usize, first: bool) {
        if first {
            self.catch_up(at);
        }
        let Some(snapshot) = self.nodes[at].live.snapshot() else { return };
        let before = self.database.newest();
        if before != snapshot.seen {
            self.nodes[at].live.give_back(snapshot.batch);
            return;
        }
        let updates: Vec<Vec<u8>> = snapshot.batch.updates.iter().map(|update| update.data.clone()).collect();
        self.database.updates.extend(updates.clone());
        (self.database.settled, self.database.draft) = (self.database.newest(), snapshot.text.clone());
        let live = &self.nodes[at].live;
        live.note_settled(&snapshot, None);
        assert!(live.note_stored(before, self.database.newest()));
        self.tell(at, (before, updates));
    }

    /// It is killed; another begins with what is stored.
    fn kill(&mut self, at: usize) {
        for editor in 0..EDITORS {
            if self.editors[editor].at.is_some_and(|(node, _)| node == at) {
                self.cut(editor);
            }
        }
        self.nodes[at] = Node { live: self.database.load(), told: Vec::new() };
        let stored = vector_of(
            &Replica::load([self.database.first.as_slice()].into_iter().chain(self.database.updates.iter().map(Vec::as_slice)))
                .expect("it loads"),
        );
        for editor in &self.editors {
            for (client, clock) in editor.saved.iter() {
                assert!(stored.get(client) >= *clock, "what was acknowledged is gone");
            }
        }
    }

    fn step(&mut self) {
        let (editor, node) = (self.chance.below(EDITORS), self.chance.below(NODES));
        match self.chance.below(100) {
            0..25 => self.write(editor),
            25..50 => drop(self.hear(editor)),
            50..54 => self.cut(editor),
            54..62 => {
                if self.editors[editor].at.is_none() {
                    self.connect(editor, node);
                }
            }
            62..75 => self.store(node),
            75..90 => self.arrive(node),
            90..96 => {
                let first = self.chance.percent(70);
                self.settle(node, first);
            }
            96..98 => self.catch_up(node),
            _ => self.kill(node),
        }
    }

    fn heal(&mut self) {
        for editor in 0..EDITORS {
            self.cut(editor);
            self.connect(editor, editor % NODES);
        }
        for _ in 0..3 {
            while (0..EDITORS).any(|editor| self.hear(editor)) {}
            (0..NODES).for_each(|node| self.store(node));
            (0..NODES).for_each(|node| self.catch_up(node));
        }
        (0..NODES).for_each(|node| self.settle(node, true));
        while (0..EDITORS).any(|editor| self.hear(editor)) {}
        let text = self.database.load().text();
        assert_eq!(self.database.draft, text, "the draft");
        assert!(self.nodes.iter().all(|node| node.live.text() == text), "every node");
        for editor in &self.editors {
            assert_eq!(editor.replica.text(), text, "{}", editor.user.user_name);
        }
    }
}

fn vector_of(replica: &Replica) -> StateVector {
    StateVector::decode_v1(&replica.state_vector()).expect("a vector")
}

/// What an editor wrote arrives at its node; what the node lacks before it follows at once.
fn send(live: &Live, connection: u64, update: &[u8], from: &Replica) {
    match live.take(connection, update, 0) {
        Ok(()) => {}
        Err(NotTaken::Gap) => {
            let Message::Sync(SyncMessage::SyncStep1(vector)) = Message::decode_v1(&live.ask()).expect("a message") else { return };
            let all = from.missing(&vector).expect("it encodes");
            assert!(live.take(connection, &all, 0).is_ok(), "nothing is missing before it");
        }
        Err(refused) => panic!("{refused:?}"),
    }
}

#[test]
fn nodes_converge_whatever_is_lost_between_them() {
    hold_for_seeds(SEEDS, |seed| {
        let mut world = World::new(seed);
        for _ in 0..STEPS {
            world.step();
        }
        world.heal();
    });
}

// The batch's own vector was told, which knows nothing of what came while it was stored.
#[test]
fn what_came_from_another_node_while_a_batch_was_stored_is_said_to_be_on_disk() {
    let mut world = World::new(1);
    for at in 0..2 {
        world.connect(at, at);
    }
    while (0..2).any(|editor| world.hear(editor)) {}
    for (at, text) in ["one", "two"].into_iter().enumerate() {
        let changed = world.editors[at].replica.write(text).expect("another text");
        send(&world.nodes[at].live, at as u64 + 1, &changed.v1, &world.editors[at].replica);
    }
    let batch = world.nodes[0].live.take_batch().expect("there is something");
    world.store(1);
    world.catch_up(0);
    world.editors[0].outbox.take();
    let live = &world.nodes[0].live;
    live.note_saved(&batch);
    let told = world.editors[0].outbox.take();
    let saved = told.iter().rev().find_map(|message| match Message::decode_v1(message) {
        Ok(Message::Custom(100, vector)) => StateVector::decode_v1(&vector).ok(),
        _ => None,
    });
    let all: Vec<&[u8]> = [world.database.first.as_slice()]
        .into_iter()
        .chain(world.database.updates.iter().map(Vec::as_slice))
        .chain(batch.updates.iter().map(|update| update.data.as_slice()))
        .collect();
    assert_eq!(saved, Some(vector_of(&Replica::load(all).expect("it loads"))));
}
