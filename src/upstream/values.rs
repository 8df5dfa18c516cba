//! Values of a request, each encoded for the place where it stands.
//!
//! Invariant: whatever a value is, it stays within its place: one segment of a path, one parameter, one JSON value.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value as Json;
use zeroize::Zeroizing;

use super::body::{Form, JSON, ROOM};
use super::misconfigured;
use crate::action::{Class, Error, Lookup, Object, Request};
use crate::definition::{Body, Exchange, Tree};
use crate::sql::{Expression, Input, Part};

/// What stands for itself in a segment (RFC 3986, section 2.3).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The values of one request.
pub(super) struct Values<'a> {
    pub request: &'a Request,
    /// The user id without the connector's prefix.
    pub user_id: Option<&'a str>,
}

impl Values<'_> {
    /// Path and query, behind the base.
    pub fn target(&self, base: &str, exchange: &Exchange) -> Result<String, Error> {
        let mut target = base.to_owned();
        for segment in &exchange.path {
            target.push('/');
            target.push_str(&self.segment(segment)?);
        }
        let mut query = Form::new();
        for (name, parts) in &exchange.query {
            if let Some(value) = self.text(parts)? {
                query.push(name, value.as_bytes());
            }
        }
        let (_, query) = query.body();
        if !query.is_empty() {
            target.push('?');
            target.push_str(std::str::from_utf8(&query).unwrap_or_default());
        }
        Ok(target)
    }

    /// One segment: a value can neither end it nor lead elsewhere.
    fn segment(&self, parts: &[Part]) -> Result<String, Error> {
        let mut segment = String::new();
        for part in parts {
            match part {
                Part::Text(text) => segment.push_str(text),
                Part::Value(expression) => {
                    let text = plain(self.value(expression)?);
                    let text = text.filter(|text| !text.is_empty()).ok_or_else(|| unfit(expression, "is empty"))?;
                    segment.extend(utf8_percent_encode(&text, SEGMENT));
                }
            }
        }
        match (parts.iter().find_map(value_of), segment.as_str()) {
            (Some(expression), "." | "..") => Err(unfit(expression, "cannot stand in a path")),
            _ => Ok(segment),
        }
    }

    /// The body with its media type.
    pub fn body(&self, body: &Body) -> Result<(&'static str, Zeroizing<Vec<u8>>), Error> {
        match body {
            Body::Json(tree) => {
                let mut out = Zeroizing::new(Vec::with_capacity(2 * ROOM));
                self.write(tree, &mut out)?;
                Ok((JSON, out))
            }
            Body::Form(fields) => {
                let mut form = Form::new();
                for (name, parts) in fields {
                    if let Some(value) = self.text(parts)? {
                        form.push(name, value.as_bytes());
                    }
                }
                Ok(form.body())
            }
        }
    }

    /// Writes JSON; a password goes straight from where it is kept into memory that is wiped.
    fn write(&self, tree: &Tree, out: &mut Vec<u8>) -> Result<(), Error> {
        match tree {
            Tree::Constant(value) => write(value, out),
            Tree::Phrase(parts) => match parts.as_slice() {
                [Part::Value(expression)] => match self.password(expression) {
                    Some(password) => write(password, out),
                    None => write(&self.value(expression)?, out),
                },
                parts => write(self.text(parts)?.unwrap_or_default().as_str(), out),
            },
            Tree::List(items) => {
                out.push(b'[');
                for (index, item) in items.iter().enumerate() {
                    comma(index, out);
                    self.write(item, out)?;
                }
                out.push(b']');
                Ok(())
            }
            Tree::Object(members) => {
                out.push(b'{');
                for (index, (name, member)) in members.iter().enumerate() {
                    comma(index, out);
                    write(name.as_str(), out)?;
                    out.push(b':');
                    self.write(member, out)?;
                }
                out.push(b'}');
                Ok(())
            }
        }
    }

    /// A text with values in it; None for one value that the request does not carry.
    fn text(&self, parts: &[Part]) -> Result<Option<Zeroizing<String>>, Error> {
        let mut text = Zeroizing::new(String::with_capacity(ROOM / 4));
        for part in parts {
            match part {
                Part::Text(piece) => text.push_str(piece),
                Part::Value(expression) => match self.password(expression) {
                    Some(password) => text.push_str(password),
                    None => match plain(self.value(expression)?) {
                        Some(piece) => text.push_str(&piece),
                        None if parts.len() == 1 => return Ok(None),
                        None => {}
                    },
                },
            }
        }
        Ok(Some(text))
    }

    fn password(&self, expression: &Expression) -> Option<&str> {
        match expression {
            Expression::Input { input: Input::Password, .. } => {
                self.request.password().map(|password| password.expose())
            }
            _ => None,
        }
    }

    fn value(&self, expression: &Expression) -> Result<Json, Error> {
        match expression {
            Expression::Constant(value) => Ok(value.clone()),
            Expression::Input { input, path } => Ok(self.input(input, path)),
            Expression::Filtered { filter, of } => {
                filter.apply(self.value(of)?).map_err(|problem| unfit(expression, &problem))
            }
            Expression::Column { .. } => Err(misconfigured("an upstream's request has no rows")),
        }
    }

    /// A value of the request; what it does not carry is null.
    fn input(&self, input: &Input, path: &[String]) -> Json {
        let text = |text: Option<&str>| text.map_or(Json::Null, Json::from);
        let flag = |flag: Option<bool>| flag.map_or(Json::Null, Json::from);
        match (input, self.request) {
            (Input::UserId, _) => text(self.user_id),
            (Input::Identifier, Request::Login { identifier, .. } | Request::ChangePassword { identifier, .. })
            | (Input::Identifier, Request::GetUser { by: Lookup::Identifier(identifier), .. }) => {
                text(Some(identifier))
            }
            (Input::Email, Request::Verify { email } | Request::ChangeEmail { email, .. }) => text(Some(email)),
            (Input::NewEmail, Request::ChangeEmail { new_email, .. }) => text(Some(new_email)),
            (Input::Username, Request::ChangeUsername { username, .. }) => text(Some(username)),
            (Input::NewUsername, Request::ChangeUsername { new_username, .. }) => text(Some(new_username)),
            (Input::PhoneNumber, Request::ChangePhoneNumber { phone_number, .. }) => text(Some(phone_number)),
            (Input::NewPhoneNumber, Request::ChangePhoneNumber { new_phone_number, .. }) => {
                text(Some(new_phone_number))
            }
            (Input::Verified, Request::ChangeEmail { verified, .. } | Request::ChangePhoneNumber { verified, .. }) => {
                flag(*verified)
            }
            (Input::Email, Request::Create(user)) => text(user.email.as_deref()),
            (Input::Username, Request::Create(user)) => text(user.username.as_deref()),
            (Input::PhoneNumber, Request::Create(user)) => text(user.phone_number.as_deref()),
            (Input::UserMetadata, Request::Create(user)) => member(&user.user_metadata, path),
            (Input::AppMetadata, Request::Create(user)) => member(&user.app_metadata, path),
            (Input::Context, Request::Login { context, .. } | Request::GetUser { context, .. }) => {
                member(context, path)
            }
            _ => Json::Null,
        }
    }
}

fn member(object: &Object, path: &[String]) -> Json {
    let Some((first, rest)) = path.split_first() else { return Json::Object(object.clone()) };
    let found = object.get(first).and_then(|first| rest.iter().try_fold(first, |value, name| value.get(name)));
    found.cloned().unwrap_or(Json::Null)
}

/// A value as text; None for null.
fn plain(value: Json) -> Option<String> {
    match value {
        Json::Null => None,
        Json::String(text) => Some(text),
        other => Some(other.to_string()),
    }
}

fn write<T: serde::Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) -> Result<(), Error> {
    serde_json::to_writer(out, value).map_err(|_| misconfigured("a value cannot be written as JSON"))
}

fn comma(index: usize, out: &mut Vec<u8>) {
    if index > 0 {
        out.push(b',');
    }
}

fn value_of(part: &Part) -> Option<&Expression> {
    match part {
        Part::Value(expression) => Some(expression),
        Part::Text(_) => None,
    }
}

fn unfit(expression: &Expression, problem: &str) -> Error {
    let field = expression.input().map_or("request", Input::name).to_owned();
    let text = format!("`{field}`: {problem}");
    Error::new(Class::InvalidInput { field, message: problem.to_owned() }, text)
}
