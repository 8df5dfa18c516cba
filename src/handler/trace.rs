//! What a handler did for one request, step by step, for an operator who asked to be told.
//!
//! Invariant: a trace holds no secret. Values of secret columns and inputs, and constants of the definition, are left
//! out when a step is noted, not when it is shown.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value as Json;
use tokio::time::Instant;

use super::{Bound, Handler};
use crate::db::{self, Effect, Row, Value};
use crate::sql::{Expression, Input};

/// The steps of one request, in the order in which they ended.
#[derive(Debug, Default)]
pub struct Trace(Mutex<Vec<Event>>);

/// One step, and how long it took.
#[derive(Clone, Debug)]
pub struct Event {
    /// The time that it took, waiting included.
    pub elapsed: Duration,
    /// What was done.
    pub step: Step,
}

/// What a handler does.
#[derive(Clone, Debug)]
pub enum Step {
    /// A transaction began; or why it could not.
    Began(Option<String>),
    /// A statement was sent.
    Statement(Ran),
    /// The transaction was committed; or why it could not be.
    Committed(Option<String>),
    /// The transaction was undone.
    RolledBack,
    /// The row is that of another identifier, so it counts as no row.
    OtherUser,
    /// The password was compared with the stored hash; or nothing could be compared.
    Compared {
        /// The format with its cost; None for a row without a password; or why the hash cannot be read.
        recognised: Result<Option<Recognised>, String>,
        /// What came of it, in words.
        verdict: &'static str,
    },
    /// A hash was computed for the sake of equal times: there was nothing to compare.
    Decoy,
    /// A new hash was computed; or why it could not be.
    Hashed(Option<String>),
    /// A rule under `deny` was asked.
    Rule {
        /// Its place in the list, from 0.
        index: usize,
        /// Whether it keeps the user out; or why that cannot be told.
        holds: Result<bool, String>,
    },
}

/// A stored hash that was understood.
#[derive(Clone, Debug)]
pub struct Recognised {
    /// The format's name.
    pub format: String,
    /// Algorithm and cost, in words.
    pub cost: String,
}

/// A statement with what went in and came out.
#[derive(Clone, Debug)]
pub struct Ran {
    /// What was sent, byte for byte.
    pub text: String,
    /// The values, in the order of the placeholders.
    pub parameters: Vec<Given>,
    /// What the database answered; or its error.
    pub answer: Result<Gave, String>,
}

/// A value that was bound.
#[derive(Clone, Debug)]
pub struct Given {
    /// What it is in the definition, such as `identifier | lower`.
    pub name: String,
    /// The type it was bound with.
    pub type_name: &'static str,
    /// The value; None when it must not be seen.
    pub value: Option<Json>,
}

/// What a statement gave.
#[derive(Clone, Debug, Default)]
pub struct Gave {
    /// Rows that a change matched; None for a statement that only reads.
    pub matched: Option<u64>,
    /// Rows that came back, at most [`db::Query::rows`].
    pub rows: usize,
    /// The first row.
    pub columns: Vec<Cell>,
}

/// A column of a row.
#[derive(Clone, Debug)]
pub struct Cell {
    /// Its name.
    pub name: String,
    /// The type of its value.
    pub type_name: &'static str,
    /// The value; None when it must not be seen.
    pub value: Option<Json>,
}

impl Trace {
    /// Takes the steps out.
    pub fn take(&self) -> Vec<Event> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Handler {
    /// Tells this trace what is done for each request from now on.
    #[must_use]
    pub fn traced(self, trace: Arc<Trace>) -> Self {
        Self { trace: Some(trace), ..self }
    }

    /// When a step begins; None when nobody wants to know.
    pub(super) fn started(&self) -> Option<Instant> {
        self.trace.as_ref().map(|_| Instant::now())
    }

    /// Notes a step that has ended.
    pub(super) fn note(&self, started: Option<Instant>, step: impl FnOnce() -> Step) {
        if let (Some(trace), Some(started)) = (&self.trace, started) {
            let event = Event { elapsed: started.elapsed(), step: step() };
            trace.0.lock().unwrap_or_else(PoisonError::into_inner).push(event);
        }
    }

    /// Runs a statement that reads.
    pub(super) async fn fetch(
        &self,
        bound: &Bound,
        arguments: &[Value],
        deadline: Instant,
    ) -> Result<Vec<Row>, db::Error> {
        let started = self.started();
        let result = self.store.fetch(&bound.query, arguments, deadline).await;
        self.note(started, || self.ran(bound, arguments, result.as_deref().map(|rows| (None, rows))));
        result
    }

    /// Begins a transaction.
    pub(super) async fn begin(&self, deadline: Instant) -> Result<super::store::Transaction, db::Error> {
        let started = self.started();
        let result = self.store.begin(deadline).await;
        self.note(started, || Step::Began(result.as_ref().err().map(ToString::to_string)));
        result
    }

    /// Runs a statement in a transaction.
    pub(super) async fn execute(
        &self,
        transaction: &mut super::store::Transaction,
        bound: &Bound,
        arguments: &[Value],
    ) -> Result<Effect, db::Error> {
        let started = self.started();
        let result = transaction.execute(&bound.query, arguments).await;
        self.note(started, || {
            let gave = result.as_ref().map(|effect| (Some(effect.matched), effect.rows.as_slice()));
            self.ran(bound, arguments, gave)
        });
        result
    }

    /// Makes the changes last.
    pub(super) async fn commit(&self, transaction: super::store::Transaction) -> Result<(), db::Error> {
        let started = self.started();
        let result = transaction.commit().await;
        self.note(started, || Step::Committed(result.as_ref().err().map(ToString::to_string)));
        result
    }

    /// Undoes the changes.
    pub(super) async fn roll_back(&self, transaction: super::store::Transaction) -> Result<(), db::Error> {
        let started = self.started();
        let result = transaction.rollback().await;
        self.note(started, || Step::RolledBack);
        result
    }

    fn ran(&self, bound: &Bound, arguments: &[Value], answer: Result<(Option<u64>, &[Row]), &db::Error>) -> Step {
        let given = |(parameter, value): (&crate::sql::Parameter, &Value)| Given {
            name: parameter.expression.to_string(),
            type_name: value.type_name(),
            value: (!self.hides(&parameter.expression)).then(|| value.to_json()),
        };
        let answer = answer.map_err(ToString::to_string).map(|(matched, rows)| Gave {
            matched,
            rows: rows.len(),
            columns: rows.first().map_or_else(Vec::new, |row| row.iter().map(|cell| self.cell(cell)).collect()),
        });
        let parameters = bound.parameters.iter().zip(arguments).map(given).collect();
        Step::Statement(Ran { text: bound.query.text().to_owned(), parameters, answer })
    }

    fn cell(&self, (name, value): (&str, &Value)) -> Cell {
        let hidden = self.definition.secret_columns.contains(name);
        Cell { name: name.to_owned(), type_name: value.type_name(), value: (!hidden).then(|| value.to_json()) }
    }

    /// Whether a value must not be seen. A constant may come from the environment, so it is taken for a secret.
    fn hides(&self, expression: &Expression) -> bool {
        match expression {
            Expression::Constant(_) => true,
            Expression::Input { input, .. } => {
                matches!(input, Input::Password | Input::PasswordHash | Input::PasswordSalt | Input::StoredHash)
            }
            Expression::Column { column, .. } => self.definition.secret_columns.contains(column),
            Expression::Filtered { of, .. } => self.hides(of),
        }
    }
}
