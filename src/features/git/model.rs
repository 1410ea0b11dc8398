//! A link of a volume to a repository, and what came of it.

mod pull_request;

use serde::{Deserialize, Serialize};

pub use pull_request::*;

use crate::{
    error::{AppError, AppResult},
    features::{accounts::model::Person, jobs::model::backoff_ms, volumes::model::ImportItem},
    ids::{ArtifactId, CommitId, JobId, VolumeId},
};

const URL_CHARS: usize = 500;
const BRANCH_CHARS: usize = 200;
const FOLDER_CHARS: usize = 300;
const TOKEN_CHARS: usize = 512;
const KEY_CHARS: usize = 8_000;

/// A linked volume, and how far both sides are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GitLink {
    pub volume_id: VolumeId,
    pub url: String,
    pub branch: String,
    /// The folder of the repository that holds `skills/`, `tools/` and `agents/`; empty: its top.
    pub folder: String,
    /// Whether a token, or a private key of SSH, is kept.
    pub has_token: bool,
    /// Whether its tokens are those of this server's GitHub App.
    #[serde(default)]
    pub by_app: bool,
    /// What the host showed itself with when the volume was linked, over SSH: `SHA256:…`. It has to show the same each time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_key: Option<String>,
    /// Whether each commit of the volume is pushed by itself.
    pub push: bool,
    pub state: LinkState,
    /// While it is at work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<SyncProgress>,
    /// The commit of the repository that the volume has everything of.
    pub last_sha: Option<String>,
    /// Commits of the volume that the repository lacks.
    pub ahead: i64,
    /// Commits of the repository that the volume lacked when it was looked at last.
    pub behind: i64,
    /// One sentence about the history, such as that it was rewritten.
    pub notice: Option<String>,
    /// One sentence, when the last time did not go well.
    pub last_error: Option<String>,
    /// Artifacts that were changed on both sides: the repository's text is committed, the volume's is a draft that waits for a merge.
    pub conflicts: Vec<Conflict>,
    /// Of the last pull that changed something.
    pub report: Option<PullReport>,
    /// In whose name it is pulled and pushed.
    pub linked_by: Person,
    pub last_sync_at: Option<i64>,
    pub created_at: i64,
    pub updated_at: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum LinkState {
    /// Linked, and nothing came yet.
    New,
    /// A pull or a push waits or runs.
    Working,
    Synced,
    /// Artifacts wait for a merge.
    Conflict,
    Failed,
}

/// How far a pull or a push is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SyncProgress {
    /// Artifacts that were looked at; bytes that came, while `total` is 0.
    pub done: i64,
    pub total: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Conflict {
    pub artifact_id: ArtifactId,
    pub name: String,
}

/// What a pull did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PullReport {
    /// The commit of the repository.
    pub sha: String,
    pub created: i64,
    pub updated: i64,
    pub renamed: i64,
    pub deleted: i64,
    /// Changed on both sides and joined line by line.
    pub merged: i64,
    pub conflicts: i64,
    /// Files and artifacts left aside.
    pub skipped: i64,
    /// Runs of agents below `traces/` that were not here yet.
    #[serde(default)]
    pub traces: i64,
    pub commit_id: Option<CommitId>,
    /// At most `REPORT_LINES`.
    pub items: Vec<ImportItem>,
    pub more: i64,
}

pub const REPORT_LINES: usize = 200;

/// What a push did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PushReport {
    /// The head of the branch afterwards.
    pub sha: Option<String>,
    /// Commits that were made there.
    pub commits: i64,
    /// What was pulled before.
    pub pulled: Option<PullReport>,
}

/// Linking a volume.
#[derive(Clone, Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LinkVolume {
    /// `https://…`, `ssh://git@…` or `git@host:path`.
    pub url: String,
    /// Without: the one that the repository shows first.
    #[serde(default)]
    pub branch: Option<String>,
    #[serde(default)]
    pub folder: Option<String>,
    /// A personal access token; for SSH a private key without a passphrase. Without: what is kept already, for the same address; or, at GitHub, tokens of this
    /// server's app, if it has one that is installed there and the caller may do as much there themselves.
    #[serde(default)]
    pub token: Option<String>,
    /// Whether each commit of the volume is pushed by itself.
    #[serde(default)]
    pub push: bool,
}

/// Asking for a pull or a push.
#[derive(Clone, Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StartSync {
    /// Of the job; made by the client, so that a retry starts it once.
    #[serde(default)]
    pub id: Option<JobId>,
}

/// Importing from a repository once.
#[derive(Clone, Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImportFromGit {
    /// Of the job.
    #[serde(default)]
    pub id: Option<JobId>,
    /// `https://…`, `ssh://git@…` or `git@host:path`.
    pub url: String,
    #[serde(default)]
    pub branch: Option<String>,
    #[serde(default)]
    pub folder: Option<String>,
    /// A token, or a private key of SSH: used once and not kept.
    #[serde(default)]
    pub token: Option<String>,
}

/// Where a repository is, checked as far as that goes without asking it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub url: String,
    pub branch: Option<String>,
    pub folder: String,
    pub token: Option<String>,
}

impl Place {
    pub fn checked(url: &str, branch: Option<&str>, folder: Option<&str>, token: Option<&str>) -> AppResult<Self> {
        let url = with_scheme(url.trim().trim_end_matches('/'));
        let (scheme, rest) = url.split_once("://").unwrap_or(("", ""));
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let graphic = url.bytes().all(|byte| byte.is_ascii_graphic());
        if !matches!(scheme, "http" | "https" | "ssh") || host.is_empty() || path.is_empty() || !graphic || url.len() > URL_CHARS {
            return Err(AppError::field("url", "The address of a repository looks like https://github.com/team/repository.git."));
        }
        // Of SSH the name belongs to the address.
        if host.split_once('@').is_some_and(|(name, _)| scheme != "ssh" || name.contains(':')) {
            return Err(AppError::field(
                "url",
                "Leave name and password out of the address: a token has its own field, where it is kept sealed.",
            ));
        }
        if url.contains(['?', '#']) {
            return Err(AppError::field("url", "The address of a repository has neither “?” nor “#”."));
        }
        let branch = branch.map(str::trim).filter(|branch| !branch.is_empty());
        if branch.is_some_and(|branch| !is_branch(branch)) {
            return Err(AppError::field("branch", "This cannot be the name of a branch."));
        }
        let folder = folder.unwrap_or_default().trim().trim_matches('/');
        let clean = folder.is_empty()
            || folder.split('/').all(|part| !part.is_empty() && part != "." && part != ".." && !part.eq_ignore_ascii_case(".git"));
        if !clean || folder.chars().any(|c| c.is_control() || c == '\\') || folder.chars().count() > FOLDER_CHARS {
            return Err(AppError::field("folder", "A folder is a path inside of the repository, such as docs/skills."));
        }
        let token = token.map(str::trim).filter(|token| !token.is_empty());
        let fits = |token: &str| match scheme {
            "ssh" => token.len() <= KEY_CHARS,
            _ => token.len() <= TOKEN_CHARS && token.bytes().all(|byte| byte.is_ascii_graphic()),
        };
        if !token.is_none_or(fits) {
            return Err(AppError::field("token", "A token is letters, digits and signs without spaces: copy it whole."));
        }
        let token = token.map(|token| if scheme == "ssh" { key_lines(token) } else { token.to_owned() });
        Ok(Self { branch: branch.map(str::to_owned), folder: folder.to_owned(), token, url })
    }
}

/// `git@host:team/repository.git`, as servers show it, with its scheme.
fn with_scheme(url: &str) -> String {
    match url.split_once(':') {
        Some((host, path)) if !path.starts_with("//") && host.contains('@') && !host.contains('/') => {
            format!("ssh://{host}/{}", path.trim_start_matches('/'))
        }
        _ => url.to_owned(),
    }
}

/// A private key as its file has it: a field of one line takes the line ends out of what is pasted.
fn key_lines(key: &str) -> String {
    const MARK: &str = "-----";
    const WIDTH: usize = 70;
    let parts: Vec<&str> = key.split(MARK).collect();
    let [_, begin, body, end, _] = parts[..] else { return key.to_owned() };
    let body: Vec<u8> = body.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let lines: Vec<_> = body.chunks(WIDTH).map(String::from_utf8_lossy).collect();
    format!("{MARK}{begin}{MARK}\n{}\n{MARK}{end}{MARK}\n", lines.join("\n"))
}

/// Whether Git takes it as the name of a branch (git check-ref-format).
fn is_branch(name: &str) -> bool {
    let bad = |c: char| c.is_control() || c.is_whitespace() || "~^:?*[\\".contains(c);
    name.chars().count() <= BRANCH_CHARS
        && !name.contains(bad)
        && !["..", "@{", "//"].iter().any(|part| name.contains(part))
        && !name.starts_with(['-', '/'])
        && !name.ends_with(['/', '.'])
        && name != "@"
        && name.split('/').all(|part| !part.starts_with('.') && !part.ends_with(".lock"))
}

/// An address without what may differ where the repository is the same.
fn plain(address: &str) -> String {
    let address = address.trim().to_ascii_lowercase();
    let address = match address.split_once("://") {
        Some((_, rest)) => rest.to_owned(),
        // git@github.com:team/repository.git
        None => address.replacen(':', "/", 1),
    };
    let address = address.split_once('@').map_or(address.as_str(), |(_, rest)| rest).to_owned();
    address.trim_end_matches('/').trim_end_matches(".git").to_owned()
}

/// Whether two addresses are of the same repository: with or without `.git`, by https or by ssh, in whatever case.
pub fn same_repository(one: &str, other: &str) -> bool {
    plain(one) == plain(other)
}

/// What every address of the same repository has in it, in lower case: `/repository`.
pub fn last_part(address: &str) -> String {
    let plain = plain(address);
    format!("/{}", plain.rsplit('/').next().unwrap_or_default())
}

/// The message of the commit that a pull makes: that of the commit at the head, and whose it was.
pub fn pulled_message(message: &str, author: &str, sha: &str, behind: Option<usize>) -> String {
    use crate::features::volumes::model::limits::MESSAGE_CHARS;
    let mut end = format!("\n\nGit-Author: {author}\nGit-Commit: {sha}");
    if let Some(more) = behind.filter(|behind| *behind > 1) {
        end = format!("\n\nWith {} before it.{end}", crate::ui::plural(more as i64 - 1, "commit", "commits"));
    }
    let clean = |text: &str| text.chars().filter(|c| *c == '\n' || !c.is_control()).collect::<String>();
    let (message, end) = (clean(message.trim()), clean(&end));
    let room = MESSAGE_CHARS.saturating_sub(end.chars().count());
    let message = if message.is_empty() { "A commit without a message".to_owned() } else { message };
    let cut: String = message.chars().take(room).collect();
    format!("{}{end}", cut.trim_end())
}

/// What a pull brought, in a sentence that begins in the middle: "2 artifacts changed, of which 1 waits to be merged."
pub fn brought_words(report: &PullReport) -> String {
    use crate::ui::plural;
    let changed = report.created + report.updated + report.renamed + report.deleted + report.merged + report.conflicts;
    match (changed, report.conflicts) {
        (0, _) => "no artifact changed.".to_owned(),
        (changed, 0) => format!("{} changed.", plural(changed, "artifact", "artifacts")),
        (changed, conflicts) => {
            format!(
                "{} changed, of which {conflicts} {} to be merged.",
                plural(changed, "artifact", "artifacts"),
                if conflicts == 1 { "waits" } else { "wait" }
            )
        }
    }
}

/// After how many milliseconds a repository is looked at again whose last so many pulls and pushes were given up; `chance` is from 0 to 1. One that all is
/// well with after half an hour to an hour, so that many do not come together.
pub fn look_after_ms(failures: i64, chance: f64) -> i64 {
    const FIRST_MS: i64 = 60_000;
    const LONGEST_MS: i64 = 60 * FIRST_MS;
    /// What is due is looked for every ten minutes: within the hour all the same.
    const QUIET_MS: i64 = 50 * FIRST_MS;
    if failures == 0 { backoff_ms(QUIET_MS, QUIET_MS, 1, chance) } else { backoff_ms(FIRST_MS, LONGEST_MS, failures, chance) }
}

/// Whether people hear of it that so many pulls and pushes in a row were given up. What goes by itself, such as a server that is not there, has to last some
/// minutes for that.
pub fn is_told(failures: i64, of_the_moment: bool) -> bool {
    const PATIENCE: i64 = 3;
    !of_the_moment || failures >= PATIENCE
}

/// The name of a volume or a team as it stands in the address to clone from.
pub fn name_in_address(name: &str) -> String {
    crate::features::artifacts::model::slug::slugify(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_checked_before_anybody_is_asked() {
        let place = Place::checked(" https://a.dev/x.git/ ", Some("main"), Some("/docs/skills/"), Some(" t ")).expect("fits");
        assert_eq!((place.url.as_str(), place.folder.as_str(), place.token.as_deref()), ("https://a.dev/x.git", "docs/skills", Some("t")));
        for (url, field) in
            [("ssh://u:p@github.com/a/b", "url"), ("https://u:p@a.dev/x", "url"), ("https://a.dev", "url"), ("https://a.dev/x?y", "url")]
        {
            let error = Place::checked(url, None, None, None).expect_err(url);
            assert!(error.fields.contains_key(field), "{url}");
        }
        let ssh = Place::checked("git@github.com:team/skills.git", None, None, Some("-----BEGIN A KEY-----AA AA-----END A KEY-----"))
            .expect("fits");
        let key = "-----BEGIN A KEY-----\nAAAA\n-----END A KEY-----\n";
        assert_eq!((ssh.url.as_str(), ssh.token.as_deref()), ("ssh://git@github.com/team/skills.git", Some(key)));
        assert_eq!(key_lines(key), key);
        assert!(Place::checked("https://a.dev/x", None, None, Some("two words")).is_err());
        for branch in ["a..b", "-a", "a b", "a.lock", "a~1", "/a", "a/", "@"] {
            assert!(Place::checked("https://a.dev/x", Some(branch), None, None).is_err(), "{branch}");
        }
        for folder in ["../a", "a//b", "a/.git", "a\\b"] {
            assert!(Place::checked("https://a.dev/x", None, Some(folder), None).is_err(), "{folder}");
        }
        assert!(Place::checked("https://a.dev/x", Some("feature/é-1"), None, None).is_ok());
    }

    #[test]
    fn a_repository_has_many_addresses() {
        for address in [
            "https://github.com/Team/Skills",
            "git@github.com:team/skills.git",
            "ssh://git@github.com/team/skills.git",
            "git://github.com/team/skills/",
        ] {
            assert!(same_repository("https://github.com/team/skills.git", address), "{address}");
            assert_eq!(last_part(address), "/skills");
        }
        assert!(!same_repository("https://github.com/team/skills.git", "https://github.com/team/skills-2.git"));
    }

    #[test]
    fn what_is_well_is_looked_at_each_hour_and_what_is_not_sooner() {
        const MINUTE: i64 = 60_000;
        assert_eq!((look_after_ms(0, 0.0), look_after_ms(0, 1.0)), (25 * MINUTE, 50 * MINUTE));
        assert_eq!([1, 2, 3, 4].map(|failures| look_after_ms(failures, 1.0) / MINUTE), [1, 2, 4, 8]);
        assert_eq!(look_after_ms(1_000, 1.0), 60 * MINUTE);
        assert!(is_told(1, false) && !is_told(2, true) && is_told(3, true));
    }

    #[test]
    fn what_a_pull_brought_is_a_sentence() {
        let report = |updated, conflicts| brought_words(&PullReport { updated, conflicts, ..PullReport::default() });
        assert_eq!(report(0, 0), "no artifact changed.");
        assert_eq!(report(1, 0), "1 artifact changed.");
        assert_eq!(report(1, 1), "2 artifacts changed, of which 1 waits to be merged.");
    }

    #[test]
    fn the_message_of_a_pull_keeps_the_original_and_says_whose_it_was() {
        let message = pulled_message("Better words\n\nMore.\n", "Ana <ana@a.dev>", "abc", Some(3));
        assert_eq!(message, "Better words\n\nMore.\n\nWith 2 commits before it.\n\nGit-Author: Ana <ana@a.dev>\nGit-Commit: abc");
        let long = pulled_message(&"x".repeat(5_000), "A <a@b>", "abc", None);
        assert!(long.chars().count() <= 2_000 && long.ends_with("Git-Commit: abc"));
    }
}
