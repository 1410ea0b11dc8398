//! A stand-in for a service that speaks S3, written to the contract that its reference documents
//! (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html>): objects, parts of large ones, lists in pages,
//! removal of many at once. It asks for signed requests, and can be away or damage what it has.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write as _,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Query, State},
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};

/// Keys on one page of a list: few, so that there are several.
const PAGE: usize = 5;

#[derive(Default)]
struct Held {
    /// By key, with when it was stored, in UTC milliseconds.
    objects: BTreeMap<String, (Bytes, i64)>,
    uploads: HashMap<String, BTreeMap<u32, Bytes>>,
    away: bool,
}

/// Cheap to clone.
#[derive(Clone, Default)]
pub struct Bucket(Arc<Mutex<Held>>);

impl Bucket {
    /// Starts it; what the environment of a server has to say to find it.
    pub async fn start(&self) -> Vec<(&'static str, String)> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let router = Router::new().fallback(answer).with_state(self.clone()).layer(axum::extract::DefaultBodyLimit::disable());
        tokio::spawn(async move { axum::serve(listener, router).await });
        vec![
            ("AWS_ENDPOINT", format!("http://{address}")),
            ("AWS_ALLOW_HTTP", "true".to_owned()),
            ("AWS_ACCESS_KEY_ID", "harbor".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "a secret of this test".to_owned()),
            ("AWS_REGION", "eu-central-1".to_owned()),
        ]
    }

    /// From now on every request is told to come back later, or none any more.
    pub fn away(&self, away: bool) {
        self.held().away = away;
    }

    pub fn keys(&self, prefix: &str) -> Vec<String> {
        self.held().objects.keys().filter(|key| key.starts_with(prefix)).cloned().collect()
    }

    /// Changes one byte in the middle of an object.
    pub fn damage(&self, key: &str) {
        let mut held = self.held();
        let object = held.objects.get_mut(key).expect("an object");
        let mut bytes = object.0.to_vec();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        object.0 = bytes.into();
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Held> {
        self.0.lock().expect("not poisoned")
    }
}

fn now() -> i64 {
    llmos_lite::server::clock::now_ms()
}

fn time(millis: i64, form: &str) -> String {
    jiff::Timestamp::from_millisecond(millis).expect("a time").strftime(form).to_string()
}

fn fault(status: StatusCode, code: &str) -> Response {
    (status, format!("<Error><Code>{code}</Code><Message>{code}</Message></Error>")).into_response()
}

/// What every request has to have: a signature (version 4), and the hash of its body.
fn is_signed(headers: &HeaderMap, body: &[u8]) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let (signed, hash) = (text("authorization"), text("x-amz-content-sha256"));
    signed.starts_with("AWS4-HMAC-SHA256 Credential=harbor/")
        && signed.contains("/eu-central-1/s3/aws4_request")
        && (hash == "UNSIGNED-PAYLOAD" || hash == llmos_lite::server::secrets::sha256(body))
}

async fn answer(
    State(bucket): State<Bucket>,
    method: Method,
    uri: Uri,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut held = bucket.held();
    if held.away {
        return fault(StatusCode::SERVICE_UNAVAILABLE, "SlowDown");
    }
    if !is_signed(&headers, &body) {
        return fault(StatusCode::FORBIDDEN, "SignatureDoesNotMatch");
    }
    let path = uri.path().trim_start_matches('/').to_owned();
    let (name, key) = path.split_once('/').unwrap_or((path.as_str(), ""));
    if name != "bucket" {
        return fault(StatusCode::NOT_FOUND, "NoSuchBucket");
    }
    let etag = |bytes: &Bytes| format!("\"{}\"", &llmos_lite::server::secrets::sha256(bytes)[..32]);
    match (method, query.get("uploadId")) {
        (Method::GET, _) if key.is_empty() && query.contains_key("list-type") => list(&held, &query),
        (Method::POST, _) if key.is_empty() && query.contains_key("delete") => {
            let text = String::from_utf8_lossy(&body).into_owned();
            let mut said = String::from("<DeleteResult>");
            for key in text.split("<Key>").skip(1).filter_map(|rest| rest.split("</Key>").next()) {
                held.objects.remove(key);
                let _ = write!(said, "<Deleted><Key>{key}</Key></Deleted>");
            }
            (said + "</DeleteResult>").into_response()
        }
        (Method::POST, None) if query.contains_key("uploads") => {
            let id = uuid::Uuid::now_v7().to_string();
            held.uploads.insert(id.clone(), BTreeMap::new());
            format!("<InitiateMultipartUploadResult><Bucket>bucket</Bucket><Key>{key}</Key><UploadId>{id}</UploadId></InitiateMultipartUploadResult>")
                .into_response()
        }
        (Method::PUT, Some(id)) => {
            let number = query.get("partNumber").and_then(|number| number.parse().ok());
            match (held.uploads.get_mut(id), number) {
                (Some(parts), Some(number)) => {
                    let tag = etag(&body);
                    parts.insert(number, body);
                    ([(header::ETAG, tag)], "").into_response()
                }
                _ => fault(StatusCode::NOT_FOUND, "NoSuchUpload"),
            }
        }
        (Method::POST, Some(id)) => match held.uploads.remove(id) {
            Some(parts) => {
                let whole: Bytes = parts.into_values().flatten().collect();
                let tag = etag(&whole);
                held.objects.insert(key.to_owned(), (whole, now()));
                format!("<CompleteMultipartUploadResult><Key>{key}</Key><ETag>{tag}</ETag></CompleteMultipartUploadResult>").into_response()
            }
            None => fault(StatusCode::NOT_FOUND, "NoSuchUpload"),
        },
        (Method::DELETE, Some(id)) => {
            held.uploads.remove(id);
            StatusCode::NO_CONTENT.into_response()
        }
        (Method::PUT, None) => {
            let tag = etag(&body);
            held.objects.insert(key.to_owned(), (body, now()));
            ([(header::ETAG, tag)], "").into_response()
        }
        (Method::DELETE, None) => {
            held.objects.remove(key);
            StatusCode::NO_CONTENT.into_response()
        }
        (method @ (Method::GET | Method::HEAD), None) => {
            let Some((bytes, at)) = held.objects.get(key) else { return fault(StatusCode::NOT_FOUND, "NoSuchKey") };
            let about = [
                (header::ETAG, etag(bytes)),
                (header::LAST_MODIFIED, time(*at, "%a, %d %b %Y %H:%M:%S GMT")),
                (header::CONTENT_LENGTH, bytes.len().to_string()),
                (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
            ];
            let body = if method == Method::GET { Body::from(bytes.clone()) } else { Body::empty() };
            (about, body).into_response()
        }
        _ => fault(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed"),
    }
}

fn list(held: &Held, query: &HashMap<String, String>) -> Response {
    let of = |name: &str| query.get(name).cloned().unwrap_or_default();
    let (prefix, after) = (of("prefix"), of("continuation-token"));
    let mut found = held.objects.iter().filter(|(key, _)| key.starts_with(&prefix) && **key > after);
    let page: Vec<_> = found.by_ref().take(PAGE).collect();
    let mut said = String::from("<ListBucketResult>");
    for (key, (bytes, at)) in &page {
        let modified = time(*at, "%Y-%m-%dT%H:%M:%S.000Z");
        let _ = write!(
            said,
            "<Contents><Key>{key}</Key><LastModified>{modified}</LastModified><ETag>\"e\"</ETag><Size>{}</Size></Contents>",
            bytes.len()
        );
    }
    if let (Some(_), Some((last, _))) = (found.next(), page.last()) {
        let _ = write!(said, "<IsTruncated>true</IsTruncated><NextContinuationToken>{last}</NextContinuationToken>");
    }
    (said + "</ListBucketResult>").into_response()
}
