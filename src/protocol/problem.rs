//! Why a request has no positive answer, as RFC 9457 `application/problem+json`.
//!
//! Invariant: one code has one status and one title; a detail holds no password, no SQL, no row and no host.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde_json::json;

use super::Response;
use crate::action::DenialReason;
use crate::handler::Class;

/// Declares the codes with their statuses and titles in one table.
macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $status:ident, $title:literal;)*) => {
        /// The closed set of reasons; stable, so that callers may act on them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code { $($(#[$doc])* $name,)* }

        impl Code {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The code in answers, logs and metrics.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// The HTTP status.
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status,)* }
            }

            /// The same for every problem of this code.
            pub(super) const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }
        }
    };
}

codes! {
    /// Unknown user or wrong password.
    WrongCredentials = "wrong_credentials", UNAUTHORIZED, "The credentials are wrong";
    /// The password is right, but the user may not log in.
    Denied = "denied", FORBIDDEN, "The user may not log in";
    /// The store has no such user.
    NotFound = "not_found", NOT_FOUND, "There is no such user";
    /// The user exists already.
    UserExists = "user_exists", CONFLICT, "The user exists already";
    /// The store's own rules refuse a value.
    Rejected = "rejected", UNPROCESSABLE_ENTITY, "The user store's rules refuse a value";
    /// The caller sent a value that cannot be right.
    InvalidInput = "invalid_input", BAD_REQUEST, "The request is not valid";
    /// The definition does not declare the action.
    ActionNotDeclared = "action_not_declared", NOT_IMPLEMENTED, "The connector does not declare this action";
    /// The database cannot be reached.
    Unavailable = "unavailable", SERVICE_UNAVAILABLE, "The user store cannot be reached";
    /// The deadline passed.
    Timeout = "timeout", GATEWAY_TIMEOUT, "The user store did not answer in time";
    /// Too much work is waiting.
    Overloaded = "overloaded", SERVICE_UNAVAILABLE, "Too much work is waiting";
    /// Two rows answer for one user.
    AmbiguousUser = "ambiguous_user", INTERNAL_SERVER_ERROR, "More than one user matches";
    /// The stored hash cannot be read.
    UnreadableHash = "unreadable_hash", INTERNAL_SERVER_ERROR, "The stored password hash cannot be read";
    /// The definition does not fit the database.
    Misconfigured = "misconfigured", INTERNAL_SERVER_ERROR, "The connector does not fit its user store";
    /// The change may or may not have been made.
    OutcomeUnknown = "outcome_unknown", SERVICE_UNAVAILABLE, "The change may or may not have been made";
    /// The gateway does not serve this connector.
    UnknownConnector = "unknown_connector", SERVICE_UNAVAILABLE, "The connector is not served";
    /// The audit record that the action needs cannot be kept.
    AuditUnavailable = "audit_unavailable", SERVICE_UNAVAILABLE, "The request cannot be recorded";
    /// A defect of the gateway.
    Internal = "internal", INTERNAL_SERVER_ERROR, "The gateway has a defect";
    /// No valid credentials of a client.
    Unauthorized = "unauthorized", UNAUTHORIZED, "The client is not authenticated";
    /// The client or its address may not ask this.
    Forbidden = "forbidden", FORBIDDEN, "The client may not ask this";
    /// A limit is reached.
    RateLimited = "rate_limited", TOO_MANY_REQUESTS, "Too many requests";
    /// Nothing is served at this path.
    UnknownPath = "unknown_path", NOT_FOUND, "Nothing is served at this path";
    /// The path is served, but not with this method.
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED, "The method is not allowed";
    /// The body did not arrive in time.
    RequestTimeout = "request_timeout", REQUEST_TIMEOUT, "The request did not arrive in time";
    /// The body is larger than the limit.
    TooLarge = "too_large", PAYLOAD_TOO_LARGE, "The request is too large";
    /// The body is not JSON by its header.
    UnsupportedMediaType = "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE, "The media type is not supported";
}

impl Code {
    /// The code of a handler's error.
    pub const fn of(class: &Class) -> Self {
        match class {
            Class::InvalidInput { .. } => Self::InvalidInput,
            Class::ActionNotDeclared => Self::ActionNotDeclared,
            Class::Unavailable => Self::Unavailable,
            Class::Timeout => Self::Timeout,
            Class::Overloaded => Self::Overloaded,
            Class::AmbiguousUser => Self::AmbiguousUser,
            Class::UnreadableHash => Self::UnreadableHash,
            Class::Misconfigured => Self::Misconfigured,
            Class::OutcomeUnknown => Self::OutcomeUnknown,
        }
    }

    /// When trying again may help, in seconds. Not for an unknown outcome: a client that repeats by itself could make
    /// the change twice.
    pub(super) const fn retry_after(self) -> Option<u32> {
        match self {
            Self::Unavailable | Self::Overloaded | Self::AuditUnavailable | Self::RateLimited => Some(1),
            Self::UnknownConnector => Some(5),
            _ => None,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The member in which a refusal has a protocol's own word, as OAuth calls it.
const WORD: &str = "error";

/// One refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    code: Code,
    detail: Option<Cow<'static, str>>,
    /// A further member: the field of the request, or the store's own reason.
    extension: Option<(&'static str, String)>,
    retry_after: Option<u32>,
    allow: Option<&'static str>,
}

impl Problem {
    /// A refusal for this reason.
    pub const fn new(code: Code) -> Self {
        Self { code, detail: None, extension: None, retry_after: code.retry_after(), allow: None }
    }

    /// A value of the request that cannot be right.
    pub fn invalid(field: impl Into<String>, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { extension: Some(("field", field.into())), ..Self::new(Code::InvalidInput).with_detail(detail) }
    }

    /// A request that cannot be right for a reason that its protocol has a word for.
    pub(super) fn worded(word: &str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { extension: Some((WORD, word.to_owned())), ..Self::new(Code::InvalidInput).with_detail(detail) }
    }

    /// A token about a user that is not believed, or whose user is not there any more (RFC 6750, section 3.1).
    pub fn invalid_token() -> Self {
        Self { extension: Some((WORD, "invalid_token".to_owned())), ..Self::new(Code::Unauthorized) }
    }

    /// The protocol's own word for the reason.
    pub(super) fn word(&self) -> Option<&str> {
        self.extension.as_ref().filter(|(name, _)| *name == WORD).map(|(_, word)| word.as_str())
    }

    /// A value that the store's rules refuse, with their own reason.
    pub(super) fn rejected(reason: &str, detail: String) -> Self {
        Self { extension: Some(("reason", reason.to_owned())), ..Self::new(Code::Rejected).with_detail(detail) }
    }

    /// The password is right, but the user may not log in; the kind of reason, where the definition says it.
    pub(super) fn denied(reason: DenialReason, message: String) -> Self {
        let extension = (reason != DenialReason::Other).then(|| ("reason", reason.as_str().to_owned()));
        Self { extension, ..Self::new(Code::Denied).with_detail(message) }
    }

    /// A limit is reached for so many seconds.
    pub fn rate_limited(seconds: u32) -> Self {
        Self { retry_after: Some(seconds), ..Self::new(Code::RateLimited) }
    }

    /// Only these methods are allowed (RFC 9110, section 10.2.1).
    pub fn method_not_allowed(allow: &'static str) -> Self {
        Self { allow: Some(allow), ..Self::new(Code::MethodNotAllowed) }
    }

    /// Says more.
    pub fn with_detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// What was said more.
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// The reason.
    pub const fn code(&self) -> Code {
        self.code
    }

    /// The answer.
    pub fn into_response(self) -> Response {
        let code = self.code;
        let mut body = json!({
            "type": format!("urn:userbridge:problem:{code}"),
            "title": code.title(),
            "status": code.status().as_u16(),
            "code": code.as_str(),
        });
        if let Some(detail) = self.detail {
            body["detail"] = json!(detail);
        }
        if let Some((name, value)) = self.extension {
            body[name] = json!(value);
        }
        let mut response = Response::new(Bytes::from(body.to_string()));
        *response.status_mut() = code.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(methods) = self.allow {
            headers.insert(ALLOW, HeaderValue::from_static(methods));
        }
        if code == Code::Unauthorized {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
