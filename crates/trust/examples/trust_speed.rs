//! Prints what packing, signing, logging and verifying cost: `speed [FOLDER OF SKILLS]`.
//!
//! The log has 1,000,000 leaves, the skill 100 KB in ten files. Of a folder of skills each is packed, compressed and unpacked as well.

use std::error::Error;
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use llmos_trust::archive::{File, Limits, compress, decompress, pack, unpack};
use llmos_trust::log::{self, Nodes};
use llmos_trust::statement::{FileDigest, Kind, ReleaseStatement};
use llmos_trust::{Bundle, Checkpoint, Digest, Entry, Envelope, Expected, Proof, SigningKey, TrustRoot};

const LEAVES: u64 = 1_000_000;
const ORIGIN: &str = "skills.example.org/marketplace";

fn main() -> Result<(), Box<dyn Error>> {
    println!("| what | p50 | p99 |\n|---|---|---|");
    let (registry, publisher) = (SigningKey::from_seed(&[1; 32]), SigningKey::from_seed(&[2; 32]));
    let files = skill();
    let limits = Limits::default();
    let archive = pack(&files, &limits)?;
    let compressed = compress(&archive);
    row("pack, digest and sign 100 KB", || sign(&files, &publisher));
    row("… pack alone", || pack(&files, &limits));
    row("… digest alone", || Ok::<_, Box<dyn Error>>(Digest::of(&archive)));
    row("compress it", || Ok::<_, Box<dyn Error>>(compress(&archive)));
    row("decompress and unpack it", || unpack(&decompress(compressed.as_slice(), &limits)?, &limits));

    let mut envelope = sign(&files, &publisher)?;
    row("countersign", || {
        let mut envelope = envelope.clone();
        envelope.sign(&registry);
        Ok::<_, Box<dyn Error>>(envelope)
    });
    envelope.sign(&registry);
    let release = log::leaf_hash(&envelope.to_bytes());

    let began = Instant::now();
    let mut nodes = Nodes::new();
    for size in 0..LEAVES {
        let leaf = if size == LEAVES / 3 { release } else { log::leaf_hash(&size.to_le_bytes()) };
        nodes.extend(log::append(size, leaf, &nodes)?.nodes);
    }
    let growing = began.elapsed();
    let root = log::root(LEAVES, &nodes)?;
    let mut at = 0;
    let mut next = || {
        at = (at + 618_033) % LEAVES;
        at
    };
    row("inclusion proof of one of 1,000,000, made and verified", || {
        let index = next();
        let proof = log::inclusion_proof(index, LEAVES, &nodes)?;
        let leaf = nodes[&log::NodeId { level: 0, index }];
        log::verify_inclusion(&leaf, index, LEAVES, &proof, &root)
    });
    row("consistency proof to 1,000,000, made and verified", || {
        let old = next() + 1;
        let proof = log::consistency_proof(old, LEAVES, &nodes)?;
        log::verify_consistency(old, LEAVES, &proof, &log::root(old, &nodes)?, &root)
    });
    row("append to 1,000,000", || log::append(LEAVES, release, &nodes));

    let index = LEAVES / 3;
    let checkpoint = Checkpoint { origin: ORIGIN.into(), size: LEAVES, root };
    row("sign a checkpoint", || checkpoint.sign(&registry));
    let checkpoint = checkpoint.sign(&registry)?.to_string();
    let proof = Proof { index, hashes: log::inclusion_proof(index, LEAVES, &nodes)?, checkpoint };
    let json = Bundle::new(Entry { envelope, proof }, Vec::new()).to_bytes();
    let trust = TrustRoot { origin: ORIGIN.into(), keys: vec![registry.public()] };
    let expected = Expected { slug: "dcf-valuation", version: "1.2.0", publisher_key: Some(publisher.public()) };
    row("read and verify the bundle, and the archive of 100 KB", || Bundle::from_bytes(&json)?.verify(&archive, &trust, &expected));
    row("… decompressing it first", || {
        Bundle::from_bytes(&json)?.verify(&decompress(compressed.as_slice(), &limits)?, &trust, &expected).map_err(Box::<dyn Error>::from)
    });
    println!(
        "\nBundle {} bytes, archive {}, compressed {}; 1,000,000 leaves appended in {growing:.1?}.",
        json.len(),
        archive.len(),
        compressed.len()
    );
    std::env::args().nth(1).map_or(Ok(()), |folder| every(Path::new(&folder)))
}

fn row<T, E: Into<Box<dyn Error>>>(what: &str, mut run: impl FnMut() -> Result<T, E>) {
    let mut times: Vec<Duration> = (0..1000)
        .map(|_| {
            let began = Instant::now();
            _ = black_box(run().map_err(Into::into).expect("it succeeds"));
            began.elapsed()
        })
        .collect();
    times.sort_unstable();
    println!("| {what} | {:.1?} | {:.1?} |", times[500], times[990]);
}

/// Text that compresses as prose does.
fn skill() -> Vec<File> {
    let words =
        ["discounted", "cash", "flow", "the", "terminal", "value", "of", "a", "company", "is", "what", "remains\n", "1.24", "and", "WACC"];
    let mut random = 1_u64;
    let mut text = || {
        let mut text = String::new();
        while text.len() < 10_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            text.push_str(words[(random >> 33) as usize % words.len()]);
            text.push(' ');
        }
        text.into_bytes()
    };
    let mut file = |path: String| File { path, bytes: text() };
    let main = file("SKILL.md".into());
    [main].into_iter().chain((1..10).map(|number| file(format!("references/part-{number}.md")))).collect()
}

fn sign(files: &[File], publisher: &SigningKey) -> Result<Envelope, Box<dyn Error>> {
    let archive = pack(files, &Limits::default())?;
    let mut envelope = Envelope::new(&ReleaseStatement {
        registry: ORIGIN.into(),
        item: "0192f0c1-0000-7000-8000-0000000000aa".into(),
        slug: "dcf-valuation".into(),
        kind: Kind::Skill,
        version: "1.2.0".into(),
        digest: Digest::of(&archive),
        size: archive.len() as u64,
        files: FileDigest::of(files),
        licence: "MIT".into(),
        dependencies: Vec::new(),
        capabilities: serde_json::Value::Null,
        publisher: "0192f0c1-0000-7000-8000-000000000001".into(),
        publisher_key: publisher.public(),
        at: "2026-11-28T08:00:00Z".into(),
    })?;
    envelope.sign(publisher);
    Ok(envelope)
}

/// Each folder of `folder` as a skill.
fn every(folder: &Path) -> Result<(), Box<dyn Error>> {
    let limits = Limits::default();
    let (mut skills, mut bytes, mut packed, mut travelled) = (0, 0, 0, 0);
    let began = Instant::now();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let mut files = Vec::new();
        read(&path, "", &mut files)?;
        match pack(&files, &limits) {
            Err(fault) => println!("{}: {fault}", path.display()),
            Ok(archive) => {
                let compressed = compress(&archive);
                files.sort_by(|a, b| a.path.cmp(&b.path));
                if unpack(&decompress(compressed.as_slice(), &limits)?, &limits)? != files {
                    return Err(format!("{} comes back otherwise", path.display()).into());
                }
                skills += 1;
                bytes += files.iter().map(|file| file.bytes.len()).sum::<usize>();
                packed += archive.len();
                travelled += compressed.len();
            }
        }
    }
    println!(
        "{skills} of {}: {bytes} bytes, packed {packed}, compressed {travelled}, in {:.1?} with reading.",
        folder.display(),
        began.elapsed()
    );
    Ok(())
}

fn read(path: &Path, name: &str, files: &mut Vec<File>) -> Result<(), Box<dyn Error>> {
    if path.is_file() {
        let name = if name.is_empty() { path.file_name().and_then(|name| name.to_str()).ok_or("a name is not UTF-8")? } else { name };
        files.push(File { path: name.to_owned(), bytes: fs::read(path)? });
        return Ok(());
    }
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let part = entry.file_name().into_string().map_err(|_| "a name is not UTF-8")?;
        let name = if name.is_empty() { part } else { format!("{name}/{part}") };
        read(&entry.path(), &name, files)?;
    }
    Ok(())
}
