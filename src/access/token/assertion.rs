//! Clients that prove themselves by a signature instead of a secret (`private_key_jwt`, RFC 7523).
//!
//! Invariant: an assertion is for us alone, by the rule that mends RFC 7523 (draft-ietf-oauth-rfc7523bis): its one
//! audience is our issuer identifier, never the address of an endpoint, which another issuer could claim as its own
//! (CVE-2025-27370). It passes once.

use std::sync::Arc;

use super::Refused;
use super::authority::Authority;
use super::compact::Compact;
use super::key::Algorithm;
use super::rules::{Check, LEEWAY, Rules, TokenType};
use crate::access::{Authenticator, Client};

/// How long an assertion may be valid, in seconds; it is made for one request.
const MAX_LIFETIME: u64 = 300;

impl Authority {
    /// The client that signed the assertion for us as this issuer.
    pub(super) fn asserted(&self, clients: &Authenticator, text: &str, audience: &str) -> Result<Arc<Client>, Refused> {
        let token = Compact::parse(text)?;
        let id = token.issuer().ok_or(Refused::Issuer)?;
        let client = clients.client(id).ok_or(Refused::UnknownClient)?;
        self.asserted_by(client, token, &Self::assertion_rules(client.id(), audience))?;
        Ok(Arc::clone(client))
    }

    pub(super) fn assertion_rules(client: &str, audience: &str) -> Rules {
        Rules {
            issuer: client.to_owned(),
            audience: audience.to_owned(),
            sole_audience: true,
            algorithms: Algorithm::ALL.to_vec(),
            types: vec![TokenType::ClientAuthentication, TokenType::Jwt, TokenType::Missing],
            required: Vec::new(),
            #[cfg(test)]
            without: None,
        }
    }

    pub(super) fn asserted_by(&self, client: &Client, token: Compact<'_>, rules: &Rules) -> Result<(), Refused> {
        let algorithm = rules.algorithm(&token)?;
        // A client has a few keys at most; many libraries leave `kid` out.
        let kid = token.header("kid");
        let named = |name: Option<&str>| kid.is_none() || name.is_none() || name == kid;
        let mut keys = client.assertion_keys().iter().filter(|key| named(key.kid()) && key.fits(algorithm)).peekable();
        if keys.peek().is_none() {
            return Err(Refused::UnknownKey);
        }
        if !keys.any(|key| rules.signature(&token, algorithm, key).is_ok()) {
            return Err(Refused::Signature);
        }
        let now = (self.outside.now)();
        let claims = rules.claims(token, now)?;
        if rules.demands(Check::Identity) && claims.subject != client.id() {
            return Err(Refused::Subject);
        }
        if rules.demands(Check::Expiry) && claims.expires > now.saturating_add(MAX_LIFETIME + LEEWAY) {
            return Err(Refused::TooLong);
        }
        let id = claims.id.ok_or(Refused::MissingClaim("jti"))?;
        // Last, so that only who holds the key can fill the memory.
        self.replays.use_up(client.id(), &id, claims.expires.saturating_add(LEEWAY), now)
    }
}
