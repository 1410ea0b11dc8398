//! Signed notes: <https://c2sp.org/signed-note>, with signatures of type 0x01, Ed25519.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

use crate::keys::{PublicKey, SigningKey};
use crate::text::{base64, from_base64, from_hex, hex};

/// In bytes, with its signatures; those of quantum-safe kinds have up to 5 KB each.
const NOTE: usize = 256 * 1024;
const SIGNATURES: usize = 64;
const ED25519: u8 = 1;

/// A text and who signed it. Nothing in it is to be believed before `verify`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Ends with a newline.
    pub text: String,
    pub signatures: Vec<NoteSignature>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteSignature {
    pub name: String,
    /// Tells keys of one name apart; of any kind, so that those of others are carried on.
    pub key_hash: [u8; 4],
    pub signature: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    #[error("This is no signed note: {0}.")]
    Form(&'static str),
    #[error("{0:?} cannot be the name of a key: it is empty or has a space or a plus in it.")]
    Name(String),
    #[error("The signature of {0} is wrong: the note was changed after it was signed.")]
    Signature(String),
    #[error("The note is not signed by any key that you trust.")]
    Untrusted,
}

/// A public key with the name under which it signs notes; as text `name+hash+base64`, the verifier key that tools of C2SP and Go take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verifier {
    name: String,
    key: PublicKey,
}

impl Verifier {
    /// # Errors
    /// `Name`.
    pub fn new(name: &str, key: PublicKey) -> Result<Self, NoteError> {
        if !is_name(name) {
            return Err(NoteError::Name(name.to_owned()));
        }
        Ok(Self { name: name.to_owned(), key })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// The first four bytes of SHA-256(name ‖ newline ‖ 0x01 ‖ key).
    pub fn key_hash(&self) -> [u8; 4] {
        let hash = Sha256::new().chain_update(&self.name).chain_update([b'\n', ED25519]).chain_update(self.key.as_bytes());
        let [a, b, c, d, ..]: [u8; 32] = hash.finalize().into();
        [a, b, c, d]
    }
}

impl fmt::Display for Verifier {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encoded = base64(&[&[ED25519], self.key.as_bytes().as_slice()].concat());
        write!(to, "{}+{}+{encoded}", self.name, hex(&self.key_hash()))
    }
}

impl FromStr for Verifier {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let wrong = || NoteError::Form("a verifier key is a name, a hash and a key, with pluses between");
        let mut parts = text.splitn(3, '+');
        let (name, hash, key) = (parts.next(), parts.next().and_then(from_hex::<4>), parts.next().and_then(from_base64));
        let key = key.as_deref().and_then(|key| key.strip_prefix(&[ED25519])).and_then(|key| key.try_into().ok());
        let key = key.and_then(|key| PublicKey::from_bytes(key).ok()).ok_or_else(wrong)?;
        let verifier = Self::new(name.unwrap_or_default(), key)?;
        if hash == Some(verifier.key_hash()) { Ok(verifier) } else { Err(wrong()) }
    }
}

impl Note {
    /// # Errors
    /// `Form` if `text` does not end with a newline or has a control character.
    pub fn new(text: String) -> Result<Self, NoteError> {
        if !text.ends_with('\n') {
            return Err(NoteError::Form("its text does not end with a newline"));
        }
        if has_control(&text) {
            return Err(NoteError::Form("there is a control character in it"));
        }
        Ok(Self { text, signatures: Vec::new() })
    }

    /// Adds the signature of `key` under `name`.
    ///
    /// # Errors
    /// `Name`.
    pub fn sign(&mut self, name: &str, key: &SigningKey) -> Result<(), NoteError> {
        let verifier = Verifier::new(name, key.public())?;
        let signature = key.sign(self.text.as_bytes()).to_vec();
        self.signatures.push(NoteSignature { name: name.to_owned(), key_hash: verifier.key_hash(), signature });
        Ok(())
    }

    /// Those of `verifiers` that signed it, one at least. Signatures of others are passed over.
    ///
    /// # Errors
    /// `Untrusted`, and `Signature` if that of a known key does not fit.
    pub fn verify<'a>(&self, verifiers: &'a [Verifier]) -> Result<Vec<&'a Verifier>, NoteError> {
        let mut found: Vec<&Verifier> = Vec::new();
        for verifier in verifiers.iter() {
            let hash = verifier.key_hash();
            for signature in self.signatures.iter().filter(|signature| signature.key_hash == hash && signature.name == verifier.name) {
                if !verifier.key.verifies(self.text.as_bytes(), &signature.signature) {
                    return Err(NoteError::Signature(verifier.name.clone()));
                }
                if !found.contains(&verifier) {
                    found.push(verifier);
                }
            }
        }
        if found.is_empty() { Err(NoteError::Untrusted) } else { Ok(found) }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(to, "{}", self.text)?;
        for NoteSignature { name, key_hash, signature } in &self.signatures {
            writeln!(to, "— {name} {}", base64(&[key_hash, signature.as_slice()].concat()))?;
        }
        Ok(())
    }
}

impl FromStr for Note {
    type Err = NoteError;

    fn from_str(note: &str) -> Result<Self, NoteError> {
        if note.len() > NOTE {
            return Err(NoteError::Form("it is over 256 KB long"));
        }
        let (text, lines) = note.rsplit_once("\n\n").ok_or(NoteError::Form("it has no empty line before its signatures"))?;
        let lines = lines.strip_suffix('\n').ok_or(NoteError::Form("its last line does not end"))?;
        let mut read = Self::new(format!("{text}\n"))?;
        for line in lines.split('\n') {
            if read.signatures.len() == SIGNATURES {
                return Err(NoteError::Form("it has too many signatures"));
            }
            read.signatures.push(signature(line).ok_or(NoteError::Form("a line behind its text is no signature"))?);
        }
        Ok(read)
    }
}

fn signature(line: &str) -> Option<NoteSignature> {
    let (name, encoded) = line.strip_prefix("— ")?.split_once(' ')?;
    let bytes = from_base64(encoded)?;
    let (key_hash, signature) = bytes.split_first_chunk::<4>()?;
    let whole = is_name(name) && !signature.is_empty();
    whole.then(|| NoteSignature { name: name.to_owned(), key_hash: *key_hash, signature: signature.to_vec() })
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains('+') && !name.contains(char::is_whitespace) && !has_control(name)
}

fn has_control(text: &str) -> bool {
    text.bytes().any(|byte| byte < b' ' && byte != b'\n')
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// `sumdb/note/note_test.go` of golang.org/x/mod.
    const TEXT: &str = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
    const PETER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const ENOCH: &str = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop";
    const BY_PETER: &str = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
    const BY_ENOCH: &str = "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n";

    fn verifier(text: &str) -> Verifier {
        text.parse().unwrap()
    }

    #[test]
    fn the_vectors_of_go() {
        let (peter, enoch) = (verifier(PETER), verifier(ENOCH));
        assert_eq!((peter.to_string().as_str(), peter.key_hash()), (PETER, [0xc7, 0x4f, 0x20, 0xa3]));
        let text = format!("{TEXT}\n{BY_PETER}{BY_ENOCH}");
        let note: Note = text.parse().unwrap();
        assert_eq!((note.text.as_str(), note.to_string()), (TEXT, text));
        assert_eq!(note.verify(std::slice::from_ref(&peter)), Ok(vec![&peter]));
        assert_eq!(note.verify(&[peter.clone(), enoch.clone()]), Ok(vec![&peter, &enoch]));
        assert_eq!(note.verify(&[]), Err(NoteError::Untrusted));
        // "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
        let seed = from_base64("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz").unwrap();
        let key = SigningKey::from_seed(seed[1..].try_into().unwrap());
        let mut made = Note::new(TEXT.to_owned()).unwrap();
        made.sign("PeterNeumann", &key).unwrap();
        assert_eq!(made.to_string(), format!("{TEXT}\n{BY_PETER}"));
    }

    /// The example of the specification, whose key is not published: read and written as it is.
    #[test]
    fn the_example_of_the_specification() {
        let text = "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n\n\
                    — quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n";
        let note: Note = text.parse().unwrap();
        assert_eq!(note.signatures[0].key_hash, [0x36, 0x7b, 0xa0, 0x4b]);
        assert!(note.text.ends_with("\n\ned è subito sera.\n"));
        assert_eq!(note.to_string(), text);
    }

    #[test]
    fn a_changed_note_is_told_from_an_unknown_one() {
        let changed: Note = format!("{TEXT}\n{BY_PETER}{BY_ENOCH}").replacen("your", "Your", 1).parse().unwrap();
        assert_eq!(changed.verify(&[verifier(PETER)]), Err(NoteError::Signature("PeterNeumann".into())));
        // The name of a known key and the hash of another, or the other way round: nobody known.
        for name in ["CarmenSandiego", "EnochRoot"] {
            let note: Note = format!("{TEXT}\n{}", BY_PETER.replace("PeterNeumann", name)).parse().unwrap();
            assert_eq!(note.verify(&[verifier(PETER), verifier(ENOCH)]), Err(NoteError::Untrusted));
        }
        let note: Note = format!("{TEXT}\n{}", BY_PETER.replace("x08g", "xxxx")).parse().unwrap();
        assert_eq!(note.verify(&[verifier(PETER)]), Err(NoteError::Untrusted));
        // One wrong signature of a known key spoils the note, whatever stands beside it.
        let twice = format!("{TEXT}\n{BY_PETER}{}", BY_PETER.replace("ZJku", "ZJkv"));
        assert_eq!(twice.parse::<Note>().unwrap().verify(&[verifier(PETER)]), Err(NoteError::Signature("PeterNeumann".into())));
    }

    #[test]
    fn what_is_no_note() {
        let wrong = [
            TEXT.to_owned(),
            format!("{TEXT}\n"),
            format!("{TEXT}\n{}", BY_PETER.trim_end()),
            format!("\u{1}{TEXT}\n{BY_PETER}"),
            format!("{TEXT}\n{}", BY_PETER.replace("PeterNeumann", "Bad Name")),
            format!("{TEXT}\n{}", BY_PETER.replace("PeterNeumann", "Bad+Name")),
            format!("{TEXT}\n{}", BY_PETER.replace("PeterNeumann", "Bad\u{a0}Name")),
            format!("{TEXT}\n{}", BY_PETER.replace("PeterNeumann", "")),
            format!("{TEXT}\n{BY_PETER}Unexpected line.\n"),
            format!("{TEXT}\n{}", BY_PETER.replace("— ", "- ")),
            format!("{TEXT}\n{}", BY_PETER.replace('=', "")),
            format!("{TEXT}\n— name x08gow==\n"),
            format!("{TEXT}\n{}", BY_PETER.repeat(65)),
            format!("{}\n{BY_PETER}", TEXT.repeat(3000)),
            format!("{TEXT}\n{}", BY_PETER.replace('\n', "\r\n")),
        ];
        for note in wrong {
            assert!(matches!(note.parse::<Note>(), Err(NoteError::Form(_))), "{:.200}", note);
        }
        assert!(format!("{TEXT}\n{}", BY_PETER.repeat(16)).parse::<Note>().is_ok());
        assert!(matches!(Note::new("abc".into()), Err(NoteError::Form(_))));
        let key = SigningKey::from_seed(&[1; 32]);
        assert_eq!(Note::new("abc\n".into()).unwrap().sign("a+b", &key), Err(NoteError::Name("a+b".into())));
    }

    #[test]
    fn a_mangled_verifier_is_refused() {
        for start in 0..=PETER.len() {
            for end in start..=PETER.len() {
                assert_eq!(PETER[start..end].parse::<Verifier>().is_ok(), (start, end) == (0, PETER.len()));
            }
        }
        for at in 0..PETER.len() {
            let mut bytes = PETER.as_bytes().to_vec();
            bytes[at] += 1;
            assert!(String::from_utf8(bytes).unwrap().parse::<Verifier>().is_err(), "{at}");
        }
    }
}
