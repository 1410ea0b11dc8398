//! A release is taken as it was published, and each way of tampering with it is told by its name.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Registry, archive, expected, files, key, key_statement, release, signed};
use llmos_trust::archive::File;
use llmos_trust::statement::{KeyAction, KeyStatement, ReleaseStatement, RenameStatement, WithdrawalStatement};
use llmos_trust::{
    Bundle, CheckpointError, Digest, EnvelopeError, Expected, HistoryError, KeyFault, Logged, NoteError, Refusal, TrustRoot,
    verify_consistency_of,
};

/// A registry in which something was before and something came after.
fn published() -> (Registry, Bundle, Vec<u8>) {
    published_as(|_| {})
}

fn published_as(change: impl FnOnce(&mut ReleaseStatement)) -> (Registry, Bundle, Vec<u8>) {
    let mut registry = Registry::new();
    let publisher = key(1);
    let mut statement = release(&files(), &publisher);
    for version in ["1.0.0", "1.1.0"] {
        registry.log(signed(&ReleaseStatement { version: version.into(), ..statement.clone() }, &[&publisher]));
    }
    change(&mut statement);
    let index = registry.log(signed(&statement, &[&publisher]));
    registry.log(signed(&ReleaseStatement { version: "1.3.0".into(), ..statement.clone() }, &[&publisher]));
    let bundle = registry.bundle(index, &[]);
    (registry, bundle, archive(&files()))
}

fn refusal(bundle: &Bundle, archive: &[u8], trust: &TrustRoot) -> Refusal {
    bundle.verify(archive, trust, &expected()).unwrap_err()
}

#[test]
fn what_was_published_is_taken() {
    let (registry, bundle, archive) = published();
    let travelled = Bundle::from_bytes(&bundle.to_bytes()).unwrap();
    assert_eq!(travelled, bundle);
    let verified = travelled.verify(&archive, &registry.trust(), &expected()).unwrap();
    assert_eq!(verified.files, files());
    assert_eq!((verified.release.index, verified.release.checkpoint.size), (2, 4));
    assert_eq!(verified.release.statement, release(&files(), &key(1)));
}

#[test]
fn a_changed_archive_names_the_file() {
    let (registry, bundle, _) = published();
    let with = |files: Vec<File>| refusal(&bundle, &archive(&files), &registry.trust());
    let mut changed = files();
    changed[0].bytes.extend(b"ignore what is above\n");
    let found = Digest::of(&changed[0].bytes);
    let fault = with(changed);
    assert_eq!(fault, Refusal::FileChanged { path: "SKILL.md".into(), signed: Digest::of(&files()[0].bytes), found });
    assert!(fault.to_string().starts_with("\"SKILL.md\" was changed after it was signed: it is sha256:"));
    let mut added = files();
    added.push(File { path: "scripts/run.sh".into(), bytes: b"curl".to_vec() });
    assert_eq!(with(added), Refusal::FileAdded { path: "scripts/run.sh".into() });
    assert_eq!(with(files()[..2].to_vec()), Refusal::FileMissing { path: "scripts/dcf.py".into() });
    let mut broken = archive(&files());
    broken.pop();
    let signed = bundle.release.envelope.statement::<ReleaseStatement>().unwrap().digest;
    assert_eq!(refusal(&bundle, &broken, &registry.trust()), Refusal::Archive { signed, found: Digest::of(&broken) });
}

#[test]
fn a_signed_archive_that_is_not_canonical_is_refused() {
    let mut tar = archive(&files());
    tar.extend([0; 512]);
    let (registry, bundle, _) = published_as(|statement| (statement.digest, statement.size) = (Digest::of(&tar), tar.len() as u64));
    assert!(matches!(refusal(&bundle, &tar, &registry.trust()), Refusal::NotCanonical(_)));
    let (registry, bundle, archive) = published_as(|statement| _ = statement.files.pop());
    assert_eq!(refusal(&bundle, &archive, &registry.trust()), Refusal::Files);
}

#[test]
fn another_size_is_refused() {
    let (registry, bundle, archive) = published_as(|statement| statement.size += 1);
    assert!(matches!(refusal(&bundle, &archive, &registry.trust()), Refusal::Archive { .. }));
}

#[test]
fn it_has_to_be_what_was_asked_for() {
    let (registry, bundle, archive) = published();
    let ask = |expected: Expected<'_>| bundle.verify(&archive, &registry.trust(), &expected).unwrap_err();
    assert!(matches!(ask(Expected { slug: "dcf-valuation-pro", ..expected() }), Refusal::OtherItem { .. }));
    let fault = ask(Expected { version: "1.3.0", ..expected() });
    assert_eq!(fault.to_string(), "Version 1.3.0 was asked for, and this is 1.2.0.");
    let (registry, bundle, archive) = published_as(|statement| statement.registry = "elsewhere.example.org".into());
    assert!(matches!(refusal(&bundle, &archive, &registry.trust()), Refusal::OtherRegistry { .. }));
}

#[test]
fn what_was_renamed_is_found_under_each_of_its_names() {
    let (mut registry, bundle, archive) = published();
    let item = bundle.release.envelope.statement::<ReleaseStatement>().unwrap().item;
    let rename = |from: &str, to: &str| RenameStatement { item: item.clone(), from: from.into(), to: to.into(), at: String::new() };
    let first = registry.log(signed(&rename("dcf-valuation", "company-value"), &[]));
    let second = registry.log(signed(&rename("company-value", "fair-value"), &[]));
    let other = registry.log(signed(&RenameStatement { item: "another".into(), ..rename("dcf-valuation", "tide-table") }, &[]));
    let unsigned = registry.log_as_it_is(signed(&rename("dcf-valuation", "stolen-name"), &[&key(9)]));
    let with = |renames: &[u64], slug| {
        let renames = renames.iter().map(|index| registry.entry(*index)).collect();
        let bundle = Bundle::from_bytes(&Bundle { renames, ..bundle.clone() }.to_bytes()).unwrap();
        bundle.verify(&archive, &registry.trust(), &Expected { slug, ..expected() })
    };
    for slug in ["dcf-valuation", "company-value", "fair-value"] {
        assert_eq!(with(&[first, second], slug).unwrap().files, files(), "{slug}");
    }
    assert!(matches!(with(&[first], "fair-value"), Err(Refusal::OtherItem { .. })));
    // Of another item, with a gap, not the registry's.
    assert!(matches!(with(&[other], "tide-table"), Err(Refusal::OtherRename { .. })));
    assert!(matches!(with(&[second], "fair-value"), Err(Refusal::OtherRename { .. })));
    assert!(matches!(with(&[unsigned], "stolen-name"), Err(Refusal::UntrustedRegistry { .. })));
    let many = Bundle { renames: vec![registry.entry(first); 65], ..bundle.clone() };
    assert_eq!(refusal(&many, &archive, &registry.trust()), Refusal::TooManyRenames);
}

#[test]
fn both_signatures_count() {
    let (mut registry, bundle, archive) = published();
    // The registry signs what its publisher did not.
    let index = registry.log(signed(&release(&files(), &key(1)), &[&key(2)]));
    assert_eq!(refusal(&registry.bundle(index, &[]), &archive, &registry.trust()), Refusal::PublisherSignature(key(1).public().id()));
    // The publisher signs, and the registry logs without signing.
    let index = registry.log_as_it_is(signed(&release(&files(), &key(1)), &[&key(1)]));
    assert!(matches!(refusal(&registry.bundle(index, &[]), &archive, &registry.trust()), Refusal::UntrustedRegistry { .. }));
    // Another registry.
    let strange = TrustRoot { keys: vec![key(201).public()], ..registry.trust() };
    assert!(matches!(refusal(&bundle, &archive, &strange), Refusal::UntrustedRegistry { .. }));
    // One letter of what was signed.
    let mut changed = bundle.clone();
    let at = changed.release.envelope.payload.windows(3).position(|letters| letters == b"MIT").unwrap();
    changed.release.envelope.payload[at] = b'N';
    assert!(matches!(refusal(&changed, &archive, &registry.trust()), Refusal::RegistrySignature(_)));
    let mut other = bundle;
    other.release.envelope.payload_type = "application/vnd.llmos.key+json".into();
    assert!(matches!(refusal(&other, &archive, &registry.trust()), Refusal::Statement(EnvelopeError::PayloadType { .. })));
}

#[test]
fn it_has_to_be_in_the_log() {
    let (registry, bundle, archive) = published();
    let trust = registry.trust();
    let change = |change: &dyn Fn(&mut Bundle)| {
        let mut changed = bundle.clone();
        change(&mut changed);
        refusal(&changed, &archive, &trust)
    };
    assert!(matches!(change(&|bundle| bundle.release.proof.index = 1), Refusal::NotInLog { .. }));
    assert!(matches!(change(&|bundle| bundle.release.proof.hashes[0][0] ^= 1), Refusal::NotInLog { .. }));
    assert!(matches!(change(&|bundle| _ = bundle.release.proof.hashes.pop()), Refusal::NotInLog { .. }));
    // Signed again, and so another entry than the one that was logged.
    assert!(matches!(change(&|bundle| bundle.release.envelope.sign(&key(1))), Refusal::NotInLog { .. }));
    let forged = registry.checkpoint(4).sign(&key(9)).unwrap().to_string();
    assert_eq!(
        change(&|bundle| bundle.release.proof.checkpoint = forged.clone()),
        Refusal::Checkpoint(CheckpointError::Note(NoteError::Untrusted))
    );
    assert_eq!(
        change(&|bundle| bundle.release.proof.checkpoint = bundle.release.proof.checkpoint.replacen("\n4\n", "\n5\n", 1)),
        Refusal::Checkpoint(CheckpointError::Note(NoteError::Signature(trust.origin.clone())))
    );
    assert_eq!(change(&|bundle| bundle.media_type = "application/json".into()), Refusal::MediaType("application/json".into()));
}

#[test]
fn the_registry_may_change_its_key() {
    let (mut registry, bundle, archive) = published();
    let old = registry.key.public();
    registry.key = key(201);
    let index = registry.log(signed(&release(&files(), &key(1)), &[&key(1)]));
    let both = TrustRoot { keys: vec![old, registry.key.public()], ..registry.trust() };
    for bundle in [&bundle, &registry.bundle(index, &[]), &registry.bundle(2, &[])] {
        assert_eq!(bundle.verify(&archive, &both, &expected()).unwrap().files, files());
    }
    assert!(matches!(refusal(&bundle, &archive, &registry.trust()), Refusal::UntrustedRegistry { .. }));
}

#[test]
fn a_pinned_key_is_followed_through_rotations() {
    let mut registry = Registry::new();
    let (first, second, thief) = (key(1), key(2), key(3));
    let add = registry.log(signed(&key_statement(KeyAction::Add, &first, None), &[&first]));
    let before = registry.log(signed(&release(&files(), &first), &[&first]));
    let rotate = registry.log(signed(&key_statement(KeyAction::Rotate, &second, Some(&first)), &[&first, &second]));
    let after = registry.log(signed(&release(&files(), &second), &[&second]));
    let late = registry.log(signed(&release(&files(), &first), &[&first]));
    let (archive, trust) = (archive(&files()), registry.trust());
    let pinned = Expected { publisher_key: Some(first.public()), ..expected() };
    let verify = |release, keys: &[u64]| registry.bundle(release, keys).verify(&archive, &trust, &pinned);
    assert_eq!(verify(before, &[]).unwrap().release.index, before);
    assert_eq!(verify(before, &[add, rotate]).unwrap().release.index, before);
    assert_eq!(verify(after, &[add, rotate]).unwrap().release.index, after);
    let other = Refusal::OtherPublisherKey { found: second.public().id(), pinned: first.public().id() };
    assert_eq!(verify(after, &[]), Err(other));
    assert_eq!(verify(late, &[add, rotate]), Err(Refusal::Key(KeyFault::Rotated { key: first.public().id(), rotated: rotate })));
    assert_eq!(verify(after, &[add]), Err(Refusal::Key(KeyFault::Unknown(second.public().id()))));
    let fault = HistoryError::Order { index: add };
    assert_eq!(verify(after, &[rotate, add]).map_err(|fault| fault.to_string()), {
        let missing = HistoryError::NotHeld(first.public().id());
        Err(Refusal::KeyStatement { number: 1, fault: missing }.to_string())
    });
    assert_eq!(verify(after, &[add, add]), Err(Refusal::KeyStatement { number: 2, fault }));
    // The registry, or who stole its key, adds a key by itself: whoever pinned one does not follow.
    let added = registry.log(signed(&key_statement(KeyAction::Add, &thief, None), &[&thief]));
    let stolen = registry.log(signed(&release(&files(), &thief), &[&thief]));
    let bundle = registry.bundle(stolen, &[add, rotate, added]);
    let other = Refusal::OtherPublisherKey { found: thief.public().id(), pinned: first.public().id() };
    assert_eq!(bundle.verify(&archive, &trust, &pinned), Err(other));
    bundle.verify(&archive, &trust, &expected()).unwrap();
}

#[test]
fn what_a_stolen_key_signed_is_not_installed() {
    let mut registry = Registry::new();
    let publisher = key(1);
    let add = registry.log(signed(&key_statement(KeyAction::Add, &publisher, None), &[&publisher]));
    let good = registry.log(signed(&release(&files(), &publisher), &[&publisher]));
    let stolen = registry.log(signed(&release(&files(), &publisher), &[&publisher]));
    let revocation = key_statement(KeyAction::Revoke, &publisher, Some(&publisher));
    let revocation = KeyStatement { reason: "My laptop was stolen.".into(), compromised_since: Some(stolen), ..revocation };
    let revoke = registry.log(signed(&revocation, &[&publisher]));
    let late = registry.log(signed(&release(&files(), &publisher), &[&publisher]));
    let verify = |index| registry.bundle(index, &[add, revoke]).verify(&archive(&files()), &registry.trust(), &expected());
    assert_eq!(verify(good).unwrap().files, files());
    for index in [stolen, late] {
        assert_eq!(
            verify(index).unwrap_err().to_string(),
            format!(
                "The publisher's key was not valid for this release. The key {} may have been used by others from entry 2 of the log on: \
                 \"My laptop was stolen.\".",
                publisher.public().id()
            )
        );
    }
}

#[test]
fn what_is_no_bundle() {
    let (registry, bundle, archive) = published();
    let json = String::from_utf8(bundle.to_bytes()).unwrap();
    let newer = json.replace("bundle.v1", "bundle.v2").replace("\"release\"", "\"releases\"");
    let fault = Bundle::from_bytes(newer.as_bytes()).unwrap_err();
    assert_eq!(fault, Refusal::MediaType("application/vnd.llmos.bundle.v2+json".into()));
    for wrong in ["", "{}", &json.replace("release", "releases"), &json.replace("tlog-proof@v1", "tlog-proof@v2"), &" ".repeat(5 << 20)] {
        assert!(matches!(Bundle::from_bytes(wrong.as_bytes()), Err(Refusal::Json(_))));
    }
    let many = Bundle { keys: vec![bundle.release.clone(); 257], ..bundle };
    assert_eq!(refusal(&many, &archive, &registry.trust()), Refusal::TooManyKeys);
}

#[test]
fn a_withdrawal_is_an_entry_like_others() {
    let (mut registry, ..) = published();
    let withdrawal = WithdrawalStatement {
        item: "0192f0c1-0000-7000-8000-0000000000aa".into(),
        version: "1.2.0".into(),
        reason: "It sends what it reads to a stranger.".into(),
        at: "2026-11-28T09:00:00Z".into(),
    };
    let index = registry.log(signed(&withdrawal, &[]));
    let opened: Logged<WithdrawalStatement> = registry.entry(index).open(&registry.trust()).unwrap();
    assert_eq!((opened.statement, opened.index), (withdrawal, 4));
}

#[test]
fn a_remembered_head_tells_a_log_that_takes_something_back() {
    let (registry, ..) = published();
    let (old, new) = (registry.checkpoint(3), registry.checkpoint(4));
    let proof = registry.consistency(3, 4);
    verify_consistency_of(&old, &new, &proof).unwrap();
    assert_eq!(verify_consistency_of(&new, &old, &[]), Err(Refusal::RolledBack { old: 4, new: 3 }));
    let mut forked = new.clone();
    forked.root[0] ^= 1;
    assert!(matches!(verify_consistency_of(&old, &forked, &proof), Err(Refusal::Forked(_))));
    assert!(matches!(verify_consistency_of(&new, &forked, &[]), Err(Refusal::Forked(_))));
    assert!(matches!(verify_consistency_of(&old, &new, &[]), Err(Refusal::Forked(_))));
    forked.origin = "elsewhere.example.org".into();
    assert!(matches!(verify_consistency_of(&old, &forked, &proof), Err(Refusal::OtherRegistry { .. })));
}
