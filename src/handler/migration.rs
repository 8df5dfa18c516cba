//! What a migration asks of the store that users come from: marks, pages of users, and at last deletions.
//!
//! Invariant: a statement about one user that does not match exactly one row is rolled back and is an error.

use tokio::time::Instant;

use super::arguments::Source;
use super::write::{Done, Transaction};
use super::{Bound, Class, Error, Handler};
use crate::action::{Profile, Request};
use crate::db::{Row, Value};
use crate::definition::{Migration, Verification};
use crate::secret::Secret;

/// How many users a page of an import has at most.
pub const PAGE: usize = 500;

/// The statements of a migration, ready to run.
pub(super) struct Migrating {
    mark: Option<Transaction>,
    remaining: Option<Bound>,
    import: Option<Bound>,
    purge: Option<(Bound, Transaction)>,
}

impl Migrating {
    pub fn new(migration: &Migration) -> Self {
        let change = |change: &crate::definition::Change| Transaction::new(&change.steps, change.deciding);
        let page = |bound: Bound| Bound { query: bound.query.reading(PAGE), ..bound };
        Self {
            mark: migration.mark.as_ref().map(change),
            remaining: migration.remaining.as_ref().map(|statement| Bound::new(statement)),
            import: migration.import.as_ref().map(|import| page(Bound::new(&import.statement))),
            purge: migration.purge.as_ref().map(|purge| (Bound::new(&purge.marked), change(&purge.delete))),
        }
    }

    /// What is run while the gateway serves.
    pub fn statements(&self) -> impl Iterator<Item = &Bound> {
        self.mark.iter().flat_map(|mark| mark.steps.iter().map(|step| &step.bound))
    }
}

/// A user as an import finds it.
#[derive(Debug)]
pub struct Candidate {
    /// The id in its column: what the next page comes after.
    pub key: Value,
    /// The user; or why the row makes none.
    pub user: Result<Imported, Error>,
}

/// A user with what its password is verified with.
#[derive(Debug)]
pub struct Imported {
    /// The user.
    pub profile: Profile,
    /// Whether a `deny` rule keeps the user out.
    pub denied: bool,
    /// The stored hash; None = no password opens the account.
    pub hash: Option<Secret>,
    /// The columns that belong to the hash.
    pub beside: Vec<(String, Option<Secret>)>,
}

/// What the mark of a row says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// The row is marked.
    Set,
    /// The row is there without a mark.
    Missing,
    /// There is no row.
    NoRow,
}

impl Handler {
    /// Marks a user as migrated; doing it again changes nothing.
    ///
    /// # Errors
    /// The store cannot be asked, or the statement does not match exactly one row.
    pub async fn mark(&self, user_id: &str, deadline: Instant) -> Result<(), Error> {
        let mark = self.migrating()?.mark.as_ref();
        let mark = mark.ok_or_else(|| Error::new(Class::Misconfigured, "`migration.mark` is not declared"))?;
        self.store.admit()?;
        self.about(user_id, mark, "mark", deadline).await
    }

    /// How many users are not migrated yet; None when the definition does not say how to count them.
    ///
    /// # Errors
    /// The store cannot be asked, or the statement does not give one number.
    pub async fn remaining(&self, deadline: Instant) -> Result<Option<u64>, Error> {
        let Some(bound) = &self.migrating()?.remaining else { return Ok(None) };
        let rows = self.fetch(bound, &[], deadline).await.map_err(|error| bound.error(error))?;
        let number = match rows.as_slice() {
            [row] => row.iter().next().and_then(|(_, value)| value.to_text()).and_then(|text| text.parse().ok()),
            _ => None,
        };
        let odd = || Error::new(Class::Misconfigured, "`migration.remaining` does not give one row with one number");
        number.map(Some).ok_or_else(odd)
    }

    /// What comes before the first user of an import.
    ///
    /// # Errors
    /// The store cannot be asked, or nothing is declared.
    pub async fn import_start(&self, declared: Option<&str>, deadline: Instant) -> Result<Value, Error> {
        let bound = self.importing()?;
        let prepared = self.store.prepare(&bound.query, deadline).await.map_err(|error| bound.error(error))?;
        let column = prepared.columns.iter().find(|column| column.name == self.definition.user_id.column);
        let type_name = column.map(|column| column.type_name.as_str()).unwrap_or_default();
        Ok(match (declared, super::lookup::is_integer(type_name)) {
            (Some(text), true) => text.parse().map_or_else(|_| Value::Text(text.to_owned()), Value::Int),
            (Some(text), false) => Value::Text(text.to_owned()),
            (None, true) => Value::Int(0),
            (None, false) if type_name == "uuid" => Value::Text("00000000-0000-0000-0000-000000000000".to_owned()),
            (None, false) => Value::Text(String::new()),
        })
    }

    /// The next users in the order of their ids, at most [`PAGE`].
    ///
    /// # Errors
    /// The store cannot be asked, or the statement cannot work there.
    pub async fn import_page(&self, after: &Value, deadline: Instant) -> Result<Vec<Candidate>, Error> {
        let bound = self.importing()?;
        let request = nobody();
        let mut source = Source::new(&request);
        source.page = Some((after.clone(), PAGE));
        let arguments = source.arguments(bound)?;
        let rows = self.fetch(bound, &arguments, deadline).await.map_err(|error| bound.error(error))?;
        rows.into_iter().map(|row| self.candidate(row)).collect()
    }

    fn candidate(&self, mut row: Row) -> Result<Candidate, Error> {
        let key = row.value(&self.definition.user_id.column).cloned().ok_or_else(|| {
            let column = &self.definition.user_id.column;
            Error::new(
                Class::Misconfigured,
                format!("`migration.import` selects no `{column}`, which identifies users"),
            )
        })?;
        Ok(Candidate { user: self.imported(&mut row), key })
    }

    fn imported(&self, row: &mut Row) -> Result<Imported, Error> {
        let Some(Verification::Gateway(stored)) = self.definition.login.as_ref().map(|login| &login.verification)
        else {
            return Err(Error::new(Class::ActionNotDeclared, "the database compares passwords itself"));
        };
        let hash = super::login::secret_column(row, &stored.column)?;
        let beside = stored.beside.iter().map(|column| Ok((column.clone(), self.beside(row, column)?)));
        let beside = beside.collect::<Result<Vec<_>, Error>>()?;
        let denied = self.denial(row)?.is_some();
        Ok(Imported { profile: self.profile(row.clone())?, denied, hash, beside })
    }

    /// Whether the row of a user is marked.
    ///
    /// # Errors
    /// The store cannot be asked, nothing is declared, or the answer is no truth value.
    pub async fn marked(&self, user_id: &str, deadline: Instant) -> Result<Mark, Error> {
        let (bound, _) = self.purging()?;
        let request = Request::Delete { user_id: user_id.to_owned() };
        let mut source = Source::new(&request);
        source.user_id = self.raw_user_id("user_id", user_id, deadline).await?;
        let arguments = source.arguments(bound)?;
        let rows = self.fetch(bound, &arguments, deadline).await.map_err(|error| bound.error(error))?;
        match rows.as_slice() {
            [] => Ok(Mark::NoRow),
            [row] => match row.iter().next().map(|(_, value)| value) {
                Some(Value::Bool(true)) => Ok(Mark::Set),
                Some(Value::Bool(false) | Value::Null | Value::Int(0)) => Ok(Mark::Missing),
                Some(Value::Int(_)) => Ok(Mark::Set),
                _ => Err(Error::new(Class::Misconfigured, "`migration.purge.marked` does not give a truth value")),
            },
            _ => Err(Error::new(Class::AmbiguousUser, "`migration.purge.marked` gives more than one row")),
        }
    }

    /// Copies and deletes the row of a user, in one transaction.
    ///
    /// # Errors
    /// The store cannot be asked, nothing is declared, or not exactly one row would be deleted; nothing is then.
    pub async fn purge(&self, user_id: &str, deadline: Instant) -> Result<(), Error> {
        let (_, delete) = self.purging()?;
        self.about(user_id, delete, "purge.delete", deadline).await
    }

    /// Runs statements about one user, one of which must match one row.
    async fn about(&self, user_id: &str, work: &Transaction, name: &str, deadline: Instant) -> Result<(), Error> {
        let request = Request::Delete { user_id: user_id.to_owned() };
        let mut source = Source::new(&request);
        source.user_id = self.raw_user_id("user_id", user_id, deadline).await?;
        match self.transact(work, &mut source, deadline).await.map_err(|failure| failure.error)? {
            Done::One(_) => Ok(()),
            Done::None => {
                let message = format!("`migration.{name}` matches no row, expected that of the user each time it runs");
                Err(Error::new(Class::Misconfigured, message))
            }
        }
    }

    fn migrating(&self) -> Result<&Migrating, Error> {
        self.migrating.as_ref().ok_or_else(|| undeclared("migration"))
    }

    fn importing(&self) -> Result<&Bound, Error> {
        self.migrating()?.import.as_ref().ok_or_else(|| undeclared("migration.import"))
    }

    fn purging(&self) -> Result<&(Bound, Transaction), Error> {
        self.migrating()?.purge.as_ref().ok_or_else(|| undeclared("migration.purge"))
    }
}

fn undeclared(what: &str) -> Error {
    Error::new(Class::ActionNotDeclared, format!("the definition declares no `{what}`"))
}

/// For statements that are about no user.
fn nobody() -> Request {
    Request::Delete { user_id: String::new() }
}
