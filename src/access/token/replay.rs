//! The assertions that were used and have not expired.
//!
//! Invariant: an assertion passes once. Memory is bounded, and when it is full, new assertions are refused rather
//! than old ones forgotten.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

use super::Refused;

/// Used assertions by the digest of client and `jti`, with the second after which nobody accepts them any more.
#[derive(Debug)]
pub(super) struct Replays {
    used: Mutex<HashMap<[u8; 32], u64>>,
    cap: usize,
}

impl Replays {
    /// Remembers at most so many assertions.
    pub(super) fn new(cap: usize) -> Self {
        Self { used: Mutex::default(), cap }
    }

    /// Uses an assertion up; `until` and `now` are in seconds since 1970.
    pub(super) fn use_up(&self, client: &str, id: &str, until: u64, now: u64) -> Result<(), Refused> {
        let mut digest = Sha256::new();
        digest.update(client);
        digest.update([0]);
        digest.update(id);
        let key = digest.finalize().into();
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if used.get(&key).is_some_and(|until| *until >= now) {
            return Err(Refused::Replayed);
        }
        if used.len() >= self.cap {
            used.retain(|_, until| *until >= now);
        }
        if used.len() >= self.cap {
            return Err(Refused::ReplaysFull);
        }
        used.insert(key, until);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assertion_passes_once_while_it_lives() {
        let replays = Replays::new(100);
        assert_eq!(replays.use_up("a", "1", 60, 0), Ok(()));
        assert_eq!(replays.use_up("a", "1", 60, 60), Err(Refused::Replayed));
        assert_eq!(replays.use_up("b", "1", 60, 0), Ok(()));
        assert_eq!(replays.use_up("a", "2", 60, 0), Ok(()));
        assert_eq!(replays.use_up("a", "1", 120, 61), Ok(()));
    }

    #[test]
    fn a_full_memory_refuses_and_forgets_only_what_expired() {
        let replays = Replays::new(2);
        assert_eq!(replays.use_up("a", "1", 10, 0), Ok(()));
        assert_eq!(replays.use_up("a", "2", 20, 0), Ok(()));
        assert_eq!(replays.use_up("a", "3", 30, 5), Err(Refused::ReplaysFull));
        assert_eq!(replays.use_up("a", "2", 20, 5), Err(Refused::Replayed));
        assert_eq!(replays.use_up("a", "3", 30, 11), Ok(()));
        assert_eq!(replays.use_up("a", "2", 20, 11), Err(Refused::Replayed));
    }
}
