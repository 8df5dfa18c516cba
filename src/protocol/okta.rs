//! Okta's password import inline hook, `com.okta.user.credential.password.import`.
//!
//! Invariant: a decision is 200 with `VERIFIED` or `UNVERIFIED`, whoever is unknown included; whatever is no decision is
//! an error status, for Okta repeats a call after 5xx and gives up after 4xx.
//! <https://developer.okta.com/docs/guides/password-import-inline-hook/>

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http::header::AUTHORIZATION;

use super::face::{Face, from_address, one_post};
use super::input::Input;
use super::native::{failed, ok, require_json};
use super::{Asked, Problem, Protocol, Question, Response};
use crate::action::{Action, DenialReason, Outcome, Request};
use crate::handler;

/// How it is declared. Okta waits three seconds.
pub(super) static FACE: Face = Face {
    name: "okta",
    hook: "Okta password import inline hook",
    time: Duration::from_millis(2500),
    credentials: AUTHORIZATION,
    options: &[],
    open: |_| Ok(Box::new(Okta)),
};

#[derive(Debug)]
struct Okta;

impl Protocol for Okta {
    fn name(&self) -> &'static str {
        FACE.name
    }

    fn route(&self, method: &Method, tail: &str) -> Result<Action, Problem> {
        one_post(method, tail)
    }

    fn decode(&self, question: &Question<'_>) -> Result<Asked, Problem> {
        require_json(question.headers)?;
        let mut event = Input::parse_deep(question.body)?;
        let kind = event.text("eventType")?;
        if kind != EVENT {
            return Err(Problem::invalid("eventType", format!("expected `{EVENT}`")));
        }
        let mut data = event.inner("data")?;
        let mut context = data.inner("context")?;
        let mut credential = context.inner("credential")?;
        let (identifier, password) = (credential.text("username")?, credential.password()?);
        let address = context.inner("request").ok().and_then(|mut request| request.optional_text("ipAddress").ok()?);
        Ok(Asked::new(Request::Login { identifier, password, context: from_address(address) }, encode))
    }
}

const EVENT: &str = "com.okta.user.credential.password.import";

fn encode(answer: Result<Outcome, handler::Error>) -> Response {
    let verified = match answer {
        Ok(Outcome::Authenticated(_)) => true,
        // Okta has no word for it: the password is right, and the user changes it there.
        Ok(Outcome::Denied(denial)) => denial.reason == DenialReason::PasswordChangeRequired,
        Ok(_) => false,
        Err(error) => return failed(error.class).into_response(),
    };
    ok(Bytes::from_static(match verified {
        true => br#"{"commands":[{"type":"com.okta.action.update","value":{"credential":"VERIFIED"}}]}"#,
        false => br#"{"commands":[{"type":"com.okta.action.update","value":{"credential":"UNVERIFIED"}}]}"#,
    }))
}
