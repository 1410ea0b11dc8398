//! What is fetched or decoded into a file and then run: the rule's patterns say what writes, this looks for the file and for what runs it.

use std::sync::LazyLock;

use regex::Regex;

use super::Draft;
use crate::{
    Capabilities, MAX_FINDINGS_PER_RULE, Severity, evidence,
    matching::{self, Ready},
    rules::{Rule, Rules},
};

/// Lines of the view behind the one that writes.
const LINES: usize = 30;
/// Bytes of a statement that are looked at.
const STATEMENT: usize = 1000;

static NAMED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)>{1,2} ?([^\s;|&<>]+)|(?:--output|--output-document|-outfile|--out|-destination)[ =]([^\s;|&]+)|urlretrieve\([^,]*, ?([^\s,)]+)").ok()
});
static SMALL_O: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\s-[a-zA-Z]*o[ =]([^\s;|&-][^\s;|&]*)").ok());
static LARGE_O: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\s-[a-zA-Z]*O[ =]([^\s;|&-][^\s;|&]*)").ok());
static ADDRESS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"(?i)https?://[^\s;|&<>?#]*/([^\s;|&<>?#/]+)").ok());

static REMOTE_NAME: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\s-[a-zA-Z]*O|--remote-name").ok());

/// Before the command itself.
const PREFIXES: &[&str] = &[
    "sudo",
    "exec",
    "nohup",
    "env",
    "time",
    "command",
    "then",
    "do",
    "start",
    "start-process",
    "call",
    "cmd",
    "/c",
    "doas",
    "&",
    "-e",
    "if",
    "!",
];
const INTERPRETERS: &[&str] = &[
    "sh",
    "bash",
    "zsh",
    "dash",
    "ksh",
    "fish",
    "source",
    ".",
    "python",
    "python3",
    "py",
    "node",
    "deno",
    "bun",
    "perl",
    "ruby",
    "php",
    "lua",
    "pwsh",
    "powershell",
    "osascript",
    "open",
    "xdg-open",
    "msiexec",
    "rundll32",
    "wscript",
    "cscript",
    "java",
    "installer",
    "insmod",
];
/// Somebody looks before it runs.
const CHECKS: &[&str] =
    &["sha256sum", "shasum", "sha512sum", "gpg --verify", "gpgv ", "cosign verify", "minisign", "get-filehash", "openssl dgst"];

pub(crate) fn find(rules: &Rules, rule: &Rule, ready: &Ready, capabilities: &Capabilities) -> Vec<Draft> {
    let view = ready.commands;
    let mut drafts: Vec<Draft> = Vec::new();
    for found in rule
        .patterns
        .iter()
        .enumerate()
        .filter(|(index, _)| ready.is_candidate(rule, *index))
        .flat_map(|(_, pattern)| pattern.find_iter(view.folded.as_bytes()).take(100))
    {
        let line = view.line_at(found.start());
        if drafts.len() >= MAX_FINDINGS_PER_RULE {
            break;
        }
        if drafts.iter().any(|draft| draft.line == line) || !matching::in_place(rule, ready.source, line) {
            continue;
        }
        let rest = &view.text[found.start()..];
        let end = rest.as_bytes().iter().take(STATEMENT).position(|b| matches!(b, b'\n' | b';')).unwrap_or(rest.len().min(STATEMENT));
        let statement = rest.get(..end).unwrap_or(rest);
        let statement = statement.split(" &").next().unwrap_or(statement);
        let Some(file) = written_file(statement) else { continue };
        let behind: Vec<&str> = rest[statement.len()..].split('\n').take(LINES).collect();
        let Some((run, checked)) = run_of(&file, &behind) else { continue };
        let (from, to) = (found.start(), found.start() + statement.len());
        let (mut severity, mut blocks) = matching::weigh(rules, rule, ready, from, to, capabilities);
        if checked {
            (severity, blocks) = (severity.min(Severity::Low), false);
        }
        let evidence = evidence::of_match(rules, ready.source, view, from, to);
        let evidence = if evidence.contains(&run) { evidence } else { evidence::shown(&format!("{evidence} … {run}")) };
        drafts.push(Draft { line, severity, blocks, evidence });
    }
    drafts
}

/// The file that the statement writes, without its folder.
fn written_file(statement: &str) -> Option<String> {
    let first_group = |regex: &LazyLock<Option<Regex>>| {
        let found = regex.as_ref()?.captures(statement)?;
        (1..found.len()).find_map(|group| found.get(group)).map(|group| group.as_str().to_owned())
    };
    let lower = statement.to_ascii_lowercase();
    let flag = if lower.starts_with("wget") { &LARGE_O } else { &SMALL_O };
    let named = first_group(&NAMED).or_else(|| first_group(flag));
    let named = named.or_else(|| {
        // The last word of `certutil -decode in out`.
        let last = statement.split(' ').rfind(|word| !word.is_empty())?;
        // curl writes to its output unless it is told otherwise.
        let keeps_name = ["wget", "aria2c", "start-bitstransfer"].iter().any(|command| lower.starts_with(command))
            || REMOTE_NAME.as_ref()?.is_match(statement);
        if lower.starts_with("certutil") || lower.starts_with("bitsadmin") {
            Some(last.to_owned())
        } else {
            keeps_name.then(|| first_group(&ADDRESS)).flatten()
        }
    })?;
    let name = named.trim_end_matches([')', ',', '`']).rsplit(['/', '\\']).next()?.to_ascii_lowercase();
    (!name.is_empty() && name != "null" && name != "-" && !name.starts_with("&1")).then_some(name)
}

/// The statement that runs the file, and whether it was checked before.
fn run_of(file: &str, lines: &[&str]) -> Option<(String, bool)> {
    let mut checked = false;
    for line in lines {
        let lower = line.to_ascii_lowercase();
        for statement in lower.split([';', '|', '\n', '(', ')', '`', '<', '>']).flat_map(|part| part.split(" &")) {
            checked = checked || CHECKS.iter().any(|check| statement.contains(check));
            let is_file = |word: &&str| word.trim_matches(['{', '}', ',']).rsplit(['/', '\\']).next() == Some(file);
            let mut words =
                statement.split(' ').filter(|word| !word.is_empty()).skip_while(|word| PREFIXES.contains(word) || word.contains('='));
            let Some(command) = words.next().map(|word| word.trim_start_matches('&')) else { continue };
            let interpreter = INTERPRETERS.contains(&command.rsplit('/').next().unwrap_or(command));
            if is_file(&command) || interpreter && words.find(|word| !word.starts_with('-')).is_some_and(|word| is_file(&word)) {
                return Some((statement.trim().to_owned(), checked));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles() {
        assert!([&NAMED, &SMALL_O, &LARGE_O, &ADDRESS, &REMOTE_NAME].iter().all(|pattern| pattern.is_some()));
    }

    #[test]
    fn the_written_file_is_known() {
        for (statement, file) in [
            ("curl -fsSLo /tmp/a.sh https://x.example/b.sh", Some("a.sh")),
            ("curl -fsSLO https://x.example/b.sh", Some("b.sh")),
            ("wget https://x.example/b.sh?x=1", Some("b.sh")),
            ("wget -O a.sh https://x.example/b.sh", Some("a.sh")),
            ("curl https://x.example/b > /tmp/c", Some("c")),
            ("iwr https://x.example/b -OutFile c.ps1", Some("c.ps1")),
            ("curl https://x.example", None),
            ("curl -d @a.json https://x.example/items", None),
            ("certutil -decode a.txt b.exe", Some("b.exe")),
        ] {
            assert_eq!(written_file(statement).as_deref(), file, "{statement}");
        }
    }

    #[test]
    fn only_what_runs_the_file_counts() {
        for (line, runs) in [
            ("chmod +x a.sh && ./a.sh", true),
            (" & bash a.sh", true),
            ("sudo bash /tmp/a.sh -y", true),
            ("less a.sh", false),
            ("tar xf a.sh", false),
            ("python3 b.py a.sh", false),
            ("bash b.sh", false),
        ] {
            assert_eq!(run_of("a.sh", &[line]).is_some(), runs, "{line}");
        }
        assert_eq!(run_of("a.sh", &["sha256sum -c a.sum", "sh a.sh"]).map(|(_, checked)| checked), Some(true));
    }
}
