//! How a client of OAuth proves itself (RFC 6749, section 2.3; RFC 7523).
//!
//! Invariant: in one way for each request. Two kinds of credentials refuse it, also when both are right.

use base64ct::{Base64, Encoding};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use zeroize::Zeroizing;

use crate::access::token::{Assertion, Credentials};
use crate::protocol::{Parameters, decoded};
use crate::secret::Secret;

/// What the client shows, in the header or among the parameters; None when it shows nothing.
pub(in crate::server) fn credentials(
    headers: &HeaderMap,
    parameters: &Parameters,
) -> Result<Option<Credentials>, &'static str> {
    let id = parameters.get("client_id");
    let (secret, assertion) = (parameters.get("client_secret"), parameters.get("client_assertion"));
    match (basic(headers)?, secret, assertion) {
        (None, None, None) => Ok(None),
        (Some((basic, secret)), None, None) => {
            if id.is_some_and(|id| id != *basic) {
                return Err("`client_id` is not that of the Authorization header");
            }
            Ok(Some(Credentials::Secret { id: basic.to_string(), secret: Secret::new(secret.as_bytes()) }))
        }
        (None, Some(secret), None) => {
            let id = id.ok_or("`client_id` is missing beside `client_secret`")?.to_owned();
            Ok(Some(Credentials::Secret { id, secret: Secret::new(secret) }))
        }
        (None, None, Some(text)) => match parameters.get("client_assertion_type") {
            Some("urn:ietf:params:oauth:client-assertion-type:jwt-bearer") => {
                let (id, text) = (id.map(str::to_owned), text.to_owned());
                Ok(Some(Credentials::Assertion(Assertion { id, text })))
            }
            _ => Err("`client_assertion_type` is not `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`"),
        },
        // RFC 6749, section 2.3: one method for each request.
        _ => Err("more than one kind of client credentials"),
    }
}

/// An id and a secret.
type Pair = (Zeroizing<String>, Zeroizing<String>);

/// The id and the secret of the scheme `Basic`, each of which is form-encoded (RFC 6749, section 2.3.1).
fn basic(headers: &HeaderMap) -> Result<Option<Pair>, &'static str> {
    const WRONG: &str = "the Authorization header is not `Basic` with an id and a secret";
    let mut values = headers.get_all(AUTHORIZATION).into_iter();
    let Some(value) = values.next() else { return Ok(None) };
    let (scheme, encoded) = value.to_str().ok().and_then(|value| value.split_once(' ')).ok_or(WRONG)?;
    if values.next().is_some() || !scheme.eq_ignore_ascii_case("basic") {
        return Err(WRONG);
    }
    let plain = Base64::decode_vec(encoded.trim_matches(' ')).map_err(|_| WRONG)?;
    let plain = Secret::new(plain);
    let colon = plain.expose().iter().position(|byte| *byte == b':').ok_or(WRONG)?;
    let (id, secret) = plain.expose().split_at(colon);
    Ok(Some((decoded(id).ok_or(WRONG)?, decoded(&secret[1..]).ok_or(WRONG)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(headers: &[(&str, &str)], body: &str) -> Result<String, &'static str> {
        let mut builder = http::Request::post("/oauth/token");
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        let (head, ()) = builder.body(()).unwrap().into_parts();
        Ok(match credentials(&head.headers, &Parameters::form(body.as_bytes())?)? {
            None => "none".to_owned(),
            Some(Credentials::Secret { id, secret }) => {
                format!("{id} {}", String::from_utf8_lossy(secret.expose()))
            }
            Some(Credentials::Assertion(assertion)) => format!("{:?} {}", assertion.id, assertion.text),
        })
    }

    #[test]
    fn a_client_proves_itself_in_one_way() {
        // "a%2Bb:x%20y" and "id:" and "id"
        let (encoded, empty, half) = ("Basic YSUyQmI6eCUyMHk=", "basic aWQ6", "Basic aWQ=");
        let jwt = "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";
        let cases = [
            (vec![], "grant_type=client_credentials", Ok("none".to_owned())),
            (vec![("authorization", encoded)], "", Ok("a+b x y".to_owned())),
            (vec![("authorization", encoded)], "client_id=a%2Bb", Ok("a+b x y".to_owned())),
            (vec![("authorization", encoded)], "client_id=other", Err("`client_id` is not that")),
            (vec![("authorization", empty)], "", Ok("id ".to_owned())),
            (vec![("authorization", half)], "", Err("the Authorization header")),
            (vec![("authorization", "Bearer x")], "", Err("the Authorization header")),
            (vec![("authorization", encoded), ("authorization", encoded)], "", Err("the Authorization header")),
            (vec![("authorization", encoded)], "client_secret=x", Err("more than one kind")),
            (vec![], "client_id=a&client_secret=x%20y", Ok("a x y".to_owned())),
            (vec![], "client_secret=x", Err("`client_id` is missing")),
            (vec![], "client_id=a&client_assertion=x.y.z", Err("`client_assertion_type` is not")),
            (vec![], &format!("{jwt}&client_assertion=x.y.z"), Ok("None x.y.z".to_owned())),
            (vec![], &format!("{jwt}&client_assertion=x&client_secret=y&client_id=a"), Err("more than one kind")),
        ];
        for (headers, body, expected) in cases {
            match (read(&headers, body), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{headers:?} {body}"),
                (Err(found), Err(expected)) => assert!(found.starts_with(expected), "{found}"),
                (found, _) => panic!("{headers:?} {body}: {found:?}"),
            }
        }
    }
}
