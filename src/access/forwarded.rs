//! The client's address behind proxies, from `X-Forwarded-For` or `Forwarded` (RFC 7239).
//!
//! Invariant: a header is read only when the socket's peer is a declared proxy, from right to left, as far as the
//! first hop that is not one. Whatever does not parse on that way denies the request; it is never skipped.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use http::header::{FORWARDED, HeaderName};

use super::{Allowlist, Network, SettingsError};

/// The proxies whose word is taken.
#[derive(Debug)]
pub struct TrustedProxies(Option<Allowlist>);

/// A trusted proxy's header that we cannot read; the text says why, for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Junk(&'static str);

impl fmt::Display for Junk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Junk {}

static X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Chains of proxies are short; a longer one is an attempt at something.
const MAX_HOPS: usize = 16;

impl TrustedProxies {
    /// Trusts these networks; by default none.
    ///
    /// # Errors
    /// A network of all addresses: with it, every client could claim any address.
    pub fn new(networks: Vec<Network>) -> Result<Self, SettingsError> {
        if let Some(network) = networks.iter().find(|network| network.is_everything()) {
            return Err(SettingsError(format!(
                "`{network}` among the trusted proxies lets every client claim any address; name the proxies' own \
                 addresses"
            )));
        }
        Ok(Self((!networks.is_empty()).then(|| Allowlist::new(networks))))
    }

    /// The address that the request comes from.
    ///
    /// # Errors
    /// The headers of a trusted proxy do not parse, contradict each other, or list more than 16 trusted hops.
    pub fn client_address(&self, peer: IpAddr, headers: &HeaderMap) -> Result<IpAddr, Junk> {
        let peer = peer.to_canonical();
        let Some(trusted) = self.0.as_ref().filter(|trusted| trusted.contains(peer)) else { return Ok(peer) };
        let walked = |hops: Option<Vec<Result<IpAddr, Junk>>>| hops.map(|hops| walk(trusted, peer, &hops)).transpose();
        let x_forwarded_for = walked(x_forwarded_for(headers)?)?;
        let forwarded = walked(forwarded(headers)?)?;
        match (x_forwarded_for, forwarded) {
            (None, None) => Ok(peer),
            (Some(address), None) | (None, Some(address)) => Ok(address),
            // A proxy sets one of the two; the other may be the client's own invention.
            (Some(a), Some(b)) if a == b => Ok(a),
            (Some(_), Some(_)) => Err(Junk("X-Forwarded-For and Forwarded contradict each other")),
        }
    }
}

/// From the nearest hop to the farthest one that trusted hops vouch for.
fn walk(trusted: &Allowlist, peer: IpAddr, hops: &[Result<IpAddr, Junk>]) -> Result<IpAddr, Junk> {
    let mut nearest = peer;
    for (index, hop) in hops.iter().rev().enumerate() {
        if index == MAX_HOPS {
            return Err(Junk("more than 16 trusted hops"));
        }
        nearest = (*hop)?;
        if !trusted.contains(nearest) {
            break;
        }
    }
    Ok(nearest)
}

/// The hops of `X-Forwarded-For`, all lines in their order; None without such a header.
fn x_forwarded_for(headers: &HeaderMap) -> Result<Option<Vec<Result<IpAddr, Junk>>>, Junk> {
    let Some(text) = joined(headers, &X_FORWARDED_FOR)? else { return Ok(None) };
    Ok(Some(text.split(',').map(|hop| node(hop.trim_matches([' ', '\t']), true)).collect()))
}

/// The `for` of each element of `Forwarded`; None without such a header.
fn forwarded(headers: &HeaderMap) -> Result<Option<Vec<Result<IpAddr, Junk>>>, Junk> {
    let Some(text) = joined(headers, &FORWARDED)? else { return Ok(None) };
    let mut rest = text.as_str();
    let mut hops = Vec::new();
    loop {
        let (hop, after) = element(rest)?;
        hops.push(hop.ok_or(Junk("a Forwarded element without `for`")).and_then(|hop| node(&hop, false)));
        match after {
            Some(after) => rest = after,
            None => return Ok(Some(hops)),
        }
    }
}

/// Several lines of one header mean the same as one line with commas (RFC 9110, section 5.3).
fn joined(headers: &HeaderMap, name: &HeaderName) -> Result<Option<String>, Junk> {
    let mut text: Option<String> = None;
    for value in headers.get_all(name) {
        let value = value.to_str().map_err(|_| Junk("a forwarding header that is not ASCII"))?;
        match &mut text {
            Some(text) => {
                text.push(',');
                text.push_str(value);
            }
            None => text = Some(value.to_owned()),
        }
    }
    Ok(text)
}

/// Reads `name=value;name=value` up to a comma: the value of `for`, and what follows the comma.
fn element(text: &str) -> Result<(Option<String>, Option<&str>), Junk> {
    let mut found = None;
    let mut rest = text;
    loop {
        let (name, after) = rest.split_once('=').ok_or(Junk("a Forwarded parameter without `=`"))?;
        let name = name.trim_matches([' ', '\t']);
        if name.is_empty() || !name.bytes().all(is_token) {
            return Err(Junk("a Forwarded parameter whose name is no token"));
        }
        let (value, after) = value(after)?;
        if name.eq_ignore_ascii_case("for") && found.replace(value).is_some() {
            return Err(Junk("a Forwarded element with two `for`"));
        }
        let after = after.trim_start_matches([' ', '\t']);
        match after.as_bytes().first() {
            None => return Ok((found, None)),
            Some(b',') => return Ok((found, Some(&after[1..]))),
            Some(b';') => rest = &after[1..],
            Some(_) => return Err(Junk("a Forwarded parameter that does not end")),
        }
    }
}

/// A token or a quoted string (RFC 9110, section 5.6), and what follows it.
fn value(text: &str) -> Result<(String, &str), Junk> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.bytes().position(|byte| !is_token(byte)).unwrap_or(text.len());
        return match end {
            0 => Err(Junk("a Forwarded parameter without a value")),
            _ => Ok((text[..end].to_owned(), &text[end..])),
        };
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((value, &quoted[at + 1..])),
            '\\' => value.push(chars.next().ok_or(Junk("a quoted string that does not end"))?.1),
            c => value.push(c),
        }
    }
    Err(Junk("a quoted string that does not end"))
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// An address with or without a port. IPv6 stands in brackets, save in `X-Forwarded-For`, where it often does not.
fn node(text: &str, bare_v6: bool) -> Result<IpAddr, Junk> {
    let junk = Junk("a hop that is no address");
    let bracketed = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let address = match bracketed {
        Some(inner) => IpAddr::V6(inner.parse().map_err(|_| junk)?),
        None => match text.parse::<IpAddr>() {
            Ok(IpAddr::V6(_)) if !bare_v6 => return Err(junk),
            Ok(address) => address,
            Err(_) => text.parse::<SocketAddr>().ok().filter(|_| !text.contains('%')).ok_or(junk)?.ip(),
        },
    };
    Ok(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const PROXY: &str = "10.0.0.7";

    fn address(peer: &str, lines: &[(&'static str, &str)]) -> Result<String, Junk> {
        let trusted = ["10.0.0.0/24", "2001:db8:ffff::/48"].map(|network| network.parse().unwrap());
        let proxies = TrustedProxies::new(trusted.to_vec()).unwrap();
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        proxies.client_address(peer.parse().unwrap(), &headers).map(|address| address.to_string())
    }

    #[test]
    fn x_forwarded_for_is_walked_from_the_right() {
        let cases = [
            ("198.51.100.9", "198.51.100.9"),
            ("1.1.1.1, 198.51.100.9", "198.51.100.9"),
            ("198.51.100.9, 10.0.0.8, 10.0.0.9", "198.51.100.9"),
            ("10.0.0.9,10.0.0.8", "10.0.0.9"),
            ("198.51.100.9:4711", "198.51.100.9"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("::ffff:198.51.100.9", "198.51.100.9"),
            ("::ffff:10.0.0.8", "10.0.0.8"),
            ("198.51.100.9, 2001:db8:ffff::2", "198.51.100.9"),
            // Left of the first hop that is not trusted stands what that hop invented: never read.
            ("junk, 198.51.100.9", "198.51.100.9"),
        ];
        for (value, expected) in cases {
            assert_eq!(address(PROXY, &[("x-forwarded-for", value)]).as_deref(), Ok(expected), "{value}");
        }
    }

    #[test]
    fn forwarded_is_parsed_as_rfc_7239_says() {
        let cases = [
            ("for=192.0.2.43", "192.0.2.43"),
            ("For=192.0.2.43;proto=http;by=203.0.113.43", "192.0.2.43"),
            ("for=\"192.0.2.43:47011\"", "192.0.2.43"),
            ("for=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"),
            ("for=\"[2001:db8:cafe::17]\"", "2001:db8:cafe::17"),
            ("for=1.1.1.1, for=192.0.2.43", "192.0.2.43"),
            ("for=192.0.2.43, for=10.0.0.8;by=\"a,b;for=6.6.6.6\"", "192.0.2.43"),
            ("for=192.0.2.43 ; proto=https , for=10.0.0.8", "192.0.2.43"),
            ("for=\"192.0.2.\\43\"", "192.0.2.43"),
        ];
        for (value, expected) in cases {
            assert_eq!(address(PROXY, &[("forwarded", value)]).as_deref(), Ok(expected), "{value}");
        }
    }

    #[test]
    fn junk_denies() {
        let long = vec![PROXY; 200].join(",");
        let x_forwarded_for = [
            "",
            "a",
            "unknown",
            "198.51.100.9,",
            "198.51.100.9,,10.0.0.8",
            "198.51.100.9 10.0.0.8",
            "256.1.1.1",
            "fe80::1%eth0",
            "[fe80::1%eth0]:443",
            "[fe80::1%2]:443",
            "010.0.0.1",
            "1.2.3",
            "1.2.3.4:99999",
            "[1.2.3.4]",
            "\"198.51.100.9\"",
            "198.51.100.9;",
            "for=198.51.100.9",
            &long,
        ];
        for value in x_forwarded_for {
            assert!(address(PROXY, &[("x-forwarded-for", value)]).is_err(), "{value:?}");
        }
        let forwarded = [
            "",
            "for",
            "for=",
            "for=unknown",
            "for=_hidden",
            "for=[2001:db8::1]",
            "for=2001:db8::1",
            "for=\"2001:db8::1\"",
            "for=\"192.0.2.43",
            "for=192.0.2.43 x",
            "proto=https",
            "for=1.1.1.1;for=2.2.2.2",
            "for=1.1.1.1,",
            "=1.1.1.1",
            "for=\"192.0.2.43\\",
            "for=192.0.2.43:80",
        ];
        for value in forwarded {
            assert!(address(PROXY, &[("forwarded", value)]).is_err(), "{value:?}");
        }
    }

    #[test]
    fn only_trusted_peers_are_believed() {
        let claim = [("x-forwarded-for", "127.0.0.1"), ("forwarded", "for=127.0.0.1")];
        assert_eq!(address("198.51.100.9", &claim).as_deref(), Ok("198.51.100.9"));
        assert_eq!(address("198.51.100.9", &[("x-forwarded-for", "junk")]).as_deref(), Ok("198.51.100.9"));
        assert_eq!(address("::ffff:10.0.0.7", &[("x-forwarded-for", "192.0.2.1")]).as_deref(), Ok("192.0.2.1"));
        assert_eq!(address(PROXY, &[]).as_deref(), Ok(PROXY));
        let nobody = TrustedProxies::new(vec![]).unwrap();
        let headers = HeaderMap::from_iter([(X_FORWARDED_FOR.clone(), HeaderValue::from_static("192.0.2.1"))]);
        let peer = PROXY.parse().unwrap();
        assert_eq!(nobody.client_address(peer, &headers), Ok(peer));
    }

    #[test]
    fn several_lines_are_one_list() {
        let lines = [("x-forwarded-for", "192.0.2.1"), ("x-forwarded-for", "192.0.2.2, 10.0.0.8")];
        assert_eq!(address(PROXY, &lines).as_deref(), Ok("192.0.2.2"));
        let both = [("x-forwarded-for", "192.0.2.1"), ("forwarded", "for=192.0.2.2")];
        assert!(address(PROXY, &both).is_err());
        let agreed = [("x-forwarded-for", "192.0.2.1"), ("forwarded", "for=192.0.2.1")];
        assert_eq!(address(PROXY, &agreed).as_deref(), Ok("192.0.2.1"));
    }

    #[test]
    fn everybody_cannot_be_trusted() {
        for network in ["0.0.0.0/0", "::/0", "::ffff:0.0.0.0/96"] {
            assert!(TrustedProxies::new(vec![network.parse().unwrap()]).is_err(), "{network}");
        }
    }
}
