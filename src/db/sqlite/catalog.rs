//! SQLite's schema as tables, columns and indexes. What its pragmas do not tell is read from the CREATE statements.

use rusqlite::{Connection, OptionalExtension};

use super::error::sort;
use crate::db::Error;
use crate::db::inspect::{
    Alike, Index, IndexPart, Privilege, Reference, Table, TableColumn, TableKind, Trigger, TypeClass,
};

/// Tables and views.
pub(super) fn names(connection: &Connection) -> Result<Vec<String>, Error> {
    let text =
        "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";
    query(connection, text, &[], |row| row.get(0))
}

/// One table with everything around it.
pub(super) fn table(connection: &Connection, name: &str) -> Result<Option<Table>, Error> {
    let text = "SELECT name, type, sql FROM sqlite_schema WHERE type IN ('table', 'view') AND lower(name) = lower(?1)";
    let found = connection
        .query_row(text, [name], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, Option<String>>(2)?))
        })
        .optional()
        .map_err(|error| sort(&error, "", &[]))?;
    let Some((name, kind, sql)) = found else { return Ok(None) };
    let sql = sql.unwrap_or_default();
    let (columns, key) = columns(connection, &name, &sql)?;
    let mut indexes = indexes(connection, &name)?;
    // The number of the row itself has no index of its own.
    if let [column] = key.as_slice()
        && column.1.eq_ignore_ascii_case("integer")
    {
        let parts = vec![IndexPart::Column(column.0.clone())];
        indexes.push(Index { name: "(row number)".to_owned(), unique: true, parts, predicate: None });
    }
    Ok(Some(Table {
        schema: "main".to_owned(),
        kind: if kind == "view" { TableKind::View } else { TableKind::Table },
        columns,
        indexes,
        triggers: triggers(connection, &name)?,
        rules: Vec::new(),
        row_security: None,
        referenced_by: references(connection, &name)?,
        transactional: true,
        owned: false,
        privileges: Privilege::ALL.to_vec(),
        sequences: Vec::new(),
        inherited: false,
        name,
    }))
}

type Key = Vec<(String, String)>;

fn columns(connection: &Connection, table: &str, sql: &str) -> Result<(Vec<TableColumn>, Key), Error> {
    let text = "SELECT name, type, \"notnull\", dflt_value IS NOT NULL, pk, hidden FROM pragma_table_xinfo(?1)";
    let rows = query(connection, text, &[table], |row| {
        Ok((
            row.get::<_, String>(0)?,
            row.get::<_, String>(1)?,
            row.get::<_, bool>(2)?,
            row.get::<_, bool>(3)?,
            row.get::<_, i64>(4)?,
            row.get::<_, i64>(5)?,
        ))
    })?;
    let key: Key = rows.iter().filter(|row| row.4 > 0).map(|row| (row.0.clone(), row.1.clone())).collect();
    let lone = key.len() == 1;
    let without =
        query(connection, "SELECT wr FROM pragma_table_list(?1) WHERE schema = 'main'", &[table], |row| row.get(0))?;
    let numbered = !without.first().copied().unwrap_or(false);
    let columns = rows.into_iter().filter(|row| row.5 != 1).map(|(name, declared, required, default, pk, hidden)| {
        let row_number = numbered && lone && pk > 0 && declared.eq_ignore_ascii_case("integer");
        // SQLite lets any other key be NULL, unless told otherwise; no user can be told by such a one.
        let required = required || pk > 0;
        let class = class(&declared);
        let alike = (class == TypeClass::Text).then(|| alike(sql, &name));
        TableColumn {
            name,
            type_name: declared.to_ascii_lowercase(),
            class,
            width: None,
            required: required && !row_number,
            has_default: default || row_number || !required,
            generated: hidden == 2 || hidden == 3,
            alike,
            privileges: Vec::new(),
        }
    });
    Ok((columns.collect(), key))
}

/// The rules of affinity (https://www.sqlite.org/datatype3.html), with the words that people use on top.
fn class(declared: &str) -> TypeClass {
    let declared = declared.to_ascii_uppercase();
    let has = |words: &[&str]| words.iter().any(|word| declared.contains(word));
    match declared.split('(').next().unwrap_or_default().trim() {
        "" => return TypeClass::Other,
        "BOOLEAN" | "BOOL" => return TypeClass::Boolean,
        "JSON" | "JSONB" => return TypeClass::Json,
        "UUID" => return TypeClass::Uuid,
        "DATE" | "DATETIME" | "TIMESTAMP" | "TIME" => return TypeClass::Time,
        _ => {}
    }
    if has(&["INT"]) {
        return if declared == "TINYINT(1)" { TypeClass::Boolean } else { TypeClass::Integer };
    }
    if has(&["CHAR", "CLOB", "TEXT"]) {
        return TypeClass::Text;
    }
    if has(&["BLOB"]) {
        return TypeClass::Bytes;
    }
    if has(&["REAL", "FLOA", "DOUB"]) { TypeClass::Float } else { TypeClass::Integer }
}

/// The collation that the CREATE statement declares for a column.
fn alike(sql: &str, column: &str) -> Alike {
    let collation = declaration(sql, column).and_then(|words| {
        let at = words.iter().position(|word| word.eq_ignore_ascii_case("COLLATE"))?;
        words.get(at + 1).cloned()
    });
    let collation = collation.unwrap_or_else(|| "BINARY".to_owned()).to_ascii_uppercase();
    Alike { case: collation == "NOCASE", accents: false, blanks: collation == "RTRIM", collation }
}

/// The words of a column's declaration.
fn declaration(sql: &str, column: &str) -> Option<Vec<String>> {
    let body = &sql[sql.find('(')? + 1..];
    let items = split(body);
    items.into_iter().map(words).find(|words| words.first().is_some_and(|word| word.eq_ignore_ascii_case(column)))
}

/// Splits at the commas of the outermost level, up to its closing parenthesis.
fn split(body: &str) -> Vec<&str> {
    let mut items = Vec::new();
    let (mut depth, mut start, mut quote) = (0_i32, 0, None);
    for (at, c) in body.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"' | '`') => quote = Some(c),
            (None, '[') => quote = Some(']'),
            (None, '(') => depth += 1,
            (None, ')') if depth == 0 => {
                items.push(&body[start..at]);
                return items;
            }
            (None, ')') => depth -= 1,
            (None, ',') if depth == 0 => {
                items.push(&body[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    items
}

fn words(item: &str) -> Vec<String> {
    let bare = |word: &str| word.trim_matches(|c| "\"'`[]".contains(c)).to_owned();
    item.split(|c: char| c.is_whitespace() || c == '(' || c == ')').filter(|w| !w.is_empty()).map(bare).collect()
}

fn indexes(connection: &Connection, table: &str) -> Result<Vec<Index>, Error> {
    let text = "SELECT l.name, l.\"unique\", s.sql FROM pragma_index_list(?1) l \
                LEFT JOIN sqlite_schema s ON s.type = 'index' AND s.name = l.name";
    let rows = query(connection, text, &[table], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, bool>(1)?, row.get::<_, Option<String>>(2)?))
    })?;
    let mut indexes = Vec::new();
    for (name, unique, sql) in rows {
        let sql = sql.unwrap_or_default();
        let text = "SELECT cid, name FROM pragma_index_xinfo(?1) WHERE key = 1 ORDER BY seqno";
        let parts =
            query(connection, text, &[&name], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Option<String>>(1)?)))?;
        let expressions = sql.find('(').map_or_else(Vec::new, |open| split(&sql[open + 1..]));
        let part = |(position, (_, column)): (usize, (i64, Option<String>))| match column {
            Some(column) => IndexPart::Column(column),
            None => IndexPart::Expression(expressions.get(position).unwrap_or(&"").trim().to_owned()),
        };
        let parts = parts.into_iter().enumerate().map(part).collect();
        indexes.push(Index { name, unique, parts, predicate: predicate(&sql) });
    }
    Ok(indexes)
}

/// What follows WHERE behind the list of columns.
fn predicate(sql: &str) -> Option<String> {
    let open = sql.find('(')?;
    let items = split(&sql[open + 1..]);
    let last = items.last()?;
    let end = last.as_ptr() as usize - sql.as_ptr() as usize + last.len() + 1;
    let rest = sql.get(end..)?.trim();
    rest.get(..5).filter(|word| word.eq_ignore_ascii_case("WHERE")).map(|_| rest[5..].trim().to_owned())
}

fn triggers(connection: &Connection, table: &str) -> Result<Vec<Trigger>, Error> {
    let text = "SELECT name, upper(sql) FROM sqlite_schema WHERE type = 'trigger' AND lower(tbl_name) = lower(?1)";
    let rows = query(connection, text, &[table], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
    let event = |sql: &str| {
        let head = sql.split(" ON ").next().unwrap_or_default();
        ["INSERT", "UPDATE", "DELETE"].into_iter().filter(|event| head.contains(event)).collect()
    };
    let trigger = |(name, sql): (String, String)| Trigger { events: event(&sql), columns: fired_by(&sql), name };
    Ok(rows.into_iter().map(trigger).collect())
}

/// The columns in `UPDATE OF a, b ON`.
fn fired_by(sql: &str) -> Vec<String> {
    let head = sql.split(" ON ").next().unwrap_or_default();
    let columns = head.split_once(" UPDATE OF ").map_or("", |(_, columns)| columns);
    columns
        .split(',')
        .map(|name| name.trim().trim_matches(|c| "\"'`[]".contains(c)).to_owned())
        .filter(|n| !n.is_empty())
        .collect()
}

fn references(connection: &Connection, table: &str) -> Result<Vec<Reference>, Error> {
    // A key that names no column points to the primary key.
    let text = "SELECT s.name, k.on_delete, k.on_update, COALESCE(group_concat(k.\"to\"), (SELECT group_concat(name) \
                FROM pragma_table_info(?1) WHERE pk > 0)) FROM sqlite_schema s, pragma_foreign_key_list(s.name) k \
                WHERE s.type = 'table' AND lower(k.\"table\") = lower(?1) GROUP BY s.name, k.id";
    let restricts = |action: &str| action == "NO ACTION" || action == "RESTRICT";
    query(connection, text, &[table], |row| {
        Ok(Reference {
            table: row.get(0)?,
            columns: row.get::<_, Option<String>>(3)?.unwrap_or_default().split(',').map(str::to_owned).collect(),
            restricts: restricts(&row.get::<_, String>(1)?),
            restricts_change: restricts(&row.get::<_, String>(2)?),
        })
    })
}

fn query<T>(
    connection: &Connection,
    text: &str,
    parameters: &[&str],
    read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, Error> {
    let fail = |error: rusqlite::Error| sort(&error, "", &[]);
    let mut statement = connection.prepare(text).map_err(fail)?;
    let rows = statement.query_map(rusqlite::params_from_iter(parameters), read).map_err(fail)?;
    rows.collect::<rusqlite::Result<Vec<T>>>().map_err(fail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declarations_are_read() {
        let sql = "CREATE TABLE \"users\" (id integer primary key, \"e mail\" text, email varchar(10) UNIQUE COLLATE NOCASE, \
                   note text DEFAULT 'a, b) COLLATE NOCASE', UNIQUE (note, email))";
        assert!(alike(sql, "email").case);
        assert!(!alike(sql, "note").blanks && !alike(sql, "id").case);
        assert_eq!(predicate("CREATE INDEX i ON t (lower(a), b) WHERE b IS NULL").as_deref(), Some("b IS NULL"));
        assert_eq!(predicate("CREATE INDEX i ON t (a)"), None);
    }
}
