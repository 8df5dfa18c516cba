//! Okta's password import inline hook, `com.okta.user.credential.password.import`.
//!
//! Invariant: a decision is 200 with `VERIFIED` or `UNVERIFIED`, whoever is unknown included; whatever is no decision is
//! an error status, for Okta repeats a call after 5xx and gives up after 4xx.
//! <https://developer.okta.com/docs/guides/password-import-inline-hook/>

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http::header::AUTHORIZATION;
use serde_json::json;

use super::answer::Login;
use super::face::{Face, Sample, Somebody, from_address, one_post};
use super::input::Input;
use super::native::{ok, require_json};
use super::{Asked, Problem, Protocol, Question, Response};
use crate::action::{Action, Outcome, Request};
use crate::handler;

/// How it is declared. Okta waits three seconds.
pub(super) static FACE: Face = Face {
    name: "okta",
    hook: "Okta password import inline hook",
    actions: &[Action::Login],
    time: Duration::from_millis(2500),
    credentials: AUTHORIZATION,
    options: &[],
    guide: GUIDE,
    sample: Some(sample),
    open: |_| Ok(Box::new(Okta)),
};

const GUIDE: &str = "\
Security > ... > Workflow > Inline Hooks > Add Inline Hook > Password Import
  URL                   {url}
  Authentication field  authorization
  Authentication secret Bearer {key}

Then, for each user that is created beforehand (`userbridge export --for okta` writes them):
  POST /api/v1/users?activate=true
  { \"profile\": { \"login\": \"…\", \"email\": \"…\" }, \"credentials\": { \"password\": { \"hook\": { \"type\": \"default\" } } } }

Okta calls once for each user, at the first login, and waits three seconds.
";

fn sample(somebody: &Somebody<'_>) -> Sample {
    Sample::json(&json!({
        "eventId": "userbridge-probe",
        "eventTime": "2026-01-01T00:00:00.000Z",
        "eventType": EVENT,
        "eventTypeVersion": "1.0",
        "contentType": "application/json",
        "cloudEventVersion": "0.1",
        "source": "https://example.okta.com/api/v1/inlineHooks/probe",
        "data": {
            "context": {
                "request": { "id": "probe", "method": "POST", "url": { "value": "/idp/idx/challenge/answer" } },
                "credential": { "username": somebody.identifier, "password": somebody.password.expose() },
            },
            "action": { "credential": "UNVERIFIED" },
        },
    }))
}

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
    let verified = match Login::of(answer) {
        // Okta has no word for a password that is out of date; the user changes it there.
        Login::Right { .. } => true,
        Login::No(_) => false,
        Login::Doubt(problem) => return problem,
    };
    ok(Bytes::from_static(match verified {
        true => br#"{"commands":[{"type":"com.okta.action.update","value":{"credential":"VERIFIED"}}]}"#,
        false => br#"{"commands":[{"type":"com.okta.action.update","value":{"credential":"UNVERIFIED"}}]}"#,
    }))
}
