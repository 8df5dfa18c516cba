//! How a caller presents its credential: where it stands, and in which dress.
//!
//! Invariant: a credential has one reading. What is none is refused as malformed, never tried in another way.

use base64ct::{Base64, Encoding};
use http::HeaderName;
use http::header::AUTHORIZATION;
use zeroize::Zeroizing;

/// Where a credential stands, and in which dress.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presented {
    /// `Authorization: Bearer` (RFC 6750, section 2.1).
    Bearer,
    /// In `Authorization`: `Bearer`, `Basic` with the client's id as the name and the key as the password (RFC 7617), or
    /// the bare key, as hooks send it that know no schemes.
    Authorization,
    /// The bare key in a header of its own.
    Header(HeaderName),
}

impl Presented {
    /// What is accepted in this header.
    pub fn in_header(name: &HeaderName) -> Self {
        if *name == AUTHORIZATION { Self::Authorization } else { Self::Header(name.clone()) }
    }

    pub(super) fn header(&self) -> HeaderName {
        match self {
            Self::Bearer | Self::Authorization => AUTHORIZATION,
            Self::Header(name) => name.clone(),
        }
    }

    /// The key or token in the header's value.
    pub(super) fn credential(&self, value: &str) -> Option<Zeroizing<String>> {
        let plain = |text: &str| is_token68(text).then(|| Zeroizing::new(text.to_owned()));
        match self {
            Self::Bearer => plain(scheme(value, "bearer")?),
            Self::Header(_) => plain(value.trim_matches(' ')),
            Self::Authorization => match (scheme(value, "bearer"), scheme(value, "basic")) {
                (Some(token), _) => plain(token),
                (None, Some(pair)) => basic(pair),
                (None, None) => plain(value),
            },
        }
    }
}

/// The credentials of this scheme, whose name is not case-sensitive (RFC 9110, section 11.1).
fn scheme<'v>(value: &'v str, name: &str) -> Option<&'v str> {
    let (scheme, credentials) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case(name).then(|| credentials.trim_matches(' '))
}

fn is_token68(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|c| c.is_ascii_alphanumeric() || b"-._~+/=".contains(&c))
}

/// The password of a pair whose name is the client that the password is a key of (RFC 7617, section 2).
fn basic(pair: &str) -> Option<Zeroizing<String>> {
    let mut decoded = Zeroizing::new(vec![0; pair.len()]);
    let text = std::str::from_utf8(Base64::decode(pair, &mut decoded).ok()?).ok()?;
    let (name, key) = text.split_once(':')?;
    (is_token68(key) && client_id(key) == Some(name)).then(|| Zeroizing::new(key.to_owned()))
}

/// The id in `ub_<id>_<random>` or `<id>.<random>`.
pub fn client_id(key: &str) -> Option<&str> {
    let (id, random) = match key.strip_prefix("ub_") {
        Some(rest) => rest.split_once('_')?,
        None => key.split_once('.')?,
    };
    (!id.is_empty() && !random.is_empty()).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dress_has_one_reading() {
        let header = || Presented::Header(HeaderName::from_static("x-key"));
        let pair = |text: &str| format!("Basic {}", Base64::encode_string(text.as_bytes()));
        let (good, stranger, no_colon) = (pair("okta:ub_okta_1"), pair("auth0:ub_okta_1"), pair("ub_okta_1"));
        for (how, value, expected) in [
            (Presented::Bearer, "bearer ub_okta_1", Some("ub_okta_1")),
            (Presented::Bearer, "ub_okta_1", None),
            (Presented::Bearer, &good, None),
            (Presented::Authorization, "Bearer  ub_okta_1", Some("ub_okta_1")),
            (Presented::Authorization, "ub_okta_1", Some("ub_okta_1")),
            (Presented::Authorization, &good, Some("ub_okta_1")),
            (Presented::Authorization, &stranger, None),
            (Presented::Authorization, &no_colon, None),
            (Presented::Authorization, "Basic !", None),
            (Presented::Authorization, "Digest ub_okta_1", None),
            (Presented::Authorization, "", None),
            (header(), "ub_okta_1", Some("ub_okta_1")),
            (header(), "Bearer ub_okta_1", None),
            (header(), " ", None),
        ] {
            assert_eq!(how.credential(value).as_deref().map(String::as_str), expected, "{how:?} {value}");
        }
    }
}
