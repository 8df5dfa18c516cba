//! PostgreSQL's binary values, decoded exactly.
//!
//! Invariant: every byte of a value is understood, or the value is refused; the closed set of types is decided when
//! the statement is prepared.

use std::error::Error as StdError;
use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

use serde_json::Value as Json;
use tokio_postgres::types::{FromSql, Kind, Type};
use uuid::Uuid;

use super::cursor::Cursor;
use super::times::{date, interval, time, timestamp, zoned_time};
use crate::db::{Value, numeric};

/// How a column's values are read.
#[derive(Clone, Debug)]
pub(super) enum Decoder {
    Bool,
    Int2,
    Int4,
    Int8,
    /// Object and transaction numbers.
    Oid,
    Float4,
    Float8,
    Numeric,
    Money {
        digits: Option<u32>,
    },
    Text,
    /// One byte, the internal type `"char"`.
    Char,
    Uuid,
    Json,
    Jsonb,
    Bytea,
    Timestamp,
    TimestampTz,
    Date,
    Time,
    TimeTz,
    Interval,
    Network {
        cidr: bool,
    },
    MacAddress,
    Point,
    Bits,
    Hstore,
    Array(Box<Decoder>),
    /// The result of a function that returns nothing.
    Void,
}

impl Decoder {
    /// The decoder of a type; None for types that have to be cast in SQL.
    pub fn of(ty: &Type) -> Option<Self> {
        Some(match *ty {
            Type::BOOL => Self::Bool,
            Type::INT2 => Self::Int2,
            Type::INT4 => Self::Int4,
            Type::INT8 => Self::Int8,
            Type::OID | Type::XID | Type::CID => Self::Oid,
            Type::FLOAT4 => Self::Float4,
            Type::FLOAT8 => Self::Float8,
            Type::NUMERIC => Self::Numeric,
            Type::MONEY => Self::Money { digits: None },
            Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::XML | Type::UNKNOWN => Self::Text,
            Type::CHAR => Self::Char,
            Type::UUID => Self::Uuid,
            Type::JSON => Self::Json,
            Type::JSONB => Self::Jsonb,
            Type::BYTEA => Self::Bytea,
            Type::TIMESTAMP => Self::Timestamp,
            Type::TIMESTAMPTZ => Self::TimestampTz,
            Type::DATE => Self::Date,
            Type::TIME => Self::Time,
            Type::TIMETZ => Self::TimeTz,
            Type::INTERVAL => Self::Interval,
            Type::INET => Self::Network { cidr: false },
            Type::CIDR => Self::Network { cidr: true },
            Type::MACADDR | Type::MACADDR8 => Self::MacAddress,
            Type::POINT => Self::Point,
            Type::BIT | Type::VARBIT => Self::Bits,
            Type::VOID => Self::Void,
            _ => match ty.kind() {
                Kind::Enum(_) => Self::Text,
                Kind::Domain(base) => Self::of(base)?,
                Kind::Array(element) => Self::Array(Box::new(Self::of(element)?)),
                // Types of extensions have no fixed numbers.
                Kind::Simple if ty.name() == "citext" => Self::Text,
                Kind::Simple if ty.name() == "hstore" => Self::Hstore,
                _ => return None,
            },
        })
    }

    /// Whether [`Self::set_money_digits`] must be called before decoding.
    pub fn needs_money_digits(&self) -> bool {
        match self {
            Self::Money { .. } => true,
            Self::Array(element) => element.needs_money_digits(),
            _ => false,
        }
    }

    /// Says how many of an amount's digits are fractions.
    pub fn set_money_digits(&mut self, known: u32) {
        match self {
            Self::Money { digits } => *digits = Some(known),
            Self::Array(element) => element.set_money_digits(known),
            _ => {}
        }
    }

    /// The value that these bytes are; None when they are not of the type.
    pub fn decode(&self, bytes: &[u8]) -> Option<Value> {
        Some(match self {
            Self::Bool => match bytes {
                [0] => Value::Bool(false),
                [1] => Value::Bool(true),
                _ => return None,
            },
            Self::Int2 => Value::Int(i16::from_be_bytes(bytes.try_into().ok()?).into()),
            Self::Int4 => Value::Int(i32::from_be_bytes(bytes.try_into().ok()?).into()),
            Self::Int8 => Value::Int(i64::from_be_bytes(bytes.try_into().ok()?)),
            Self::Oid => Value::Int(u32::from_be_bytes(bytes.try_into().ok()?).into()),
            Self::Float4 => Value::Float(numeric::widen(f32::from_be_bytes(bytes.try_into().ok()?))?),
            Self::Float8 => Value::Float(f64::from_be_bytes(bytes.try_into().ok()?)),
            Self::Numeric => Value::Decimal(decimal(Cursor(bytes))?),
            Self::Money { digits } => Value::Decimal(money(i64::from_be_bytes(bytes.try_into().ok()?), (*digits)?)),
            Self::Text => Value::Text(std::str::from_utf8(bytes).ok()?.to_owned()),
            Self::Char => Value::Text(internal_char(bytes)?),
            Self::Uuid => Value::Text(Uuid::from_slice(bytes).ok()?.to_string()),
            Self::Json => Value::Json(serde_json::from_slice(bytes).ok()?),
            Self::Jsonb => Value::Json(serde_json::from_slice(bytes.strip_prefix(&[1])?).ok()?),
            Self::Bytea => Value::Bytes(bytes.to_vec()),
            Self::Timestamp => Value::Text(timestamp(i64::from_be_bytes(bytes.try_into().ok()?), "")?),
            Self::TimestampTz => Value::Text(timestamp(i64::from_be_bytes(bytes.try_into().ok()?), "Z")?),
            Self::Date => Value::Text(date(i32::from_be_bytes(bytes.try_into().ok()?))?),
            Self::Time => Value::Text(time(i64::from_be_bytes(bytes.try_into().ok()?))),
            Self::TimeTz => Value::Text(zoned_time(Cursor(bytes))?),
            Self::Interval => Value::Text(interval(Cursor(bytes))?),
            Self::Network { cidr } => Value::Text(network(bytes, *cidr)?),
            Self::MacAddress => Value::Text(mac_address(bytes)),
            Self::Point => Value::Text(point(Cursor(bytes))?),
            Self::Bits => Value::Text(bits(Cursor(bytes))?),
            Self::Hstore => Value::Json(hstore(Cursor(bytes))?),
            Self::Array(element) => Value::Json(array(Cursor(bytes), element)?),
            Self::Void => Value::Null,
        })
    }
}

/// A column's bytes as they came.
pub(super) struct Raw<'a>(pub Option<&'a [u8]>);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Self(Some(raw)))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Self(None))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// Groups of four decimal digits, of which the first counts 10000 to the power of the weight.
fn decimal(mut cursor: Cursor<'_>) -> Option<String> {
    let (count, weight, sign, scale) = (cursor.u16()?, cursor.i16()?, cursor.u16()?, cursor.u16()?);
    let mut text = match sign {
        0x0000 => String::new(),
        0x4000 => "-".to_owned(),
        0xC000 => return Some("NaN".to_owned()),
        0xD000 => return Some("Infinity".to_owned()),
        0xF000 => return Some("-Infinity".to_owned()),
        _ => return None,
    };
    let groups = (0..count).map(|_| cursor.u16().filter(|group| *group < 10_000)).collect::<Option<Vec<_>>>()?;
    let group = |power: i32| {
        let index = usize::try_from(i32::from(weight) - power).ok();
        index.and_then(|index| groups.get(index)).copied().unwrap_or_default()
    };
    if weight < 0 {
        text.push('0');
    }
    for power in (0..=i32::from(weight)).rev() {
        if power == i32::from(weight) {
            write!(text, "{}", group(power)).ok()?;
        } else {
            write!(text, "{:04}", group(power)).ok()?;
        }
    }
    if scale > 0 {
        let mut fraction = String::new();
        let mut power = -1;
        while fraction.len() < usize::from(scale) {
            write!(fraction, "{:04}", group(power)).ok()?;
            power -= 1;
        }
        fraction.truncate(scale.into());
        text.push('.');
        text.push_str(&fraction);
    }
    cursor.is_at_end().then_some(text)
}

fn money(units: i64, digits: u32) -> String {
    let sign = if units < 0 { "-" } else { "" };
    let whole = 10_u64.pow(digits);
    let (units, width) = (units.unsigned_abs(), digits as usize);
    match digits {
        0 => format!("{sign}{units}"),
        _ => format!("{sign}{}.{:0width$}", units / whole, units % whole),
    }
}

/// As the server prints it: bytes that are no ASCII in octal.
fn internal_char(bytes: &[u8]) -> Option<String> {
    match bytes {
        [0] => Some(String::new()),
        [byte] if byte.is_ascii() => Some(char::from(*byte).to_string()),
        [byte] => Some(format!("\\{byte:03o}")),
        _ => None,
    }
}

/// Family, prefix length, whether it is a cidr, and the address behind its length.
fn network(bytes: &[u8], cidr: bool) -> Option<String> {
    let [_, prefix, _, _, address @ ..] = bytes else { return None };
    let (address, full) = match address.len() {
        4 => (Ipv4Addr::from(<[u8; 4]>::try_from(address).ok()?).to_string(), 32),
        16 => (Ipv6Addr::from(<[u8; 16]>::try_from(address).ok()?).to_string(), 128),
        _ => return None,
    };
    Some(if cidr || *prefix != full { format!("{address}/{prefix}") } else { address })
}

fn mac_address(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
}

fn point(mut cursor: Cursor<'_>) -> Option<String> {
    let (x, y) = (cursor.f64()?, cursor.f64()?);
    cursor.is_at_end().then(|| format!("({x},{y})"))
}

fn bits(mut cursor: Cursor<'_>) -> Option<String> {
    let length = usize::try_from(cursor.i32()?).ok()?;
    let all: String = cursor.0.iter().map(|byte| format!("{byte:08b}")).collect();
    all.get(..length).map(ToOwned::to_owned)
}

fn hstore(mut cursor: Cursor<'_>) -> Option<Json> {
    let mut map = serde_json::Map::new();
    for _ in 0..cursor.i32()? {
        let key = std::str::from_utf8(cursor.counted()??).ok()?.to_owned();
        let value = match cursor.counted()? {
            None => Json::Null,
            Some(value) => Json::String(std::str::from_utf8(value).ok()?.to_owned()),
        };
        map.insert(key, value);
    }
    cursor.is_at_end().then_some(Json::Object(map))
}

/// Dimensions first, then the elements in row-major order.
fn array(mut cursor: Cursor<'_>, element: &Decoder) -> Option<Json> {
    let (dimensions, _has_nulls, _element_type) = (cursor.i32()?, cursor.i32()?, cursor.i32()?);
    let mut lengths = Vec::new();
    for _ in 0..dimensions {
        lengths.push(usize::try_from(cursor.i32()?).ok()?);
        let _lower_bound = cursor.i32()?;
    }
    if lengths.is_empty() || lengths.contains(&0) {
        return Some(Json::Array(Vec::new()));
    }
    let array = nested(&mut cursor, &lengths, element)?;
    cursor.is_at_end().then_some(array)
}

fn nested(cursor: &mut Cursor<'_>, lengths: &[usize], element: &Decoder) -> Option<Json> {
    let Some((length, inner)) = lengths.split_first() else {
        return Some(match cursor.counted()? {
            None => Json::Null,
            Some(bytes) => element.decode(bytes)?.to_json(),
        });
    };
    (0..*length).map(|_| nested(cursor, inner, element)).collect::<Option<Vec<_>>>().map(Json::Array)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn amounts_have_their_currency_s_digits() {
        assert_eq!([money(-1205, 2), money(7, 0), money(-5, 2)], ["-12.05", "7", "-0.05"]);
    }

    proptest! {
        #[test]
        fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            for ty in [
                Type::NUMERIC, Type::TIMESTAMPTZ, Type::DATE, Type::TIMETZ, Type::INTERVAL, Type::INET, Type::POINT,
                Type::VARBIT, Type::TEXT_ARRAY, Type::JSONB, Type::CHAR, Type::TIME,
            ] {
                if let Some(decoder) = Decoder::of(&ty) {
                    let _ = decoder.decode(&bytes);
                }
            }
        }
    }
}
