//! Logto's action after a first factor, whose events a small fixed script forwards (`examples/logto`).
//!
//! Invariant: the gateway reads the whole event and answers with the whole result, of exactly the members that Logto
//! takes; the script decides nothing.
//! <https://docs.logto.io/developers/actions/post-first-factor-verification>

use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{Method, StatusCode};
use serde_json::{Map, Value as Json, json};

use super::answer::{self, Login, empty};
use super::face::{Face, Sample, Somebody, one_post};
use super::input::Input;
use super::native::require_json;
use super::{Asked, Problem, Protocol, Question, Response};
use crate::action::{Action, Object, Outcome, Profile, Request};
use crate::handler;

/// How it is declared. Logto's own patience is not documented.
pub(super) static FACE: Face = Face {
    name: "logto",
    hook: "Logto post-first-factor action",
    actions: &[Action::Login],
    time: Duration::from_millis(2500),
    credentials: AUTHORIZATION,
    options: &[],
    guide: GUIDE,
    sample: Some(sample),
    open: |_| Ok(Box::new(Logto)),
};

const GUIDE: &str = "\
Install the script of examples/logto (its README has the one call), with these environment variables of the action:
  USERBRIDGE_URL  {url}
  USERBRIDGE_KEY  {key}
";

fn sample(somebody: &Somebody<'_>) -> Sample {
    let kind = if somebody.identifier.contains('@') { "email" } else { "username" };
    Sample::json(&json!({
        "key": "inlineHook.postFirstFactorVerification",
        "interactionEvent": "SignIn",
        "verificationType": "Password",
        "identifier": { "type": kind, "value": somebody.identifier },
        "user": null,
        "password": somebody.password.expose(),
    }))
}

#[derive(Debug)]
struct Logto;

impl Protocol for Logto {
    fn name(&self) -> &'static str {
        FACE.name
    }

    fn route(&self, method: &Method, tail: &str) -> Result<Action, Problem> {
        one_post(method, tail)
    }

    fn decode(&self, question: &Question<'_>) -> Result<Asked, Problem> {
        require_json(question.headers)?;
        let mut event = Input::parse_deep(question.body)?;
        let mut typed = event.inner("identifier")?;
        let (kind, identifier) = (typed.text("type")?, typed.text("value")?);
        let Some(kind) = Typed::named(&kind) else {
            return Err(Problem::invalid("type", "expected `username`, `email` or `phone`"));
        };
        let password = event.password()?;
        let known = event.has("user");
        let name = identifier.clone();
        let request = Request::Login { identifier, password, context: Object::new() };
        Ok(Asked::new(request, move |answer| encode(kind, &name, known, answer)))
    }
}

/// What the user typed, and the member of the result that must say it again.
#[derive(Clone, Copy)]
enum Typed {
    Username,
    Email,
    Phone,
}

impl Typed {
    fn named(name: &str) -> Option<Self> {
        match name {
            "username" => Some(Self::Username),
            "email" => Some(Self::Email),
            "phone" => Some(Self::Phone),
            _ => None,
        }
    }

    const fn member(self) -> &'static str {
        match self {
            Self::Username => "username",
            Self::Email => "primaryEmail",
            Self::Phone => "primaryPhone",
        }
    }
}

fn encode(kind: Typed, typed: &str, known: bool, answer: Result<Outcome, handler::Error>) -> Response {
    match Login::of(answer) {
        // Logto has no word for a password that is out of date; its own rules on passwords decide.
        Login::Right { profile, .. } => {
            let action = if known { "updateUser" } else { "createUser" };
            let user = user(&profile, kind, typed);
            answer::json(StatusCode::OK, &json!({ "action": action, "passwordVerified": true, "user": user }))
        }
        Login::No(_) => empty(StatusCode::UNAUTHORIZED),
        Login::Doubt(problem) => problem,
    }
}

/// The members that Logto takes; it refuses any other.
fn user(profile: &Profile, kind: Typed, typed: &str) -> Map<String, Json> {
    let mut user = Map::new();
    for (member, name) in [
        ("username", "username"),
        ("primaryEmail", "email"),
        ("primaryPhone", "phone_number"),
        ("name", "name"),
        ("avatar", "picture"),
    ] {
        if let Some(text) = profile.text(name) {
            user.insert(member.to_owned(), json!(text));
        }
    }
    user.insert(kind.member().to_owned(), json!(typed));
    let own = [("givenName", "given_name"), ("familyName", "family_name"), ("nickname", "nickname")];
    let own = own.into_iter().filter_map(|(member, name)| Some((member.to_owned(), json!(profile.text(name)?))));
    let own: Map<String, Json> = own.collect();
    if !own.is_empty() {
        user.insert("profile".to_owned(), Json::Object(own));
    }
    let metadata = profile.members().get("user_metadata").and_then(Json::as_object).cloned();
    let mut data = metadata.unwrap_or_default();
    data.insert("user_id".to_owned(), json!(profile.user_id()));
    user.insert("customData".to_owned(), Json::Object(data));
    user
}
