//! Networks of addresses.
//!
//! Invariant: addresses and networks are compared in canonical form, so `::ffff:10.0.0.1` is `10.0.0.1` on both
//! sides. Looking an address up costs the logarithm of the list's length: published lists have thousands of entries.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// The networks that are admitted; an empty list admits nobody.
#[derive(Clone, Debug)]
pub struct Allowlist {
    /// Disjoint and in order.
    v4: Vec<Ipv4Net>,
    v6: Vec<Ipv6Net>,
}

impl Allowlist {
    /// Admits these networks.
    pub fn new(networks: Vec<Network>) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for Network(network) in networks {
            match network {
                IpNet::V4(network) => v4.push(network),
                IpNet::V6(network) => v6.push(network),
            }
        }
        let (mut v4, mut v6) = (Ipv4Net::aggregate(&v4), Ipv6Net::aggregate(&v6));
        v4.sort_unstable();
        v6.sort_unstable();
        Self { v4, v6 }
    }

    /// Whether one of the networks holds the address.
    pub fn contains(&self, address: IpAddr) -> bool {
        match address.to_canonical() {
            IpAddr::V4(address) => {
                let next = self.v4.partition_point(|network| network.network() <= address);
                next.checked_sub(1).is_some_and(|index| self.v4[index].contains(&address))
            }
            IpAddr::V6(address) => {
                let next = self.v6.partition_point(|network| network.network() <= address);
                next.checked_sub(1).is_some_and(|index| self.v6[index].contains(&address))
            }
        }
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
    fn a_long_list_answers_as_its_networks_do_one_by_one() {
        let start = |n: u32| std::net::Ipv4Addr::from(n.wrapping_mul(2_654_435_761) & 0xffff_f000);
        let mut networks: Vec<Network> =
            (0..500).map(|n| format!("{}/{}", start(n), 20 + n % 8).parse().unwrap()).collect();
        let nested = ["10.0.0.0/8", "10.1.0.0/16", "2001:db8::/32", "2001:db8:1::/48"];
        networks.extend(nested.map(|n| n.parse::<Network>().unwrap()));
        let list = Allowlist::new(networks.clone());
        let one_by_one = |address: &IpAddr| networks.iter().any(|network| network.0.contains(address));
        let around = networks.iter().flat_map(|network| match network.0 {
            IpNet::V4(n) => [n.network(), n.broadcast()]
                .map(u32::from)
                .into_iter()
                .flat_map(|n| [n.wrapping_sub(1), n, n.wrapping_add(1)])
                .map(|n| IpAddr::V4(n.into()))
                .collect::<Vec<_>>(),
            IpNet::V6(n) => vec![IpAddr::V6(n.network()), IpAddr::V6((u128::from(n.broadcast()) + 1).into())],
        });
        for address in around {
            assert_eq!(list.contains(address), one_by_one(&address), "{address}");
        }
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
