//! Characters that nobody sees: text for a model that a reader does not get.

use serde::Deserialize;

use super::Draft;
use crate::{
    clean::{is_control, is_invisible},
    decode, evidence,
    rules::Rule,
    source::{Place, Source},
};

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Parameters {
    what: What,
}

/// Which of them: each is a rule of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum What {
    /// U+E0000 to U+E007F, outside of a flag.
    Tags,
    /// Selectors that select nothing.
    Selectors,
    /// Zero-width characters within words, in runs or many on a line; fillers and the like anywhere.
    Hidden,
    /// A zero-width character somewhere, as comes from copying.
    Stray,
    /// Escape sequences and other control characters.
    Controls,
}

/// Hidden characters on one line that cannot be there by accident.
const MANY: usize = 4;
const RUN: usize = 3;
const SOFT_HYPHENS: usize = 3;

pub(crate) fn find(rule: &Rule, parameters: &Parameters, source: &Source) -> Vec<Draft> {
    let hidden = source.lines.iter().filter(|line| !line.text.is_ascii() || line.text.contains(|c: char| is_control(c) || c == '\r'));
    let found = hidden.filter(|line| is_found(parameters.what, line.text, matches!(line.place, Place::Code | Place::Script)));
    found
        .map(|line| {
            let said: Vec<String> = decode::hidden(line.text).into_iter().map(|text| format!(" reads {text:?}")).collect();
            Draft::new(rule, line.number, format!("{}{}", evidence::shown(line.text.trim()), evidence::shown(&said.concat())))
        })
        .collect()
}

pub(crate) fn in_path(rule: &Rule, parameters: &Parameters, path: &str) -> Vec<Draft> {
    if is_found(parameters.what, path, true) { vec![Draft::new(rule, 0, evidence::shown(path))] } else { Vec::new() }
}

fn is_found(what: What, line: &str, code: bool) -> bool {
    let chars: Vec<char> = line.chars().collect();
    match what {
        What::Tags => has_tags(&chars),
        What::Selectors => has_selectors(&chars),
        What::Hidden => is_hiding(&chars, code),
        What::Stray => {
            // The escape character of a colour is none.
            let stray = |(at, c): (usize, &char)| is_control(*c) && !(*c == '\u{1B}' && chars.get(at + 1) == Some(&'['));
            let control = !has_controls(&chars) && chars.iter().enumerate().any(stray);
            control || !is_hiding(&chars, code) && (0..chars.len()).any(|at| is_suspicious(&chars, at))
        }
        What::Controls => has_controls(&chars),
    }
}

fn is_tag(c: char) -> bool {
    matches!(c, '\u{E0000}'..='\u{E007F}')
}

/// Tags are for the flags of regions: a black flag, two letters of a country, up to three of a region, the end.
fn has_tags(chars: &[char]) -> bool {
    let mut at = 0;
    while let Some(start) = chars[at..].iter().position(|c| is_tag(*c)).map(|start| at + start) {
        let end = chars[start..].iter().position(|c| !is_tag(*c)).map_or(chars.len(), |length| start + length);
        let flag = start > 0 && chars[start - 1] == '\u{1F3F4}' && (5..=6).contains(&(end - start)) && chars[end - 1] == '\u{E007F}';
        let region = chars[start..end - 1].iter().enumerate().all(|(i, c)| match c {
            '\u{E0061}'..='\u{E007A}' => true,
            '\u{E0030}'..='\u{E0039}' => i >= 2,
            _ => false,
        });
        if !(flag && region) {
            return true;
        }
        at = end;
    }
    false
}

fn is_selector(c: char) -> bool {
    matches!(c, '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}')
}

fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFF}' | '\u{3000}'..='\u{30FF}')
}

/// A selector belongs to the one character before it.
fn has_selectors(chars: &[char]) -> bool {
    chars.iter().enumerate().filter(|(_, c)| is_selector(**c)).any(|(at, c)| {
        let before = at.checked_sub(1).map(|before| chars[before]);
        match (c, before) {
            (_, Some(before)) if is_selector(before) => true,
            // Text or emoji presentation; one that lost its emoji is no payload.
            ('\u{FE0E}' | '\u{FE0F}', _) => false,
            ('\u{E0100}'..='\u{E01EF}', Some(before)) => !is_ideograph(before),
            ('\u{FE00}'..='\u{FE02}', Some(before)) => {
                before.is_ascii()
                    || before.is_alphabetic()
                        && !is_ideograph(before)
                        && !matches!(before, '\u{1000}'..='\u{109F}' | '\u{A840}'..='\u{A87F}')
            }
            _ => true,
        }
    })
}

/// Scripts that are written with joiners and marks nobody sees.
fn needs_joiners(c: char) -> bool {
    matches!(c, '\u{590}'..='\u{8FF}' | '\u{900}'..='\u{DFF}' | '\u{E00}'..='\u{109F}' | '\u{1780}'..='\u{18AF}' | '\u{1A00}'..='\u{1CFF}' | '\u{A800}'..='\u{ABFF}'
        | '\u{FB1D}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFC}' | '\u{10A00}'..='\u{11FFF}' | '\u{1E900}'..='\u{1EFFF}')
}

pub(crate) fn is_right_to_left(c: char) -> bool {
    matches!(c, '\u{590}'..='\u{8FF}' | '\u{FB1D}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFC}' | '\u{10800}'..='\u{10FFF}' | '\u{1E800}'..='\u{1EFFF}')
}

fn is_emoji(c: char) -> bool {
    matches!(c, '\u{FE0F}' | '\u{20E3}' | '\u{2190}'..='\u{2BFF}' | '\u{3030}' | '\u{303D}' | '\u{1F000}'..='\u{1FAFF}' | '\u{E007F}')
}

/// Has no place in a text, whatever stands beside it.
fn is_filler(chars: &[char], at: usize) -> bool {
    let beside =
        |test: fn(char) -> bool| at.checked_sub(1).is_some_and(|before| test(chars[before])) || chars.get(at + 1).is_some_and(|c| test(*c));
    match chars[at] {
        '\u{115F}' | '\u{1160}' | '\u{3164}' | '\u{FFA0}' => {
            !beside(|c| matches!(c, '\u{1100}'..='\u{11FF}' | '\u{3131}'..='\u{318E}' | '\u{AC00}'..='\u{D7FF}') && !is_invisible(c))
        }
        '\u{2800}' => !beside(|c| matches!(c, '\u{2801}'..='\u{28FF}')),
        '\u{2061}'..='\u{2064}'
        | '\u{206A}'..='\u{206F}'
        | '\u{FFF9}'..='\u{FFFB}'
        | '\u{1D173}'..='\u{1D17A}'
        | '\u{E0080}'..='\u{E00FF}'
        | '\u{E01F0}'..='\u{E0FFF}' => true,
        '\u{34F}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}' => !beside(|c| needs_joiners(c) && !is_invisible(c)),
        _ => false,
    }
}

/// A zero-width character that joins, separates or directs nothing.
fn is_suspicious(chars: &[char], at: usize) -> bool {
    let before = at.checked_sub(1).map(|before| chars[before]);
    let after = chars.get(at + 1).copied();
    let beside = |test: fn(char) -> bool| before.is_some_and(test) || after.is_some_and(test);
    match chars[at] {
        '\u{200C}' => !beside(needs_joiners),
        '\u{200D}' => !(beside(needs_joiners) || before.is_some_and(is_emoji) && after.is_some_and(is_emoji)),
        '\u{200B}' => !beside(|c| needs_joiners(c) || is_ideograph(c)),
        '\u{2060}' | '\u{FEFF}' => true,
        '\u{200E}' | '\u{200F}' | '\u{61C}' => !chars.iter().any(|c| is_right_to_left(*c)),
        _ => is_filler(chars, at),
    }
}

fn is_hiding(chars: &[char], code: bool) -> bool {
    let soft = chars.iter().filter(|c| **c == '\u{AD}').count();
    if soft >= SOFT_HYPHENS || (code && soft > 0) {
        return true;
    }
    let letter = |at: Option<usize>| at.and_then(|at| chars.get(at)).is_some_and(char::is_ascii_alphanumeric);
    let (mut all, mut run) = (0, 0);
    for at in 0..chars.len() {
        if !is_suspicious(chars, at) {
            run = 0;
            continue;
        }
        (all, run) = (all + 1, run + 1);
        let splits = letter(at.checked_sub(1)) && letter(Some(at + 1));
        if splits || run >= RUN || all >= MANY || is_filler(chars, at) {
            return true;
        }
    }
    false
}

/// Sequences that move what a terminal shows or hide it. Colours are left over from one, single characters from a broken code page.
fn has_controls(chars: &[char]) -> bool {
    (0..chars.len()).any(|at| match (chars[at], chars.get(at + 1)) {
        ('\u{8}' | '\u{7F}' | '\u{9B}', _) => true,
        // What stands before a carriage return is written over.
        ('\r', Some(next)) => !next.is_whitespace(),
        ('\u{1B}', Some('[')) => {
            let numbers: String = chars[at + 2..].iter().take_while(|c| c.is_ascii_digit() || **c == ';').collect();
            chars.get(at + 2 + numbers.len()) != Some(&'m') || numbers.split(';').any(|number| number == "8")
        }
        ('\u{1B}', Some(']' | 'P' | 'X' | '^' | '_' | 'c' | '7' | '8' | '(' | 'D' | 'M')) => true,
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(line: &str) -> Vec<What> {
        [What::Tags, What::Selectors, What::Hidden, What::Stray, What::Controls]
            .into_iter()
            .filter(|what| is_found(*what, line, false))
            .collect()
    }

    #[test]
    fn writing_systems_and_emoji_need_them() {
        for line in [
            "👨‍👩‍👧‍👦 ❤️‍🔥 🏳️‍🌈 🏴‍☠️ 1️⃣ ☑︎ 🧑🏿‍🤝‍🧑🏻",
            "🏴\u{E0067}\u{E0062}\u{E0073}\u{E0063}\u{E0074}\u{E007F}",
            "می\u{200C}خواهم क्\u{200D}ष",
            "葛\u{E0100}城",
            "\u{200E}report\u{200F} שלום",
            "\u{1B}[31mred\u{1B}[0m",
        ] {
            assert_eq!(found(line), [], "{line:?}");
        }
    }

    #[test]
    fn everything_else_hides_something() {
        assert_eq!(found("a\u{E0061}\u{E0062}"), [What::Tags]);
        assert_eq!(found("😀\u{FE01}\u{FE02}"), [What::Selectors]);
        assert_eq!(found("pass\u{200B}word"), [What::Hidden]);
        assert_eq!(found("x\u{3164}"), [What::Hidden]);
        assert_eq!(found("\u{200B}```"), [What::Stray]);
        assert_eq!(found("a\u{1B}[2Kb"), [What::Controls]);
        assert_eq!(found("shown\rhidden"), [What::Controls]);
        assert_eq!(found("OE \u{1B} R/W"), [What::Stray]);
    }
}
