//! Values on their way to PostgreSQL.
//!
//! Invariant: the types are the statement's, inferred by the server, never the value's; a value that does not fit
//! is refused before anything is sent. Types without a native form here travel as text, which the server parses.

use std::error::Error as StdError;
use std::fmt;

use bytes::BytesMut;
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Timelike};
use serde_json::Value as Json;
use tokio_postgres::types::{Format, IsNull, Kind as TypeKind, ToSql, Type};
use uuid::Uuid;

use crate::db::{Error, ErrorKind, Value};

/// How a parameter's value is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    Int2,
    Int4,
    Int8,
    Float4,
    Float8,
    Text,
    Uuid,
    Timestamp,
    TimestampTz,
    Date,
    Time,
    Json,
    Jsonb,
    Bytea,
    /// Everything else, as text.
    AsText {
        /// The name that the server's messages use.
        name: String,
        array: bool,
    },
}

impl Kind {
    /// How values of this type are sent. Domains accept what their base type accepts.
    pub fn of(ty: &Type) -> Self {
        match *ty {
            Type::BOOL => Self::Bool,
            Type::INT2 => Self::Int2,
            Type::INT4 => Self::Int4,
            Type::INT8 => Self::Int8,
            Type::FLOAT4 => Self::Float4,
            Type::FLOAT8 => Self::Float8,
            Type::TEXT | Type::VARCHAR => Self::Text,
            Type::UUID => Self::Uuid,
            Type::TIMESTAMP => Self::Timestamp,
            Type::TIMESTAMPTZ => Self::TimestampTz,
            Type::DATE => Self::Date,
            Type::TIME => Self::Time,
            Type::JSON => Self::Json,
            Type::JSONB => Self::Jsonb,
            Type::BYTEA => Self::Bytea,
            _ => match ty.kind() {
                TypeKind::Domain(base) => Self::of(base),
                kind => Self::AsText { name: ty.name().to_owned(), array: matches!(kind, TypeKind::Array(_)) },
            },
        }
    }

    /// The type's name in the server's messages, for types that the server parses.
    pub fn server_name(&self) -> Option<&str> {
        match self {
            Self::AsText { name, .. } => Some(match name.as_str() {
                "timetz" => "time with time zone",
                "bpchar" => "character",
                name => name,
            }),
            _ => None,
        }
    }

    /// What is expected, for messages.
    fn expected(&self) -> &str {
        match self {
            Self::Bool => "true or false",
            Self::Int2 => "an integer from -32768 to 32767",
            Self::Int4 => "an integer of 32 bits",
            Self::Int8 => "an integer of 64 bits",
            Self::Float4 | Self::Float8 => "a number",
            Self::Text => "text without NUL",
            Self::Uuid => "a UUID",
            Self::Timestamp | Self::TimestampTz => "a time such as 2024-01-31T12:00:00Z",
            Self::Date => "a date such as 2024-01-31",
            Self::Time => "a time of day such as 12:00:00",
            Self::Json | Self::Jsonb => "a JSON document",
            Self::Bytea => "bytes or text",
            Self::AsText { name, .. } => name,
        }
    }
}

/// A value that is ready to be sent. It does not print.
pub(super) struct Parameter {
    format: Format,
    bytes: Option<Vec<u8>>,
}

/// Coerces every value to its parameter's type.
pub(super) fn encode(kinds: &[Kind], values: &[Value]) -> Result<Vec<Parameter>, Error> {
    let one = |(index, (kind, value)): (usize, (&Kind, &Value))| {
        let format = if matches!(kind, Kind::AsText { .. }) { Format::Text } else { Format::Binary };
        if matches!(value, Value::Null) {
            return Ok(Parameter { format, bytes: None });
        }
        let bytes = coerce(kind, value).ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidValue(Some(index)),
                format!(
                    "parameter {} is {} of a form that does not fit, expected {}",
                    index + 1,
                    value.type_name(),
                    kind.expected()
                ),
            )
        })?;
        Ok(Parameter { format, bytes: Some(bytes) })
    };
    kinds.iter().zip(values).enumerate().map(one).collect()
}

fn coerce(kind: &Kind, value: &Value) -> Option<Vec<u8>> {
    Some(match kind {
        Kind::Bool => vec![u8::from(boolean(value)?)],
        Kind::Int2 => i16::try_from(integer(value)?).ok()?.to_be_bytes().to_vec(),
        Kind::Int4 => i32::try_from(integer(value)?).ok()?.to_be_bytes().to_vec(),
        Kind::Int8 => integer(value)?.to_be_bytes().to_vec(),
        Kind::Float4 => narrow(float(value)?)?.to_be_bytes().to_vec(),
        Kind::Float8 => float(value)?.to_be_bytes().to_vec(),
        Kind::Text => text(value)?.into_bytes(),
        Kind::Uuid => Uuid::try_parse(as_str(value)?).ok()?.as_bytes().to_vec(),
        Kind::Timestamp => microseconds(local_time(as_str(value)?)?)?.to_be_bytes().to_vec(),
        Kind::TimestampTz => microseconds(instant(as_str(value)?)?)?.to_be_bytes().to_vec(),
        Kind::Date => days(as_str(value)?.parse().ok()?)?.to_be_bytes().to_vec(),
        Kind::Time => time_of_day(as_str(value)?)?.to_be_bytes().to_vec(),
        Kind::Json => json(value)?.into_bytes(),
        Kind::Jsonb => [&[1], json(value)?.as_bytes()].concat(),
        Kind::Bytea => match value {
            Value::Bytes(bytes) => bytes.clone(),
            Value::Text(text) => text.clone().into_bytes(),
            _ => return None,
        },
        Kind::AsText { array, .. } => match value {
            Value::Json(Json::Array(items)) if *array => array_literal(items)?.into_bytes(),
            other => text(other)?.into_bytes(),
        },
    })
}

fn as_str(value: &Value) -> Option<&str> {
    match value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(value) => Some(*value),
        Value::Int(0) => Some(false),
        Value::Int(1) => Some(true),
        Value::Text(text) => match text.as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

fn integer(value: &Value) -> Option<i64> {
    /// Beyond it a float has no digit for every integer.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match value {
        Value::Int(value) => Some(*value),
        Value::Text(text) | Value::Decimal(text) => text.parse().ok(),
        #[expect(clippy::cast_possible_truncation, reason = "checked to be an integer within 53 bits")]
        Value::Float(value) if value.fract() == 0.0 && value.abs() <= EXACT => Some(*value as i64),
        _ => None,
    }
}

fn float(value: &Value) -> Option<f64> {
    match value {
        #[expect(clippy::cast_precision_loss, reason = "the column itself has no more digits")]
        Value::Int(value) => Some(*value as f64),
        Value::Float(value) => Some(*value),
        Value::Text(text) | Value::Decimal(text) => text.parse().ok(),
        _ => None,
    }
}

fn narrow(value: f64) -> Option<f32> {
    #[expect(clippy::cast_possible_truncation, reason = "an overflow is found by the next line")]
    let narrow = value as f32;
    (narrow.is_finite() || !value.is_finite()).then_some(narrow)
}

fn text(value: &Value) -> Option<String> {
    let text = match value {
        Value::Bytes(bytes) => String::from_utf8(bytes.clone()).ok()?,
        // A JSON string inside a document keeps its quotes.
        Value::Json(json) => json.to_string(),
        Value::Text(text) | Value::Decimal(text) => text.clone(),
        other => other.to_text()?,
    };
    (!text.contains('\0')).then_some(text)
}

fn json(value: &Value) -> Option<String> {
    let text = match value {
        Value::Text(text) => {
            serde_json::from_str::<serde::de::IgnoredAny>(text).ok()?;
            text.clone()
        }
        Value::Bytes(_) => return None,
        other => other.to_json().to_string(),
    };
    (!text.contains('\0')).then_some(text)
}

/// With a zone or without; without one it is UTC, as the session's zone is.
fn instant(text: &str) -> Option<NaiveDateTime> {
    match DateTime::parse_from_rfc3339(text) {
        Ok(time) => Some(time.naive_utc()),
        Err(_) => DateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f%#z")
            .map(|time| time.naive_utc())
            .ok()
            .or_else(|| without_zone(text)),
    }
}

/// A zone is ignored, as PostgreSQL itself ignores it.
fn local_time(text: &str) -> Option<NaiveDateTime> {
    without_zone(text).or_else(|| DateTime::parse_from_rfc3339(text).ok().map(|time| time.naive_local()))
}

fn without_zone(text: &str) -> Option<NaiveDateTime> {
    ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"]
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
        .or_else(|| text.parse::<NaiveDate>().ok()?.and_hms_opt(0, 0, 0))
}

/// Since 2000-01-01.
fn microseconds(time: NaiveDateTime) -> Option<i64> {
    let epoch = NaiveDate::from_ymd_opt(2000, 1, 1)?.and_hms_opt(0, 0, 0)?;
    (time - epoch).num_microseconds()
}

/// Since 2000-01-01.
fn days(date: NaiveDate) -> Option<i32> {
    i32::try_from((date - NaiveDate::from_ymd_opt(2000, 1, 1)?).num_days()).ok()
}

fn time_of_day(text: &str) -> Option<i64> {
    let time = ["%H:%M:%S%.f", "%H:%M"].iter().find_map(|format| NaiveTime::parse_from_str(text, format).ok())?;
    Some(i64::from(time.num_seconds_from_midnight()) * 1_000_000 + i64::from(time.nanosecond() / 1_000))
}

/// PostgreSQL's text form of an array.
fn array_literal(items: &[Json]) -> Option<String> {
    let parts = items
        .iter()
        .map(|item| {
            Some(match item {
                Json::Null => "NULL".to_owned(),
                Json::Array(items) => array_literal(items)?,
                Json::String(text) => quoted(text)?,
                Json::Object(_) => quoted(&item.to_string())?,
                Json::Bool(_) | Json::Number(_) => item.to_string(),
            })
        })
        .collect::<Option<Vec<_>>>()?;
    Some(format!("{{{}}}", parts.join(",")))
}

fn quoted(text: &str) -> Option<String> {
    (!text.contains('\0')).then(|| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")))
}

impl ToSql for Parameter {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        Ok(match &self.bytes {
            None => IsNull::Yes,
            Some(bytes) => {
                out.extend_from_slice(bytes);
                IsNull::No
            }
        })
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        self.format
    }

    tokio_postgres::types::to_sql_checked!();
}

impl fmt::Debug for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[parameter]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(kind: &Kind, value: Value) -> bool {
        coerce(kind, &value).is_some()
    }

    #[test]
    fn values_fit_their_type_or_are_refused() {
        let text = |text: &str| Value::Text(text.to_owned());
        for (kind, good, bad) in [
            (Kind::Int2, vec![Value::Int(-32768), text("42"), Value::Float(3.0)], vec![Value::Int(32768), text("4 2")]),
            (Kind::Int4, vec![Value::Int(i64::from(i32::MAX))], vec![Value::Int(1 << 31), Value::Float(1.5)]),
            (Kind::Int8, vec![Value::Decimal("9".to_owned())], vec![Value::Bool(true), text("9223372036854775808")]),
            (Kind::Bool, vec![text("true"), Value::Int(0)], vec![Value::Int(2), text("yes")]),
            (Kind::Float4, vec![Value::Float(f64::INFINITY)], vec![Value::Float(1e300)]),
            (Kind::Text, vec![Value::Int(1), Value::Bytes(b"x".to_vec())], vec![text("a\0b"), Value::Bytes(vec![255])]),
            (Kind::Uuid, vec![text("6f9619ff-8b86-d011-b42d-00c04fc964ff")], vec![text("6f9619ff"), Value::Int(1)]),
            (Kind::TimestampTz, vec![text("2024-02-29T01:02:03+02:00"), text("2024-02-29")], vec![text("2023-02-29")]),
            (Kind::Date, vec![text("2024-02-29")], vec![text("29.2.2024")]),
            (Kind::Jsonb, vec![text("{}"), Value::Int(1)], vec![text("{"), Value::Bytes(vec![])]),
            (Kind::Bytea, vec![text("x"), Value::Bytes(vec![0])], vec![Value::Int(1)]),
        ] {
            for value in good {
                assert!(fits(&kind, value.clone()), "{kind:?} {value:?}");
            }
            for value in bad {
                assert!(!fits(&kind, value.clone()), "{kind:?} {value:?}");
            }
        }
    }

    #[test]
    fn arrays_are_quoted() {
        let items = serde_json::json!(["a\"b\\", null, 1, [true]]);
        let literal = array_literal(items.as_array().unwrap()).unwrap();
        assert_eq!(literal, r#"{"a\"b\\",NULL,1,{true}}"#);
    }
}
