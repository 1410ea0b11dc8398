//! The half of the protocol that lets others clone: what is there, what they lack, and the pack, in one or several pieces.

use std::collections::HashSet;

use git2::Oid;

use super::packets::{self, PAYLOAD_MAX, Packet, flush, line, trimmed};

/// What we can; the rest is for servers of large repositories.
const CAPABILITIES: &str = concat!("multi_ack_detailed side-band-64k agent=llmos-lite/", env!("CARGO_PKG_VERSION"));
/// Commits that one asks for at once; there is one branch.
const WANTS: usize = 16;

/// What is there: one branch, or nothing yet.
pub fn advertisement(head: Option<Oid>, branch: &str) -> Vec<u8> {
    let mut out = Vec::new();
    line(&mut out, "# service=git-upload-pack\n");
    flush(&mut out);
    match head {
        Some(head) => {
            line(&mut out, format!("{head} HEAD\0{CAPABILITIES} symref=HEAD:{branch}\n"));
            line(&mut out, format!("{head} {branch}\n"));
        }
        None => line(&mut out, format!("{} capabilities^{{}}\0{CAPABILITIES}\n", Oid::ZERO_SHA1)),
    }
    flush(&mut out);
    out
}

/// What somebody who clones or fetches says.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Asked {
    pub wants: Vec<Oid>,
    pub haves: Vec<Oid>,
    pub done: bool,
    detailed: bool,
    pub banded: bool,
    /// How often they wait for an answer before they are done.
    rounds: usize,
}

impl Asked {
    /// The sentence of the error is for the person at the other end.
    pub fn parse(mut bytes: &[u8]) -> Result<Self, &'static str> {
        const NONSENSE: &str = "this is not what git-upload-pack reads";
        let mut asked = Self::default();
        let mut capabilities = HashSet::new();
        let mut wanting = true;
        while let Some((packet, rest)) = packets::split(bytes).map_err(|_| NONSENSE)? {
            bytes = rest;
            let Packet::Line(payload) = packet else {
                asked.rounds += usize::from(!wanting);
                wanting = false;
                continue;
            };
            let text = std::str::from_utf8(trimmed(payload)).map_err(|_| NONSENSE)?;
            let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
            let id = || Oid::from_str(rest.split(' ').next().unwrap_or_default()).map_err(|_| NONSENSE);
            match word {
                "want" if wanting => {
                    if asked.wants.is_empty() {
                        capabilities = rest.split(' ').skip(1).map(str::to_owned).collect();
                    }
                    asked.wants.push(id()?);
                    if asked.wants.len() > WANTS {
                        return Err("there is one branch only");
                    }
                }
                "have" if !wanting => asked.haves.push(id()?),
                "done" if !wanting => asked.done = true,
                "shallow" | "deepen" | "deepen-since" | "deepen-not" | "filter" => {
                    return Err("shallow and partial clones are not made here: leave --depth and --filter out");
                }
                _ => return Err(NONSENSE),
            }
        }
        if !bytes.is_empty() {
            return Err(NONSENSE);
        }
        asked.detailed = capabilities.contains("multi_ack_detailed");
        asked.banded = capabilities.contains("side-band-64k");
        Ok(asked)
    }

    /// What they are answered before the pack, if one follows: `common` are the commits of theirs that are here.
    pub fn acknowledge(&self, common: &[Oid]) -> Vec<u8> {
        let mut out = Vec::new();
        if self.detailed {
            for id in common {
                line(&mut out, format!("ACK {id} common\n"));
            }
        }
        match (common.last(), self.done) {
            (Some(last), false) if self.detailed => {
                line(&mut out, format!("ACK {last} ready\n"));
                line(&mut out, "NAK\n");
            }
            (Some(last), true) if self.detailed => line(&mut out, format!("ACK {last}\n")),
            // Without the more talkative way the first common one is named, once.
            (Some(_), _) => line(&mut out, format!("ACK {}\n", common[0])),
            (None, true) => line(&mut out, "NAK\n"),
            (None, false) => (0..self.rounds.max(1)).for_each(|_| line(&mut out, "NAK\n")),
        }
        out
    }
}

/// An error that the person at the other end reads.
pub fn refusal(why: &str) -> Vec<u8> {
    let mut out = Vec::new();
    line(&mut out, format!("ERR {why}\n"));
    out
}

/// A piece of the pack as it is sent.
pub fn piece(banded: bool, bytes: &[u8]) -> Vec<u8> {
    if !banded {
        return bytes.to_vec();
    }
    let mut out = Vec::with_capacity(bytes.len() + 16);
    for chunk in bytes.chunks(PAYLOAD_MAX - 1) {
        line(&mut out, [&[1], chunk].concat());
    }
    out
}

/// The end of the pack.
pub fn end(banded: bool) -> Vec<u8> {
    let mut out = Vec::new();
    if banded {
        flush(&mut out);
    }
    out
}

/// A pack that could not be made to its end.
pub fn broken(banded: bool) -> Vec<u8> {
    let mut out = Vec::new();
    if banded {
        line(&mut out, b"\x03the pack could not be made: the server's log says why\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "1111111111111111111111111111111111111111";
    const B: &str = "2222222222222222222222222222222222222222";

    fn said(lines: &[&str]) -> Vec<u8> {
        let mut out = Vec::new();
        for text in lines {
            if text.is_empty() { flush(&mut out) } else { line(&mut out, format!("{text}\n")) }
        }
        out
    }

    #[test]
    fn a_clone_and_a_fetch_are_read() {
        let clone = Asked::parse(&said(&[&format!("want {A} side-band-64k multi_ack_detailed agent=git/2"), "", "done"])).expect("a clone");
        assert_eq!((clone.wants.len(), clone.haves.len(), clone.done, clone.banded), (1, 0, true, true));
        assert_eq!(clone.acknowledge(&[]), said(&["NAK"]));
        let fetch = Asked::parse(&said(&[&format!("want {A} multi_ack_detailed"), "", &format!("have {B}"), ""])).expect("a fetch");
        assert!(!fetch.done && fetch.haves.len() == 1);
        let id = Oid::from_str(B).expect("an id");
        assert_eq!(fetch.acknowledge(&[id]), said(&[&format!("ACK {B} common"), &format!("ACK {B} ready"), "NAK"]));
        assert_eq!(fetch.acknowledge(&[]), said(&["NAK"]));
        let last = Asked::parse(&said(&[&format!("want {A}"), "", &format!("have {B}"), "done"])).expect("a fetch");
        assert_eq!(last.acknowledge(&[id]), said(&[&format!("ACK {B}")]));
    }

    #[test]
    fn nonsense_is_refused() {
        for lines in [&["hello"][..], &["want xyz"], &["", "want 1"], &["have 1"], &[&format!("want {A}"), "deepen 1"]] {
            assert!(Asked::parse(&said(lines)).is_err(), "{lines:?}");
        }
        assert!(Asked::parse(b"0032want ").is_err() && Asked::parse(b"zzzz").is_err());
    }
}
