//! The canonical archive: the one sequence of bytes that stands for a folder of files.
//!
//! A tar of POSIX.1-2001 (ustar with pax headers where a path needs one), reduced to what the files determine: sorted by the bytes of their
//! paths, mode 0644, owner 0, time 0, no folders, no links, two blocks of zeroes at the end. Any tar reads it; `unpack` reads nothing else,
//! so that one digest stands for one set of files and no two programs see different files in it.
//! It travels compressed (gzip, RFC 1952), which is not part of it.

mod gzip;
mod path;
mod tar;

pub use gzip::{compress, decompress};
pub use path::PathFault;
pub use tar::{pack, unpack};

/// A file of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// From the folder of the archive on, with `/` between its parts.
    pub path: String,
    pub bytes: Vec<u8>,
}

/// What an archive may have at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub files: usize,
    pub file_bytes: u64,
    /// Of all files together.
    pub total_bytes: u64,
    pub path_bytes: usize,
}

impl Default for Limits {
    /// 2,000 files, 16 MiB each, 64 MiB together, paths of 240 bytes: with the folder that they are put into, Windows takes 260.
    fn default() -> Self {
        Self { files: 2_000, file_bytes: 16 << 20, total_bytes: 64 << 20, path_bytes: 240 }
    }
}

impl Limits {
    /// The longest archive within them, in bytes.
    pub fn archive_bytes(&self) -> u64 {
        // Before each file a header, one before its pax record and the record; behind it less than a block of zeroes.
        let record = (self.path_bytes as u64).saturating_add(32).div_ceil(tar::BLOCK as u64);
        let around = record.saturating_add(3).saturating_mul(tar::BLOCK as u64).saturating_mul(self.files as u64);
        self.total_bytes.saturating_add(around).saturating_add(tar::END as u64)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveError {
    #[error("{path:?} cannot be the path of a file: {fault}.")]
    Path { path: String, fault: PathFault },
    #[error("{path:?} is there twice.")]
    Twice { path: String },
    #[error("{path:?} and {other:?} are the same where case does not count.")]
    Case { path: String, other: String },
    #[error("{path:?} is a file and a folder at once.")]
    FileAndFolder { path: String },
    #[error("There are more than {limit} files.")]
    TooManyFiles { limit: usize },
    #[error("{path:?} is over {limit} bytes long.")]
    FileTooLarge { path: String, limit: u64 },
    #[error("With {path:?} the files are over {limit} bytes together.")]
    TooLarge { path: String, limit: u64 },
    #[error("{path:?} is {kind}, and an archive holds files only.")]
    Kind { path: String, kind: &'static str },
    #[error("The checksum of the header of {path:?} is wrong: the archive is damaged.")]
    Checksum { path: String },
    #[error("{path:?} is not written as the canonical archive has it: {what}.")]
    NotCanonical { path: String, what: &'static str },
    #[error("The archive does not end with two blocks of zeroes and nothing behind them.")]
    End,
    #[error("The archive is not in the gzip format, or damaged: {0}.")]
    Gzip(String),
    #[error("The archive is over {limit} bytes long when it is unpacked.")]
    Inflated { limit: u64 },
    #[error("There is something behind the compressed archive.")]
    Trailing,
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::Digest;

    fn file(path: &str, text: &str) -> File {
        File { path: path.into(), bytes: text.into() }
    }

    fn packed(paths: &[&str]) -> Result<Vec<u8>, ArchiveError> {
        pack(&paths.iter().map(|path| file(path, "text")).collect::<Vec<_>>(), &Limits::default())
    }

    fn unpacked(archive: &[u8]) -> Result<Vec<File>, ArchiveError> {
        unpack(archive, &Limits::default())
    }

    /// With the checksum of the header at `at` made right again.
    fn patched(mut archive: Vec<u8>, at: usize, bytes: &[u8]) -> Vec<u8> {
        archive[at..at + bytes.len()].copy_from_slice(bytes);
        let header = at / 512 * 512;
        archive[header + 148..header + 156].fill(b' ');
        let sum: u32 = archive[header..header + 512].iter().map(|byte| u32::from(*byte)).sum();
        archive[header + 148..header + 156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        archive
    }

    fn not_canonical(archive: Vec<u8>) -> String {
        match unpacked(&archive) {
            Err(ArchiveError::NotCanonical { what, .. }) => what.to_owned(),
            other => panic!("{other:?}"),
        }
    }

    /// What is signed stays verifiable only as long as these bytes stay.
    #[test]
    fn the_bytes_never_change() {
        let long = format!("references/{}.md", "long-".repeat(30));
        let files =
            [file("scripts/run.sh", "#!/bin/sh\n"), file("SKILL.md", "# Ada\n"), file("größe.txt", ""), file(&long, &"x".repeat(512))];
        let archive = pack(&files, &Limits::default()).unwrap();
        assert_eq!(archive.len(), 512 * (2 + 4 + 2 + 3) + 1024);
        assert_eq!(Digest::of(&archive).to_string(), "sha256:24182408e05fcdfff22a795f7bf9bbeec84c9eb3f981a12425598daebb04b137");
        let paths: Vec<String> = unpacked(&archive).unwrap().into_iter().map(|file| file.path).collect();
        assert_eq!(paths, ["SKILL.md", "größe.txt", &long, "scripts/run.sh"].map(str::to_owned));
        let empty = pack(&[], &Limits::default()).unwrap();
        assert_eq!(empty, [0; 1024]);
        assert_eq!(unpacked(&empty).unwrap(), []);
    }

    #[test]
    fn paths_that_no_system_takes_or_that_lead_elsewhere() {
        use PathFault::*;
        let long = "x".repeat(241);
        let faults = [
            ("", Empty),
            ("/etc/passwd", Absolute),
            ("a//b", EmptyPart),
            ("a/", EmptyPart),
            ("./a", Dots),
            ("a/../b", Dots),
            ("..", Dots),
            ("a\\b", Character('\\')),
            ("c:a", Character(':')),
            ("what?", Character('?')),
            ("a\0", Invisible('\0')),
            ("a\nb", Invisible('\n')),
            ("a\u{7f}", Invisible('\u{7f}')),
            ("a\u{85}", Invisible('\u{85}')),
            ("a\u{202e}b", Invisible('\u{202e}')),
            ("a\u{200b}", Invisible('\u{200b}')),
            ("a.", TrailingDotOrSpace),
            ("a ", TrailingDotOrSpace),
            ("a./b", TrailingDotOrSpace),
            ("...", TrailingDotOrSpace),
            ("con", Reserved("CON")),
            ("a/Nul.txt", Reserved("NUL")),
            ("COM1.tar.gz", Reserved("COM1")),
            ("lpt³", Reserved("LPT³")),
            ("aux .md", Reserved("AUX")),
            ("u\u{308}.md", NotNfc),
            (&long, TooLong(240)),
        ];
        for (path, fault) in faults {
            assert_eq!(packed(&[path]), Err(ArchiveError::Path { path: path.into(), fault }));
        }
        for path in ["SKILL.md", ".gitignore", "a b/c", "console", "COM10", "über/größe.txt", "a..b", "日本語.md", "x'y&z;$(a)"] {
            assert_eq!(unpacked(&packed(&[path]).unwrap()).unwrap(), [file(path, "text")]);
        }
        assert_eq!(
            packed(&["a\nb"]).unwrap_err().to_string(),
            "\"a\\nb\" cannot be the path of a file: it has the character '\\n', which nobody sees."
        );
    }

    #[test]
    fn paths_that_are_one_on_some_system() {
        let case = |path: &str, other: &str| Err(ArchiveError::Case { path: path.into(), other: other.into() });
        assert_eq!(packed(&["SKILL.md", "skill.md"]), case("skill.md", "SKILL.md"));
        assert_eq!(packed(&["Docs/a", "docs/b"]), case("docs", "Docs"));
        assert_eq!(packed(&["STRASSE", "straße"]), case("straße", "STRASSE"));
        assert_eq!(packed(&["A/b", "a"]), case("a", "A"));
        assert_eq!(packed(&["a", "b", "a"]), Err(ArchiveError::Twice { path: "a".into() }));
        assert_eq!(packed(&["a/b", "a", "a/c"]), Err(ArchiveError::FileAndFolder { path: "a".into() }));
        assert_eq!(packed(&["a", "a-b", "a/b"]), Err(ArchiveError::FileAndFolder { path: "a".into() }));
    }

    #[test]
    fn no_more_than_the_limits() {
        let limits = Limits { files: 2, file_bytes: 4, total_bytes: 6, path_bytes: 10 };
        let sizes = |sizes: &[usize]| {
            let files: Vec<File> = sizes.iter().enumerate().map(|(at, size)| file(&format!("f{at}"), &"x".repeat(*size))).collect();
            let packed = pack(&files, &limits);
            // Whoever unpacks refuses the same.
            assert_eq!(pack(&files, &Limits::default()).and_then(|archive| unpack(&archive, &limits)).err(), packed.clone().err());
            packed
        };
        sizes(&[4, 2]).unwrap();
        assert_eq!(sizes(&[5]), Err(ArchiveError::FileTooLarge { path: "f0".into(), limit: 4 }));
        assert_eq!(sizes(&[4, 3]), Err(ArchiveError::TooLarge { path: "f1".into(), limit: 6 }));
        assert_eq!(sizes(&[1, 1, 1]), Err(ArchiveError::TooManyFiles { limit: 2 }));
        let worst = Limits { files: 3, file_bytes: 1, total_bytes: 3, path_bytes: 240 };
        let files: Vec<File> = (0..3).map(|at| file(&format!("{at}{}", "ü".repeat(119)), "x")).collect();
        assert!(pack(&files, &worst).unwrap().len() as u64 <= worst.archive_bytes());
    }

    #[test]
    fn only_what_pack_writes_is_read() {
        let archive = packed(&["a", "b"]).unwrap();
        let patch = |at, bytes: &[u8]| patched(archive.clone(), at, bytes);
        assert_eq!(not_canonical(patch(100, b"0000755\0")), "its mode is not 0644");
        assert_eq!(not_canonical(patch(108, b"0001750\0")), "it has an owner");
        assert_eq!(not_canonical(patch(116, b"0001750\0")), "it has an owner");
        assert_eq!(not_canonical(patch(124, b"        4\0\0\0")), "its size is spelled otherwise");
        assert_eq!(not_canonical(patch(136, b"14720000000\0")), "it has a time");
        assert_eq!(not_canonical(patch(157, b"/etc/passwd")), "it names a link");
        assert_eq!(not_canonical(patch(257, b"ustar  \0")), "it is no tar of POSIX");
        assert_eq!(not_canonical(patch(265, b"root")), "its owner has a name");
        assert_eq!(not_canonical(patch(345, b"etc")), "there is something in a field that has to be empty");
        assert_eq!(not_canonical(patch(500, b"x")), "there is something in a field that has to be empty");
        assert_eq!(not_canonical(patch(1, b"\0x")), "its path is spelled otherwise");
        assert_eq!(not_canonical(patch(0, b"c")), "it is not in the order of the paths");
        assert_eq!(not_canonical(patch(0, b"b")), "it is not in the order of the paths");
        assert_eq!(not_canonical(patch(124, b"00000000003\0")), "it is not followed by zeroes");
        assert_eq!(not_canonical(patch(124, b"00077777777\0")), "it is cut off");
        let mut padding = archive.clone();
        padding[600] = 1;
        assert_eq!(not_canonical(padding), "it is not followed by zeroes");
        let mut checksum = archive.clone();
        checksum[0] = b'A';
        assert_eq!(unpacked(&checksum), Err(ArchiveError::Checksum { path: "A".into() }));
        let mut spelling = archive.clone();
        spelling[154..156].copy_from_slice(b" \0");
        assert_eq!(not_canonical(spelling), "its checksum is spelled otherwise");
        for (kind, name) in [(b'1', "a hard link"), (b'2', "a symbolic link"), (b'3', "a device"), (b'4', "a device"), (b'5', "a folder")] {
            assert_eq!(unpacked(&patch(156, &[kind])), Err(ArchiveError::Kind { path: "a".into(), kind: name }));
        }
        for kind in *b"67gLKSV\0" {
            assert!(matches!(unpacked(&patch(156, &[kind])), Err(ArchiveError::Kind { .. })));
        }
        assert!(matches!(unpacked(&patch(0, b".")), Err(ArchiveError::Path { fault: PathFault::Dots, .. })));
        let changed = |change: &dyn Fn(&mut Vec<u8>)| {
            let mut changed = archive.clone();
            change(&mut changed);
            unpacked(&changed)
        };
        assert_eq!(changed(&|archive| _ = archive.pop()), Err(ArchiveError::End));
        assert_eq!(changed(&|archive| archive.push(0)), Err(ArchiveError::End));
        assert_eq!(changed(&|archive| archive.extend([0; 512])), Err(ArchiveError::End));
        assert_eq!(changed(&|archive| archive.truncate(2048)), Err(ArchiveError::End));
        assert_eq!(changed(&|archive| archive.clear()), Err(ArchiveError::End));
    }

    #[test]
    fn a_pax_header_only_where_the_path_needs_one() {
        let long = "y".repeat(101);
        let archive = packed(&[&long]).unwrap();
        assert_eq!(not_canonical(patched(archive.clone(), 1024, b"other")), "its path is spelled otherwise");
        assert_eq!(not_canonical(patched(archive.clone(), 0, b"./PaxHeaders/x\0")), "its path is spelled otherwise");
        let body = |record: &str| {
            let mut archive = patched(archive.clone(), 124, format!("{:011o}\0", record.len()).as_bytes());
            archive[512..1024].fill(0);
            archive[512..512 + record.len()].copy_from_slice(record.as_bytes());
            archive
        };
        let record = format!("111 path={long}\n");
        assert_eq!(unpacked(&body(&record)).unwrap(), [file(&long, "text")]);
        assert_eq!(not_canonical(body(&record.replace("111 ", "0111 "))), "its size is spelled otherwise");
        assert_eq!(not_canonical(body("13 path=short\n")), "its path is spelled otherwise");
        let nothing = "it does not hold the path of a file and nothing else";
        assert_eq!(not_canonical(body("20 linkpath=/etc/sh\n")), nothing);
        assert_eq!(not_canonical(body(&"z".repeat(400))), nothing);
        assert_eq!(not_canonical(patched(archive.clone(), 1024 + 156, b"x")), nothing);
        assert_eq!(not_canonical(archive[..1024].to_vec()), nothing);
    }

    #[test]
    fn travels_compressed() {
        let archive = packed(&["SKILL.md", "scripts/run.sh"]).unwrap();
        let limits = Limits::default();
        let compressed = compress(&archive);
        assert!(compressed.len() < archive.len() / 4);
        assert_eq!(decompress(compressed.as_slice(), &limits).unwrap(), archive);
        let noise: Vec<u8> = (0..100_000u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        assert_eq!(decompress(compress(&noise).as_slice(), &limits).unwrap(), noise);
        for end in [0, 5, 10, compressed.len() - 1] {
            assert!(matches!(decompress(&compressed[..end], &limits), Err(ArchiveError::Gzip(_))), "{end}");
        }
        let mut wrong = compressed.clone();
        let last = wrong.len() - 6;
        wrong[last] ^= 1;
        assert!(matches!(decompress(wrong.as_slice(), &limits), Err(ArchiveError::Gzip(_))));
        assert_eq!(decompress([compressed.as_slice(), &[0]].concat().as_slice(), &limits), Err(ArchiveError::Trailing));
        assert_eq!(decompress([compressed.as_slice(), &compressed].concat().as_slice(), &limits), Err(ArchiveError::Trailing));
    }

    #[test]
    fn a_bomb_does_not_go_off() {
        let limits = Limits { files: 10, file_bytes: 1000, total_bytes: 10_000, path_bytes: 100 };
        let limit = limits.archive_bytes();
        assert_eq!(decompress(compress(&vec![0; 100 << 20]).as_slice(), &limits), Err(ArchiveError::Inflated { limit }));
        let most = vec![0; limit as usize];
        assert_eq!(decompress(compress(&most).as_slice(), &limits).unwrap(), most);
        // Empty blocks for ever, and a name that never ends.
        let head = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
        let blocks = std::io::BufReader::new(std::io::Read::chain(head.as_slice(), Endless([0, 0, 0, 0xff, 0xff].iter().cycle())));
        assert!(matches!(decompress(blocks, &limits), Err(ArchiveError::Gzip(_))));
        let named = [0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 255];
        let name = std::io::BufReader::new(std::io::Read::chain(named.as_slice(), std::io::repeat(b'x')));
        assert!(matches!(decompress(name, &limits), Err(ArchiveError::Gzip(_))));
    }

    struct Endless<'a>(std::iter::Cycle<std::slice::Iter<'a, u8>>);

    impl std::io::Read for Endless<'_> {
        fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
            to.iter_mut().zip(&mut self.0).for_each(|(to, byte)| *to = *byte);
            Ok(to.len())
        }
    }
}
