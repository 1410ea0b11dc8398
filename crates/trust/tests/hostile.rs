//! Whatever comes from outside gives an answer and never a panic, and what is read is what would be written.
#![allow(clippy::unwrap_used)]

mod common;

use common::{ORIGIN, Registry, archive, expected, files, key, key_statement, release, signed};
use llmos_trust::archive::{ArchiveError, File, Limits, compress, decompress, pack, unpack};
use llmos_trust::statement::{KeyAction, KeyStatement, ReleaseStatement, WithdrawalStatement};
use llmos_trust::{Bundle, Checkpoint, Digest, Envelope, KeyId, Note, Proof, PublicKey, TrustRoot, Verifier};
use proptest::collection::vec;
use proptest::prelude::*;

/// Bytes cut out, doubled and changed.
fn damage(mut bytes: Vec<u8>, damages: &[(prop::sample::Index, u8, u8)]) -> Vec<u8> {
    for (at, kind, value) in damages {
        if bytes.is_empty() {
            break;
        }
        let at = at.index(bytes.len());
        let length = usize::from(*value).min(bytes.len() - at);
        match kind % 5 {
            0 => bytes[at] = *value,
            1 => bytes[at] ^= 1 << (value % 8),
            2 => _ = bytes.drain(at..at + length),
            3 => bytes = [&bytes[..at + length], &bytes[at..]].concat(),
            _ => bytes.insert(at, *value),
        }
    }
    bytes
}

fn damages() -> impl Strategy<Value = Vec<(prop::sample::Index, u8, u8)>> {
    vec(any::<(prop::sample::Index, u8, u8)>(), 1..4)
}

/// Everything that reads.
fn read(bytes: &[u8]) {
    let limits = Limits { files: 50, file_bytes: 10_000, total_bytes: 100_000, path_bytes: 200 };
    _ = unpack(bytes, &limits);
    _ = decompress(bytes, &limits);
    _ = Bundle::from_bytes(bytes);
    if let Ok(envelope) = Envelope::from_bytes(bytes) {
        _ = envelope.verify(1, &[key(1).public()]);
        _ = envelope.statement::<ReleaseStatement>();
        let canonical = envelope.to_bytes();
        assert_eq!(Envelope::from_bytes(&canonical).unwrap().to_bytes(), canonical);
    }
    _ = serde_json::from_slice::<ReleaseStatement>(bytes);
    _ = serde_json::from_slice::<KeyStatement>(bytes);
    _ = serde_json::from_slice::<WithdrawalStatement>(bytes);
    _ = serde_json::from_slice::<TrustRoot>(bytes);
    let text = String::from_utf8_lossy(bytes);
    if let Ok(note) = text.parse::<Note>() {
        assert_eq!(note.to_string(), text);
        _ = Checkpoint::read(&note);
    }
    _ = Checkpoint::open(&text, ORIGIN, &[key(1).public()]);
    if let Ok(proof) = text.parse::<Proof>() {
        assert_eq!(proof.to_string().parse(), Ok(proof));
    }
    for written in [
        text.parse::<Digest>().map(|read| read.to_string()).ok(),
        text.parse::<PublicKey>().map(|read| read.to_string()).ok(),
        text.parse::<KeyId>().map(|read| read.to_string()).ok(),
        text.parse::<Verifier>().map(|read| read.to_string()).ok(),
    ] {
        assert!(written.is_none_or(|written| written == text));
    }
}

/// Something of each kind that is read.
fn samples() -> Vec<Vec<u8>> {
    let mut registry = Registry::new();
    let add = registry.log(signed(&key_statement(KeyAction::Add, &key(1), None), &[&key(1)]));
    let release = registry.log(signed(&release(&files(), &key(1)), &[&key(1)]));
    let bundle = registry.bundle(release, &[add]);
    let archive = archive(&files());
    vec![
        compress(&archive),
        archive,
        bundle.to_bytes(),
        bundle.release.envelope.to_bytes(),
        bundle.release.envelope.payload.clone(),
        bundle.keys[0].envelope.payload.clone(),
        bundle.release.proof.to_string().into_bytes(),
        bundle.release.proof.checkpoint.clone().into_bytes(),
        serde_json::to_vec(&registry.trust()).unwrap(),
        key(1).public().to_string().into_bytes(),
        Verifier::new(ORIGIN, key(1).public()).unwrap().to_string().into_bytes(),
        Digest::of(b"").to_string().into_bytes(),
    ]
}

fn some_files() -> impl Strategy<Value = Vec<File>> {
    // Long ones, some beyond ASCII, some in conflict with each other.
    let part = prop_oneof!["[a-cA-C]{1,2}", "[a-zü日é._ -]{1,60}", "[a-z]{90,110}"];
    let path = vec(part, 1..4).prop_map(|parts| parts.join("/"));
    vec((path, vec(any::<u8>(), 0..1100)).prop_map(|(path, bytes)| File { path, bytes }), 0..6)
}

proptest! {
    #![proptest_config(ProptestConfig { max_global_rejects: u32::MAX, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn any_bytes_are_answered(bytes in vec(any::<u8>(), 0..2048)) {
        read(&bytes);
    }

    #[test]
    fn any_text_is_answered(text in "\\PC{0,200}\n{0,2}(— \\PC{0,20} [A-Za-z0-9+/=]{0,40}\n){0,3}") {
        read(text.as_bytes());
    }

    #[test]
    fn damaged_samples_are_answered(sample in prop::sample::select(samples()), damages in damages()) {
        read(&damage(sample, &damages));
    }

    #[test]
    fn what_is_packed_is_unpacked(files in some_files(), shift in 0usize..6) {
        let limits = Limits::default();
        let archive = pack(&files, &limits);
        prop_assume!(archive.is_ok());
        let archive = archive.unwrap();
        let mut sorted = files.clone();
        sorted.sort_by(|a, b| a.path.cmp(&b.path));
        prop_assert_eq!(unpack(&archive, &limits).unwrap(), sorted);
        let mut shuffled = files;
        if !shuffled.is_empty() {
            let by = shift % shuffled.len();
            shuffled.rotate_left(by);
        }
        prop_assert_eq!(&pack(&shuffled, &limits).unwrap(), &archive);
        prop_assert_eq!(decompress(compress(&archive).as_slice(), &limits).unwrap(), archive);
    }

    #[test]
    fn only_what_is_packed_is_unpacked(files in some_files(), damages in damages(), mend in any::<prop::sample::Index>()) {
        let limits = Limits::default();
        let archive = pack(&files, &limits);
        prop_assume!(archive.is_ok());
        let mut damaged = damage(archive.unwrap(), &damages);
        // A header whose checksum fits comes further.
        if let Some(header) = damaged.chunks_exact_mut(512).nth(mend.index(8)) {
            header[148..156].fill(b' ');
            let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
            header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        }
        if let Ok(files) = unpack(&damaged, &limits) {
            prop_assert_eq!(pack(&files, &limits), Ok::<_, ArchiveError>(damaged));
        }
    }

    #[test]
    fn a_damaged_bundle_installs_nothing_else(damages in damages(), of_archive: bool) {
        let mut registry = Registry::new();
        let add = registry.log(signed(&key_statement(KeyAction::Add, &key(1), None), &[&key(1)]));
        let index = registry.log(signed(&release(&files(), &key(1)), &[&key(1)]));
        let (mut bundle, mut archive) = (registry.bundle(index, &[add]).to_bytes(), archive(&files()));
        if of_archive { archive = damage(archive, &damages) } else { bundle = damage(bundle, &damages) }
        let verified = Bundle::from_bytes(&bundle).and_then(|bundle| bundle.verify(&archive, &registry.trust(), &expected()));
        if let Ok(verified) = verified {
            prop_assert_eq!(verified.files, files());
            prop_assert_eq!(verified.release.statement, release(&files(), &key(1)));
        }
    }
}
