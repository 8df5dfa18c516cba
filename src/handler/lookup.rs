//! `get_user`, and what it shares with `login`: one row, or none, or a mistake.

use tokio::time::Instant;

use super::arguments::Source;
use super::list::Listing;
use super::matching::same;
use super::trace::Step;
use super::{Bound, Class, Error, Handler};
use crate::action::{Lookup, Outcome, Request};
use crate::db::{ErrorKind, Row, Value};
use crate::sql::{Dialect, Expression, Filter, Input, Parameter};

impl Handler {
    /// Finds a user. The store's "no such user" is an answer; everything else that yields no row is an error.
    pub(super) async fn look_up(&self, request: &Request, by: &Lookup, deadline: Instant) -> Result<Outcome, Error> {
        let mut source = Source::new(request);
        let bound = match by {
            Lookup::Identifier(_) => &self.by_identifier,
            Lookup::UserId(user_id) => {
                source.user_id = match self.raw_user_id("user_id", user_id, deadline).await? {
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
        let Some(row) = self.one_row(bound, &source, deadline).await? else { return Ok(Outcome::NotFound) };
        let profile = self.profile(row)?;
        match by {
            // Databases find 1 by `01`, `+1` or ` 1`: a user has one id, the one that profiles show.
            Lookup::UserId(user_id) if profile.user_id() != user_id => Ok(Outcome::NotFound),
            _ => Ok(Outcome::Found(profile)),
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
        let mut rows = match self.fetch(bound, &arguments, deadline).await {
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
            self.note(self.started(), || Step::OtherUser);
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
    pub(super) async fn raw_user_id(
        &self,
        field: &str,
        user_id: &str,
        deadline: Instant,
    ) -> Result<Option<Value>, Error> {
        let prefix = &self.definition.user_id.prefix;
        let Some(id) = user_id.strip_prefix(prefix.as_str()) else {
            let message = format!("expected an id that begins with `{prefix}`");
            let class = Class::InvalidInput { field: field.to_owned(), message };
            return Err(Error::new(class, "a user id without the connector's prefix"));
        };
        let canonical = id.parse::<i64>().ok().filter(|number| number.to_string() == id);
        let mysql = self.store.dialect() == Dialect::Mysql;
        match self.id_type(deadline).await? {
            // MySQL compares an integer with the text '1abc' as 1, the others with ' 1' or '01'.
            IdType::Integer if mysql => Ok(canonical.map(Value::Int)),
            IdType::Integer => Ok(canonical.map(|number| Value::Text(number.to_string()))),
            IdType::Other => Ok(Some(Value::Text(id.to_owned()))),
            IdType::Unknown if self.converts_ids() || (!mysql && (canonical.is_some() || !is_number(id))) => {
                Ok(Some(Value::Text(id.to_owned())))
            }
            IdType::Unknown => Err(Error::new(
                Class::Misconfigured,
                "whether ids are numbers is not known, so another user's could match: declare `get_user`, or write \
                 `{{ user_id | int }}`",
            )),
        }
    }

    /// What the look-ups' results say of the id's column.
    async fn id_type(&self, deadline: Instant) -> Result<IdType, Error> {
        let lookups = [self.by_identifier.as_ref(), self.by_user_id.as_ref(), self.login.as_ref()];
        let pages = self.list.as_ref().map(Listing::following);
        let Some(bound) = lookups.into_iter().flatten().next().or(pages) else {
            return Ok(IdType::Unknown);
        };
        let description = match bound.query.description() {
            Some(description) => description,
            None => self.store.prepare(&bound.query, deadline).await.map_err(|error| bound.error(error))?,
        };
        let column = description.columns.iter().find(|column| column.name == self.definition.user_id.column);
        Ok(column.map_or(IdType::Unknown, |column| IdType::of(&column.type_name)))
    }

    /// Whether every statement that takes an id makes a number of it first.
    fn converts_ids(&self) -> bool {
        let takes_id = |parameter: &&Parameter| parameter.expression.input() == Some(&Input::UserId);
        let mut uses = self.statements().into_iter().flat_map(|bound| &bound.parameters).filter(takes_id);
        uses.all(|parameter| matches!(&parameter.expression, Expression::Filtered { filter: Filter::Int, .. }))
    }
}

/// How databases compare an id's column with a text.
enum IdType {
    /// As numbers.
    Integer,
    /// As what they are.
    Other,
    /// An expression, or no look-up at all.
    Unknown,
}

impl IdType {
    fn of(type_name: &str) -> Self {
        match type_name {
            "" => Self::Unknown,
            name if is_integer(name) => Self::Integer,
            _ => Self::Other,
        }
    }
}

/// Whether a column of this type holds whole numbers.
pub(super) fn is_integer(type_name: &str) -> bool {
    matches!(
        type_name.split([' ', '(']).next().unwrap_or_default(),
        "tinyint"
            | "smallint"
            | "mediumint"
            | "int"
            | "integer"
            | "bigint"
            | "int2"
            | "int4"
            | "int8"
            | "numeric"
            | "decimal"
    )
}

/// Whether some database reads the whole text as a number.
fn is_number(text: &str) -> bool {
    text.trim().parse::<f64>().is_ok()
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
pub(super) fn names_user(error: &Error) -> bool {
    let names = [Input::Identifier.name(), Input::UserId.name()];
    matches!(&error.class, Class::InvalidInput { field, .. } if names.contains(&field.as_str()))
}
