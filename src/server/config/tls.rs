//! Settings about TLS that this server speaks itself.

use std::{net::SocketAddr, path::PathBuf};

use super::{ConfigError, source::Source, values::listed};

/// Let's Encrypt, in production.
pub const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";
/// What browsers go to when an address names no port.
pub const HTTPS_PORT: u16 = 443;
const HTTP_PORT: u16 = 80;

/// TLS on every listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// What the server is called, in lower case and without ports; the first is the address that people use. May be empty where the certificate
    /// comes from files.
    pub domains: Vec<String>,
    pub certificates: CertificateSource,
    pub redirect: Option<Redirect>,
}

/// Where certificates come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateSource {
    /// Somebody else puts them there, in PEM: the chain, the server's own certificate first, and its key.
    Files {
        chain: PathBuf,
        key: PathBuf,
    },
    Acme(Acme),
}

/// How certificates are ordered by ACME (RFC 8555).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acme {
    /// Whom the authority writes to, as `mailto:…`.
    pub contact: Option<String>,
    /// The address of the authority's directory.
    pub directory: String,
    /// The authorities that the directory's own certificate may be of, in PEM, in place of the system's.
    pub root: Option<PathBuf>,
}

/// A listener that speaks plain HTTP and answers with the https address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Redirect {
    pub addr: SocketAddr,
    /// Whether somebody asked for it: then the start fails where it cannot be had.
    pub required: bool,
}

impl Tls {
    /// What is set about it, and the address to listen on, whose default depends on it; no TLS without a domain and without files.
    pub fn read(source: &Source<'_>) -> Result<(Option<Self>, SocketAddr), ConfigError> {
        const ADDRESS: &str = "an address such as 127.0.0.1:3000";
        let domains = listed(source.get("DOMAIN")?).iter().map(|name| domain(name)).collect::<Result<Vec<_>, _>>()?;
        let files = match (source.get("TLS_CERT")?, source.get("TLS_KEY")?) {
            (Some(chain), Some(key)) => Some((file("TLS_CERT", chain)?, file("TLS_KEY", key)?)),
            (None, None) => None,
            _ => return Err(ConfigError::new("TLS_CERT", "it and TLS_KEY go together")),
        };
        let acme = Acme {
            contact: source.get("ACME_CONTACT")?.as_deref().map(contact).transpose()?,
            directory: directory(source.get_or("ACME_DIRECTORY", LETS_ENCRYPT)?)?,
            root: source.get("ACME_ROOT")?.map(|path| file("ACME_ROOT", path)).transpose()?,
        };
        let redirect = source.get("REDIRECT_ADDR")?;
        if domains.is_empty() && files.is_none() {
            if redirect.is_some() {
                return Err(ConfigError::new("REDIRECT_ADDR", "there is no https to lead to: set DOMAIN, or TLS_CERT and TLS_KEY"));
            }
            return Ok((None, source.parse_or("LEPTOS_SITE_ADDR", ADDRESS, SocketAddr::from(([127, 0, 0, 1], 3000)))?));
        }
        let everywhere = SocketAddr::from((std::net::Ipv6Addr::UNSPECIFIED, HTTPS_PORT));
        let addr = source.parse_or_instead("LEPTOS_SITE_ADDR", ADDRESS, everywhere)?;
        let certificates = match files {
            Some((chain, key)) => CertificateSource::Files { chain, key },
            None => CertificateSource::Acme(acme),
        };
        Ok((Some(Self { domains, certificates, redirect: Redirect::read(redirect.as_deref(), addr)? }), addr))
    }

    /// The address that people use, where a domain says it.
    pub fn site_url(&self, addr: SocketAddr) -> Option<String> {
        let port = if addr.port() == HTTPS_PORT { String::new() } else { format!(":{}", addr.port()) };
        Some(format!("https://{}{port}", self.domains.first()?))
    }

    /// Says what is wrong with the configured address that people use.
    pub fn check_site(&self, site: &str) -> Result<(), ConfigError> {
        if !site.starts_with("https://") {
            return Err(ConfigError::new(
                "SITE_URL",
                format!("“{site}” is not https, which is all that this server speaks with a certificate"),
            ));
        }
        let host = reqwest::Url::parse(site).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
        if self.domains.is_empty() || self.domains.contains(&host) {
            return Ok(());
        }
        Err(ConfigError::new("SITE_URL", format!("“{host}” is not among the names of DOMAIN: add it there, or leave SITE_URL out")))
    }
}

impl Redirect {
    /// Where nothing is set, port 80 leads to port 443.
    fn read(asked: Option<&str>, addr: SocketAddr) -> Result<Option<Self>, ConfigError> {
        match asked {
            Some("none") => Ok(None),
            Some(text) => {
                let problem = || ConfigError::new("REDIRECT_ADDR", format!("“{text}” is neither an address such as 0.0.0.0:80 nor none"));
                Ok(Some(Self { addr: text.trim().parse().map_err(|_| problem())?, required: true }))
            }
            None => Ok((addr.port() == HTTPS_PORT).then(|| Self { addr: SocketAddr::new(addr.ip(), HTTP_PORT), required: false })),
        }
    }
}

/// A name that a certificate can be for, in lower case; names with other letters as they are asked for (punycode).
fn domain(text: &str) -> Result<String, ConfigError> {
    let wrong = |problem: &str| Err(ConfigError::new("DOMAIN", format!("“{text}” {problem}")));
    if text.contains('*') {
        return wrong("has a *, which can only be proven over DNS: list the names, or set TLS_CERT and TLS_KEY");
    }
    // Nothing but the name: no scheme, port, path or account.
    let bare = !text.contains([':', '/', '\\', '@', '?', '#', ' ']) && !text.ends_with('.');
    match reqwest::Url::parse(&format!("https://{text}")).ok().as_ref().and_then(reqwest::Url::domain) {
        Some(name) if bare => Ok(name.to_owned()),
        _ => wrong("is not a name such as skills.example.org"),
    }
}

fn contact(text: &str) -> Result<String, ConfigError> {
    let mail = text.strip_prefix("mailto:").unwrap_or(text).trim();
    let fits = mail.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.'));
    if !fits || mail.contains([' ', ',', '?']) {
        return Err(ConfigError::new("ACME_CONTACT", format!("“{text}” is not a mail address such as maya@example.org")));
    }
    Ok(format!("mailto:{mail}"))
}

fn directory(url: String) -> Result<String, ConfigError> {
    // RFC 8555, 6.1: ACME is https.
    match reqwest::Url::parse(&url) {
        Ok(parsed) if parsed.scheme() == "https" => Ok(url),
        _ => Err(ConfigError::new("ACME_DIRECTORY", format!("“{url}” is not an https address such as {LETS_ENCRYPT}"))),
    }
}

/// NAME_FILE names a file with the value, which is a path here: whoever gives the certificate that way is told.
fn file(name: &str, value: String) -> Result<PathBuf, ConfigError> {
    if value.contains("-----BEGIN") {
        return Err(ConfigError::new(name, format!("it is the path of a file in PEM, not what is in it: set {name}, not {name}_FILE")));
    }
    Ok(PathBuf::from(value))
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    fn read(settings: &[(&str, &str)]) -> Result<Config, String> {
        let environment = |name: &str| settings.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        Config::from_sources(&environment, "").map_err(|error| error.to_string())
    }

    #[test]
    fn a_domain_is_all_that_https_needs() {
        let config = read(&[("DOMAIN", "Skills.Example.org, www.example.org, bücher.example")]).expect("usable");
        assert_eq!(config.addr.to_string(), "[::]:443");
        assert_eq!(config.site_url.as_deref(), Some("https://skills.example.org"));
        assert!(config.secure());
        let tls = config.tls.expect("TLS");
        assert_eq!(tls.domains, ["skills.example.org", "www.example.org", "xn--bcher-kva.example"]);
        assert_eq!(tls.redirect.map(|redirect| (redirect.addr.to_string(), redirect.required)), Some(("[::]:80".to_owned(), false)));
        let CertificateSource::Acme(acme) = tls.certificates else { panic!("ordered") };
        assert_eq!((acme.directory.as_str(), acme.contact, acme.root), (LETS_ENCRYPT, None, None));
        let config =
            read(&[("DOMAIN", "a.example"), ("LEPTOS_SITE_ADDR", "0.0.0.0:8443"), ("ACME_CONTACT", "maya@a.example")]).expect("usable");
        assert_eq!(config.site_url.as_deref(), Some("https://a.example:8443"));
        let tls = config.tls.expect("TLS");
        assert_eq!(tls.redirect, None);
        assert!(matches!(tls.certificates, CertificateSource::Acme(acme) if acme.contact.as_deref() == Some("mailto:maya@a.example")));
    }

    #[test]
    fn files_of_ones_own_come_before_an_order() {
        let files = [("TLS_CERT", "/etc/chain.pem"), ("TLS_KEY", "/etc/key.pem")];
        let config = read(&files).expect("usable");
        assert!(config.secure() && config.site_url.is_none() && config.public_url().starts_with("https://"));
        let with_domain = read(&[files[0], files[1], ("DOMAIN", "a.example")]).expect("usable").tls.expect("TLS");
        let expected = CertificateSource::Files { chain: "/etc/chain.pem".into(), key: "/etc/key.pem".into() };
        assert_eq!(with_domain.certificates, expected);
        assert!(!read(&[]).expect("usable").secure(), "nothing is asked for");
    }

    #[test]
    fn what_cannot_be_used_is_said_in_one_sentence() {
        let cases: [(&[(&str, &str)], &str); 13] = [
            (&[("DOMAIN", "*.example.org")], "DOMAIN: “*.example.org” has a *"),
            (&[("DOMAIN", "https://a.example")], "DOMAIN: “https://a.example” is not a name"),
            (&[("DOMAIN", "a.example:443")], "is not a name"),
            (&[("DOMAIN", "203.0.113.9")], "is not a name"),
            (&[("DOMAIN", "a.example/x")], "is not a name"),
            (&[("TLS_CERT", "/chain.pem")], "it and TLS_KEY go together"),
            (&[("TLS_CERT", "/chain.pem"), ("TLS_KEY", "-----BEGIN PRIVATE KEY-----")], "TLS_KEY: it is the path of a file"),
            (&[("DOMAIN", "a.example"), ("ACME_CONTACT", "maya")], "ACME_CONTACT: “maya” is not a mail address"),
            (&[("ACME_DIRECTORY", "http://ca.example/dir")], "ACME_DIRECTORY: “http://ca.example/dir” is not an https address"),
            (&[("DOMAIN", "a.example"), ("SITE_URL", "http://a.example")], "SITE_URL: “http://a.example” is not https"),
            (&[("DOMAIN", "a.example"), ("SITE_URL", "https://b.example")], "SITE_URL: “b.example” is not among the names"),
            (&[("DOMAIN", "a.example"), ("REDIRECT_ADDR", "80")], "REDIRECT_ADDR: “80” is neither an address"),
            (&[("REDIRECT_ADDR", "0.0.0.0:80")], "REDIRECT_ADDR: there is no https to lead to"),
        ];
        for (settings, words) in cases {
            let said = read(settings).err().unwrap_or_else(|| panic!("{settings:?} is refused"));
            assert!(said.contains(words), "{settings:?}: {said}");
        }
        for usable in
            [&[("DOMAIN", "a.example"), ("SITE_URL", "https://a.example:8443")][..], &[("DOMAIN", "a.example"), ("REDIRECT_ADDR", "none")]]
        {
            assert!(read(usable).is_ok(), "{usable:?}");
        }
    }
}
