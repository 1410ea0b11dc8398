//! `llmos traces import`: files of traces to the server of this machine, or to any other.
//!
//! A file that fits into one request is sent as it is. A larger one is read line by line and sent in parts, so that no more of it is in memory than one request
//! holds: each part ends where a trace ends. What the server has already is not taken again, so an import that was stopped is simply begun anew.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read as _},
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use llmos_traces::{Format, LINE, claude_code, detect};

use super::{BoxError, Client, client, read, volumes::find_team};
use crate::{
    browser::data::with_query,
    error::{AppError, ErrorCode},
    features::traces::model::{BODY_BYTES, Problem, SendTraces, Taken},
    ids::TeamId,
    server::config::Config,
};

/// Reasons that are shown; of more there is only the number.
const REASONS: usize = 30;
/// Megabytes of one request.
const MOST: usize = BODY_BYTES >> 20;
/// How much of a file tells its form.
const BEGINNING: u64 = 64 * 1024;
/// What is taken out of a folder; a file that is named is tried whatever it is called.
const ENDINGS: [&str; 5] = ["json", "jsonl", "ndjson", "md", "pb"];

#[derive(Subcommand)]
pub enum Command {
    /// Bring in files of traces, and those of folders: JSON, markdown, transcripts of Claude Code, exports of OpenTelemetry.
    Import(Import),
}

#[derive(Args)]
pub struct Import {
    /// Files, or folders with .json, .jsonl, .ndjson, .md and .pb files in them.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// The team's name or id; not given: they are one's own.
    #[arg(long)]
    team: Option<String>,
    /// Another server, such as https://skills.example.org; not given: the one of this machine.
    #[arg(long, env = "LLMOS_SERVER")]
    server: Option<String>,
    /// An API token for it, with the scope “write”.
    #[arg(long, env = "LLMOS_TOKEN", hide_env_values = true)]
    token: Option<String>,
}

pub async fn run(config: Config, command: Command) -> Result<(), BoxError> {
    let Command::Import(import) = command;
    // Before a server is started for nothing.
    let files = files_of(&import.paths)?;
    let client = match &import.server {
        Some(server) => Client::at(server, import.token.as_deref())?,
        None => client(config).await?,
    };
    let done = import_all(&client, &files, import.team.as_deref()).await;
    client.close().await;
    done
}

/// The files that are meant, those of folders by name. Links in folders are not followed.
fn files_of(paths: &[PathBuf]) -> Result<Vec<PathBuf>, BoxError> {
    let mut files = Vec::new();
    for path in paths {
        let meta = fs::metadata(path).map_err(|error| format!("{}: {error}", path.display()))?;
        if meta.is_dir() {
            files_below(path, &mut files)?;
        } else {
            files.push(path.clone());
        }
    }
    if files.is_empty() {
        Err("there is no file of traces in there: it would end with .json, .jsonl, .ndjson, .md or .pb".into())
    } else {
        Ok(files)
    }
}

fn files_below(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), BoxError> {
    let mut entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (path, kind) = (entry.path(), entry.file_type()?);
        if kind.is_dir() {
            if !matches!(entry.file_name().to_str(), Some(".git" | "node_modules")) {
                files_below(&path, files)?;
            }
        } else if kind.is_file() && path.extension().is_some_and(|ending| ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known))) {
            files.push(path);
        }
    }
    Ok(())
}

async fn import_all(client: &Client, files: &[PathBuf], team: Option<&str>) -> Result<(), BoxError> {
    let team = match team {
        Some(name) => Some(find_team(client, name).await?),
        None => None,
    };
    let mut report = Report::default();
    for path in files {
        import_file(client, path, team, &mut report).await.map_err(|error| format!("{}: {error}", path.display()))?;
    }
    let Report { accepted, known, refused, reasons } = &report;
    println!("{accepted} accepted, {known} known, {refused} refused");
    for reason in reasons {
        println!("  {reason}");
    }
    if refused > &reasons.len() {
        println!("  and {} more", refused - reasons.len());
    }
    if *refused > 0 { Err("not everything was taken: mend what was refused and import it again".into()) } else { Ok(()) }
}

/// What came of all files.
#[derive(Default)]
struct Report {
    accepted: usize,
    known: usize,
    refused: usize,
    /// The first ones, with where.
    reasons: Vec<String>,
}

impl Report {
    /// `before`: lines of the file that were sent before these.
    fn add(&mut self, path: &Path, before: usize, taken: Taken) {
        self.accepted += taken.accepted;
        self.known += taken.known;
        self.refused += taken.refused;
        for Problem { at, sentence } in taken.problems {
            self.say(format!("{}:{}: {sentence}", path.display(), before + at));
        }
    }

    fn refuse(&mut self, path: &Path, sentence: &str) {
        self.refused += 1;
        self.say(format!("{}: {sentence}", path.display()));
    }

    fn say(&mut self, reason: String) {
        if self.reasons.len() < REASONS {
            self.reasons.push(reason);
        }
    }
}

async fn import_file(client: &Client, path: &Path, team: Option<TeamId>, report: &mut Report) -> Result<(), BoxError> {
    let mut file = File::open(path)?;
    let mut beginning = Vec::new();
    (&mut file).take(BEGINNING).read_to_end(&mut beginning)?;
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let Some(format) = detect(&name, None, &beginning) else {
        report.refuse(path, "This is no form of traces that is known: use JSON, markdown, a transcript of Claude Code, or OpenTelemetry.");
        return Ok(());
    };
    let address = client.url(&with_query("/traces", &SendTraces { team, name: Some(name) }));
    let size = file.metadata()?.len();
    let mut source = std::io::Cursor::new(beginning).chain(file);
    if size <= BODY_BYTES as u64 {
        let mut whole = Vec::new();
        source.read_to_end(&mut whole)?;
        return send(client, &address, path, 0, whole, report).await;
    }
    let mut parts = Parts::new(BufReader::new(source), format, BODY_BYTES);
    loop {
        match parts.next_part()? {
            Part::Lines { before, bytes } => send(client, &address, path, before, bytes, report).await?,
            Part::TooLarge { line } => report
                .refuse(path, &format!("The trace that begins in line {line} is larger than {MOST} MB: leave out what its steps hold.")),
            Part::NoLines => {
                report.refuse(
                    path,
                    &format!("It is larger than {MOST} MB, and only files of one JSON object a line are sent in parts: divide it."),
                );
                return Ok(());
            }
            Part::End => return Ok(()),
        }
    }
}

async fn send(client: &Client, address: &str, path: &Path, before: usize, bytes: Vec<u8>, report: &mut Report) -> Result<(), BoxError> {
    let request = client.http.post(address).header("content-type", "application/octet-stream").body(bytes);
    match read::<Taken>(request.send().await?).await {
        Ok(taken) => report.add(path, before, taken),
        Err(error) => match error.downcast::<AppError>() {
            // Of this file alone: the others may be as they should.
            Ok(error) if matches!(error.code, ErrorCode::InvalidInput | ErrorCode::TooLarge) && error.fields.is_empty() => {
                report.refuse(path, &error.message);
            }
            Ok(error) => return Err(error),
            Err(error) => return Err(error),
        },
    }
    Ok(())
}

/// What is sent next of a large file.
enum Part {
    /// Whole traces, and how many lines of the file were before them.
    Lines {
        before: usize,
        bytes: Vec<u8>,
    },
    /// One trace is more than a request may bring. It begins in this line, from 1.
    TooLarge {
        line: usize,
    },
    /// The file is not one line after another.
    NoLines,
    End,
}

/// Cuts a file into parts of whole traces. Holds one part and one line at most.
struct Parts<R> {
    source: R,
    format: Format,
    /// Bytes of a part.
    limit: usize,
    pending: Vec<u8>,
    /// Lines of `pending`, and those that were before it.
    lines: usize,
    before: usize,
    /// Bytes and lines of `pending` before the trace that began last: there the part may end.
    begin: (usize, usize),
    is_first: bool,
    /// What is left of a trace that is too large is passed over.
    is_skipping: bool,
}

impl<R: BufRead> Parts<R> {
    fn new(source: R, format: Format, limit: usize) -> Self {
        Self { source, format, limit, pending: Vec::new(), lines: 0, before: 0, begin: (0, 0), is_first: true, is_skipping: false }
    }

    fn next_part(&mut self) -> std::io::Result<Part> {
        loop {
            let Some(line) = self.line()? else {
                let bytes = std::mem::take(&mut self.pending);
                return Ok(if bytes.is_empty() { Part::End } else { self.whole(self.before, bytes) });
            };
            if std::mem::take(&mut self.is_first) && !self.is_one_of_many(&line) {
                return Ok(Part::NoLines);
            }
            let begins = self.begins(&line);
            if self.is_skipping && !begins {
                self.before += 1;
                continue;
            }
            self.is_skipping = false;
            if begins {
                self.begin = (self.pending.len(), self.lines);
            }
            self.pending.extend_from_slice(&line);
            self.lines += 1;
            if self.pending.len() > self.limit {
                return Ok(self.part());
            }
        }
    }

    /// What is whole of `pending`, now that it is more than one request may bring.
    fn part(&mut self) -> Part {
        let before = self.before;
        let (bytes, lines) = std::mem::take(&mut self.begin);
        if bytes == 0 {
            self.before += std::mem::take(&mut self.lines);
            self.pending.clear();
            self.is_skipping = true;
            return Part::TooLarge { line: before + 1 };
        }
        let rest = self.pending.split_off(bytes);
        self.before += lines;
        self.lines -= lines;
        let bytes = std::mem::replace(&mut self.pending, rest);
        self.whole(before, bytes)
    }

    fn whole(&self, before: usize, bytes: Vec<u8>) -> Part {
        if bytes.len() > self.limit { Part::TooLarge { line: before + 1 } } else { Part::Lines { before, bytes } }
    }

    /// The next line with its end. One that is longer than any that is taken is cut, so that it is refused for that; none is left at the end.
    fn line(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        let longest = if self.format == Format::OtlpJson { self.limit } else { LINE };
        let mut line = Vec::new();
        if self.source.by_ref().take(longest as u64 + 1).read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        if line.len() > longest && !line.ends_with(b"\n") {
            self.source.skip_until(b'\n')?;
            line.push(b'\n');
        }
        Ok(Some(line))
    }

    /// Whether a file that begins with this line has an object in each.
    fn is_one_of_many(&self, line: &[u8]) -> bool {
        let line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line).trim_ascii();
        matches!(self.format, Format::Native | Format::ClaudeCode | Format::OtlpJson)
            && (line.is_empty() || line.starts_with(b"{") && serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok())
    }

    /// Whether a trace begins with this line.
    fn begins(&self, line: &[u8]) -> bool {
        self.format != Format::ClaudeCode || std::str::from_utf8(line).is_ok_and(|line| claude_code::begins_run(line.trim()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines before each part, with the part; traces that are too large, as their line and nothing.
    fn parts(text: &str, format: Format, limit: usize) -> Vec<(usize, String)> {
        let mut parts = Parts::new(text.as_bytes(), format, limit);
        let mut found = Vec::new();
        loop {
            match parts.next_part().expect("memory is read") {
                Part::Lines { before, bytes } => found.push((before, String::from_utf8(bytes).expect("text"))),
                Part::TooLarge { line } => found.push((line, String::new())),
                Part::NoLines => return vec![(0, "no lines".to_owned())],
                Part::End => return found,
            }
        }
    }

    #[test]
    fn lines_are_sent_in_parts_and_counted() {
        let text = "{\"a\":1}\n{\"b\":2}\n{\"c\":3}";
        let part = |before, text: &str| (before, text.to_owned());
        assert_eq!(parts(text, Format::Native, 20), [part(0, "{\"a\":1}\n{\"b\":2}\n"), part(2, "{\"c\":3}")]);
        assert_eq!(parts(text, Format::Native, 100), [part(0, text)]);
        assert_eq!(parts("[\n{}]", Format::Native, 20), [part(0, "no lines")]);
        assert_eq!(parts("{\"a\":1}\n", Format::Markdown, 20), [part(0, "no lines")]);
        assert!(parts("", Format::Native, 20).is_empty());
    }

    #[test]
    fn a_line_that_is_too_long_spoils_no_other() {
        let text = format!("{{\"a\":1}}\n{{\"b\":\"{}\"}}\n{{\"c\":3}}\n", "x".repeat(40));
        assert_eq!(parts(&text, Format::OtlpJson, 20), [(0, "{\"a\":1}\n".to_owned()), (2, String::new()), (2, "{\"c\":3}\n".to_owned())]);
        let text = format!("{{}}\n{}\n{{}}\n", "x".repeat(3 * LINE));
        let cut = parts(&text, Format::Native, 20 << 20);
        assert_eq!(cut.iter().map(|(before, text)| (*before, text.len())).collect::<Vec<_>>(), [(0, 3 + LINE + 2 + 3)]);
    }

    #[test]
    fn a_run_of_a_transcript_stays_whole() {
        let said = |text: &str| format!("{{\"type\":\"user\",\"uuid\":\"u\",\"message\":{{\"content\":\"{text}\"}}}}\n");
        let answer = "{\"type\":\"assistant\",\"uuid\":\"a\",\"message\":{\"content\":\"done\"}}\n";
        let run = |goal: &str, answers: usize| format!("{}{}", said(goal), answer.repeat(answers));
        let (one, two, large, last) = (run("one", 2), run("two", 3), run("large", 30), run("last", 1));
        let text = format!("{one}{two}{large}{last}");
        let found = parts(&text, Format::ClaudeCode, 1_000);
        assert_eq!(found, [(0, format!("{one}{two}")), (8, String::new()), (38, last)]);
    }
}
