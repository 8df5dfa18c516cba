//! `list_users`: pages of users by the key that identifies them.
//!
//! Invariant: within a page no id repeats and none is the page's own beginning, so whoever asks for page after page
//! comes to an end. Numbers must grow; the order of texts is the database's own.

use std::collections::HashSet;

use tokio::time::Instant;

use super::arguments::Source;
use super::{Bound, Class, Error, Handler, id_text};
use crate::action::{Outcome, Page, Profile, Request};
use crate::db::{Row, Value};
use crate::definition::{ListUsers, Verification};
use crate::secret::Secret;

/// The statements that give pages.
pub(super) struct Listing {
    first: Option<Bound>,
    following: Bound,
}

impl Listing {
    pub fn new(list: &ListUsers) -> Self {
        let bound = |statement| {
            let bound = Bound::new(statement);
            // One more than any page proves that the statement keeps to its limit.
            Bound { query: bound.query.reading(usize::from(Page::MAX) + 1), ..bound }
        };
        Self { first: list.first.as_deref().map(bound), following: bound(&list.sql) }
    }

    pub fn statements(&self) -> impl Iterator<Item = &Bound> {
        self.first.iter().chain([&self.following])
    }

    pub fn following(&self) -> &Bound {
        &self.following
    }
}

/// A user with what stands in the password's column.
pub struct Stored {
    /// The user.
    pub profile: Profile,
    /// The stored hash; None when there is none, or the statement does not select it.
    pub hash: Option<Secret>,
}

impl Handler {
    /// One page, as callers see it.
    pub(super) async fn list(
        &self,
        request: &Request,
        after: Option<&str>,
        limit: u16,
        deadline: Instant,
    ) -> Result<Outcome, Error> {
        let rows = self.page(request, after, limit, deadline).await?;
        let full = rows.len() == usize::from(limit);
        let users: Vec<Profile> = rows.into_iter().map(|row| self.profile(row)).collect::<Result<_, _>>()?;
        let next = users.last().filter(|_| full).map(|last| last.user_id().to_owned());
        Ok(Outcome::Listed(Page { users, next }))
    }

    /// One page with its stored hashes, for moving users elsewhere; no answer is made of it.
    ///
    /// # Errors
    /// As [`Handler::run`].
    pub async fn stored_page(&self, after: Option<&str>, limit: u16, deadline: Instant) -> Result<Vec<Stored>, Error> {
        self.store.admit()?;
        let request = Request::ListUsers { after: after.map(str::to_owned), limit };
        let rows = self.page(&request, after, limit, deadline).await?;
        let column = match self.definition.login.as_ref().map(|login| &login.verification) {
            Some(Verification::Gateway(stored)) => Some(&stored.column),
            Some(Verification::Database) | None => None,
        };
        let stored = |mut row: Row| {
            let hash = column.and_then(|column| row.take(column)).and_then(Value::into_secret);
            Ok(Stored { profile: self.profile(row)?, hash })
        };
        rows.into_iter().map(stored).collect()
    }

    async fn page(
        &self,
        request: &Request,
        after: Option<&str>,
        limit: u16,
        deadline: Instant,
    ) -> Result<Vec<Row>, Error> {
        let Some(listing) = &self.list else {
            return Err(Error::new(Class::ActionNotDeclared, "`list_users` is not declared"));
        };
        let mut source = Source::new(request);
        if let Some(after) = after {
            source.after = match self.raw_user_id("after", after, deadline).await? {
                Some(id) => Some(id),
                None => return Err(no_cursor()),
            };
        }
        let bound = listing.first.as_ref().filter(|_| after.is_none()).unwrap_or(&listing.following);
        let arguments = source.arguments(bound)?;
        let rows = self.fetch(bound, &arguments, deadline).await.map_err(|error| bound.error(error))?;
        self.judge(&rows, source.after.as_ref(), usize::from(limit))?;
        Ok(rows)
    }

    /// Whether asking for what follows the last row goes on, and leaves nothing out.
    fn judge(&self, rows: &[Row], after: Option<&Value>, limit: usize) -> Result<(), Error> {
        if rows.len() > limit {
            return Err(misconfigured(format!("the page has more than {limit} rows: write `LIMIT {{{{ limit }}}}`")));
        }
        let column = &self.definition.user_id.column;
        let mut seen: HashSet<String> = after.and_then(id_text).into_iter().collect();
        let mut last = after.and_then(number);
        for row in rows {
            let Some(id) = row.value(column).filter(|id| **id != Value::Null) else { continue };
            let present = match id {
                Value::Int(number) => Some(*number),
                _ => None,
            };
            let back = last.zip(present).is_some_and(|(last, present)| present <= last);
            let again = id_text(id).is_some_and(|id| !seen.insert(id));
            if back || again {
                return Err(misconfigured(format!(
                    "the rows of a page are not in the order of `{column}`, or one of them comes twice: write \
                     `WHERE {column} > {{{{ after }}}} ORDER BY {column}`, and join no table of which a user has \
                     several rows"
                )));
            }
            last = present.or(last);
        }
        Ok(())
    }
}

fn number(value: &Value) -> Option<i64> {
    id_text(value)?.parse().ok()
}

fn misconfigured(message: String) -> Error {
    Error::new(Class::Misconfigured, message)
}

fn no_cursor() -> Error {
    let message = "expected the `next` of an earlier page".to_owned();
    Error::new(Class::InvalidInput { field: "after".to_owned(), message }, "a cursor that no id can be")
}
