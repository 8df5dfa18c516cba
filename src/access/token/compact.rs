//! The one reading of a token's text: three parts of unpadded base64url, two strict JSON objects, one signature.
//!
//! Invariant: nothing here is believed yet. We read JWTs ourselves because the usual crates are lenient where it
//! counts: they keep the last of two equal members, skip claims that are absent or of another type, or let the token
//! choose its algorithm. What has two readings has none here.

use base64ct::{Base64UrlUnpadded, Encoding};

use super::Refused;
use super::json::{Object, object};

/// A token whose shape is right (RFC 7515, section 3.1).
pub(in crate::access) struct Compact<'t> {
    pub(in crate::access) header: Object,
    pub(in crate::access) claims: Object,
    /// What the signature is made over.
    pub(in crate::access) signed: &'t [u8],
    pub(in crate::access) signature: Vec<u8>,
}

impl<'t> Compact<'t> {
    /// The longest token, in bytes: as much as a request's head may hold beside its other headers.
    pub(in crate::access) const MAX_BYTES: usize = 8 * 1024;

    /// Reads a token of bounded length.
    pub(in crate::access) fn parse(text: &'t str) -> Result<Self, Refused> {
        if text.len() > Self::MAX_BYTES {
            return Err(Refused::TooLarge);
        }
        Self::parse_unbounded(text)
    }

    pub(super) fn parse_unbounded(text: &'t str) -> Result<Self, Refused> {
        let (signed, signature) = text.rsplit_once('.').ok_or(Refused::Malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(Refused::Malformed)?;
        let bytes = |part: &str| Base64UrlUnpadded::decode_vec(part).map_err(|_| Refused::Malformed);
        let members = |part: &str| object(&bytes(part)?).ok_or(Refused::Malformed);
        // A fourth part would stand in `claims`, where a dot is no base64url.
        Ok(Self {
            header: members(header)?,
            claims: members(claims)?,
            signed: signed.as_bytes(),
            signature: bytes(signature)?,
        })
    }

    /// A text member of the header.
    pub(in crate::access) fn header(&self, name: &str) -> Option<&str> {
        self.header.get(name).and_then(|value| value.as_str())
    }

    /// The issuer that the token claims to be of, which only decides whose rules are applied.
    pub(in crate::access) fn issuer(&self) -> Option<&str> {
        self.claims.get("iss").and_then(|value| value.as_str())
    }
}

/// Whether a bearer credential is a token and not a key: `eyJ` is the beginning of every JSON object in base64url.
pub(in crate::access) fn is_compact(credential: &str) -> bool {
    credential.starts_with("eyJ") && credential.bytes().filter(|byte| *byte == b'.').count() == 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_one_shape() {
        let encode = |text: &str| Base64UrlUnpadded::encode_string(text.as_bytes());
        let (header, claims) = (encode("{\"alg\":\"ES256\"}"), encode("{\"iss\":\"a\"}"));
        let token = format!("{header}.{claims}.AAAA");
        let compact = Compact::parse(&token).ok().unwrap();
        assert_eq!((compact.header("alg"), compact.issuer()), (Some("ES256"), Some("a")));
        assert_eq!(compact.signed, format!("{header}.{claims}").as_bytes());
        assert_eq!(compact.signature, [0, 0, 0]);
        for text in [
            String::new(),
            "..".to_owned(),
            format!("{header}.{claims}"),
            format!("{token}.AAAA"),
            format!("{header}=.{claims}.AAAA"),
            format!("{header}.{claims}.AAA="),
            format!("{header}.{claims}.AA+A"),
            // The last character has bits that encode nothing.
            format!("{header}.{claims}.AB"),
            format!("{}.{claims}.AAAA", encode("{\"alg\":\"ES256\",\"alg\":\"none\"}")),
            format!("{header}.{}.AAAA", encode("[1]")),
        ] {
            assert!(matches!(Compact::parse(&text), Err(Refused::Malformed)), "{text}");
        }
        let long = format!("{header}.{}.AAAA", "A".repeat(Compact::MAX_BYTES));
        assert!(matches!(Compact::parse(&long), Err(Refused::TooLarge)));
    }

    #[test]
    fn keys_are_not_taken_for_tokens() {
        assert!(is_compact("eyJhbGciOiJub25lIn0.eyJpc3MiOiJhIn0."));
        for key in ["ub_auth0_eyJ.a.b", "auth0.secret", "eyJ.secret", "eyJ.a.b.c"] {
            assert!(!is_compact(key), "{key}");
        }
    }
}
