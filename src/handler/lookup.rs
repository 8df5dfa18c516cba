//! `get_user`, and what it shares with `login`: one row, or none, or a mistake.

use tokio::time::Instant;

use super::arguments::Source;
use super::matching::same;
use super::{Bound, Class, Error, Handler};
use crate::action::{Lookup, Outcome, Request};
use crate::db::{ErrorKind, Row, Value};
use crate::sql::{Dialect, Input};

impl Handler {
    /// Finds a user. The store's "no such user" is an answer; everything else that yields no row is an error.
    pub(super) async fn look_up(&self, request: &Request, by: &Lookup, deadline: Instant) -> Result<Outcome, Error> {
        let mut source = Source::new(request);
        let bound = match by {
            Lookup::Identifier(_) => &self.by_identifier,
            Lookup::UserId(user_id) => {
                source.user_id = match self.raw_user_id(user_id, deadline).await? {
                    Some(id) => Some(id),
                    None => return Ok(Outcome::NotFound),
                };
                &self.by_user_id
            }
        };
        let Some(bound) = bound else {
            let missing = if matches!(by, Lookup::UserId(_)) { "by_user_id" } else { "sql" };
            return Err(Error::new(Class::ActionNotDeclared, format!("`get_user` declares no `{missing}`")));
        };
        match self.one_row(bound, &source, deadline).await? {
            Some(row) => Ok(Outcome::Found(self.profile(row)?)),
            None => Ok(Outcome::NotFound),
        }
    }

    /// The row of a look-up. A name or id that cannot be a value of its column is nobody's, and so is a row of another
    /// name or id.
    pub(super) async fn one_row(
        &self,
        bound: &Bound,
        source: &Source<'_>,
        deadline: Instant,
    ) -> Result<Option<Row>, Error> {
        match self.any_row(bound, source, deadline).await? {
            Found::Own(row) => Ok(Some(row)),
            Found::Nobody | Found::Other => Ok(None),
        }
    }

    /// Whether the database takes the identifier of a change for that of another user: the change would be made to
    /// somebody else's account. Only a look-up can tell, so it is asked where collations are that lenient.
    pub(super) async fn is_taken_for_another(&self, source: &Source<'_>, deadline: Instant) -> Result<bool, Error> {
        let lookups = [self.by_identifier.as_ref(), self.login.as_ref()];
        let deciding = lookups.into_iter().flatten().find(|bound| bound.matching.is_some());
        let Some(bound) = deciding.filter(|_| self.store.dialect() == Dialect::Mysql) else { return Ok(false) };
        Ok(matches!(self.any_row(bound, source, deadline).await?, Found::Other))
    }

    async fn any_row(&self, bound: &Bound, source: &Source<'_>, deadline: Instant) -> Result<Found, Error> {
        let arguments = match source.arguments(bound) {
            Ok(arguments) => arguments,
            Err(error) if names_user(&error) => return Ok(Found::Nobody),
            Err(error) => return Err(error),
        };
        let mut rows = match self.store.fetch(&bound.query, &arguments, deadline).await {
            Ok(rows) => rows,
            Err(error) if error.kind == ErrorKind::InvalidValue(None) => return Err(bound.error(error)),
            Err(error) => match bound.error(error) {
                error if names_user(&error) => return Ok(Found::Nobody),
                error => return Err(error),
            },
        };
        if rows.len() > 1 {
            return Err(Error::new(
                Class::AmbiguousUser,
                "two rows answer for one user; make the look-up column unique",
            ));
        }
        let row = rows.pop();
        let other = row.as_ref().zip(bound.matching.as_ref()).is_some_and(|(row, rule)| !rule.holds(row, &arguments));
        if other || row.as_ref().is_some_and(|row| self.is_of_another_id(row, source)) {
            self.complaints.other_user(&self.definition.name);
            return Ok(Found::Other);
        }
        Ok(row.map_or(Found::Nobody, Found::Own))
    }

    /// Whether a row that was asked for by its id has another one: `7a` is 7 to some databases.
    fn is_of_another_id(&self, row: &Row, source: &Source<'_>) -> bool {
        let found = row.value(&self.definition.user_id.column);
        let pair = source.user_id.as_ref().zip(found);
        pair.is_some_and(|(asked, found)| !same(self.definition.matching, asked, found))
    }

    /// The id as its column holds it; None when no row can have it.
    pub(super) async fn raw_user_id(&self, user_id: &str, deadline: Instant) -> Result<Option<Value>, Error> {
        let prefix = &self.definition.user_id.prefix;
        let Some(id) = user_id.strip_prefix(prefix.as_str()) else {
            let message = format!("expected an id that begins with `{prefix}`");
            let class = Class::InvalidInput { field: "user_id".to_owned(), message };
            return Err(Error::new(class, "a user id without the connector's prefix"));
        };
        // MySQL compares an integer column with the text '1abc' as 1: the column's type decides before anything is sent.
        if self.store.dialect() == Dialect::Mysql && self.id_is_integer(deadline).await? {
            let canonical = id.parse::<i64>().ok().filter(|number| number.to_string() == id);
            return Ok(canonical.map(Value::Int));
        }
        Ok(Some(Value::Text(id.to_owned())))
    }

    async fn id_is_integer(&self, deadline: Instant) -> Result<bool, Error> {
        let Some(bound) = self.by_identifier.as_ref().or(self.by_user_id.as_ref()).or(self.login.as_ref()) else {
            return Ok(false);
        };
        let description = match bound.query.description() {
            Some(description) => description,
            None => self.store.prepare(&bound.query, deadline).await.map_err(|error| bound.error(error))?,
        };
        let column = description.columns.iter().find(|column| column.name == self.definition.user_id.column);
        Ok(column.is_some_and(|column| column.type_name.split([' ', '(']).next().unwrap_or_default().ends_with("int")))
    }
}

/// What a look-up found.
enum Found {
    /// The user's row.
    Own(Row),
    /// A row of somebody whose name the database takes for equal.
    Other,
    /// No row.
    Nobody,
}

/// Whether the value that did not fit is the one that names the user.
fn names_user(error: &Error) -> bool {
    let names = [Input::Identifier.name(), Input::UserId.name()];
    matches!(&error.class, Class::InvalidInput { field, .. } if names.contains(&field.as_str()))
}
