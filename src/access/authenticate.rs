//! From credentials to a [`Caller`].
//!
//! Invariant: a key of an unknown client costs the same as a wrong key of a known one: one digest and one comparison
//! in constant time. Tokens are to become further kinds of credential in [`Authenticator::authenticate`].

use std::collections::HashMap;
use std::sync::Arc;

use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::client::{Client, KeyDigest};

/// An authenticated caller.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The client on whose behalf the request is made.
    pub client: Arc<Client>,
}

/// Why there is no caller; one answer outside, several in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unauthenticated {
    /// No `Authorization` header.
    Missing,
    /// More than one header, another scheme than `Bearer`, or no key that we can read.
    Malformed,
    /// The client is not declared, or the key is not one of its keys.
    UnknownKey,
    /// The connection's certificate stands for no client.
    UnknownCertificate,
    /// The connection's certificate expired after the connection began.
    ExpiredCertificate,
}

impl Unauthenticated {
    /// The reason in logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing credentials",
            Self::Malformed => "malformed credentials",
            Self::UnknownKey => "unknown key",
            Self::UnknownCertificate => "unknown certificate",
            Self::ExpiredCertificate => "expired certificate",
        }
    }
}

/// Turns an `Authorization` header into a caller.
#[derive(Debug)]
pub struct Authenticator {
    clients: HashMap<String, Arc<Client>>,
    decoy: KeyDigest,
}

impl Authenticator {
    /// Knows these clients, by id.
    pub(super) fn new(clients: HashMap<String, Arc<Client>>) -> Self {
        Self { clients, decoy: KeyDigest::decoy() }
    }

    /// The client of this id.
    pub fn client(&self, id: &str) -> Option<&Arc<Client>> {
        self.clients.get(id)
    }

    /// Every client.
    pub fn clients(&self) -> impl Iterator<Item = &Arc<Client>> {
        self.clients.values()
    }

    /// The caller that the headers prove (RFC 6750, section 2.1).
    ///
    /// # Errors
    /// There is no proof, or it is wrong.
    pub fn authenticate(&self, headers: &HeaderMap) -> Result<Caller, Unauthenticated> {
        let mut values = headers.get_all(AUTHORIZATION).into_iter();
        let value = values.next().ok_or(Unauthenticated::Missing)?;
        if values.next().is_some() {
            return Err(Unauthenticated::Malformed);
        }
        self.api_key(value.to_str().ok().and_then(bearer).ok_or(Unauthenticated::Malformed)?)
    }

    fn api_key(&self, key: &str) -> Result<Caller, Unauthenticated> {
        let id = client_id(key).ok_or(Unauthenticated::Malformed)?;
        let presented = KeyDigest::of(key);
        match self.clients.get(id) {
            Some(client) if client.accepts(&presented) => Ok(Caller { client: Arc::clone(client) }),
            Some(_) => Err(Unauthenticated::UnknownKey),
            None => {
                std::hint::black_box(self.decoy.matches(&presented));
                Err(Unauthenticated::UnknownKey)
            }
        }
    }
}

/// The credentials of the scheme `Bearer`, whose name is not case-sensitive (RFC 9110, section 11.1).
fn bearer(value: &str) -> Option<&str> {
    let (scheme, credentials) = value.split_once(' ')?;
    let credentials = credentials.trim_matches(' ');
    let token68 = |c: u8| c.is_ascii_alphanumeric() || b"-._~+/=".contains(&c);
    let valid = !credentials.is_empty() && credentials.bytes().all(token68);
    (scheme.eq_ignore_ascii_case("bearer") && valid).then_some(credentials)
}

/// The id in `ub_<id>_<random>` or `<id>.<random>`.
fn client_id(key: &str) -> Option<&str> {
    let (id, random) = match key.strip_prefix("ub_") {
        Some(rest) => rest.split_once('_')?,
        None => key.split_once('.')?,
    };
    (!id.is_empty() && !random.is_empty()).then_some(id)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::access::{Access, ClientSettings, Settings};

    fn access(keys: &[(&str, &str)]) -> Access {
        let mut clients: Vec<ClientSettings> = Vec::new();
        for (id, key) in keys {
            let secret = KeyDigest::of(key);
            match clients.iter_mut().find(|client| client.id.as_str() == *id) {
                Some(client) => client.secrets.push(secret),
                None => clients.push(ClientSettings {
                    id: id.parse().unwrap(),
                    secrets: vec![secret],
                    scopes: vec!["*:*".parse().unwrap()],
                    allowlist: None,
                    limit: None,
                }),
            }
        }
        Access::new(Settings { clients, ..Settings::default() }, None).unwrap()
    }

    #[test]
    fn keys_open_their_own_client_and_nothing_else() {
        let access = access(&[("auth0", "ub_auth0_one"), ("auth0", "ub_auth0_two"), ("okta", "okta.three")]);
        let cases: [(&[&str], Result<&str, Unauthenticated>); 14] = [
            (&["Bearer ub_auth0_one"], Ok("auth0")),
            (&["bearer ub_auth0_two"], Ok("auth0")),
            (&["BEARER  okta.three"], Ok("okta")),
            (&[], Err(Unauthenticated::Missing)),
            (&["Bearer ub_auth0_three"], Err(Unauthenticated::UnknownKey)),
            (&["Bearer ub_okta_one"], Err(Unauthenticated::UnknownKey)),
            (&["Bearer ub_nobody_one"], Err(Unauthenticated::UnknownKey)),
            (&["Bearer ub_auth0_"], Err(Unauthenticated::Malformed)),
            (&["Bearer ub_auth0"], Err(Unauthenticated::Malformed)),
            (&["Bearer "], Err(Unauthenticated::Malformed)),
            (&["Basic ub_auth0_one"], Err(Unauthenticated::Malformed)),
            (&["ub_auth0_one"], Err(Unauthenticated::Malformed)),
            (&["Bearer ub_auth0_one, Bearer x"], Err(Unauthenticated::Malformed)),
            (&["Bearer ub_auth0_one", "Bearer ub_auth0_one"], Err(Unauthenticated::Malformed)),
        ];
        for (values, expected) in cases {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
            }
            let caller = access.authenticator().authenticate(&headers);
            assert_eq!(caller.as_ref().map(|caller| caller.client.id()).map_err(|e| *e), expected, "{values:?}");
        }
    }

    #[test]
    fn a_client_without_keys_is_never_authenticated() {
        let id: crate::access::ClientId = "empty".parse().unwrap();
        let client = ClientSettings { id, secrets: vec![], scopes: vec![], allowlist: None, limit: None };
        let access = Access::new(Settings { clients: vec![client], ..Settings::default() }, None).unwrap();
        let headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static("Bearer ub_empty_x"))]);
        assert_eq!(access.authenticator().authenticate(&headers).unwrap_err(), Unauthenticated::UnknownKey);
    }
}
