//! What makes a release verifiable, by anybody, with a network and without.
//!
//! `archive::pack` makes of a folder the one sequence of bytes that stands for it, `Digest` names it. Its publisher says in a
//! [`statement`] what it is and signs that (`Envelope`); the registry signs the same envelope, puts it into a Merkle tree (`log`) and signs
//! the tree's head (`Checkpoint`). A `Bundle` carries all of it beside the archive, and `Bundle::verify` needs nothing else than what
//! one trusts: the name and the keys of the registry (`TrustRoot`).
//!
//! ```
//! use llmos_trust::archive::{File, Limits, compress, decompress, pack};
//! use llmos_trust::statement::{FileDigest, Kind, ReleaseStatement};
//! use llmos_trust::{Bundle, Checkpoint, Digest, Entry, Envelope, Expected, Proof, SigningKey, TrustRoot, log};
//!
//! // The publisher packs, says what it is, and signs.
//! let (publisher, registry) = (SigningKey::from_seed(&[1; 32]), SigningKey::from_seed(&[2; 32]));
//! let files = [File { path: "SKILL.md".into(), bytes: b"# Valuation".to_vec() }];
//! let archive = pack(&files, &Limits::default())?;
//! let mut envelope = Envelope::new(&ReleaseStatement {
//!     registry: "skills.example.org".into(),
//!     item: "0192f0c1-0000-7000-8000-0000000000aa".into(),
//!     slug: "valuation".into(),
//!     kind: Kind::Skill,
//!     version: "1.0.0".into(),
//!     digest: Digest::of(&archive),
//!     size: archive.len() as u64,
//!     files: FileDigest::of(&files),
//!     licence: "MIT".into(),
//!     dependencies: Vec::new(),
//!     capabilities: serde_json::Value::Null,
//!     publisher: "ada".into(),
//!     publisher_key: publisher.public(),
//!     at: "2026-11-28T08:00:00Z".into(),
//! })?;
//! envelope.sign(&publisher);
//!
//! // The registry countersigns, logs it as the first entry, and signs the new head. Nodes are rows of its database.
//! envelope.sign(&registry);
//! let stored = log::Nodes::new();
//! let new = log::append(0, log::leaf_hash(&envelope.to_bytes()), &stored)?;
//! let checkpoint = Checkpoint { origin: "skills.example.org".into(), size: 1, root: new.root }.sign(&registry)?;
//! let hashes = log::inclusion_proof(0, 1, &new.nodes.into_iter().collect())?;
//! let proof = Proof { index: 0, hashes, checkpoint: checkpoint.to_string() };
//! let travelling = (Bundle::new(Entry { envelope, proof }, Vec::new()).to_bytes(), compress(&archive));
//!
//! // Whoever installs it trusts the registry's name and key, and checks the rest.
//! let trust = TrustRoot { origin: "skills.example.org".into(), keys: vec![registry.public()] };
//! let expected = Expected { slug: "valuation", version: "1.0.0", publisher_key: None };
//! let archive = decompress(travelling.1.as_slice(), &Limits::default())?;
//! let verified = Bundle::from_bytes(&travelling.0)?.verify(&archive, &trust, &expected)?;
//! assert_eq!(verified.files, files);
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! Every format is somebody's standard, cited where it is read and written. Pure: no I/O, no threads, no clock and no randomness; what is
//! read may come from anybody, and gives an error and never a panic.

pub mod archive;
mod bundle;
mod checkpoint;
mod digest;
mod envelope;
mod history;
mod keys;
pub mod log;
mod note;
mod proof;
pub mod statement;
mod text;

pub use bundle::{Bundle, Entry, Expected, Logged, Refusal, TrustRoot, Verified, verify_consistency_of};
pub use checkpoint::{Checkpoint, CheckpointError};
pub use digest::Digest;
pub use envelope::{Envelope, EnvelopeError, Signature};
pub use history::{HistoryError, KeyFault, KeyHistory};
pub use keys::{KeyError, KeyId, PublicKey, SigningKey};
pub use note::{Note, NoteError, NoteSignature, Verifier};
pub use proof::{Proof, ProofError};
