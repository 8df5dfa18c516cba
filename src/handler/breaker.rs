//! Spares a database that is down: after some failures in a row nobody asks it, save one probe per interval.
//!
//! Invariant: only what says that the database is out of reach counts. Its own "no", a bad statement or a lock held by
//! somebody else never opens the breaker, and a change of state is logged once.

use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::Entropy;
use crate::db::{Error, ErrorKind};

/// So many failures in a row, with no success between them, open the breaker.
const FAILURES: u32 = 5;

/// The least time between two probes. With the jitter, service resumes well within two seconds of the fault's end.
pub(super) const INTERVAL: Duration = Duration::from_secs(1);

/// At most so much is added to every wait, so that many gateways do not probe in step.
const JITTER: Duration = Duration::from_millis(250);

/// What a breaker is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// Requests go to the database.
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

/// The breaker of one connector.
#[derive(Debug)]
pub(super) struct Breaker {
    connector: String,
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
    pub fn new(connector: &str, entropy: Entropy) -> Self {
        Self {
            connector: connector.to_owned(),
            entropy,
            failures: AtomicU32::new(0),
            state: AtomicU8::new(BreakerState::Closed as u8),
            known: Mutex::default(),
        }
    }

    pub fn state(&self) -> BreakerState {
        BreakerState::ALL[usize::from(self.state.load(Ordering::Relaxed))]
    }

    /// Lets a request through, or says why not.
    pub fn admit(&self) -> Result<(), String> {
        if self.state() == BreakerState::Closed {
            return Ok(());
        }
        Err(format!("the database is not asked until a probe succeeds: {}", self.known().last_error))
    }

    /// The database gave an answer.
    pub fn answered(&self) {
        if self.failures.load(Ordering::Relaxed) > 0 {
            self.failures.store(0, Ordering::Relaxed);
        }
    }

    /// The database failed so; true when this opened the breaker, and somebody has to probe.
    pub fn failed(&self, error: &Error, now: Instant) -> bool {
        if !is_out_of_reach(error) {
            // What the server answered proves that it is there; what never reached it proves nothing.
            if error.kind != ErrorKind::Exhausted && error.code.is_some() {
                self.answered();
            }
            return false;
        }
        let failures = self.failures.fetch_add(1, Ordering::Relaxed) + 1;
        let mut known = self.known();
        known.last_error = error.to_string();
        if failures < FAILURES || self.state() != BreakerState::Closed {
            return false;
        }
        known.opened = Some(now);
        self.state.store(BreakerState::Open as u8, Ordering::Relaxed);
        drop(known);
        tracing::error!(connector = self.connector, failures, %error, "breaker open: the database is not asked");
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
    pub fn probed(&self, outcome: &Result<(), Error>, now: Instant) -> bool {
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
        tracing::info!(connector = self.connector, open_ms = down, "breaker closed: the database answers");
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

/// Whether the error says that the database cannot be reached. A time limit that the server itself enforced has a code
/// and is an answer; one of ours has none.
fn is_out_of_reach(error: &Error) -> bool {
    match error.kind {
        ErrorKind::Unavailable | ErrorKind::OutcomeUnknown => true,
        ErrorKind::Timeout => error.code.is_none(),
        ErrorKind::Unable
        | ErrorKind::ReadOnly
        | ErrorKind::Exhausted
        | ErrorKind::UniqueViolation
        | ErrorKind::ConstraintViolation
        | ErrorKind::InvalidValue(_)
        | ErrorKind::Conflict
        | ErrorKind::Misconfigured => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breaker() -> Breaker {
        Breaker::new("acme", |bytes| bytes.fill(255))
    }

    fn lost() -> Error {
        Error::new(ErrorKind::Unavailable, "connection refused")
    }

    #[test]
    fn failures_in_a_row_open_it_and_an_answer_between_them_does_not_let_them() {
        let breaker = breaker();
        for _ in 0..3 {
            assert!((1..FAILURES).all(|_| !breaker.failed(&lost(), Instant::now())));
            breaker.answered();
        }
        assert!(
            (1..FAILURES).all(|_| !breaker.failed(&lost(), Instant::now())) && breaker.failed(&lost(), Instant::now())
        );
        assert_eq!(breaker.state(), BreakerState::Open);
        assert!(breaker.admit().unwrap_err().contains("connection refused"));
        // Requests that were under way fail too, and open nothing twice.
        assert!(!breaker.failed(&lost(), Instant::now()));
    }

    #[test]
    fn answers_of_the_store_are_no_failures() {
        let breaker = breaker();
        let statement_timeout = Error::new(ErrorKind::Timeout, "canceling statement").with_code("57014");
        let missing_table = Error::new(ErrorKind::Misconfigured, "no such table").with_code("42P01");
        let full = Error::new(ErrorKind::Exhausted, "no connection was free");
        for _ in 0..FAILURES * 3 {
            assert!(
                [&statement_timeout, &missing_table, &full].iter().all(|error| !breaker.failed(error, Instant::now()))
            );
        }
        // A time limit of our own is what a silent server looks like.
        let silence = Error::new(ErrorKind::Timeout, "the deadline passed");
        assert!(
            (1..FAILURES).all(|_| !breaker.failed(&silence, Instant::now()))
                && breaker.failed(&silence, Instant::now())
        );
    }

    #[test]
    fn it_closes_on_a_probe_that_succeeds_and_then_waits_longer() {
        let (breaker, now) = (breaker(), Instant::now());
        assert!((0..FAILURES).any(|_| breaker.failed(&lost(), now)));
        assert_eq!(breaker.first_wait(now), JITTER);
        breaker.probing();
        assert!(breaker.state() == BreakerState::HalfOpen && breaker.admit().is_err());
        assert!(!breaker.probed(&Err(lost()), now) && breaker.state() == BreakerState::Open);
        assert!(breaker.probed(&Ok(()), now) && breaker.admit().is_ok());
        assert_eq!(breaker.first_wait(now), INTERVAL + JITTER);
        assert_eq!(breaker.first_wait(now + INTERVAL * 2), JITTER);
    }
}
