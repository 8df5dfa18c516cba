//! The values of a statement's parameters for one request.
//!
//! Invariant: a value is taken from the request, from an earlier row or from the definition, and only ever bound.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::{Bound, Class, Error};
use crate::action::{Lookup, Object, Request};
use crate::db::{Row, Value};
use crate::hash::Written;
use crate::secret::Secret;
use crate::sql::{Expression, Input};

/// Where a statement's values come from.
pub(super) struct Source<'a> {
    pub request: &'a Request,
    /// The user id without its prefix, in the type of its column.
    pub user_id: Option<Value>,
    /// The id after which a page begins, likewise.
    pub after: Option<Value>,
    /// The hash that this request writes.
    pub written: Option<&'a Written>,
    /// The hash that a rehash replaces.
    pub stored: Option<&'a Secret>,
    /// The login's own row.
    pub row: Option<&'a Row>,
    /// The last key of the page before, and how many rows a page has.
    pub page: Option<(Value, usize)>,
    /// The rows of earlier statements, by their names.
    pub steps: BTreeMap<String, StepResult>,
}

/// What a named statement left behind.
pub(super) struct StepResult {
    pub row: Option<Row>,
    pub last_insert_id: Option<i64>,
}

impl<'a> Source<'a> {
    pub fn new(request: &'a Request) -> Self {
        let steps = BTreeMap::new();
        Self { request, user_id: None, after: None, written: None, stored: None, row: None, page: None, steps }
    }

    /// The values of a statement, in the order of its placeholders.
    pub fn arguments(&self, bound: &Bound) -> Result<Vec<Value>, Error> {
        bound.parameters.iter().map(|parameter| self.value(&parameter.expression)).collect()
    }

    fn value(&self, expression: &Expression) -> Result<Value, Error> {
        match expression {
            Expression::Constant(value) => Ok(Value::from(value)),
            Expression::Input { input, path } if path.is_empty() => Ok(self.input(input)),
            Expression::Input { input, path } => Ok(self.member(input, path)),
            Expression::Column { step, column } => self.column(step.as_deref(), column),
            Expression::Filtered { filter, of } => {
                let value = self.value(of)?.to_json();
                let filtered = filter.apply(value).map_err(|message| {
                    let field = expression.input().map_or("request", Input::name).to_owned();
                    let text = format!("`{field}`: {message}");
                    Error::new(Class::InvalidInput { field, message }, text)
                })?;
                Ok(Value::from(&filtered))
            }
        }
    }

    /// A value of the request; what it does not carry is NULL.
    fn input(&self, input: &Input) -> Value {
        let text = |text: &str| Value::Text(text.to_owned());
        let secret = |secret: &Secret| {
            String::from_utf8(secret.expose().to_vec()).map_or_else(|e| Value::Bytes(e.into_bytes()), Value::Text)
        };
        match (input, self.request) {
            (Input::UserId, _) => self.user_id.clone(),
            (Input::After, _) => self.after.clone().or_else(|| self.page.as_ref().map(|(after, _)| after.clone())),
            (Input::Limit, Request::ListUsers { limit, .. }) => Some(Value::Int((*limit).into())),
            (Input::Limit, _) => self.page.as_ref().and_then(|(_, limit)| i64::try_from(*limit).ok()).map(Value::Int),
            (Input::PasswordHash, _) => self.written.map(|written| secret(&written.hash)),
            (Input::PasswordSalt, _) => self.written.and_then(|written| written.salt.as_ref()).map(secret),
            (Input::StoredHash, _) => self.stored.map(secret),
            (Input::Password, request) => request.password().map(|password| text(password.expose())),
            (Input::Identifier, Request::Login { identifier, .. } | Request::ChangePassword { identifier, .. })
            | (Input::Identifier, Request::GetUser { by: Lookup::Identifier(identifier), .. }) => {
                Some(text(identifier))
            }
            (Input::Email, Request::Verify { email } | Request::ChangeEmail { email, .. }) => Some(text(email)),
            (Input::NewEmail, Request::ChangeEmail { new_email, .. }) => Some(text(new_email)),
            (Input::Username, Request::ChangeUsername { username, .. }) => Some(text(username)),
            (Input::NewUsername, Request::ChangeUsername { new_username, .. }) => Some(text(new_username)),
            (Input::PhoneNumber, Request::ChangePhoneNumber { phone_number, .. }) => Some(text(phone_number)),
            (Input::NewPhoneNumber, Request::ChangePhoneNumber { new_phone_number, .. }) => {
                Some(text(new_phone_number))
            }
            (Input::Verified, Request::ChangeEmail { verified, .. } | Request::ChangePhoneNumber { verified, .. }) => {
                verified.map(Value::Bool)
            }
            (Input::Email, Request::Create(user)) => user.email.as_deref().map(text),
            (Input::Username, Request::Create(user)) => user.username.as_deref().map(text),
            (Input::PhoneNumber, Request::Create(user)) => user.phone_number.as_deref().map(text),
            (Input::Field(name), Request::Create(user)) => user.fields.get(name).map(Value::from),
            (Input::UserMetadata | Input::AppMetadata | Input::Context, _) => {
                self.object(input).map(|object| Value::Json(Json::Object(object.clone())))
            }
            _ => None,
        }
        .unwrap_or(Value::Null)
    }

    fn object(&self, input: &Input) -> Option<&Object> {
        match (input, self.request) {
            (Input::UserMetadata, Request::Create(user)) => Some(&user.user_metadata),
            (Input::AppMetadata, Request::Create(user)) => Some(&user.app_metadata),
            (Input::Context, Request::Login { context, .. } | Request::GetUser { context, .. }) => Some(context),
            _ => None,
        }
    }

    fn member(&self, input: &Input, path: &[String]) -> Value {
        let (first, rest) = match (input, self.request) {
            (Input::Field(name), Request::Create(user)) => (user.fields.get(name), path),
            _ => (self.object(input).and_then(|object| object.get(&path[0])), &path[1..]),
        };
        let value = first.and_then(|first| rest.iter().try_fold(first, |value, name| value.get(name)));
        value.map_or(Value::Null, Value::from)
    }

    fn column(&self, step: Option<&str>, column: &str) -> Result<Value, Error> {
        let row = match step {
            None => self.row,
            Some(name) => {
                let result = self.steps.get(name);
                let row = result.and_then(|result| result.row.as_ref());
                let generated =
                    result.and_then(|result| result.last_insert_id).filter(|_| row.is_none() && column == "id");
                if let Some(id) = generated {
                    return Ok(Value::Int(id));
                }
                row
            }
        };
        row.and_then(|row| row.value(column)).cloned().ok_or_else(|| {
            let step = step.unwrap_or("row");
            Error::new(
                Class::Misconfigured,
                format!("`{step}` has no column `{column}`; name it in RETURNING or SELECT"),
            )
        })
    }
}
