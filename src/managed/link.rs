//! From sea-orm's statements to the guarded connections of [`crate::db`].
//!
//! Invariant: a statement's text holds no value, so there are few texts and each is prepared once per connection; every
//! call ends by its deadline. sea-orm's own pool is not used: it waits without limit when a connection is handed back.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sea_orm::{DbBackend, Statement};
use tokio::time::Instant;

use crate::action::{Class, Error};
use crate::db::{Database, ErrorKind, Query, Row, Value};
use crate::sql::Dialect;

/// How many rows a statement gives at most.
pub(super) const MAX_ROWS: usize = 1000;

/// How often a transaction is tried when another one was in its way.
const ATTEMPTS: usize = 5;

/// A database that runs sea-orm's statements.
pub(super) struct Link {
    database: Arc<dyn Database>,
    backend: DbBackend,
    limit: Duration,
    queries: Mutex<HashMap<String, Arc<Query>>>,
}

/// One statement of a transaction.
pub(super) struct Step {
    statement: Statement,
    /// How many rows it must match; None = any number.
    matches: Option<u64>,
}

impl Step {
    /// A statement that matches as many rows as it does.
    pub fn any(statement: Statement) -> Self {
        Self { statement, matches: None }
    }

    /// A statement that must match one row.
    pub fn one(statement: Statement) -> Self {
        Self { statement, matches: Some(1) }
    }
}

/// What became of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Done {
    /// All of it was done.
    Committed,
    /// A statement did not match what it must; nothing was done.
    Stale,
    /// A row was there already; nothing was done.
    Taken,
}

impl Link {
    pub fn new(database: Arc<dyn Database>, limit: Duration) -> Self {
        let backend = match database.dialect() {
            Dialect::Postgres => DbBackend::Postgres,
            Dialect::Mysql => DbBackend::MySql,
            Dialect::Sqlite => DbBackend::Sqlite,
        };
        Self { database, backend, limit, queries: Mutex::default() }
    }

    pub fn backend(&self) -> DbBackend {
        self.backend
    }

    pub fn database(&self) -> &Arc<dyn Database> {
        &self.database
    }

    /// The rows of a SELECT.
    pub async fn fetch(&self, statement: Statement, deadline: Instant) -> Result<Vec<Row>, Error> {
        let (query, values) = self.bind(statement)?;
        let fetched = self.database.fetch(&query, &values, self.within(deadline)).await;
        fetched.map_err(|error| failed(&error))
    }

    /// Runs statements in one transaction; tried again when another transaction was in the way.
    pub async fn transact(&self, steps: &[Step], deadline: Instant) -> Result<Done, Error> {
        let mut attempt = 1;
        loop {
            match self.attempt(steps, self.within(deadline)).await {
                Err(error) if error.kind == ErrorKind::UniqueViolation => return Ok(Done::Taken),
                Err(error) if error.kind == ErrorKind::Conflict && attempt < ATTEMPTS && Instant::now() < deadline => {
                    // Two that meet again and again must come apart: the longer wait of the later attempt does that.
                    tokio::time::sleep(Duration::from_millis(1 << attempt)).await;
                    attempt += 1;
                }
                Err(error) => return Err(failed(&error)),
                Ok(done) => return Ok(done),
            }
        }
    }

    async fn attempt(&self, steps: &[Step], deadline: Instant) -> Result<Done, crate::db::Error> {
        let mut open = self.database.begin(deadline).await?;
        for step in steps {
            let (query, values) = self
                .bind(step.statement.clone())
                .map_err(|error| crate::db::Error::new(ErrorKind::Misconfigured, error.message))?;
            let effect = match open.execute(&query, &values).await {
                Ok(effect) => effect,
                Err(error) => {
                    // Clears the connection; what it says besides is of no use.
                    let _ = open.rollback().await;
                    return Err(error);
                }
            };
            if step.matches.is_some_and(|expected| expected != effect.matched) {
                open.rollback().await?;
                return Ok(Done::Stale);
            }
        }
        open.commit().await?;
        Ok(Done::Committed)
    }

    /// The same query for the same text, so that it is prepared once.
    fn bind(&self, statement: Statement) -> Result<(Arc<Query>, Vec<Value>), Error> {
        let values = statement.values.map(|values| values.0).unwrap_or_default();
        let values = values.into_iter().map(value).collect::<Result<Vec<_>, Error>>()?;
        let mut queries = self.queries.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(query) = queries.get(&statement.sql) {
            return Ok((Arc::clone(query), values));
        }
        let query = Arc::new(Query::new(statement.sql.as_str(), values.len()).reading(MAX_ROWS));
        queries.insert(statement.sql, Arc::clone(&query));
        Ok((query, values))
    }

    fn within(&self, deadline: Instant) -> Instant {
        deadline.min(Instant::now() + self.limit)
    }
}

/// A database's error in the terms of requests.
pub(super) fn failed(error: &crate::db::Error) -> Error {
    Error::new(error.kind.class(), format!("the managed store: {error}"))
}

fn value(value: sea_orm::Value) -> Result<Value, Error> {
    let odd = |what: &str| Error::new(Class::Misconfigured, format!("the managed store's statements bind no {what}"));
    Ok(match value {
        sea_orm::Value::BigInt(number) => number.map_or(Value::Null, Value::Int),
        sea_orm::Value::BigUnsigned(number) => match number.map(i64::try_from) {
            Some(Ok(number)) => Value::Int(number),
            Some(Err(_)) => return Err(odd("number above 2^63")),
            None => Value::Null,
        },
        sea_orm::Value::Int(number) => number.map_or(Value::Null, |number| Value::Int(number.into())),
        sea_orm::Value::String(text) => text.map_or(Value::Null, Value::Text),
        _ => return Err(odd("value of another type")),
    })
}
