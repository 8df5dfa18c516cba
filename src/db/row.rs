//! Rows as every database gives them: named columns, values of a closed set of types.
//!
//! Invariant: a column is decoded exactly or reported as an error; it is never dropped or bent.

use std::fmt;
use std::sync::Arc;

use serde_json::{Number, Value as Json};

use crate::secret::Secret;

/// A column of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The name or alias in the result.
    pub name: String,
    /// The database's own name of the type, in lower case; empty for expressions in SQLite.
    pub type_name: String,
}

/// One row.
#[derive(Clone)]
pub struct Row {
    columns: Arc<[Column]>,
    values: Vec<Value>,
}

impl Row {
    /// A row; one value per column.
    pub fn new(columns: Arc<[Column]>, values: Vec<Value>) -> Self {
        debug_assert_eq!(columns.len(), values.len());
        Self { columns, values }
    }

    /// The value of the column of this name.
    pub fn value(&self, column: &str) -> Option<&Value> {
        self.columns.iter().position(|c| c.name == column).map(|i| &self.values[i])
    }

    /// Takes a value out of the row, which keeps NULL in its place.
    pub fn take(&mut self, column: &str) -> Option<Value> {
        let index = self.columns.iter().position(|c| c.name == column)?;
        Some(std::mem::replace(&mut self.values[index], Value::Null))
    }

    /// The columns with their values, in the order of the result.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.columns.iter().map(|c| c.name.as_str()).zip(&self.values)
    }
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// A value that goes into or comes out of a database. It prints its type only.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// SQL NULL.
    Null,
    /// A truth value.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A binary floating point number.
    Float(f64),
    /// An exact decimal number in its shortest text form, such as `-12.50`; also integers beyond 64 bits.
    Decimal(String),
    /// Text; also dates and times in RFC 3339 form and every other type that has a text form.
    Text(String),
    /// Raw bytes.
    Bytes(Vec<u8>),
    /// A JSON document or an array.
    Json(Json),
}

impl Value {
    /// The value as JSON: numbers stay numbers where no digit is lost, bytes become base64 text.
    pub fn to_json(&self) -> Json {
        match self {
            Self::Null => Json::Null,
            Self::Bool(value) => Json::Bool(*value),
            Self::Int(value) => Json::Number((*value).into()),
            Self::Float(value) => {
                Number::from_f64(*value).map_or_else(|| Json::String(value.to_string()), Json::Number)
            }
            Self::Decimal(text) => decimal_to_json(text),
            Self::Text(text) => Json::String(text.clone()),
            Self::Bytes(bytes) => Json::String(<base64ct::Base64 as base64ct::Encoding>::encode_string(bytes)),
            Self::Json(json) => json.clone(),
        }
    }

    /// The value as the text that a person would write for it; None for NULL.
    pub fn to_text(&self) -> Option<String> {
        match self.to_json() {
            Json::Null => None,
            Json::String(text) => Some(text),
            other => Some(other.to_string()),
        }
    }

    /// The value's bytes as a secret: text as UTF-8, raw bytes as they are; None for NULL and other types.
    pub fn into_secret(self) -> Option<Secret> {
        match self {
            Self::Text(text) => Some(Secret::new(text)),
            Self::Bytes(bytes) => Some(Secret::new(bytes)),
            _ => None,
        }
    }

    /// The name of the value's type, for messages.
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Int(_) => "integer",
            Self::Float(_) => "float",
            Self::Decimal(_) => "decimal",
            Self::Text(_) => "text",
            Self::Bytes(_) => "bytes",
            Self::Json(_) => "json",
        }
    }
}

impl From<&Json> for Value {
    fn from(json: &Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(*value),
            Json::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(value), _) => Self::Int(value),
                (None, Some(value)) if !number.is_u64() => Self::Float(value),
                _ => Self::Decimal(number.to_string()),
            },
            Json::String(text) => Self::Text(text.clone()),
            Json::Array(_) | Json::Object(_) => Self::Json(json.clone()),
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", self.type_name())
    }
}

/// A JSON number when it means exactly the same; otherwise the digits as text.
fn decimal_to_json(text: &str) -> Json {
    let trimmed = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text };
    if let Ok(integer) = trimmed.parse::<i64>() {
        return Json::Number(integer.into());
    }
    if let Ok(integer) = trimmed.parse::<u64>() {
        return Json::Number(integer.into());
    }
    match trimmed.parse::<f64>() {
        Ok(float) if float.is_finite() && float.to_string() == trimmed => {
            Number::from_f64(float).map_or_else(|| Json::String(text.to_owned()), Json::Number)
        }
        _ => Json::String(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_become_numbers_only_when_exact() {
        assert_eq!(decimal_to_json("12.50"), serde_json::json!(12.5));
        assert_eq!(decimal_to_json("0.00"), serde_json::json!(0));
        assert_eq!(decimal_to_json("18446744073709551615"), serde_json::json!(18_446_744_073_709_551_615_u64));
        assert_eq!(decimal_to_json("0.1234567890123456789"), serde_json::json!("0.1234567890123456789"));
        assert_eq!(decimal_to_json("NaN"), serde_json::json!("NaN"));
    }

    #[test]
    fn values_print_their_type_only() {
        assert_eq!(format!("{:?}", Value::Text("hello".to_owned())), "<text>");
    }
}
