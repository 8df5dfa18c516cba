//! How often somebody may ask.
//!
//! Invariant: an attempt is reserved before its work begins, in one step under one lock, so parallel attempts cannot
//! overtake the limit; and memory is bounded, since addresses and accounts are chosen by strangers.
//!
//! Clients are a closed set, so each has one `governor` limiter. Addresses and accounts need two things that
//! `governor` does not have: a hard cap on its keys that refuses new ones instead of forgetting live ones, and a way
//! to give a reservation back. [`Limiter`] is the same algorithm (GCRA, ITU-T I.371) over a sharded map with both.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use governor::clock::Clock;
use governor::{DefaultDirectRateLimiter, NotUntil};
use tokio::time::Instant;

use super::account::address_key;
use super::quota::Quota;

/// The limit is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimited {
    /// When the next attempt can succeed, for `Retry-After`: whole seconds, at least one.
    pub retry_after: u32,
}

impl RateLimited {
    fn until(wait: Duration) -> Self {
        let seconds = wait.as_nanos().div_ceil(1_000_000_000);
        Self { retry_after: u32::try_from(seconds).unwrap_or(u32::MAX).max(1) }
    }
}

/// Counts by key: at most so many keys, and new ones are refused while all are in use.
#[derive(Debug)]
pub struct Limiter {
    quota: Quota,
    /// Nanoseconds in which one attempt comes back.
    interval: u64,
    /// Nanoseconds that a key may be ahead of its schedule.
    tolerance: u64,
    epoch: Instant,
    shards: Box<[Mutex<Shard>]>,
    shard_cap: usize,
    hasher: RandomState,
}

/// For each key, when it would be back at rest if no further attempt came, in nanoseconds since the epoch.
#[derive(Debug, Default)]
struct Shard {
    at_rest: HashMap<u128, u64>,
    swept: Option<u64>,
}

const SHARDS: usize = 64;

/// A full shard is searched for keys at rest at most this often, so a flood of new keys stays cheap.
const SWEEP_INTERVAL: u64 = 100_000_000;

impl Limiter {
    /// A limiter for at most `keys` keys (rounded up to a multiple of 64).
    pub fn new(quota: Quota, keys: usize) -> Self {
        let interval = u64::try_from(quota.interval().as_nanos()).unwrap_or(u64::MAX).max(1);
        Self {
            quota,
            interval,
            tolerance: interval.saturating_mul(u64::from(quota.burst().get() - 1)),
            epoch: Instant::now(),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            shard_cap: keys.div_ceil(SHARDS).max(1),
            hasher: RandomState::new(),
        }
    }

    /// The quota of each key.
    pub fn quota(&self) -> Quota {
        self.quota
    }

    /// How many keys are held.
    pub fn keys(&self) -> usize {
        (0..SHARDS).map(|index| self.lock(index).at_rest.len()).sum()
    }

    /// Counts one attempt from an address; the addresses of one IPv6 /64 are one.
    ///
    /// # Errors
    /// The limit is reached, or the limiter is full of other addresses.
    pub fn reserve_address(self: &Arc<Self>, address: IpAddr, now: Instant) -> Result<Reservation, RateLimited> {
        self.reserve(address_key(address), now)
    }

    pub(super) fn reserve(self: &Arc<Self>, key: u128, now: Instant) -> Result<Reservation, RateLimited> {
        let now = u64::try_from(now.saturating_duration_since(self.epoch).as_nanos()).unwrap_or(u64::MAX);
        let mut shard = self.lock(self.shard(key));
        let at_rest = match shard.at_rest.get(&key) {
            Some(at_rest) => (*at_rest).max(now),
            None => {
                if shard.at_rest.len() >= self.shard_cap && !shard.sweep(now) {
                    return Err(RateLimited::until(Duration::from_nanos(self.interval)));
                }
                now
            }
        };
        let ahead = at_rest - now;
        if ahead > self.tolerance {
            return Err(RateLimited::until(Duration::from_nanos(ahead - self.tolerance)));
        }
        shard.at_rest.insert(key, at_rest.saturating_add(self.interval));
        Ok(Reservation { limiter: Arc::clone(self), key })
    }

    fn shard(&self, key: u128) -> usize {
        (self.hasher.hash_one(key) % SHARDS as u64) as usize
    }

    fn lock(&self, index: usize) -> MutexGuard<'_, Shard> {
        self.shards[index].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shard {
    /// Forgets the keys that are at rest; whether there is room now.
    fn sweep(&mut self, now: u64) -> bool {
        if self.swept.is_some_and(|swept| now < swept.saturating_add(SWEEP_INTERVAL)) {
            return false;
        }
        self.swept = Some(now);
        let before = self.at_rest.len();
        self.at_rest.retain(|_, at_rest| *at_rest > now);
        self.at_rest.len() < before
    }
}

/// One counted attempt. It stays counted unless it is given back.
#[derive(Debug)]
#[must_use = "an attempt that may not count has to be given back"]
pub struct Reservation {
    limiter: Arc<Limiter>,
    key: u128,
}

impl Reservation {
    /// Undoes the count: the attempt succeeded, or could not be answered.
    pub fn give_back(self) {
        let mut shard = self.limiter.lock(self.limiter.shard(self.key));
        if let Some(at_rest) = shard.at_rest.get_mut(&self.key) {
            *at_rest = at_rest.saturating_sub(self.limiter.interval);
        }
    }
}

/// The limiter of one client.
#[derive(Debug)]
pub(super) struct ClientLimiter {
    quota: Quota,
    limiter: DefaultDirectRateLimiter,
}

impl ClientLimiter {
    pub(super) fn new(quota: Quota) -> Self {
        let one = governor::Quota::with_period(quota.interval()).unwrap_or(governor::Quota::per_second(quota.burst()));
        let rule = one.allow_burst(quota.burst());
        Self { quota, limiter: governor::RateLimiter::direct(rule) }
    }

    pub(super) fn quota(&self) -> Quota {
        self.quota
    }

    pub(super) fn check(&self) -> Result<(), RateLimited> {
        let refused = |until: NotUntil<_>| RateLimited::until(until.wait_time_from(self.limiter.clock().now()));
        self.limiter.check().map_err(refused)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn limiter(quota: &str, keys: usize) -> (Arc<Limiter>, Instant) {
        let limiter = Arc::new(Limiter::new(quota.parse().unwrap(), keys));
        let start = limiter.epoch;
        (limiter, start)
    }

    fn ann(limiter: &Arc<Limiter>, now: Instant) -> Result<Reservation, RateLimited> {
        limiter.reserve(7, now)
    }

    #[test]
    fn attempts_come_back_one_by_one() {
        let (limiter, start) = limiter("6/min", 64 * 64);
        for _ in 0..6 {
            let _ = ann(&limiter, start).unwrap();
        }
        assert_eq!(ann(&limiter, start).unwrap_err().retry_after, 10);
        assert_eq!(ann(&limiter, start + Duration::from_millis(9_500)).unwrap_err().retry_after, 1);
        let later = start + Duration::from_secs(10);
        assert!(ann(&limiter, later).is_ok());
        assert!(ann(&limiter, later).is_err());
        assert!(limiter.reserve(8, later).is_ok(), "another key");
    }

    #[test]
    fn what_is_given_back_does_not_count() {
        let (limiter, start) = limiter("2/min", 64 * 64);
        for _ in 0..50 {
            ann(&limiter, start).unwrap().give_back();
        }
        let _ = ann(&limiter, start).unwrap();
        ann(&limiter, start).unwrap().give_back();
        let _ = ann(&limiter, start).unwrap();
        assert!(ann(&limiter, start).is_err());
    }

    #[test]
    fn giving_back_late_saves_nothing_up() {
        let (limiter, start) = limiter("2/min", 64 * 64);
        let early = ann(&limiter, start).unwrap();
        let later = start + Duration::from_secs(600);
        early.give_back();
        assert!(ann(&limiter, later).is_ok());
        assert!(ann(&limiter, later).is_ok());
        assert!(ann(&limiter, later).is_err());
    }

    #[test]
    fn parallel_attempts_do_not_overtake_the_limit() {
        let (limiter, start) = limiter("5/h", 64 * 64);
        let passed = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..25 {
                        passed.fetch_add(usize::from(ann(&limiter, start).is_ok()), Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(passed.into_inner(), 5);
    }

    #[test]
    fn addresses_of_one_network_share_a_limit() {
        let (limiter, start) = limiter("1/h", 64 * 64);
        let reserve = |text: &str| limiter.reserve_address(text.parse().unwrap(), start).is_ok();
        assert!(reserve("2001:db8::1"));
        assert!(!reserve("2001:db8::ffff:1"));
        assert!(reserve("2001:db8:0:1::1"));
        assert!(reserve("192.0.2.1"));
        assert!(!reserve("::ffff:192.0.2.1"));
        assert!(reserve("192.0.2.2"));
    }

    #[test]
    fn a_full_limiter_refuses_new_keys_and_keeps_the_old() {
        let (limiter, start) = limiter("2/h", 1000);
        for key in 0..20_000 {
            let _ = limiter.reserve(key, start);
        }
        let full = limiter.keys();
        assert!(full <= 1024, "{full} keys");
        let known = (0..20_000).find(|key| limiter.reserve(*key, start).is_ok()).unwrap();
        assert!(limiter.reserve(known, start).is_err(), "a held key still counts");
        assert!(limiter.reserve(20_000, start).is_err(), "a new key is refused");
        let rested = start + Duration::from_secs(3601);
        assert!(limiter.reserve(20_000, rested).is_ok(), "keys at rest make room");
    }

    #[test]
    fn clients_have_a_burst_of_their_quota() {
        let limiter = ClientLimiter::new("3/h".parse().unwrap());
        assert!((0..3).all(|_| limiter.check().is_ok()));
        assert_eq!(limiter.check().unwrap_err().retry_after, 1200);
    }
}
