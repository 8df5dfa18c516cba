//! PostgreSQL, through tokio-postgres: reads are pipelined on shared read-only connections, transactions have
//! connections of their own.
//!
//! Invariant: a reading session is read-only on the server, so no read can write, whatever its text says.

mod catalog;
mod cursor;
mod decode;
mod encode;
mod error;
mod inspect;
mod reader;
mod session;
mod statement;
mod times;
mod tls;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use self::error::{Context, failure};
pub(in crate::db) use self::inspect::inspect;
use self::reader::{PATIENCE, Reader, Readers, Running};
use self::session::{Identity, Role, Session, Source};
use super::failure::{Failure, Fate, expired};
use super::health::Health;
use super::pool::{Control, Exclusive, Pool};
use super::transaction::begin;
use super::url::Server;
use super::{
    BoxFuture, Config, Database, Description, Effect, Error, ErrorKind, PoolState, Query, Row, Transaction, Value,
};
use crate::sql::Dialect;

/// A PostgreSQL database.
pub(super) struct Postgres {
    readers: Arc<Readers>,
    writers: Pool<Session>,
    health: Arc<Health>,
}

impl Postgres {
    /// Connects to nothing yet.
    pub fn new(server: &Server, config: &Config) -> Self {
        let health = Arc::new(Health::default());
        let source = |role| Source::new(server, config, role, Arc::clone(&health));
        let connections = usize::try_from(config.max_connections()).unwrap_or(usize::MAX);
        let readers = (connections / 2).clamp(1, 4);
        let writers = connections.saturating_sub(readers).max(1);
        Self {
            readers: Arc::new(Readers::new(source(Role::Reader), readers, config.timeout())),
            writers: Pool::new(source(Role::Writer), writers, Arc::clone(&health)),
            health,
        }
    }

    /// Does reading work on a shared connection, and once more on another one when the first is lost or its
    /// statement outdated. What is stuck behind somebody else's slow statement moves to another connection.
    async fn read<T, W>(&self, deadline: Instant, work: impl Fn(Arc<Reader>) -> W) -> Result<T, Error>
    where
        T: Send + 'static,
        W: Future<Output = Result<T, Failure>> + Send + 'static,
    {
        let mut again = true;
        loop {
            let reader = self.readers.pick(deadline).await?;
            let running = reader.submit(work(Arc::clone(&reader)));
            match self.wait(&reader, running, deadline).await? {
                Some(Ok(value)) => {
                    self.health.answered();
                    return Ok(value);
                }
                Some(Err(failure)) => {
                    if failure.fate == Fate::Broken {
                        self.health.lost(&failure.error);
                        self.readers.remove(&reader);
                    }
                    let lost = failure.fate == Fate::Broken && failure.error.kind == ErrorKind::Unavailable;
                    if !(lost || failure.fate == Fate::Stale) || !std::mem::take(&mut again) {
                        return Err(failure.error);
                    }
                }
                None => {}
            }
        }
    }

    /// The answer; None when the request is held up and another connection should be tried.
    async fn wait<T: Send + 'static>(
        &self,
        reader: &Arc<Reader>,
        mut running: Running<Result<T, Failure>>,
        deadline: Instant,
    ) -> Result<Option<Result<T, Failure>>, Error> {
        let begun = Instant::now();
        loop {
            let now = Instant::now();
            match timeout_at(deadline.min(now + PATIENCE), &mut running).await {
                Ok(answer) => return Ok(Some(answer)),
                Err(_) if Instant::now() >= deadline => {
                    // Nothing was answered to anybody: the peer has likely gone without a word.
                    let waited = begun.elapsed();
                    if waited > PATIENCE * 2 && reader.silence() + Duration::from_millis(5) >= waited {
                        self.readers.remove(reader);
                    }
                    return Err(expired("a statement was at work"));
                }
                Err(_) if running.is_held_up() && self.readers.has_other(reader) => return Ok(None),
                Err(_) => {}
            }
        }
    }

    async fn fetch_rows(&self, query: &Query, arguments: &[Value], deadline: Instant) -> Result<Vec<Row>, Error> {
        query.check_count(arguments.len())?;
        let identity = Identity::from(query);
        let arguments: Arc<[Value]> = arguments.into();
        let work = |reader: Arc<Reader>| {
            let (identity, arguments) = (identity.clone(), Arc::clone(&arguments));
            async move { run(&reader.session, &identity, &arguments).await }
        };
        let (effect, description) = self.read(deadline, work).await?;
        if let Some(description) = description {
            query.describe(description);
        }
        Ok(effect.rows)
    }

    async fn prepare_query<'a>(&self, query: &'a Query, deadline: Instant) -> Result<&'a Description, Error> {
        let identity = Identity::from(query);
        let work = |reader: Arc<Reader>| {
            let Identity { id, text, parameters, .. } = identity.clone();
            async move { Ok(reader.session.prepare(id, &text, parameters).await?.describe()) }
        };
        let description = self.read(deadline, work).await?;
        Ok(query.describe(description))
    }

    async fn ask_for_life(&self, deadline: Instant) -> Result<(), Error> {
        let work = |reader: Arc<Reader>| async move {
            let answer = reader.session.client.batch_execute("SELECT 1").await;
            answer.map_err(|error| failure(&error, &Context::default()))
        };
        self.read(deadline, work).await
    }
}

/// Runs a statement, prepared now if need be; then with its description.
async fn run(
    session: &Session,
    query: &Identity,
    arguments: &[Value],
) -> Result<(Effect, Option<Description>), Failure> {
    if let Some(prepared) = session.cached(query.id) {
        let effect = statement::run(session, query, &prepared, arguments, true).await?;
        return Ok((effect, None));
    }
    let prepared = session.prepare(query.id, &query.text, query.parameters).await?;
    let effect = statement::run(session, query, &prepared, arguments, false).await?;
    Ok((effect, Some(prepared.describe())))
}

impl Database for Postgres {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
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
        Box::pin(async move { Ok(Box::new(begin(&self.writers, deadline).await?) as Box<dyn Transaction>) })
    }

    fn ping(&self, deadline: Instant) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(self.ask_for_life(deadline))
    }

    fn renew(&self) {
        self.readers.close_idle();
        self.writers.condemn();
        self.health.try_again();
    }

    fn state(&self) -> PoolState {
        let (open, busy) = self.readers.counts();
        let writers = self.writers.state();
        PoolState {
            open: open + writers.open,
            busy: busy + writers.busy,
            limit: self.readers.limit + writers.limit,
            last_error: writers.last_error,
        }
    }
}

impl Exclusive for Session {
    type Source = Source;

    async fn connect(source: &Source) -> Result<Self, Error> {
        Self::open(source).await
    }

    async fn control(&mut self, verb: Control) -> Result<(), Failure> {
        let text = match verb {
            Control::Begin => "BEGIN",
            Control::Commit => "COMMIT",
            Control::Rollback => "ROLLBACK",
        };
        self.client.batch_execute(text).await.map_err(|error| failure(&error, &Context::default()))
    }

    async fn execute<'a>(&'a mut self, query: &'a Query, arguments: &'a [Value]) -> Result<Effect, Failure> {
        let (effect, description) = run(self, &Identity::from(query), arguments).await?;
        if let Some(description) = description {
            query.describe(description);
        }
        Ok(effect)
    }

    fn abandon(self) {
        self.cancel();
    }
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Postgres").field(&self.state()).finish()
    }
}
