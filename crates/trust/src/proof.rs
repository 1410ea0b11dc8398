//! Proofs that something is in a log: <https://c2sp.org/tlog-proof>.

use std::fmt;
use std::str::FromStr;

use crate::log::Hash;
use crate::text::{base64, from_base64, from_decimal, json_as_text};

const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// An entry's number, its way to the root of a tree, and that tree's checkpoint. Proves something together with the entry only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    pub index: u64,
    /// As `log::inclusion_proof` gives them.
    pub hashes: Vec<Hash>,
    /// The signed note, as text.
    pub checkpoint: String,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("This is no proof of a transparency log: {0}.")]
pub struct ProofError(&'static str);

impl fmt::Display for Proof {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(to, "{HEADER}\nindex {}", self.index)?;
        for hash in &self.hashes {
            writeln!(to, "{}", base64(hash))?;
        }
        write!(to, "\n{}", self.checkpoint)
    }
}

impl FromStr for Proof {
    type Err = ProofError;

    /// The line of extra data, which nobody signs, is passed over.
    fn from_str(text: &str) -> Result<Self, ProofError> {
        let (head, checkpoint) = text.split_once("\n\n").ok_or(ProofError("it has no empty line before its checkpoint"))?;
        let mut lines = head.split('\n').peekable();
        if lines.next() != Some(HEADER) {
            return Err(ProofError("its first line is another"));
        }
        lines.next_if(|line| line.starts_with("extra "));
        let index = lines.next().and_then(|line| line.strip_prefix("index ")).and_then(from_decimal);
        let index = index.ok_or(ProofError("it does not say the number of the entry"))?;
        let hashes: Option<Vec<Hash>> = lines.map(|line| from_base64(line)?.try_into().ok()).collect();
        let hashes = hashes.filter(|hashes| hashes.len() <= 64).ok_or(ProofError("its hashes are none"))?;
        Ok(Self { index, hashes, checkpoint: checkpoint.to_owned() })
    }
}

json_as_text!(Proof);

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const CHECKPOINT: &str = "example.org/log\n3\nBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n\n— example.org/log AAAAAAAA\n";

    #[test]
    fn written_and_read() {
        let proof = Proof { index: 1, hashes: vec![[1; 32], [2; 32]], checkpoint: CHECKPOINT.into() };
        let text = format!("c2sp.org/tlog-proof@v1\nindex 1\n{}\n{}\n\n{CHECKPOINT}", base64(&[1; 32]), base64(&[2; 32]));
        assert_eq!(proof.to_string(), text);
        assert_eq!(text.parse(), Ok(proof.clone()));
        assert_eq!(text.replace("index", "extra AAAA\nindex").parse(), Ok(proof));
        let alone = Proof { index: 0, hashes: Vec::new(), checkpoint: CHECKPOINT.into() };
        assert_eq!(alone.to_string().parse(), Ok(alone));
    }

    #[test]
    fn what_is_no_proof() {
        let hash = base64(&[1; 32]);
        let wrong = [
            String::new(),
            format!("c2sp.org/tlog-proof@v2\nindex 1\n\n{CHECKPOINT}"),
            format!("c2sp.org/tlog-proof@v1\n\n{CHECKPOINT}"),
            format!("c2sp.org/tlog-proof@v1\nindex 01\n\n{CHECKPOINT}"),
            format!("c2sp.org/tlog-proof@v1\nindex -1\n\n{CHECKPOINT}"),
            format!("c2sp.org/tlog-proof@v1\nindex 1\nextra AAAA\n\n{CHECKPOINT}"),
            format!("c2sp.org/tlog-proof@v1\nindex 1\n{}\n\n{CHECKPOINT}", &hash[4..]),
            format!("c2sp.org/tlog-proof@v1\nindex 1\n{}\n{CHECKPOINT}", format!("{hash}\n").repeat(65)),
            format!("c2sp.org/tlog-proof@v1\nindex 1\n{hash}"),
        ];
        for text in wrong {
            assert!(text.parse::<Proof>().is_err(), "{text}");
        }
    }
}
