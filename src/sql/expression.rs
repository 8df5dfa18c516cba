//! What a placeholder stands for: a value of the request, of an earlier row, or a constant, perhaps filtered.
//!
//! Invariant: an expression is evaluated to one value; nothing in it can become SQL text.

use std::fmt;

use serde_json::Value as Json;

/// Where a parameter's value comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Expression {
    /// A value that was fixed when the definition was loaded.
    Constant(Json),
    /// A value of the request; the path leads into a JSON object such as `user_metadata`.
    Input {
        /// Which value.
        input: Input,
        /// Member names, from the outside in.
        path: Vec<String>,
    },
    /// A column of an earlier statement's row, or of the login's own row when no statement is named.
    Column {
        /// The statement's `as` name.
        step: Option<String>,
        /// The column.
        column: String,
    },
    /// A value passed through a filter.
    Filtered {
        /// What is done to the value.
        filter: Filter,
        /// The value.
        of: Box<Expression>,
    },
}

impl Expression {
    /// The value of the request that this expression begins with.
    pub fn input(&self) -> Option<&Input> {
        match self {
            Self::Input { input, .. } => Some(input),
            Self::Filtered { of, .. } => of.input(),
            Self::Constant(_) | Self::Column { .. } => None,
        }
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant(_) => f.write_str("a constant"),
            Self::Input { input, path } => {
                f.write_str(input.name())?;
                path.iter().try_for_each(|name| write!(f, ".{name}"))
            }
            Self::Column { step, column } => write!(f, "{}.{column}", step.as_deref().unwrap_or("row")),
            Self::Filtered { filter, of } => write!(f, "{of} | {}", filter.name()),
        }
    }
}

/// The values that requests carry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are those of the actions' inputs")]
pub enum Input {
    Identifier,
    Email,
    Username,
    PhoneNumber,
    NewEmail,
    NewUsername,
    NewPhoneNumber,
    Verified,
    UserId,
    /// The plain password, for databases that compare it themselves.
    Password,
    PasswordHash,
    PasswordSalt,
    /// The hash that a rehash replaces.
    StoredHash,
    UserMetadata,
    AppMetadata,
    Context,
    /// The last key of the page before, while users are copied.
    After,
    /// How many rows a page may have.
    Limit,
    /// A further member of `create`'s request, declared under `fields`.
    Field(String),
}

impl Input {
    /// The name in templates.
    pub fn name(&self) -> &str {
        match self {
            Self::Identifier => "identifier",
            Self::Email => "email",
            Self::Username => "username",
            Self::PhoneNumber => "phone_number",
            Self::NewEmail => "new_email",
            Self::NewUsername => "new_username",
            Self::NewPhoneNumber => "new_phone_number",
            Self::Verified => "verified",
            Self::UserId => "user_id",
            Self::Password => "password",
            Self::PasswordHash => "password_hash",
            Self::PasswordSalt => "password_salt",
            Self::StoredHash => "stored_hash",
            Self::UserMetadata => "user_metadata",
            Self::AppMetadata => "app_metadata",
            Self::Context => "context",
            Self::After => "after",
            Self::Limit => "limit",
            Self::Field(name) => name,
        }
    }

    /// Whether members of the value can be named, as in `user_metadata.plan`.
    pub const fn is_object(&self) -> bool {
        matches!(self, Self::UserMetadata | Self::AppMetadata | Self::Context | Self::Field(_))
    }

    /// Whether the value must go into the database exactly as it is.
    pub const fn is_secret(&self) -> bool {
        matches!(self, Self::Password | Self::PasswordHash | Self::PasswordSalt | Self::StoredHash)
    }
}

/// What can be done to a value before it is bound.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// Unicode lower case.
    Lower,
    /// Unicode upper case.
    Upper,
    /// Without white space at both ends.
    Trim,
    /// An integer; text that is one is converted.
    Int,
    /// A floating point number; text that is one is converted.
    Float,
    /// A truth value: true, false, 0, 1, `yes`, `no`, `on`, `off`.
    Bool,
    /// Text: numbers and truth values are written out.
    String,
    /// The value's JSON text.
    Json,
    /// The part of an e-mail address after the last `@`.
    Domain,
    /// This value in the place of null.
    Default(Json),
}

impl Filter {
    /// The names that templates may use.
    pub const NAMES: [&'static str; 11] =
        ["lower", "upper", "trim", "int", "float", "bool", "string", "json", "tojson", "domain", "default"];

    /// The name in templates.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Lower => "lower",
            Self::Upper => "upper",
            Self::Trim => "trim",
            Self::Int => "int",
            Self::Float => "float",
            Self::Bool => "bool",
            Self::String => "string",
            Self::Json => "json",
            Self::Domain => "domain",
            Self::Default(_) => "default",
        }
    }

    /// The filter of this name; `argument` is what stands in its parentheses.
    pub fn named(name: &str, argument: Option<Json>) -> Result<Self, String> {
        let filter = match (name, argument) {
            ("default", Some(value)) => return Ok(Self::Default(value)),
            ("default", None) => return Err("`default` needs a value, as in `default('')`".to_owned()),
            ("lower", None) => Self::Lower,
            ("upper", None) => Self::Upper,
            ("trim", None) => Self::Trim,
            ("int", None) => Self::Int,
            ("float", None) => Self::Float,
            ("bool", None) => Self::Bool,
            ("string", None) => Self::String,
            ("json" | "tojson", None) => Self::Json,
            ("domain", None) => Self::Domain,
            (name, Some(_)) => return Err(format!("`{name}` takes no argument")),
            (name, None) => return Err(format!("unknown filter `{name}`")),
        };
        Ok(filter)
    }

    /// Applies the filter. Null stays null, save under `default`; the error says what was expected.
    pub fn apply(&self, value: Json) -> Result<Json, String> {
        if value.is_null() {
            return Ok(if let Self::Default(other) = self { other.clone() } else { Json::Null });
        }
        match self {
            Self::Default(_) => Ok(value),
            Self::Lower => text(value, "lower").map(|t| t.to_lowercase().into()),
            Self::Upper => text(value, "upper").map(|t| t.to_uppercase().into()),
            Self::Trim => text(value, "trim").map(|t| t.trim().into()),
            Self::Domain => text(value, "domain").map(|t| t.rsplit_once('@').map_or(Json::Null, |(_, d)| d.into())),
            Self::String => Ok(if value.is_string() { value } else { value.to_string().into() }),
            Self::Json => Ok(value.to_string().into()),
            Self::Int => match &value {
                Json::Number(number) if number.is_i64() => Ok(value),
                Json::String(text) => integer(text).ok_or_else(|| "expected an integer".to_owned()),
                _ => Err("expected an integer".to_owned()),
            },
            Self::Float => match &value {
                Json::Number(_) => Some(value),
                Json::String(text) => text.trim().parse::<f64>().ok().filter(|f| f.is_finite()).map(Json::from),
                _ => None,
            }
            .ok_or_else(|| "expected a number".to_owned()),
            Self::Bool => truth(&value).map(Json::Bool).ok_or_else(|| "expected true or false".to_owned()),
        }
    }
}

fn text(value: Json, filter: &str) -> Result<String, String> {
    match value {
        Json::String(text) => Ok(text),
        _ => Err(format!("expected text for `{filter}`")),
    }
}

/// Only the usual spelling: `+7` and `0x7` are refused, because a store would compare them as something else.
fn integer(text: &str) -> Option<Json> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse::<i64>().ok()).flatten().map(Json::from)
}

fn truth(value: &Json) -> Option<bool> {
    match value {
        Json::Bool(value) => Some(*value),
        Json::Number(number) => match number.as_i64() {
            Some(0) => Some(false),
            Some(1) => Some(true),
            _ => None,
        },
        Json::String(text) => match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" | "t" | "y" => Some(true),
            "false" | "no" | "off" | "0" | "f" | "n" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn filters_convert_or_refuse() {
        let apply = |name: &str, value: Json| Filter::named(name, None).unwrap().apply(value);
        assert_eq!(apply("lower", json!("ÄB")), Ok(json!("äb")));
        assert_eq!(apply("int", json!("42")), Ok(json!(42)));
        for bad in [json!("1abc"), json!("+1"), json!(""), json!(1.5), json!("99999999999999999999")] {
            assert!(apply("int", bad).is_err());
        }
        assert_eq!(apply("bool", json!("off")), Ok(json!(false)));
        assert!(apply("bool", json!("maybe")).is_err());
        assert_eq!(apply("tojson", json!({"a": "\" OR 1=1 --"})), Ok(json!(r#"{"a":"\" OR 1=1 --"}"#)));
        assert_eq!(apply("trim", Json::Null), Ok(Json::Null));
        assert_eq!(Filter::named("default", Some(json!(7))).unwrap().apply(Json::Null), Ok(json!(7)));
        assert!(Filter::named("default", None).is_err());
        assert!(Filter::named("lower", Some(json!(1))).is_err());
    }
}
