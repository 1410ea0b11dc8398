//! Checkpoints, the signed heads of a log: <https://c2sp.org/tlog-checkpoint>.

use crate::keys::{PublicKey, SigningKey};
use crate::log::Hash;
use crate::note::{Note, NoteError, Verifier};
use crate::text::{base64, from_base64, from_decimal};

/// "The first `size` entries of `origin` have this root."
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name, best a host and a path: `skills.example.org/marketplace`. Its keys sign under this name.
    pub origin: String,
    pub size: u64,
    pub root: Hash,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    #[error(transparent)]
    Note(#[from] NoteError),
    #[error("This is no checkpoint: {0}.")]
    Form(&'static str),
    #[error("The checkpoint is one of {found:?} and not of {expected:?}.")]
    Origin { found: String, expected: String },
}

impl Checkpoint {
    /// Signed under the log's name. Further keys of the log, and witnesses, add theirs with `Note::sign`.
    ///
    /// # Errors
    /// `Note` if the origin cannot be the name of a key.
    pub fn sign(&self, key: &SigningKey) -> Result<Note, CheckpointError> {
        let mut note = Note::new(format!("{}\n{}\n{}\n", self.origin, self.size, base64(&self.root)))?;
        note.sign(&self.origin, key)?;
        Ok(note)
    }

    /// What a note says, if `origin` signed it with one of `keys`. Lines of extensions are passed over.
    ///
    /// # Errors
    /// `Note`, `Form`, `Origin`.
    pub fn open(note: &str, origin: &str, keys: &[PublicKey]) -> Result<Self, CheckpointError> {
        let note: Note = note.parse()?;
        let checkpoint = Self::read(&note)?;
        if checkpoint.origin != origin {
            return Err(CheckpointError::Origin { found: checkpoint.origin, expected: origin.to_owned() });
        }
        let verifiers: Vec<Verifier> = keys.iter().map(|key| Verifier::new(origin, *key)).collect::<Result<_, _>>()?;
        note.verify(&verifiers)?;
        Ok(checkpoint)
    }

    /// What a note says, whoever signed it.
    ///
    /// # Errors
    /// `Form`.
    pub fn read(note: &Note) -> Result<Self, CheckpointError> {
        let lines: Vec<&str> = note.text.trim_end_matches('\n').split('\n').collect();
        let [origin, size, root, ..] = lines[..] else { return Err(CheckpointError::Form("it has fewer than three lines")) };
        if note.text.ends_with("\n\n") || lines.contains(&"") {
            return Err(CheckpointError::Form("there is an empty line in it"));
        }
        let size = from_decimal(size).ok_or(CheckpointError::Form("its size is no decimal number"))?;
        let root = from_base64(root).and_then(|root| root.try_into().ok()).ok_or(CheckpointError::Form("its root is no hash"))?;
        Ok(Self { origin: origin.to_owned(), size, root })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn checkpoint() -> Checkpoint {
        Checkpoint { origin: "example.org/log".into(), size: 20_852_163, root: [7; 32] }
    }

    fn key(number: u8) -> SigningKey {
        SigningKey::from_seed(&[number; 32])
    }

    #[test]
    fn signed_and_opened() {
        let note = checkpoint().sign(&key(1)).unwrap();
        assert_eq!(note.text, "example.org/log\n20852163\nBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n");
        let open = |note: &str, keys: &[u8]| {
            Checkpoint::open(note, "example.org/log", &keys.iter().map(|number| key(*number).public()).collect::<Vec<_>>())
        };
        assert_eq!(open(&note.to_string(), &[1]), Ok(checkpoint()));
        assert_eq!(open(&note.to_string(), &[2, 1]), Ok(checkpoint()));
        assert_eq!(open(&note.to_string(), &[2]), Err(NoteError::Untrusted.into()));
        let larger = note.to_string().replace("20852163", "20852164");
        assert_eq!(open(&larger, &[1]), Err(NoteError::Signature("example.org/log".into()).into()));
        // Witnesses, and lines that others add.
        let mut witnessed = Note::new(format!("{}an extension\n", note.text)).unwrap();
        witnessed.sign("witness.example.net", &key(9)).unwrap();
        witnessed.sign("example.org/log", &key(1)).unwrap();
        assert_eq!(open(&witnessed.to_string(), &[1]), Ok(checkpoint()));
        assert_eq!(open(&witnessed.to_string(), &[9]), Err(NoteError::Untrusted.into()));
    }

    #[test]
    fn of_the_log_that_was_asked_for() {
        let note = checkpoint().sign(&key(1)).unwrap().to_string();
        let fault = Checkpoint::open(&note, "example.org/other", &[key(1).public()]);
        assert_eq!(fault, Err(CheckpointError::Origin { found: "example.org/log".into(), expected: "example.org/other".into() }));
        // The right text under another name.
        let mut other = Note::new(checkpoint().sign(&key(1)).unwrap().text).unwrap();
        other.sign("example.org/other", &key(1)).unwrap();
        assert_eq!(Checkpoint::open(&other.to_string(), "example.org/log", &[key(1).public()]), Err(NoteError::Untrusted.into()));
        // A name with a space would make a checkpoint look like the signed bytes of DSSE.
        let dsse = Checkpoint { origin: "DSSEv1 1 x".into(), ..checkpoint() };
        assert_eq!(dsse.sign(&key(1)), Err(NoteError::Name("DSSEv1 1 x".into()).into()));
    }

    /// The example of the specification, whose key is not published.
    #[test]
    fn the_example_of_the_specification() {
        let text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
                    — example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n";
        let note: Note = text.parse().unwrap();
        assert_eq!(note.to_string(), text);
        let Checkpoint { origin, size, root } = Checkpoint::read(&note).unwrap();
        assert_eq!(
            (origin.as_str(), size, base64(&root).as_str()),
            ("example.com/behind-the-sofa", 20_852_163, "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=")
        );
    }

    #[test]
    fn what_is_no_checkpoint() {
        let root = base64(&[7; 32]);
        let wrong = [
            "a\n1\n".to_owned(),
            format!("a\n01\n{root}\n"),
            format!("a\n+1\n{root}\n"),
            format!("a\n-1\n{root}\n"),
            format!("a\n\n{root}\n"),
            format!("\n1\n{root}\n"),
            format!("a\n18446744073709551616\n{root}\n"),
            format!("a\n1\n{}\n", &root[4..]),
            format!("a\n1\n{root}\n\nmore\n"),
            format!("a\n1\n{root}\n\n"),
        ];
        for text in wrong {
            let note = Note::new(text.clone()).unwrap();
            assert!(matches!(Checkpoint::read(&note), Err(CheckpointError::Form(_))), "{text:?}");
        }
        assert_eq!(Checkpoint::read(&Note::new(format!("a\n0\n{root}\n")).unwrap()).unwrap().size, 0);
    }
}
