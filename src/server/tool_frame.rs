//! `/frames/tool`: the document in which a person's browser runs a tool's code (`web/tool-sandbox`). It stands here, not in a feature: it
//! knows no artifact, reads nothing, and is all about headers, as `csp` is. docs/decisions/tool-sandbox.md says what they are against.

use axum::{
    extract::RawQuery,
    http::{HeaderName, HeaderValue, header},
    response::{Html, IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};

use crate::{
    error::{AppError, AppResult},
    features::artifacts::model::tool,
};

/// Takes one message, from the page that made the frame: begins one worker with what it holds, and passes the first thing that the worker says
/// on, if it is a text of a size that an answer can have (1 MB, escaped, and what was printed). The rest is the page's to enforce.
const BOOTSTRAP: &str = "addEventListener('message',event=>{if(event.source!==parent||!event.ports[0])return;const port=event.ports[0];\
    port.postMessage({begun:true});\
    const worker=new Worker(URL.createObjectURL(new Blob([event.data.script],{type:'text/javascript'})));\
    const end=answer=>{worker.terminate();port.postMessage(answer)};\
    worker.onmessage=({data})=>end(typeof data==='string'&&data.length<1<<23?{said:data}:{fault:''});\
    worker.onerror=fault=>{fault.preventDefault();end({fault:String(fault.message||'').slice(0,2e3)})};\
    worker.onmessageerror=()=>end({fault:''});worker.postMessage(event.data.inputs)},{once:true})";

/// What a sandboxed frame may never ask for.
const PERMISSIONS: &str = "accelerometer=(), autoplay=(), camera=(), clipboard-read=(), clipboard-write=(), display-capture=(), \
    encrypted-media=(), fullscreen=(), geolocation=(), gyroscope=(), hid=(), idle-detection=(), magnetometer=(), microphone=(), midi=(), \
    payment=(), picture-in-picture=(), publickey-credentials-get=(), screen-wake-lock=(), serial=(), storage-access=(), usb=(), \
    web-share=(), xr-spatial-tracking=()";

/// The frame's document, for the hosts in its query (`host=…`, once for each).
pub async fn page(RawQuery(query): RawQuery) -> AppResult<Response> {
    let policy = policy(query.as_deref().unwrap_or_default())?;
    let mut response =
        Html(format!("<!DOCTYPE html><html lang=\"en\"><title>Tool</title><script>{BOOTSTRAP}</script></html>")).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_str(&policy).map_err(|_| refused())?);
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(HeaderName::from_static("permissions-policy"), HeaderValue::from_static(PERMISSIONS));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

fn refused() -> AppError {
    AppError::invalid("A tool may declare up to 10 hosts by their full names, such as api.example.org; no wildcards, addresses or ports.")
}

/// The worker is a blob, so it keeps to the policy of this document, which made it.
fn policy(query: &str) -> AppResult<String> {
    let mut hosts = Vec::new();
    for part in query.split('&').filter(|part| !part.is_empty()) {
        // A valid name needs no escapes.
        let host = part.strip_prefix("host=").and_then(tool::host).ok_or_else(refused)?;
        hosts.push(format!("https://{host}"));
    }
    if hosts.len() > tool::MAX_HOSTS {
        return Err(refused());
    }
    let connect = if hosts.is_empty() { "'none'".to_owned() } else { hosts.join(" ") };
    let hash = STANDARD.encode(Sha256::digest(BOOTSTRAP));
    Ok(format!(
        "default-src 'none'; script-src 'sha256-{hash}'; worker-src blob:; connect-src {connect}; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'self'; sandbox allow-scripts"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_names_the_declared_hosts_and_nothing_else() {
        let policy_of = |query| policy(query).expect("valid");
        assert!(policy_of("").contains("connect-src 'none';"));
        assert!(policy_of("host=api.example.org&host=b.example").contains("connect-src https://api.example.org https://b.example;"));
        assert!(policy_of("").ends_with("sandbox allow-scripts"));
        for bad in ["host=*", "host=127.0.0.1", "host=a.org%20*", "host=", "other=a.org", "host=localhost"] {
            assert!(policy(bad).is_err(), "{bad}");
        }
        assert!(policy(&["host=a.example"; tool::MAX_HOSTS + 1].join("&")).is_err());
    }
}
