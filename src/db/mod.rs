//! Databases behind one small trait: prepared statements in, decoded rows out.
//!
//! Invariant: the text of a [`Query`] is sent as it is, values travel beside it, and no driver type leaks out.
//! A connection that did not finish its work cleanly is closed, never used again.

mod error;
mod failure;
mod given;
mod health;
pub mod inspect;
mod mysql;
mod numeric;
mod pool;
mod postgres;
mod provisional;
mod row;
mod sqlite;
mod transaction;
mod url;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::time::Instant;

pub use self::error::{Error, ErrorKind};
pub use self::given::Given;
pub use self::provisional::{Provisional, Reads};
pub use self::row::{Column, Row, Value};
pub use self::url::{Config, Fingerprint, UrlError};
use crate::sql::Dialect;

/// A future that a trait object can return.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// How many rows are read of a result, unless a query says otherwise: the second one proves that the first is not the
/// only one.
pub const MAX_ROWS: usize = 2;

/// The largest value that is taken from a column, in bytes; a larger one is [`ErrorKind::Misconfigured`].
pub const MAX_VALUE_BYTES: usize = 1 << 20;

/// Opens a database. Nothing connects: a database that is down now may be up when it is asked.
///
/// # Errors
/// When the driver refuses the configuration itself.
pub fn open(config: &Config) -> Result<Arc<dyn Database>, Error> {
    match config.endpoint() {
        url::Endpoint::Postgres(server) => Ok(Arc::new(postgres::Postgres::new(server, config))),
        url::Endpoint::Mysql(server) => Ok(Arc::new(mysql::Mysql::new(server, config))),
        url::Endpoint::Sqlite(file) => Ok(Arc::new(sqlite::Sqlite::new(file, config))),
    }
}

/// One database and its connections. Nothing connects before the first call.
pub trait Database: fmt::Debug + Send + Sync + 'static {
    /// The grammar of this database's statements.
    fn dialect(&self) -> Dialect;

    /// Prepares a statement without running it and remembers in the query what the server said of it.
    fn prepare<'a>(&'a self, query: &'a Query, deadline: Instant) -> BoxFuture<'a, Result<&'a Description, Error>>;

    /// Runs a reading statement, physically unable to write, and returns at most [`Query::rows`] rows.
    /// Tried once more on a new connection when the connection broke and the deadline allows it.
    fn fetch<'a>(
        &'a self,
        query: &'a Query,
        arguments: &'a [Value],
        deadline: Instant,
    ) -> BoxFuture<'a, Result<Vec<Row>, Error>>;

    /// Begins a transaction on a connection of its own. Every statement and the commit must end by the deadline.
    fn begin(&self, deadline: Instant) -> BoxFuture<'_, Result<Box<dyn Transaction>, Error>>;

    /// Asks the server for a sign of life.
    fn ping(&self, deadline: Instant) -> BoxFuture<'_, Result<(), Error>>;

    /// Closes every connection that is idle, so that what is asked next is asked on a new one, at once.
    fn renew(&self);

    /// What the pool is doing.
    fn state(&self) -> PoolState;
}

/// A transaction: committed by [`Transaction::commit`]; dropped any other way it is rolled back, at the latest by
/// closing its connection.
pub trait Transaction: Send {
    /// Runs one statement.
    fn execute<'a>(&'a mut self, query: &'a Query, arguments: &'a [Value]) -> BoxFuture<'a, Result<Effect, Error>>;

    /// Makes the changes last. [`ErrorKind::OutcomeUnknown`] when the connection broke before the answer.
    fn commit(self: Box<Self>) -> BoxFuture<'static, Result<(), Error>>;

    /// Undoes the changes.
    fn rollback(self: Box<Self>) -> BoxFuture<'static, Result<(), Error>>;
}

/// What a statement in a transaction did.
#[derive(Debug, Default)]
pub struct Effect {
    /// Rows matched by an UPDATE or DELETE (also when their values stayed the same), rows inserted, or rows read.
    pub matched: u64,
    /// The rows of a SELECT or a RETURNING clause, at most [`Query::rows`].
    pub rows: Vec<Row>,
    /// The key that MySQL or SQLite generated for the last INSERT.
    pub last_insert_id: Option<i64>,
}

/// One statement, constant for the lifetime of a definition.
pub struct Query {
    id: u64,
    text: Arc<str>,
    parameters: usize,
    rows: usize,
    description: OnceLock<Description>,
}

impl Query {
    /// A statement in the database's own dialect with this many native placeholders.
    pub fn new(text: impl Into<Arc<str>>, parameters: usize) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        Self { id, text: text.into(), parameters, rows: MAX_ROWS, description: OnceLock::new() }
    }

    /// The same statement, of whose result up to this many rows are read.
    #[must_use]
    pub fn reading(self, rows: usize) -> Self {
        Self { rows, ..self }
    }

    /// How many rows are read of its result; what comes after them is discarded.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Distinguishes queries in a connection's cache of prepared statements.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// What is sent to the server, byte for byte.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text, shared with whoever must outlive the query.
    fn shared_text(&self) -> Arc<str> {
        Arc::clone(&self.text)
    }

    /// Whether this many values are what the statement takes.
    fn check_count(&self, arguments: usize) -> Result<(), Error> {
        if arguments == self.parameters {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Misconfigured,
            format!("{arguments} values were given, expected {}, one for each placeholder", self.parameters),
        ))
    }

    /// The number of values that the statement takes.
    pub fn parameters(&self) -> usize {
        self.parameters
    }

    /// What the server said of the statement; None before the first connection.
    pub fn description(&self) -> Option<&Description> {
        self.description.get()
    }

    /// Remembers what the server said; the first answer stays.
    fn describe(&self, description: Description) -> &Description {
        self.description.get_or_init(|| description)
    }
}

impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Query").field(&self.text).finish()
    }
}

/// What a server said of a prepared statement.
#[derive(Clone, Debug, Default)]
pub struct Description {
    /// The type of each parameter, where the server tells (PostgreSQL).
    pub parameters: Vec<ParameterType>,
    /// The columns of the result; empty for statements that return none.
    pub columns: Arc<[Column]>,
}

impl Description {
    /// Refuses a result in which two columns have one name: a row could show only one of them.
    fn check_names(columns: &[Column]) -> Result<(), Error> {
        let twice = columns.iter().enumerate().find(|(i, c)| columns[..*i].iter().any(|other| other.name == c.name));
        match twice {
            None => Ok(()),
            Some((_, column)) => Err(Error::new(
                ErrorKind::Misconfigured,
                format!("two columns are named \"{}\", expected one: give the other another name with AS", column.name),
            )),
        }
    }
}

/// The type that a value must have when it is bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParameterType {
    /// The server does not tell: the value is bound as it is.
    Any,
    /// The server's own name of the type, such as `int4`, `citext` or `mood`.
    Named(String),
}

/// What a pool is doing.
#[derive(Clone, Debug, Default)]
pub struct PoolState {
    /// Connections that are open.
    pub open: usize,
    /// Connections that are at work.
    pub busy: usize,
    /// The most connections that may be open.
    pub limit: usize,
    /// Why the last connection could not be made or was lost; cleared by the next success. Holds no secret.
    pub last_error: Option<String>,
}
