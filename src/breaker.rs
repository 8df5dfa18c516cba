//! Spares a user store that is down: after some failures in a row nobody asks it, save one probe per interval.
//!
//! Invariant: only what says that the store is out of reach counts. Its own "no", a bad statement or a lock held by
//! somebody else never opens the breaker, nor does a caller who had little time, until the store was asked for a sign of
//! life. A change of state is logged once.

use std::fmt::Display;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};
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
    /// It had no answer in less time than it may take: it may be silent, or whoever asked was late.
    CutOff,
    /// It answered, if only with an error.
    Alive,
    /// Nothing: it was not asked.
    None,
}

/// What a failure asks somebody to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Next {
    /// Nothing.
    Nothing,
    /// To find out whether the store lives, while requests go on; see [`Breaker::asked`].
    Ask,
    /// To probe: the breaker is open now.
    Probe,
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
    /// Whether somebody is finding out if the store lives.
    asking: AtomicBool,
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
            asking: AtomicBool::new(false),
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

    /// The store failed so, and what follows from it.
    pub fn failed(&self, sign: Sign, error: &dyn Display, now: Instant) -> Next {
        match sign {
            Sign::Alive => self.answered(),
            Sign::None => {}
            Sign::OutOfReach | Sign::CutOff => return self.lost(sign, error, now),
        }
        Next::Nothing
    }

    /// Whoever was told to ask has its answer, or learned nothing (None); true when this opened the breaker, and
    /// somebody has to probe.
    pub fn asked<E: Display>(&self, outcome: Option<&Result<(), E>>, now: Instant) -> bool {
        self.asking.store(false, Ordering::Relaxed);
        match outcome {
            None => false,
            Some(Ok(())) => {
                self.answered();
                false
            }
            Some(Err(error)) => self.lost(Sign::OutOfReach, error, now) == Next::Probe,
        }
    }

    fn lost(&self, sign: Sign, error: &dyn Display, now: Instant) -> Next {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed) + 1;
        let mut known = self.known();
        known.last_error = error.to_string();
        if failures < FAILURES || self.state() != BreakerState::Closed {
            return Next::Nothing;
        }
        if sign == Sign::CutOff {
            return if self.asking.swap(true, Ordering::Relaxed) { Next::Nothing } else { Next::Ask };
        }
        known.opened = Some(now);
        self.state.store(BreakerState::Open as u8, Ordering::Relaxed);
        drop(known);
        tracing::error!(connector = self.connector, failures, %error, "breaker open: {} is not asked", self.store);
        Next::Probe
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
        breaker.failed(Sign::OutOfReach, &"connection refused", Instant::now()) == Next::Probe
    }

    fn is_cut_off(breaker: &Breaker) -> Next {
        breaker.failed(Sign::CutOff, &"the deadline passed", Instant::now())
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
            assert!(signs.iter().all(|sign| breaker.failed(*sign, &"no such table", Instant::now()) == Next::Nothing));
        }
        // What was not asked says nothing, also not that a store is back.
        assert!((1..FAILURES).all(|_| !loses(&breaker)));
        assert_eq!(breaker.failed(Sign::None, &"no connection was free", Instant::now()), Next::Nothing);
        assert!(loses(&breaker));
    }

    #[test]
    fn who_was_late_makes_somebody_ask_and_only_silence_opens_it() {
        let (breaker, now) = (breaker(), Instant::now());
        assert!((1..FAILURES).all(|_| is_cut_off(&breaker) == Next::Nothing) && is_cut_off(&breaker) == Next::Ask);
        // One is enough to ask, and meanwhile nobody is refused.
        assert!(is_cut_off(&breaker) == Next::Nothing && breaker.admit().is_ok());
        assert!(!breaker.asked(Some(&Ok::<_, String>(())), now) && is_cut_off(&breaker) == Next::Nothing);
        while is_cut_off(&breaker) != Next::Ask {}
        assert!(!breaker.asked(None::<&Result<(), String>>, now) && breaker.admit().is_ok());
        assert!(is_cut_off(&breaker) == Next::Ask && breaker.asked(Some(&Err("no answer")), now));
        assert!(breaker.admit().unwrap_err().contains("no answer"));
    }

    #[test]
    fn it_closes_on_a_probe_that_succeeds_and_then_waits_longer() {
        let (breaker, now) = (breaker(), Instant::now());
        assert!((0..FAILURES).any(|_| loses(&breaker)));
        assert_eq!(breaker.first_wait(now), JITTER);
        breaker.probing();
        assert!(breaker.state() == BreakerState::HalfOpen && breaker.admit().is_err());
        assert!(!breaker.probed(&Err("connection refused"), now) && breaker.state() == BreakerState::Open);
        assert!(breaker.probed(&Ok::<_, String>(()), now) && breaker.admit().is_ok());
        assert_eq!(breaker.first_wait(now), INTERVAL + JITTER);
        assert_eq!(breaker.first_wait(now + INTERVAL * 2), JITTER);
    }
}
