//! A certificate that somebody else puts there, such as a client of ACME or a company's own authority: read at the start, and again when it changes.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use super::Certificate;
use crate::server::state::AppState;

/// How often the files are looked at. They are short, and a look at their contents sees what a time or a watch may miss: links, other file systems, a clock that went back.
const LOOK: Duration = Duration::from_secs(5);

/// Reads the chain and the key.
///
/// # Errors
/// One of them cannot be read or used, in a sentence that names it.
pub fn read(chain: &Path, key: &Path) -> Result<Certificate, String> {
    let file = |name: &str, path: &Path| std::fs::read(path).map_err(|error| format!("{name}: {} cannot be read: {error}", path.display()));
    Certificate::read(&file("TLS_CERT", chain)?, &file("TLS_KEY", key)?).map_err(|why| format!("TLS_CERT: {}: {why}", chain.display()))
}

/// Shows what is there now, until the process is asked to stop. While one of two files was replaced and the other not yet, they do not belong
/// together: then the old pair goes on.
pub async fn keep(state: AppState, chain: PathBuf, key: PathBuf) {
    let mut look = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            () = state.shutdown.cancelled() => return,
            _ = look.tick() => {}
        }
        let paths = (chain.clone(), key.clone());
        let found = tokio::task::spawn_blocking(move || read(&paths.0, &paths.1)).await.unwrap_or_else(|error| Err(error.to_string()));
        match found {
            Ok(found) if state.certificates.shown().is_some_and(|shown| shown.key.cert == found.key.cert) => {
                state.certificates.end_trouble()
            }
            Ok(found) => {
                tracing::info!(names = ?found.names, "another certificate is served from now on");
                state.certificates.show(found);
            }
            Err(why) => {
                if state.certificates.failed(&why) {
                    tracing::warn!(%why, "the certificate that is there now cannot be used: the one before is served");
                }
            }
        }
    }
}
