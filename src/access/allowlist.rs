//! Networks of addresses.
//!
//! Invariant: addresses and networks are compared in canonical form, so `::ffff:10.0.0.1` is `10.0.0.1` on both
//! sides.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net};

/// The networks that are admitted; an empty list admits nobody.
#[derive(Clone, Debug)]
pub struct Allowlist(Vec<Network>);

impl Allowlist {
    /// Admits these networks.
    pub fn new(networks: Vec<Network>) -> Self {
        Self(networks)
    }

    /// Whether one of the networks holds the address.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.0.contains(&address))
    }
}

/// An IPv4 or IPv6 network such as `10.0.0.0/8`, or a single address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network(IpNet);

impl Network {
    /// Whether the network holds every address of its family.
    pub fn is_everything(self) -> bool {
        self.0.prefix_len() == 0
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let network = match text.parse::<IpAddr>() {
            Ok(address) => IpNet::from(address),
            Err(_) => text.parse::<IpNet>().map_err(|_| {
                format!(
                    "`{text}` is no network: expected an address such as `10.0.0.7` or a network such as `10.0.0.0/8`"
                )
            })?,
        };
        if network.addr() != network.network() {
            return Err(format!("`{text}` has bits set beyond its prefix; write `{}`", network.trunc()));
        }
        Ok(Self(canonical(network)))
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// `::ffff:10.0.0.0/104` is `10.0.0.0/8` (RFC 4291, section 2.5.5.2).
fn canonical(network: IpNet) -> IpNet {
    if let IpNet::V6(v6) = network
        && v6.prefix_len() >= 96
        && let Some(address) = v6.addr().to_ipv4_mapped()
        && let Ok(v4) = Ipv4Net::new(address, v6.prefix_len() - 96)
    {
        return IpNet::V4(v4);
    }
    network
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_what_they_say() {
        let cases = [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.0.0.0/8", "::ffff:10.0.0.1", true),
            ("::ffff:10.0.0.0/104", "10.1.2.3", true),
            ("::ffff:10.0.0.7", "10.0.0.7", true),
            ("10.0.0.7", "10.0.0.7", true),
            ("10.0.0.7", "10.0.0.8", false),
            ("2001:db8::/32", "2001:db8::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("::/0", "10.0.0.1", false),
            ("::1", "::1", true),
        ];
        for (network, address, held) in cases {
            let list = Allowlist::new(vec![network.parse().unwrap()]);
            assert_eq!(list.contains(address.parse().unwrap()), held, "{address} in {network}");
        }
        assert!(!Allowlist::new(vec![]).contains("127.0.0.1".parse().unwrap()));
    }

    #[test]
    fn bad_networks_say_how_to_fix_them() {
        assert_eq!(
            "10.0.0.7/8".parse::<Network>().unwrap_err(),
            "`10.0.0.7/8` has bits set beyond its prefix; write `10.0.0.0/8`"
        );
        for text in ["", "10.0.0", "10.0.0.0/33", "fe80::1%eth0", "example.com", "010.0.0.1"] {
            assert!(text.parse::<Network>().unwrap_err().contains("is no network"), "{text}");
        }
    }
}
