//! MySQL's binary values, decoded exactly.
//!
//! Invariant: a zero date is a value, not NULL; text and bytes are told apart by the collation, not by the name of
//! the type, for columns with a binary collation are text all the same.

use std::sync::Arc;

use sea_orm::sqlx::mysql::{MySql, MySqlRow, MySqlValueRef};
use sea_orm::sqlx::{Decode, Row as _, Type, TypeInfo, ValueRef};

use crate::db::failure::undecodable;
use crate::db::{Column, Error, ErrorKind, MAX_VALUE_BYTES, Row, Value, numeric};

/// One row.
pub(super) fn decode(raw: &MySqlRow, columns: Arc<[Column]>) -> Result<Row, Error> {
    let mut values = Vec::with_capacity(columns.len());
    for (index, column) in columns.iter().enumerate() {
        let value = raw.try_get_raw(index).map_err(|error| {
            Error::new(ErrorKind::Misconfigured, format!("column \"{}\" cannot be read: {error}", column.name))
        })?;
        values.push(column_value(&value, column)?);
    }
    Ok(Row::new(columns, values))
}

fn column_value(value: &MySqlValueRef<'_>, column: &Column) -> Result<Value, Error> {
    let fail = |why| undecodable(&column.name, &column.type_name, why);
    // The driver takes zero dates for NULL; without bytes it really is NULL.
    let Ok(bytes) = <&[u8] as Decode<MySql>>::decode(value.clone()) else { return Ok(Value::Null) };
    if bytes.len() > MAX_VALUE_BYTES {
        return Err(fail("holds a value above 1 MiB"));
    }
    let unreadable = || fail("holds a value that cannot be read");
    let ty = value.type_info();
    let decoded = match ty.name() {
        "NULL" => Some(Value::Null),
        "BOOLEAN" => integer(bytes, false).map(|value| match value {
            Value::Int(0) => Value::Bool(false),
            Value::Int(1) => Value::Bool(true),
            other => other,
        }),
        "TINYINT" | "SMALLINT" | "MEDIUMINT" | "INT" | "BIGINT" => integer(bytes, false),
        "TINYINT UNSIGNED" | "SMALLINT UNSIGNED" | "MEDIUMINT UNSIGNED" | "INT UNSIGNED" | "BIGINT UNSIGNED"
        | "YEAR" => integer(bytes, true),
        "BIT" => bits(bytes),
        "FLOAT" => bytes.try_into().ok().and_then(|b| numeric::widen(f32::from_le_bytes(b))).map(Value::Float),
        "DOUBLE" => bytes.try_into().ok().map(|b| Value::Float(f64::from_le_bytes(b))),
        "DECIMAL" => text(bytes).map(Value::Decimal),
        "DATE" => date(bytes).map(Value::Text),
        "DATETIME" => date_time(bytes, "").map(Value::Text),
        "TIMESTAMP" => date_time(bytes, "Z").map(Value::Text),
        "TIME" => time(bytes).map(Value::Text),
        "JSON" => serde_json::from_slice(bytes).ok().map(Value::Json),
        "ENUM" | "SET" => text(bytes).map(Value::Text),
        "GEOMETRY" => return Err(fail("cannot be read as it is")),
        _ if <str as Type<MySql>>::compatible(&ty) => text(bytes).map(Value::Text),
        _ => Some(Value::Bytes(bytes.to_vec())),
    };
    decoded.ok_or_else(unreadable)
}

fn text(bytes: &[u8]) -> Option<String> {
    String::from_utf8(bytes.to_vec()).ok()
}

/// Little-endian, of the type's own width.
fn integer(bytes: &[u8], unsigned: bool) -> Option<Value> {
    let width = bytes.len();
    if !matches!(width, 1 | 2 | 4 | 8) {
        return None;
    }
    let negative = !unsigned && bytes[width - 1] & 0x80 != 0;
    let mut wide = [if negative { 0xff } else { 0 }; 8];
    wide[..width].copy_from_slice(bytes);
    Some(match i64::from_le_bytes(wide) {
        overflow if unsigned && overflow < 0 => Value::Decimal(u64::from_le_bytes(wide).to_string()),
        value => Value::Int(value),
    })
}

/// BIT(n) is a big-endian number of up to 64 bits.
fn bits(bytes: &[u8]) -> Option<Value> {
    if bytes.len() > 8 {
        return None;
    }
    let number = bytes.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    Some(i64::try_from(number).map_or_else(|_| Value::Decimal(number.to_string()), Value::Int))
}

/// A length, then year, month and day; a length of 0 is the zero date.
fn date(bytes: &[u8]) -> Option<String> {
    match bytes {
        [0] => Some("0000-00-00".to_owned()),
        [_, low, high, month, day, ..] => Some(format!("{:04}-{month:02}-{day:02}", u16::from_le_bytes([*low, *high]))),
        _ => None,
    }
}

/// A date, then hour, minute and second, then microseconds, each as far as it is not zero.
fn date_time(bytes: &[u8], zone: &str) -> Option<String> {
    let date = date(bytes)?;
    let (hour, minute, second, rest) = match bytes.get(5..).unwrap_or_default() {
        [] => (0, 0, 0, &[][..]),
        [hour, minute, second, rest @ ..] => (*hour, *minute, *second, rest),
        _ => return None,
    };
    let fraction = numeric::fraction(microseconds(rest)?);
    Some(format!("{date}T{hour:02}:{minute:02}:{second:02}{fraction}{zone}"))
}

/// A length, a sign, days, hour, minute, second, microseconds. More than a day is told in hours, as the server does.
fn time(bytes: &[u8]) -> Option<String> {
    let [_, negative, d0, d1, d2, d3, hour, minute, second, rest @ ..] = bytes else {
        return (bytes == [0]).then(|| "00:00:00".to_owned());
    };
    let hours = u64::from(u32::from_le_bytes([*d0, *d1, *d2, *d3])) * 24 + u64::from(*hour);
    let sign = if *negative == 1 { "-" } else { "" };
    Some(format!("{sign}{hours:02}:{minute:02}:{second:02}{}", numeric::fraction(microseconds(rest)?)))
}

fn microseconds(bytes: &[u8]) -> Option<i64> {
    match bytes {
        [] => Some(0),
        _ => bytes.try_into().ok().map(|bytes| u32::from_le_bytes(bytes).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_every_digit() {
        let shown = |value: Option<Value>| value.and_then(|value| value.to_text());
        assert_eq!(shown(integer(&[0xff], false)).as_deref(), Some("-1"));
        assert_eq!(shown(integer(&[0xff; 8], true)).as_deref(), Some("18446744073709551615"));
        assert_eq!(shown(bits(&[1, 0])).as_deref(), Some("256"));
    }

    #[test]
    fn times_are_read_in_every_length() {
        assert_eq!(date(&[0]).as_deref(), Some("0000-00-00"));
        assert_eq!(date_time(&[4, 0xe8, 7, 2, 29], "Z").as_deref(), Some("2024-02-29T00:00:00Z"));
        let long = [11, 0xe8, 7, 2, 29, 1, 2, 3, 0x20, 0xa1, 7, 0];
        assert_eq!(date_time(&long, "").as_deref(), Some("2024-02-29T01:02:03.5"));
        assert_eq!(time(&[8, 1, 2, 0, 0, 0, 3, 4, 5]).as_deref(), Some("-51:04:05"));
    }
}
