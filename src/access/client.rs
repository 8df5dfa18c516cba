//! The callers: their keys' digests, their scopes and their limits.
//!
//! Invariant: only digests of keys are kept. A key has at least 128 random bits, so one round of SHA-256 is as good
//! as a slow hash and costs a request nothing.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use base64ct::{Base64UrlUnpadded, Encoding};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::limit::ClientLimiter;
use super::token::PublicKey;
use super::{Allowlist, ClientSettings, Quota, RateLimited, Scope};
use crate::action::Action;

/// One caller.
#[derive(Debug)]
pub struct Client {
    id: ClientId,
    secrets: Vec<KeyDigest>,
    assertion_keys: Vec<PublicKey>,
    scopes: Vec<Scope>,
    allowlist: Option<Allowlist>,
    limiter: Option<Arc<ClientLimiter>>,
}

impl Client {
    /// A client under this quota unless it has its own; counts go on where `previous` had the same quota.
    pub(super) fn new(settings: ClientSettings, quota: Option<Quota>, previous: Option<&Arc<Self>>) -> Self {
        let ClientSettings { id, secrets, assertion_keys, scopes, allowlist, limit } = settings;
        let before = previous.and_then(|client| client.limiter.as_ref());
        let limiter = limit.or(quota).map(|quota| match before {
            Some(limiter) if limiter.quota() == quota => Arc::clone(limiter),
            _ => Arc::new(ClientLimiter::new(quota)),
        });
        Self { id, secrets, assertion_keys, scopes, allowlist: allowlist.map(Allowlist::new), limiter }
    }

    /// The name in keys, logs and metrics.
    pub fn id(&self) -> &str {
        self.id.as_str()
    }

    /// Whether one of the client's scopes grants this action.
    pub fn may(&self, connector: &str, action: Action) -> bool {
        self.scopes.iter().any(|scope| scope.grants(connector, action))
    }

    /// What the client may ask.
    pub(super) fn scopes(&self) -> &[Scope] {
        &self.scopes
    }

    /// The keys that the client signs its assertions with.
    pub(super) fn assertion_keys(&self) -> &[PublicKey] {
        &self.assertion_keys
    }

    /// Whether the client may ask from this address.
    pub fn admits(&self, address: IpAddr) -> bool {
        self.allowlist.as_ref().is_none_or(|list| list.contains(address))
    }

    /// Counts one request of this client.
    ///
    /// # Errors
    /// The client's limit is reached.
    pub fn reserve(&self) -> Result<(), RateLimited> {
        self.limiter.as_ref().map_or(Ok(()), |limiter| limiter.check())
    }

    /// Whether this digest is one of the client's; every digest is compared, in constant time.
    pub(super) fn accepts(&self, digest: &KeyDigest) -> bool {
        self.secrets.iter().fold(false, |found, secret| found | secret.matches(digest))
    }
}

/// A client's name: letters, digits and dashes, at most 64, so that it can stand in a key before the `_` or `.`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClientId(String);

impl ClientId {
    const MAX_BYTES: usize = 64;

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ClientId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if text.is_empty() || text.len() > Self::MAX_BYTES || !text.chars().all(is_name) {
            return Err(format!("`{text}` is no client id: expected 1 to 64 letters, digits and dashes"));
        }
        Ok(Self(text.to_owned()))
    }
}

/// The SHA-256 digest of a key, written `sha256:<64 hex digits>`.
#[derive(Clone)]
pub struct KeyDigest([u8; 32]);

impl KeyDigest {
    const PREFIX: &str = "sha256:";

    /// The digest of a whole key as it is sent.
    pub fn of(key: &str) -> Self {
        Self::of_bytes(key.as_bytes())
    }

    pub(super) fn of_bytes(key: &[u8]) -> Self {
        Self(Sha256::digest(key).into())
    }

    /// A digest that no key has a chance to meet; unknown clients are compared with it.
    pub(super) const fn decoy() -> Self {
        Self([0; 32])
    }

    /// Compares in constant time.
    pub(super) fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl FromStr for KeyDigest {
    type Err = String;

    /// The error never repeats the text: it may be the key itself.
    fn from_str(text: &str) -> Result<Self, String> {
        let hex = text.strip_prefix(Self::PREFIX).ok_or_else(|| {
            "expected `sha256:` and 64 hex digits: the digest of the key, not the key; `userbridge client new` \
             prints both"
                .to_owned()
        })?;
        let wrong = || format!("expected 64 hex digits after `sha256:`, found {} characters", hex.chars().count());
        let mut digest = [0; 32];
        if hex.len() != 64 || !hex.is_ascii() {
            return Err(wrong());
        }
        for (byte, pair) in digest.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
            let digit = |c: u8| char::from(c).to_digit(16).ok_or("expected hex digits after `sha256:`".to_owned());
            *byte = (digit(pair[0])? << 4 | digit(pair[1])?) as u8;
        }
        Ok(Self(digest))
    }
}

impl fmt::Display for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::PREFIX)?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:…")
    }
}

/// A key that was just made; shown once, and only its digest is kept.
pub struct NewKey {
    /// What the client sends: `ub_<id>_<random>`.
    pub key: Zeroizing<String>,
    /// What the configuration holds.
    pub digest: KeyDigest,
}

impl NewKey {
    /// The key that these 256 random bits make.
    pub fn new(id: &ClientId, entropy: &[u8; 32]) -> Self {
        let random = Zeroizing::new(Base64UrlUnpadded::encode_string(entropy));
        let key = Zeroizing::new(format!("ub_{}_{}", id.as_str(), random.as_str()));
        let digest = KeyDigest::of(&key);
        Self { key, digest }
    }
}

impl fmt::Debug for NewKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewKey([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_reads_back_what_it_prints() {
        let digest = KeyDigest::of("ub_auth0_x");
        let read: KeyDigest = digest.to_string().parse().unwrap();
        assert!(read.matches(&digest));
        assert!(!read.matches(&KeyDigest::of("ub_auth0_y")));
        // FIPS 180-2, appendix B.1
        let abc = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(KeyDigest::of("abc").to_string(), abc);
    }

    #[test]
    fn a_key_in_place_of_its_digest_is_refused_and_not_repeated() {
        for text in
            ["ub_auth0_tops3cret", "sha256:tops3cret", &format!("sha256:{}", "tops3cret".repeat(8)[..64].to_owned())]
        {
            let error = text.parse::<KeyDigest>().unwrap_err();
            assert!(!error.contains("tops3cret"), "{error}");
        }
    }

    #[test]
    fn new_keys_carry_their_id_and_do_not_print() {
        let id: ClientId = "auth0".parse().unwrap();
        let new = NewKey::new(&id, &[7; 32]);
        assert_eq!(*new.key, "ub_auth0_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc");
        assert!(new.digest.matches(&KeyDigest::of(&new.key)));
        assert!(!format!("{new:?}").contains("Bwc"));
        for bad in ["", "a_b", "a.b", "a b", &"x".repeat(65)] {
            assert!(bad.parse::<ClientId>().is_err(), "{bad}");
        }
    }
}
