//! Ids of a file, and the ones that they become.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

use uuid::Uuid;

/// The text of an id: 8-4-4-4-12 digits.
const LENGTH: usize = 36;
const DASHES: [usize; 4] = [8, 13, 18, 23];

/// The ids of a file, and what becomes of them. What is made anew differs from the old one in its last 32 bits, each in the same way: two ids stay
/// two, they keep their time and, but for those that differ in nothing else, their order, and none has to be looked up.
#[derive(Clone, Debug, Default)]
pub struct Ids {
    own: HashSet<u128>,
    people: HashMap<u128, u128>,
    key: u32,
}

impl Ids {
    /// With the bits that the last 32 are changed by; not 0.
    pub fn new(key: u32) -> Self {
        Self { key, ..Self::default() }
    }

    /// A thing of the file; false where it was known already.
    pub fn own(&mut self, id: u128) -> bool {
        self.own.insert(id)
    }

    /// An account of the file, and the one that it is here.
    pub fn person(&mut self, id: u128, here: u128) {
        self.people.insert(id, here);
    }

    /// What a thing that is made anew becomes.
    pub fn fresh(&self, id: u128) -> u128 {
        id ^ u128::from(self.key)
    }

    pub fn part(&self, id: u128) -> Option<u128> {
        self.own.contains(&id).then(|| self.fresh(id))
    }

    pub fn person_here(&self, id: u128) -> Option<u128> {
        self.people.get(&id).copied()
    }

    /// `text` with the new ids in place of the old ones.
    pub fn rewrite<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let bytes = text.as_bytes();
        let mut made: Option<String> = None;
        let (mut copied, mut from) = (0, 0);
        while let Some(dash) = bytes.get(from..).and_then(|rest| memchr::memchr(b'-', rest)).map(|at| from + at) {
            from = dash + 1;
            let Some(start) = dash.checked_sub(DASHES[0]).filter(|start| *start >= copied) else { continue };
            let Some(old) = at(bytes, start) else { continue };
            from = start + LENGTH;
            let Some(new) = self.person_here(old).or_else(|| self.part(old)) else { continue };
            let made = made.get_or_insert_with(|| String::with_capacity(text.len()));
            // Before and after an id, which is ASCII, are whole characters.
            made.push_str(text.get(copied..start).unwrap_or_default());
            made.push_str(&written(new));
            copied = start + LENGTH;
        }
        match made {
            None => Cow::Borrowed(text),
            Some(mut made) => {
                made.push_str(text.get(copied..).unwrap_or_default());
                Cow::Owned(made)
            }
        }
    }
}

/// The id that stands there, in the form that this program writes, and that is no part of a longer word.
fn at(bytes: &[u8], start: usize) -> Option<u128> {
    let word = bytes.get(start..start + LENGTH)?;
    let is_one = word
        .iter()
        .enumerate()
        .all(|(at, byte)| if DASHES.contains(&at) { *byte == b'-' } else { matches!(byte, b'0'..=b'9' | b'a'..=b'f') });
    let goes_on = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'-');
    if !is_one || goes_on(start.checked_sub(1).and_then(|before| bytes.get(before))) || goes_on(bytes.get(start + LENGTH)) {
        return None;
    }
    parse(std::str::from_utf8(word).ok()?)
}

/// An id from its text, in the one form that this program writes.
pub fn parse(text: &str) -> Option<u128> {
    let id = Uuid::try_parse(text).ok()?;
    (written(id.as_u128()) == text).then(|| id.as_u128())
}

/// The text of an id.
pub fn written(id: u128) -> String {
    Uuid::from_u128(id).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "0192a000-0000-7000-8000-0000000000aa";
    const TWO: &str = "0192a000-0000-7000-8000-0000000000ab";

    fn ids() -> Ids {
        let mut ids = Ids::new(0xff00_0000);
        ids.own(parse(ONE).expect("an id"));
        ids.person(parse(TWO).expect("an id"), 7);
        ids
    }

    #[test]
    fn known_ids_are_rewritten_wherever_they_stand() {
        let (ids, person) = (ids(), written(7));
        let new = written(ids.part(parse(ONE).expect("an id")).expect("its own"));
        assert_eq!(new, "0192a000-0000-7000-8000-0000ff0000aa");
        assert_eq!(ids.rewrite(&format!("ä[x](/artifacts/{ONE}) by {TWO}, {ONE}")), format!("ä[x](/artifacts/{new}) by {person}, {new}"));
        assert_eq!(ids.rewrite(&format!("{{\"id\":\"{ONE}\"}}")), format!("{{\"id\":\"{new}\"}}"));
        assert_eq!(ids.rewrite(ONE), new);
    }

    #[test]
    fn what_is_not_one_of_them_stays() {
        let ids = ids();
        let (other, upper) = ("0192a000-0000-7000-8000-0000000000ac", ONE.to_uppercase());
        for text in [
            "",
            "-",
            "a-b",
            "--------",
            other,
            &upper,
            &format!("{ONE}0"),
            &format!("-{ONE}"),
            &ONE[1..],
            &format!("\u{1f30a}-{}", &ONE[..30]),
        ] {
            assert!(matches!(ids.rewrite(text), Cow::Borrowed(same) if same == text), "{text}");
        }
    }

    #[test]
    fn fresh_ids_stay_apart_and_keep_their_time() {
        let ids = ids();
        let all: Vec<u128> = (0..1_000).map(|at| parse(ONE).expect("an id") + at).collect();
        let fresh: HashSet<u128> = all.iter().map(|id| ids.fresh(*id)).collect();
        assert_eq!(fresh.len(), all.len());
        assert!(all.iter().all(|id| ids.fresh(*id) >> 32 == id >> 32 && ids.fresh(ids.fresh(*id)) == *id && ids.fresh(*id) != *id));
    }
}
