//! PostgreSQL over TLS. The one that tests have speaks none, so a stand-in stands in front of it that does what PostgreSQL does
//! (<https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL>): it answers the request for TLS with `S` and a handshake, or with
//! `N`, and passes the rest on.

use std::sync::Arc;

use llmos_lite::server::db::Db;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    },
};

use crate::{
    app::{Engine, on},
    tls::Authority,
};

/// The length of the request, and its number.
const REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// Stands in front of `server`, with a certificate or without; the port of `localhost` where it does.
async fn stand_in(server: String, certificate: Option<(String, String)>) -> u16 {
    let acceptor = certificate.map(|(chain, key)| {
        let chain = CertificateDer::from_pem_slice(chain.as_bytes()).expect("a certificate");
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("a key");
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("protocols")
            .with_no_client_auth()
            .with_single_cert(vec![chain], key)
            .expect("they belong together");
        TlsAcceptor::from(Arc::new(config))
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let (server, acceptor) = (server.clone(), acceptor.clone());
            tokio::spawn(async move {
                let mut asked = [0; REQUEST.len()];
                client.read_exact(&mut asked).await?;
                assert_eq!(asked, REQUEST, "nothing goes over this connection before it was asked for TLS");
                let mut postgres = TcpStream::connect(server).await?;
                match acceptor {
                    None => {
                        client.write_all(b"N").await?;
                        copy_bidirectional(&mut client, &mut postgres).await
                    }
                    Some(acceptor) => {
                        client.write_all(b"S").await?;
                        copy_bidirectional(&mut acceptor.accept(client).await?, &mut postgres).await
                    }
                }
            });
        }
    });
    port
}

#[test]
fn a_database_is_spoken_to_over_tls_and_its_certificate_is_looked_at() {
    on(Engine::Postgres, async |database| {
        let database = database.expect("one for this test");
        let url = database.url();
        let (account, place) = url.strip_prefix("postgres://").and_then(|rest| rest.split_once('@')).expect("an address");
        let (server, name) = place.split_once('/').expect("a database");
        let (authority, other) = (Authority::new(), Authority::new());
        let folder = TempDir::new().expect("a folder");
        let file = |name: &str, root: &str| {
            std::fs::write(folder.path().join(name), root).expect("written");
            folder.path().join(name).display().to_string()
        };
        let (root, wrong) = (file("root.pem", &authority.root), file("other.pem", &other.root));
        let sealed = stand_in(server.to_owned(), Some(authority.issue(&["localhost"]))).await;
        let foreign = stand_in(server.to_owned(), Some(authority.issue(&["elsewhere.internal"]))).await;
        let open = stand_in(server.to_owned(), None).await;
        let at = |port: u16, how: &str| format!("postgres://{account}@localhost:{port}/{name}?{how}");

        for how in [format!("sslmode=verify-full&sslrootcert={root}"), "sslmode=require".to_owned(), "sslmode=prefer".to_owned()] {
            let db = Db::open(&at(sealed, &how)).await.unwrap_or_else(|error| panic!("{how}: {error}"));
            db.ping().await.expect("it answers");
            db.close().await;
        }
        // Nothing is said to whom nobody vouches for, nor in the clear where TLS is asked for.
        for (port, how) in [
            (sealed, format!("sslmode=verify-full&sslrootcert={wrong}")),
            (foreign, format!("sslmode=verify-full&sslrootcert={root}")),
            (open, format!("sslmode=verify-full&sslrootcert={root}")),
            (open, "sslmode=require".to_owned()),
        ] {
            let refused = Db::look_at(&at(port, &how)).await;
            assert!(refused.is_err(), "{how}");
        }
        database.drop().await;
    });
}
