//! A registry in memory: its keys, its log, and a publisher.
#![allow(dead_code, clippy::unwrap_used)]

use llmos_trust::archive::{File, Limits, pack};
use llmos_trust::log::{self, Hash, Nodes};
use llmos_trust::statement::{Dependency, FileDigest, KeyAction, KeyStatement, Kind, ReleaseStatement, Statement};
use llmos_trust::{Bundle, Checkpoint, Digest, Entry, Envelope, Expected, Proof, SigningKey, TrustRoot};

pub const ORIGIN: &str = "skills.example.org/marketplace";
pub const ACCOUNT: &str = "0192f0c1-0000-7000-8000-000000000001";

pub fn key(number: u8) -> SigningKey {
    SigningKey::from_seed(&[number; 32])
}

pub struct Registry {
    pub key: SigningKey,
    nodes: Nodes,
    leaves: Vec<Envelope>,
}

impl Registry {
    pub fn new() -> Self {
        Self { key: key(200), nodes: Nodes::new(), leaves: Vec::new() }
    }

    pub fn trust(&self) -> TrustRoot {
        TrustRoot { origin: ORIGIN.into(), keys: vec![self.key.public()] }
    }

    /// Countersigns and logs; gives the number.
    pub fn log(&mut self, mut envelope: Envelope) -> u64 {
        envelope.sign(&self.key);
        self.log_as_it_is(envelope)
    }

    pub fn log_as_it_is(&mut self, envelope: Envelope) -> u64 {
        let size = self.leaves.len() as u64;
        let new = log::append(size, log::leaf_hash(&envelope.to_bytes()), &self.nodes).unwrap();
        self.nodes.extend(new.nodes);
        self.leaves.push(envelope);
        size
    }

    pub fn size(&self) -> u64 {
        self.leaves.len() as u64
    }

    pub fn checkpoint(&self, size: u64) -> Checkpoint {
        Checkpoint { origin: ORIGIN.into(), size, root: log::root(size, &self.nodes).unwrap() }
    }

    pub fn consistency(&self, old: u64, new: u64) -> Vec<Hash> {
        log::consistency_proof(old, new, &self.nodes).unwrap()
    }

    pub fn entry(&self, index: u64) -> Entry {
        let hashes = log::inclusion_proof(index, self.size(), &self.nodes).unwrap();
        let checkpoint = self.checkpoint(self.size()).sign(&self.key).unwrap().to_string();
        Entry { envelope: self.leaves[index as usize].clone(), proof: Proof { index, hashes, checkpoint } }
    }

    pub fn bundle(&self, release: u64, keys: &[u64]) -> Bundle {
        Bundle::new(self.entry(release), keys.iter().map(|index| self.entry(*index)).collect())
    }
}

pub fn signed<S: Statement>(statement: &S, keys: &[&SigningKey]) -> Envelope {
    let mut envelope = Envelope::new(statement).unwrap();
    keys.iter().for_each(|key| envelope.sign(key));
    envelope
}

pub fn files() -> Vec<File> {
    let file = |path: &str, text: &str| File { path: path.into(), bytes: text.into() };
    vec![
        file("SKILL.md", "---\nname: dcf-valuation\ndescription: Values a company.\n---\n\n# Discounted cash flow\n"),
        file("references/betas.csv", "industry,beta\nsoftware,1.24\n"),
        file("scripts/dcf.py", "print(sum(c / 1.1**t for t, c in enumerate([1, 2, 3], 1)))\n"),
    ]
}

pub fn archive(files: &[File]) -> Vec<u8> {
    pack(files, &Limits::default()).unwrap()
}

pub fn release(files: &[File], publisher: &SigningKey) -> ReleaseStatement {
    let archive = archive(files);
    ReleaseStatement {
        registry: ORIGIN.into(),
        item: "0192f0c1-0000-7000-8000-0000000000aa".into(),
        slug: "dcf-valuation".into(),
        kind: Kind::Skill,
        version: "1.2.0".into(),
        digest: Digest::of(&archive),
        size: archive.len() as u64,
        files: FileDigest::of(files),
        licence: "MIT".into(),
        dependencies: vec![Dependency { slug: "market-data".into(), range: "^2.1".into() }],
        capabilities: serde_json::json!({ "network": ["api.example.org"] }),
        publisher: ACCOUNT.into(),
        publisher_key: publisher.public(),
        at: "2026-11-28T08:00:00Z".into(),
    }
}

pub fn key_statement(action: KeyAction, key: &SigningKey, by: Option<&SigningKey>) -> KeyStatement {
    KeyStatement {
        account: ACCOUNT.into(),
        key: key.public(),
        action,
        by: by.map(|by| by.public().id()),
        reason: String::new(),
        compromised_since: None,
        at: "2026-11-28T08:00:00Z".into(),
    }
}

pub fn expected() -> Expected<'static> {
    Expected { slug: "dcf-valuation", version: "1.2.0", publisher_key: None }
}
