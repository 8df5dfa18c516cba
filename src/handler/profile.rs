//! A row as the caller sees it.
//!
//! Invariant: a secret column never reaches a profile: it is hidden before the first template is evaluated.

use std::sync::Arc;

use serde_json::Value as Json;

use super::{Class, Error, Handler, id_text};
use crate::action::{Object, Profile};
use crate::db::{Row, Value};
use crate::definition::{Columns, MEMBERS, typed};

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
                members.insert(name.clone(), typed(name, value).map_err(misconfigured)?);
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
    typed(name, value.to_json()).map_err(misconfigured)
}
