//! Requests to addresses that somebody outside chose: where they may go, in one place.
//!
//! Names are resolved by [`Public`], which gives no address inside of a network, at the moment of connecting: a name that leads elsewhere the
//! second time leads nowhere. Each redirect is looked at again.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use reqwest::{
    Client, ClientBuilder, Url,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect::Policy,
};
use tokio::net::{TcpStream, lookup_host};

const REDIRECTS: usize = 3;
const CONNECT: Duration = Duration::from_secs(10);

/// Resolves names, but none to an address inside of a network.
pub struct Public;

/// Why a name leads nowhere.
#[derive(Debug, thiserror::Error)]
#[error("no public address")]
pub struct Inside;

impl Resolve for Public {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move { Ok(Box::new(public(name.as_str(), 0).await?.into_iter()) as Addrs) })
    }
}

/// Where a name leads to outside of our network.
async fn public(name: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let found: Vec<SocketAddr> = lookup_host((name, port)).await?.filter(|address| is_public(address.ip())).collect();
    if found.is_empty() { Err(io::Error::other(Inside)) } else { Ok(found) }
}

/// Whether an address is one that anybody on the internet may be asked at.
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            let shared = a == 100 && (64..128).contains(&b);
            let reserved = a == 0 || a >= 240 || (a == 192 && b == 0) || (a == 198 && (18..20).contains(&b));
            !(ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_documentation() || ip.is_multicast() || shared || reserved)
        }
        IpAddr::V6(ip) => match ip.to_ipv4_mapped() {
            Some(ip) => is_public(IpAddr::V4(ip)),
            // Global unicast, without documentation, Teredo and 6to4, which hide another address.
            None => {
                let segments = ip.segments();
                segments[0] & 0xe000 == 0x2000 && !matches!((segments[0], segments[1]), (0x2001, 0 | 0x0db8) | (0x2002, _))
            }
        },
    }
}

/// The address that stands in a URL as a number.
pub fn number_of(url: &Url) -> Option<IpAddr> {
    url.host_str()?.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// A client that goes only where `allowed` says, also when it is sent on, and by name only to public addresses unless `private`.
pub fn client(private: bool, allowed: impl Fn(&Url) -> bool + Send + Sync + 'static) -> ClientBuilder {
    let policy = Policy::custom(move |attempt| {
        if attempt.previous().len() > REDIRECTS || !allowed(attempt.url()) { attempt.error(Elsewhere) } else { attempt.follow() }
    });
    let client = Client::builder().redirect(policy).connect_timeout(CONNECT);
    // A proxy of the environment (HTTPS_PROXY and the like) would resolve names in our place, and the guard would never see where they lead.
    if private { client } else { client.no_proxy().dns_resolver(Arc::new(Public)) }
}

/// Why a redirect is not followed.
#[derive(Debug, thiserror::Error)]
#[error("redirected to an address that this server does not go to")]
pub struct Elsewhere;

/// What an address of `what` has to be like; the operator's variables about it begin with `prefix`.
fn check(url: &Url, schemes: &[&str], hosts: &[String], private: bool, (what, prefix): (&str, &str)) -> Result<(), String> {
    let host = url.host_str().unwrap_or_default().to_ascii_lowercase();
    if !(schemes.contains(&url.scheme()) || (private && url.scheme() == "http")) {
        return Err(format!("The address of a {what} begins with {}://.", schemes.join(":// or ")));
    }
    let listed = |name: &String| host == *name || name.strip_prefix("*.").is_some_and(|name| host.ends_with(&format!(".{name}")));
    if host.is_empty() || !(hosts.is_empty() || hosts.iter().any(listed)) {
        return Err(format!("This server does not go to “{host}”: its operator lists the allowed hosts in {prefix}_HOSTS."));
    }
    if !private && (number_of(url).is_some_and(|ip| !is_public(ip)) || host == "localhost") {
        return Err(format!("“{host}” is inside of a network: its operator allows that with {prefix}_PRIVATE=true."));
    }
    Ok(())
}

/// Where a push service may be.
#[derive(Clone, Debug, Default)]
pub struct PushRules {
    /// Names that may be asked; none: any.
    pub hosts: Vec<String>,
    /// Addresses inside of a network, and plain http, too.
    pub private: bool,
}

impl PushRules {
    /// Says in a sentence why an address is not asked.
    pub fn check(&self, url: &Url) -> Result<(), String> {
        check(url, &["https"], &self.hosts, self.private, ("push service", "PUSH"))
    }

    /// The client for push services, which send nobody on.
    pub fn client(&self) -> Result<Client, reqwest::Error> {
        client(self.private, |_| false).user_agent(concat!("llmos-lite/", env!("CARGO_PKG_VERSION"))).build()
    }
}

/// Where an issuer of OpenID Connect may be, and what it names.
#[derive(Clone, Copy, Debug)]
pub struct OidcRules {
    /// Addresses inside of a network, and plain http, too.
    pub private: bool,
    /// So long an answer may take: somebody waits for it.
    pub patience: Duration,
}

impl Default for OidcRules {
    fn default() -> Self {
        Self { private: false, patience: Duration::from_secs(10) }
    }
}

impl OidcRules {
    /// Says in a sentence why an address is not asked.
    pub fn check(&self, url: &Url) -> Result<(), String> {
        check(url, &["https"], &[], self.private, ("sign-in provider", "OIDC"))
    }

    /// The client for issuers, which send nobody on.
    pub fn client(&self) -> Result<Client, reqwest::Error> {
        client(self.private, |_| false).timeout(self.patience).user_agent(concat!("llmos-lite/", env!("CARGO_PKG_VERSION"))).build()
    }
}

/// Where a server of Git may be.
#[derive(Clone, Debug)]
pub struct GitRules {
    /// Names that may be asked; none: any.
    pub hosts: Vec<String>,
    /// Addresses inside of a network, and plain http, too.
    pub private: bool,
    /// How long a server may say nothing.
    pub idle: Duration,
}

impl Default for GitRules {
    fn default() -> Self {
        Self { hosts: Vec::new(), private: false, idle: Duration::from_secs(30) }
    }
}

impl GitRules {
    /// Says in a sentence why an address is not asked.
    pub fn check(&self, url: &Url) -> Result<(), String> {
        check(url, &["https", "ssh"], &self.hosts, self.private, ("repository", "GIT"))
    }

    /// A connection that is not HTTP, to a host that was checked.
    ///
    /// # Errors
    /// Nobody listens there, or ([`Inside`]) the name leads to no public address.
    pub async fn connect(&self, host: &str, port: u16) -> io::Result<TcpStream> {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let found: Vec<SocketAddr> = if self.private { lookup_host((host, port)).await?.collect() } else { public(host, port).await? };
        tokio::time::timeout(CONNECT, TcpStream::connect(&found[..])).await?
    }

    /// The client for servers of Git that sends `bytes` with a request; how long a whole answer may take is said with each request.
    pub fn client(&self, bytes: u64) -> Result<Client, reqwest::Error> {
        /// What is sent in a second over the slowest line: the time until an answer begins includes it.
        const SLOWEST: u64 = 32 * 1024;
        let rules = self.clone();
        client(self.private, move |url| rules.check(url).is_ok())
            .read_timeout(self.idle + Duration::from_secs(bytes / SLOWEST))
            .user_agent(concat!("git/2 (llmos-lite ", env!("CARGO_PKG_VERSION"), ")"))
            .build()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).expect("an address")
    }

    #[test]
    fn servers_of_git_are_outside_unless_the_operator_wants_otherwise() {
        let rules = GitRules::default();
        for inside in ["https://127.0.0.1/a", "https://[::1]/a", "https://localhost/a", "https://169.254.169.254/a", "https://10.1.2.3/a"] {
            assert!(rules.check(&url(inside)).is_err_and(|why| why.contains("GIT_PRIVATE")), "{inside}");
        }
        for wrong in ["http://github.com/a", "git://github.com/a", "file:///etc"] {
            assert!(rules.check(&url(wrong)).is_err_and(|why| why.contains("https")), "{wrong}");
        }
        assert_eq!(rules.check(&url("https://github.com/a/b.git")), Ok(()));
        assert_eq!(rules.check(&url("ssh://git@github.com/a/b.git")), Ok(()));
        assert!(rules.check(&url("ssh://git@10.1.2.3/a/b.git")).is_err_and(|why| why.contains("GIT_PRIVATE")));
        let own = GitRules { private: true, ..GitRules::default() };
        assert_eq!(own.check(&url("http://10.1.2.3:3000/a.git")), Ok(()));
    }

    fn why(error: &(dyn std::error::Error + 'static)) -> String {
        super::super::error::chain(error)
    }

    /// A name that leads inside is refused when it is connected to, whatever it was when somebody looked at the address.
    #[tokio::test]
    async fn a_name_that_leads_inside_leads_nowhere() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let inside = |error: io::Error| error.get_ref().is_some_and(|error| error.is::<Inside>());
        assert!(GitRules::default().connect("localhost", port).await.is_err_and(inside));
        let own = GitRules { private: true, ..GitRules::default() };
        assert!(own.connect("localhost", port).await.is_ok());
        let client = client(false, |_| true).build().expect("a client");
        let error = client.get(format!("http://localhost:{port}/")).send().await.expect_err("refused");
        assert!(why(&error).ends_with(&Inside.to_string()), "{}", why(&error));
    }

    /// As if the first server were outside: it is a number, which is looked at before, and sends on to a name inside.
    #[tokio::test]
    async fn who_is_sent_on_to_the_inside_does_not_go_there() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let asked = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let counted = asked.clone();
        let router = axum::Router::new().fallback(move || {
            counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            std::future::ready(axum::response::Redirect::temporary(&format!("http://localhost:{}/inside", address.port())))
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        let client = client(false, |_| true).build().expect("a client");
        let error = client.get(format!("http://{address}/")).send().await.expect_err("refused");
        assert!(why(&error).ends_with(&Inside.to_string()), "{}", why(&error));
        assert_eq!(asked.load(std::sync::atomic::Ordering::SeqCst), 1, "the second address was never asked");
        // The rules of Git say so before they connect.
        let rules = GitRules::default();
        assert!(rules.check(&url(&format!("https://localhost:{}/inside", address.port()))).is_err());
    }

    /// What a client goes through is in its description: a proxy of the environment as well, whether one is set at the moment or not.
    #[test]
    fn no_proxy_stands_between_the_guard_and_where_a_name_leads() {
        let through = |client: Result<Client, reqwest::Error>| format!("{:?}", client.expect("a client")).contains("proxies");
        assert!(through(Client::builder().build()), "a proxy would be seen");
        assert!(!through(client(false, |_| true).build()));
        assert!(!through(GitRules::default().client(0)));
        assert!(!through(PushRules::default().client()));
        assert!(!through(OidcRules::default().client()));
    }

    #[test]
    fn push_services_are_outside_too() {
        let rules = PushRules::default();
        assert_eq!(rules.check(&url("https://fcm.googleapis.com/fcm/send/a")), Ok(()));
        assert!(rules.check(&url("https://169.254.169.254/a")).is_err_and(|why| why.contains("PUSH_PRIVATE")));
        assert!(rules.check(&url("http://push.example/a")).is_err());
    }

    #[test]
    fn a_list_of_hosts_is_kept_to() {
        let rules = GitRules { hosts: vec!["github.com".to_owned(), "*.corp.example".to_owned()], ..GitRules::default() };
        for (address, allowed) in [
            ("https://github.com/a", true),
            ("https://GITHUB.com/a", true),
            ("https://git.corp.example/a", true),
            ("https://corp.example/a", false),
            ("https://github.com.evil.dev/a", false),
            ("https://evilcorp.example/a", false),
        ] {
            assert_eq!(rules.check(&url(address)).is_ok(), allowed, "{address}");
        }
    }
}
