//! Starting and stopping the server: one process to a DATA_DIR, a TCP listener for everybody, a local socket for the command line.

use std::{
    error::Error,
    fs::{File, TryLockError},
    io::ErrorKind,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use axum::{Extension, Router};
use rustix::io::Errno;
use tokio::net::{TcpListener, TcpSocket, UnixListener};
use tokio_util::sync::CancellationToken;

use super::{
    backups,
    config::{Config, tls::Redirect},
    connections,
    context::Ctx,
    machine,
    middleware::LocalSocket,
    router,
    state::AppState,
    telemetry, tls, worker,
};
use crate::features::{artifacts, collaboration, jobs, marketplace, volumes, webhooks};

pub type BoxError = Box<dyn Error + Send + Sync>;

/// How long running requests may take to end once the process is asked to stop; and then the worker, and then the last of the backup's log.
const GRACE: Duration = Duration::from_secs(10);

/// Connections that the system keeps until they are accepted, where it allows as many.
const BACKLOG: u32 = 1_024;

/// The lock that makes a second server on the same DATA_DIR impossible; held as long as it lives.
pub struct DataDirLock(#[allow(dead_code)] File);

/// Takes the lock, or says who has it.
pub fn lock_data_dir(data_dir: &Path) -> Result<Option<DataDirLock>, BoxError> {
    let cannot =
        |error| format!("{} cannot be written: {error}; give it to the user that runs llmos, or set another DATA_DIR", data_dir.display());
    machine::private_folder(data_dir).map_err(cannot)?;
    let file = File::options().create(true).write(true).truncate(false).open(data_dir.join("llmos.lock")).map_err(cannot)?;
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
    state.cluster.serve(&state);
    let ctx = Ctx::internal(state.clone(), None);
    // Where others serve already, what they are publishing is theirs.
    if state.cluster.leads() {
        artifacts::service::settle_all(&ctx).await?;
    }
    collaboration::service::documents::settle_all(&ctx).await?;
    volumes::service::install_system_volume(&ctx).await?;
    jobs::service::take_over(&ctx).await?;
    marketplace::service::rescan_if_rules_changed(&ctx).await?;
    webhooks::service::start(&ctx).await?;
    Ok(state)
}

/// Runs until SIGINT or SIGTERM, then lets running requests end.
pub async fn serve(config: Config) -> Result<(), BoxError> {
    machine::begin();
    machine::keep_private();
    let exports = telemetry::start(&config)?;
    let Some(_lock) = lock_data_dir(&config.data_dir)? else {
        return Err(format!("another llmos already serves {}: stop it first, or set another DATA_DIR", config.data_dir.display()).into());
    };
    const SITE: &str = "LEPTOS_SITE_ADDR";
    let reserved = reserve(config.addr, SITE)?;
    // Alone, whoever comes meanwhile waits. Beside other nodes they are refused: a balancer asks another one then, and would prefer this one, with no requests, while it cannot answer.
    let door = if config.nats_url.is_some() { Err(reserved) } else { Ok(listen(reserved, SITE)?) };
    let redirect = match config.tls.as_ref().and_then(|tls| tls.redirect) {
        Some(redirect) => bind_redirect(redirect)?,
        None => None,
    };
    let state = prepare(config).await?;
    let acceptor = tls::start(&state)?;
    let app = router::router(state.clone());
    let local = local_socket(&state, app.clone())?;
    if let Some(addr) = state.config.ws_addr {
        let doors = tls::listen(bind(addr, "WS_ADDR")?, acceptor.clone());
        tokio::spawn(connections::serve(doors, router::sockets(state.clone()), state.clone()));
    }
    if let Some(addr) = state.config.webhook_addr {
        let doors = tls::listen(bind(addr, "WEBHOOK_ADDR")?, acceptor.clone());
        tokio::spawn(connections::serve(doors, router::webhooks(state.clone()), state.clone()));
    }
    if let Some(listener) = redirect {
        tokio::spawn(connections::serve(tls::listen(listener, None), tls::redirects(state.clone()), state.clone()));
    }
    let listener = door.or_else(|reserved| listen(reserved, SITE))?;
    let worker = tokio::spawn(worker::work(state.clone()));
    let quiet = CancellationToken::new();
    let backups = tokio::spawn(backups::keep(state.clone(), quiet.clone()));
    println!("LLMos-Lite is ready: {}", state.config.public_url());

    let (shutdown, leaving) = (state.shutdown.clone(), state.clone());
    tokio::spawn(async move {
        stop_signal().await;
        tracing::info!("stopping");
        drain(&leaving).await;
        shutdown.cancel();
    });
    let serving = connections::serve(tls::listen(listener, acceptor), app, state.clone());
    let deadline = async {
        state.shutdown.cancelled().await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        () = serving => {}
        () = deadline => tracing::warn!("some requests did not end in time"),
    }
    local.abort();
    let _ = tokio::time::timeout(GRACE, worker).await;
    let _ = std::fs::remove_file(socket_path(&state.config.data_dir));
    state.cluster.leave(&state.db).await;
    // Nothing is written from here on, also by requests that did not end in time: what is shipped now is all that was acknowledged.
    let _ = tokio::time::timeout(GRACE, state.db.close()).await;
    quiet.cancel();
    let _ = tokio::time::timeout(GRACE, backups).await;
    if let Some(exports) = exports {
        // Not on a thread of the runtime, which it waits for.
        let _ = tokio::task::spawn_blocking(move || exports.close()).await;
    }
    Ok(())
}

/// Listens on an address that the variable `name` has.
fn bind(addr: SocketAddr, name: &str) -> Result<TcpListener, String> {
    listen(reserve(addr, name)?, name)
}

fn listen(reserved: TcpSocket, name: &str) -> Result<TcpListener, String> {
    reserved.listen(BACKLOG).map_err(|error| format!("cannot listen ({name}): {error}"))
}

/// Takes an address for this process; whoever connects is refused until it is listened on. Where the machine has no IPv6, “every address” is every one of IPv4.
fn reserve(addr: SocketAddr, name: &str) -> Result<TcpSocket, String> {
    let take = |addr: SocketAddr| {
        let socket = if addr.is_ipv6() { TcpSocket::new_v6() } else { TcpSocket::new_v4() }?;
        // What is left of connections to the process before this one does not keep it from starting.
        socket.set_reuseaddr(true)?;
        socket.bind(addr)?;
        Ok(socket)
    };
    let taken = match take(addr) {
        Err(error) if addr.ip() == Ipv6Addr::UNSPECIFIED && has_no_ipv6(&error) => take((Ipv4Addr::UNSPECIFIED, addr.port()).into()),
        taken => taken,
    };
    taken.map_err(|error| {
        let advice = match error.kind() {
            ErrorKind::PermissionDenied => {
                ": ports below 1024 need the right CAP_NET_BIND_SERVICE (docs/operations.md), or set another port"
            }
            _ => "",
        };
        format!("cannot listen on {addr} ({name}): {error}{advice}")
    })
}

fn has_no_ipv6(error: &std::io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::AFNOSUPPORT | Errno::ADDRNOTAVAIL))
}

/// The listener that leads to https. One that nobody asked for may be missing: another program may have that port.
fn bind_redirect(redirect: Redirect) -> Result<Option<TcpListener>, String> {
    match bind(redirect.addr, "REDIRECT_ADDR") {
        Ok(listener) => Ok(Some(listener)),
        Err(error) if redirect.required => Err(error),
        Err(error) => {
            tracing::warn!(%error, "plain http is not led to https; REDIRECT_ADDR=none says that this is meant");
            Ok(None)
        }
    }
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

/// Announces that the server goes, and serves on until balancers have seen it; a second signal ends that.
async fn drain(state: &AppState) {
    state.cluster.drain(&state.db).await;
    tokio::select! {
        () = tokio::time::sleep(state.config.drain) => {}
        () = stop_signal() => {}
    }
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
