//! Ory Kratos' password migration hook.
//!
//! Invariant: a decision is 200 with `password_match`, or 403; Kratos takes every other status for a broken upstream and
//! tries again. It reads the first KiB of an answer only.
//! <https://www.ory.com/docs/kratos/manage-identities/import-user-accounts-identities>

use std::time::Duration;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{Method, StatusCode};

use super::face::{Face, one_post};
use super::input::Input;
use super::native::{failed, ok, require_json};
use super::{Asked, Problem, Protocol, Question, Response};
use crate::action::{Action, DenialReason, Object, Outcome, Request};
use crate::handler;

/// How it is declared. Kratos waits 30 seconds, three times; a person does not.
pub(super) static FACE: Face = Face {
    name: "kratos",
    hook: "Ory Kratos password migration hook",
    time: Duration::from_secs(5),
    credentials: AUTHORIZATION,
    options: &[],
    open: |_| Ok(Box::new(Kratos)),
};

#[derive(Debug)]
struct Kratos;

impl Protocol for Kratos {
    fn name(&self) -> &'static str {
        FACE.name
    }

    fn route(&self, method: &Method, tail: &str) -> Result<Action, Problem> {
        one_post(method, tail)
    }

    /// Further members are what the user's own Jsonnet adds.
    fn decode(&self, question: &Question<'_>) -> Result<Asked, Problem> {
        require_json(question.headers)?;
        let mut body = Input::parse(question.body)?;
        let (identifier, password) = (body.text("identifier")?, body.password()?);
        Ok(Asked::new(Request::Login { identifier, password, context: Object::new() }, encode))
    }
}

fn encode(answer: Result<Outcome, handler::Error>) -> Response {
    let matches = match answer {
        Ok(Outcome::Authenticated(_)) => true,
        Ok(Outcome::Denied(denial)) => denial.reason == DenialReason::PasswordChangeRequired,
        Ok(_) => false,
        Err(error) => return failed(error.class).into_response(),
    };
    if matches {
        return ok(Bytes::from_static(br#"{"status":"password_match"}"#));
    }
    let mut response = ok(Bytes::from_static(br#"{"status":"password_mismatch"}"#));
    *response.status_mut() = StatusCode::FORBIDDEN;
    response
}
