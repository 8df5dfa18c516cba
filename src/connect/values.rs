//! Values as requests would bring them, to ask a database whether they fit. None of them is ever stored.

use serde_json::json;

use crate::db::Value;
use crate::definition::{Definition, raw::RawFieldType};
use crate::sql::{Expression, Input, Parameter};

/// One value for each parameter; NULL where nothing is known of it.
pub(super) fn typical(parameters: &[Parameter], definition: &Definition, id: &Value) -> Vec<Value> {
    parameters.iter().map(|parameter| of(&parameter.expression, definition, id)).collect()
}

fn of(expression: &Expression, definition: &Definition, id: &Value) -> Value {
    match expression {
        Expression::Constant(value) => Value::from(value),
        Expression::Input { input, path } if path.is_empty() => input_value(input, definition, id),
        Expression::Input { .. } => Value::Null,
        // Most rows are fed on by their id.
        Expression::Column { column, .. } if *column == definition.user_id.column => id.clone(),
        Expression::Column { .. } => Value::Null,
        Expression::Filtered { filter, of: inner } => {
            filter.apply(of(inner, definition, id).to_json()).map_or(Value::Null, |json| Value::from(&json))
        }
    }
}

fn input_value(input: &Input, definition: &Definition, id: &Value) -> Value {
    let text = |text: &str| Value::Text(text.to_owned());
    match input {
        Input::Identifier | Input::Email | Input::NewEmail => text("somebody@example.com"),
        Input::Username | Input::NewUsername => text("somebody"),
        Input::PhoneNumber | Input::NewPhoneNumber => text("+15550100"),
        Input::Password | Input::PasswordSalt => text("correct horse"),
        Input::PasswordHash | Input::StoredHash => text("$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2g"),
        Input::Verified => Value::Bool(true),
        Input::UserId | Input::After => id.clone(),
        Input::Limit => Value::Int(1),
        Input::UserMetadata | Input::AppMetadata | Input::Context => Value::Json(json!({})),
        Input::Field(name) => match definition.create.as_ref().and_then(|create| create.fields.get(name)) {
            Some(RawFieldType::Text) => text("somebody"),
            Some(RawFieldType::Integer) => Value::Int(1),
            Some(RawFieldType::Number) => Value::Float(1.5),
            Some(RawFieldType::Boolean) => Value::Bool(true),
            Some(RawFieldType::Json) | None => Value::Null,
        },
    }
}
