//! Which peers stand between us and people, and what they say about whom they pass on.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use super::ConfigError;

/// Peers that are believed when they say for whom a request is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies(Vec<IpNet>);

impl Proxies {
    /// Addresses, and networks such as `10.0.0.0/8`.
    pub(super) fn read(texts: &[String]) -> Result<Self, ConfigError> {
        let network = |text: &String| {
            let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
            let problem = || format!("“{text}” is neither an IP address nor a network such as 10.0.0.0/8");
            network.map_err(|_| ConfigError::new("TRUSTED_PROXIES", problem()))
        };
        texts.iter().map(network).collect::<Result<_, _>>().map(Self)
    }

    /// Whether this is one of them; an IPv4 address also in the form that it has at a listener of IPv6.
    pub fn contains(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.0.iter().any(|network| network.contains(&peer))
    }

    /// Whom a request is from: the peer, or, where that is a proxy, the last address in the lines of `X-Forwarded-For` that no proxy of ours has.
    /// What stands before it is only what somebody claims. Where that address cannot be read, it is the peer's again.
    pub fn client<'a>(&self, peer: IpAddr, forwarded: impl DoubleEndedIterator<Item = &'a str>) -> IpAddr {
        let peer = peer.to_canonical();
        if !self.contains(peer) {
            return peer;
        }
        // A proxy may add a line of its own behind those that the client sent: they are one list.
        let hops = forwarded.rev().flat_map(|line| line.rsplit(',')).map(str::trim).filter(|hop| !hop.is_empty());
        hops.map(address).find(|hop| hop.is_none_or(|hop| !self.contains(hop))).flatten().unwrap_or(peer)
    }
}

/// An address as proxies write it: also with a port, also in brackets.
fn address(hop: &str) -> Option<IpAddr> {
    let bare = hop.trim_start_matches('[').trim_end_matches(']');
    bare.parse().ok().or_else(|| hop.parse::<SocketAddr>().ok().map(|hop| hop.ip())).map(|ip: IpAddr| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(texts: &[&str]) -> Proxies {
        Proxies::read(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>()).expect("addresses")
    }

    fn client(peer: &str, lines: &[&str]) -> String {
        let trusted = proxies(&["127.0.0.1", "10.0.0.0/8", "fd00::/8"]);
        trusted.client(peer.parse().expect("an address"), lines.iter().copied()).to_string()
    }

    #[test]
    fn only_proxies_of_ours_are_believed() {
        assert_eq!(client("203.0.113.9", &["198.51.100.1"]), "203.0.113.9");
        assert_eq!(client("127.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(client("127.0.0.1", &[]), "127.0.0.1");
        assert_eq!(client("::ffff:127.0.0.1", &["198.51.100.1"]), "198.51.100.1", "at a listener of IPv6");
        assert_eq!(client("::ffff:203.0.113.9", &["198.51.100.1"]), "203.0.113.9");
        assert_eq!(client("127.0.0.1", &["198.51.100.1, 10.1.2.3, fd00::1"]), "198.51.100.1", "through several of them");
        assert_eq!(client("127.0.0.1", &["10.1.2.3"]), "127.0.0.1", "nobody but proxies");
    }

    #[test]
    fn what_the_client_wrote_itself_does_not_count() {
        assert_eq!(client("127.0.0.1", &["192.0.2.1, 198.51.100.1"]), "198.51.100.1");
        assert_eq!(client("127.0.0.1", &["192.0.2.1", "198.51.100.1"]), "198.51.100.1", "also on a line of its own");
        assert_eq!(client("127.0.0.1", &["192.0.2.1, unknown"]), "127.0.0.1", "what cannot be read hides nothing");
    }

    #[test]
    fn addresses_come_with_ports_and_brackets() {
        for (line, expected) in [
            ("198.51.100.1:4711", "198.51.100.1"),
            ("[2001:db9::1]:4711", "2001:db9::1"),
            ("[2001:db9::1]", "2001:db9::1"),
            ("2001:db9::1", "2001:db9::1"),
            (" 198.51.100.1 ,", "198.51.100.1"),
        ] {
            assert_eq!(client("10.0.0.1", &[line]), expected, "{line}");
        }
        let refused = Proxies::read(&["proxy.example".to_owned()]);
        assert!(refused.is_err_and(|error| error.to_string().contains("“proxy.example” is neither an IP address nor a network")));
    }
}
