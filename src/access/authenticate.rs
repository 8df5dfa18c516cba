//! From credentials to a [`Caller`].
//!
//! Invariant: a key of an unknown client costs the same as a wrong key of a known one: one digest and one comparison
//! in constant time. A token is believed by its issuer's rules and for this request only; its client is looked up
//! among those that are declared now, and never allows more than that client may do.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use http::HeaderMap;
use zeroize::Zeroizing;

use super::client::{Client, KeyDigest};
use super::issuer::{KeyCache, TrustedIssuers};
use super::presented::{Presented, client_id};
use super::scope::Scope;
use super::token::{self, Authority, Compact, is_compact};
use crate::action::Action;

/// An authenticated caller.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The client on whose behalf the request is made.
    pub client: Arc<Client>,
    /// What its token allows; None for a key, which allows all that the client may do.
    granted: Option<Vec<Scope>>,
}

impl Caller {
    /// A caller that may do all that its client may.
    pub(super) const fn of(client: Arc<Client>) -> Self {
        Self { client, granted: None }
    }

    /// Whether the client has a scope for this action, and its token too.
    pub fn may(&self, connector: &str, action: Action) -> bool {
        let granted = self.granted.as_ref();
        self.client.may(connector, action)
            && granted.is_none_or(|scopes| scopes.iter().any(|scope| scope.grants(connector, action)))
    }
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
    /// `client_id` names another client than the one that the credentials prove.
    AnotherClient,
    /// The token is not believed.
    Token(token::Refused),
    /// The keys of the token's issuer cannot be had: neither yes nor no.
    KeysUnavailable,
    /// The connection's certificate stands for no client.
    UnknownCertificate,
    /// The connection's certificate expired after the connection began.
    ExpiredCertificate,
}

impl From<token::Refused> for Unauthenticated {
    fn from(reason: token::Refused) -> Self {
        Self::Token(reason)
    }
}

impl Unauthenticated {
    /// The kind of reason, for records that are counted.
    pub const fn class(self) -> &'static str {
        match self {
            Self::Missing => "missing_credentials",
            Self::Malformed => "malformed_credentials",
            Self::UnknownKey => "unknown_key",
            Self::AnotherClient => "another_client",
            Self::Token(_) => "invalid_token",
            Self::KeysUnavailable => "issuer_keys_unavailable",
            Self::UnknownCertificate => "unknown_certificate",
            Self::ExpiredCertificate => "expired_certificate",
        }
    }
}

impl fmt::Display for Unauthenticated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("missing credentials"),
            Self::Malformed => f.write_str("malformed credentials"),
            Self::UnknownKey => f.write_str("unknown key"),
            Self::AnotherClient => f.write_str("`client_id` is not the client that the credentials prove"),
            Self::Token(reason) => reason.fmt(f),
            Self::KeysUnavailable => f.write_str("the keys of the token's issuer cannot be had"),
            Self::UnknownCertificate => f.write_str("the certificate stands for no client"),
            Self::ExpiredCertificate => f.write_str("the certificate expired after the connection began"),
        }
    }
}

/// Turns an `Authorization` header into a caller.
#[derive(Debug)]
pub struct Authenticator {
    clients: HashMap<String, Arc<Client>>,
    own: Option<Authority>,
    trusted: TrustedIssuers,
    decoy: KeyDigest,
}

impl Authenticator {
    /// Knows these clients, by id, and believes the tokens of these issuers.
    pub(super) fn new(clients: HashMap<String, Arc<Client>>, own: Option<Authority>, trusted: TrustedIssuers) -> Self {
        Self { clients, own, trusted, decoy: KeyDigest::decoy() }
    }

    /// The client of this id.
    pub fn client(&self, id: &str) -> Option<&Arc<Client>> {
        self.clients.get(id)
    }

    /// Every client.
    pub fn clients(&self) -> impl Iterator<Item = &Arc<Client>> {
        self.clients.values()
    }

    /// The issuer that we are ourselves.
    pub fn authority(&self) -> Option<&Authority> {
        self.own.as_ref()
    }

    /// The key sets of the issuers outside.
    pub fn key_caches(&self) -> Vec<&Arc<KeyCache>> {
        self.trusted.caches()
    }

    pub(super) fn trusted(&self) -> &TrustedIssuers {
        &self.trusted
    }

    /// The caller that the headers prove (RFC 6750, section 2.1). Waits for the network only when a token's issuer has
    /// a key that is not known yet.
    ///
    /// # Errors
    /// There is no proof, or it is wrong.
    pub async fn authenticate(&self, headers: &HeaderMap) -> Result<Caller, Unauthenticated> {
        self.authenticate_as(headers, &Presented::Bearer).await
    }

    /// The caller that the headers prove in one of these ways.
    ///
    /// # Errors
    /// There is no proof, or it is wrong.
    pub async fn authenticate_as(&self, headers: &HeaderMap, how: &Presented) -> Result<Caller, Unauthenticated> {
        let credential = credential(headers, how)?;
        match is_compact(&credential) {
            true => self.token(&credential).await,
            false => {
                let id = client_id(&credential).ok_or(Unauthenticated::Malformed)?;
                let client = self.client_with_key(id, &KeyDigest::of(&credential))?;
                Ok(Caller::of(client))
            }
        }
    }

    /// The user whom one of our own tokens is about, which we signed as this issuer for this audience and gave to a
    /// client that is still declared: that client, and the token's claims.
    ///
    /// # Errors
    /// There is no such token after `Authorization: Bearer`, which is the only place where one is looked for.
    pub fn user(
        &self,
        headers: &HeaderMap,
        issuer: &str,
        audience: &str,
    ) -> Result<(Caller, token::Object), Unauthenticated> {
        let text = credential(headers, &Presented::Bearer)?;
        let own = self.own.as_ref().ok_or(token::Refused::Issuer)?;
        let claims = own.believe_about_user(Compact::parse(&text)?, issuer, audience)?;
        let id = claims.text("client_id").ok_or(token::Refused::MissingClaim("client_id"))?;
        let client = self.clients.get(id).ok_or(token::Refused::UnknownClient)?;
        Ok((Caller::of(Arc::clone(client)), claims.all))
    }

    async fn token(&self, text: &str) -> Result<Caller, Unauthenticated> {
        let token = Compact::parse(text)?;
        let own = self.own.as_ref().filter(|own| token.issuer() == Some(own.issuer()));
        let (id, scopes) = match own {
            Some(own) => own.believe(token)?,
            None => {
                let (client, scopes) = self.trusted.believe(text).await?;
                (client.as_str().to_owned(), scopes)
            }
        };
        let client = self.clients.get(&id).ok_or(token::Refused::UnknownClient)?;
        Ok(Caller { client: Arc::clone(client), granted: Some(scopes) })
    }

    /// The client of this id, if the digest is that of one of its keys.
    ///
    /// # Errors
    /// The client is not declared, or has no such key.
    pub fn client_with_key(&self, id: &str, presented: &KeyDigest) -> Result<Arc<Client>, Unauthenticated> {
        match self.clients.get(id) {
            Some(client) if client.accepts(presented) => Ok(Arc::clone(client)),
            Some(_) => Err(Unauthenticated::UnknownKey),
            None => {
                std::hint::black_box(self.decoy.matches(presented));
                Err(Unauthenticated::UnknownKey)
            }
        }
    }
}

/// The one credential in the headers.
fn credential(headers: &HeaderMap, how: &Presented) -> Result<Zeroizing<String>, Unauthenticated> {
    let mut values = headers.get_all(how.header()).into_iter();
    let value = values.next().ok_or(Unauthenticated::Missing)?;
    if values.next().is_some() {
        return Err(Unauthenticated::Malformed);
    }
    value.to_str().ok().and_then(|value| how.credential(value)).ok_or(Unauthenticated::Malformed)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::AUTHORIZATION;

    use super::*;
    use crate::access::{Access, ClientSettings, Settings};

    fn access(keys: &[(&str, &str)]) -> Access {
        let mut clients: Vec<ClientSettings> = Vec::new();
        for (id, key) in keys {
            let secret = KeyDigest::of(key);
            match clients.iter_mut().find(|client| client.id.as_str() == *id) {
                Some(client) => client.secrets.push(secret),
                None => clients.push(ClientSettings {
                    secrets: vec![secret],
                    scopes: vec!["*:*".parse().unwrap()],
                    ..ClientSettings::new(id.parse().unwrap())
                }),
            }
        }
        Access::new(Settings { clients, ..Settings::default() }, None).unwrap()
    }

    #[tokio::test]
    async fn keys_open_their_own_client_and_nothing_else() {
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
            let caller = access.authenticator().authenticate(&headers).await;
            assert_eq!(caller.as_ref().map(|caller| caller.client.id()).map_err(|e| *e), expected, "{values:?}");
        }
    }

    #[tokio::test]
    async fn a_client_without_keys_is_never_authenticated() {
        let id: crate::access::ClientId = "empty".parse().unwrap();
        let client = ClientSettings::new(id);
        let access = Access::new(Settings { clients: vec![client], ..Settings::default() }, None).unwrap();
        let headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static("Bearer ub_empty_x"))]);
        assert_eq!(access.authenticator().authenticate(&headers).await.unwrap_err(), Unauthenticated::UnknownKey);
    }
}
