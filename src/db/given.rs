//! A database that gives the rows that it was told to give, for definitions that are tested without one.
//!
//! Invariant: nothing is looked at but whether a statement reads: what a statement means only a real database knows.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value as Json};
use tokio::time::Instant;

use super::{BoxFuture, Column, Database, Description, Effect, Error, PoolState, Query, Row, Transaction, Value};
use crate::sql::Dialect;

/// The rows that every statement finds, until it is told others.
#[derive(Debug)]
pub struct Given {
    dialect: Dialect,
    /// Every column of any row: what a server would say of its types.
    columns: Arc<[Column]>,
    rows: Mutex<Vec<Row>>,
}

impl Given {
    /// A database without rows, whose columns are of the types of these rows.
    pub fn new<'a>(dialect: Dialect, all: impl IntoIterator<Item = &'a Map<String, Json>>) -> Arc<Self> {
        let mut columns: Vec<Column> = Vec::new();
        for row in all {
            for member in row.iter().filter(|(_, value)| !value.is_null()) {
                if !columns.iter().any(|known| known.name == *member.0) {
                    columns.push(column(member));
                }
            }
        }
        Arc::new(Self { dialect, columns: columns.into(), rows: Mutex::default() })
    }

    /// From now on these rows are found.
    pub fn set(&self, rows: &[Map<String, Json>]) {
        let row = |members: &Map<String, Json>| {
            Row::new(members.iter().map(column).collect(), members.values().map(Value::from).collect())
        };
        *self.rows.lock().unwrap_or_else(PoisonError::into_inner) = rows.iter().map(row).collect();
    }

    fn rows(&self) -> Vec<Row> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn column((name, value): (&String, &Json)) -> Column {
    let type_name = if value.is_i64() { "bigint" } else { "text" };
    Column { name: name.clone(), type_name: type_name.to_owned() }
}

impl Database for Given {
    fn dialect(&self) -> Dialect {
        self.dialect
    }

    fn prepare<'a>(&'a self, query: &'a Query, _: Instant) -> BoxFuture<'a, Result<&'a Description, Error>> {
        let description = Description { columns: Arc::clone(&self.columns), ..Description::default() };
        Box::pin(async { Ok(query.describe(description)) })
    }

    fn fetch<'a>(&'a self, query: &'a Query, given: &'a [Value], _: Instant) -> BoxFuture<'a, Result<Vec<Row>, Error>> {
        Box::pin(async {
            query.check_count(given.len())?;
            Ok(self.rows().into_iter().take(query.rows()).collect())
        })
    }

    fn begin(&self, _: Instant) -> BoxFuture<'_, Result<Box<dyn Transaction>, Error>> {
        let transaction = Changing { rows: self.rows() };
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

/// A transaction whose every statement matches the rows, and returns them if it says so.
struct Changing {
    rows: Vec<Row>,
}

impl Transaction for Changing {
    fn execute<'a>(&'a mut self, query: &'a Query, given: &'a [Value]) -> BoxFuture<'a, Result<Effect, Error>> {
        Box::pin(async {
            query.check_count(given.len())?;
            let id = self.rows.first().and_then(|row| match row.value("id") {
                Some(Value::Int(id)) => Some(*id),
                _ => None,
            });
            let rows = if returns(query.text()) { self.rows.clone() } else { Vec::new() };
            let rows = rows.into_iter().take(query.rows()).collect();
            Ok(Effect { matched: self.rows.len() as u64, rows, last_insert_id: id })
        })
    }

    fn commit(self: Box<Self>) -> BoxFuture<'static, Result<(), Error>> {
        Box::pin(async { Ok(()) })
    }

    fn rollback(self: Box<Self>) -> BoxFuture<'static, Result<(), Error>> {
        Box::pin(async { Ok(()) })
    }
}

fn returns(text: &str) -> bool {
    let mut words = text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty()).peekable();
    let reads = words.peek().is_some_and(|first| first.eq_ignore_ascii_case("select"));
    reads || words.any(|word| word.eq_ignore_ascii_case("returning"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_reads_or_returns_gives_rows() {
        assert!(returns("select id FROM t") && returns("INSERT INTO t (a) VALUES (1)\nRETURNING id"));
        assert!(!returns("UPDATE t SET returning_customer = 1") && !returns(""));
    }
}
