//! A database that writes down what it is given and always has the same row.

use std::sync::{Arc, Mutex};

use tokio::time::Instant;
use userbridge::db::{
    BoxFuture, Column, Database, Description, Effect, Error, PoolState, Query, Row, Transaction, Value,
};
use userbridge::sql::Dialect;

type Calls = Arc<Mutex<Vec<(String, Vec<Value>)>>>;

#[derive(Debug)]
pub struct Spy {
    dialect: Dialect,
    description: Description,
    calls: Calls,
}

impl Spy {
    pub fn new(dialect: Dialect) -> Self {
        Self { dialect, description: Description::default(), calls: Calls::default() }
    }

    /// What it was given since it was asked last.
    pub fn take(&self) -> Vec<(String, Vec<Value>)> {
        std::mem::take(&mut self.calls.lock().unwrap())
    }
}

/// Of `hello`, in a format that is outdated, so that a login replaces it.
const HASH: &str = "$1$saltsalt$fFhQNRZ9A4AYLdo7vOe8a0";

fn rows() -> Vec<Row> {
    let members = [
        ("id", Value::Int(7)),
        ("email", Value::Text("ann@example.com".to_owned())),
        ("plan", Value::Text("gold".to_owned())),
        ("status", Value::Text("active".to_owned())),
        ("password_hash", Value::Text(HASH.to_owned())),
    ];
    let column = |name: &str| Column { name: name.to_owned(), type_name: "text".to_owned() };
    let columns: Arc<[Column]> = members.iter().map(|(name, _)| column(name)).collect();
    vec![Row::new(columns, members.map(|(_, value)| value).into())]
}

fn note(calls: &Calls, query: &Query, arguments: &[Value]) {
    calls.lock().unwrap().push((query.text().to_owned(), arguments.to_vec()));
}

impl Database for Spy {
    fn dialect(&self) -> Dialect {
        self.dialect
    }

    fn prepare<'a>(&'a self, _: &'a Query, _: Instant) -> BoxFuture<'a, Result<&'a Description, Error>> {
        Box::pin(async { Ok(&self.description) })
    }

    fn fetch<'a>(
        &'a self,
        query: &'a Query,
        arguments: &'a [Value],
        _: Instant,
    ) -> BoxFuture<'a, Result<Vec<Row>, Error>> {
        note(&self.calls, query, arguments);
        Box::pin(async { Ok(rows()) })
    }

    fn begin(&self, _: Instant) -> BoxFuture<'_, Result<Box<dyn Transaction>, Error>> {
        let transaction = SpyTransaction(Arc::clone(&self.calls));
        Box::pin(async { Ok(Box::new(transaction) as Box<dyn Transaction>) })
    }

    fn ping(&self, _: Instant) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async { Ok(()) })
    }

    fn renew(&self) {}

    fn state(&self) -> PoolState {
        PoolState::default()
    }
}

struct SpyTransaction(Calls);

impl Transaction for SpyTransaction {
    fn execute<'a>(&'a mut self, query: &'a Query, arguments: &'a [Value]) -> BoxFuture<'a, Result<Effect, Error>> {
        note(&self.0, query, arguments);
        Box::pin(async { Ok(Effect { matched: 1, rows: Vec::new(), last_insert_id: Some(8) }) })
    }

    fn commit(self: Box<Self>) -> BoxFuture<'static, Result<(), Error>> {
        Box::pin(async { Ok(()) })
    }

    fn rollback(self: Box<Self>) -> BoxFuture<'static, Result<(), Error>> {
        Box::pin(async { Ok(()) })
    }
}
