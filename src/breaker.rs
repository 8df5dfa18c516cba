//! Spares a user store that is down: after some failures in a row nobody asks it, save one probe per interval.
//!
//! Invariant: only what says that the store is out of reach counts. Its own "no", a bad statement or a lock held by
//! somebody else never opens the breaker, and a change of state is logged once.

use std::fmt::Display;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Fills a buffer with random bytes from the operating system.
pub type Entropy = fn(&mut [u8]);

/// So many failures in a row, with no success between them, open the breaker.
const FAILURES: u32 = 5;

/// The least time between two probes. With the jitter, service resumes well within two seconds of the fault's end.
pub const INTERVAL: Duration = Duration::from_secs(1);

/// At most so much is added to every wait, so that many gateways do not probe in step.
const JITTER: Duration = Duration::from_millis(250);

/// What a breaker is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// Requests go to the user store.
    Closed,
    /// A probe is under way; requests are refused.
    HalfOpen,
    /// Requests are refused.
    Open,
}

impl BreakerState {
    const ALL: [Self; 3] = [Self::Closed, Self::HalfOpen, Self::Open];

    /// The name in status and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half_open",
            Self::Open => "open",
        }
    }
}

/// What a failure says of the user store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// It cannot be reached.
    OutOfReach,
    /// It answered, if only with an error.
    Alive,
    /// Nothing: it was not asked.
    None,
}

/// The breaker of one connector.
#[derive(Debug)]
pub struct Breaker {
    connector: String,
    /// What is spared, as in "the database".
    store: &'static str,
    entropy: Entropy,
    failures: AtomicU32,
    state: AtomicU8,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    last_error: String,
    opened: Option<Instant>,
    closed: Option<Instant>,
}

impl Breaker {
    /// A closed breaker; `store` names in logs and errors what is spared, as in "the database".
    pub fn new(connector: &str, store: &'static str, entropy: Entropy) -> Self {
        Self {
            connector: connector.to_owned(),
            store,
            entropy,
            failures: AtomicU32::new(0),
            state: AtomicU8::new(BreakerState::Closed as u8),
            known: Mutex::default(),
        }
    }

    /// What it is doing.
    pub fn state(&self) -> BreakerState {
        BreakerState::ALL[usize::from(self.state.load(Ordering::Relaxed))]
    }

    /// Lets a request through, or says why not.
    ///
    /// # Errors
    /// While the store is known to be out of reach.
    pub fn admit(&self) -> Result<(), String> {
        if self.state() == BreakerState::Closed {
            return Ok(());
        }
        Err(format!("{} is not asked until a probe succeeds: {}", self.store, self.known().last_error))
    }

    /// The store gave an answer.
    pub fn answered(&self) {
        if self.failures.load(Ordering::Relaxed) > 0 {
            self.failures.store(0, Ordering::Relaxed);
        }
    }

    /// The store failed so; true when this opened the breaker, and somebody has to probe.
    pub fn failed(&self, sign: Sign, error: &dyn Display, now: Instant) -> bool {
        match sign {
            Sign::Alive => self.answered(),
            Sign::None => {}
            Sign::OutOfReach => return self.lost(error, now),
        }
        false
    }

    fn lost(&self, error: &dyn Display, now: Instant) -> bool {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed) + 1;
        let mut known = self.known();
        known.last_error = error.to_string();
        if failures < FAILURES || self.state() != BreakerState::Closed {
            return false;
        }
        known.opened = Some(now);
        self.state.store(BreakerState::Open as u8, Ordering::Relaxed);
        drop(known);
        tracing::error!(connector = self.connector, failures, %error, "breaker open: {} is not asked", self.store);
        true
    }

    /// How long to wait before the first probe. What was lost may be back at once; a breaker that has only just closed
    /// waits the whole interval, lest it flap.
    pub fn first_wait(&self, now: Instant) -> Duration {
        let recently = self.known().closed.is_some_and(|closed| now.duration_since(closed) < INTERVAL * 2);
        if recently { INTERVAL + self.jitter() } else { self.jitter() }
    }

    /// How long to wait from the beginning of one probe to that of the next.
    pub fn wait(&self) -> Duration {
        INTERVAL + self.jitter()
    }

    /// A probe begins.
    pub fn probing(&self) {
        self.state.store(BreakerState::HalfOpen as u8, Ordering::Relaxed);
    }

    /// A probe has ended; true when the breaker is closed again.
    pub fn probed<E: Display>(&self, outcome: &Result<(), E>, now: Instant) -> bool {
        let mut known = self.known();
        if let Err(error) = outcome {
            known.last_error = error.to_string();
            self.state.store(BreakerState::Open as u8, Ordering::Relaxed);
            return false;
        }
        let down = known.opened.take().map(|opened| now.duration_since(opened).as_millis());
        known.closed = Some(now);
        self.failures.store(0, Ordering::Relaxed);
        self.state.store(BreakerState::Closed as u8, Ordering::Relaxed);
        drop(known);
        tracing::info!(connector = self.connector, open_ms = down, "breaker closed: {} answers", self.store);
        true
    }

    fn jitter(&self) -> Duration {
        let mut byte = [0];
        (self.entropy)(&mut byte);
        JITTER * u32::from(byte[0]) / 255
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breaker() -> Breaker {
        Breaker::new("acme", "the database", |bytes| bytes.fill(255))
    }

    fn loses(breaker: &Breaker) -> bool {
        breaker.failed(Sign::OutOfReach, &"connection refused", Instant::now())
    }

    #[test]
    fn failures_in_a_row_open_it_and_an_answer_between_them_does_not_let_them() {
        let breaker = breaker();
        for _ in 0..3 {
            assert!((1..FAILURES).all(|_| !loses(&breaker)));
            breaker.answered();
        }
        assert!((1..FAILURES).all(|_| !loses(&breaker)) && loses(&breaker));
        assert_eq!(breaker.state(), BreakerState::Open);
        assert!(breaker.admit().unwrap_err().contains("connection refused"));
        // Requests that were under way fail too, and open nothing twice.
        assert!(!loses(&breaker));
    }

    #[test]
    fn answers_of_the_store_are_no_failures() {
        let breaker = breaker();
        for _ in 0..FAILURES * 3 {
            let signs = [Sign::Alive, Sign::None];
            assert!(signs.iter().all(|sign| !breaker.failed(*sign, &"no such table", Instant::now())));
        }
        // What was not asked says nothing, also not that a store is back.
        assert!((1..FAILURES).all(|_| !loses(&breaker)));
        assert!(!breaker.failed(Sign::None, &"no connection was free", Instant::now()) && loses(&breaker));
    }

    #[test]
    fn it_closes_on_a_probe_that_succeeds_and_then_waits_longer() {
        let (breaker, now) = (breaker(), Instant::now());
        assert!((0..FAILURES).any(|_| breaker.failed(Sign::OutOfReach, &"connection refused", now)));
        assert_eq!(breaker.first_wait(now), JITTER);
        breaker.probing();
        assert!(breaker.state() == BreakerState::HalfOpen && breaker.admit().is_err());
        assert!(!breaker.probed(&Err("connection refused"), now) && breaker.state() == BreakerState::Open);
        assert!(breaker.probed(&Ok::<_, String>(()), now) && breaker.admit().is_ok());
        assert_eq!(breaker.first_wait(now), INTERVAL + JITTER);
        assert_eq!(breaker.first_wait(now + INTERVAL * 2), JITTER);
    }
}
