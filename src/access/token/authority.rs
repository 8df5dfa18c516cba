//! The issuer that we are ourselves: access tokens by RFC 9068, the keys and metadata that we publish.
//!
//! Invariant: a token says what its client was allowed when it was issued; what it is allowed now is looked up at
//! each request.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding};
use ring::rand::SecureRandom;
use serde_json::{Value as Json, json};
use tokio::time::Instant;

use super::compact::Compact;
use super::json::Object;
use super::key::Algorithm;
use super::keyring::KeyRing;
use super::replay::Replays;
use super::rules::{Claims, Rules, TokenType};
use super::signing::SigningKey;
use super::{Outside, Refused};
use crate::access::{Client, Scope};

/// Our own tokens, as they are declared.
#[derive(Clone, Debug)]
pub struct AuthoritySettings {
    /// The issuer identifier (RFC 8414): an origin, perhaps with a path, without a slash at its end.
    pub issuer: String,
    /// What the tokens are meant for.
    pub audience: String,
    /// How long a token is valid.
    pub lifetime: Duration,
    /// How long a key that appears while we run is only published before it signs.
    pub settle: Duration,
    /// The keys, oldest first.
    pub keys: Vec<Arc<SigningKey>>,
}

/// Issues and believes our own tokens.
pub struct Authority {
    pub(super) settings: AuthoritySettings,
    pub(super) outside: Outside,
    pub(super) replays: Arc<Replays>,
    keys: KeyRing,
    rules: Rules,
    documents: Documents,
}

/// What anybody may read.
struct Documents {
    keys: String,
    metadata: String,
}

/// A token that is to be signed.
#[derive(Debug)]
pub struct Unsigned {
    /// What it is for.
    pub kind: TokenType,
    /// In whose name: our own issuer identifier, or one below it.
    pub issuer: String,
    /// Whom it is meant for.
    pub audience: String,
    /// Its further claims: neither these, nor the times and the id that every token gets.
    pub claims: Object,
}

/// A token that was just made.
pub struct Issued {
    /// Its compact text.
    pub token: String,
    /// How long it is valid, in seconds.
    pub expires_in: u64,
}

impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issued").field("expires_in", &self.expires_in).finish_non_exhaustive()
    }
}

/// How many assertions are remembered: at 5 minutes each, 300 a second.
const REPLAYS: usize = 100_000;

impl Authority {
    /// Goes on with the used assertions and the keys' ages of `previous`; None without any key.
    pub(in crate::access) fn new(
        settings: AuthoritySettings,
        outside: Outside,
        previous: Option<&Self>,
    ) -> Option<Self> {
        if settings.keys.is_empty() {
            return None;
        }
        let replays = previous.map_or_else(|| Arc::new(Replays::new(REPLAYS)), |before| Arc::clone(&before.replays));
        let keys = KeyRing::new(&settings.keys, previous.map(|before| &before.keys), Instant::now());
        let rules = Rules {
            issuer: settings.issuer.clone(),
            audience: settings.audience.clone(),
            sole_audience: false,
            algorithms: Algorithm::OWN.to_vec(),
            types: vec![TokenType::AccessToken],
            required: Vec::new(),
            #[cfg(test)]
            without: None,
        };
        let documents =
            Documents { keys: published(&keys).to_string(), metadata: metadata(&settings.issuer).to_string() };
        Some(Self { settings, outside, replays, keys, rules, documents })
    }

    /// The issuer identifier.
    pub fn issuer(&self) -> &str {
        &self.settings.issuer
    }

    /// The keys that verify our tokens, as JSON (RFC 7517, section 5).
    pub fn jwks(&self) -> &str {
        &self.documents.keys
    }

    /// Where tokens are to be had and how, as JSON (RFC 8414, section 2).
    pub fn metadata(&self) -> &str {
        &self.documents.metadata
    }

    /// The names of the keys in use, oldest first.
    pub fn key_ids(&self) -> Vec<String> {
        self.keys.keys().map(|key| key.kid().to_owned()).collect()
    }

    /// A token for these scopes of the client; None when the system gives no random bytes.
    pub(super) fn issue(&self, client: &Client, scope: &str) -> Option<Issued> {
        // RFC 9068, section 2.2; a client that acts for itself is its own subject.
        let claims = [("sub", client.id()), ("client_id", client.id()), ("scope", scope)];
        self.sign(Unsigned {
            kind: TokenType::AccessToken,
            issuer: self.settings.issuer.clone(),
            audience: self.settings.audience.clone(),
            claims: claims.map(|(name, text)| (name.to_owned(), json!(text))).into_iter().collect(),
        })
    }

    /// Signs a token that is valid from now on; None when the system gives no random bytes.
    pub fn sign(&self, unsigned: Unsigned) -> Option<Issued> {
        let Unsigned { kind, issuer, audience, claims: further } = unsigned;
        let key = self.keys.signer(self.settings.settle, Instant::now())?;
        let mut id = [0; 16];
        self.outside.random.fill(&mut id).ok()?;
        let (now, expires_in) = ((self.outside.now)(), self.settings.lifetime.as_secs());
        let header = json!({ "typ": kind.as_str(), "alg": key.algorithm().as_str(), "kid": key.kid() });
        let mut claims = Object::new();
        claims.insert("iss".to_owned(), json!(issuer));
        claims.insert("aud".to_owned(), json!(audience));
        claims.extend(further);
        claims.insert("iat".to_owned(), json!(now));
        claims.insert("exp".to_owned(), json!(now.saturating_add(expires_in)));
        claims.insert("jti".to_owned(), json!(Base64UrlUnpadded::encode_string(&id)));
        let encode = |json: &Json| Base64UrlUnpadded::encode_string(json.to_string().as_bytes());
        let signed = format!("{}.{}", encode(&header), encode(&Json::Object(claims)));
        let signature = key.sign(signed.as_bytes(), &self.outside.random)?;
        Some(Issued { token: format!("{signed}.{}", Base64UrlUnpadded::encode_string(&signature)), expires_in })
    }

    /// The client that one of our tokens is for, and what it was allowed.
    pub(in crate::access) fn believe(&self, token: Compact<'_>) -> Result<(String, Vec<Scope>), Refused> {
        let claims = self.verified(&self.rules, token)?;
        let client = claims.text("client_id").ok_or(Refused::MissingClaim("client_id"))?;
        if client != claims.subject {
            return Err(Refused::Subject);
        }
        let scopes = claims.text("scope").ok_or(Refused::MissingClaim("scope"))?;
        let scopes = scopes.split(' ').filter_map(|scope| scope.parse().ok()).collect();
        Ok((client.to_owned(), scopes))
    }

    /// The claims of an access token that we signed in this issuer's name for this one audience: one about a user, who
    /// is its subject.
    pub(in crate::access) fn believe_about_user(
        &self,
        token: Compact<'_>,
        issuer: &str,
        audience: &str,
    ) -> Result<Claims, Refused> {
        let (issuer, audience) = (issuer.to_owned(), audience.to_owned());
        self.verified(&Rules { issuer, audience, sole_audience: true, ..self.rules.clone() }, token)
    }

    fn verified(&self, rules: &Rules, token: Compact<'_>) -> Result<Claims, Refused> {
        let algorithm = rules.algorithm(&token)?;
        let key = token.header("kid").and_then(|kid| self.keys.find(kid)).ok_or(Refused::UnknownKey)?;
        rules.signature(&token, algorithm, key.public())?;
        let claims = rules.claims(token, (self.outside.now)())?;
        required(&claims)?;
        Ok(claims)
    }

    #[cfg(test)]
    pub(super) fn rules_mut(&mut self) -> &mut Rules {
        &mut self.rules
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// What RFC 9068 requires beyond the claims that the rules look at.
fn required(claims: &Claims) -> Result<(), Refused> {
    match (&claims.id, claims.all.get("iat")) {
        (None, _) => Err(Refused::MissingClaim("jti")),
        (_, None) => Err(Refused::MissingClaim("iat")),
        _ => Ok(()),
    }
}

fn published(keys: &KeyRing) -> Json {
    // The newest first: readers that look at one key only look at that one.
    let mut list: Vec<_> = keys.keys().map(|key| key.public().to_jwk()).collect();
    list.reverse();
    json!({ "keys": list })
}

fn metadata(issuer: &str) -> Json {
    json!({
        "issuer": issuer,
        "token_endpoint": format!("{issuer}/oauth/token"),
        "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
        "grant_types_supported": ["client_credentials"],
        // Required by RFC 8414, and empty: there is no authorization endpoint.
        "response_types_supported": [],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": Algorithm::ALL.map(Algorithm::as_str),
    })
}
