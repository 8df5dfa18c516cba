//! SQLite, through rusqlite: reads run on the calling thread for as long as they are short.
//!
//! Invariant: readers are opened read-only. Nothing blocks the calling thread for longer than [`INLINE_BUDGET`] of
//! the database's own work; what takes longer is interrupted and done again on a thread that may block.

mod catalog;
mod decode;
mod error;
mod inspect;
mod session;
mod statement;
mod transaction;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

pub(in crate::db) use self::inspect::inspect;
use self::session::{Interrupt, Limit, Reading, Shared};
use self::transaction::SqliteTransaction;
use super::failure::{expired, free, within};
use super::url::File;
use super::{
    BoxFuture, Config, Database, Description, Effect, Error, ErrorKind, PoolState, Query, Row, Transaction, Value,
};
use crate::sql::Dialect;

/// How long a read may work on the calling thread; a look-up by key takes a few microseconds.
const INLINE_BUDGET: Duration = Duration::from_millis(1);

/// An SQLite database.
pub(super) struct Sqlite {
    shared: Arc<Shared>,
}

impl Sqlite {
    /// Opens no file yet.
    pub fn new(file: &File, config: &Config) -> Self {
        let connections = usize::try_from(config.max_connections()).unwrap_or(usize::MAX);
        Self { shared: Arc::new(Shared::new(file.clone(), connections.saturating_sub(1).max(1))) }
    }

    async fn fetch_rows(&self, query: &Query, arguments: &[Value], deadline: Instant) -> Result<Vec<Row>, Error> {
        query.check_count(arguments.len())?;
        let mut reading = self.reading(deadline).await?;
        let quick = reading.with(|session| {
            session.limit.set(Some(deadline.min(Instant::now() + INLINE_BUDGET)));
            statement::run(&session.connection, query, arguments)
        });
        match quick {
            Err(error) if error.kind == ErrorKind::Timeout => {
                let query = Query::new(query.shared_text(), query.parameters()).reading(query.rows());
                Ok(fetch_slowly(reading, query, arguments.to_vec(), deadline).await?.rows)
            }
            outcome => Ok(outcome?.rows),
        }
    }

    async fn prepare_query<'a>(&self, query: &'a Query, deadline: Instant) -> Result<&'a Description, Error> {
        let mut reading = self.reading(deadline).await?;
        let description = reading.with(|session| {
            session.limit.set(Some(deadline));
            statement::describe(&session.connection, query)
        });
        Ok(query.describe(description?))
    }

    /// A reading connection; it is opened on a thread that may block.
    async fn reading(&self, deadline: Instant) -> Result<Reading, Error> {
        self.shared.notice_replaced_file()?;
        let permit = free(deadline, self.shared.reading()).await??;
        if Instant::now() >= deadline {
            return Err(expired("waiting for a free connection"));
        }
        match self.shared.take_idle() {
            Some(session) => Reading::new(&self.shared, Some(session), permit),
            None => {
                let shared = Arc::clone(&self.shared);
                let opening = tokio::task::spawn_blocking(move || Reading::new(&shared, None, permit));
                within(deadline, "opening the database", opening).await?.map_err(lost_thread)?
            }
        }
    }
}

/// Reads on a thread that may block, interrupted at the deadline or when the caller goes.
async fn fetch_slowly(
    mut reading: Reading,
    query: Query,
    arguments: Vec<Value>,
    deadline: Instant,
) -> Result<Effect, Error> {
    let limit = reading.limit();
    let mut thread = tokio::task::spawn_blocking(move || {
        let outcome = reading.with(|session| {
            session.limit.set(Some(deadline));
            session.wait_for_locks(deadline)?;
            statement::run(&session.connection, &query, &arguments)
        });
        (reading, outcome)
    });
    // Declared after the thread, so that it is dropped first and cannot interrupt the connection's next user.
    let interrupt = limit.map(Limit::interrupt_on_drop);
    let (_reading, outcome) = within(deadline, "a statement was at work", &mut thread).await?.map_err(lost_thread)?;
    interrupt.into_iter().for_each(Interrupt::disarm);
    outcome
}

/// A blocking thread panicked or the runtime is stopping.
fn lost_thread(_: tokio::task::JoinError) -> Error {
    Error::new(ErrorKind::Unavailable, "the thread of a statement was lost")
}

impl Database for Sqlite {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn prepare<'a>(&'a self, query: &'a Query, deadline: Instant) -> BoxFuture<'a, Result<&'a Description, Error>> {
        Box::pin(self.prepare_query(query, deadline))
    }

    fn fetch<'a>(
        &'a self,
        query: &'a Query,
        arguments: &'a [Value],
        deadline: Instant,
    ) -> BoxFuture<'a, Result<Vec<Row>, Error>> {
        Box::pin(self.fetch_rows(query, arguments, deadline))
    }

    fn begin(&self, deadline: Instant) -> BoxFuture<'_, Result<Box<dyn Transaction>, Error>> {
        Box::pin(async move {
            let transaction = SqliteTransaction::begin(&self.shared, deadline).await?;
            Ok(Box::new(transaction) as Box<dyn Transaction>)
        })
    }

    fn ping(&self, deadline: Instant) -> BoxFuture<'_, Result<(), Error>> {
        // Reading the schema's version touches the file; a constant would not.
        Box::pin(async move {
            let query = Query::new("SELECT 1 FROM sqlite_schema", 0);
            self.fetch_rows(&query, &[], deadline).await.map(|_| ())
        })
    }

    fn renew(&self) {
        self.shared.close_idle();
    }

    fn state(&self) -> PoolState {
        self.shared.state()
    }
}

impl fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sqlite").field(&self.state()).finish()
    }
}
