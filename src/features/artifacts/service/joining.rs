//! Joining what two sides made of an artifact since a state that both had: its text line by line, the files beside it by path.

use std::collections::BTreeSet;

use super::{
    super::model::{
        FileEntry,
        document::Document,
        merge::{Choice, merge},
    },
    with_text,
};

/// Three main files in one, and whether the changes of both sides keep clear of one another: where they do not, `side` wins. Bytes that are no text
/// are taken from one side or the other.
pub fn join_texts(base: &[u8], ours: &[u8], theirs: &[u8], side: Choice) -> (Vec<u8>, bool) {
    if ours == base || ours == theirs {
        return (theirs.to_vec(), true);
    }
    if theirs == base {
        return (ours.to_vec(), true);
    }
    let [before, here, there] = [base, ours, theirs].map(Document::decode);
    if before.lossy || here.lossy || there.lossy {
        let bytes = if side == Choice::Theirs { theirs } else { ours };
        return (bytes.to_vec(), false);
    }
    let merged = merge(&before.text, &here.text, &there.text);
    let text = merged.resolve(&vec![side; merged.conflicts()]);
    (with_text(ours, &text), merged.is_clean())
}

/// The files of both sides, and the paths of those that were changed on both, differently: of these `side` wins.
pub fn join_files(base: &[FileEntry], ours: &[FileEntry], theirs: &[FileEntry], side: Choice) -> (Vec<FileEntry>, Vec<String>) {
    let at = |files: &[FileEntry], path: &str| files.iter().find(|file| file.path == path).cloned();
    let paths: BTreeSet<&str> = ours.iter().chain(theirs).map(|file| file.path.as_str()).collect();
    let (mut files, mut conflicts) = (Vec::new(), Vec::new());
    for path in paths {
        let (before, here, there) = (at(base, path), at(ours, path), at(theirs, path));
        files.extend(if here == there || here == before {
            there
        } else if there == before {
            here
        } else {
            conflicts.push(path.to_owned());
            if side == Choice::Theirs { there } else { here }
        });
    }
    (files, conflicts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, sha: &str) -> FileEntry {
        FileEntry { path: path.into(), sha: sha.into(), size: 1, executable: false }
    }

    #[test]
    fn files_of_both_sides_are_kept_and_the_same_one_twice_is_a_conflict() {
        let base = [file("a", "1"), file("b", "1"), file("c", "1"), file("d", "1"), file("e", "1")];
        let ours = [file("a", "2"), file("b", "1"), file("d", "1"), file("e", "2"), file("own", "1")];
        let theirs = [file("a", "1"), file("b", "2"), file("c", "1"), file("e", "3"), file("new", "1")];
        let (files, conflicts) = join_files(&base, &ours, &theirs, Choice::Ours);
        assert_eq!(files, [file("a", "2"), file("b", "2"), file("e", "2"), file("new", "1"), file("own", "1")]);
        assert_eq!(conflicts, ["e"]);
        assert!(join_files(&base, &ours, &theirs, Choice::Theirs).0.contains(&file("e", "3")));
        let (_, conflicts) = join_files(&base, &[], &[file("a", "3")], Choice::Ours);
        assert_eq!(conflicts, ["a"], "deleted here and changed there");
    }

    #[test]
    fn texts_are_joined_where_both_fit() {
        let base = b"one\ntwo\nthree\n";
        let join = |ours: &[u8], theirs: &[u8], side| join_texts(base, ours, theirs, side);
        assert_eq!(join(b"ONE\ntwo\nthree\n", b"one\ntwo\nTHREE\n", Choice::Ours), (b"ONE\ntwo\nTHREE\n".to_vec(), true));
        assert_eq!(join(b"ONE\ntwo\nthree\n", b"uno\ntwo\nthree\n", Choice::Ours), (b"ONE\ntwo\nthree\n".to_vec(), false));
        assert_eq!(join(b"ONE\ntwo\nthree\n", b"uno\ntwo\nthree\n", Choice::Theirs), (b"uno\ntwo\nthree\n".to_vec(), false));
        assert_eq!(join(base, b"new\r\n", Choice::Ours), (b"new\r\n".to_vec(), true));
        assert_eq!(join(b"\xff\n", b"uno\n", Choice::Ours), (b"\xff\n".to_vec(), false), "bytes that are no text are never joined");
        assert_eq!(join(base, b"\xff", Choice::Ours), (b"\xff".to_vec(), true));
    }
}
