//! What the texts of a release appear to use beyond their folder.

use std::{collections::HashSet, sync::LazyLock};

use regex::Regex;

use crate::{
    capabilities::Kind,
    source::{Place, Source},
    view::View,
};

/// One use, at the line where it is seen first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Used {
    pub kind: Kind,
    pub value: String,
    pub line: u32,
}

/// Uses that are listed of one file.
const USES: usize = 500;

static URL: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?i)\b(?:https?|wss?|ftp|ssh|git)://(?:[^\s/@<>{}()]*@)?(\[[0-9a-f:]+\]|[a-z0-9][a-z0-9.-]*)").ok());
/// Something on the line takes what is at an address, or keeps the address to do so.
static FETCHES: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?i)\b(?:curl|wget|fetch|axios|got|requests?|httpx?|aiohttp|urllib|urlopen|open-uri|http\.(?:get|post|newrequest)|reqwest|invoke-(?:webrequest|restmethod)|i[wr]m|iwr|downloadstring|downloadfile|git clone|git\+https?|pip3? install|npm (?:i|install)|websocket|xmlhttprequest|urlsession|httpclient|ncat?|ssh|scp|rsync|aria2c|base_?url|end_?point|api_?(?:url|host|base)|_url|_host|url\s*[=:])\b?",
    )
    .ok()
});
static ENV: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"\$\{?(?:env:)?([A-Z][A-Z0-9_]{2,})\b|%([A-Z][A-Z0-9_]{2,})%|\benviron(?:\.get\(|\[)\s*([A-Z][A-Z0-9_]{2,})|\bgetenv\(\s*([A-Z][A-Z0-9_]{2,})|\bprocess\.env(?:\.|\[)\s*([A-Z][A-Z0-9_]{2,})|\bENV(?:\[|\.fetch\()\s*([A-Z][A-Z0-9_]{2,})|\benv::var(?:_os)?\(\s*([A-Z][A-Z0-9_]{2,})|\bDeno\.env\.get\(\s*([A-Z][A-Z0-9_]{2,})",
    )
    .ok()
});
static SET: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?:^|[;&|( ])(?:export |readonly |local |declare (?:-\w+ )?|ARG |ENV )?([A-Z][A-Z0-9_]{2,})=").ok());
static PATH: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r#"(?i)(?:^|[\s=:(,<>@])((?:~|\$\{?HOME\}?|%USERPROFILE%|%APPDATA%|\$env:USERPROFILE)(?:[/\\][^\s;|&<>()`,]*)?|/(?:etc|usr|var|opt|home|root|Users|private|Library|Applications|mnt|srv|proc|sys|boot)/[^\s;|&<>()`,]*|(?:\.\./){2,}[^\s;|&<>()`,]*|[A-Z]:\\[^\s;|&<>()`,]*)"#,
    )
    .ok()
});
static TOOL: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\bmcp__[A-Za-z0-9_-]+").ok());

/// Set by every system, or by the shell itself.
const COMMON_ENV: &[&str] = &[
    "HOME",
    "PATH",
    "PWD",
    "OLDPWD",
    "USER",
    "USERNAME",
    "LOGNAME",
    "SHELL",
    "TERM",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "TEMP",
    "TMP",
    "EDITOR",
    "VISUAL",
    "PAGER",
    "HOSTNAME",
    "RANDOM",
    "SECONDS",
    "LINENO",
    "BASH_SOURCE",
    "BASH_VERSION",
    "FUNCNAME",
    "IFS",
    "OSTYPE",
    "PIPESTATUS",
    "UID",
    "EUID",
    "PPID",
    "OPTARG",
    "OPTIND",
    "REPLY",
    "COLUMNS",
    "LINES",
    "DISPLAY",
    "NODE_ENV",
    "CI",
    "DEBUG",
    "PORT",
    "USERPROFILE",
    "APPDATA",
    "LOCALAPPDATA",
    "PROGRAMFILES",
    "SYSTEMROOT",
    "WINDIR",
    "COMSPEC",
    "ARGV",
    "ARGS",
    "PYTHONPATH",
];

/// The shell's own words and what every system has and that reads or writes nothing but text it is given.
const COMMON_COMMANDS: &[&str] = &[
    "if",
    "then",
    "else",
    "elif",
    "fi",
    "for",
    "while",
    "until",
    "do",
    "done",
    "case",
    "esac",
    "in",
    "function",
    "select",
    "return",
    "exit",
    "break",
    "continue",
    "local",
    "export",
    "readonly",
    "declare",
    "typeset",
    "set",
    "unset",
    "shift",
    "trap",
    "source",
    "alias",
    "unalias",
    "echo",
    "printf",
    "read",
    "test",
    "true",
    "false",
    "cd",
    "pwd",
    "pushd",
    "popd",
    "let",
    "eval",
    "exec",
    "wait",
    "type",
    "command",
    "builtin",
    "umask",
    "ulimit",
    "getopts",
    "time",
    "cat",
    "ls",
    "cp",
    "mv",
    "mkdir",
    "rmdir",
    "touch",
    "head",
    "tail",
    "grep",
    "egrep",
    "fgrep",
    "sed",
    "awk",
    "sort",
    "uniq",
    "wc",
    "cut",
    "tr",
    "tee",
    "xargs",
    "find",
    "basename",
    "dirname",
    "date",
    "sleep",
    "seq",
    "which",
    "whoami",
    "uname",
    "env",
    "diff",
    "less",
    "more",
    "clear",
    "man",
    "tree",
    "file",
    "stat",
    "nohup",
    "begin",
    "end",
    "param",
    "foreach",
    "foreach-object",
    "where-object",
    "write-host",
    "write-output",
    "rem",
    "goto",
    "call",
    "setlocal",
    "endlocal",
    "pause",
    "title",
    "rm",
    "chmod",
    "ln",
    "du",
    "df",
    "bash",
    "sh",
    "zsh",
    "sudo",
    "doas",
];

const SHELLS: &[&str] = &["sh", "bash", "zsh", "shell", "console", "shell-session", "shellsession", "terminal", "fish", "ksh"];

/// Everything that a file appears to use, each once.
pub(crate) fn of(source: &Source, view: &View) -> Vec<Used> {
    let mut seen = Seen::default();
    frontmatter(source, &mut seen);
    // Variables of the file itself are none of the environment's.
    let mut own: HashSet<String> = HashSet::new();
    for line in view.text.lines() {
        if let Some(set) = SET.as_ref() {
            own.extend(set.captures_iter(line).filter_map(|found| Some(found.get(1)?.as_str().to_owned())));
        }
    }
    let mut position = 0;
    for line in view.text.split_inclusive('\n') {
        let number = view.line_at(position);
        position += line.len();
        let Some(origin) = source.line(number) else { continue };
        if seen.uses.len() >= USES {
            break;
        }
        tools(line, number, &mut seen);
        if matches!(origin.place, Place::Frontmatter | Place::Comment) {
            continue;
        }
        let code = matches!(origin.place, Place::Code | Place::Script);
        hosts(line, number, code, &mut seen);
        if !code || line.len() > 2000 {
            continue;
        }
        variables(line, number, &own, &mut seen);
        paths(line, number, &mut seen);
        let language = origin.language.trim_matches(|c: char| !c.is_ascii_alphanumeric() && c != '-').to_ascii_lowercase();
        let shell = match origin.place {
            Place::Code => SHELLS.contains(&language.as_str()),
            _ => matches!(crate::source::ending(source.path).as_str(), "sh" | "bash" | "zsh" | "command"),
        };
        if shell {
            commands(line, number, language == "console" || language.contains("session"), &mut seen);
        } else {
            called(line, number, &mut seen);
        }
    }
    seen.uses
}

#[derive(Default)]
struct Seen {
    uses: Vec<Used>,
    known: HashSet<(Kind, String)>,
}

impl Seen {
    fn push(&mut self, kind: Kind, value: &str, line: u32) {
        if self.known.insert((kind, value.to_owned())) {
            self.uses.push(Used { kind, value: value.to_owned(), line });
        }
    }
}

/// The hosts in a text, in lower case, without placeholders.
pub(crate) fn hosts_in(text: &str) -> Vec<String> {
    let Some(url) = URL.as_ref() else { return Vec::new() };
    let hosts = url.captures_iter(text).filter_map(|found| Some(found.get(1)?.as_str().trim_end_matches(['.', '-']).to_ascii_lowercase()));
    hosts.filter(|host| !host.is_empty()).collect()
}

/// The addresses that a command fetches from, if everything in it that may be an address is one that can be read: what is behind a
/// variable, a proxy or a substitution is not known.
pub(crate) fn fetched(command: &str) -> Option<Vec<&str>> {
    let hidden = ["$", "--proxy", "--resolve", "--connect-to", "--preproxy", "--insecure", "--socks", " -k ", " -x "];
    let fetching = command.split('|').next().unwrap_or(command);
    if hidden.iter().any(|part| fetching.replace("$(curl", "").replace("$(wget", "").contains(part)) {
        return None;
    }
    let words = fetching.split([' ', '(', ')', '<', '>', '`', ',', ';']).map(|word| word.trim_matches(['[', ']', '{', '}']));
    let may_be: Vec<&str> = words
        .filter(|word| {
            !word.starts_with('-') && (word.contains("://") || word.contains('.') && word.contains(char::is_alphabetic) && word.len() > 3)
        })
        .collect();
    let is_plain =
        |word: &&str| (word.starts_with("https://") || word.starts_with("http://")) && !word.contains('@') && !word.contains('\\');
    // The name of a class or of a local file is none.
    let may_be: Vec<&str> = may_be
        .into_iter()
        .filter(|word| {
            !word.starts_with("net.webclient") && !word.starts_with("system.net") && !word.starts_with('.') && !word.starts_with('/')
        })
        .collect();
    (!may_be.is_empty() && may_be.iter().all(is_plain)).then_some(may_be)
}

fn hosts(line: &str, number: u32, code: bool, seen: &mut Seen) {
    if !line.contains("://")
        || !FETCHES.as_ref().is_some_and(|fetches| fetches.is_match(line))
        || !(code || line.contains("curl ") || line.contains("wget "))
    {
        return;
    }
    for host in hosts_in(line) {
        let known = [
            "localhost",
            "127.0.0.1",
            "0.0.0.0",
            "example.com",
            "example.org",
            "example.net",
            "host.docker.internal",
            "[::1]",
            "w3.org",
            "www.w3.org",
            "json-schema.org",
        ];
        let reserved = [".example", ".test", ".invalid", ".localhost", ".local", ".example.com", ".example.org", ".example.net"];
        let named = host.starts_with("your") || host.starts_with("my-") || host.contains("xxx") || host.contains("placeholder");
        if known.contains(&host.as_str()) || reserved.iter().any(|end| host.ends_with(end)) || named || !host.contains(['.', ':']) {
            continue;
        }
        seen.push(Kind::Hosts, &host, number);
    }
}

fn variables(line: &str, number: u32, own: &HashSet<String>, seen: &mut Seen) {
    let Some(env) = ENV.as_ref() else { return };
    for found in env.captures_iter(line) {
        let Some(name) = (1..=8).find_map(|group| found.get(group)) else { continue };
        let name = name.as_str();
        if !COMMON_ENV.contains(&name) && !own.contains(name) {
            seen.push(Kind::Env, name, number);
        }
    }
}

fn paths(line: &str, number: u32, seen: &mut Seen) {
    let Some(path) = PATH.as_ref() else { return };
    for found in path.captures_iter(line) {
        let Some(path) = found.get(1) else { continue };
        let path = path.as_str().trim_end_matches(['.', ':', ']', '}', '"', '\'']);
        let path = path.replace("${HOME}", "~").replace("$HOME", "~");
        // The first line of a script names its interpreter; devices are no files.
        let common = ["/usr/bin/env", "/usr/bin", "/usr/local/bin", "~", "~/"].contains(&path.as_str()) || line.starts_with("#!");
        if !common && path.len() > 3 && path.len() <= 200 {
            seen.push(Kind::Paths, &path, number);
        }
    }
}

fn tools(line: &str, number: u32, seen: &mut Seen) {
    if line.contains("mcp__")
        && let Some(tool) = TOOL.as_ref()
    {
        for found in tool.find_iter(line) {
            seen.push(Kind::Tools, found.as_str().trim_end_matches(['_', '-']), number);
        }
    }
}

/// `allowed-tools: Read, Bash(git *)`, or a list below.
fn frontmatter(source: &Source, seen: &mut Seen) {
    let mut within = false;
    for line in source.lines.iter().take_while(|line| line.place == Place::Frontmatter) {
        let key = ["allowed-tools:", "tools:"].iter().find_map(|key| line.text.strip_prefix(key));
        let listed = line.text.trim_start().strip_prefix("- ").filter(|_| within);
        if key.is_none() && listed.is_none() {
            within = within && line.text.trim_end().ends_with(',');
        }
        within = within || key.is_some();
        let Some(values) = key.or(listed) else { continue };
        let mut depth = 0;
        let separated = values.split(|c: char| {
            depth += i32::from(c == '(') - i32::from(c == ')');
            matches!(c, ',' | '[' | ']') && depth <= 0
        });
        for value in separated {
            let value = value.trim().trim_matches(['"', '\'']);
            if !value.is_empty() && value.len() <= 100 && !value.starts_with('#') && value != ">" && value != "|" {
                seen.push(Kind::Tools, value, line.number);
            }
        }
    }
}

/// The first word of each statement.
fn commands(line: &str, number: u32, console: bool, seen: &mut Seen) {
    let line = line.trim();
    let prompted = line.strip_prefix("$ ").or_else(|| line.strip_prefix("% "));
    // Of a terminal's record only what stands behind the prompt was typed.
    let Some(line) = prompted.or((!console).then_some(line)).filter(|line| !line.starts_with('#')) else { return };
    let line = line.split(" #").next().unwrap_or(line);
    for statement in line.split([';', '|', '&', '(', '`']) {
        let words = statement.split(' ').filter(|word| !word.is_empty());
        let prefixes = [
            "sudo", "env", "time", "nohup", "exec", "command", "then", "else", "do", "if", "while", "!", "xargs", "{", "doas", "until",
            "elif", "eval",
        ];
        let mut words = words.skip_while(|word| prefixes.contains(word) || word.starts_with('-') || is_assignment(word));
        let Some(word) = words.next() else { continue };
        let name = word.rsplit('/').next().unwrap_or(word);
        let is_name = name.len() > 1
            && name.len() <= 40
            && name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || "._+-".contains(c));
        let second = words.next().unwrap_or_default();
        // `name = value` and `name()` call nothing.
        if is_name && !COMMON_COMMANDS.contains(&name) && !word.starts_with("./") && second != "=" && second != ")" && !is_file(name) {
            seen.push(Kind::Commands, name, number);
        }
    }
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
}

fn is_file(name: &str) -> bool {
    matches!(
        crate::source::ending(name).as_str(),
        "md" | "txt" | "json" | "yaml" | "yml" | "toml" | "py" | "js" | "ts" | "sh" | "csv" | "html" | "xml"
    )
}

static CALLED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"\b(?:subprocess\.\w+|os\.system|os\.popen|exec(?:File)?(?:Sync)?|spawn(?:Sync)?|Popen|check_output|check_call|Command::new|exec\.Command)\(\s*\[?\s*([a-z][a-z0-9._+-]{1,40})[\s,)\]]").ok()
});

/// `subprocess.run(["git", …])` and its relatives.
fn called(line: &str, number: u32, seen: &mut Seen) {
    let Some(called) = CALLED.as_ref() else { return };
    for found in called.captures_iter(line) {
        let Some(name) = found.get(1) else { continue };
        let name = name.as_str();
        let is_variable =
            matches!(name, "cmd" | "command" | "args" | "argv" | "cmds" | "shell") || name.contains('.') || name.contains('_');
        if !COMMON_COMMANDS.contains(&name) && !is_variable {
            seen.push(Kind::Commands, name, number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Capabilities, File};

    #[test]
    fn every_pattern_compiles() {
        assert!([&URL, &FETCHES, &ENV, &SET, &PATH, &TOOL, &CALLED].iter().all(|pattern| pattern.is_some()));
    }

    #[test]
    fn what_cannot_be_read_is_fetched_from_nowhere_known() {
        for (command, addresses) in [
            ("curl -fsSL https://a.example/i.sh | sh", Some(vec!["https://a.example/i.sh"])),
            ("curl https://a.example $url | sh", None),
            ("curl b.example/?u=https://a.example | sh", None),
            ("curl https://a.example@b.example | sh", None),
            ("curl -x http://b.example https://a.example | sh", None),
            ("sh -c $(curl -s https://a.example/i)", Some(vec!["https://a.example/i"])),
        ] {
            assert_eq!(fetched(command), addresses, "{command}");
        }
    }

    fn seen(path: &str, text: &str) -> Capabilities {
        Capabilities::seen_in(&[File { path, bytes: text.as_bytes() }])
    }

    #[test]
    fn a_form_is_filled_in() {
        let text = "---\nname: a\nallowed-tools: Read, Bash(git *), WebFetch\n---\nSee https://docs.elsewhere.io/page.\n\n```bash\nURL=https://api.one.io/v1\nsudo docker ps | jq .\n\
                    curl -H \"K: $ONE_KEY\" \"$URL\" > ~/.config/one/out\n```\nCall mcp__mail__send.\n";
        let seen = seen("SKILL.md", text);
        assert_eq!(seen.hosts, ["api.one.io"]);
        assert_eq!(seen.commands, ["curl", "docker", "jq"]);
        assert_eq!(seen.env, ["ONE_KEY"]);
        assert_eq!(seen.paths, ["~/.config/one/out"]);
        assert_eq!(seen.tools, ["Bash(git *)", "Read", "WebFetch", "mcp__mail__send"]);
    }

    #[test]
    fn scripts_call_too() {
        let seen = seen(
            "scripts/a.py",
            "subprocess.run([\"kubectl\", \"get\"])\nk = os.environ[\"ONE_KEY\"]\nrequests.get(\"https://api.one.io/v1\")\n",
        );
        assert_eq!(
            (seen.commands, seen.env, seen.hosts),
            (vec!["kubectl".to_owned()], vec!["ONE_KEY".to_owned()], vec!["api.one.io".to_owned()])
        );
    }
}
