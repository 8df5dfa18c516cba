//! A database whose changes do not last: whatever is committed stays in one transaction that is undone at the end.
//!
//! Invariant: no COMMIT reaches the server. What a caller rolls back, or drops, is rolled back at once, with all that
//! came before: never is more kept than a real database would keep.

use std::fmt;
use std::sync::Arc;

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::{BoxFuture, Database, Description, Effect, Error, ErrorKind, PoolState, Query, Row, Transaction, Value};
use crate::sql::Dialect;

/// Where statements run that read outside of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    /// On connections that cannot write, as they always do; they do not see the changes.
    Apart,
    /// In the transaction, where they see the changes.
    Inside,
}

/// The transaction that everything runs in; None while there is none.
type Shared = Arc<Mutex<Option<Box<dyn Transaction>>>>;

/// A database on which everything works and nothing stays.
pub struct Provisional {
    real: Arc<dyn Database>,
    open: Shared,
    reads: Reads,
}

impl Provisional {
    /// Keeps changes of this database from lasting.
    pub fn new(real: Arc<dyn Database>, reads: Reads) -> Arc<Self> {
        Arc::new(Self { real, open: Shared::default(), reads })
    }

    /// Undoes everything; whether there was anything to undo.
    ///
    /// # Errors
    /// When the database does not answer; its connection is closed then, which undoes everything too.
    pub async fn undo(&self) -> Result<bool, Error> {
        match self.open.lock().await.take() {
            Some(transaction) => transaction.rollback().await.map(|()| true),
            None => Ok(false),
        }
    }

    /// Whether there is anything to undo: false also once a rollback has undone it.
    pub async fn is_open(&self) -> bool {
        self.open.lock().await.is_some()
    }

    async fn ensure(&self, deadline: Instant) -> Result<(), Error> {
        let mut open = self.open.lock().await;
        if open.is_none() {
            *open = Some(self.real.begin(deadline).await?);
        }
        Ok(())
    }
}

async fn execute(shared: &Shared, query: &Query, arguments: &[Value]) -> Result<Effect, Error> {
    match shared.lock().await.as_mut() {
        Some(transaction) => transaction.execute(query, arguments).await,
        None => Err(Error::new(ErrorKind::Unavailable, "the transaction is over")),
    }
}

impl Database for Provisional {
    fn dialect(&self) -> Dialect {
        self.real.dialect()
    }

    fn prepare<'a>(&'a self, query: &'a Query, deadline: Instant) -> BoxFuture<'a, Result<&'a Description, Error>> {
        self.real.prepare(query, deadline)
    }

    fn fetch<'a>(
        &'a self,
        query: &'a Query,
        arguments: &'a [Value],
        deadline: Instant,
    ) -> BoxFuture<'a, Result<Vec<Row>, Error>> {
        match self.reads {
            Reads::Apart => self.real.fetch(query, arguments, deadline),
            Reads::Inside => Box::pin(async move {
                self.ensure(deadline).await?;
                Ok(execute(&self.open, query, arguments).await?.rows)
            }),
        }
    }

    fn begin(&self, deadline: Instant) -> BoxFuture<'_, Result<Box<dyn Transaction>, Error>> {
        Box::pin(async move {
            self.ensure(deadline).await?;
            Ok(Box::new(Inner { shared: Arc::clone(&self.open), finished: false }) as Box<dyn Transaction>)
        })
    }

    fn ping(&self, deadline: Instant) -> BoxFuture<'_, Result<(), Error>> {
        self.real.ping(deadline)
    }

    fn renew(&self) {
        self.real.renew();
    }

    fn state(&self) -> PoolState {
        self.real.state()
    }
}

impl fmt::Debug for Provisional {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Provisional").field(&self.real).finish()
    }
}

/// A transaction inside the one that is undone.
struct Inner {
    shared: Shared,
    finished: bool,
}

impl Transaction for Inner {
    fn execute<'a>(&'a mut self, query: &'a Query, arguments: &'a [Value]) -> BoxFuture<'a, Result<Effect, Error>> {
        Box::pin(execute(&self.shared, query, arguments))
    }

    fn commit(mut self: Box<Self>) -> BoxFuture<'static, Result<(), Error>> {
        self.finished = true;
        Box::pin(async { Ok(()) })
    }

    fn rollback(mut self: Box<Self>) -> BoxFuture<'static, Result<(), Error>> {
        self.finished = true;
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            match shared.lock().await.take() {
                Some(transaction) => transaction.rollback().await,
                None => Ok(()),
            }
        })
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Nobody holds the lock while a statement is not at work, and then nobody can drop this.
        if let (false, Ok(mut open)) = (self.finished, self.shared.try_lock()) {
            drop(open.take());
        }
    }
}
