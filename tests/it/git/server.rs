//! Real repositories over smart HTTP: `git http-backend` behind a small bridge that can also misbehave.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderMap, Response, StatusCode, header},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use tempfile::TempDir;
use tokio::{io::AsyncWriteExt as _, net::TcpListener};

/// What it does with whoever asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Mood {
    #[default]
    Fine,
    /// Takes the request and says nothing.
    Hangs,
    Broken,
    SendsOn(String),
    Nonsense,
    /// Ends in the middle of the pack.
    BreaksOff,
    /// Takes its time with each pack.
    Slow,
    /// Sends a pack in small pieces, with pauses between them.
    Trickles,
}

#[derive(Default)]
struct Behaviour {
    mood: Mood,
    /// The password that it asks for.
    token: Option<String>,
    asked: usize,
}

pub struct GitServer {
    pub url: String,
    folder: TempDir,
    behaviour: Arc<Mutex<Behaviour>>,
}

struct Shared {
    root: PathBuf,
    behaviour: Arc<Mutex<Behaviour>>,
}

/// Runs Git without the settings of whoever runs the tests.
pub fn git(folder: &Path, arguments: &[&str]) -> String {
    try_git(folder, arguments).unwrap_or_else(|error| panic!("git {arguments:?}: {error}"))
}

pub fn try_git(folder: &Path, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new("git")
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_TERMINAL_PROMPT", "0")
        .args([
            "-c",
            "user.name=Ana Gómez",
            "-c",
            "user.email=ana@harbor.internal",
            "-c",
            "core.quotePath=false",
            "-c",
            "protocol.file.allow=always",
        ])
        .args(arguments)
        .output()
        .expect("git runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(format!("{}{}", text(&output.stdout), text(&output.stderr))) }
}

impl GitServer {
    /// With one bare repository, `team/playbook.git`, and a work tree of it.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let bare = folder.path().join("team/playbook.git");
        std::fs::create_dir_all(&bare).expect("a folder");
        git(&bare, &["init", "--bare", "-b", "main", "-q", "."]);
        git(&bare, &["config", "http.receivepack", "true"]);
        let work = folder.path().join("work");
        std::fs::create_dir_all(&work).expect("a folder");
        git(&work, &["init", "-b", "main", "-q", "."]);
        git(&work, &["remote", "add", "origin", bare.to_str().expect("UTF-8")]);
        let behaviour = Arc::new(Mutex::new(Behaviour::default()));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/team/playbook.git", listener.local_addr().expect("an address"));
        let shared = Arc::new(Shared { root: folder.path().to_owned(), behaviour: behaviour.clone() });
        let router = Router::new().fallback(answer).with_state(shared);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, folder, behaviour }
    }

    pub fn behave(&self, mood: Mood) {
        self.behaviour.lock().expect("no panic").mood = mood;
    }

    pub fn ask_for(&self, token: &str) {
        self.behaviour.lock().expect("no panic").token = Some(token.to_owned());
    }

    /// Sends trees without what is in files, and single files, as GitHub does.
    pub fn allow_filter(&self) {
        git(&self.bare(), &["config", "uploadpack.allowFilter", "true"]);
        git(&self.bare(), &["config", "uploadpack.allowAnySHA1InWant", "true"]);
    }

    pub fn asked(&self) -> usize {
        self.behaviour.lock().expect("no panic").asked
    }

    pub fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    pub fn bare(&self) -> PathBuf {
        self.folder.path().join("team/playbook.git")
    }

    pub fn write(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let path = self.work().join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, bytes).expect("a file");
    }

    /// Commits everything of the work tree and pushes it; its id.
    pub fn commit(&self, message: &str) -> String {
        git(&self.work(), &["add", "-A"]);
        git(&self.work(), &["commit", "-q", "-m", message]);
        git(&self.work(), &["push", "-q", "--force", "origin", "HEAD"]);
        self.head()
    }

    pub fn head(&self) -> String {
        git(&self.work(), &["rev-parse", "HEAD"]).trim().to_owned()
    }

    /// The content of a file at the head of the repository.
    pub fn shown(&self, path: &str) -> String {
        git(&self.bare(), &["show", &format!("main:{path}")])
    }

    pub fn files(&self) -> Vec<String> {
        git(&self.bare(), &["ls-tree", "-r", "--name-only", "main"]).lines().map(str::to_owned).collect()
    }

    /// `author <mail>: subject` of each commit, the newest first.
    pub fn log(&self) -> Vec<String> {
        git(&self.bare(), &["log", "--format=%an <%ae>: %s", "main"]).lines().map(str::to_owned).collect()
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    let (mood, token) = {
        let mut behaviour = shared.behaviour.lock().expect("no panic");
        behaviour.asked += 1;
        (behaviour.mood.clone(), behaviour.token.clone())
    };
    let status = |status: StatusCode| Response::builder().status(status).body(Body::empty()).expect("an answer");
    match mood {
        Mood::Hangs => {
            tokio::time::sleep(Duration::from_secs(600)).await;
        }
        Mood::Broken => return status(StatusCode::BAD_GATEWAY),
        Mood::SendsOn(to) => {
            return Response::builder().status(302).header(header::LOCATION, to).body(Body::empty()).expect("an answer");
        }
        Mood::Nonsense => return Response::new(Body::from("<html>Welcome</html>")),
        Mood::Slow if request.uri().path().ends_with("pack") => tokio::time::sleep(Duration::from_millis(700)).await,
        _ => {}
    }
    if let Some(token) = token
        && password(request.headers()).as_deref() != Some(token.as_str())
    {
        return Response::builder().status(401).header(header::WWW_AUTHENTICATE, "Basic").body(Body::empty()).expect("an answer");
    }
    let mut response = backend(&shared.root, request).await;
    if mood == Mood::Trickles && response.headers().get("content-type").is_some_and(|kind| kind.as_bytes().ends_with(b"result")) {
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.expect("a body");
        let size = (bytes.len() / 20).max(1);
        let pieces: Vec<Bytes> = bytes.chunks(size).map(Bytes::copy_from_slice).collect();
        let stream = futures::stream::unfold(pieces.into_iter(), |mut pieces| async move {
            tokio::time::sleep(Duration::from_millis(100)).await;
            Some((Ok::<_, std::convert::Infallible>(pieces.next()?), pieces))
        });
        return Response::from_parts(parts, Body::from_stream(stream));
    }
    if mood == Mood::BreaksOff {
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.expect("a body");
        let half = if parts.headers.get("content-type").is_some_and(|kind| kind.as_bytes().ends_with(b"result")) {
            bytes.len() / 2
        } else {
            bytes.len()
        };
        response = Response::from_parts(parts, Body::from(bytes.slice(..half)));
    }
    response
}

fn password(headers: &HeaderMap) -> Option<String> {
    let text = STANDARD.decode(headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Basic ")?).ok()?;
    String::from_utf8(text).ok()?.split_once(':').map(|(_, password)| password.to_owned())
}

/// The Common Gateway Interface.
async fn backend(root: &Path, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.expect("a body");
    let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let mut child = tokio::process::Command::new("git")
        .arg("http-backend")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REQUEST_METHOD", parts.method.as_str())
        .env("PATH_INFO", parts.uri.path())
        .env("QUERY_STRING", parts.uri.query().unwrap_or_default())
        .env("CONTENT_TYPE", text("content-type"))
        .env("HTTP_CONTENT_ENCODING", text("content-encoding"))
        .env("GIT_PROTOCOL", text("git-protocol"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("git http-backend runs");
    let mut stdin = child.stdin.take().expect("its input");
    let writing = tokio::spawn(async move {
        let _ = stdin.write_all(&body).await;
    });
    let output = child.wait_with_output().await.expect("it ends");
    let _ = writing.await;
    let end = output.stdout.windows(4).position(|window| window == b"\r\n\r\n").expect("the head of an answer");
    let head = String::from_utf8_lossy(&output.stdout[..end]).into_owned();
    let mut response = Response::builder();
    for (name, value) in head.lines().filter_map(|line| line.split_once(": ")) {
        response = if name == "Status" {
            response.status(value.split(' ').next().and_then(|code| code.parse::<u16>().ok()).unwrap_or(500))
        } else {
            response.header(name, value)
        };
    }
    response.body(Body::from(Bytes::from(output.stdout).slice(end + 4..))).expect("an answer")
}
