//! The token endpoint, and what is published about tokens.
//!
//! Invariant: the wire of RFC 6749, sections 2.3.1, 4.4 and 5. Whatever can be read in two ways is refused: a parameter
//! given twice, two kinds of credentials, a form that is no UTF-8. No answer with a token may be stored.

mod credentials;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode};
use hyper::body::Incoming;
use serde_json::{Value as Json, json};

pub(super) use self::credentials::credentials;
use super::metrics::{Limit, Metrics};
use super::record::Record;
use super::{Settings, body};
use crate::access::Access;
use crate::access::token::{Algorithm, Authority, GrantError, GrantErrorKind, GrantRequest};
use crate::protocol::{Code, Faces, Parameters, Problem, Response, is_form, oauth2_metadata};

/// What stands at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Page {
    /// Tokens.
    Token,
    /// Our public keys.
    Keys,
    /// Where tokens are to be had.
    Metadata,
    /// Where a face's tokens are to be had.
    FaceMetadata(String),
}

impl Page {
    /// The page of a path, when we issue tokens at all.
    pub(super) fn at(access: &Access, faces: &ArcSwap<Faces>, path: &str) -> Option<Self> {
        let authority = access.authenticator().authority()?;
        match path {
            "/oauth/token" => Some(Self::Token),
            "/.well-known/jwks.json" => Some(Self::Keys),
            _ if !path.contains("/.well-known/") => None,
            _ => {
                // RFC 8414, section 3.1: the issuer's own path comes after the well-known one.
                let rest = path.strip_prefix("/.well-known/oauth-authorization-server");
                let is_own =
                    |rest: &str| rest.is_empty() || authority.issuer().ends_with(rest) && rest.starts_with('/');
                if rest.is_some_and(is_own) {
                    return Some(Self::Metadata);
                }
                let algorithms = [&Algorithm::ALL.map(Algorithm::as_str)[..], &Algorithm::OWN.map(Algorithm::as_str)];
                let document = oauth2_metadata(&faces.load(), path, authority.issuer(), algorithms)?;
                Some(Self::FaceMetadata(document.to_string()))
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
        (Page::FaceMetadata(text), Some(_)) => document(head, &text, &mut record),
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

/// Bytes of a request for a token: an assertion and a few names.
pub(super) const MAX_FORM: usize = 16 * 1024;

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
        if !is_form(&head.headers) {
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
                record.refuse(metrics, problem.code(), problem.code().status());
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

/// Reads the whole request.
fn request(head: &Parts, bytes: &[u8]) -> Result<GrantRequest, &'static str> {
    let parameters = Parameters::form(bytes)?;
    let credentials = credentials(&head.headers, &parameters)?;
    let text = |name: &str| parameters.get(name).map(str::to_owned);
    Ok(GrantRequest { grant_type: text("grant_type"), scope: text("scope"), resource: text("resource"), credentials })
}
