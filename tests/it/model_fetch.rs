//! `llmos model fetch` from a server beside the test, which has the model's real files.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use tempfile::TempDir;

use crate::{operations::llmos, search::model};

const WEIGHTS: &str = "model.safetensors";

/// A source that breaks off large answers, as often as it is told to.
#[derive(Clone)]
struct Origin {
    folder: PathBuf,
    breaks: Arc<AtomicUsize>,
    /// Bytes that went out.
    sent: Arc<AtomicUsize>,
}

async fn file(State(origin): State<Origin>, headers: HeaderMap, request: Request) -> Response {
    let Ok(bytes) = std::fs::read(origin.folder.join(request.uri().path().trim_start_matches('/'))) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let range =
        headers.get(header::RANGE).and_then(|range| range.to_str().ok()?.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok());
    let (begin, all) = (range.unwrap_or_default(), bytes.len());
    let breaks = all > 1_000_000 && origin.breaks.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
    let end = if breaks { begin + (all - begin) / 3 } else { all };
    origin.sent.fetch_add(end - begin, Ordering::SeqCst);
    let mut parts: Vec<Result<Vec<u8>, std::io::Error>> = bytes[begin..end].chunks(1 << 20).map(|part| Ok(part.to_vec())).collect();
    if breaks {
        parts.push(Err(std::io::Error::other("broken off")));
    }
    let body = Body::from_stream(futures::stream::iter(parts));
    match range {
        None => body.into_response(),
        Some(_) => {
            (StatusCode::PARTIAL_CONTENT, [(header::CONTENT_RANGE, format!("bytes {begin}-{}/{all}", all - 1))], body).into_response()
        }
    }
}

impl Origin {
    /// A source of these files, and its address.
    async fn start(folder: &Path, breaks: usize) -> (Self, String) {
        let origin = Self { folder: folder.to_owned(), breaks: Arc::new(AtomicUsize::new(breaks)), sent: Arc::default() };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let app = Router::new().fallback(file).with_state(origin.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        (origin, url)
    }
}

/// Runs it off the threads of the test, which serve the files.
async fn fetch(data: &Path, url: &str) -> crate::operations::Said {
    let (data, url) = (data.to_owned(), url.to_owned());
    let run =
        move || llmos(&data, &["model", "fetch"], &[("DATA_DIR", data.to_str().expect("UTF-8")), ("EMBEDDING_MODEL_URL", url.as_str())]);
    tokio::task::spawn_blocking(run).await.expect("it runs")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_model_is_fetched_whole_and_goes_on_where_it_was_broken_off() {
    let Some(folder) = model() else { return };
    let (origin, url) = Origin::start(&folder, 2).await;
    let data = TempDir::new().expect("a folder");
    let said = fetch(data.path(), &format!("{url}/")).await;
    assert!(said.code == Some(0) && said.out.contains("search goes by meaning"), "{} {}", said.out, said.error);
    let there = data.path().join("models/all-MiniLM-L6-v2");
    for name in ["config.json", "1_Pooling/config.json", "tokenizer.json", WEIGHTS] {
        assert!(std::fs::read(there.join(name)).expect("there") == std::fs::read(folder.join(name)).expect("there"), "{name}");
    }
    let weights = usize::try_from(std::fs::metadata(there.join(WEIGHTS)).expect("there").len()).expect("a size");
    let sent = origin.sent.load(Ordering::SeqCst);
    // What was under way when it broke may not have come; most of it has.
    assert!(sent < weights * 3 / 2, "nothing much went out twice: {sent}");
    assert!(!data.path().join("models/all-MiniLM-L6-v2.part").exists());

    // Once it is there nothing is asked.
    let said = fetch(data.path(), &url).await;
    assert!(said.code == Some(0) && said.out.contains("there already"), "{}", said.error);
    assert_eq!(origin.sent.load(Ordering::SeqCst), sent);
    // The server finds it there.
    let said = llmos(data.path(), &["doctor"], &[("DATA_DIR", data.path().to_str().expect("UTF-8"))]);
    assert!(said.out.contains("all-MiniLM-L6-v2"), "{}", said.out);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_file_than_the_expected_one_is_never_put_in_place() {
    let Some(folder) = model() else { return };
    let files = TempDir::new().expect("a folder");
    std::fs::create_dir(files.path().join("1_Pooling")).expect("made");
    for name in ["config.json", "1_Pooling/config.json", "tokenizer.json"] {
        std::fs::copy(folder.join(name), files.path().join(name)).expect("copied");
    }
    let data = TempDir::new().expect("a folder");
    let there = data.path().join("models/all-MiniLM-L6-v2");
    let (_, url) = Origin::start(files.path(), 0).await;
    let said = fetch(data.path(), &url).await;
    assert!(said.code == Some(1) && said.error.contains("model.safetensors cannot be had: the answer was 404"), "{}", said.error);
    assert!(!there.exists());

    // As long as the right one, but changed in one place; and then longer.
    let mut weights = std::fs::read(folder.join(WEIGHTS)).expect("there");
    weights[50_000_000] ^= 1;
    std::fs::write(files.path().join(WEIGHTS), &weights).expect("written");
    let said = fetch(data.path(), &url).await;
    assert!(said.code == Some(1) && said.error.contains("is not the file that is expected"), "{}", said.error);
    weights.push(0);
    std::fs::write(files.path().join(WEIGHTS), &weights).expect("written");
    let said = fetch(data.path(), &url).await;
    assert!(said.code == Some(1) && said.error.contains("is longer than the file"), "{}", said.error);
    assert!(!there.exists());

    // What is somebody else's stays.
    std::fs::create_dir_all(&there).expect("made");
    std::fs::write(there.join("config.json"), "{}").expect("written");
    let said = fetch(data.path(), &url).await;
    assert!(said.code == Some(1) && said.error.contains("has another model"), "{}", said.error);
    assert_eq!(std::fs::read_to_string(there.join("config.json")).expect("there"), "{}");
}
