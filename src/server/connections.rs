//! What axum serves, over connections that say something in time and of which nobody has too many. axum's own loop knows no time limits.

use std::{
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    http::{HeaderValue, Request, StatusCode, Version, header::CONNECTION},
    serve::Listener as _,
};
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use tokio::{io::AsyncWrite, task::JoinSet, time::sleep};
use tower::{ServiceExt as _, service_fn};

use super::{middleware::caller_of, state::AppState, tls::Doors};

/// The head of a request arrives within this time, also the next one of a connection that is kept: longer than the minute that nginx keeps one, so that
/// it is nginx who ends it, and sends nothing to where nobody reads any more.
pub const HEAD: Duration = Duration::from_secs(75);
/// So many times as long from a proxy that is known: Google's keeps a connection for ten minutes.
const PATIENT: u32 = 9;
/// A connection of HTTP/2 is asked for a sign of life so often, and gives it within as long.
const ALIVE: Duration = Duration::from_secs(30);

/// Serves until the server stops, and then as long as requests go on.
pub async fn serve(mut doors: Doors, router: Router, state: AppState) {
    // Once, not for each request.
    let router = router.with_state::<()>(());
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            (stream, peer) = doors.accept() => {
                connections.spawn(connection(stream, peer, router.clone(), state.clone()));
            }
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            () = state.shutdown.cancelled() => break,
        }
    }
    drop(doors);
    while connections.join_next().await.is_some() {}
}

async fn connection(
    stream: impl tokio::io::AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: SocketAddr,
    router: Router,
    state: AppState,
) {
    // A proxy brings everybody's; whom it brings is counted by requests and sockets.
    let is_proxy = state.config.trusted_proxies.contains(peer.ip());
    let caller = if is_proxy { None } else { caller_of(&peer.ip().to_string()) };
    let head = if is_proxy { state.config.head * PATIENT } else { state.config.head };
    let Some(_place) = state.connections.take(caller.as_deref()) else {
        return tracing::debug!(%peer, "a connection was refused: there are as many as there may be");
    };
    let asked = Arc::new(AtomicBool::new(false));
    let service = {
        let (state, asked) = (state.clone(), asked.clone());
        service_fn(move |request: Request<Incoming>| {
            asked.store(true, Ordering::Relaxed);
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(peer));
            let kept = request.version() == Version::HTTP_11;
            let (router, state) = (router.clone(), state.clone());
            async move {
                let mut response = router.oneshot(request).await?;
                // Whoever keeps the connection would send over it what nobody takes up any more; and a change is not sent twice.
                if kept && state.cluster.is_leaving() && response.status() != StatusCode::SWITCHING_PROTOCOLS {
                    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, std::convert::Infallible>(response)
            }
        })
    };
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(head);
    // CONNECT is how a socket is opened over HTTP/2.
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(ALIVE).keep_alive_timeout(ALIVE).enable_connect_protocol();
    let mut serving = pin!(builder.serve_connection_with_upgrades(TokioIo::new(stream), TowerToHyperService::new(service)));
    // hyper begins to count when it knows which protocol is spoken.
    let mut silent = pin!(sleep(head));
    let (mut listens, mut stops) = (false, false);
    loop {
        tokio::select! {
            served = serving.as_mut() => {
                if let Err(error) = served {
                    tracing::debug!(error = &*error, %peer, "a connection broke off");
                }
                return;
            }
            () = silent.as_mut(), if !listens => {
                listens = true;
                if !asked.load(Ordering::Relaxed) {
                    return tracing::debug!(%peer, "a connection asked for nothing");
                }
            }
            () = state.shutdown.cancelled(), if !stops => {
                stops = true;
                serving.as_mut().graceful_shutdown();
            }
        }
    }
}
