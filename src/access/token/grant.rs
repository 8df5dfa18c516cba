//! The client credentials grant (RFC 6749, section 4.4): who asks, and for what.
//!
//! Invariant: a client gets what it may do anyway, or less. The client secret is the whole API key, as
//! `userbridge client new` prints it: one string to copy, one digest to keep.

use std::net::IpAddr;
use std::sync::Arc;

use super::authority::Authority;
use crate::access::{Authenticator, Client, KeyDigest, RateLimited, Scope, Unauthenticated};
use crate::secret::Secret;

/// A request for a token, as it was sent.
#[derive(Debug)]
pub struct GrantRequest {
    /// The parameter `grant_type`.
    pub grant_type: Option<String>,
    /// The parameter `scope`.
    pub scope: Option<String>,
    /// The parameter `resource` (RFC 8707).
    pub resource: Option<String>,
    /// How the client proves itself; None when it does not.
    pub credentials: Option<Credentials>,
}

/// How a client proves itself.
#[derive(Debug)]
pub enum Credentials {
    /// `client_secret_basic` and `client_secret_post`.
    Secret {
        /// The client's id.
        id: String,
        /// The client's API key.
        secret: Secret,
    },
    /// `private_key_jwt`.
    Assertion(Assertion),
}

/// A signed assertion.
pub struct Assertion {
    /// The parameter `client_id`, which may be left out.
    pub id: Option<String>,
    /// The JWT.
    pub text: String,
}

impl std::fmt::Debug for Assertion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Assertion").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What was granted.
pub struct Granted {
    /// To whom.
    pub client: Arc<Client>,
    /// The access token.
    pub token: String,
    /// How long it is valid, in seconds.
    pub expires_in: u64,
    /// What it allows: scopes with spaces between.
    pub scope: String,
}

impl std::fmt::Debug for Granted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Granted").field("client", &self.client.id()).field("scope", &self.scope).finish_non_exhaustive()
    }
}

/// Why nothing was granted.
#[derive(Debug)]
pub struct GrantError {
    /// The reason in the answer.
    pub kind: GrantErrorKind,
    /// The reason in the log.
    pub reason: String,
    /// The client, once it has proved itself.
    pub client: Option<Arc<Client>>,
}

/// The reasons of RFC 6749, section 5.2, and RFC 8707; two more have no name there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantErrorKind {
    /// A parameter is missing or makes no sense.
    InvalidRequest,
    /// The client did not prove itself.
    InvalidClient,
    /// The client may not ask from this address.
    UnauthorizedClient,
    /// Not `client_credentials`.
    UnsupportedGrantType,
    /// Beyond what the client may do.
    InvalidScope,
    /// For another audience than ours.
    InvalidTarget,
    /// The client's limit is reached.
    RateLimited(RateLimited),
    /// The system gives no random bytes.
    Internal,
}

/// As many scopes as anybody can mean.
const MAX_SCOPES: usize = 100;

impl Authority {
    /// Answers a request from this address.
    ///
    /// # Errors
    /// Nothing can be granted; see [`GrantErrorKind`].
    pub fn grant(
        &self,
        clients: &Authenticator,
        request: GrantRequest,
        address: IpAddr,
    ) -> Result<Granted, GrantError> {
        let error = |kind, reason: &str| GrantError { kind, reason: reason.to_owned(), client: None };
        let Some(credentials) = &request.credentials else {
            return Err(error(GrantErrorKind::InvalidClient, "missing credentials"));
        };
        let client = self
            .authenticate(clients, credentials, self.issuer())
            .map_err(|reason| error(GrantErrorKind::InvalidClient, &reason.to_string()))?;
        let granted = self.grant_to(&client, &request, address);
        granted.map_err(|(kind, reason)| GrantError { kind, reason, client: Some(client) })
    }

    /// The client that these credentials prove to us as this issuer.
    pub(in crate::access) fn authenticate(
        &self,
        clients: &Authenticator,
        credentials: &Credentials,
        issuer: &str,
    ) -> Result<Arc<Client>, Unauthenticated> {
        match credentials {
            Credentials::Secret { id, secret } => clients.client_with_key(id, &KeyDigest::of_bytes(secret.expose())),
            Credentials::Assertion(Assertion { id, text }) => {
                let client = self.asserted(clients, text, issuer)?;
                match id.as_ref().is_none_or(|id| id == client.id()) {
                    true => Ok(client),
                    false => Err(Unauthenticated::AnotherClient),
                }
            }
        }
    }

    fn grant_to(
        &self,
        client: &Arc<Client>,
        request: &GrantRequest,
        address: IpAddr,
    ) -> Result<Granted, (GrantErrorKind, String)> {
        let error = |kind, reason: &str| Err((kind, reason.to_owned()));
        if !client.admits(address) {
            return error(GrantErrorKind::UnauthorizedClient, "this client may not ask from this address");
        }
        client.reserve().map_err(|limited| (GrantErrorKind::RateLimited(limited), "the client's limit".to_owned()))?;
        match request.grant_type.as_deref() {
            Some("client_credentials") => {}
            Some(_) => return error(GrantErrorKind::UnsupportedGrantType, "expected `client_credentials`"),
            None => return error(GrantErrorKind::InvalidRequest, "`grant_type` is missing"),
        }
        if request.resource.as_ref().is_some_and(|resource| *resource != self.settings.audience) {
            let reason = format!("`resource` is not `{}`", self.settings.audience);
            return Err((GrantErrorKind::InvalidTarget, reason));
        }
        let scope = narrowed(client.scopes(), request.scope.as_deref())
            .map_err(|reason| (GrantErrorKind::InvalidScope, reason))?;
        let Some(issued) = self.issue(client, &scope) else {
            return error(GrantErrorKind::Internal, "no random bytes");
        };
        Ok(Granted { client: Arc::clone(client), token: issued.token, expires_in: issued.expires_in, scope })
    }
}

/// The scopes that are asked for, each of which the client must have; all of the client's when none is asked for.
fn narrowed(own: &[Scope], asked: Option<&str>) -> Result<String, String> {
    let mut scopes: Vec<Scope> = Vec::new();
    match asked {
        None => scopes.extend_from_slice(own),
        Some(text) => {
            for word in text.split(' ').filter(|word| !word.is_empty()) {
                let scope: Scope = word.parse().map_err(|_| "a scope is not `connector:action`".to_owned())?;
                if !own.iter().any(|one| one.covers(&scope)) {
                    return Err(format!("the client does not have the scope `{scope}`"));
                }
                if !scopes.contains(&scope) {
                    scopes.push(scope);
                }
            }
        }
    }
    match scopes.len() {
        0 => Err("no scope is left: the client has none, or none was asked for".to_owned()),
        1..=MAX_SCOPES => Ok(scopes.iter().map(Scope::to_string).collect::<Vec<_>>().join(" ")),
        _ => Err(format!("more than {MAX_SCOPES} scopes")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_narrows_and_never_widens() {
        let own: Vec<Scope> = ["acme:*", "other:login"].map(|scope| scope.parse().unwrap()).to_vec();
        let cases = [
            (None, Ok("acme:* other:login")),
            (Some("acme:login"), Ok("acme:login")),
            (Some("  acme:login other:login acme:login "), Ok("acme:login other:login")),
            (Some("acme:*"), Ok("acme:*")),
            (Some("*:*"), Err("does not have the scope `*:*`")),
            (Some("*:login"), Err("does not have the scope `*:login`")),
            (Some("other:*"), Err("does not have the scope `other:*`")),
            (Some("acme:login nobody:login"), Err("does not have the scope `nobody:login`")),
            (Some("openid"), Err("not `connector:action`")),
            (Some(" "), Err("no scope is left")),
        ];
        for (asked, expected) in cases {
            let found = narrowed(&own, asked);
            match (&found, expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{asked:?}"),
                (Err(found), Err(expected)) => assert!(found.contains(expected), "{asked:?}: {found}"),
                _ => panic!("{asked:?}: {found:?}"),
            }
        }
        assert!(narrowed(&[], None).is_err());
    }
}
