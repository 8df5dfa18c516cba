//! Values on their way to MySQL, which tells no parameter types: each is bound as what it is.
//!
//! Invariant: a number that no binary type holds exactly travels as its digits.

use sea_orm::sqlx::Arguments;
use sea_orm::sqlx::mysql::MySqlArguments;

use crate::db::{Error, ErrorKind, Value};

/// The values in the driver's form.
pub(super) fn bind(values: &[Value]) -> Result<MySqlArguments, Error> {
    let mut arguments = MySqlArguments::default();
    for (index, value) in values.iter().enumerate() {
        let added = match value {
            Value::Null => arguments.add(None::<String>),
            Value::Bool(value) => arguments.add(*value),
            Value::Int(value) => arguments.add(*value),
            Value::Float(value) if value.is_finite() => arguments.add(*value),
            Value::Float(_) => Err("not a number that the database knows".into()),
            Value::Decimal(digits) => match digits.parse::<u64>() {
                Ok(integer) => arguments.add(integer),
                Err(_) => arguments.add(digits.as_str()),
            },
            Value::Text(text) => arguments.add(text.as_str()),
            Value::Bytes(bytes) => arguments.add(bytes.as_slice()),
            Value::Json(json) => arguments.add(json.to_string()),
        };
        added.map_err(|_| {
            Error::new(
                ErrorKind::InvalidValue(Some(index)),
                format!("parameter {} is {} of a form that cannot be sent", index + 1, value.type_name()),
            )
        })?;
    }
    Ok(arguments)
}
