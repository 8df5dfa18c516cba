//! The token endpoint, and what is published about tokens.
//!
//! Invariant: the wire of RFC 6749, sections 2.3.1, 4.4 and 5. Whatever can be read in two ways is refused: a parameter
//! given twice, two kinds of credentials, a form that is no UTF-8. No answer with a token may be stored.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode};
use hyper::body::Incoming;
use percent_encoding::percent_decode;
use serde_json::{Value as Json, json};

use super::metrics::{Limit, Metrics};
use super::record::Record;
use super::{Settings, body};
use crate::access::Access;
use crate::access::token::{Assertion, Authority, Credentials, GrantError, GrantErrorKind, GrantRequest};
use crate::protocol::{Code, Problem, Response};
use crate::secret::Secret;

/// What stands at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Page {
    /// Tokens.
    Token,
    /// Our public keys.
    Keys,
    /// Where tokens are to be had.
    Metadata,
}

impl Page {
    /// The page of a path, when we issue tokens at all.
    pub(super) fn at(access: &Access, path: &str) -> Option<Self> {
        let authority = access.authenticator().authority()?;
        match path {
            "/oauth/token" => Some(Self::Token),
            "/.well-known/jwks.json" => Some(Self::Keys),
            _ => {
                // RFC 8414, section 3.1: the issuer's own path comes after the well-known one.
                let rest = path.strip_prefix("/.well-known/oauth-authorization-server")?;
                (rest.is_empty() || authority.issuer().ends_with(rest) && rest.starts_with('/'))
                    .then_some(Self::Metadata)
            }
        }
    }
}

/// Answers a request from an address that may ask.
pub(super) async fn answer(
    page: Page,
    access: &Access,
    settings: &Settings,
    metrics: &Metrics,
    head: &Parts,
    body: Incoming,
    mut record: Record,
) -> Response {
    let result = match (page, access.authenticator().authority()) {
        (Page::Token, Some(authority)) => {
            let asking = Asking { access, authority, settings, metrics };
            asking.answer(head, body, &mut record).await
        }
        (Page::Keys, Some(authority)) => document(head, authority.jwks(), &mut record),
        (Page::Metadata, Some(authority)) => document(head, authority.metadata(), &mut record),
        (_, None) => Err(Problem::new(Code::UnknownPath).into()),
    };
    match result {
        Ok(response) => response,
        Err(refused) => refused.into_response(metrics, &mut record),
    }
}

/// A public document; HEAD gets its length too.
fn document(head: &Parts, text: &str, record: &mut Record) -> Result<Response, Refused> {
    if !matches!(head.method, Method::GET | Method::HEAD) {
        return Err(Problem::method_not_allowed("GET, HEAD").into());
    }
    let mut response = Response::new(Bytes::copy_from_slice(text.as_bytes()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    // Short: a new key signs soon after it is published.
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=30"));
    record.conclude("published", StatusCode::OK);
    Ok(response)
}

/// Everything that answering a request for a token needs.
struct Asking<'a> {
    access: &'a Access,
    authority: &'a Authority,
    settings: &'a Settings,
    metrics: &'a Metrics,
}

/// Bytes of a form: an assertion and a few names.
const MAX_FORM: usize = 16 * 1024;

impl Asking<'_> {
    async fn answer(&self, head: &Parts, body: Incoming, record: &mut Record) -> Result<Response, Refused> {
        if head.method != Method::POST {
            return Err(Problem::method_not_allowed("POST").into());
        }
        // Only what fails counts against the address, as for every other request.
        let attempt = match self.access.address_limiter() {
            None => None,
            Some(limiter) => {
                let decision = limiter.reserve_address(record.address, record.started);
                self.metrics.limited(Limit::Address, decision.is_ok());
                Some(decision.map_err(|limited| Problem::rate_limited(limited.retry_after))?)
            }
        };
        let basic = head.headers.contains_key(AUTHORIZATION);
        if !is_form(head) {
            return Err(Refused::request("expected the media type application/x-www-form-urlencoded", basic));
        }
        let bytes = body::read(body, self.settings.max_body.min(MAX_FORM), self.settings.body_timeout).await?;
        let request = request(head, &bytes).map_err(|description| Refused::request(description, basic))?;
        let granted = self.authority.grant(self.access.authenticator(), request, record.address);
        // Who proved itself has not failed, whatever it is told.
        let proved = granted.as_ref().map_or_else(|error| error.client.is_some(), |_| true);
        if let Some(attempt) = attempt.filter(|_| proved) {
            attempt.give_back();
        }
        let granted = granted.map_err(|error| self.refused(error, basic, record))?;
        record.client = Some(granted.client);
        record.conclude("token", StatusCode::OK);
        let body = json!({
            "access_token": granted.token,
            "token_type": "Bearer",
            "expires_in": granted.expires_in,
            "scope": granted.scope,
        });
        Ok(private(StatusCode::OK, &body))
    }

    fn refused(&self, error: GrantError, basic: bool, record: &mut Record) -> Refused {
        let GrantError { kind, reason, client } = error;
        if client.is_some() {
            self.metrics.limited(Limit::Client, !matches!(kind, GrantErrorKind::RateLimited(_)));
        }
        record.client = client;
        record.reason = Some(reason.clone());
        Refused::Grant { kind, description: reason, basic }
    }
}

/// Why there is no token.
enum Refused {
    /// In the words of RFC 6749, section 5.2.
    Grant { kind: GrantErrorKind, description: String, basic: bool },
    /// What is not about the grant.
    Problem(Box<Problem>),
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self::Problem(Box::new(problem))
    }
}

impl Refused {
    fn request(description: &str, basic: bool) -> Self {
        Self::Grant { kind: GrantErrorKind::InvalidRequest, description: description.to_owned(), basic }
    }

    fn into_response(self, metrics: &Metrics, record: &mut Record) -> Response {
        let (kind, description, basic) = match self {
            Self::Problem(problem) => {
                record.refuse(metrics, problem.code());
                return problem.into_response();
            }
            Self::Grant { kind, description, basic } => (kind, description, basic),
        };
        let (error, status, code) = match kind {
            GrantErrorKind::InvalidRequest => ("invalid_request", StatusCode::BAD_REQUEST, Code::InvalidInput),
            GrantErrorKind::InvalidClient => ("invalid_client", StatusCode::UNAUTHORIZED, Code::Unauthorized),
            GrantErrorKind::UnauthorizedClient => ("unauthorized_client", StatusCode::BAD_REQUEST, Code::Forbidden),
            GrantErrorKind::UnsupportedGrantType => {
                ("unsupported_grant_type", StatusCode::BAD_REQUEST, Code::InvalidInput)
            }
            GrantErrorKind::InvalidScope => ("invalid_scope", StatusCode::BAD_REQUEST, Code::Forbidden),
            GrantErrorKind::InvalidTarget => ("invalid_target", StatusCode::BAD_REQUEST, Code::InvalidInput),
            GrantErrorKind::RateLimited(_) => {
                ("temporarily_unavailable", StatusCode::TOO_MANY_REQUESTS, Code::RateLimited)
            }
            GrantErrorKind::Internal => ("server_error", StatusCode::INTERNAL_SERVER_ERROR, Code::Internal),
        };
        metrics.refused(code);
        record.conclude(error, status);
        // A client that is not known is told no more than that.
        let description = match kind {
            GrantErrorKind::InvalidClient => "the client is not authenticated",
            _ => &description,
        };
        let mut response = private(status, &json!({ "error": error, "error_description": description }));
        if kind == GrantErrorKind::InvalidClient && basic {
            let challenge = HeaderValue::from_static("Basic realm=\"userbridge\", charset=\"UTF-8\"");
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        if let GrantErrorKind::RateLimited(limited) = kind {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(limited.retry_after));
        }
        response
    }
}

/// An answer that nobody may keep.
fn private(status: StatusCode, body: &Json) -> Response {
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

fn is_form(head: &Parts) -> bool {
    let value = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// Reads the whole request.
fn request(head: &Parts, bytes: &[u8]) -> Result<GrantRequest, &'static str> {
    let mut form = form(bytes)?;
    let mut take = |name: &str| {
        let at = form.iter().position(|(other, _)| other == name)?;
        Some(form.swap_remove(at).1)
    };
    let (id, secret) = (take("client_id"), take("client_secret"));
    let (kind, assertion) = (take("client_assertion_type"), take("client_assertion"));
    let basic = basic(head)?;
    let credentials = match (basic, secret, assertion) {
        (None, None, None) => None,
        (Some((basic, secret)), None, None) => {
            if id.is_some_and(|id| id != basic) {
                return Err("`client_id` is not that of the Authorization header");
            }
            Some(Credentials::Secret { id: basic, secret: Secret::new(secret) })
        }
        (None, Some(secret), None) => {
            let id = id.ok_or("`client_id` is missing beside `client_secret`")?;
            Some(Credentials::Secret { id, secret: Secret::new(secret) })
        }
        (None, None, Some(text)) => match kind.as_deref() {
            Some("urn:ietf:params:oauth:client-assertion-type:jwt-bearer") => {
                Some(Credentials::Assertion(Assertion { id, text }))
            }
            _ => return Err("`client_assertion_type` is not `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`"),
        },
        // RFC 6749, section 2.3: one method for each request.
        _ => return Err("more than one kind of client credentials"),
    };
    Ok(GrantRequest { grant_type: take("grant_type"), scope: take("scope"), resource: take("resource"), credentials })
}

/// The id and the secret of the scheme `Basic`, each of which is form-encoded (RFC 6749, section 2.3.1).
fn basic(head: &Parts) -> Result<Option<(String, String)>, &'static str> {
    use base64ct::{Base64, Encoding};
    const WRONG: &str = "the Authorization header is not `Basic` with an id and a secret";
    let mut values = head.headers.get_all(AUTHORIZATION).into_iter();
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

/// Parameters are compared one by one, so their number is bounded.
const MAX_PARAMETERS: usize = 64;

/// The parameters of a form, each name once; those without a value count as left out (RFC 6749, section 3.2).
fn form(bytes: &[u8]) -> Result<Vec<(String, String)>, &'static str> {
    let mut parameters: Vec<(String, String)> = Vec::new();
    for pair in bytes.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
        let equals = pair.iter().position(|byte| *byte == b'=');
        let (name, value) = equals.map_or((pair, &[][..]), |at| (&pair[..at], &pair[at + 1..]));
        let wrong = "the form has an encoding that is not valid";
        let (name, value) = (decoded(name).ok_or(wrong)?, decoded(value).ok_or(wrong)?);
        if parameters.iter().any(|(other, _)| *other == name) {
            return Err("a parameter is given twice");
        }
        if parameters.len() == MAX_PARAMETERS {
            return Err("too many parameters");
        }
        parameters.push((name, value));
    }
    parameters.retain(|(_, value)| !value.is_empty());
    Ok(parameters)
}

/// Undoes form encoding; None when an escape is not valid, or what comes out is no UTF-8.
fn decoded(text: &[u8]) -> Option<String> {
    let escapes = text.iter().enumerate().filter(|(_, byte)| **byte == b'%');
    for (at, _) in escapes {
        let hex = text.get(at + 1..at + 3)?;
        if !hex.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
    }
    let spaced: Vec<u8> = text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    percent_decode(&spaced).decode_utf8().ok().map(Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_has_one_reading() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(form(b"a=1&b=x+y%2B%C3%A4&c=&d"), Ok(vec![pair("a", "1"), pair("b", "x y+ä")]));
        assert_eq!(form(b""), Ok(vec![]));
        assert_eq!(form(b"a=b=c"), Ok(vec![pair("a", "b=c")]));
        for bad in ["a=1&a=1", "a=1&%61=2", "a=&a=1", "a=%", "a=%4", "a=%zz", "a=%ff"] {
            assert!(form(bad.as_bytes()).is_err(), "{bad}");
        }
        let many = (0..=MAX_PARAMETERS).map(|number| format!("p{number}=1")).collect::<Vec<_>>().join("&");
        assert_eq!(form(many.as_bytes()), Err("too many parameters"));
    }

    fn read(headers: &[(&str, &str)], body: &str) -> Result<String, &'static str> {
        let mut builder = http::Request::post("/oauth/token");
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        let (head, ()) = builder.body(()).unwrap().into_parts();
        Ok(match request(&head, body.as_bytes())?.credentials {
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
