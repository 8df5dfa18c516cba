//! Azure AD B2C's seamless migration: a REST technical profile of our own policy (`examples/b2c`).
//!
//! Invariant: 200 with the policy's two claims is "yes"; 409 with a message for the user is every "no", the same for an
//! unknown user and a wrong password.
//! <https://learn.microsoft.com/azure/active-directory-b2c/restful-technical-profile>

use std::time::Duration;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{Method, StatusCode};
use serde_json::json;

use super::answer::{self, Login};
use super::face::{Face, Sample, Somebody, one_post};
use super::input::Input;
use super::native::{ok, require_json};
use super::{Asked, Problem, Protocol, Question, Response};
use crate::action::{Action, Object, Outcome, Request};
use crate::handler;

/// How it is declared.
pub(super) static FACE: Face = Face {
    name: "b2c",
    hook: "Azure AD B2C REST technical profile",
    actions: &[Action::Login],
    time: Duration::from_millis(2500),
    credentials: AUTHORIZATION,
    options: &[],
    guide: GUIDE,
    sample: Some(sample),
    open: |_| Ok(Box::new(B2c)),
};

const GUIDE: &str = "\
Upload the policy of examples/b2c; in its technical profile stand:
  ServiceUrl          {url}
  AuthenticationType  Basic, with the policy keys B2C_1A_UserbridgeUser ({client}) and B2C_1A_UserbridgeKey ({key})

Accounts are created beforehand with the attribute `extension_requiresMigration`.
";

fn sample(somebody: &Somebody<'_>) -> Sample {
    Sample::json(&json!({ "email": somebody.identifier, "password": somebody.password.expose() }))
}

#[derive(Debug)]
struct B2c;

impl Protocol for B2c {
    fn name(&self) -> &'static str {
        FACE.name
    }

    fn route(&self, method: &Method, tail: &str) -> Result<Action, Problem> {
        one_post(method, tail)
    }

    fn decode(&self, question: &Question<'_>) -> Result<Asked, Problem> {
        require_json(question.headers)?;
        let mut body = Input::parse(question.body)?;
        let (_, identifier) = body.one_of(["email", "signInName"])?;
        let request = Request::Login { identifier, password: body.password()?, context: Object::new() };
        Ok(Asked::new(request, encode))
    }
}

fn encode(answer: Result<Outcome, handler::Error>) -> Response {
    match Login::of(answer) {
        // The account there gets the password that was typed; the policy's own rules on passwords decide.
        Login::Right { .. } => ok(Bytes::from_static(br#"{"tokenSuccess":true,"migrationRequired":false}"#)),
        Login::No(Some(denial)) => conflict(&denial.message),
        Login::No(None) => conflict("The name or the password is wrong"),
        Login::Doubt(problem) => problem,
    }
}

fn conflict(message: &str) -> Response {
    let body = json!({ "version": "1.0.0", "status": 409, "userMessage": message });
    answer::json(StatusCode::CONFLICT, &body)
}
