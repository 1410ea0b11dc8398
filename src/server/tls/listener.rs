//! The listener of every port that people reach: plain, or with TLS in front of what axum serves.

use std::{io, net::SocketAddr, time::Duration};

use axum::serve::{Listener, ListenerExt as _, TapIo};
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_util::either::Either;

use super::CHALLENGE;

/// A handshake that takes longer is given up.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// So many handshakes go on at the same time; who comes then waits in the system's queue.
const HANDSHAKES: usize = 1_024;

/// TLS in a box: it is large, and plain connections would carry its room along.
type Connection = Either<TcpStream, Box<TlsStream<TcpStream>>>;

/// What [`listen`] returns: addresses of peers get to requests through axum's own wrapper.
pub type Doors = TapIo<Listening, fn(&mut Connection)>;

/// A listener, and the handshakes that go on.
pub struct Listening {
    tcp: TcpListener,
    tls: Option<TlsAcceptor>,
    handshakes: JoinSet<Option<(Connection, SocketAddr)>>,
}

/// Takes connections from `tcp`, with TLS where there is an acceptor.
pub fn listen(tcp: TcpListener, tls: Option<TlsAcceptor>) -> Doors {
    Listening { tcp, tls, handshakes: JoinSet::new() }.tap_io(|_| {})
}

impl Listener for Listening {
    type Io = Connection;
    type Addr = SocketAddr;

    // Whoever is slow in a handshake makes nobody else wait: each has a task of its own. Given up in the middle (axum does, when it stops), nothing is lost.
    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            tokio::select! {
                Some(done) = self.handshakes.join_next(), if !self.handshakes.is_empty() => {
                    if let Ok(Some(connection)) = done {
                        return connection;
                    }
                }
                (stream, peer) = Listener::accept(&mut self.tcp), if self.handshakes.len() < HANDSHAKES => {
                    // Without Nagle's algorithm: it holds a small frame back until the one before it was acknowledged, which took up to 20 ms of a
                    // room's time. What may go together is written together.
                    if let Err(error) = stream.set_nodelay(true) {
                        tracing::debug!(%error, "a connection goes on with Nagle's algorithm");
                    }
                    match &self.tls {
                        None => return (Either::Left(stream), peer),
                        Some(tls) => {
                            let tls = tls.clone();
                            self.handshakes.spawn(async move { Some((Either::Right(handshake(tls, stream).await?), peer)) });
                        }
                    }
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.tcp.local_addr()
    }
}

/// None: it failed, or it was an authority's question, which ends with the answer.
async fn handshake(tls: TlsAcceptor, stream: TcpStream) -> Option<Box<TlsStream<TcpStream>>> {
    let mut stream = match timeout(HANDSHAKE, tls.accept(stream)).await {
        Ok(Ok(stream)) => Box::new(stream),
        Ok(Err(error)) => {
            tracing::debug!(%error, "a handshake failed");
            return None;
        }
        Err(_) => {
            tracing::debug!("a handshake took too long");
            return None;
        }
    };
    if stream.get_ref().1.alpn_protocol() == Some(CHALLENGE) {
        let _ = timeout(HANDSHAKE, stream.shutdown()).await;
        return None;
    }
    Some(stream)
}
