//! Starting and stopping the server: one process to a DATA_DIR, a TCP listener for everybody, a local socket for the command line.

use std::{
    error::Error,
    fs::{File, TryLockError},
    future::IntoFuture as _,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use axum::{
    Extension, Router,
    serve::{ListenerExt as _, TapIo},
};
use tokio::net::{TcpListener, TcpStream, UnixListener};

use super::{config::Config, context::Ctx, middleware::LocalSocket, router, state::AppState, telemetry, worker};
use crate::features::{artifacts, collaboration, jobs, marketplace, volumes, webhooks};

pub type BoxError = Box<dyn Error + Send + Sync>;

/// How long running requests may take to end once the process is asked to stop.
const GRACE: Duration = Duration::from_secs(10);

/// The lock that makes a second server on the same DATA_DIR impossible; held as long as it lives.
pub struct DataDirLock(#[allow(dead_code)] File);

/// Takes the lock, or says who has it.
pub fn lock_data_dir(data_dir: &Path) -> Result<Option<DataDirLock>, BoxError> {
    std::fs::create_dir_all(data_dir)?;
    let file = File::options().create(true).write(true).truncate(false).open(data_dir.join("llmos.lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(DataDirLock(file))),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

/// Where the command line reaches a running server.
pub fn socket_path(data_dir: &Path) -> PathBuf {
    data_dir.join("llmos.sock")
}

/// Opens everything that a server (or a command without one) stands on.
pub async fn prepare(config: Config) -> Result<AppState, BoxError> {
    let state = AppState::open(config).await?;
    let ctx = Ctx::internal(state.clone(), None);
    artifacts::service::settle_all(&ctx).await?;
    collaboration::service::documents::settle_all(&ctx).await?;
    volumes::service::install_system_volume(&ctx).await?;
    jobs::service::take_over(&ctx).await?;
    marketplace::service::rescan_if_rules_changed(&ctx).await?;
    webhooks::service::start(&ctx).await?;
    Ok(state)
}

/// Runs until SIGINT or SIGTERM, then lets running requests end.
pub async fn serve(config: Config) -> Result<(), BoxError> {
    telemetry::start(config.log_format);
    let Some(_lock) = lock_data_dir(&config.data_dir)? else {
        return Err(format!("another llmos already serves {}: stop it first, or set another DATA_DIR", config.data_dir.display()).into());
    };
    let listener = listen(config.addr).await.map_err(|error| format!("cannot listen on {}: {error}", config.addr))?;
    let state = prepare(config).await?;
    let app = router::router(state.clone());
    let local = local_socket(&state, app.clone())?;
    if let Some(addr) = state.config.ws_addr {
        serve_beside(&state, addr, "WS_ADDR", router::sockets(state.clone())).await?;
    }
    if let Some(addr) = state.config.webhook_addr {
        serve_beside(&state, addr, "WEBHOOK_ADDR", router::webhooks(state.clone())).await?;
    }
    let worker = tokio::spawn(worker::work(state.clone()));
    println!("LLMos-Lite is ready: {}", state.config.public_url());

    let shutdown = state.shutdown.clone();
    tokio::spawn(async move {
        stop_signal().await;
        tracing::info!("stopping");
        shutdown.cancel();
    });
    let serving = axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>())
        .with_graceful_shutdown(state.shutdown.clone().cancelled_owned())
        .into_future();
    let deadline = async {
        state.shutdown.cancelled().await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        result = serving => result?,
        () = deadline => tracing::warn!("some requests did not end in time"),
    }
    local.abort();
    let _ = tokio::time::timeout(GRACE, worker).await;
    let _ = std::fs::remove_file(socket_path(&state.config.data_dir));
    state.db.close().await;
    Ok(())
}

/// A second listener, which the variable `name` asks for.
async fn serve_beside(state: &AppState, addr: SocketAddr, name: &'static str, router: Router) -> Result<(), BoxError> {
    let listener = listen(addr).await.map_err(|error| format!("cannot listen on {addr} ({name}): {error}"))?;
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let stopped = state.shutdown.clone().cancelled_owned();
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, service).with_graceful_shutdown(stopped).await {
            tracing::error!(%error, "the listener of {name} failed");
        }
    });
    Ok(())
}

/// Without Nagle's algorithm: it holds a small frame back until the one before it was acknowledged, which took up to 20 ms of a room's
/// time. What may go together is written together.
async fn listen(addr: SocketAddr) -> std::io::Result<TapIo<TcpListener, fn(&mut TcpStream)>> {
    Ok(TcpListener::bind(addr).await?.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection goes on with Nagle's algorithm");
        }
    }))
}

/// Serves the same routes on a Unix socket that only this user can open; who comes that way is the operator.
pub fn local_socket(state: &AppState, app: Router) -> Result<tokio::task::JoinHandle<()>, BoxError> {
    let path = socket_path(&state.config.data_dir);
    // We hold the lock, so a socket file here is a dead one.
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    let app = app.layer(Extension(LocalSocket));
    Ok(tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, app).await {
            tracing::error!(%error, "the local socket failed");
        }
    }))
}

async fn stop_signal() {
    let interrupt = tokio::signal::ctrl_c();
    match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! { _ = interrupt => {}, _ = terminate.recv() => {} }
        }
        Err(_) => {
            let _ = interrupt.await;
        }
    }
}
