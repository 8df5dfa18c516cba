//! A row as the caller sees it.
//!
//! Invariant: a secret column never reaches a profile: it is hidden before the first template is evaluated.

use std::sync::Arc;

use serde_json::Value as Json;

use super::{Class, Error, Handler, id_text};
use crate::action::{Object, Profile};
use crate::db::{Row, Value};
use crate::definition::{Columns, MEMBERS};

impl Handler {
    /// Builds the profile: columns named like a member, then the declared members.
    pub(super) fn profile(&self, row: Row) -> Result<Profile, Error> {
        let definition = &self.definition;
        let column = &definition.user_id.column;
        let id = row.value(column).and_then(id_text).filter(|id| !id.is_empty());
        let id =
            id.ok_or_else(|| misconfigured(format!("the row has no value in `{column}`, which identifies the user")))?;
        let mut members = Object::new();
        for (name, value) in row.iter() {
            if MEMBERS.contains(&name) && !definition.secret_columns.contains(name) {
                members.insert(name.to_owned(), member(name, value)?);
            }
        }
        if !definition.profile.is_empty() {
            let columns = self.columns(row);
            for (name, template) in &definition.profile {
                let value =
                    template.evaluate(&columns).map_err(|e| misconfigured(format!("profile member `{name}`: {e}")))?;
                members.insert(name.clone(), typed(name, value)?);
            }
        }
        Ok(Profile::new(format!("{}{id}", definition.user_id.prefix), members))
    }

    /// What templates and rules may read of a row.
    pub(super) fn columns(&self, row: Row) -> Arc<Columns> {
        let hidden = self.definition.secret_columns.clone();
        Arc::new(move |name: &str| if hidden.contains(name) { None } else { row.value(name).map(Value::to_json) })
    }
}

fn misconfigured(message: String) -> Error {
    Error::new(Class::Misconfigured, message)
}

/// The value of a column that is a profile member by its name.
fn member(name: &str, value: &Value) -> Result<Json, Error> {
    typed(name, value.to_json())
}

/// Gives a member the type that the contract says, where the database has none of that kind.
fn typed(name: &str, value: Json) -> Result<Json, Error> {
    let wrong = |expected: &str| Err(misconfigured(format!("profile member `{name}` is not {expected}")));
    match (name, value) {
        (_, Json::Null) => Ok(Json::Null),
        ("email_verified" | "phone_verified", value) => match truth(&value) {
            Some(value) => Ok(Json::Bool(value)),
            None => wrong("true or false"),
        },
        ("user_metadata" | "app_metadata", value) => match parsed(value) {
            value @ Json::Object(_) => Ok(value),
            _ => wrong("a JSON object"),
        },
        ("mfa_factors", value) => match parsed(value) {
            value @ Json::Array(_) => Ok(value),
            _ => wrong("a JSON array"),
        },
        (name, value @ (Json::Number(_) | Json::Bool(_))) if MEMBERS.contains(&name) => {
            Ok(Json::String(value.to_string()))
        }
        (name, Json::Array(_) | Json::Object(_)) if MEMBERS.contains(&name) => wrong("a text"),
        (_, value) => Ok(value),
    }
}

/// Databases without a JSON type keep JSON as text.
fn parsed(value: Json) -> Json {
    match &value {
        Json::String(text) => serde_json::from_str(text).unwrap_or(value),
        _ => value,
    }
}

/// Databases without a truth type keep 0 and 1, as numbers or as text.
fn truth(value: &Json) -> Option<bool> {
    match value {
        Json::Bool(value) => Some(*value),
        Json::Number(number) => number.as_i64().filter(|n| (0..=1).contains(n)).map(|n| n == 1),
        Json::String(text) => match text.to_ascii_lowercase().as_str() {
            "1" | "t" | "true" | "y" | "yes" => Some(true),
            "0" | "f" | "false" | "n" | "no" => Some(false),
            _ => None,
        },
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}
