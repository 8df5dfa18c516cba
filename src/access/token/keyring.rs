//! Our signing keys over time: all of them verify, one of them signs.
//!
//! Invariant: a key that appears while we run is published and verifies before it signs, so that no instance meets a
//! token of a key that it has not read yet.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::signing::SigningKey;

/// The keys in the order in which they follow one another.
#[derive(Debug)]
pub(super) struct KeyRing(Vec<Member>);

#[derive(Debug)]
struct Member {
    key: Arc<SigningKey>,
    /// When it appeared; None for keys that were there from the start.
    since: Option<Instant>,
}

impl KeyRing {
    /// Keys, oldest first; those that `previous` does not have appeared now.
    pub(super) fn new(keys: &[Arc<SigningKey>], previous: Option<&Self>, now: Instant) -> Self {
        let since = |key: &SigningKey| match previous {
            None => None,
            Some(ring) => match ring.0.iter().find(|member| member.key.kid() == key.kid()) {
                Some(member) => member.since,
                None => Some(now),
            },
        };
        Self(keys.iter().map(|key| Member { key: Arc::clone(key), since: since(key) }).collect())
    }

    /// The newest key that was there for `settle`; if none was, the newest.
    pub(super) fn signer(&self, settle: Duration, now: Instant) -> Option<&Arc<SigningKey>> {
        let settled =
            |member: &&Member| member.since.is_none_or(|since| now.saturating_duration_since(since) >= settle);
        self.0.iter().rfind(settled).or(self.0.last()).map(|member| &member.key)
    }

    /// The key of this name.
    pub(super) fn find(&self, kid: &str) -> Option<&Arc<SigningKey>> {
        self.keys().find(|key| key.kid() == kid)
    }

    /// Every key, oldest first.
    pub(super) fn keys(&self) -> impl Iterator<Item = &Arc<SigningKey>> {
        self.0.iter().map(|member| &member.key)
    }
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;

    use super::super::key::Algorithm;
    use super::*;

    #[test]
    fn a_new_key_verifies_at_once_and_signs_later() {
        let random = SystemRandom::new();
        let key = || {
            let pem = SigningKey::generate(Algorithm::EdDsa, &random).unwrap();
            Arc::new(SigningKey::from_pem(pem.as_bytes(), &random).unwrap())
        };
        let (old, new, newest) = (key(), key(), key());
        let (start, settle) = (Instant::now(), Duration::from_secs(60));
        let at = |seconds| start + Duration::from_secs(seconds);
        let signer = |ring: &KeyRing, seconds| ring.signer(settle, at(seconds)).unwrap().kid().to_owned();
        let first = KeyRing::new(std::slice::from_ref(&old), None, start);
        assert_eq!(signer(&first, 0), old.kid());
        let both = KeyRing::new(&[Arc::clone(&old), Arc::clone(&new)], Some(&first), at(10));
        assert!(both.find(new.kid()).is_some());
        assert_eq!(signer(&both, 69), old.kid());
        assert_eq!(signer(&both, 70), new.kid());
        // A further reload does not begin the time anew.
        let again = KeyRing::new(&[Arc::clone(&old), Arc::clone(&new)], Some(&both), at(60));
        assert_eq!(signer(&again, 70), new.kid());
        // All keys replaced at once: there is no better one.
        assert_eq!(signer(&KeyRing::new(std::slice::from_ref(&newest), Some(&again), at(80)), 80), newest.kid());
    }
}
