//! Certificates by ACME (RFC 8555): the account, the order, the question that the authority asks over TLS (TLS-ALPN-01, RFC 8737), and the time of
//! the next one. docs/decisions/certificates.md says why it is done so.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    pin::Pin,
    time::Duration,
};

use axum::{body::Bytes, http};
use http_body_util::{BodyExt as _, Limited};
use instant_acme::{
    Account, AccountCredentials, AuthorizationStatus, BodyWrapper, BytesResponse, ChallengeType, Error, HttpClient, Identifier, NewAccount,
    NewOrder, Order, OrderStatus, RetryPolicy,
};
use serde::{Deserialize, Serialize};
use tokio_rustls::rustls::{crypto::aws_lc_rs, pki_types::PrivateKeyDer, sign::CertifiedKey};

use super::{Certificate, Certificates};
use crate::{
    features::jobs::model::backoff_ms,
    server::{
        clock,
        config::tls::{Acme, LETS_ENCRYPT},
        error::chain,
        outgoing, secrets,
        state::AppState,
    },
};

const ACCOUNT: &str = "account.json";
const CERTIFICATE: &str = "certificate.pem";
const TROUBLE: &str = "trouble.txt";

/// How long one request to the authority may take, and how large its answer may be.
const REQUEST: Duration = Duration::from_secs(30);
const ANSWER: usize = 1 << 20;
/// How long the authority may look at our names, and then sign.
const PATIENCE: RetryPolicy = RetryPolicy::new().initial_delay(Duration::from_millis(250)).backoff(1.5).timeout(Duration::from_secs(120));
/// A whole order is given up after this.
const ORDER: Duration = Duration::from_secs(10 * 60);
/// The clock is looked at at least so often: it may be set, and the machine may have slept.
const LOOK: Duration = Duration::from_secs(60 * 60);

/// What an order leaves on the disk, for the next start: a folder for each authority, because another one knows nothing of our account.
#[derive(Clone, Debug)]
pub struct Store(PathBuf);

/// The account at the authority, with the contact that it knows.
#[derive(Serialize, Deserialize)]
struct Kept {
    contact: Option<String>,
    /// As the client of ACME writes them: they cannot be copied otherwise.
    credentials: serde_json::Value,
}

impl Store {
    /// `DATA_DIR/tls/<host of the directory>-<part of its address' hash>`.
    pub fn new(data_dir: &Path, directory: &str) -> Self {
        let host = reqwest::Url::parse(directory).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
        let host: String = host.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-')).collect();
        let hash: String = secrets::hash(directory).chars().take(8).collect();
        Self(data_dir.join("tls").join(format!("{host}-{hash}")))
    }

    /// The last certificate, if there is one.
    ///
    /// # Errors
    /// It cannot be read or used, in a few words.
    pub fn certificate(&self) -> Result<Option<Certificate>, String> {
        let Some(pem) = self.read(CERTIFICATE)? else { return Ok(None) };
        Certificate::read(&pem, &pem).map(Some).map_err(|why| format!("{}: {why}", self.0.join(CERTIFICATE).display()))
    }

    /// Why the last order came to nothing, if it did.
    pub fn trouble(&self) -> Option<String> {
        self.read(TROUBLE).ok().flatten().map(|text| String::from_utf8_lossy(&text).trim().to_owned()).filter(|text| !text.is_empty())
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, String> {
        let path = self.0.join(name);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(format!("{} cannot be read: {error}", path.display())),
        }
    }

    /// Whole or not at all, and for its owner only.
    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        let written = || -> io::Result<()> {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.0)?;
            let mut file = tempfile::NamedTempFile::new_in(&self.0)?;
            file.write_all(bytes)?;
            file.as_file().sync_all()?;
            file.persist(self.0.join(name)).map_err(|error| error.error)?;
            File::open(&self.0)?.sync_all()
        };
        written().map_err(|error| Failure::now(format!("{} cannot be written: {error}", self.0.join(name).display())))
    }

    fn remove(&self, name: &str) {
        if let Err(error) = fs::remove_file(self.0.join(name))
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "{} could not be removed", self.0.join(name).display());
        }
    }

    /// Notes how an order went, for whoever looks beside the server.
    fn note(&self, trouble: Option<&str>) {
        match trouble {
            None => self.remove(TROUBLE),
            Some(why) => {
                if let Err(failure) = self.write(TROUBLE, why.as_bytes()) {
                    tracing::warn!(why = %failure.why, "what went wrong with the certificate could not be noted");
                }
            }
        }
    }
}

/// Why an order came to nothing.
#[derive(Debug)]
struct Failure {
    why: String,
    kind: FailureKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FailureKind {
    /// Of the moment: it may work soon.
    Now,
    /// The authority said no. It counts such orders (Let's Encrypt: five an hour for a name), so the next one waits longer.
    Refused,
    /// It has had enough orders for a while.
    Limited,
}

impl Failure {
    fn now(why: String) -> Self {
        Self { why, kind: FailureKind::Now }
    }

    fn refused(why: String) -> Self {
        Self { why, kind: FailureKind::Refused }
    }

    /// What the client of ACME says, in the words of the authority where it has some.
    fn of(error: &Error) -> Self {
        match error {
            Error::Api(problem) => {
                let kind = problem.r#type.as_deref().and_then(|kind| kind.rsplit(':').next()).unwrap_or_default();
                let details = problem.subproblems.iter().map(ToString::to_string);
                let words: Vec<String> = problem.detail.clone().into_iter().chain(details).collect();
                let why = if words.is_empty() { kind.to_owned() } else { words.join("; ") };
                match kind {
                    "rateLimited" => Self { why, kind: FailureKind::Limited },
                    "serverInternal" => Self::now(why),
                    _ if problem.status.is_some_and(|status| status >= 500) => Self::now(why),
                    _ => Self::refused(why),
                }
            }
            Error::Timeout(_) => Self::now("the authority took too long".to_owned()),
            other => Self::now(format!("the authority cannot be asked: {}", chain(other))),
        }
    }

    /// How long to wait before the `failures`th next try, in milliseconds; `chance` is from 0 to 1.
    fn pause_ms(&self, failures: u32, chance: f64) -> i64 {
        let (first, longest) = match self.kind {
            FailureKind::Now => (10 * clock::SECOND, clock::HOUR),
            FailureKind::Refused => (20 * clock::MINUTE, 12 * clock::HOUR),
            FailureKind::Limited => (3 * clock::HOUR, 24 * clock::HOUR),
        };
        backoff_ms(first, longest, i64::from(failures), chance)
    }
}

/// Orders a certificate for `domains` whenever one is due, until the process is asked to stop.
pub async fn keep(state: AppState, acme: Acme, domains: Vec<String>, store: Store) {
    let mut due = state.certificates.shown().map_or(0, |shown| due_at(&shown, &domains));
    loop {
        let wait = Duration::from_millis(u64::try_from(due - clock::now_ms()).unwrap_or_default());
        tokio::select! {
            () = state.shutdown.cancelled() => return,
            () = tokio::time::sleep(wait.min(LOOK)) => {}
        }
        if clock::now_ms() < due {
            continue;
        }
        let ordered = tokio::select! {
            () = state.shutdown.cancelled() => return,
            ordered = tokio::time::timeout(ORDER, order(&state.certificates, &acme, &domains, &store)) => ordered,
        };
        state.certificates.answer_none();
        due = match ordered.unwrap_or_else(|_| Err(Failure::now("the order took too long".to_owned()))) {
            Ok(certificate) => {
                tracing::info!(names = ?certificate.names, until = %clock::rfc3339(certificate.ends), "there is a new certificate");
                let due = due_at(&certificate, &domains);
                state.certificates.show(certificate);
                store.note(None);
                due
            }
            Err(failure) => {
                state.certificates.failed(&failure.why);
                store.note(Some(&failure.why));
                let failures = state.certificates.trouble().map_or(1, |trouble| trouble.failures);
                let pause = failure.pause_ms(failures, chance());
                tracing::warn!(why = %failure.why, failures, again_in_s = pause / clock::SECOND, "no new certificate could be had");
                clock::now_ms() + pause
            }
        };
    }
}

/// When to order the next one, in UTC milliseconds: at once where a name is missing in this one.
fn due_at(certificate: &Certificate, domains: &[String]) -> i64 {
    if domains.iter().all(|name| certificate.is_for(name)) { certificate.renew_at() } else { 0 }
}

/// From 0 to 1.
fn chance() -> f64 {
    getrandom::u32().map_or(0.5, |chance| f64::from(chance) / f64::from(u32::MAX))
}

/// One order, from the account to the certificate on the disk.
async fn order(certificates: &Certificates, acme: &Acme, domains: &[String], store: &Store) -> Result<Certificate, Failure> {
    let names: Vec<Identifier> = domains.iter().cloned().map(Identifier::Dns).collect();
    let mut account = account(acme, store).await?;
    let mut order = match account.new_order(&NewOrder::new(&names)).await {
        // The authority has forgotten us, or was set up anew.
        Err(Error::Api(problem)) if problem.r#type.as_deref().is_some_and(|kind| kind.ends_with(":accountDoesNotExist")) => {
            store.remove(ACCOUNT);
            account = self::account(acme, store).await?;
            account.new_order(&NewOrder::new(&names)).await
        }
        other => other,
    }
    .map_err(|error| Failure::of(&error))?;
    prove(certificates, &mut order).await?;
    let ordered = async {
        let key = order.finalize().await?;
        Ok((key, order.poll_certificate(&PATIENCE).await?))
    };
    let (key, chain) = ordered.await.map_err(|error: Error| Failure::of(&error))?;
    let pem = format!("{key}{chain}");
    let certificate = Certificate::read(pem.as_bytes(), pem.as_bytes())
        .map_err(|why| Failure::refused(format!("the authority's certificate cannot be used: {why}")))?;
    if let Some(missing) = domains.iter().find(|name| !certificate.is_for(name)) {
        return Err(Failure::refused(format!("the authority's certificate is not for {missing}")));
    }
    store.write(CERTIFICATE, pem.as_bytes())?;
    Ok(certificate)
}

/// The account that is kept, or a new one.
async fn account(acme: &Acme, store: &Store) -> Result<Account, Failure> {
    let builder = Account::builder_with_http(Box::new(Outgoing(client(acme)?)));
    let contact: Vec<&str> = acme.contact.iter().map(String::as_str).collect();
    let kept = store.read(ACCOUNT).map_err(Failure::now)?.and_then(|text| serde_json::from_slice::<Kept>(&text).ok());
    let known = kept.and_then(|kept| Some((serde_json::from_value::<AccountCredentials>(kept.credentials.clone()).ok()?, kept)));
    let (account, credentials) = match known {
        Some((credentials, kept)) => {
            let account = builder.from_credentials(credentials).await.map_err(|error| Failure::of(&error))?;
            if kept.contact == acme.contact {
                return Ok(account);
            }
            // Whom the authority writes to is not worth a certificate.
            if let Err(error) = account.update_contacts(&contact).await {
                tracing::warn!(error = %chain(&error), "the authority was not told the new contact");
                return Ok(account);
            }
            (account, Ok(kept.credentials))
        }
        None => {
            // Whoever sets DOMAIN agrees to the authority's terms; docs/operations.md says so.
            let wanted = NewAccount { contact: &contact, terms_of_service_agreed: true, only_return_existing: false };
            let made = builder.create(&wanted, acme.directory.clone(), None).await;
            let (account, credentials) = made.map_err(|error| Failure::of(&error))?;
            (account, serde_json::to_value(&credentials))
        }
    };
    let text = credentials.and_then(|credentials| serde_json::to_vec(&Kept { contact: acme.contact.clone(), credentials }));
    store.write(ACCOUNT, &text.map_err(|error| Failure::now(format!("the account cannot be kept: {error}")))?)?;
    Ok(account)
}

/// Shows the authority, for each name that it asks about, that connections to the name come here.
async fn prove(certificates: &Certificates, order: &mut Order) -> Result<(), Failure> {
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization.map_err(|error| Failure::of(&error))?;
        if authorization.status == AuthorizationStatus::Valid {
            continue;
        }
        let Some(mut challenge) = authorization.challenge(ChallengeType::TlsAlpn01) else {
            return Err(Failure::refused("the authority asks nothing that can be answered over TLS (TLS-ALPN-01)".to_owned()));
        };
        let name = challenge.identifier().to_string();
        let answer = answer(&name, challenge.key_authorization().digest().as_ref());
        certificates.answer(&name, answer.map_err(|error| Failure::refused(format!("the answer for {name} cannot be made: {error}")))?);
        challenge.set_ready().await.map_err(|error| Failure::of(&error))?;
    }
    match order.poll_ready(&PATIENCE).await {
        Ok(OrderStatus::Ready) => Ok(()),
        Ok(_) => Err(Failure::refused(why_invalid(order).await.unwrap_or_else(|| "the authority refused the order".to_owned()))),
        Err(error) => {
            let failure = Failure::of(&error);
            let why = if failure.kind == FailureKind::Refused { why_invalid(order).await } else { None };
            Err(Failure { why: why.unwrap_or(failure.why), ..failure })
        }
    }
}

/// What the authority saw instead of our answer, name by name.
async fn why_invalid(order: &mut Order) -> Option<String> {
    let mut found = Vec::new();
    let mut authorizations = order.authorizations();
    while let Some(Ok(mut authorization)) = authorizations.next().await {
        if authorization.refresh().await.is_err() {
            continue;
        }
        let name = authorization.identifier().to_string();
        let details = authorization.challenges.iter().filter_map(|challenge| challenge.error.as_ref()?.detail.clone());
        found.extend(details.map(|detail| format!("{name}: {detail}")));
    }
    (!found.is_empty()).then(|| found.join("; "))
}

/// The certificate that answers the question about `name` (RFC 8737, 3): by itself, for that name, with the hash of the key authorization.
fn answer(name: &str, digest: &[u8]) -> Result<CertifiedKey, Box<dyn std::error::Error + Send + Sync>> {
    let mut params = rcgen::CertificateParams::new([name.to_owned()])?;
    params.custom_extensions = vec![rcgen::CustomExtension::new_acme_identifier(digest)];
    let key = rcgen::KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    let key = PrivateKeyDer::try_from(key.serialize_der())?;
    // Not compared with its certificate: whoever reads that has to know the extension, which is what it is for.
    Ok(CertifiedKey::new(vec![certificate.der().clone()], aws_lc_rs::sign::any_supported_type(&key)?))
}

/// Goes to public addresses only where the authority is Let's Encrypt; one that the operator chose may be inside of their network.
fn client(acme: &Acme) -> Result<reqwest::Client, Failure> {
    let unusable = |error: &(dyn std::error::Error + 'static)| {
        Failure::refused(format!("the client for the authority cannot be made: {}", chain(error)))
    };
    let client = outgoing::client(acme.directory != LETS_ENCRYPT, |_| false).https_only(true).timeout(REQUEST);
    let client = match &acme.root {
        None => client,
        Some(path) => {
            let pem = fs::read(path).map_err(|error| Failure::refused(format!("ACME_ROOT: {} cannot be read: {error}", path.display())))?;
            let roots = reqwest::Certificate::from_pem_bundle(&pem).map_err(|error| unusable(&error))?;
            if roots.is_empty() {
                return Err(Failure::refused(format!("ACME_ROOT: there is no certificate in PEM in {}", path.display())));
            }
            client.tls_certs_only(roots)
        }
    };
    client.build().map_err(|error| unusable(&error))
}

/// Our client in the form that the client of ACME asks for.
struct Outgoing(reqwest::Client);

impl HttpClient for Outgoing {
    fn request(&self, request: http::Request<BodyWrapper<Bytes>>) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let client = self.0.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let Ok(body) = body.collect().await;
            let request = reqwest::Request::try_from(http::Request::from_parts(parts, body.to_bytes()))
                .map_err(|error| Error::Other(error.into()))?;
            let response = client.execute(request).await.map_err(|error| Error::Other(error.into()))?;
            Ok(http::Response::<reqwest::Body>::from(response).map(|body| Limited::new(body, ANSWER)).into())
        })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::{
        super::certificate::tests::{made, pem},
        *,
    };

    #[test]
    fn what_is_kept_is_for_its_owner_only_and_apart_for_each_authority() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::new(folder.path(), LETS_ENCRYPT);
        assert!(matches!(store.certificate(), Ok(None)) && store.trouble().is_none());
        let (chain, key) = pem(&["a.example"], 0, clock::DAY);
        store.write(CERTIFICATE, format!("{key}{chain}").as_bytes()).expect("written");
        assert_eq!(store.certificate().expect("usable").expect("there").names, ["a.example"]);
        store.note(Some("the directory is away"));
        assert_eq!(store.trouble().as_deref(), Some("the directory is away"));
        store.note(None);
        assert_eq!(store.trouble(), None);
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!((mode(&store.0), mode(&store.0.join(CERTIFICATE))), (0o700, 0o600));
        let other = Store::new(folder.path(), "https://acme-staging-v02.api.letsencrypt.org/directory");
        assert!(matches!(other.certificate(), Ok(None)));
        store.write(CERTIFICATE, b"nonsense").expect("written");
        assert!(store.certificate().is_err_and(|why| why.contains("certificate.pem: there is no certificate")));
    }

    #[test]
    fn a_name_that_is_missing_is_ordered_at_once() {
        let certificate = made(&["a.example"], 0, 90 * clock::DAY);
        assert_eq!(due_at(&certificate, &["a.example".to_owned()]), certificate.renew_at());
        assert_eq!(due_at(&certificate, &["a.example".to_owned(), "b.example".to_owned()]), 0);
    }

    #[test]
    fn what_was_refused_waits_longer_than_what_was_not_reached() {
        let problem = |kind: &str, status: u16| {
            let text = format!(r#"{{ "type": "urn:ietf:params:acme:error:{kind}", "detail": "No.", "status": {status} }}"#);
            Failure::of(&Error::Api(serde_json::from_str(&text).expect("a problem")))
        };
        for (failure, kind, first, longest) in [
            (Failure::of(&Error::Timeout(None)), FailureKind::Now, clock::MINUTE, clock::HOUR),
            (problem("serverInternal", 500), FailureKind::Now, clock::MINUTE, clock::HOUR),
            (problem("rejectedIdentifier", 400), FailureKind::Refused, clock::HOUR, 12 * clock::HOUR),
            (problem("rateLimited", 429), FailureKind::Limited, 3 * clock::HOUR, 24 * clock::HOUR),
        ] {
            assert_eq!(failure.kind, kind, "{failure:?}");
            let (soon, late) = (failure.pause_ms(1, 0.0), failure.pause_ms(40, 1.0));
            assert!(soon > 0 && soon <= first && late <= longest && late > soon, "{failure:?}: {soon} {late}");
        }
        assert_eq!(problem("rejectedIdentifier", 400).why, "No.");
        // Five refused orders an hour are what Let's Encrypt takes.
        let refused = problem("unauthorized", 403);
        let hour: i64 = (1..5).map(|failures| refused.pause_ms(failures, 0.0)).sum();
        assert!(hour > clock::HOUR);
    }

    #[test]
    fn the_answer_to_a_question_has_its_hash() {
        let key = answer("a.example", &[7; 32]).expect("made");
        let der: &[u8] = &key.cert[0];
        // 1.3.6.1.5.5.7.1.31, critical, an octet string in an octet string.
        let extension = [&[0x06, 8, 0x2b, 6, 1, 5, 5, 7, 1, 31, 0x01, 1, 0xff, 0x04, 34, 0x04, 32][..], &[7; 32]].concat();
        assert!(der.windows(extension.len()).any(|part| part == extension));
    }
}
