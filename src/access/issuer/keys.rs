//! The keys of one issuer: fetched, kept, and fetched again.
//!
//! Invariant: however many tokens name unknown keys, there is one fetch at a time and no more than one in each
//! cool-down. A host that is down costs nobody anything while the keys at hand are young enough.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value as Json;
use tokio::sync::watch;
use tokio::time::Instant;
use url::Url;

use super::{Fetch, KeySettings};
use crate::access::Unauthenticated;
use crate::access::token::{Algorithm, Jwk, PublicKey, Refused};

/// The keys of one issuer.
pub struct KeyCache {
    settings: KeySettings,
    fetch: Fetch,
    state: Mutex<State>,
    /// How far a test has moved the clock.
    #[cfg(test)]
    ahead: std::sync::atomic::AtomicU64,
}

#[derive(Default)]
struct State {
    fetched: Option<Fetched>,
    attempted: Option<Instant>,
    failures: u64,
    /// Closed when the fetch in progress ends, however it ends.
    flight: Option<watch::Receiver<()>>,
}

struct Fetched {
    keys: HashMap<String, Vec<Arc<PublicKey>>>,
    at: Instant,
}

/// The most keys that are kept of one issuer; real ones have two or three.
const MAX_KEYS: usize = 64;

impl KeyCache {
    pub(super) fn new(settings: KeySettings, fetch: Fetch) -> Self {
        Self {
            settings,
            fetch,
            state: Mutex::default(),
            #[cfg(test)]
            ahead: Default::default(),
        }
    }

    pub(super) fn settings(&self) -> &KeySettings {
        &self.settings
    }

    /// Where the keys come from.
    pub fn url(&self) -> &str {
        self.settings.url.as_str()
    }

    /// How old the keys are, in seconds; None without any.
    pub fn age(&self) -> Option<f64> {
        self.lock().fetched.as_ref().map(|fetched| self.since(fetched.at).as_secs_f64())
    }

    /// How many fetches have failed.
    pub fn failures(&self) -> u64 {
        self.lock().failures
    }

    /// Fetches the keys unless that was tried in the last cool-down; waits for the fetch in progress if there is one.
    pub async fn refresh(self: &Arc<Self>) {
        if let Some(mut flight) = self.begin() {
            // Only the sender's end is waited for.
            while flight.changed().await.is_ok() {}
        }
    }

    /// The key of this name that fits the algorithm.
    ///
    /// # Errors
    /// The issuer publishes no such key, or its keys cannot be had.
    pub(super) async fn find(
        self: &Arc<Self>,
        kid: &str,
        algorithm: Algorithm,
    ) -> Result<Arc<PublicKey>, Unauthenticated> {
        if let Some(key) = self.known(kid, algorithm) {
            return Ok(key);
        }
        self.refresh().await;
        match self.known(kid, algorithm) {
            Some(key) => Ok(key),
            None if self.usable(&self.lock()) => Err(Refused::UnknownKey.into()),
            None => Err(Unauthenticated::KeysUnavailable),
        }
    }

    /// The key at hand; keys that grow old are fetched anew behind the request.
    fn known(self: &Arc<Self>, kid: &str, algorithm: Algorithm) -> Option<Arc<PublicKey>> {
        let (key, old) = {
            let state = self.lock();
            if !self.usable(&state) {
                return None;
            }
            let fetched = state.fetched.as_ref()?;
            let fitting = fetched.keys.get(kid)?.iter().find(|key| key.fits(algorithm));
            (fitting.map(Arc::clone), self.since(fetched.at) >= self.settings.refresh)
        };
        if old {
            self.begin();
        }
        key
    }

    /// Whether there are keys that are not too old.
    fn usable(&self, state: &State) -> bool {
        state
            .fetched
            .as_ref()
            .is_some_and(|fetched| self.since(fetched.at) < self.settings.refresh + self.settings.stale)
    }

    /// The fetch in progress, begun now if it may be; None in the cool-down.
    fn begin(self: &Arc<Self>) -> Option<watch::Receiver<()>> {
        let mut state = self.lock();
        // A task that was lost has dropped its sender too.
        if let Some(flight) = state.flight.as_ref().filter(|flight| flight.has_changed().is_ok()) {
            return Some(flight.clone());
        }
        if state.attempted.is_some_and(|attempted| self.since(attempted) < self.settings.cool_down) {
            return None;
        }
        state.attempted = Some(self.now());
        let (landed, flight) = watch::channel(());
        state.flight = Some(flight.clone());
        let cache = Arc::clone(self);
        // A task of its own: the request that began it may be gone before it ends.
        tokio::spawn(async move {
            cache.fetch().await;
            drop(landed);
        });
        Some(flight)
    }

    async fn fetch(&self) {
        let result = self.document().await.and_then(|document| parse(&document));
        let mut state = self.lock();
        match result {
            Ok(keys) => {
                tracing::debug!(url = self.url(), keys = keys.len(), "fetched an issuer's keys");
                state.fetched = Some(Fetched { keys, at: self.now() });
            }
            Err(error) => {
                state.failures += 1;
                let age = state.fetched.as_ref().map(|fetched| self.since(fetched.at).as_secs());
                let usable = self.usable(&state);
                drop(state);
                match usable {
                    true => {
                        tracing::warn!(url = self.url(), error, age, "cannot fetch an issuer's keys; old ones are used")
                    }
                    false => tracing::error!(
                        url = self.url(),
                        error,
                        age,
                        "cannot fetch an issuer's keys; its tokens are refused"
                    ),
                }
            }
        }
    }

    /// The key set, found by way of the metadata where the settings name those.
    async fn document(&self) -> Result<Vec<u8>, String> {
        let document = (self.fetch)(self.settings.url.clone()).await?;
        match &self.settings.metadata_of {
            None => Ok(document),
            Some(issuer) => (self.fetch)(key_address(&document, issuer)?).await,
        }
    }

    fn since(&self, past: Instant) -> Duration {
        self.now().saturating_duration_since(past)
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, reason = "tests move the clock")]
    fn now(&self) -> Instant {
        Instant::now()
    }

    #[cfg(test)]
    fn now(&self) -> Instant {
        Instant::now() + Duration::from_secs(self.ahead.load(std::sync::atomic::Ordering::SeqCst))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for KeyCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyCache").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// Where an issuer's metadata say that its keys are.
fn key_address(metadata: &[u8], issuer: &str) -> Result<Url, String> {
    #[derive(Deserialize)]
    struct Metadata {
        issuer: String,
        jwks_uri: String,
    }
    let metadata: Metadata = serde_json::from_slice(metadata)
        .map_err(|_| "the document is no metadata with `issuer` and `jwks_uri`".to_owned())?;
    match metadata.issuer == issuer {
        true => metadata.jwks_uri.parse().map_err(|_| "the metadata's `jwks_uri` is not an address".to_owned()),
        false => Err("the metadata are of another issuer".to_owned()),
    }
}

/// The keys of a set by their names. What is no key that we can use is left out: sets hold keys for encryption too.
fn parse(document: &[u8]) -> Result<HashMap<String, Vec<Arc<PublicKey>>>, String> {
    #[derive(Deserialize)]
    struct KeySet {
        keys: Vec<Json>,
    }
    let set: KeySet = serde_json::from_slice(document).map_err(|_| "the document is no JSON Web Key Set".to_owned())?;
    if set.keys.len() > MAX_KEYS {
        return Err(format!("the key set has {} keys, expected at most {MAX_KEYS}", set.keys.len()));
    }
    let mut keys: HashMap<String, Vec<Arc<PublicKey>>> = HashMap::new();
    for json in set.keys {
        let key = serde_json::from_value::<Jwk>(json).ok().and_then(|jwk| PublicKey::from_jwk(&jwk).ok());
        if let Some((kid, key)) = key.and_then(|key| Some((key.kid()?.to_owned(), key))) {
            keys.entry(kid).or_default().push(Arc::new(key));
        }
    }
    match keys.is_empty() {
        true => Err("the key set has no key that can be used".to_owned()),
        false => Ok(keys),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    const KEY: &str = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"#;

    /// A host that answers with the document of the moment, after a while.
    #[derive(Default)]
    struct Host {
        fetches: AtomicUsize,
        document: Mutex<Option<String>>,
    }

    fn cache(document: Option<&str>) -> (Arc<Host>, Arc<KeyCache>) {
        let host = Arc::new(Host::default());
        publish(&host, document);
        let asked = Arc::clone(&host);
        let fetch: Fetch = Arc::new(move |_| {
            asked.fetches.fetch_add(1, Ordering::SeqCst);
            let document = asked.document.lock().unwrap().clone();
            Box::pin(async move {
                tokio::time::sleep(Duration::from_millis(50)).await;
                document.map(String::into_bytes).ok_or_else(|| "connection refused".to_owned())
            })
        });
        let settings = KeySettings {
            url: "https://issuer.example/jwks.json".parse().unwrap(),
            metadata_of: None,
            refresh: Duration::from_secs(600),
            // Longer than any test takes, however slow the machine.
            cool_down: Duration::from_secs(150),
            stale: Duration::from_secs(3600),
        };
        (host, Arc::new(KeyCache::new(settings, fetch)))
    }

    fn publish(host: &Host, kid: Option<&str>) {
        *host.document.lock().unwrap() = kid.map(|kid| format!("{{\"keys\":[{KEY}\"{kid}\"}}]}}"));
    }

    async fn finds(cache: &Arc<KeyCache>, kid: &str) -> Result<(), Unauthenticated> {
        cache.find(kid, Algorithm::EdDsa).await.map(|_| ())
    }

    #[tokio::test]
    async fn ten_thousand_unknown_keys_are_one_fetch_in_each_cool_down() {
        let (host, cache) = cache(Some("a"));
        let storm = || async {
            let tasks: Vec<_> = (0..10_000)
                .map(|number| {
                    let cache = Arc::clone(&cache);
                    tokio::spawn(async move { finds(&cache, &format!("unknown-{number}")).await })
                })
                .collect();
            for task in tasks {
                assert_eq!(task.await.unwrap(), Err(Refused::UnknownKey.into()));
            }
        };
        for fetches in 1..=3 {
            storm().await;
            storm().await;
            assert_eq!(host.fetches.load(Ordering::SeqCst), fetches);
            // The known key works all the while, without any fetch.
            assert_eq!(finds(&cache, "a").await, Ok(()));
            cache.ahead.fetch_add(150, Ordering::SeqCst);
        }
    }

    #[tokio::test]
    async fn a_new_key_is_found_by_one_fetch_that_all_wait_for() {
        let (host, cache) = cache(Some("a"));
        assert_eq!(finds(&cache, "a").await, Ok(()));
        publish(&host, Some("b"));
        cache.ahead.fetch_add(160, Ordering::SeqCst);
        let found = futures_util::future::join_all((0..100).map(|_| finds(&cache, "b"))).await;
        assert!(found.iter().all(Result::is_ok));
        assert_eq!(host.fetches.load(Ordering::SeqCst), 2);
        // A key that is not published any more is not believed any more.
        assert_eq!(finds(&cache, "a").await, Err(Refused::UnknownKey.into()));
    }

    #[tokio::test]
    async fn a_fetch_goes_on_when_who_began_it_leaves() {
        let (host, cache) = cache(Some("a"));
        let left = tokio::time::timeout(Duration::from_millis(10), finds(&cache, "a")).await;
        assert!(left.is_err());
        assert_eq!(finds(&cache, "a").await, Ok(()));
        assert_eq!(host.fetches.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn old_keys_bridge_an_outage_within_their_limit() {
        let (host, cache) = cache(Some("a"));
        assert_eq!(finds(&cache, "a").await, Ok(()));
        publish(&host, None);
        cache.ahead.fetch_add(601, Ordering::SeqCst);
        // Used at once, fetched anew behind the request; that fails, and they are used on.
        assert_eq!(finds(&cache, "a").await, Ok(()));
        assert_eq!(cache.failures(), 0, "nobody waits for the fetch");
        while cache.failures() == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!((host.fetches.load(Ordering::SeqCst), cache.failures()), (2, 1));
        assert_eq!(finds(&cache, "a").await, Ok(()));
        cache.ahead.fetch_add(3600, Ordering::SeqCst);
        assert_eq!(finds(&cache, "a").await, Err(Unauthenticated::KeysUnavailable));
        publish(&host, Some("a"));
        cache.ahead.fetch_add(160, Ordering::SeqCst);
        assert_eq!(finds(&cache, "a").await, Ok(()));
    }

    #[tokio::test]
    async fn keys_that_cannot_be_had_at_all_are_no_refusal() {
        let (_, cache) = cache(None);
        assert_eq!(finds(&cache, "a").await, Err(Unauthenticated::KeysUnavailable));
    }

    #[test]
    fn a_key_set_is_what_can_be_used_of_it() {
        let good = format!("{KEY}\"a\"}}");
        let set = format!(
            r#"{{"keys":[{good},{{"kty":"oct","k":"AA","kid":"b"}},{{"kty":7}},{KEY}"c","use":"enc"}},{}]}}"#,
            KEY.trim_end_matches(r#","kid":"#).to_owned() + "}"
        );
        assert_eq!(parse(set.as_bytes()).unwrap().keys().collect::<Vec<_>>(), ["a"]);
        let many = vec![good; MAX_KEYS + 1].join(",");
        for bad in ["", "[]", "{}", r#"{"keys":[]}"#, "<html>", &format!("{{\"keys\":[{many}]}}")] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn metadata_say_where_the_keys_of_their_own_issuer_are() {
        let issuer = "https://a.example/v2.0";
        let good = r#"{"issuer":"https://a.example/v2.0","jwks_uri":"https://b.example/keys","more":1}"#;
        assert_eq!(key_address(good.as_bytes(), issuer).unwrap().as_str(), "https://b.example/keys");
        for bad in [
            good.replace("https://a.example/v2.0", "https://a.example/v2.0/"),
            good.replace("jwks_uri", "jwks"),
            good.replace("https://b.example/keys", "keys"),
            "<html>".to_owned(),
        ] {
            assert!(key_address(bad.as_bytes(), issuer).is_err(), "{bad}");
        }
    }
}
