//! Ory Kratos' password migration hook.
//!
//! Invariant: a decision is 200 with `password_match`, or 403; Kratos takes every other status for a broken upstream and
//! tries again. It reads the first KiB of an answer only.
//! <https://www.ory.com/docs/kratos/manage-identities/import-user-accounts-identities>

use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{Method, StatusCode};
use serde::Serialize;
use serde_json::json;

use super::answer::{Login, json};
use super::face::{Face, Sample, Somebody, one_post};
use super::input::Input;
use super::native::require_json;
use super::{Asked, Problem, Protocol, Question, Response};
use crate::action::{Action, Object, Outcome, Request};
use crate::handler;

/// How it is declared. Kratos waits 30 seconds, three times; a person does not.
pub(super) static FACE: Face = Face {
    name: "kratos",
    hook: "Ory Kratos password migration hook",
    actions: &[Action::Login],
    time: Duration::from_secs(5),
    credentials: AUTHORIZATION,
    options: &[],
    guide: GUIDE,
    sample: Some(sample),
    open: |_| Ok(Box::new(Kratos)),
};

const GUIDE: &str = "\
In Kratos' configuration:
  selfservice:
    methods:
      password:
        config:
          migrate_hook:
            enabled: true
            config:
              url: {url}
              auth: { type: api_key, config: { name: Authorization, value: \"Bearer {key}\", in: header } }

Then import each user (`userbridge export --for kratos` writes them) with an empty password and
  \"credentials\": { \"password\": { \"config\": { \"hashed_password\": \"\", \"use_password_migration_hook\": true } } }
";

fn sample(somebody: &Somebody<'_>) -> Sample {
    Sample::json(&json!({ "identifier": somebody.identifier, "password": somebody.password.expose() }))
}

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
    match Login::of(answer) {
        Login::Right { .. } => json(StatusCode::OK, &Verdict { status: "password_match" }),
        Login::No(_) => json(StatusCode::FORBIDDEN, &Verdict { status: "password_mismatch" }),
        Login::Doubt(problem) => problem,
    }
}

#[derive(Serialize)]
struct Verdict {
    status: &'static str,
}
