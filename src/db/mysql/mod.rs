//! MySQL and MariaDB, through sqlx's driver as sea-orm brings it: reads and transactions have pools of their own.
//!
//! Invariant: a reading session is read-only on the server. sqlx's own pool is not used: it hands connections back
//! in the background with a ping that has no time limit, and cancelled callers can empty it for good.

mod bind;
mod catalog;
mod decode;
mod error;
mod inspect;
mod session;

use std::fmt;
use std::sync::Arc;

use tokio::time::Instant;

pub(in crate::db) use self::inspect::inspect;
use self::session::{Role, Session, Source};
use super::failure::{Failure, Fate, within};
use super::health::Health;
use super::pool::{Lease, Pool};
use super::transaction::begin;
use super::url::Server;
use super::{BoxFuture, Config, Database, Description, Error, ErrorKind, PoolState, Query, Row, Transaction, Value};
use crate::sql::Dialect;

/// A MySQL or MariaDB database.
pub(super) struct Mysql {
    readers: Pool<Session>,
    writers: Pool<Session>,
}

impl Mysql {
    /// Connects to nothing yet.
    pub fn new(server: &Server, config: &Config) -> Self {
        let health = Arc::new(Health::default());
        let source = |role| Source::new(server, config, role);
        let connections = usize::try_from(config.max_connections()).unwrap_or(usize::MAX);
        let writers = (connections / 3).max(1);
        let readers = connections.saturating_sub(writers).max(1);
        Self {
            readers: Pool::new(source(Role::Reader), readers, Arc::clone(&health)),
            writers: Pool::new(source(Role::Writer), writers, health),
        }
    }

    /// Does reading work on a connection, and once more on a new one when the first is lost.
    async fn read(&self, deadline: Instant, work: Work<'_>) -> Result<Answer, Error> {
        let pool = match work {
            // A read-only session refuses even to prepare a statement that writes.
            Work::Describe(_) => &self.writers,
            Work::Fetch(..) | Work::Ping => &self.readers,
        };
        let mut lease = pool.checkout(deadline).await?;
        let mut again = true;
        loop {
            let Some(session) = lease.connection() else {
                return Err(Error::new(ErrorKind::Unavailable, "the connection is closed"));
            };
            // Whenever this does not come to its end, the lease is dropped and the connection closed with it.
            let answered = within(deadline, "a statement was at work", work.perform(session)).await;
            // The server's own time limit is shorter than ours: it is silent, and likely so on every other connection.
            let failure = match answered.inspect_err(|_| lease.condemn())? {
                Ok(answer) => {
                    lease.release();
                    return Ok(answer);
                }
                Err(failure) => failure,
            };
            match failure.fate {
                Fate::Broken if failure.error.kind == ErrorKind::Unavailable && again => {
                    lease.lost(&failure.error);
                    lease.renew(deadline).await?;
                }
                fate => return Err(give_up(lease, fate, failure.error)),
            }
            again = false;
        }
    }
}

/// What is asked of a reading session.
#[derive(Clone, Copy)]
enum Work<'a> {
    Fetch(&'a Query, &'a [Value]),
    Describe(&'a Query),
    Ping,
}

#[derive(Default)]
struct Answer {
    rows: Vec<Row>,
    description: Description,
}

impl Work<'_> {
    async fn perform(self, session: &mut Session) -> Result<Answer, Failure> {
        Ok(match self {
            Self::Fetch(query, arguments) => {
                Answer { rows: session.run(query, arguments).await?.rows, ..Answer::default() }
            }
            Self::Describe(query) => Answer { description: session.describe(query).await?, ..Answer::default() },
            Self::Ping => {
                session.ping().await?;
                Answer::default()
            }
        })
    }
}

fn give_up(lease: Lease<Session>, fate: Fate, error: Error) -> Error {
    if fate == Fate::Broken {
        lease.lost(&error);
    } else {
        lease.release();
    }
    error
}

impl Database for Mysql {
    fn dialect(&self) -> Dialect {
        Dialect::Mysql
    }

    fn prepare<'a>(&'a self, query: &'a Query, deadline: Instant) -> BoxFuture<'a, Result<&'a Description, Error>> {
        Box::pin(async move {
            let answer = self.read(deadline, Work::Describe(query)).await?;
            Ok(query.describe(answer.description))
        })
    }

    fn fetch<'a>(
        &'a self,
        query: &'a Query,
        arguments: &'a [Value],
        deadline: Instant,
    ) -> BoxFuture<'a, Result<Vec<Row>, Error>> {
        Box::pin(async move {
            query.check_count(arguments.len())?;
            Ok(self.read(deadline, Work::Fetch(query, arguments)).await?.rows)
        })
    }

    fn begin(&self, deadline: Instant) -> BoxFuture<'_, Result<Box<dyn Transaction>, Error>> {
        Box::pin(async move { Ok(Box::new(begin(&self.writers, deadline).await?) as Box<dyn Transaction>) })
    }

    fn ping(&self, deadline: Instant) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async move { self.read(deadline, Work::Ping).await.map(|_| ()) })
    }

    fn renew(&self) {
        self.readers.renew();
        self.writers.renew();
    }

    fn state(&self) -> PoolState {
        let (readers, writers) = (self.readers.state(), self.writers.state());
        PoolState {
            open: readers.open + writers.open,
            busy: readers.busy + writers.busy,
            limit: readers.limit + writers.limit,
            last_error: readers.last_error,
        }
    }
}

impl fmt::Debug for Mysql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Mysql").field(&self.state()).finish()
    }
}
