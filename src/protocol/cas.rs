//! Apereo CAS' REST authentication.
//!
//! Invariant: `Authorization` holds the end user's own name and password, so the caller proves itself in another header
//! or by a certificate. CAS gives several statuses a meaning about the user; what is not about the user has none of them.
//! <https://apereo.github.io/cas/development/authentication/Rest-Authentication.html>

use std::time::Duration;

use base64ct::{Base64, Encoding};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, Method, StatusCode};
use serde_json::{Map, Value as Json, json};
use zeroize::Zeroizing;

use super::answer::{self, Login, empty};
use super::entry::Entry;
use super::face::{Face, Sample, Somebody, one_post};
use super::input::checked;
use super::{Asked, Problem, Protocol, Question, Response};
use crate::action::{Action, DenialReason, Object, Outcome, Profile, Request};
use crate::handler;
use crate::secret::Password;

/// How it is declared.
pub(super) static FACE: Face = Face {
    name: "cas",
    hook: "Apereo CAS REST authentication",
    actions: &[Action::Login],
    time: Duration::from_millis(2500),
    credentials: HeaderName::from_static("x-userbridge-key"),
    options: &[],
    guide: GUIDE,
    sample: Some(sample),
    open: |_| Ok(Box::new(Cas)),
};

const GUIDE: &str = "\
In CAS' properties, with the module cas-server-support-rest-authentication:
  cas.authn.rest[0].uri={url}
  cas.authn.rest[0].headers.x-userbridge-key={key}

CAS sends the end user's name and password as `Authorization: Basic`. Where its version cannot send a header of its own,
let it prove itself by a certificate (`certificates:` of the client).
";

fn sample(somebody: &Somebody<'_>) -> Sample {
    let pair = Zeroizing::new(format!("{}:{}", somebody.identifier, somebody.password.expose()));
    let basic = format!("Basic {}", Base64::encode_string(pair.as_bytes()));
    let headers = vec![(AUTHORIZATION, basic)];
    Sample { method: Method::POST, tail: String::new(), headers, body: Zeroizing::default(), proved: false }
}

#[derive(Debug)]
struct Cas;

impl Protocol for Cas {
    fn name(&self) -> &'static str {
        FACE.name
    }

    fn route(&self, method: &Method, tail: &str) -> Result<Action, Problem> {
        one_post(method, tail)
    }

    fn decode(&self, question: &Question<'_>) -> Result<Asked, Problem> {
        let (identifier, password) = end_user(question.headers)?;
        Ok(Asked::new(Request::Login { identifier, password, context: Object::new() }, encode))
    }

    fn refuse(&self, problem: Problem, _: Entry) -> Response {
        let told_of_users = [
            StatusCode::FORBIDDEN,
            StatusCode::NOT_FOUND,
            StatusCode::PRECONDITION_FAILED,
            StatusCode::LOCKED,
            StatusCode::PRECONDITION_REQUIRED,
        ];
        let mut response = problem.into_response();
        if told_of_users.contains(&response.status()) {
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        }
        response
    }
}

/// The name and the password of HTTP Basic (RFC 7617), in UTF-8.
fn end_user(headers: &HeaderMap) -> Result<(String, Password), Problem> {
    let malformed = || {
        let detail = "expected one header `authorization: Basic …` with the user's name and password";
        Problem::invalid("authorization", detail)
    };
    let mut values = headers.get_all(AUTHORIZATION).into_iter();
    let (Some(value), None) = (values.next(), values.next()) else { return Err(malformed()) };
    let (scheme, pair) = value.to_str().ok().and_then(|value| value.split_once(' ')).ok_or_else(malformed)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(malformed());
    }
    let mut decoded = Zeroizing::new(vec![0; pair.len()]);
    let bytes = Base64::decode(pair.trim_matches(' '), &mut decoded).map_err(|_| malformed())?;
    let text = std::str::from_utf8(bytes).map_err(|_| malformed())?;
    let (name, password) = text.split_once(':').ok_or_else(malformed)?;
    Ok((checked("user", name.to_owned())?, Password::new(password)))
}

fn encode(answer: Result<Outcome, handler::Error>) -> Response {
    let denial = match Login::of(answer) {
        Login::Right { outdated: true, .. } => return empty(StatusCode::PRECONDITION_REQUIRED),
        Login::Right { profile, .. } => return principal(&profile),
        Login::No(denial) => denial,
        Login::Doubt(problem) => return problem,
    };
    empty(match denial.map(|denial| denial.reason) {
        Some(DenialReason::Disabled) => StatusCode::FORBIDDEN,
        Some(DenialReason::Locked) => StatusCode::LOCKED,
        Some(DenialReason::Expired) => StatusCode::PRECONDITION_FAILED,
        Some(DenialReason::PasswordChangeRequired) => StatusCode::PRECONDITION_REQUIRED,
        // Not 404: whoever is unknown is not told apart from a wrong password.
        Some(DenialReason::Unverified | DenialReason::Other) | None => StatusCode::UNAUTHORIZED,
    })
}

/// The principal as CAS' mapper writes it, with the Java types that it asks for.
fn principal(profile: &Profile) -> Response {
    let mut attributes = Map::new();
    attributes.insert("@class".to_owned(), json!("java.util.LinkedHashMap"));
    for (name, value) in profile.members() {
        let values: Vec<&Json> = match value {
            Json::Array(list) => list.iter().filter(|value| is_plain(value)).collect(),
            one if is_plain(one) => vec![one],
            _ => continue,
        };
        attributes.insert(name.clone(), json!(["java.util.ArrayList", values]));
    }
    let roles = profile.texts("roles");
    if !roles.is_empty() {
        attributes.insert("roles".to_owned(), json!(["java.util.ArrayList", roles]));
    }
    let id = profile.text("username").or_else(|| profile.text("email")).unwrap_or(profile.user_id());
    let class = "org.apereo.cas.authentication.principal.SimplePrincipal";
    answer::json(StatusCode::OK, &json!({ "@class": class, "id": id, "attributes": attributes }))
}

/// What has a Java type without being told: no objects and no null.
fn is_plain(value: &Json) -> bool {
    matches!(value, Json::String(_) | Json::Bool(_) | Json::Number(_))
}
