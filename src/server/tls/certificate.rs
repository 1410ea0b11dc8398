//! A certificate with its key: whom it is for, how long it is good, and when it is to be renewed.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use tokio_rustls::rustls::{
    Error, InconsistentKeys,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    sign::CertifiedKey,
};
use x509_cert::{
    der::Decode as _,
    ext::pkix::{SubjectAltName, name::GeneralName},
};

/// A chain of certificates and the key of the first of them.
#[derive(Clone)]
pub struct Certificate {
    pub key: Arc<CertifiedKey>,
    /// The DNS names that it is for, in lower case.
    pub names: Vec<String>,
    /// From when to when it is good, in UTC milliseconds.
    pub begins: i64,
    pub ends: i64,
    /// From 0 to 1, another one for each certificate and always the same for one: servers that began together do not renew together.
    chance: f64,
}

impl Certificate {
    /// Reads a chain and its key from PEM; both may be in one text.
    ///
    /// # Errors
    /// One of them is missing or damaged, or they do not belong together: in a few words.
    pub fn read(chain: &[u8], key: &[u8]) -> Result<Self, String> {
        let chain: Vec<CertificateDer<'static>> =
            CertificateDer::pem_slice_iter(chain).collect::<Result<_, _>>().map_err(|error| format!("it is damaged: {error}"))?;
        let Some(first) = chain.first() else { return Err("there is no certificate in PEM in it".to_owned()) };
        let parsed = x509_cert::Certificate::from_der(first).map_err(|error| format!("it is damaged: {error}"))?;
        let chance = Sha256::digest(first).iter().take(4).fold(0.0, |chance, byte| (chance + f64::from(*byte)) / 256.0);
        let tbs = parsed.tbs_certificate();
        let names = match tbs.get_extension::<SubjectAltName>() {
            Ok(found) => found.map(|(_, SubjectAltName(names))| names).unwrap_or_default(),
            Err(error) => return Err(format!("it is damaged: {error}")),
        };
        let names = names.iter().filter_map(|name| match name {
            GeneralName::DnsName(name) => Some(name.as_str().to_ascii_lowercase()),
            _ => None,
        });
        let names = names.collect();
        let millis = |time: x509_cert::time::Time| i64::try_from(time.to_unix_duration().as_millis()).unwrap_or(i64::MAX);
        let (begins, ends) = (millis(tbs.validity().not_before), millis(tbs.validity().not_after));
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| "there is no key in PEM with it".to_owned())?;
        let key = CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider()).map_err(|error| match error {
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => "the key belongs to another certificate".to_owned(),
            other => format!("its key cannot be used: {other}"),
        })?;
        Ok(Self { key: Arc::new(key), names, begins, ends, chance })
    }

    /// Whether browsers take it for this name (RFC 6125, 6.4.3: a star stands for one label, the first).
    pub fn is_for(&self, name: &str) -> bool {
        let behind = name.split_once('.').map(|(_, behind)| behind);
        self.names.iter().any(|known| known == name || known.strip_prefix("*.").is_some_and(|known| Some(known) == behind))
    }

    /// When to order the next one, in UTC milliseconds: with a third of its time left, as Let's Encrypt advises, or up to a twentieth of it earlier.
    pub fn renew_at(&self) -> i64 {
        let life = (self.ends - self.begins).max(0);
        self.ends - life / 3 - (life as f64 / 20.0 * self.chance) as i64
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::server::clock;

    /// In PEM: a certificate by itself for these names, and its key. Times are in UTC milliseconds.
    pub fn pem(names: &[&str], begins: i64, ends: i64) -> (String, String) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = rcgen::CertificateParams::new(names).expect("names");
        // The crate of its times is not one of ours: it adds a duration to a day that it makes.
        let epoch = rcgen::date_time_ymd(1970, 1, 1);
        let at = |millis: i64| epoch + std::time::Duration::from_millis(millis.unsigned_abs());
        (params.not_before, params.not_after) = (at(begins), at(ends));
        let key = rcgen::KeyPair::generate().expect("a key");
        (params.self_signed(&key).expect("a certificate").pem(), key.serialize_pem())
    }

    pub fn made(names: &[&str], begins: i64, ends: i64) -> Certificate {
        let (chain, key) = pem(names, begins, ends);
        Certificate::read(chain.as_bytes(), key.as_bytes()).expect("a certificate")
    }

    #[test]
    fn names_and_times_are_read() {
        let certificate = made(&["Skills.example.org", "*.b.example"], clock::DAY, 91 * clock::DAY);
        assert_eq!(certificate.names, ["skills.example.org", "*.b.example"]);
        assert_eq!((certificate.begins, certificate.ends), (clock::DAY, 91 * clock::DAY));
        for (name, fits) in
            [("skills.example.org", true), ("example.org", false), ("a.b.example", true), ("b.example", false), ("a.a.b.example", false)]
        {
            assert_eq!(certificate.is_for(name), fits, "{name}");
        }
    }

    #[test]
    fn it_is_renewed_with_a_third_of_its_time_left_or_a_little_more() {
        let (mut earliest, mut latest) = (i64::MAX, 0);
        for _ in 0..20 {
            let at = made(&["a.example"], 0, 90 * clock::DAY).renew_at();
            (earliest, latest) = (earliest.min(at), latest.max(at));
        }
        assert!(earliest >= 90 * clock::DAY * 11 / 18 && latest <= 60 * clock::DAY, "{earliest} {latest}");
        assert!(latest - earliest > clock::HOUR, "not all at once");
    }

    #[test]
    fn what_does_not_belong_together_is_refused() {
        let (chain, key) = pem(&["a.example"], 0, clock::DAY);
        let (_, other) = pem(&["a.example"], 0, clock::DAY);
        let said = |chain: &str, key: &str| Certificate::read(chain.as_bytes(), key.as_bytes()).err().unwrap_or_default();
        assert_eq!(said(&chain, &other), "the key belongs to another certificate");
        assert_eq!(said("", &key), "there is no certificate in PEM in it");
        assert_eq!(said(&chain, ""), "there is no key in PEM with it");
        assert!(said(&chain.replace("MII", "AAA"), &key).starts_with("it is damaged"));
        assert!(said(&format!("{chain}{key}"), &format!("{chain}{key}")).is_empty(), "both in one file");
    }
}
