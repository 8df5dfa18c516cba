//! Issuers outside whose tokens are believed.
//!
//! Invariant: an issuer gives its tokens' subjects no more than what one declared client may do. Which rules are
//! applied is decided by the issuer that a token claims; whether it is true, by that issuer's keys alone.

mod keys;
mod subject;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value as Json;
use url::Url;

pub use self::keys::KeyCache;
pub use self::subject::{APPLICATION, Granting, SubjectRule};
use super::token::{Algorithm, Claims, Compact, Outside, Refused, Rules, TokenType};
use super::{ClientId, Scope, Unauthenticated};

/// Gets the document at an address, or says why not. Whoever provides it bounds its size and time and follows no
/// redirect.
pub type Fetch = Arc<dyn Fn(Url) -> FetchAnswer + Send + Sync>;

/// The document, once it is there.
pub type FetchAnswer = Pin<Box<dyn Future<Output = Result<Vec<u8>, String>> + Send>>;

/// An issuer outside, as it is declared.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The claim `iss`, character by character.
    pub issuer: String,
    /// What the claim `aud` must be or contain.
    pub audience: String,
    /// The algorithms that the issuer signs with.
    pub algorithms: Vec<Algorithm>,
    /// The types that its access tokens have.
    pub types: Vec<TokenType>,
    /// The subjects that may call.
    pub subjects: SubjectRule,
    /// Further claims that the tokens must have, each with exactly this text.
    pub claims: Vec<(String, String)>,
    /// The client whose scopes, networks and limits apply.
    pub client: ClientId,
    /// What a token allows.
    pub granting: Granting,
    /// Where the issuer's keys are, and how long they are used.
    pub keys: KeySettings,
}

/// Where an issuer's keys are, and how long they are used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySettings {
    /// The address of the key set, or of the metadata that say where it is.
    pub url: Url,
    /// With metadata at that address, the issuer that they must be of (OpenID Connect Discovery, section 4.3).
    pub metadata_of: Option<String>,
    /// After this time the keys are fetched anew, while those at hand are used.
    pub refresh: Duration,
    /// The least time between two fetches, however many unknown keys are met.
    pub cool_down: Duration,
    /// For how long keys are used that could not be fetched anew.
    pub stale: Duration,
}

/// The issuers that are trusted now.
#[derive(Debug, Default)]
pub(super) struct TrustedIssuers {
    issuers: Vec<TrustedIssuer>,
    now: Option<fn() -> u64>,
}

#[derive(Debug)]
struct TrustedIssuer {
    rules: Rules,
    subjects: SubjectRule,
    client: ClientId,
    granting: Granting,
    keys: Arc<KeyCache>,
}

impl TrustedIssuers {
    /// Goes on with the keys that `previous` has fetched from the same places.
    pub(super) fn new(list: Vec<Settings>, outside: &Outside, previous: Option<&Self>) -> Self {
        let mut caches: Vec<Arc<KeyCache>> =
            previous.map_or_else(Vec::new, |before| before.issuers.iter().map(|one| Arc::clone(&one.keys)).collect());
        let issuers = list.into_iter().map(|settings| {
            let known = caches.iter().find(|cache| *cache.settings() == settings.keys).map(Arc::clone);
            let keys = known.unwrap_or_else(|| {
                let new = Arc::new(KeyCache::new(settings.keys, Arc::clone(&outside.fetch)));
                caches.push(Arc::clone(&new));
                new
            });
            let rules = Rules {
                issuer: settings.issuer,
                audience: settings.audience,
                sole_audience: false,
                algorithms: settings.algorithms,
                types: settings.types,
                required: settings.claims,
                #[cfg(test)]
                without: None,
            };
            TrustedIssuer {
                rules,
                subjects: settings.subjects,
                client: settings.client,
                granting: settings.granting,
                keys,
            }
        });
        Self { issuers: issuers.collect(), now: Some(outside.now) }
    }

    /// The key sets, each once.
    pub(super) fn caches(&self) -> Vec<&Arc<KeyCache>> {
        let mut caches: Vec<&Arc<KeyCache>> = Vec::new();
        for issuer in &self.issuers {
            if !caches.iter().any(|known| Arc::ptr_eq(known, &issuer.keys)) {
                caches.push(&issuer.keys);
            }
        }
        caches
    }

    /// The client that a token is for, and what it allows. Where several entries have the token's issuer, the first
    /// one that fits decides.
    pub(super) async fn believe(&self, text: &str) -> Result<(&ClientId, Vec<Scope>), Unauthenticated> {
        let now = self.now.ok_or(Refused::Issuer)?;
        let token = Compact::parse(text)?;
        let issuer = token.issuer().ok_or(Refused::Issuer)?.to_owned();
        drop(token);
        let mut refused = Unauthenticated::Token(Refused::Issuer);
        for entry in self.issuers.iter().filter(|entry| entry.rules.issuer == issuer) {
            match entry.believe(Compact::parse(text)?, now).await {
                Ok(scopes) => return Ok((&entry.client, scopes)),
                Err(reason) => refused = reason,
            }
        }
        Err(refused)
    }
}

impl TrustedIssuer {
    async fn believe(&self, token: Compact<'_>, now: fn() -> u64) -> Result<Vec<Scope>, Unauthenticated> {
        let algorithm = self.rules.algorithm(&token)?;
        let kid = token.header("kid").ok_or(Refused::UnknownKey)?;
        let key = self.keys.find(kid, algorithm).await?;
        self.rules.signature(&token, algorithm, &key)?;
        let claims = self.rules.claims(token, now())?;
        if !self.subjects.admits(&claims.subject) {
            return Err(Refused::Subject.into());
        }
        Ok(self.granting.scopes(&claims))
    }
}

/// The words of a claim that is a text with spaces between, or a list of texts.
fn words(claims: &Claims, name: &str) -> Vec<String> {
    match claims.all.get(name) {
        Some(Json::String(text)) => text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect(),
        Some(Json::Array(list)) => list.iter().filter_map(Json::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}
