//! TLS by this server itself: which certificate is shown to whom, where it comes from, and what there is to say about it.
//!
//! One [`Certificates`] for the process: handshakes read from it, and whoever keeps it new ([`files`], [`acme`]) puts the newer one there. A
//! certificate is never taken away, only replaced: one that cannot be renewed is served until its end, and behind it.

pub mod acme;
mod certificate;
mod files;
mod listener;
mod redirect;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        self, ServerConfig,
        crypto::aws_lc_rs,
        server::{ClientHello, ResolvesServerCert},
        sign::CertifiedKey,
    },
};

pub use self::{
    certificate::Certificate,
    listener::{Doors, listen},
    redirect::{other_names, redirects},
};
use super::{
    clock,
    config::{
        Config,
        tls::{CertificateSource, Tls},
    },
    serve::BoxError,
    state::AppState,
};

/// The protocol that an authority speaks when it looks whether a name is ours (RFC 8737, 6.2).
const CHALLENGE: &[u8] = b"acme-tls/1";
/// A certificate that somebody else puts there should have been replaced this long before its end, in milliseconds.
const SOON_MS: i64 = 14 * clock::DAY;

/// The certificates of this process.
#[derive(Default)]
pub struct Certificates {
    shown: RwLock<Option<Arc<Certificate>>>,
    /// What answers the question of an authority, by the name that it asks about.
    challenges: RwLock<HashMap<String, Arc<CertifiedKey>>>,
    trouble: RwLock<Option<Trouble>>,
}

/// Why there is no newer certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    pub why: String,
    /// Tries that failed in a row.
    pub failures: u32,
}

impl Certificates {
    /// The one that visitors see.
    pub fn shown(&self) -> Option<Arc<Certificate>> {
        self.shown.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Why there is no newer one, if one was wanted.
    pub fn trouble(&self) -> Option<Trouble> {
        self.trouble.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on visitors see this one; connections that are open keep theirs.
    fn show(&self, certificate: Certificate) {
        *self.shown.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(certificate));
        self.end_trouble();
    }

    /// There is no trouble any more.
    fn end_trouble(&self) {
        *self.trouble.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// A newer one was not to be had. Whether that is news.
    fn failed(&self, why: &str) -> bool {
        let mut trouble = self.trouble.write().unwrap_or_else(PoisonError::into_inner);
        let failures = trouble.as_ref().map_or(0, |trouble| trouble.failures) + 1;
        let before = trouble.replace(Trouble { why: why.to_owned(), failures });
        before.is_none_or(|before| before.why != why)
    }

    /// Answers an authority that asks about `name`, until [`answer_none`](Self::answer_none).
    fn answer(&self, name: &str, key: CertifiedKey) {
        self.challenges.write().unwrap_or_else(PoisonError::into_inner).insert(name.to_ascii_lowercase(), Arc::new(key));
    }

    fn answer_none(&self) {
        self.challenges.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Takes handshakes: TLS 1.2 and 1.3, HTTP/2 before HTTP/1.1.
    fn acceptor(self: &Arc<Self>) -> Result<TlsAcceptor, rustls::Error> {
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(self.clone());
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec(), CHALLENGE.to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificates").field("names", &self.shown().map(|shown| shown.names.clone())).finish_non_exhaustive()
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // RFC 8737, 3: who asks such a question offers this protocol and no other.
        let is_question = hello.alpn().is_some_and(|mut protocols| protocols.next() == Some(CHALLENGE) && protocols.next().is_none());
        if is_question {
            let name = hello.server_name()?.to_ascii_lowercase();
            return self.challenges.read().unwrap_or_else(PoisonError::into_inner).get(&name).cloned();
        }
        Some(self.shown()?.key.clone())
    }
}

/// Begins with the certificate that is there, and keeps it new in the background until the process is asked to stop; without TLS, nothing.
///
/// # Errors
/// Files of one's own that cannot be used. Of an ordered certificate none is needed yet: it is ordered through the listener that this is for.
pub fn start(state: &AppState) -> Result<Option<TlsAcceptor>, BoxError> {
    let Some(tls) = state.config.tls.clone() else { return Ok(None) };
    match tls.certificates {
        CertificateSource::Files { chain, key } => {
            state.certificates.show(files::read(&chain, &key)?);
            tokio::spawn(files::keep(state.clone(), chain, key));
        }
        CertificateSource::Acme(acme) => {
            let store = acme::Store::new(&state.config.data_dir, &acme.directory);
            match store.certificate() {
                Ok(Some(kept)) => state.certificates.show(kept),
                Ok(None) => tracing::info!(names = ?tls.domains, "the first certificate is ordered: https answers when it is here"),
                Err(why) => tracing::warn!(%why, "the certificate that was kept cannot be used: another one is ordered"),
            }
            tokio::spawn(acme::keep(state.clone(), acme, tls.domains, store));
        }
    }
    Ok(Some(state.certificates.acceptor()?))
}

/// How the certificate stands, in a few words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub standing: Standing,
    pub says: String,
    /// What to do where it is not good.
    pub todo: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Good,
    /// It is served and good, but it will not be for long, or is not for all names.
    Ailing,
    /// There is none, or it has ended: browsers warn of it.
    Bad,
}

/// What there is to say about a certificate, or about having none, at a time in UTC milliseconds.
pub fn verdict(tls: &Tls, certificate: Option<&Certificate>, trouble: Option<&str>, now: i64) -> Verdict {
    let is_ordered = matches!(tls.certificates, CertificateSource::Acme(_));
    let todo = match is_ordered {
        true => "Mend what it says (docs/troubleshooting.md, “The certificate”); it is tried again by itself.",
        false => "Put another certificate and its key where TLS_CERT and TLS_KEY point: they are read again by themselves.",
    };
    let because = trouble.map(|why| format!(": {why}")).unwrap_or_default();
    let of = |standing, says: String| Verdict { standing, says, todo };
    let Some(certificate) = certificate else {
        return match trouble {
            None if is_ordered => {
                Verdict { todo: "Wait a minute while the server runs.", ..of(Standing::Bad, "there is none yet".to_owned()) }
            }
            _ => of(Standing::Bad, format!("there is none{because}")),
        };
    };
    let left = certificate.ends - now;
    if left <= 0 {
        return of(Standing::Bad, format!("it ended on {}{because}", date(certificate.ends)));
    }
    let days = left / clock::DAY;
    if let Some(missing) = tls.domains.iter().find(|name| !certificate.is_for(name)) {
        return of(Standing::Ailing, format!("it is not for {missing}{because}"));
    }
    if trouble.is_some() {
        return of(Standing::Ailing, format!("a newer one cannot be had, this one ends on {}{because}", date(certificate.ends)));
    }
    if !is_ordered && left < SOON_MS.min((certificate.ends - certificate.begins) / 3) {
        return of(Standing::Ailing, format!("it ends in {days} days, on {}", date(certificate.ends)));
    }
    of(Standing::Good, format!("for {}, another {days} days", certificate.names.join(", ")))
}

fn date(millis: i64) -> String {
    clock::rfc3339(millis).chars().take(10).collect()
}

/// The certificate that the next start would find, and why there is no newer one: for whoever asks beside the server.
pub fn kept(config: &Config, tls: &Tls) -> (Option<Certificate>, Option<String>) {
    let found = match &tls.certificates {
        CertificateSource::Files { chain, key } => files::read(chain, key).map(Some),
        CertificateSource::Acme(acme) => {
            let store = acme::Store::new(&config.data_dir, &acme.directory);
            match (store.certificate(), store.trouble()) {
                (Ok(certificate), Some(why)) => return (certificate, Some(why)),
                (found, _) => found,
            }
        }
    };
    match found {
        Ok(certificate) => (certificate, None),
        Err(why) => (None, Some(why)),
    }
}

#[cfg(test)]
mod tests {
    use super::{certificate::tests::made, *};
    use crate::server::config::tls::{Acme, LETS_ENCRYPT};

    fn ordered(domains: &[&str]) -> Tls {
        let acme = Acme { contact: None, directory: LETS_ENCRYPT.to_owned(), root: None };
        let domains = domains.iter().map(|name| (*name).to_owned()).collect();
        Tls { domains, certificates: CertificateSource::Acme(acme), redirect: None }
    }

    fn own() -> Tls {
        let certificates = CertificateSource::Files { chain: "chain.pem".into(), key: "key.pem".into() };
        Tls { certificates, ..ordered(&[]) }
    }

    #[test]
    fn what_is_said_of_a_certificate_follows_its_time_and_its_names() {
        let (begins, ends) = (0, 90 * clock::DAY);
        let certificate = made(&["a.example"], begins, ends);
        let said = |tls: &Tls, trouble: Option<&str>, now: i64| {
            let verdict = verdict(tls, Some(&certificate), trouble, now);
            (verdict.standing, verdict.says)
        };
        let tls = ordered(&["a.example"]);
        assert_eq!(said(&tls, None, clock::DAY), (Standing::Good, "for a.example, another 89 days".to_owned()));
        let failing = said(&tls, Some("the directory is away"), 70 * clock::DAY);
        assert_eq!(failing, (Standing::Ailing, "a newer one cannot be had, this one ends on 1970-04-01: the directory is away".to_owned()));
        assert_eq!(said(&tls, Some("away"), ends).0, Standing::Bad);
        assert_eq!(said(&ordered(&["a.example", "b.example"]), None, 1), (Standing::Ailing, "it is not for b.example".to_owned()));
        assert_eq!(said(&own(), None, clock::DAY).0, Standing::Good);
        assert_eq!(said(&own(), None, 80 * clock::DAY), (Standing::Ailing, "it ends in 10 days, on 1970-04-01".to_owned()));
        assert_eq!(verdict(&tls, None, None, 0).says, "there is none yet");
        assert_eq!(verdict(&tls, None, Some("refused"), 0).says, "there is none: refused");
    }

    #[test]
    fn cipher_suites_have_forward_secrecy_and_authenticate() {
        let acceptor = Arc::new(Certificates::default()).acceptor().expect("it can be made");
        let suites = &acceptor.config().crypto_provider().cipher_suites;
        assert!(suites.len() > 5, "those of both versions of TLS: {suites:?}");
        for suite in suites {
            let name = format!("{:?}", suite.suite());
            // TLS 1.3 has no others.
            assert!(name.starts_with("TLS13_") || name.starts_with("TLS_ECDHE_"), "{name}");
            assert!(name.contains("_GCM_") || name.contains("_CHACHA20_POLY1305_"), "{name}");
        }
    }

    #[test]
    fn trouble_is_news_once_and_goes_with_a_new_certificate() {
        let certificates = Certificates::default();
        assert!(certificates.failed("away") && !certificates.failed("away") && certificates.failed("refused"));
        assert_eq!(certificates.trouble(), Some(Trouble { why: "refused".to_owned(), failures: 3 }));
        certificates.show(made(&["a.example"], 0, clock::DAY));
        assert_eq!(certificates.trouble(), None);
    }
}
