//! A connector's database behind its breaker, within its limit of time.
//!
//! Invariant: every answer and every failure of the database is told to the breaker, and while that is open nothing but
//! the probe asks the database.

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::Instant;

use super::{Class, Entropy, Error};
use crate::breaker::{Breaker, BreakerState, INTERVAL, Next, Sign};
use crate::db::{self, Database, Description, Effect, ErrorKind, PoolState, Query, Row, Value};
use crate::sql::Dialect;

/// A database and its breaker; the versions of a definition that differ in their SQL only share one.
pub struct Store {
    database: Arc<dyn Database>,
    breaker: Breaker,
    /// The longest that the database may take for one request.
    limit: Duration,
}

impl Store {
    /// Puts a connector's database behind a breaker.
    pub fn new(connector: &str, database: Arc<dyn Database>, limit: Duration, entropy: Entropy) -> Arc<Self> {
        Arc::new(Self { database, breaker: Breaker::new(connector, "the database", entropy), limit })
    }

    /// The grammar of its statements.
    pub fn dialect(&self) -> Dialect {
        self.database.dialect()
    }

    /// What the pool is doing.
    pub fn pool(&self) -> PoolState {
        self.database.state()
    }

    /// What the breaker is doing.
    pub fn breaker(&self) -> BreakerState {
        self.breaker.state()
    }

    /// Refuses at once while the database is known to be out of reach.
    pub(super) fn admit(&self) -> Result<(), Error> {
        self.breaker.admit().map_err(|reason| Error::new(Class::Unavailable, reason))
    }

    pub(super) async fn prepare<'a>(
        self: &'a Arc<Self>,
        query: &'a Query,
        deadline: Instant,
    ) -> Result<&'a Description, db::Error> {
        let (until, time) = self.within(deadline);
        self.tell(self.database.prepare(query, until).await, time)
    }

    pub(super) async fn fetch(
        self: &Arc<Self>,
        query: &Query,
        arguments: &[Value],
        deadline: Instant,
    ) -> Result<Vec<Row>, db::Error> {
        let (until, time) = self.within(deadline);
        self.tell(self.database.fetch(query, arguments, until).await, time)
    }

    pub(super) async fn begin(self: &Arc<Self>, deadline: Instant) -> Result<Transaction, db::Error> {
        let (until, time) = self.within(deadline);
        let inner = self.tell(self.database.begin(until).await, time)?;
        Ok(Transaction { inner, store: Arc::clone(self), time })
    }

    /// Until when the database may take for what begins now.
    fn within(&self, deadline: Instant) -> (Instant, Time) {
        let now = Instant::now();
        let whole = now + self.limit;
        if deadline < whole { (deadline, Time::Short) } else { (whole, Time::Whole) }
    }

    /// Tells the breaker how it went; whoever opens it sends a probe on its way.
    fn tell<T>(self: &Arc<Self>, outcome: Result<T, db::Error>, time: Time) -> Result<T, db::Error> {
        match &outcome {
            Ok(_) => self.breaker.answered(),
            Err(error) => match self.breaker.failed(sign(error, time), error, Instant::now()) {
                Next::Nothing => {}
                Next::Ask => drop(tokio::spawn(ask(Arc::downgrade(self)))),
                Next::Probe => {
                    tokio::spawn(probe(Arc::downgrade(self), self.breaker.first_wait(Instant::now())));
                }
            },
        }
        outcome
    }

    async fn probe(&self) -> bool {
        self.breaker.probing();
        let outcome = self.sign_of_life().await;
        self.breaker.probed(&outcome, Instant::now())
    }

    /// Asks for a sign of life on a new connection: one that is open already could be silent for ever.
    async fn sign_of_life(&self) -> Result<(), db::Error> {
        self.database.renew();
        self.database.ping(Instant::now() + INTERVAL).await
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("database", &self.database).field("breaker", &self.breaker()).finish()
    }
}

/// Finds out whether the database is silent, or only those who asked it were late; meanwhile requests go on.
async fn ask(store: Weak<Store>) {
    let Some(this) = store.upgrade() else { return };
    let outcome = this.sign_of_life().await;
    let learned = outcome.as_ref().err().is_none_or(|error| sign(error, Time::Whole) == Sign::OutOfReach);
    if this.breaker.asked(learned.then_some(&outcome), Instant::now()) {
        let wait = this.breaker.wait();
        drop(this);
        probe(store, wait).await;
    }
}

/// Probes until the database answers, or nobody has a use for it any more.
async fn probe(store: Weak<Store>, first: Duration) {
    let mut next = Instant::now() + first;
    loop {
        tokio::time::sleep_until(next).await;
        let Some(store) = store.upgrade() else { return };
        next = Instant::now() + store.breaker.wait();
        if store.probe().await {
            return;
        }
    }
}

/// A transaction whose every step is told to the breaker.
pub(super) struct Transaction {
    inner: Box<dyn db::Transaction>,
    store: Arc<Store>,
    /// How much it had from its beginning.
    time: Time,
}

impl Transaction {
    pub async fn execute(&mut self, query: &Query, arguments: &[Value]) -> Result<Effect, db::Error> {
        let outcome = self.inner.execute(query, arguments).await;
        self.store.tell(outcome, self.time)
    }

    pub async fn commit(self) -> Result<(), db::Error> {
        let outcome = self.inner.commit().await;
        self.store.tell(outcome, self.time)
    }

    pub async fn rollback(self) -> Result<(), db::Error> {
        let outcome = self.inner.rollback().await;
        self.store.tell(outcome, self.time)
    }
}

/// How much of its limit a database has for what it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Time {
    Whole,
    Short,
}

/// What a database's error says of it. A time limit that the server itself enforced has a code and is an answer; one of
/// ours has none, and says little when it was short.
fn sign(error: &db::Error, time: Time) -> Sign {
    let answered = if error.code.is_some() { Sign::Alive } else { Sign::None };
    let silent = match time {
        Time::Whole => Sign::OutOfReach,
        Time::Short => Sign::CutOff,
    };
    match error.kind {
        ErrorKind::Unavailable => Sign::OutOfReach,
        ErrorKind::OutcomeUnknown => silent,
        ErrorKind::Timeout if error.code.is_none() => silent,
        ErrorKind::Exhausted => Sign::None,
        ErrorKind::Timeout
        | ErrorKind::Unable
        | ErrorKind::ReadOnly
        | ErrorKind::UniqueViolation
        | ErrorKind::ConstraintViolation
        | ErrorKind::InvalidValue(_)
        | ErrorKind::Conflict
        | ErrorKind::Misconfigured => answered,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_silence_and_lost_connections_are_out_of_reach() {
        let error = |kind| db::Error::new(kind, "a message");
        // A time limit of our own is what a silent server looks like, and a short one what a late request looks like.
        let silent = |time| [ErrorKind::Timeout, ErrorKind::OutcomeUnknown].map(|kind| sign(&error(kind), time));
        assert_eq!(silent(Time::Whole), [Sign::OutOfReach; 2]);
        assert_eq!(silent(Time::Short), [Sign::CutOff; 2]);
        for time in [Time::Whole, Time::Short] {
            assert_eq!(sign(&error(ErrorKind::Unavailable), time), Sign::OutOfReach);
            assert_eq!(sign(&error(ErrorKind::Timeout).with_code("57014"), time), Sign::Alive);
            assert_eq!(sign(&error(ErrorKind::Misconfigured).with_code("42P01"), time), Sign::Alive);
            assert_eq!(sign(&error(ErrorKind::Misconfigured), time), Sign::None);
            assert_eq!(sign(&error(ErrorKind::Exhausted).with_code("53300"), time), Sign::None);
        }
    }
}
