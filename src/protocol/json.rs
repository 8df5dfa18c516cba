//! Strict JSON: the members of one object, each name once.
//!
//! Invariant: a password goes straight into [`Password`], and no error repeats a value. Objects with duplicate names
//! are refused at every depth: two readers could disagree on which one counts (RFC 8259, section 4).

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value as Json};

use super::problem::Problem;
use crate::secret::Password;

/// One member's value.
pub(super) enum Value {
    /// The text of the member `password`.
    Password(Password),
    /// An object, in whose depths a password may stand, too.
    Object(Members<'static>),
    /// Anything else.
    Plain(Json),
}

impl Value {
    /// The type, to name in errors.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Password(_) | Self::Plain(Json::String(_)) => "a string",
            Self::Plain(Json::Null) => "null",
            Self::Plain(Json::Bool(_)) => "a boolean",
            Self::Plain(Json::Number(_)) => "a number",
            Self::Plain(Json::Array(_)) => "an array",
            Self::Object(_) | Self::Plain(Json::Object(_)) => "an object",
        }
    }
}

/// The members of an object, in their order; names stay in the body where they have no escapes.
pub(super) type Members<'b> = Vec<(Cow<'b, str>, Value)>;

/// The members of the object that is the whole body.
pub(super) fn members(body: &[u8]) -> Result<Members<'_>, Problem> {
    read(body, Top { secret: "password" })
}

/// Likewise, where the password has this name.
pub(super) fn members_with<'b>(body: &'b [u8], secret: &'static str) -> Result<Members<'b>, Problem> {
    read(body, Top { secret })
}

/// The members of the object that is the whole body, and of the objects in it, wherever a password may stand.
pub(super) fn deep_members(body: &[u8]) -> Result<Members<'_>, Problem> {
    read(body, DeepTop)
}

fn read<'b, V: Visitor<'b, Value = Members<'b>>>(body: &'b [u8], visitor: V) -> Result<Members<'b>, Problem> {
    let invalid = |detail: String| Problem::new(super::Code::InvalidInput).with_detail(detail);
    let text = std::str::from_utf8(body)
        .map_err(|error| invalid(format!("the body is not UTF-8: byte {} is invalid", error.valid_up_to())))?;
    // Checked first, so that serde_json's own message for another type, which repeats the value, cannot come up.
    if !text.trim_start_matches([' ', '\t', '\r', '\n']).starts_with('{') {
        return Err(invalid("the body is not a JSON object".to_owned()));
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let members = deserializer.deserialize_map(visitor).and_then(|members| deserializer.end().map(|()| members));
    members.map_err(|error| invalid(format!("the body is not valid JSON: {error}")))
}

struct Top {
    /// The member that is a password.
    secret: &'static str,
}

impl<'de> Visitor<'de> for Top {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        collect(&mut map, self.secret, |map| map.next_value_seed(Strict).map(Value::Plain))
    }
}

/// Reads the members; the values of all but `secret` are read by `value`.
fn collect<'de, A: MapAccess<'de>>(
    map: &mut A,
    secret: &str,
    value: impl Fn(&mut A) -> Result<Value, A::Error>,
) -> Result<Members<'de>, A::Error> {
    let mut members: Members<'de> = Vec::with_capacity(map.size_hint().unwrap_or(4));
    while let Some(Name(name)) = map.next_key()? {
        if members.iter().any(|(other, _)| *other == name) {
            return Err(duplicate(&name));
        }
        if members.len() == MAX_MEMBERS {
            return Err(A::Error::custom(format_args!("more than {MAX_MEMBERS} members")));
        }
        let value = match *name == *secret {
            true => map.next_value_seed(Secret)?,
            false => value(map)?,
        };
        members.push((name, value));
    }
    Ok(members)
}

/// The object that is the whole body, whose objects are read like itself.
struct DeepTop;

impl<'de> Visitor<'de> for DeepTop {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        collect(&mut map, "password", |map| map.next_value_seed(Deep))
    }
}

/// Any value; what is an object is read like the body.
struct Deep;

impl<'de> DeserializeSeed<'de> for Deep {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Deep {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Strict.visit_unit().map(Value::Plain)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        Strict.visit_bool(value).map(Value::Plain)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        Strict.visit_i64(value).map(Value::Plain)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        Strict.visit_u64(value).map(Value::Plain)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        Strict.visit_f64(value).map(Value::Plain)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Strict.visit_str(text).map(Value::Plain)
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Self::Value, E> {
        Strict.visit_string(text).map(Value::Plain)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
        Strict.visit_seq(seq).map(Value::Plain)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let members = collect(&mut map, "password", |map| map.next_value_seed(Self))?;
        Ok(Value::Object(members.into_iter().map(|(name, value)| (Cow::Owned(name.into_owned()), value)).collect()))
    }
}

/// Names are compared one by one, so their number is bounded.
const MAX_MEMBERS: usize = 256;

fn duplicate<E: Error>(name: &str) -> E {
    E::custom(format_args!("duplicate member `{}`", shown(name)))
}

/// A name from the request, short enough to be repeated.
pub(super) fn shown(name: &str) -> Cow<'_, str> {
    match name.char_indices().nth(64) {
        Some((end, _)) => Cow::Owned(format!("{}…", &name[..end])),
        None => Cow::Borrowed(name),
    }
}

/// A name, borrowed where it has no escapes.
struct Name<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// A password, or the value of another type that stands in its place.
#[derive(Clone, Copy)]
struct Secret;

impl<'de> DeserializeSeed<'de> for Secret {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Secret {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Value::Password(Password::new(text)))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Self::Value, E> {
        Ok(Value::Password(Password::new(text)))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Value::Plain(Json::Null))
    }

    // Only the type is kept: the value may be the password in a wrong shape.
    fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Value::Plain(Json::Bool(false)))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Value::Plain(Json::from(0)))
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Value::Plain(Json::from(0)))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Value::Plain(Json::from(0)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element_seed(self)?.is_some() {}
        Ok(Value::Plain(Json::Array(Vec::new())))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_key::<Name>()?.is_some() {
            map.next_value_seed(self)?;
        }
        Ok(Value::Plain(Json::Object(Map::new())))
    }
}

/// Any value, without duplicate names and without NUL, which no database's text can hold.
#[derive(Clone, Copy)]
struct Strict;

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Json::from(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Json::from(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        Number::from_f64(value).map(Json::Number).ok_or_else(|| E::custom("a number that is not finite"))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        self.visit_string(text.to_owned())
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Self::Value, E> {
        match text.contains('\0') {
            true => Err(E::custom("a NUL character in a string")),
            false => Ok(Json::String(text)),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = seq.next_element_seed(self)? {
            values.push(value);
        }
        Ok(Json::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut object = Map::new();
        while let Some(Name(name)) = map.next_key()? {
            if object.contains_key(&*name) {
                return Err(duplicate(&name));
            }
            if name.contains('\0') {
                return Err(A::Error::custom("a NUL character in a name"));
            }
            let value = map.next_value_seed(self)?;
            object.insert(name.into_owned(), value);
        }
        Ok(Json::Object(object))
    }
}
