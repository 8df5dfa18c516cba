//! An upstream's connections behind a breaker, with the gateway's own token there.
//!
//! Invariant: every answer and every failure is told to the breaker, and while that is open nothing but the probe asks
//! the upstream. Whatever status an answer has, it proves that the upstream is there.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::time::Instant;

use super::token::Tokens;
use crate::action::{Class, Error};
use crate::breaker::{Breaker, BreakerState, Entropy, INTERVAL, Next, Sign};
use crate::db::PoolState;
use crate::definition::{Fingerprint, Upstream};
use crate::outbound::{self, Answer, Client, ErrorKind, Origin, Request};

/// The way to an upstream; the versions of a definition that differ in other things share one.
pub struct Link {
    client: Client,
    breaker: Breaker,
    origins: Vec<Origin>,
    fingerprint: Fingerprint,
    pub(super) tokens: Tokens,
    /// Until when the management API asked to be left alone.
    quiet: Mutex<Option<Instant>>,
}

/// The longest that a host is left alone at its own wish: a mistaken one must not silence a connector for hours.
const LONGEST_QUIET: Duration = Duration::from_secs(30);

impl Link {
    /// A way without open connections. An upstream that is down is no error.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn open(connector: &str, upstream: &Upstream, entropy: Entropy) -> Result<Arc<Self>, String> {
        Ok(Arc::new(Self {
            client: Client::new(upstream.network.clone())?,
            breaker: Breaker::new(connector, "the upstream", entropy),
            origins: upstream.origins().into_iter().cloned().collect(),
            fingerprint: upstream.fingerprint,
            tokens: Tokens::default(),
            quiet: Mutex::default(),
        }))
    }

    /// Whether this way leads to that upstream, with the same credentials.
    pub fn leads_to(&self, upstream: &Upstream) -> bool {
        self.fingerprint == upstream.fingerprint
    }

    /// What the connections are doing.
    pub fn pool(&self) -> PoolState {
        let (open, busy, limit) = self.client.connections();
        PoolState { open, busy, limit, last_error: self.client.trouble() }
    }

    /// What the breaker is doing.
    pub fn breaker(&self) -> BreakerState {
        self.breaker.state()
    }

    /// Refuses at once while the upstream is known to be out of reach.
    pub(super) fn admit(&self) -> Result<(), Error> {
        self.breaker.admit().map_err(|reason| Error::new(Class::Unavailable, reason))
    }

    /// Whether the management API asked to be left alone until later than now.
    pub(super) fn is_quiet(&self) -> bool {
        self.quiet.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|until| Instant::now() < until)
    }

    /// Leaves the management API alone for a while. Logins are not held back: their limits count by account and address,
    /// and whoever guesses at one must not keep all others out.
    pub(super) fn leave_alone(&self, time: Duration) {
        let until = Instant::now() + time.min(LONGEST_QUIET);
        *self.quiet.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
    }

    pub(super) async fn send(self: &Arc<Self>, request: Request, deadline: Instant) -> Result<Answer, outbound::Error> {
        self.tell(self.client.send(request, deadline).await)
    }

    pub(super) async fn reach(self: &Arc<Self>, origin: &Origin, deadline: Instant) -> Result<(), outbound::Error> {
        self.tell(self.client.reach(origin, deadline).await)
    }

    /// Tells the breaker how it went; whoever opens it sends a probe on its way.
    fn tell<T>(self: &Arc<Self>, outcome: Result<T, outbound::Error>) -> Result<T, outbound::Error> {
        match &outcome {
            Ok(_) => self.breaker.answered(),
            Err(error) => {
                if self.breaker.failed(sign(error.kind), error, Instant::now()) == Next::Probe {
                    tokio::spawn(probe(Arc::downgrade(self), self.breaker.first_wait(Instant::now())));
                }
            }
        }
        outcome
    }

    /// Asks for a sign of life on a new connection: one that is open already could be silent for ever.
    async fn ask_for_life(&self) -> bool {
        self.breaker.probing();
        self.client.renew();
        let mut outcome = Ok(());
        for origin in &self.origins {
            outcome = self.client.reach(origin, Instant::now() + INTERVAL).await;
            if outcome.is_err() {
                break;
            }
        }
        self.breaker.probed(&outcome, Instant::now())
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("client", &self.client).field("breaker", &self.breaker()).finish_non_exhaustive()
    }
}

/// What an error says of the upstream.
const fn sign(kind: ErrorKind) -> Sign {
    match kind {
        ErrorKind::Unreachable | ErrorKind::Lost | ErrorKind::Silent => Sign::OutOfReach,
        ErrorKind::TooLarge => Sign::Alive,
        ErrorKind::Exhausted | ErrorKind::Late => Sign::None,
    }
}

/// Probes until the upstream answers, or nobody has a use for it any more.
async fn probe(link: Weak<Link>, first: Duration) {
    let mut next = Instant::now() + first;
    loop {
        tokio::time::sleep_until(next).await;
        let Some(link) = link.upgrade() else { return };
        next = Instant::now() + link.breaker.wait();
        if link.ask_for_life().await {
            return;
        }
    }
}
