//! Typed access to a request's members.
//!
//! Invariant: every member is taken once and checked when it is taken; an error names the member, what was found and
//! what was expected, and never the value.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use serde_json::Value as Json;

use super::Problem;
use super::json::{self, Members, Value, shown};
use crate::action::Object;
use crate::secret::Password;

/// The longest text that names or addresses a user, in bytes.
const MAX_TEXT: usize = 1024;

/// The members of a request that are not taken yet.
pub(super) struct Input<'b>(Members<'b>);

impl<'b> Input<'b> {
    /// The members of a JSON body.
    pub(super) fn parse(body: &'b [u8]) -> Result<Self, Problem> {
        json::members(body).map(Self)
    }

    /// The members of a JSON text in which the password has this name.
    pub(super) fn parse_secret(text: &'b [u8], secret: &'static str) -> Result<Self, Problem> {
        json::members_with(text, secret).map(Self)
    }

    /// The members of a JSON body whose inner objects matter, too; see [`Self::inner`].
    pub(super) fn parse_deep(body: &'b [u8]) -> Result<Self, Problem> {
        json::deep_members(body).map(Self)
    }

    /// The members of an object inside; it must be there.
    pub(super) fn inner(&mut self, name: &'static str) -> Result<Input<'static>, Problem> {
        match self.take(name) {
            Some(Value::Object(members)) => Ok(Input(members)),
            Some(other) => Err(wrong_type(name, &other, "an object")),
            None => Err(Problem::invalid(name, format!("`{name}` is missing or null; expected an object"))),
        }
    }

    /// Whether the member is there, and not null.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(other, value)| other == name && !matches!(value, Value::Plain(Json::Null)))
    }

    /// Refuses members with other names than these.
    pub(super) fn only(&self, names: &[&str]) -> Result<(), Problem> {
        match self.0.iter().find(|(name, _)| !names.contains(&&**name)) {
            Some((name, _)) => Err(unknown(name, names)),
            None => Ok(()),
        }
    }

    /// A text that must be there.
    pub(super) fn text(&mut self, name: &'static str) -> Result<String, Problem> {
        self.optional_text(name)?.ok_or_else(|| self.missing(name))
    }

    /// A text that may be absent or null.
    pub(super) fn optional_text(&mut self, name: &'static str) -> Result<Option<String>, Problem> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Plain(Json::String(text))) => checked(name, text).map(Some),
            Some(other) => Err(wrong_type(name, &other, "a string")),
        }
    }

    /// A text that must be there and may be long, as one that is encrypted.
    pub(super) fn long_text(&mut self, name: &'static str, most: usize) -> Result<String, Problem> {
        match self.take(name) {
            None => Err(self.missing(name)),
            Some(Value::Plain(Json::String(text))) if text.len() <= most => Ok(text),
            Some(Value::Plain(Json::String(text))) => {
                Err(Problem::invalid(name, format!("`{name}` has {} bytes; expected at most {most}", text.len())))
            }
            Some(other) => Err(wrong_type(name, &other, "a string")),
        }
    }

    /// The text of exactly one of two members; whether it was the first.
    pub(super) fn one_of(&mut self, [a, b]: [&'static str; 2]) -> Result<(bool, String), Problem> {
        match (self.optional_text(a)?, self.optional_text(b)?) {
            (Some(text), None) => Ok((true, text)),
            (None, Some(text)) => Ok((false, text)),
            (None, None) => Err(Problem::invalid(a, format!("`{a}` is missing; expected `{a}` or `{b}`"))),
            (Some(_), Some(_)) => Err(Problem::invalid(b, format!("found both `{a}` and `{b}`; expected one of them"))),
        }
    }

    /// The password, which may be empty or too long: the answer to those is the handler's.
    pub(super) fn password(&mut self) -> Result<Password, Problem> {
        self.password_called("password")
    }

    /// The password of a text that was read with this name for it.
    pub(super) fn password_called(&mut self, name: &'static str) -> Result<Password, Problem> {
        self.secret(name)?.ok_or_else(|| self.missing(name))
    }

    /// The password, which may be absent or null.
    pub(super) fn optional_password(&mut self) -> Result<Option<Password>, Problem> {
        self.secret("password")
    }

    fn secret(&mut self, name: &'static str) -> Result<Option<Password>, Problem> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Password(password)) => Ok(Some(password)),
            Some(other) => Err(wrong_type(name, &other, "a string")),
        }
    }

    /// A boolean that may be absent or null.
    pub(super) fn optional_bool(&mut self, name: &'static str) -> Result<Option<bool>, Problem> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Plain(Json::Bool(value))) => Ok(Some(value)),
            Some(other) => Err(wrong_type(name, &other, "a boolean")),
        }
    }

    /// A whole number within these bounds that may be absent or null.
    pub(super) fn optional_number(
        &mut self,
        name: &'static str,
        bounds: RangeInclusive<u16>,
    ) -> Result<Option<u16>, Problem> {
        let expected = format!("a whole number from {} to {}", bounds.start(), bounds.end());
        match self.take(name) {
            None => Ok(None),
            Some(Value::Plain(Json::Number(number))) => {
                let fitting = number.as_u64().and_then(|n| u16::try_from(n).ok()).filter(|n| bounds.contains(n));
                let refusal = || Problem::invalid(name, format!("`{name}` is {number}; expected {expected}"));
                fitting.map(Some).ok_or_else(refusal)
            }
            Some(other) => Err(wrong_type(name, &other, &expected)),
        }
    }

    /// An object; absent and null mean an empty one.
    pub(super) fn object(&mut self, name: &'static str) -> Result<Object, Problem> {
        match self.take(name) {
            None => Ok(Object::new()),
            Some(Value::Plain(Json::Object(object))) => Ok(object),
            Some(other) => Err(wrong_type(name, &other, "an object")),
        }
    }

    /// Whatever was not taken.
    pub(super) fn rest(self) -> Object {
        let plain = |(name, value): (Cow<'_, str>, Value)| match value {
            Value::Plain(value) => Some((name.into_owned(), value)),
            Value::Password(_) | Value::Object(_) => None,
        };
        self.0.into_iter().filter_map(plain).collect()
    }

    /// The member's value; None when it is absent or null.
    fn take(&mut self, name: &str) -> Option<Value> {
        let at = self.0.iter().position(|(other, _)| other == name)?;
        let (_, value) = self.0.swap_remove(at);
        (!matches!(value, Value::Plain(Json::Null))).then_some(value)
    }

    fn missing(&self, name: &'static str) -> Problem {
        Problem::invalid(name, format!("`{name}` is missing or null; expected a string"))
    }
}

fn wrong_type(name: &'static str, found: &Value, expected: &str) -> Problem {
    Problem::invalid(name, format!("`{name}` is {}; expected {expected}", found.kind()))
}

/// A text that can name or address somebody.
pub(super) fn checked(name: &'static str, text: String) -> Result<String, Problem> {
    if text.is_empty() {
        return Err(Problem::invalid(name, format!("`{name}` is empty")));
    }
    if text.len() > MAX_TEXT {
        let detail = format!("`{name}` has {} bytes; expected at most {MAX_TEXT}", text.len());
        return Err(Problem::invalid(name, detail));
    }
    match text.chars().find(|c| c.is_control()) {
        Some(c) => {
            let detail = format!("`{name}` holds the control character U+{:04X}; expected none", u32::from(c));
            Err(Problem::invalid(name, detail))
        }
        None => Ok(text),
    }
}

fn unknown(name: &str, known: &[&str]) -> Problem {
    let shown = shown(name);
    let similarity = |known: &&str| strsim::jaro_winkler(&shown, known);
    let nearest = known.iter().copied().max_by(|a, b| similarity(a).total_cmp(&similarity(b)));
    let detail = match nearest.filter(|nearest| similarity(nearest) > 0.8) {
        Some(nearest) => format!("unknown member `{shown}`; did you mean `{nearest}`?"),
        None => {
            let known: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
            format!("unknown member `{shown}`; expected {}", known.join(", "))
        }
    };
    Problem::invalid(shown, detail)
}
