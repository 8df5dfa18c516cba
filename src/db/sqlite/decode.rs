//! SQLite's values: the storage class decides, the declared type only says more.
//!
//! Invariant: a declared type never changes a value that is not of its kind.

use rusqlite::types::ValueRef;

use crate::db::failure::undecodable;
use crate::db::{Column, Error, MAX_VALUE_BYTES, Value};

/// One value.
pub(super) fn decode(value: ValueRef<'_>, column: &Column) -> Result<Value, Error> {
    let fail = |why| undecodable(&column.name, type_name(column), why);
    let size = match value {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.len(),
        ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => 0,
    };
    if size > MAX_VALUE_BYTES {
        return Err(fail("holds a value above 1 MiB"));
    }
    Ok(match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(0) if is_boolean(&column.type_name) => Value::Bool(false),
        ValueRef::Integer(1) if is_boolean(&column.type_name) => Value::Bool(true),
        ValueRef::Integer(value) => Value::Int(value),
        ValueRef::Real(value) => Value::Float(value),
        ValueRef::Blob(bytes) => Value::Bytes(bytes.to_vec()),
        ValueRef::Text(bytes) => {
            let text = std::str::from_utf8(bytes).map_err(|_| fail("holds text that is not UTF-8"))?;
            match column.type_name.as_str() {
                "json" | "jsonb" => {
                    serde_json::from_str(text).map_or_else(|_| Value::Text(text.to_owned()), Value::Json)
                }
                _ => Value::Text(text.to_owned()),
            }
        }
    })
}

fn is_boolean(type_name: &str) -> bool {
    matches!(type_name, "boolean" | "bool" | "tinyint(1)")
}

fn type_name(column: &Column) -> &str {
    if column.type_name.is_empty() { "(none declared)" } else { &column.type_name }
}
