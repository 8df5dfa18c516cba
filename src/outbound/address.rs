//! Where requests may go.
//!
//! Invariant: an origin is a scheme, a host and a port and nothing else; what an address says besides is refused.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// A host, how it is spoken to, and on which port (RFC 6454, section 4).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    /// Whether TLS is spoken.
    pub tls: bool,
    /// The host's name or address, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// Why an address cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// It is no address of this kind; why.
    Invalid(&'static str),
    /// It is plain HTTP to another machine.
    Unencrypted,
    /// It is an address of this machine or of a private network.
    Private,
}

impl Origin {
    /// Splits an absolute address in its origin and its path.
    ///
    /// # Errors
    /// It is no such address.
    pub fn parse(text: &str) -> Result<(Self, String), Unfit> {
        let url: Url = text.parse().map_err(|_| Unfit::Invalid("expected `https://host/path`"))?;
        if !matches!(url.scheme(), "https" | "http") {
            return Err(Unfit::Invalid("expected `https://host/path`"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Unfit::Invalid("expected no user in the address"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(Unfit::Invalid("expected neither `?` nor `#` in the address"));
        }
        let host = match url.host() {
            Some(Host::Domain(name)) => name.trim_end_matches('.').to_owned(),
            Some(Host::Ipv4(address)) => address.to_string(),
            Some(Host::Ipv6(address)) => address.to_string(),
            None => return Err(Unfit::Invalid("expected a host in the address")),
        };
        let port = url.port_or_known_default().ok_or(Unfit::Invalid("expected a port in the address"))?;
        Ok((Self { tls: url.scheme() == "https", host, port }, url.path().to_owned()))
    }

    /// Whether it may be asked, as far as its text tells; what its name leads to is judged when it is connected to.
    ///
    /// # Errors
    /// It may not.
    pub fn may_be_asked(&self, allow_private: bool, allow_insecure: bool) -> Result<(), Unfit> {
        let address: Option<IpAddr> = self.host.parse().ok();
        let local = self.is_this_machine();
        if !self.tls && !local && !allow_insecure {
            return Err(Unfit::Unencrypted);
        }
        if !allow_private && (local || address.is_some_and(is_private)) {
            return Err(Unfit::Private);
        }
        Ok(())
    }

    /// Whether it is this machine by its text.
    pub fn is_this_machine(&self) -> bool {
        let name = self.host.to_ascii_lowercase();
        name == "localhost"
            || name.ends_with(".localhost")
            || self.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// Host and port as they stand in a `host` header: the port only where it is not the usual one.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        match (self.tls, self.port) {
            (true, 443) | (false, 80) => host,
            (_, port) => format!("{host}:{port}"),
        }
    }

    /// Scheme, host and port.
    pub fn base(&self) -> String {
        format!("{}://{}", if self.tls { "https" } else { "http" }, self.authority())
    }
}

/// Whether an address is not of the public Internet: this machine, a private network, a link, the metadata services of
/// clouds, and what the IANA registries keep for special purposes (RFC 6890).
pub fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_private_v4(address),
        IpAddr::V6(address) => is_private_v6(address),
    }
}

fn is_private_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    address.is_unspecified()
        || address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_broadcast()
        || address.is_documentation()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (18..20).contains(&b))
}

fn is_private_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    // IPv4 in IPv6: mapped, compatible, NAT64 (RFC 6052), 6to4 (RFC 3056). The wrapping must not hide the address.
    let wrapped = match segments {
        [0, 0, 0, 0, 0, 0xffff | 0, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some((high, low)),
        [0x2002, high, low, ..] => Some((high, low)),
        _ => None,
    };
    if let Some((high, low)) = wrapped {
        return is_private_v4(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)));
    }
    // Only 2000::/3 is global unicast; Teredo and the documentation's networks are parts of it that are not.
    segments[0] & 0xe000 != 0x2000
        || (segments[0] == 0x2001 && (segments[1] < 0x200 || segments[1] == 0xdb8))
        || segments[0] == 0x3fff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_are_known_in_every_wrapping() {
        for text in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "0.1.2.3",
            "224.0.0.1",
            "255.255.255.255",
            "240.0.0.1",
            "198.18.0.1",
            "192.0.0.170",
            "203.0.113.7",
            "::",
            "::1",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "2002:7f00:1::",
            "2001:db8::1",
            "2001::1",
            "64:ff9b:1::1",
            "3fff::1",
        ] {
            assert!(is_private(text.parse().unwrap()), "{text}");
        }
        for text in
            ["1.1.1.1", "100.128.0.1", "172.32.0.1", "192.0.1.1", "2606:4700::1111", "::ffff:1.1.1.1", "2002:101:101::"]
        {
            assert!(!is_private(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn addresses_are_split_or_refused() {
        let (origin, path) = Origin::parse("https://API.example.com/v1/users/").unwrap();
        assert_eq!((origin.base().as_str(), path.as_str()), ("https://api.example.com", "/v1/users/"));
        let (origin, path) = Origin::parse("http://[::1]:8080").unwrap();
        assert_eq!((origin.base().as_str(), path.as_str()), ("http://[::1]:8080", "/"));
        for text in
            ["ftp://a.example", "https://", "https://u:p@a.example", "https://a.example?x=1", "https://a/#b", "a"]
        {
            assert!(matches!(Origin::parse(text), Err(Unfit::Invalid(_))), "{text}");
        }
    }

    #[test]
    fn what_may_be_asked_is_public_and_encrypted_unless_said_otherwise() {
        let may = |text: &str, private, insecure| Origin::parse(text).unwrap().0.may_be_asked(private, insecure);
        assert_eq!(may("https://a.example", false, false), Ok(()));
        assert_eq!(may("http://a.example", true, false), Err(Unfit::Unencrypted));
        assert_eq!(may("http://a.example", false, true), Ok(()));
        for text in
            ["https://127.0.0.1", "https://localhost", "https://10.0.0.1", "https://[fd00::1]", "https://2130706433"]
        {
            assert_eq!(may(text, false, false), Err(Unfit::Private), "{text}");
            assert_eq!(may(text, true, false), Ok(()), "{text}");
        }
        assert_eq!(may("http://localhost:1", true, false), Ok(()));
        assert_eq!(may("http://10.0.0.1", true, false), Err(Unfit::Unencrypted));
    }
}
