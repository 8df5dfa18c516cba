//! `login`: find the row, compare the password, ask the rules, then do what follows a login.
//!
//! Invariant: whoever is refused costs one look-up and one hash of the usual cost, whatever the reason.

use std::sync::Arc;

use tokio::time::Instant;

use super::arguments::Source;
use super::store::Transaction;
use super::trace::{Recognised, Step};
use super::{Class, Error, Handler};
use crate::action::{Outcome, Profile, Refusal, Request};
use crate::db::Row;
use crate::definition::{Deny, Login, StoredPassword, Verification};
use crate::hash::{Busy, Policy, Stored, Unreadable, Verdict, Written, turn};
use crate::secret::{Password, Secret};
use crate::sql::Statement;

/// The statement that replaces an outdated hash, if the definition wants that.
pub(super) fn rehash_of(login: &Login) -> Option<&Statement> {
    match &login.verification {
        Verification::Gateway(stored) => stored.rehash.as_deref(),
        Verification::Database => None,
    }
}

/// What became of comparing a password.
enum Compared {
    Right { outdated: bool },
    Refused(Refusal),
}

impl Handler {
    pub(super) async fn log_in(
        &self,
        request: &Request,
        password: &Password,
        deadline: Instant,
    ) -> Result<Outcome, Error> {
        let (Some(login), Some(bound)) = (&self.definition.login, &self.login) else {
            return Err(Error::new(Class::ActionNotDeclared, "`login` is not declared"));
        };
        let source = Source::new(request);
        let row = self.one_row(bound, &source, deadline).await?;
        match &login.verification {
            Verification::Database => match row {
                Some(row) if password.is_acceptable() => self.admit(request, row, deadline).await,
                Some(_) => Ok(Outcome::WrongCredentials(Refusal::UnacceptablePassword)),
                None => Ok(Outcome::WrongCredentials(Refusal::UnknownUser)),
            },
            Verification::Gateway(stored) => self.verify(request, password, stored, row, deadline).await,
        }
    }

    async fn verify(
        &self,
        request: &Request,
        password: &Password,
        stored: &StoredPassword,
        row: Option<Row>,
        deadline: Instant,
    ) -> Result<Outcome, Error> {
        let Some(mut row) = row else {
            self.decoy(&stored.policy, password, deadline).await?;
            return Ok(Outcome::WrongCredentials(Refusal::UnknownUser));
        };
        let hash = secret_column(&mut row, &stored.column)?;
        let beside = stored.beside.iter().map(|column| Ok((column.clone(), self.beside(&mut row, column)?)));
        let beside = beside.collect::<Result<Vec<_>, Error>>()?;
        match self.compare(password, stored, hash.clone(), beside, deadline).await? {
            Compared::Refused(refusal) => Ok(Outcome::WrongCredentials(refusal)),
            Compared::Right { outdated } => {
                let outcome = self.admit(request, row.clone(), deadline).await?;
                if let (true, Outcome::Authenticated(_), Some(hash)) = (outdated, &outcome, hash) {
                    self.rehash(request, password, stored, &row, &hash, deadline).await;
                }
                Ok(outcome)
            }
        }
    }

    /// Compares in the hash pool. A password that may not be hashed, an account without one and a hash that cannot be
    /// read cost as much as a wrong password.
    async fn compare(
        &self,
        password: &Password,
        stored: &StoredPassword,
        hash: Option<Secret>,
        beside: Vec<(String, Option<Secret>)>,
        deadline: Instant,
    ) -> Result<Compared, Error> {
        if !password.is_acceptable() {
            self.decoy(&stored.policy, password, deadline).await?;
            return Ok(Compared::Refused(Refusal::UnacceptablePassword));
        }
        let started = self.started();
        let (memory, recognised) = {
            let row = Stored { value: hash.as_ref(), extra: &beside, ..Stored::default() };
            let recognised = started.map(|_| recognise(&stored.policy, &row));
            (stored.policy.memory_needed(Some(&row)), recognised)
        };
        let (policy, password) = (Arc::clone(&stored.policy), password.clone());
        let job = move || {
            let row = Stored { value: hash.as_ref(), extra: &beside, ..Stored::default() };
            let verdict = policy.verify_blocking(&password, &row);
            if verdict.is_err() {
                policy.decoy_blocking(&password);
            }
            verdict
        };
        let done = self.resources.budget.run_soon(memory, turn(deadline), deadline, job).await;
        if let Some(recognised) = recognised {
            self.note(started, || Step::Compared { recognised, verdict: verdict(&done) });
        }
        match done.map_err(busy)? {
            Ok(Verdict::Match { outdated }) => Ok(Compared::Right { outdated }),
            Ok(Verdict::Mismatch) => Ok(Compared::Refused(Refusal::WrongPassword)),
            Ok(Verdict::NoPassword) => Ok(Compared::Refused(Refusal::NoPassword)),
            Err(unreadable) => Err(Error::new(Class::UnreadableHash, unreadable.to_string())),
        }
    }

    async fn decoy(&self, policy: &Arc<Policy>, password: &Password, deadline: Instant) -> Result<(), Error> {
        let memory = policy.memory_needed(None);
        let (policy, password) = (Arc::clone(policy), password.clone());
        let job = move || policy.decoy_blocking(&password);
        let started = self.started();
        let done = self.resources.budget.run_soon(memory, turn(deadline), deadline, job).await.map_err(busy);
        self.note(started, || Step::Decoy);
        done
    }

    /// The password was right: the rules decide, then the statements under `after` run.
    async fn admit(&self, request: &Request, row: Row, deadline: Instant) -> Result<Outcome, Error> {
        if let Some(rule) = self.denial(&row)? {
            return rule.denial(|| self.profile(row)).map(Outcome::Denied);
        }
        let profile: Profile = self.profile(row.clone())?;
        if let Some(after) = &self.after {
            let mut source = Source::new(request);
            source.row = Some(&row);
            self.transact(after, &mut source, deadline).await.map_err(|failure| failure.error)?;
        }
        Ok(Outcome::Authenticated(profile))
    }

    /// The first rule that keeps this user out.
    pub(super) fn denial(&self, row: &Row) -> Result<Option<&Deny>, Error> {
        if self.definition.deny.is_empty() {
            return Ok(None);
        }
        let columns = self.columns(row.clone());
        for (index, rule) in self.definition.deny.iter().enumerate() {
            let started = self.started();
            let holds = rule.when.holds(&columns);
            self.note(started, || Step::Rule { index, holds: holds.clone() });
            if holds.map_err(|problem| Error::new(Class::Misconfigured, format!("a `deny` rule: {problem}")))? {
                return Ok(Some(rule));
            }
        }
        Ok(None)
    }

    /// Replaces an outdated hash. Whatever goes wrong here is logged and nothing more: the login stands.
    async fn rehash(
        &self,
        request: &Request,
        password: &Password,
        stored: &StoredPassword,
        row: &Row,
        hash: &Secret,
        deadline: Instant,
    ) {
        let Some(bound) = &self.rehash else { return };
        let result: Result<u64, Error> = async {
            let Ok(written) = self.hash(&stored.policy, password, deadline).await? else { return Ok(0) };
            let mut source = Source::new(request);
            source.row = Some(row);
            source.stored = Some(hash);
            source.written = Some(&written);
            let arguments = source.arguments(bound)?;
            let mut transaction = self.begin(deadline).await.map_err(|e| bound.error(e))?;
            let effect = self.execute(&mut transaction, bound, &arguments).await.map_err(|e| bound.error(e))?;
            let problem = match effect.matched {
                0 => None,
                1 => self.read_back(&mut transaction, &source, stored, &written).await?,
                _ => Some("`rehash_sql` matches more than one row"),
            };
            if let Some(problem) = problem {
                self.roll_back(transaction).await.map_err(|e| bound.error(e))?;
                return Err(Error::new(Class::Misconfigured, problem));
            }
            self.commit(transaction).await.map_err(|e| bound.error(e))?;
            Ok(effect.matched)
        }
        .await;
        let connector = self.definition.name.as_str();
        match result {
            Ok(matched) => tracing::debug!(connector, matched, "rehash"),
            Err(error) => {
                tracing::warn!(connector, class = error.class.as_str(), %error, "rehash failed; the login stands")
            }
        }
    }

    /// Reads the row again before the commit: what is wrong with the hash and the salt that it holds now. A column that
    /// is too narrow, a trigger or a conversion must not leave the user without a password, on any database.
    async fn read_back(
        &self,
        transaction: &mut Transaction,
        source: &Source<'_>,
        stored: &StoredPassword,
        written: &Written,
    ) -> Result<Option<&'static str>, Error> {
        let Some(bound) = &self.login else { return Ok(None) };
        let arguments = source.arguments(bound)?;
        let effect = self.execute(transaction, bound, &arguments).await.map_err(|e| bound.error(e))?;
        let Some(mut row) = effect.rows.into_iter().next().filter(|_| effect.matched == 1) else {
            return Ok(Some("after `rehash_sql`, `login` does not find the row; undone"));
        };
        let hash = secret_column(&mut row, &stored.column)?;
        let beside = stored.beside.iter().map(|column| Ok((column.clone(), self.beside(&mut row, column)?)));
        let beside = beside.collect::<Result<Vec<_>, Error>>()?;
        let row = Stored { value: hash.as_ref(), extra: &beside, ..Stored::default() };
        let kept = stored.policy.holds(&row, written);
        Ok((!kept).then_some("the store does not hold the new hash as it was written, undone; widen its column"))
    }

    /// Hashes a new password in the pool; the inner error is the caller's to know.
    pub(super) async fn hash(
        &self,
        policy: &Arc<Policy>,
        password: &Password,
        deadline: Instant,
    ) -> Result<Result<Written, String>, Error> {
        let memory = policy.memory_to_write();
        let entropy = self.resources.entropy;
        let (policy, password) = (Arc::clone(policy), password.clone());
        let job =
            move || policy.write_blocking(&password, &mut |bytes| entropy(bytes)).map_err(|error| error.to_string());
        let started = self.started();
        let done = self.resources.budget.run_soon(memory, turn(deadline), deadline, job).await.map_err(busy);
        self.note(started, || Step::Hashed(problem(&done)));
        done
    }
}

impl Handler {
    /// What belongs to the hash: secrets are taken out of the row, what is public is copied.
    pub(super) fn beside(&self, row: &mut Row, column: &str) -> Result<Option<Secret>, Error> {
        if self.definition.secret_columns.contains(column) {
            return secret_column(row, column);
        }
        let value = row.value(column).ok_or_else(|| {
            Error::new(Class::Misconfigured, format!("the row has no column `{column}`, which belongs to the hash"))
        })?;
        Ok(value.clone().into_secret().or_else(|| value.to_text().map(Secret::new)))
    }
}

/// Takes a secret out of the row; a column that is not there is the operator's mistake, NULL is a user without.
pub(super) fn secret_column(row: &mut Row, column: &str) -> Result<Option<Secret>, Error> {
    let value = row.take(column).ok_or_else(|| {
        Error::new(Class::Misconfigured, format!("the row has no column `{column}`, which holds the password"))
    })?;
    if matches!(value, crate::db::Value::Null) {
        return Ok(None);
    }
    let found = value.type_name();
    value.into_secret().map(Some).ok_or_else(|| {
        Error::new(Class::Misconfigured, format!("column `{column}` is of type {found}, expected text or bytes"))
    })
}

/// What a stored hash is, for the trace.
fn recognise(policy: &Policy, row: &Stored<'_>) -> Result<Option<Recognised>, String> {
    let described = policy.describe(row).map_err(|unreadable| unreadable.to_string())?;
    Ok(described.map(|(format, cost)| Recognised { format, cost }))
}

/// What came of a comparison, for the trace.
fn verdict(done: &Result<Result<Verdict, Unreadable>, Busy>) -> &'static str {
    match done {
        Ok(Ok(Verdict::Match { outdated: false })) => "match",
        Ok(Ok(Verdict::Match { outdated: true })) => "match, and older than what `new` writes",
        Ok(Ok(Verdict::Mismatch)) => "mismatch",
        Ok(Ok(Verdict::NoPassword)) => "no password",
        Ok(Err(_)) => "unreadable",
        Err(_) => "not computed",
    }
}

/// Why there is no new hash, for the trace.
fn problem(done: &Result<Result<Written, String>, Error>) -> Option<String> {
    match done {
        Ok(Ok(_)) => None,
        Ok(Err(problem)) => Some(problem.clone()),
        Err(error) => Some(error.to_string()),
    }
}

fn busy(busy: Busy) -> Error {
    Error::new(busy.class(), busy.to_string())
}
