//! Attempts at accounts: how many from one source, and how many from everywhere.
//!
//! Invariant: a stranger uses up attempts of the stranger's own source and no more than a share of everybody's, so an
//! owner who asks from elsewhere is answered; and memory is bounded, since accounts and sources are chosen by strangers.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

use super::account::{account_key, source_key};
use super::limit::{Limiter, RateLimited, Reservation};
use super::quota::Quota;

/// From how many sources at once an account can be attacked before new sources have to wait, too.
const SOURCES: u32 = 5;

/// Where an attempt comes from.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// The client that asks.
    pub client: &'a str,
    /// The end user's address as far as it is known, else the client's.
    pub address: IpAddr,
}

/// The limiter of accounts: the quota for each account and source, five times the quota for each account. Whoever has
/// logged in from a source before is spared the second limit there, since strangers all over the world can reach it.
#[derive(Debug)]
pub struct AccountLimiter {
    quota: Quota,
    by_source: Arc<Limiter>,
    altogether: Arc<Limiter>,
    proven: Mutex<Proven>,
}

impl AccountLimiter {
    /// A limiter for at most `keys` accounts, and as many pairs of an account and a source.
    pub fn new(quota: Quota, keys: usize) -> Self {
        Self {
            quota,
            by_source: Arc::new(Limiter::new(quota, keys)),
            altogether: Arc::new(Limiter::new(quota.times(SOURCES), keys)),
            proven: Mutex::new(Proven::new(keys)),
        }
    }

    /// The quota of each account and source.
    pub fn quota(&self) -> Quota {
        self.quota
    }

    /// How many accounts with their sources are held, and how many accounts.
    pub fn keys(&self) -> (usize, usize) {
        (self.by_source.keys(), self.altogether.keys())
    }

    /// Counts one attempt at an account, however its name is spelled.
    ///
    /// # Errors
    /// A limit is reached, or the limiter is full of others.
    pub fn reserve(
        self: &Arc<Self>,
        connector: &str,
        account: &str,
        source: Source<'_>,
        now: Instant,
    ) -> Result<Attempt, RateLimited> {
        let account = account_key(connector, account);
        let pair = source_key(account, source.client, source.address);
        let here = self.by_source.reserve(pair, now)?;
        if self.proven().contains(pair) {
            return Ok(Attempt { limiter: Arc::clone(self), pair, here, everywhere: None });
        }
        match self.altogether.reserve(account, now) {
            Ok(everywhere) => Ok(Attempt { limiter: Arc::clone(self), pair, here, everywhere: Some(everywhere) }),
            Err(limited) => {
                here.give_back();
                Err(limited)
            }
        }
    }

    fn proven(&self) -> std::sync::MutexGuard<'_, Proven> {
        self.proven.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One counted attempt. It stays counted unless it is given back.
#[derive(Debug)]
#[must_use = "an attempt that may not count has to be given back"]
pub struct Attempt {
    limiter: Arc<AccountLimiter>,
    pair: u128,
    here: Reservation,
    everywhere: Option<Reservation>,
}

impl Attempt {
    /// The password was right: the attempt does not count, and its source is known from now on.
    pub fn succeed(self) {
        self.limiter.proven().insert(self.pair);
        self.give_back();
    }

    /// The attempt could not be answered, or was none at guessing: it does not count.
    pub fn give_back(self) {
        self.here.give_back();
        if let Some(everywhere) = self.everywhere {
            everywhere.give_back();
        }
    }
}

/// The accounts with the sources from which their owners logged in, the latest ones: when one half is full, the other
/// is forgotten.
#[derive(Debug)]
struct Proven {
    half: usize,
    young: HashSet<u128>,
    old: HashSet<u128>,
}

impl Proven {
    fn new(keys: usize) -> Self {
        Self { half: (keys / 2).max(1), young: HashSet::new(), old: HashSet::new() }
    }

    fn contains(&self, key: u128) -> bool {
        self.young.contains(&key) || self.old.contains(&key)
    }

    fn insert(&mut self, key: u128) {
        if self.young.len() >= self.half && !self.young.contains(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn limiter(quota: &str) -> (Arc<AccountLimiter>, Instant) {
        (Arc::new(AccountLimiter::new(quota.parse().unwrap(), 6400)), Instant::now())
    }

    fn from(address: &str) -> Source<'static> {
        Source { client: "idp", address: address.parse().unwrap() }
    }

    fn guesses(limiter: &Arc<AccountLimiter>, source: Source<'_>, now: Instant) -> usize {
        (0..100).filter(|_| limiter.reserve("acme", "ann", source, now).is_ok()).count()
    }

    #[test]
    fn a_source_uses_up_its_own_attempts_only() {
        let (limiter, now) = limiter("5/h");
        assert_eq!(guesses(&limiter, from("192.0.2.1"), now), 5);
        assert_eq!(guesses(&limiter, from("192.0.2.2"), now), 5);
        let elsewhere = Source { client: "other", ..from("192.0.2.1") };
        assert_eq!(guesses(&limiter, elsewhere, now), 5);
        assert_eq!(guesses(&limiter, from("2001:db8::1"), now), 5);
        assert_eq!(guesses(&limiter, from("2001:db8::2"), now), 0, "one network");
    }

    #[test]
    fn many_sources_share_a_limit_that_spares_whoever_logged_in_before() {
        let (limiter, now) = limiter("5/h");
        let home = from("198.51.100.7");
        limiter.reserve("acme", "Ann", home, now).unwrap().succeed();
        let guessed: usize = (0..40).map(|n| guesses(&limiter, from(&format!("192.0.2.{n}")), now)).sum();
        assert_eq!(guessed, 25);
        assert!(limiter.reserve("acme", "ann", from("192.0.2.99"), now).is_err());
        assert_eq!(guesses(&limiter, home, now), 5, "the owner's own source has the quota of a source");
        let later = now + Duration::from_secs(3600 / 25);
        assert_eq!(guesses(&limiter, from("192.0.2.99"), later), 1, "attempts come back");
    }

    #[test]
    fn a_refusal_for_everybody_costs_the_source_nothing() {
        let (limiter, now) = limiter("5/h");
        for n in 0..5 {
            guesses(&limiter, from(&format!("192.0.2.{n}")), now);
        }
        let late = from("198.51.100.7");
        assert_eq!(guesses(&limiter, late, now), 0);
        assert_eq!(guesses(&limiter, late, now + Duration::from_secs(720)), 5);
    }

    #[test]
    fn what_is_known_of_owners_is_bounded() {
        let mut proven = Proven::new(100);
        for key in 0..10_000 {
            proven.insert(key);
            assert!(proven.contains(key) && proven.young.len() + proven.old.len() <= 100);
        }
        assert!(!proven.contains(1) && proven.contains(9_960));
    }
}
