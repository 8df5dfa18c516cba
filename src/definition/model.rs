//! A checked definition: everything that a handler needs, with nothing left to check.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value as Json;

use super::migration::Migration;
use super::places::Places;
use super::raw::{RawFieldType, RawMatch, RawTest};
use super::template::Template;
use super::upstream::Upstream;
use crate::action::{Action, Denial, DenialReason, Profile};
use crate::db;
use crate::hash::Policy;
use crate::sql::Statement;

/// One user store, checked.
#[derive(Debug)]
pub struct Definition {
    /// The name in URLs.
    pub name: String,
    /// What the store is, for people.
    pub description: Option<String>,
    /// Whether every request is refused.
    pub disabled: bool,
    /// A digest of the file's bytes, in hex; tells versions apart.
    pub version: String,
    /// A digest of the file's bytes and of every value that it refers to; equal when nothing changed.
    pub fingerprint: [u8; 32],
    /// The files that the definition refers to; a change of one is a change of the definition.
    pub references: Vec<PathBuf>,
    /// Where the users are.
    pub store: UserStore,
    /// What identifies a user.
    pub user_id: UserId,
    /// When a row is that of the user who was asked for.
    pub matching: RawMatch,
    /// Declared profile members, by name.
    pub profile: Vec<(String, Template)>,
    /// Rules that keep users out.
    pub deny: Vec<Deny>,
    /// Columns that never reach a profile, a log or an answer.
    pub secret_columns: BTreeSet<String>,
    /// Verifies passwords.
    pub login: Option<Login>,
    /// Finds users.
    pub get_user: Option<GetUser>,
    /// Adds users.
    pub create: Option<Create>,
    /// Gives all users, page by page.
    pub list_users: Option<ListUsers>,
    /// The actions that change or remove one user.
    pub writes: BTreeMap<Action, Write>,
    /// How users move into a managed store, when they do.
    pub migration: Option<Arc<Migration>>,
    /// The cases under `tests`.
    pub tests: Vec<Test>,
    /// Where all of this stands in the file.
    pub places: Places,
}

impl Definition {
    /// Every set of password formats that the definition declares.
    pub fn policies(&self) -> impl Iterator<Item = &Arc<Policy>> {
        let stored = self.login.iter().filter_map(|login| match &login.verification {
            Verification::Gateway(stored) => Some(&stored.policy),
            Verification::Database => None,
        });
        let created = self.create.iter().filter_map(|create| create.write.policy.as_ref());
        stored.chain(created).chain(self.writes.values().filter_map(|write| write.policy.as_ref()))
    }

    /// The database; None when an upstream answers.
    pub fn database(&self) -> Option<&db::Config> {
        match &self.store {
            UserStore::Database(database) => Some(database),
            UserStore::Upstream(_) => None,
        }
    }

    /// Whether the definition declares this action.
    pub fn declares(&self, action: Action) -> bool {
        if let UserStore::Upstream(upstream) = &self.store {
            return upstream.declares(action);
        }
        match action {
            Action::Login => self.login.is_some(),
            Action::GetUser => self.get_user.is_some(),
            Action::Create => self.create.is_some(),
            Action::ListUsers => self.list_users.is_some(),
            other => self.writes.contains_key(&other),
        }
    }
}

/// What answers for the users.
#[derive(Debug)]
pub enum UserStore {
    /// A database, through the definition's SQL.
    Database(db::Config),
    /// Another tenant or service, over HTTP.
    Upstream(Arc<Upstream>),
}

/// A case under `tests`.
#[derive(Debug)]
pub struct Test {
    /// The action that it is for.
    pub action: Action,
    /// As it is written.
    pub raw: RawTest,
    /// What runs first on a database; None where the case is not meant for one.
    pub setup: Option<Vec<Arc<Statement>>>,
}

/// What identifies a user for ever.
#[derive(Clone, Debug)]
pub struct UserId {
    /// The column.
    pub column: String,
    /// What stands in front of the id outside.
    pub prefix: String,
}

/// A rule that keeps users out although their password is right.
#[derive(Debug)]
pub struct Deny {
    /// Holds for the users that are kept out.
    pub when: Template,
    /// What they are told.
    pub message: String,
    /// What kind of reason it is.
    pub reason: DenialReason,
}

impl Deny {
    /// What is answered when the rule holds. Whoever only lacks a new password is shown, for identity providers that
    /// ask for one themselves.
    ///
    /// # Errors
    /// The profile cannot be had.
    pub fn denial<E>(&self, profile: impl FnOnce() -> Result<Profile, E>) -> Result<Denial, E> {
        let profile = match self.reason {
            DenialReason::PasswordChangeRequired => Some(profile()?),
            _ => None,
        };
        Ok(Denial { reason: self.reason, message: self.message.clone(), profile })
    }
}

/// Verifies passwords.
#[derive(Debug)]
pub struct Login {
    /// Finds the user's row.
    pub statement: Arc<Statement>,
    /// Who compares the password, and with what.
    pub verification: Verification,
    /// Runs once the password was right.
    pub after: Vec<Step>,
}

/// Who compares the password.
#[derive(Debug)]
pub enum Verification {
    /// The gateway.
    Gateway(StoredPassword),
    /// The database: a row means that the password is right.
    Database,
}

/// Where a stored hash is and how it is read.
#[derive(Debug)]
pub struct StoredPassword {
    /// The column that holds the hash.
    pub column: String,
    /// The columns that hold what belongs to the hash: its salt, the name that was hashed with it.
    pub beside: Vec<String>,
    /// The formats that are accepted and written.
    pub policy: Arc<Policy>,
    /// Replaces an outdated hash after a successful login.
    pub rehash: Option<Arc<Statement>>,
}

/// Finds users; one of the two at least.
#[derive(Debug)]
pub struct GetUser {
    /// By what a person types.
    pub by_identifier: Option<Arc<Statement>>,
    /// By the stable id.
    pub by_user_id: Option<Arc<Statement>>,
}

/// Gives users page by page, in the order of their ids.
#[derive(Debug)]
pub struct ListUsers {
    /// The first page; None where `sql` has a value to begin after.
    pub first: Option<Arc<Statement>>,
    /// The page behind an id.
    pub sql: Arc<Statement>,
}

/// Adds users.
#[derive(Debug)]
pub struct Create {
    /// The statements.
    pub write: Write,
    /// Further members of the request, with their types.
    pub fields: BTreeMap<String, RawFieldType>,
}

/// Changes or removes one user, in one transaction.
#[derive(Debug)]
pub struct Write {
    /// The statements, in order.
    pub steps: Vec<Step>,
    /// The index of the statement whose row count decides the outcome.
    pub deciding: usize,
    /// How a new password is hashed, when the SQL takes one.
    pub policy: Option<Arc<Policy>>,
}

/// One statement of a transaction.
#[derive(Debug)]
pub struct Step {
    /// The name by which later statements use its row.
    pub name: Option<String>,
    /// The statement.
    pub statement: Arc<Statement>,
}

impl RawFieldType {
    /// The name in definitions.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Json => "json",
        }
    }

    /// Whether a JSON value is of this type; null always is.
    pub fn accepts(self, value: &Json) -> bool {
        match (self, value) {
            (_, Json::Null) | (Self::Json, _) => true,
            (Self::Text, value) => value.is_string(),
            (Self::Integer, value) => value.is_i64(),
            (Self::Number, value) => value.is_number(),
            (Self::Boolean, value) => value.is_boolean(),
        }
    }
}
