//! The parameters of a request to a token endpoint, as a form or as JSON.
//!
//! Invariant: a request has one reading. A name that stands twice, an escape that is not valid and what is no UTF-8
//! refuse it as a whole. Any value may be a secret: all of them are wiped, and none is printed.

use std::fmt;

use http::HeaderMap;
use http::header::CONTENT_TYPE;
use percent_encoding::percent_decode;
use serde_json::Value as Json;
use zeroize::Zeroizing;

use super::json::{self, Value, shown};
use super::native::is_json;
use super::{Code, Problem};

/// The parameters of a request, each name once; those without a value count as left out (RFC 6749, section 3.2).
pub struct Parameters(Vec<(String, Zeroizing<String>)>);

/// Parameters are compared one by one, so their number is bounded.
const MAX_PARAMETERS: usize = 64;

impl Parameters {
    /// The parameters of a body of either kind.
    ///
    /// # Errors
    /// The body is of neither kind by its header, or not what its header says.
    pub fn read(headers: &HeaderMap, body: &[u8]) -> Result<Self, Problem> {
        let invalid = |detail| Problem::new(Code::InvalidInput).with_detail(detail);
        match (is_form(headers), is_json(headers)) {
            (true, _) => Self::form(body).map_err(invalid),
            (_, true) => Self::json(body),
            _ => {
                let detail = "expected the media type application/x-www-form-urlencoded or application/json";
                Err(Problem::new(Code::UnsupportedMediaType).with_detail(detail))
            }
        }
    }

    /// The parameters of a form.
    ///
    /// # Errors
    /// The form has more than one reading, or none.
    pub fn form(bytes: &[u8]) -> Result<Self, &'static str> {
        let mut parameters: Vec<(String, Zeroizing<String>)> = Vec::new();
        for pair in bytes.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            let equals = pair.iter().position(|byte| *byte == b'=');
            let (name, value) = equals.map_or((pair, &[][..]), |at| (&pair[..at], &pair[at + 1..]));
            let wrong = "the form has an encoding that is not valid";
            let (mut name, value) = (decoded(name).ok_or(wrong)?, decoded(value).ok_or(wrong)?);
            if parameters.iter().any(|(other, _)| *other == *name) {
                return Err("a parameter is given twice");
            }
            if parameters.len() == MAX_PARAMETERS {
                return Err("too many parameters");
            }
            parameters.push((std::mem::take(&mut name), value));
        }
        parameters.retain(|(_, value)| !value.is_empty());
        Ok(Self(parameters))
    }

    /// The parameters of a JSON object, all of which are texts.
    fn json(bytes: &[u8]) -> Result<Self, Problem> {
        let mut parameters = Vec::new();
        for (name, value) in json::members(bytes)? {
            let text = match value {
                Value::Password(password) => Zeroizing::new(password.expose().to_owned()),
                Value::Plain(Json::String(text)) => Zeroizing::new(text),
                Value::Plain(Json::Null) => continue,
                other => {
                    let detail = format!("`{}` is {}; expected a string", shown(&name), other.kind());
                    return Err(Problem::new(Code::InvalidInput).with_detail(detail));
                }
            };
            parameters.push((name.into_owned(), text));
        }
        parameters.retain(|(_, value)| !value.is_empty());
        Ok(Self(parameters))
    }

    /// The value of this parameter, which is never empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Parameters")
    }
}

/// Whether the body is a form by its one header.
pub fn is_form(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return false };
    let essence = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// Undoes form encoding; None when an escape is not valid, or what comes out is no UTF-8.
pub fn decoded(text: &[u8]) -> Option<Zeroizing<String>> {
    let escapes = text.iter().enumerate().filter(|(_, byte)| **byte == b'%');
    for (at, _) in escapes {
        let hex = text.get(at + 1..at + 3)?;
        if !hex.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
    }
    let spaced: Zeroizing<Vec<u8>> =
        Zeroizing::new(text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect());
    let bytes = Zeroizing::new(percent_decode(&spaced).collect::<Vec<u8>>());
    std::str::from_utf8(&bytes).ok().map(|text| Zeroizing::new(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(parameters: &Parameters) -> Vec<(&str, &str)> {
        parameters.0.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    #[test]
    fn a_form_has_one_reading() {
        let form = |text: &str| Parameters::form(text.as_bytes());
        assert_eq!(pairs(&form("a=1&b=x+y%2B%C3%A4&c=&d").unwrap()), [("a", "1"), ("b", "x y+ä")]);
        assert_eq!(pairs(&form("").unwrap()), []);
        assert_eq!(pairs(&form("a=b=c").unwrap()), [("a", "b=c")]);
        for bad in ["a=1&a=1", "a=1&%61=2", "a=&a=1", "a=%", "a=%4", "a=%zz", "a=%ff"] {
            assert!(form(bad).is_err(), "{bad}");
        }
        let many = (0..=MAX_PARAMETERS).map(|number| format!("p{number}=1")).collect::<Vec<_>>().join("&");
        assert_eq!(form(&many).unwrap_err(), "too many parameters");
    }

    #[test]
    fn json_has_one_reading_too() {
        let json = |text: &str| Parameters::json(text.as_bytes());
        assert_eq!(
            pairs(&json(r#"{"a":"1","password":"x y+ä","b":null,"c":""}"#).unwrap()),
            [("a", "1"), ("password", "x y+ä")]
        );
        for bad in [
            "",
            "[]",
            r#"{"a":1}"#,
            r#"{"a":["b"]}"#,
            r#"{"password":7}"#,
            r#"{"a":"1","\u0061":"2"}"#,
            r#"{"a":"1"} x"#,
        ] {
            assert!(json(bad).is_err(), "{bad}");
        }
    }
}
