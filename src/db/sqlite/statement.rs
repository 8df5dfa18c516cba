//! Statements on one SQLite connection.
//!
//! Invariant: exactly one statement with exactly as many values as it has placeholders; SQLite itself would take
//! missing values for NULL.

use std::sync::Arc;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, Statement, ToSql};

use super::decode::decode;
use super::error::sort;
use crate::db::{Column, Description, Effect, Error, ErrorKind, ParameterType, Query, Row, Value};

/// Runs a statement; reads stop after [`Query::rows`], writes come to their end.
pub(super) fn run(connection: &Connection, query: &Query, arguments: &[Value]) -> Result<Effect, Error> {
    let fail = |error: rusqlite::Error| sort(&error, query.text(), arguments);
    let mut statement = prepare(connection, query)?;
    for (index, value) in arguments.iter().enumerate() {
        bind(&mut statement, index, value).map_err(fail)?;
    }
    let writes = !statement.readonly();
    let changed_before = connection.total_changes();
    let mut effect = Effect::default();
    let mut columns: Option<Arc<[Column]>> = None;
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next().map_err(fail)? {
        if effect.rows.len() < query.rows() {
            // Only now: the first step prepares anew when the schema has changed.
            let columns = match &columns {
                Some(columns) => Arc::clone(columns),
                None => Arc::clone(columns.insert(described(row.as_ref(), query)?)),
            };
            let values = columns.iter().enumerate().map(|(index, column)| {
                let value = row.get_ref(index).map_err(fail)?;
                decode(value, column)
            });
            let values = values.collect::<Result<Vec<_>, Error>>()?;
            effect.rows.push(Row::new(columns, values));
        }
        if effect.rows.len() == query.rows() && !writes {
            break;
        }
    }
    drop(rows);
    if !writes {
        effect.matched = effect.rows.len() as u64;
    } else if connection.total_changes() != changed_before {
        effect.matched = connection.changes();
        effect.last_insert_id = inserts(query.text()).then(|| connection.last_insert_rowid());
    }
    Ok(effect)
}

/// Prepares a statement without running it.
pub(super) fn describe(connection: &Connection, query: &Query) -> Result<Description, Error> {
    let statement = prepare(connection, query)?;
    let columns = described(&statement, query)?;
    Ok(Description { parameters: vec![ParameterType::Any; query.parameters()], columns })
}

fn prepare<'c>(connection: &'c Connection, query: &Query) -> Result<CachedStatement<'c>, Error> {
    let statement = connection.prepare_cached(query.text()).map_err(|error| sort(&error, query.text(), &[]))?;
    let count = statement.parameter_count();
    if count == query.parameters() {
        return Ok(statement);
    }
    Err(Error::new(
        ErrorKind::Misconfigured,
        format!("the database counts {count} placeholders, expected {}", query.parameters()),
    ))
}

fn bind(statement: &mut Statement<'_>, index: usize, value: &Value) -> rusqlite::Result<()> {
    let number = index + 1;
    match value {
        Value::Null => statement.raw_bind_parameter(number, rusqlite::types::Null),
        Value::Bool(value) => statement.raw_bind_parameter(number, value),
        Value::Int(value) => statement.raw_bind_parameter(number, value),
        Value::Float(value) => statement.raw_bind_parameter(number, Number(*value)),
        // A column of numeric affinity makes a number of it; no digit is lost on the way.
        Value::Decimal(digits) => statement.raw_bind_parameter(number, digits),
        Value::Text(text) => statement.raw_bind_parameter(number, text),
        Value::Bytes(bytes) => statement.raw_bind_parameter(number, bytes),
        Value::Json(json) => statement.raw_bind_parameter(number, json.to_string()),
    }
}

/// SQLite would silently store NULL for what is not a number.
struct Number(f64);

impl ToSql for Number {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        if self.0.is_nan() {
            return Err(rusqlite::Error::ToSqlConversionFailure("not a number".into()));
        }
        Ok(ToSqlOutput::Borrowed(ValueRef::Real(self.0)))
    }
}

/// The result's columns; those of the last run when they are the same.
fn described(statement: &Statement<'_>, query: &Query) -> Result<Arc<[Column]>, Error> {
    let present = statement.columns();
    let same = |column: &Column, now: &rusqlite::Column<'_>| {
        column.name == now.name() && column.type_name.eq_ignore_ascii_case(now.decl_type().unwrap_or_default())
    };
    if let Some(known) = query.description()
        && known.columns.len() == present.len()
        && known.columns.iter().zip(&present).all(|(column, now)| same(column, now))
    {
        return Ok(Arc::clone(&known.columns));
    }
    let columns: Arc<[Column]> = present
        .iter()
        .map(|column| Column {
            name: column.name().to_owned(),
            type_name: column.decl_type().unwrap_or_default().to_ascii_lowercase(),
        })
        .collect();
    Description::check_names(&columns)?;
    let parameters = vec![ParameterType::Any; query.parameters()];
    query.describe(Description { parameters, columns: Arc::clone(&columns) });
    Ok(columns)
}

/// Whether the statement's first word is INSERT or REPLACE, behind spaces and comments.
fn inserts(text: &str) -> bool {
    let mut rest = text.trim_start();
    loop {
        let end = match rest.get(..2) {
            Some("--") => rest.find('\n'),
            Some("/*") => rest.find("*/").map(|at| at + 1),
            _ => break,
        };
        let Some(end) = end else { return false };
        rest = rest[end + 1..].trim_start();
    }
    let word = rest.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
    word.eq_ignore_ascii_case("INSERT") || word.eq_ignore_ascii_case("REPLACE")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inserts_are_recognised() {
        assert!(inserts(" -- who\n /* what */ insert INTO t VALUES (1)"));
        assert!(!inserts("UPDATE t SET a = 1"));
        assert!(!inserts("/* open"));
    }
}
