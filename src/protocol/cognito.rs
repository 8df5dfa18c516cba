//! Amazon Cognito's user migration trigger, whose events a small fixed Lambda forwards (`examples/cognito`).
//!
//! Invariant: the answer is the event's `response`: attributes that are texts, never `sub`, and only those that the pool
//! is said to have. Whatever is not 200 makes the Lambda throw.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-migrate-user.html>

use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{Method, StatusCode};
use serde_json::{Map, Value as Json, json};

use super::answer::{self, Login, empty};
use super::face::{Choice, Face, Kind, Options, Sample, Somebody, Wrong, one_post};
use super::input::Input;
use super::native::{failed, require_json};
use super::{Asked, Problem, Protocol, Question, Response};
use crate::action::{Action, Lookup, Object, Outcome, Profile, Request};
use crate::handler;

/// How it is declared. Cognito gives the Lambda five seconds, its start included.
pub(super) static FACE: Face = Face {
    name: "cognito",
    hook: "Amazon Cognito migrate-user trigger",
    actions: &[Action::Login, Action::GetUser],
    time: Duration::from_millis(2500),
    credentials: AUTHORIZATION,
    options: &[Choice {
        name: "attributes",
        kind: Kind::List,
        required: false,
        about: "the pool's attributes that are filled, as in `[email, email_verified, \"custom:plan\"]`",
    }],
    guide: GUIDE,
    sample: Some(sample),
    open,
};

/// What every pool has and we can know.
const USUAL: [&str; 9] = [
    "email",
    "email_verified",
    "phone_number",
    "phone_number_verified",
    "name",
    "given_name",
    "family_name",
    "nickname",
    "picture",
];

fn open(options: &Options) -> Result<Box<dyn Protocol>, Wrong> {
    let declared = options.list("attributes");
    if declared.iter().any(|name| name == "sub") {
        let message =
            "`sub` is Cognito's own and cannot be given; use a `custom:` attribute for the id here".to_owned();
        return Err(Wrong { option: "attributes", message });
    }
    let attributes = match declared {
        [] => USUAL.map(str::to_owned).to_vec(),
        declared => declared.to_vec(),
    };
    Ok(Box::new(Cognito { attributes }))
}

const GUIDE: &str = "\
Create the Lambda of examples/cognito with this environment, and make it the pool's trigger \"Migrate user\":
  USERBRIDGE_URL  {url}
  USERBRIDGE_KEY  {key}

The app client needs the flow USER_PASSWORD_AUTH (or ADMIN_USER_PASSWORD_AUTH): with SRP nobody sees a password. Every
attribute that is declared (`options: { attributes: […] }`) must exist in the pool and be writable by the app client.
";

fn sample(somebody: &Somebody<'_>) -> Sample {
    Sample::json(&json!({
        "version": "1",
        "triggerSource": "UserMigration_Authentication",
        "region": "us-east-1",
        "userPoolId": "us-east-1_probe",
        "userName": somebody.identifier,
        "callerContext": { "awsSdkVersion": "userbridge", "clientId": "probe" },
        "request": { "password": somebody.password.expose(), "validationData": null, "clientMetadata": null },
        "response": { "userAttributes": null, "finalUserStatus": null, "messageAction": null },
    }))
}

#[derive(Debug)]
struct Cognito {
    attributes: Vec<String>,
}

impl Protocol for Cognito {
    fn name(&self) -> &'static str {
        FACE.name
    }

    fn route(&self, method: &Method, tail: &str) -> Result<Action, Problem> {
        one_post(method, tail)
    }

    fn decode(&self, question: &Question<'_>) -> Result<Asked, Problem> {
        require_json(question.headers)?;
        let mut event = Input::parse_deep(question.body)?;
        let (trigger, identifier) = (event.text("triggerSource")?, event.text("userName")?);
        let attributes = self.attributes.clone();
        match trigger.as_str() {
            "UserMigration_Authentication" => {
                let password = event.inner("request")?.password()?;
                let request = Request::Login { identifier, password, context: Object::new() };
                Ok(Asked::new(request, move |answer| authenticated(&attributes, answer)))
            }
            "UserMigration_ForgotPassword" => {
                let request = Request::GetUser { by: Lookup::Identifier(identifier), context: Object::new() };
                Ok(Asked::new(request, move |answer| found(&attributes, answer)))
            }
            _ => {
                let detail = "expected `UserMigration_Authentication` or `UserMigration_ForgotPassword`";
                Err(Problem::invalid("triggerSource", detail))
            }
        }
    }
}

fn authenticated(attributes: &[String], answer: Result<Outcome, handler::Error>) -> Response {
    match Login::of(answer) {
        Login::Right { profile, outdated: false } => response(attributes, &profile, Some("CONFIRMED")),
        Login::Right { profile, outdated: true } => response(attributes, &profile, Some("RESET_REQUIRED")),
        Login::No(_) => empty(StatusCode::UNAUTHORIZED),
        Login::Doubt(problem) => problem,
    }
}

fn found(attributes: &[String], answer: Result<Outcome, handler::Error>) -> Response {
    match answer {
        Ok(Outcome::Found(profile)) => response(attributes, &profile, None),
        Ok(_) => empty(StatusCode::NOT_FOUND),
        Err(error) => failed(error.class).into_response(),
    }
}

fn response(attributes: &[String], profile: &Profile, status: Option<&str>) -> Response {
    let filled = attributes.iter().filter_map(|name| Some((name.clone(), Json::String(attribute(profile, name)?))));
    let filled: Map<String, Json> = filled.collect();
    // The welcome mail goes by SMS unless said otherwise, and nobody is new here.
    let medium = if filled.contains_key("email") { "EMAIL" } else { "SMS" };
    let mut response = json!({ "userAttributes": filled });
    if let Some(status) = status {
        response["finalUserStatus"] = json!(status);
    }
    response["messageAction"] = json!("SUPPRESS");
    response["desiredDeliveryMediums"] = json!([medium]);
    response["forceAliasCreation"] = json!(false);
    answer::json(StatusCode::OK, &response)
}

/// An attribute as the text that Cognito wants. A `custom:` one is the member of that name, or one of the metadata.
fn attribute(profile: &Profile, name: &str) -> Option<String> {
    let member = match name {
        "phone_number_verified" => "phone_verified",
        other => other.strip_prefix("custom:").unwrap_or(other),
    };
    let members = profile.members();
    let inside = |metadata: &str| members.get(metadata).and_then(|metadata| metadata.get(member));
    match members.get(member).or_else(|| inside("app_metadata")).or_else(|| inside("user_metadata"))? {
        Json::String(text) => Some(text.clone()),
        value @ (Json::Bool(_) | Json::Number(_)) => Some(value.to_string()),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}
