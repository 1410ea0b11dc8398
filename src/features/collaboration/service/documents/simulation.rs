//! Replicas on a bad network, from a seed: what is sent is lost, comes late, twice or in another order; connections are cut, the process is
//! killed, the disk refuses. At the end everybody has the same text, and nothing that was acknowledged is gone.
//!
//! `LLMOS_SEEDS` says how many seeds are tried, from `LLMOS_FIRST_SEED` on; one that fails is named.

use std::{collections::BTreeSet, sync::Arc, time::Instant};

use axum::body::Bytes;
use yrs::{
    StateVector,
    sync::{Message, SyncMessage},
    updates::{decoder::Decode as _, encoder::Encode as _},
};

use super::{
    live::{Fork, Joining, Live, NotTaken, Stored},
    replica::Replica,
};
use crate::{
    features::{
        accounts::model::UserKind,
        collaboration::{model::RoomUser, service::outbox::Outbox},
    },
    ids::{ArtifactId, UserId},
};

const SEEDS: u64 = 200;
const STEPS: usize = 220;
const EDITORS: usize = 4;

/// SplitMix64 (Steele, Lea, Flood 2014).
pub struct Chance(pub u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
    pub fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// A text with a piece more or less.
    pub fn changed(&mut self, text: &str) -> String {
        let places: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
        let from = places[self.below(places.len())];
        if self.percent(35) {
            let to = places.iter().copied().find(|at| *at >= from + 1 + self.below(6)).unwrap_or(text.len());
            return format!("{}{}", &text[..from], &text[to..]);
        }
        let piece = ["a", "bc ", "\n", "ä🦀", "word ", "# line\n"][self.below(6)];
        format!("{}{piece}{}", &text[..from], &text[from..])
    }
}

struct Editor {
    replica: Replica,
    user: RoomUser,
    outbox: Arc<Outbox<Bytes>>,
    /// The number of its connection, while there is one.
    connection: Option<u64>,
    up: Vec<Bytes>,
    down: Vec<Bytes>,
    /// What the server said is on disk.
    saved: StateVector,
}

struct World {
    chance: Chance,
    live: Live,
    /// The document's first state, and every update that was stored.
    disk: Vec<Vec<u8>>,
    stored: i64,
    settled: i64,
    draft: String,
    editors: Vec<Editor>,
    connections: u64,
}

fn live_of(disk: &[Vec<u8>], number: i64, settled: i64) -> Live {
    let replica = Replica::load(disk.iter().map(Vec::as_slice)).expect("what was stored loads");
    let stored =
        Stored { replica, number, settled, seen: number, base: None, authors: BTreeSet::new(), rows: disk.len(), loose: 0, bytes: 0 };
    Live::new(ArtifactId::generate(), stored, Instant::now())
}

impl World {
    fn new(seed: u64) -> Self {
        let first = "one two three\nfour five six\n";
        let (_, state) = Replica::begin(first);
        let disk = vec![state];
        let editor = |name: usize| Editor {
            replica: Replica::load([]).expect("nothing loads"),
            user: RoomUser {
                user_id: UserId::generate(),
                user_name: format!("Editor {name}"),
                color: 1,
                kind: UserKind::Human,
                avatar: None,
            },
            outbox: Arc::default(),
            connection: None,
            up: Vec::new(),
            down: Vec::new(),
            saved: StateVector::default(),
        };
        Self {
            chance: Chance(seed),
            live: live_of(&disk, 0, 0),
            disk,
            stored: 0,
            settled: 0,
            draft: first.to_owned(),
            editors: (0..EDITORS).map(editor).collect(),
            connections: 0,
        }
    }

    fn connect(&mut self, at: usize) {
        self.connections += 1;
        let editor = &mut self.editors[at];
        editor.outbox = Arc::default();
        editor.connection = Some(self.connections);
        let joining = Joining { connection: self.connections, outbox: &editor.outbox, user: editor.user.clone(), write: true, acks: true };
        editor.down = self.live.join(joining);
        editor.up = vec![question(&editor.replica)];
    }

    fn cut(&mut self, at: usize) {
        let editor = &mut self.editors[at];
        if let Some(connection) = editor.connection.take() {
            self.live.leave(connection, Instant::now());
        }
        editor.up.clear();
        editor.down.clear();
    }

    fn write(&mut self, at: usize) {
        let old = self.editors[at].replica.text();
        let text = self.chance.changed(&old);
        let editor = &mut self.editors[at];
        if let (Some(changed), Some(_)) = (editor.replica.write(&text), editor.connection) {
            editor.up.push(Message::Sync(SyncMessage::Update(changed.v1)).encode_v1().into());
        }
    }

    /// One message arrives at the server; what it answers is on its way.
    fn arrive(&mut self, at: usize, message: &Bytes) {
        let Some(connection) = self.editors[at].connection else { return };
        let answer = match Message::decode_v1(message).expect("a message") {
            Message::Sync(SyncMessage::SyncStep1(vector)) => Some(self.live.missing(&vector).expect("encodes")),
            Message::Sync(SyncMessage::SyncStep2(update) | SyncMessage::Update(update)) => match self.live.take(connection, &update, 0) {
                Ok(_) => None,
                Err(NotTaken::Gap) => Some(self.live.ask()),
                Err(refused) => panic!("{refused:?}"),
            },
            other => panic!("{other:?}"),
        };
        self.editors[at].down.extend(answer);
    }

    /// One message arrives at an editor.
    fn hear(&mut self, at: usize, message: &Bytes) {
        let editor = &mut self.editors[at];
        let answer = match Message::decode_v1(message).expect("a message") {
            Message::Sync(SyncMessage::SyncStep1(vector)) => {
                let missing = editor.replica.missing(&vector).expect("encodes");
                Some(Message::Sync(SyncMessage::SyncStep2(missing)).encode_v1().into())
            }
            Message::Sync(SyncMessage::SyncStep2(update) | SyncMessage::Update(update)) => match editor.replica.apply(&update) {
                Ok(taken) => taken.gap.then(|| question(&editor.replica)),
                Err(refused) => panic!("{refused:?}"),
            },
            Message::Custom(100, vector) => {
                editor.saved.merge(StateVector::decode_v1(&vector).expect("a vector"));
                None
            }
            other => panic!("{other:?}"),
        };
        editor.up.extend(answer);
    }

    /// One message moves on its way, or gets lost on it.
    fn deliver(&mut self, at: usize, bad: bool) -> bool {
        let editor = &mut self.editors[at];
        editor.down.extend(editor.outbox.take());
        let up = !editor.up.is_empty() && (editor.down.is_empty() || self.chance.percent(50));
        let queue = if up { &mut editor.up } else { &mut editor.down };
        if queue.is_empty() {
            return false;
        }
        let place = if bad && self.chance.percent(30) { self.chance.below(queue.len()) } else { 0 };
        let message = if bad && self.chance.percent(10) { queue[place].clone() } else { queue.remove(place) };
        if bad && self.chance.percent(5) {
            return true;
        }
        if up {
            self.arrive(at, &message)
        } else {
            self.hear(at, &message)
        }
        true
    }

    fn store(&mut self, works: bool) {
        let Some(batch) = self.live.take_batch() else { return };
        if !works {
            self.live.give_back(batch);
            return;
        }
        self.stored = self.stored.max(batch.number);
        self.disk.extend(batch.updates.iter().map(|update| update.data.clone()));
        self.live.note_saved(&batch);
    }

    fn settle(&mut self, works: bool) {
        let Some(snapshot) = self.live.snapshot() else { return };
        if !works {
            self.live.give_back(snapshot.batch);
            return;
        }
        self.disk.extend(snapshot.batch.updates.iter().map(|update| update.data.clone()));
        (self.stored, self.settled) = (snapshot.batch.number, snapshot.batch.number);
        self.draft.clone_from(&snapshot.text);
        self.live.note_settled(&snapshot, None);
    }

    /// The draft is written by something that is no editor.
    fn follow(&mut self) {
        self.settle(true);
        let Some(Ok(Fork { replica: fork, .. })) = self.live.settled_fork() else { return };
        assert_eq!(fork.text(), self.draft, "a settled document is its draft");
        let text = self.chance.changed(&self.draft.clone());
        let Some(changed) = fork.write(&text) else { return };
        // Somebody types meanwhile.
        let typist = self.chance.below(EDITORS);
        if self.chance.percent(50) {
            self.write(typist);
            self.deliver(typist, false);
        }
        let reserved = self.live.reserve();
        self.disk.push(changed.v2.clone());
        self.draft = text;
        self.stored = self.stored.max(reserved.number);
        if reserved.settled {
            self.settled = reserved.number;
        }
        self.live.take_written(&changed, reserved, None);
    }

    /// The process is killed, and another begins with what is on disk.
    fn kill(&mut self) {
        for at in 0..EDITORS {
            self.cut(at);
        }
        self.live = live_of(&self.disk, self.stored, self.settled);
        let on_disk =
            StateVector::decode_v1(&Replica::load(self.disk.iter().map(Vec::as_slice)).expect("loads").state_vector()).expect("a vector");
        for editor in &self.editors {
            for (client, clock) in editor.saved.iter() {
                assert!(on_disk.get(client) >= *clock, "what was acknowledged is gone");
            }
        }
    }

    fn step(&mut self) {
        let at = self.chance.below(EDITORS);
        match self.chance.below(100) {
            0..25 => self.write(at),
            25..75 => drop(self.deliver(at, true)),
            75..80 => self.cut(at),
            80..87 => {
                if self.editors[at].connection.is_none() {
                    self.connect(at);
                }
            }
            87..92 => {
                let works = self.chance.percent(80);
                self.store(works);
            }
            92..95 => {
                let works = self.chance.percent(80);
                self.settle(works);
            }
            95..98 => self.follow(),
            _ => self.kill(),
        }
        // What is on disk or on its way there is what everybody sees.
        let mut all = self.disk.clone();
        if let Some(batch) = self.live.take_batch() {
            all.extend(batch.updates.iter().map(|update| update.data.clone()));
            self.live.give_back(batch);
        }
        assert_eq!(Replica::load(all.iter().map(Vec::as_slice)).expect("loads").text(), self.live.text());
    }

    /// The network is well again: everybody comes back, and in the end all have the same.
    fn heal(&mut self) {
        for at in 0..EDITORS {
            self.cut(at);
            self.connect(at);
        }
        while (0..EDITORS).any(|at| self.deliver(at, false)) {}
        self.settle(true);
        while (0..EDITORS).any(|at| self.deliver(at, false)) {}
        let text = Replica::load(self.disk.iter().map(Vec::as_slice)).expect("loads").text();
        assert_eq!(text, self.draft, "the draft");
        for editor in &self.editors {
            assert_eq!(editor.replica.text(), text, "{}", editor.user.user_name);
            let vector = StateVector::decode_v1(&editor.replica.state_vector()).expect("a vector");
            assert_eq!(editor.saved, vector, "everything is on disk, and everybody knows");
        }
    }
}

fn question(replica: &Replica) -> Bytes {
    let vector = StateVector::decode_v1(&replica.state_vector()).expect("a vector");
    Message::Sync(SyncMessage::SyncStep1(vector)).encode_v1().into()
}

/// Lives through a world for each seed, all of them before it says which failed. LLMOS_FIRST_SEED and LLMOS_SEEDS say where to begin, and how many in place of `usual`.
pub(super) fn hold_for_seeds(usual: u64, live: impl Fn(u64) + std::panic::RefUnwindSafe) {
    let number = |name: &str, without: u64| std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(without);
    let first = number("LLMOS_FIRST_SEED", 1);
    let mut failed = Vec::new();
    for seed in first..first + number("LLMOS_SEEDS", usual) {
        let ran = std::panic::catch_unwind(|| {
            // The numbers of Yjs clients come from here.
            fastrand::seed(seed);
            live(seed);
        });
        if ran.is_err() {
            failed.push(seed);
        }
    }
    assert!(failed.is_empty(), "seeds that failed: {failed:?}");
}

#[test]
fn replicas_converge_whatever_the_network_does() {
    hold_for_seeds(SEEDS, |seed| {
        let mut world = World::new(seed);
        for _ in 0..STEPS {
            world.step();
        }
        world.heal();
    });
}
