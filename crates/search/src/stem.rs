//! The English stemmer of Snowball 3 ("Porter2", snowballstem.org/algorithms/english/stemmer.html), written from its description.

/// The stem of a lower-case word. Words with anything but ASCII letters come back as they are.
pub fn stem(word: &str) -> String {
    if word.len() <= 2 || !word.bytes().all(|b| b.is_ascii_lowercase()) {
        return word.to_owned();
    }
    if let Some((_, stem)) = EXCEPTIONS.iter().find(|(exception, _)| *exception == word) {
        return (*stem).to_owned();
    }
    let mut stemmer = Stemmer::new(word);
    stemmer.plural();
    if !AFTER_PLURAL.contains(&stemmer.as_str().as_str()) {
        stemmer.past_and_gerund();
        stemmer.final_y();
        stemmer.derived();
        stemmer.derived_further();
        stemmer.residual();
        stemmer.final_e_and_l();
    }
    stemmer.as_str().to_ascii_lowercase()
}

const EXCEPTIONS: [(&str, &str); 18] = [
    ("skis", "ski"),
    ("skies", "sky"),
    ("dying", "die"),
    ("lying", "lie"),
    ("tying", "tie"),
    ("idly", "idl"),
    ("gently", "gentl"),
    ("ugly", "ugli"),
    ("early", "earli"),
    ("only", "onli"),
    ("singly", "singl"),
    ("sky", "sky"),
    ("news", "news"),
    ("howe", "howe"),
    ("atlas", "atlas"),
    ("cosmos", "cosmos"),
    ("bias", "bias"),
    ("andes", "andes"),
];

const AFTER_PLURAL: [&str; 8] = ["inning", "outing", "canning", "herring", "earring", "proceed", "exceed", "succeed"];

/// Beginnings after which R1 starts, whatever the vowels say.
const R1_AFTER: [&str; 9] = ["gener", "commun", "arsen", "past", "univers", "later", "emerg", "organ", "inter"];

struct Stemmer {
    /// ASCII letters; a `y` that is a consonant is `Y`.
    word: Vec<u8>,
    /// Where the regions R1 and R2 begin.
    r1: usize,
    r2: usize,
}

impl Stemmer {
    fn new(word: &str) -> Self {
        let mut word = word.as_bytes().to_vec();
        for i in 0..word.len() {
            if word[i] == b'y' && (i == 0 || is_vowel(word[i - 1])) {
                word[i] = b'Y';
            }
        }
        let region = |from: usize| {
            let vowel = (from..word.len()).find(|&i| is_vowel(word[i])).unwrap_or(word.len());
            (vowel..word.len()).find(|&i| !is_vowel(word[i])).map_or(word.len(), |i| i + 1)
        };
        let given = R1_AFTER.iter().find(|start| word.starts_with(start.as_bytes())).map(|start| start.len());
        let r1 = given.unwrap_or_else(|| region(0));
        let r2 = region(r1);
        Self { word, r1, r2 }
    }

    fn as_str(&self) -> String {
        self.word.iter().map(|b| char::from(*b)).collect()
    }

    fn ends(&self, suffix: &str) -> bool {
        self.word.ends_with(suffix.as_bytes())
    }

    fn replace(&mut self, suffix_length: usize, with: &str) {
        self.word.truncate(self.word.len() - suffix_length);
        self.word.extend_from_slice(with.as_bytes());
    }

    fn has_vowel_before(&self, end: usize) -> bool {
        self.word[..end].iter().any(|b| is_vowel(*b))
    }

    /// Step 1a.
    fn plural(&mut self) {
        let length = self.word.len();
        if self.ends("sses") {
            self.replace(2, "");
        } else if self.ends("ied") || self.ends("ies") {
            self.replace(if length > 4 { 2 } else { 1 }, "");
        } else if self.ends("s") && !self.ends("us") && !self.ends("ss") && self.has_vowel_before(length.saturating_sub(2)) {
            self.replace(1, "");
        }
    }

    /// Step 1b.
    fn past_and_gerund(&mut self) {
        let Some(suffix) = ["eedly", "ingly", "edly", "eed", "ing", "ed"].into_iter().find(|suffix| self.ends(suffix)) else { return };
        let start = self.word.len() - suffix.len();
        if suffix.starts_with("ee") {
            if start >= self.r1 {
                self.replace(suffix.len(), "ee");
            }
        } else if self.has_vowel_before(start) {
            self.word.truncate(start);
            if ["at", "bl", "iz"].iter().any(|end| self.ends(end)) {
                self.word.push(b'e');
            } else if ["bb", "dd", "ff", "gg", "mm", "nn", "pp", "rr", "tt"].iter().any(|end| self.ends(end)) {
                // add, egg and off keep both.
                if !matches!(self.word.as_slice(), [b'a' | b'e' | b'o', _, _]) {
                    self.word.pop();
                }
            } else if self.r1 >= self.word.len() && self.ends_in_short_syllable(self.word.len()) {
                self.word.push(b'e');
            }
        }
    }

    /// Step 1c.
    fn final_y(&mut self) {
        if let [_, .., before, last @ (b'y' | b'Y')] = self.word.as_mut_slice()
            && !is_vowel(*before)
        {
            *last = b'i';
        }
    }

    /// Step 2.
    fn derived(&mut self) {
        const SUFFIXES: [(&str, &str); 24] = [
            ("ational", "ate"),
            ("ization", "ize"),
            ("fulness", "ful"),
            ("iveness", "ive"),
            ("ousness", "ous"),
            ("tional", "tion"),
            ("biliti", "ble"),
            ("lessli", "less"),
            ("entli", "ent"),
            ("ation", "ate"),
            ("alism", "al"),
            ("aliti", "al"),
            ("ousli", "ous"),
            ("iviti", "ive"),
            ("fulli", "ful"),
            ("enci", "ence"),
            ("anci", "ance"),
            ("abli", "able"),
            ("izer", "ize"),
            ("ator", "ate"),
            ("alli", "al"),
            ("bli", "ble"),
            ("ogi", "og"),
            ("li", ""),
        ];
        let Some((suffix, with)) = SUFFIXES.into_iter().find(|(suffix, _)| self.ends(suffix)) else { return };
        let start = self.word.len() - suffix.len();
        let before = start.checked_sub(1).map(|at| self.word[at]);
        let allowed = match suffix {
            "ogi" => before == Some(b'l'),
            "li" => before.is_some_and(|b| b"cdeghkmnrt".contains(&b)),
            _ => true,
        };
        if start >= self.r1 && allowed {
            self.replace(suffix.len(), with);
        }
    }

    /// Step 3.
    fn derived_further(&mut self) {
        const SUFFIXES: [(&str, &str); 9] = [
            ("ational", "ate"),
            ("tional", "tion"),
            ("alize", "al"),
            ("icate", "ic"),
            ("iciti", "ic"),
            ("ative", ""),
            ("ical", "ic"),
            ("ness", ""),
            ("ful", ""),
        ];
        let Some((suffix, with)) = SUFFIXES.into_iter().find(|(suffix, _)| self.ends(suffix)) else { return };
        let start = self.word.len() - suffix.len();
        if start >= if suffix == "ative" { self.r2 } else { self.r1 } {
            self.replace(suffix.len(), with);
        }
    }

    /// Step 4.
    fn residual(&mut self) {
        const SUFFIXES: [&str; 18] = [
            "ement", "ance", "ence", "able", "ible", "ment", "ant", "ent", "ism", "ate", "iti", "ous", "ive", "ize", "ion", "al", "er",
            "ic",
        ];
        let Some(suffix) = SUFFIXES.into_iter().find(|suffix| self.ends(suffix)) else { return };
        let start = self.word.len() - suffix.len();
        let allowed = suffix != "ion" || start.checked_sub(1).is_some_and(|at| matches!(self.word[at], b's' | b't'));
        if start >= self.r2 && allowed {
            self.word.truncate(start);
        }
    }

    /// Step 5.
    fn final_e_and_l(&mut self) {
        let Some(start) = self.word.len().checked_sub(1) else { return };
        let is_removed = match self.word[start] {
            b'e' => start >= self.r2 || (start >= self.r1 && !self.ends_in_short_syllable(start)),
            b'l' => start >= self.r2 && start > 0 && self.word[start - 1] == b'l',
            _ => false,
        };
        if is_removed {
            self.word.truncate(start);
        }
    }

    /// Whether the first `end` letters end in a short syllable.
    fn ends_in_short_syllable(&self, end: usize) -> bool {
        match &self.word[..end] {
            [.., b'p', b'a', b's', b't'] => true,
            [vowel, last] => is_vowel(*vowel) && !is_vowel(*last),
            [.., before, vowel, last] => !is_vowel(*before) && is_vowel(*vowel) && !is_vowel(*last) && !matches!(last, b'w' | b'x' | b'Y'),
            _ => false,
        }
    }
}

fn is_vowel(letter: u8) -> bool {
    matches!(letter, b'a' | b'e' | b'i' | b'o' | b'u' | b'y')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the sample vocabulary on the algorithm's page.
    #[test]
    fn agrees_with_the_published_sample() {
        for (word, expected) in [
            ("consign", "consign"),
            ("consigned", "consign"),
            ("consignment", "consign"),
            ("consistency", "consist"),
            ("consolation", "consol"),
            ("consolatory", "consolatori"),
            ("consolingly", "consol"),
            ("knack", "knack"),
            ("knaves", "knave"),
            ("knightly", "knight"),
            ("knitting", "knit"),
            ("generate", "generat"),
            ("generously", "generous"),
            ("valuation", "valuat"),
            ("policies", "polici"),
            ("happy", "happi"),
            ("hopping", "hop"),
            ("hoping", "hope"),
            ("dying", "die"),
            ("gas", "gas"),
            ("this", "this"),
            ("by", "by"),
            ("say", "say"),
            ("organization", "organiz"),
            ("internal", "internal"),
            ("pasted", "paste"),
            ("adding", "add"),
        ] {
            assert_eq!(stem(word), expected, "{word}");
        }
    }

    #[test]
    fn other_scripts_and_numbers_stay() {
        for word in ["größe", "k8s", "été", "日本", "s3", ""] {
            assert_eq!(stem(word), word);
        }
    }
}
