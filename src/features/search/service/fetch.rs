//! Fetching the model that search goes by meaning with. Each of its files is known by its SHA-256, so it does not matter where it comes from, and a
//! download that was broken off goes on where it was.

use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use reqwest::{Client, Response, StatusCode, Url, header};
use sha2::{Digest as _, Sha256};

use crate::server::{error::chain, outgoing, secrets};

/// The model's public home, in the version whose files these are.
pub const MODEL_HOME: &str =
    "https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2/resolve/c9745ed1d9f207416be6d2e6f8de32d1f16199bf";

/// How long the other side may say nothing.
const IDLE: Duration = Duration::from_secs(30);
/// So many tries in a row may bring nothing.
const TRIES: u32 = 4;
const BLOCK: usize = 1 << 20;

struct ModelFile {
    name: &'static str,
    bytes: u64,
    sha256: &'static str,
}

/// What [`look_at_model`](super::look_at_model) reads.
const FILES: [ModelFile; 4] = [
    ModelFile { name: "config.json", bytes: 612, sha256: "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41" },
    ModelFile { name: "1_Pooling/config.json", bytes: 190, sha256: "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23" },
    ModelFile { name: "tokenizer.json", bytes: 466_247, sha256: "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037" },
    ModelFile { name: "model.safetensors", bytes: 90_868_376, sha256: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db" },
];

/// What there was to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fetched {
    New,
    /// All of it was there, and whole.
    Kept,
}

/// Brings the model into `folder`, whole or not at all; `url` is what the names of its files are put behind. `progress` is told bytes: had, and of how many.
///
/// # Errors
/// A sentence for whoever asked: what is missing, where, and what to do.
pub async fn fetch_model(url: &str, folder: &Path, progress: impl FnMut(u64, u64)) -> Result<Fetched, String> {
    if is_there(folder)? {
        return Ok(Fetched::Kept);
    }
    let part = beside(folder);
    let own = url != MODEL_HOME;
    let client = outgoing::client(own, move |url| may_go_on(url, own))
        .read_timeout(IDLE)
        .user_agent(concat!("llmos-lite/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| format!("the client cannot be made: {}", chain(&error)))?;
    let mut download = Download { client, url: url.trim_end_matches('/'), part: &part, before: 0, progress };
    for file in &FILES {
        download.file(file).await?;
        download.before += file.bytes;
    }
    put(&part, folder).map_err(|error| format!("{} cannot be put in place: {error}", folder.display()))?;
    Ok(Fetched::New)
}

/// Whether the folder has the model. Another one there is somebody's: it is not touched.
fn is_there(folder: &Path) -> Result<bool, String> {
    let mut entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(format!("{} cannot be read: {error}", folder.display())),
    };
    if FILES.iter().all(|file| sha256_of(&folder.join(file.name)).is_ok_and(|sha256| sha256 == file.sha256)) {
        return Ok(true);
    }
    if entries.next().is_some() {
        let folder = folder.display();
        return Err(format!("{folder} has another model, or a damaged one: move it away, or set EMBEDDING_MODEL_DIR to another folder"));
    }
    Ok(false)
}

/// Whether a redirect is followed: the public home keeps large files at another host.
fn may_go_on(url: &Url, own: bool) -> bool {
    let scheme = url.scheme() == "https" || (own && url.scheme() == "http");
    scheme && (own || outgoing::number_of(url).is_none_or(outgoing::is_public))
}

fn beside(folder: &Path) -> PathBuf {
    let mut name = folder.as_os_str().to_owned();
    name.push(".part");
    PathBuf::from(name)
}

fn put(part: &Path, folder: &Path) -> io::Result<()> {
    // An empty one may stand there; what has something in it stays, and this fails.
    match fs::remove_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => fs::rename(part, folder)?,
    }
    let around = folder.parent().filter(|around| !around.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(around)?.sync_all()
}

fn sha256_of(path: &Path) -> io::Result<String> {
    let (mut file, mut hash, mut block) = (File::open(path)?, Sha256::new(), vec![0; BLOCK]);
    loop {
        match file.read(&mut block)? {
            0 => return Ok(secrets::hex(&hash.finalize())),
            read => hash.update(block.get(..read).unwrap_or_default()),
        }
    }
}

struct Download<'a, Progress> {
    client: Client,
    url: &'a str,
    /// Where files are until all of them are whole.
    part: &'a Path,
    /// Bytes of the files before this one.
    before: u64,
    progress: Progress,
}

impl<Progress: FnMut(u64, u64)> Download<'_, Progress> {
    /// Has the file whole in the folder for parts.
    async fn file(&mut self, file: &ModelFile) -> Result<(), String> {
        let path = self.part.join(file.name);
        let failed = |error: io::Error| format!("{} cannot be written: {error}", path.display());
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        let (mut tries, mut began_anew) = (0, false);
        loop {
            let had = fs::metadata(&path).map_or(0, |found| found.len());
            if had >= file.bytes {
                let found = sha256_of(&path).map_err(failed)?;
                if found == file.sha256 {
                    return Ok(());
                }
                fs::remove_file(&path).map_err(failed)?;
                if began_anew {
                    return Err(format!(
                        "{}/{} is not the file that is expected (its SHA-256 is {found}): nothing was put in place; EMBEDDING_MODEL_URL may name another source",
                        self.url, file.name
                    ));
                }
                // What was left of an earlier try may have been of something else.
                began_anew = true;
                continue;
            }
            began_anew |= had == 0;
            let Err(why) = self.rest(file, &path, had).await? else { continue };
            let now = fs::metadata(&path).map_or(0, |found| found.len());
            tries = if now > had { 0 } else { tries + 1 };
            if tries == TRIES {
                return Err(format!("{}/{} cannot be had: {why}; what came is kept, so try again later", self.url, file.name));
            }
            tokio::time::sleep(Duration::from_secs(u64::from(tries))).await;
        }
    }

    /// Asks for what is missing behind `had` bytes and adds what comes; what broke it off, if something did. The outer error is one that another try
    /// does not mend.
    async fn rest(&mut self, file: &ModelFile, path: &Path, had: u64) -> Result<Result<(), String>, String> {
        let mut request = self.client.get(format!("{}/{}", self.url, file.name));
        if had > 0 {
            request = request.header(header::RANGE, format!("bytes={had}-"));
        }
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => return Ok(Err(chain(&error))),
        };
        let failed = |error: io::Error| format!("{} cannot be written: {error}", path.display());
        let goes_on = match response.status() {
            StatusCode::PARTIAL_CONTENT if starts_at(&response, had) => true,
            StatusCode::OK => false,
            // It has another idea of the file: from the beginning, then.
            StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => {
                fs::remove_file(path).map_err(failed)?;
                return Ok(Err("it did not go on where it was broken off".to_owned()));
            }
            status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                return Ok(Err(format!("the answer was {status}")));
            }
            status => {
                let advice = "EMBEDDING_MODEL_URL may name another source";
                return Err(format!("{}/{} cannot be had: the answer was {status}; {advice}", self.url, file.name));
            }
        };
        let mut open = File::options();
        let mut into = if goes_on { open.append(true) } else { open.write(true).create(true).truncate(true) }.open(path).map_err(failed)?;
        let came = self.stream(file, response, &mut into, if goes_on { had } else { 0 }).await;
        into.sync_all().map_err(failed)?;
        came
    }

    async fn stream(
        &mut self,
        file: &ModelFile,
        mut response: Response,
        into: &mut File,
        mut had: u64,
    ) -> Result<Result<(), String>, String> {
        let all: u64 = FILES.iter().map(|file| file.bytes).sum();
        loop {
            let chunk = match response.chunk().await {
                Ok(Some(chunk)) => chunk,
                Ok(None) if had < file.bytes => return Ok(Err("it ended early".to_owned())),
                Ok(None) => return Ok(Ok(())),
                Err(error) => return Ok(Err(chain(&error))),
            };
            had += chunk.len() as u64;
            if had > file.bytes {
                return Err(format!("{}/{} is longer than the file that is expected: nothing was put in place", self.url, file.name));
            }
            into.write_all(&chunk).map_err(|error| format!("{} cannot be written: {error}", file.name))?;
            (self.progress)(self.before + had, all);
        }
    }
}

/// `bytes 5-9/10` begins at 5 (RFC 9110, 14.4).
fn starts_at(response: &Response, had: u64) -> bool {
    let range = response.headers().get(header::CONTENT_RANGE).and_then(|range| range.to_str().ok());
    range.and_then(|range| range.strip_prefix("bytes ")?.split_once('-')?.0.parse().ok()) == Some(had)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_stay_outside_unless_the_source_is_ones_own() {
        let may = |url: &str, own: bool| may_go_on(&Url::parse(url).expect("an address"), own);
        assert!(may("https://cdn-lfs.example/x", false) && may("http://10.1.2.3/x", true));
        for inside in ["http://cdn-lfs.example/x", "https://10.1.2.3/x", "https://[::1]/x"] {
            assert!(!may(inside, false), "{inside}");
        }
    }

    #[test]
    fn what_somebody_else_put_there_is_not_touched() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(is_there(&folder.path().join("nothing")), Ok(false));
        assert_eq!(is_there(folder.path()), Ok(false));
        fs::write(folder.path().join("config.json"), "{}").expect("written");
        assert!(is_there(folder.path()).is_err_and(|why| why.contains("has another model")));
        let part = beside(folder.path());
        fs::create_dir(&part).expect("made");
        assert!(put(&part, folder.path()).is_err());
        fs::remove_dir(part).expect("empty");
    }
}
