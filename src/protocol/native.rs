//! Userbridge's own protocol: `POST /v1/connectors/{connector}/{action}` with a JSON object.
//!
//! Invariant: a member that is not understood is refused, never ignored, save in `create`, whose further members are
//! the definition's own fields.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method};
use serde::{Serialize, Serializer};

use super::input::Input;
use super::{Asked, Code, Problem, Protocol, Question, Response};
use crate::action::{Action, Lookup, NewUser, Outcome, Page, Profile, Request};
use crate::handler::{self, Class};

/// The native protocol.
#[derive(Debug)]
pub struct Native;

impl Protocol for Native {
    fn name(&self) -> &'static str {
        "v1"
    }

    fn route(&self, method: &Method, tail: &str) -> Result<Action, Problem> {
        let action = tail.parse().map_err(|()| {
            Problem::new(Code::UnknownPath).with_detail("expected `/v1/connectors/{connector}/{action}`")
        })?;
        match *method {
            Method::POST => Ok(action),
            _ => Err(Problem::method_not_allowed("POST")),
        }
    }

    fn decode(&self, question: &Question<'_>) -> Result<Asked, Problem> {
        require_json(question.headers)?;
        Ok(Asked::new(Self::request(question.action, question.body)?, Self::response))
    }
}

impl Native {
    /// The request in a JSON body.
    ///
    /// # Errors
    /// The body is not what the action wants.
    pub fn request(action: Action, body: &[u8]) -> Result<Request, Problem> {
        request(action, Input::parse(body)?)
    }

    /// The answer to a request.
    pub fn response(answer: Result<Outcome, handler::Error>) -> Response {
        match answer {
            Ok(outcome) => answered(outcome),
            Err(error) => failed(error.class).into_response(),
        }
    }
}

/// A body must say that it is JSON.
pub(super) fn require_json(headers: &HeaderMap) -> Result<(), Problem> {
    if is_json(headers) {
        return Ok(());
    }
    let detail = "expected the header `content-type: application/json`";
    Err(Problem::new(Code::UnsupportedMediaType).with_detail(detail))
}

/// `application/json`, with no other charset than UTF-8 (RFC 8259, section 8.1).
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return false };
    let Ok(value) = value.to_str() else { return false };
    let (media_type, parameters) = value.split_once(';').unwrap_or((value, ""));
    let utf8 = |parameter: &str| match parameter.trim().split_once('=') {
        Some((name, value)) => {
            !name.eq_ignore_ascii_case("charset") || value.trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        None => parameter.trim().is_empty(),
    };
    media_type.trim().eq_ignore_ascii_case("application/json") && parameters.split(';').all(utf8)
}

fn request(action: Action, mut input: Input<'_>) -> Result<Request, Problem> {
    match action {
        Action::Login => {
            input.only(&["identifier", "password", "context"])?;
            let (identifier, password) = (input.text("identifier")?, input.password()?);
            Ok(Request::Login { identifier, password, context: input.object("context")? })
        }
        Action::GetUser => {
            input.only(&["identifier", "user_id", "context"])?;
            let (by_identifier, text) = input.one_of(["identifier", "user_id"])?;
            let by = if by_identifier { Lookup::Identifier(text) } else { Lookup::UserId(text) };
            Ok(Request::GetUser { by, context: input.object("context")? })
        }
        Action::Create => new_user(input).map(Request::Create),
        Action::Verify => {
            input.only(&["email"])?;
            Ok(Request::Verify { email: input.text("email")? })
        }
        Action::ChangePassword => {
            input.only(&["identifier", "email", "password"])?;
            let (_, identifier) = input.one_of(["identifier", "email"])?;
            Ok(Request::ChangePassword { identifier, password: input.password()? })
        }
        Action::ChangeEmail => {
            input.only(&["email", "new_email", "verified"])?;
            let (email, new_email) = (input.text("email")?, input.text("new_email")?);
            Ok(Request::ChangeEmail { email, new_email, verified: input.optional_bool("verified")? })
        }
        Action::ChangeUsername => {
            input.only(&["username", "new_username"])?;
            Ok(Request::ChangeUsername { username: input.text("username")?, new_username: input.text("new_username")? })
        }
        Action::ChangePhoneNumber => {
            input.only(&["phone_number", "new_phone_number", "verified"])?;
            let (phone_number, new_phone_number) = (input.text("phone_number")?, input.text("new_phone_number")?);
            let verified = input.optional_bool("verified")?;
            Ok(Request::ChangePhoneNumber { phone_number, new_phone_number, verified })
        }
        Action::Delete => {
            input.only(&["user_id"])?;
            Ok(Request::Delete { user_id: input.text("user_id")? })
        }
        Action::ListUsers => {
            input.only(&["after", "limit"])?;
            let limit = input.optional_number("limit", 1..=Page::MAX)?.unwrap_or(Page::DEFAULT);
            Ok(Request::ListUsers { after: input.optional_text("after")?, limit })
        }
    }
}

fn new_user(mut input: Input<'_>) -> Result<Box<NewUser>, Problem> {
    Ok(Box::new(NewUser {
        email: input.optional_text("email")?,
        username: input.optional_text("username")?,
        phone_number: input.optional_text("phone_number")?,
        password: input.optional_password()?,
        user_metadata: input.object("user_metadata")?,
        app_metadata: input.object("app_metadata")?,
        fields: input.rest(),
    }))
}

fn answered(outcome: Outcome) -> Response {
    match outcome {
        Outcome::Authenticated(profile) | Outcome::Found(profile) | Outcome::Created(Some(profile)) => user(&profile),
        Outcome::Created(None) => ok(Bytes::from_static(br#"{"created":true}"#)),
        Outcome::Changed => ok(Bytes::from_static(br#"{"changed":true}"#)),
        Outcome::Unchanged => ok(Bytes::from_static(br#"{"changed":false}"#)),
        // The refusal's kind ends here: unknown user and wrong password are the same bytes.
        Outcome::WrongCredentials(_) => Problem::new(Code::WrongCredentials).into_response(),
        Outcome::Denied(denial) => Problem::denied(denial.reason, denial.message).into_response(),
        Outcome::NotFound => Problem::new(Code::NotFound).into_response(),
        Outcome::UserExists => Problem::new(Code::UserExists).into_response(),
        Outcome::Listed(page) => users(&page),
        Outcome::Rejected(rejection) => Problem::rejected(rejection.code, rejection.message).into_response(),
    }
}

/// The message of a handler's error is for the log; only its class is told.
pub(super) fn failed(class: Class) -> Problem {
    match class {
        Class::InvalidInput { field, message } => Problem::invalid(field, message),
        other => Problem::new(Code::of(&other)),
    }
}

/// `{"user": {…}}`, written straight into the body.
fn user(profile: &Profile) -> Response {
    let mut body = Vec::with_capacity(512);
    body.extend_from_slice(br#"{"user":"#);
    let written = profile.members().serialize(&mut serde_json::Serializer::new(&mut body));
    body.push(b'}');
    complete(written, body)
}

/// `{"users": […], "next": …}`.
fn users(page: &Page) -> Response {
    let mut body = Vec::with_capacity(512 * (page.users.len() + 1));
    body.extend_from_slice(br#"{"users":"#);
    let mut serializer = serde_json::Serializer::new(&mut body);
    let mut written = serializer.collect_seq(page.users.iter().map(Profile::members));
    body.extend_from_slice(br#","next":"#);
    written = written.and_then(|()| page.next.serialize(&mut serde_json::Serializer::new(&mut body)));
    body.push(b'}');
    complete(written, body)
}

fn complete(written: serde_json::Result<()>, body: Vec<u8>) -> Response {
    match written {
        Ok(()) => ok(Bytes::from(body)),
        Err(_) => Problem::new(Code::Internal).into_response(),
    }
}

/// 200 with this JSON.
pub(super) fn ok(body: Bytes) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
