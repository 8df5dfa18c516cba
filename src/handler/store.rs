//! A connector's database behind its breaker, within its limit of time.
//!
//! Invariant: every answer and every failure of the database is told to the breaker, and while that is open nothing but
//! the probe asks the database.

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::Instant;

use super::{Class, Entropy, Error};
use crate::breaker::{Breaker, BreakerState, INTERVAL, Sign};
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
        self.tell(self.database.prepare(query, self.within(deadline)).await)
    }

    pub(super) async fn fetch(
        self: &Arc<Self>,
        query: &Query,
        arguments: &[Value],
        deadline: Instant,
    ) -> Result<Vec<Row>, db::Error> {
        self.tell(self.database.fetch(query, arguments, self.within(deadline)).await)
    }

    pub(super) async fn begin(self: &Arc<Self>, deadline: Instant) -> Result<Transaction, db::Error> {
        let inner = self.tell(self.database.begin(self.within(deadline)).await)?;
        Ok(Transaction { inner, store: Arc::clone(self) })
    }

    fn within(&self, deadline: Instant) -> Instant {
        deadline.min(Instant::now() + self.limit)
    }

    /// Tells the breaker how it went; whoever opens it sends a probe on its way.
    fn tell<T>(self: &Arc<Self>, outcome: Result<T, db::Error>) -> Result<T, db::Error> {
        match &outcome {
            Ok(_) => self.breaker.answered(),
            Err(error) => {
                if self.breaker.failed(sign(error), error, Instant::now()) {
                    tokio::spawn(probe(Arc::downgrade(self), self.breaker.first_wait(Instant::now())));
                }
            }
        }
        outcome
    }

    /// Asks for a sign of life on a new connection: one that is open already could be silent for ever.
    async fn ask_for_life(&self) -> bool {
        self.breaker.probing();
        self.database.renew();
        let outcome = self.database.ping(Instant::now() + INTERVAL).await;
        self.breaker.probed(&outcome, Instant::now())
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("database", &self.database).field("breaker", &self.breaker()).finish()
    }
}

/// Probes until the database answers, or nobody has a use for it any more.
async fn probe(store: Weak<Store>, first: Duration) {
    let mut next = Instant::now() + first;
    loop {
        tokio::time::sleep_until(next).await;
        let Some(store) = store.upgrade() else { return };
        next = Instant::now() + store.breaker.wait();
        if store.ask_for_life().await {
            return;
        }
    }
}

/// A transaction whose every step is told to the breaker.
pub(super) struct Transaction {
    inner: Box<dyn db::Transaction>,
    store: Arc<Store>,
}

impl Transaction {
    pub async fn execute(&mut self, query: &Query, arguments: &[Value]) -> Result<Effect, db::Error> {
        let outcome = self.inner.execute(query, arguments).await;
        self.store.tell(outcome)
    }

    pub async fn commit(self) -> Result<(), db::Error> {
        let outcome = self.inner.commit().await;
        self.store.tell(outcome)
    }

    pub async fn rollback(self) -> Result<(), db::Error> {
        let outcome = self.inner.rollback().await;
        self.store.tell(outcome)
    }
}

/// What a database's error says of it. A time limit that the server itself enforced has a code and is an answer; one of
/// ours has none.
fn sign(error: &db::Error) -> Sign {
    let answered = if error.code.is_some() { Sign::Alive } else { Sign::None };
    match error.kind {
        ErrorKind::Unavailable | ErrorKind::OutcomeUnknown => Sign::OutOfReach,
        ErrorKind::Timeout if error.code.is_none() => Sign::OutOfReach,
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
        assert_eq!(sign(&error(ErrorKind::Unavailable)), Sign::OutOfReach);
        // A time limit of our own is what a silent server looks like.
        assert_eq!(sign(&error(ErrorKind::Timeout)), Sign::OutOfReach);
        assert_eq!(sign(&error(ErrorKind::Timeout).with_code("57014")), Sign::Alive);
        assert_eq!(sign(&error(ErrorKind::Misconfigured).with_code("42P01")), Sign::Alive);
        assert_eq!(sign(&error(ErrorKind::Misconfigured)), Sign::None);
        assert_eq!(sign(&error(ErrorKind::Exhausted).with_code("53300")), Sign::None);
    }
}
