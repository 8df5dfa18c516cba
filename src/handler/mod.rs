//! Handlers: a checked definition on its database, answering requests.
//!
//! Invariant: handlers see no HTTP and no YAML. A request is answered wholly by the handler it began with.

mod arguments;
mod list;
mod login;
mod lookup;
mod matching;
mod migration;
mod profile;
mod store;
#[cfg(test)]
mod tests;
mod trace;
mod write;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use tokio::time::Instant;

use self::list::Listing;
pub use self::list::Stored;
use self::matching::Matching;
use self::migration::Migrating;
pub use self::migration::{Candidate, Imported, Mark, PAGE};
pub use self::store::Store;
pub use self::trace::{Cell, Event, Gave, Given, Ran, Recognised, Step as TraceStep, Trace};
use self::write::Transaction;
use crate::action::{Action, Outcome, Request};
pub use crate::action::{Class, Error};
pub use crate::breaker::{BreakerState, Entropy};
use crate::complaint::Complaints;
use crate::db::{ErrorKind, Query, Value};
use crate::definition::{Definition, Match, Step};
use crate::hash::Budget;
use crate::sql::{Parameter, Statement};

/// Tells the time in milliseconds since 1970 (UTC).
pub type Clock = fn() -> i64;

/// What every handler shares with the others of its process.
#[derive(Clone)]
pub struct Resources {
    /// Where passwords are hashed.
    pub budget: Arc<Budget>,
    /// Where salts come from.
    pub entropy: Entropy,
    /// The wall clock: a managed store notes when users came, and what an upstream signs has a time of its own.
    pub clock: Clock,
}

/// One definition, ready to answer.
pub struct Handler {
    definition: Definition,
    store: Arc<Store>,
    complaints: Complaints,
    resources: Resources,
    login: Option<Bound>,
    after: Option<Transaction>,
    rehash: Option<Bound>,
    by_identifier: Option<Bound>,
    by_user_id: Option<Bound>,
    list: Option<Listing>,
    writes: BTreeMap<Action, Transaction>,
    migrating: Option<Migrating>,
    trace: Option<Arc<Trace>>,
}

impl Handler {
    /// Joins a definition with the database that it names.
    pub fn new(definition: Definition, store: Arc<Store>, resources: Resources) -> Self {
        let login = definition.login.as_ref();
        let get_user = definition.get_user.as_ref();
        let mut writes: BTreeMap<_, _> = definition
            .writes
            .iter()
            .map(|(action, write)| (*action, Transaction::new(&write.steps, write.deciding)))
            .collect();
        if let Some(create) = &definition.create {
            writes.insert(Action::Create, Transaction::new(&create.write.steps, create.write.deciding));
        }
        Self {
            login: login.map(|login| Bound::looking_up(&login.statement, definition.matching)),
            after: login
                .filter(|login| !login.after.is_empty())
                .map(|login| Transaction::new(&login.after, usize::MAX)),
            rehash: login.and_then(login::rehash_of).map(Bound::new),
            by_identifier: get_user
                .and_then(|g| g.by_identifier.as_ref())
                .map(|s| Bound::looking_up(s, definition.matching)),
            by_user_id: get_user.and_then(|g| g.by_user_id.as_ref()).map(|s| Bound::new(s)),
            list: definition.list_users.as_ref().map(Listing::new),
            writes,
            migrating: definition.migration.as_deref().map(Migrating::new),
            definition,
            store,
            complaints: Complaints::default(),
            resources,
            trace: None,
        }
    }

    /// The definition that this handler answers for.
    pub fn definition(&self) -> &Definition {
        &self.definition
    }

    /// The database that this handler asks, and its breaker.
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// Answers one request by the deadline.
    ///
    /// # Errors
    /// When no answer could be had; see [`Class`].
    pub async fn run(&self, request: &Request, deadline: Instant) -> Result<Outcome, Error> {
        let answer = self.answer(request, deadline).await;
        if let Err(error) = &answer {
            self.complaints.consider(&self.definition.name, error);
        }
        answer
    }

    async fn answer(&self, request: &Request, deadline: Instant) -> Result<Outcome, Error> {
        let action = request.action();
        if !self.definition.declares(action) {
            return Err(Error::new(Class::ActionNotDeclared, format!("`{action}` is not declared")));
        }
        self.store.admit()?;
        match request {
            Request::Login { password, .. } => self.log_in(request, password, deadline).await,
            Request::GetUser { by, .. } => self.look_up(request, by, deadline).await,
            Request::ListUsers { after, limit } => self.list(request, after.as_deref(), *limit, deadline).await,
            _ => self.write(request, deadline).await,
        }
    }

    fn statements(&self) -> Vec<&Bound> {
        let single = [&self.login, &self.rehash, &self.by_identifier, &self.by_user_id];
        let transactions = self.writes.values().chain(&self.after);
        let steps = transactions.flat_map(|transaction| transaction.steps.iter().map(|step| &step.bound));
        let pages = self.list.iter().flat_map(Listing::statements);
        let migrating = self.migrating.iter().flat_map(Migrating::statements);
        single.into_iter().flatten().chain(pages).chain(steps).chain(migrating).collect()
    }

    /// Prepares every statement, so that the first request finds the database warm and the operator learns early
    /// what cannot work.
    ///
    /// # Errors
    /// The first statement that the database refuses.
    pub async fn prepare(&self, deadline: Instant) -> Result<(), Error> {
        for bound in self.statements() {
            self.store.prepare(&bound.query, deadline).await.map_err(|error| bound.error(error))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Handler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handler")
            .field("name", &self.definition.name)
            .field("version", &self.definition.version)
            .finish()
    }
}

/// A statement that a database can run, with the values that it takes.
struct Bound {
    query: Query,
    parameters: Vec<Parameter>,
    /// What makes a row that of the user who was asked for.
    matching: Option<Matching>,
}

impl Bound {
    fn new(statement: &Statement) -> Self {
        let query = Query::new(Arc::clone(&statement.text), statement.parameters.len());
        Self { query, parameters: statement.parameters.clone(), matching: None }
    }

    /// A statement whose row must be that of the name asked for.
    fn looking_up(statement: &Statement, rule: Match) -> Self {
        Self { matching: Matching::new(rule, statement), ..Self::new(statement) }
    }

    /// A database's error in a handler's terms; a value that does not fit is named after its input.
    fn error(&self, error: crate::db::Error) -> Error {
        let class = match &error.kind {
            ErrorKind::InvalidValue(index) => {
                let parameter = index.and_then(|index| self.parameters.get(index));
                match parameter.and_then(|p| p.expression.input()) {
                    Some(input) => Class::InvalidInput {
                        field: input.name().to_owned(),
                        message: "the value does not fit the user store".to_owned(),
                    },
                    None if index.is_none() => Class::InvalidInput {
                        field: "request".to_owned(),
                        message: "a value does not fit the user store".to_owned(),
                    },
                    None => Class::Misconfigured,
                }
            }
            other => other.class(),
        };
        Error::new(class, error.to_string())
    }
}

/// One step of a transaction, ready to run.
struct BoundStep {
    name: Option<String>,
    bound: Bound,
    writes: bool,
}

impl BoundStep {
    fn new(step: &Step) -> Self {
        Self { name: step.name.clone(), bound: Bound::new(&step.statement), writes: step.statement.writes }
    }
}

/// The text of a value that identifies a user.
fn id_text(value: &Value) -> Option<String> {
    match value {
        Value::Bytes(bytes) => String::from_utf8(bytes.clone()).ok(),
        other => other.to_text(),
    }
}
