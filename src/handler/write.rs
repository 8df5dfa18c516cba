//! The actions that change the store: one transaction, one statement whose row count decides.
//!
//! Invariant: a row count that the contract does not allow is rolled back. "Matched" means rows found, not changed.

use std::collections::BTreeMap;

use tokio::time::Instant;

use super::arguments::{Source, StepResult};
use super::lookup::names_user;
use super::{BoundStep, Class, Error, Handler};
use crate::action::{Action, NewUser, Outcome, Rejection, Request};
use crate::db::{Effect, ErrorKind, Row};
use crate::definition::{FieldType, Step};
use crate::diagnostic::nearest;
use crate::hash::Written;
use crate::secret::Password;

/// The statements of one transaction.
pub(super) struct Transaction {
    pub steps: Vec<BoundStep>,
    /// The index of the statement whose row count decides; beyond the end when none does.
    deciding: usize,
}

impl Transaction {
    pub fn new(steps: &[Step], deciding: usize) -> Self {
        Self { steps: steps.iter().map(BoundStep::new).collect(), deciding }
    }
}

/// Why a transaction was rolled back.
pub(super) struct Failure {
    pub error: Error,
    kind: Option<ErrorKind>,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, kind: None }
    }
}

impl Failure {
    /// How often the whole transaction may be tried; nothing of it was done.
    fn attempts(&self) -> usize {
        match self.kind {
            Some(ErrorKind::Conflict) => ATTEMPTS,
            // A demoted primary: the next connection may lead to the new one.
            Some(ErrorKind::ReadOnly) => 2,
            _ => 1,
        }
    }
}

/// What a committed transaction did.
pub(super) enum Done {
    /// The deciding statement matched one row; the last row that a statement gave.
    One(Option<Row>),
    /// It matched none; nothing was changed.
    None,
}

/// How often a transaction is tried when another one was in its way.
const ATTEMPTS: usize = 3;

impl Handler {
    pub(super) async fn write(&self, request: &Request, deadline: Instant) -> Result<Outcome, Error> {
        let action = request.action();
        let Some(transaction) = self.writes.get(&action) else {
            return Err(Error::new(Class::ActionNotDeclared, format!("`{action}` is not declared")));
        };
        if let Request::Create(user) = request {
            self.check_new_user(user)?;
        }
        let written = match self.new_hash(request, deadline).await? {
            Ok(written) => written,
            Err(rejection) => return Ok(Outcome::Rejected(rejection)),
        };
        let mut source = Source::new(request);
        source.written = written.as_ref();
        if let Request::Delete { user_id } = request {
            source.user_id = match self.raw_user_id("user_id", user_id, deadline).await? {
                Some(id) => Some(id),
                None => return Ok(Outcome::Unchanged),
            };
        }
        if action == Action::ChangePassword && self.is_taken_for_another(&source, deadline).await? {
            return Ok(Outcome::Unchanged);
        }
        match self.transact(transaction, &mut source, deadline).await {
            Ok(done) => self.outcome(action, done),
            // A name or id that cannot be a value of its column is nobody's, as in look-ups.
            Err(failure) if names_user(&failure.error) => Ok(Outcome::Unchanged),
            Err(failure) => refusal(action, failure),
        }
    }

    fn outcome(&self, action: Action, done: Done) -> Result<Outcome, Error> {
        match (action, done) {
            (Action::Create, Done::None) => Ok(Outcome::UserExists),
            (Action::Create, Done::One(row)) => {
                let row = row.filter(|row| row.value(&self.definition.user_id.column).is_some());
                Ok(Outcome::Created(row.map(|row| self.profile(row)).transpose()?))
            }
            (_, Done::One(_)) => Ok(Outcome::Changed),
            (_, Done::None) => Ok(Outcome::Unchanged),
        }
    }

    /// Runs the statements in one transaction; tried again when another transaction was in the way.
    pub(super) async fn transact(
        &self,
        transaction: &Transaction,
        source: &mut Source<'_>,
        deadline: Instant,
    ) -> Result<Done, Failure> {
        let mut attempt = 1;
        loop {
            match self.attempt(transaction, source, deadline).await {
                Err(failure) if attempt < failure.attempts() && Instant::now() < deadline => attempt += 1,
                result => return result,
            }
        }
    }

    async fn attempt(
        &self,
        transaction: &Transaction,
        source: &mut Source<'_>,
        deadline: Instant,
    ) -> Result<Done, Failure> {
        source.steps.clear();
        let begun = self.begin(deadline).await;
        let mut open = begun.map_err(|e| Failure { kind: Some(e.kind.clone()), error: unplaced(&e) })?;
        let mut last_row = None;
        for (index, step) in transaction.steps.iter().enumerate() {
            let arguments = source.arguments(&step.bound)?;
            let mut effect = self.execute(&mut open, &step.bound, &arguments).await.map_err(|e| failure(step, e))?;
            if index == transaction.deciding {
                match effect.matched {
                    1 => {}
                    0 => {
                        self.roll_back(open).await.map_err(|e| failure(step, e))?;
                        return Ok(Done::None);
                    }
                    count => {
                        self.roll_back(open).await.map_err(|e| failure(step, e))?;
                        return Err(too_many(count).into());
                    }
                }
            }
            let row = take_row(&mut effect)?;
            if let Some(name) = &step.name {
                let result = StepResult { row: row.clone(), last_insert_id: effect.last_insert_id };
                source.steps.insert(name.clone(), result);
            }
            last_row = row.or(last_row.filter(|_| step.writes));
        }
        self.commit(open).await.map_err(|e| Failure { kind: Some(e.kind.clone()), error: unplaced(&e) })?;
        Ok(Done::One(last_row))
    }

    /// Hashes the request's password when the action's SQL stores one.
    async fn new_hash(
        &self,
        request: &Request,
        deadline: Instant,
    ) -> Result<Result<Option<Written>, Rejection>, Error> {
        let policy = match request.action() {
            Action::Create => self.definition.create.as_ref().and_then(|create| create.write.policy.as_ref()),
            action => self.definition.writes.get(&action).and_then(|write| write.policy.as_ref()),
        };
        let (Some(policy), Some(password)) = (policy, request.password()) else { return Ok(Ok(None)) };
        if !password.is_acceptable() {
            let length = password.expose().len();
            let message = format!("the password has {length} bytes, expected 1 to {}", Password::MAX_BYTES);
            return Ok(Err(Rejection { code: "invalid_password", message }));
        }
        let written = self.hash(policy, password, deadline).await?;
        Ok(written.map(Some).map_err(|message| Rejection { code: "invalid_password", message }))
    }

    /// The members that only the definition knows: declared fields and their types.
    ///
    /// # Errors
    /// The first member that is not as declared, or that no name is given.
    pub fn check_new_user(&self, user: &NewUser) -> Result<(), Error> {
        let invalid = |field: &str, message: String| {
            let text = format!("`{field}`: {message}");
            Error::new(Class::InvalidInput { field: field.to_owned(), message }, text)
        };
        if user.email.is_none() && user.username.is_none() && user.phone_number.is_none() {
            return Err(invalid("email", "expected `email`, `username` or `phone_number`".to_owned()));
        }
        static NONE: BTreeMap<String, FieldType> = BTreeMap::new();
        let declared = self.definition.create.as_ref().map_or(&NONE, |create| &create.fields);
        for (name, value) in &user.fields {
            match declared.get(name) {
                Some(kind) if kind.accepts(value) => {}
                Some(kind) => return Err(invalid(name, format!("expected a value of type {}", kind.as_str()))),
                None => {
                    let known =
                        declared.keys().map(String::as_str).chain(["email", "username", "phone_number", "password"]);
                    let hint = nearest(name, known).map_or(String::new(), |near| format!("; did you mean `{near}`?"));
                    return Err(invalid(name, format!("the connector declares no such field{hint}")));
                }
            }
        }
        Ok(())
    }
}

fn take_row(effect: &mut Effect) -> Result<Option<Row>, Error> {
    if effect.rows.len() > 1 {
        return Err(Error::new(Class::Misconfigured, "a statement of a transaction gives more than one row"));
    }
    Ok(effect.rows.pop())
}

fn failure(step: &BoundStep, error: crate::db::Error) -> Failure {
    Failure { kind: Some(error.kind.clone()), error: step.bound.error(error) }
}

/// An error of BEGIN or COMMIT, which have no parameters.
fn unplaced(error: &crate::db::Error) -> Error {
    Error::new(error.kind.class(), error.to_string())
}

fn too_many(count: u64) -> Error {
    Error::new(
        Class::AmbiguousUser,
        format!(
            "the deciding statement matched {count} rows, expected 1; rolled back (mark another one with `decides: true`?)"
        ),
    )
}

/// What a constraint of the store means for the caller.
fn refusal(action: Action, failure: Failure) -> Result<Outcome, Error> {
    match failure.kind {
        Some(ErrorKind::UniqueViolation)
            if !matches!(action, Action::Delete | Action::Verify | Action::ChangePassword) =>
        {
            Ok(Outcome::UserExists)
        }
        Some(ErrorKind::ConstraintViolation) if !matches!(action, Action::Delete | Action::Verify) => {
            tracing::info!(action = action.as_str(), error = %failure.error, "a constraint of the store refuses the value");
            let message = "a rule of the user store refuses a value".to_owned();
            Ok(Outcome::Rejected(Rejection { code: "constraint_violation", message }))
        }
        _ => Err(failure.error),
    }
}
