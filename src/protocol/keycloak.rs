//! Keycloak's user migration plugin (daniel-frak/keycloak-user-migration, and Phase Two's fork of it).
//!
//! Invariant: an answer has no member that the plugin does not know: it takes a user with one for a user who is not
//! there. Everything but 200 is "no" to it.
//! <https://github.com/daniel-frak/keycloak-user-migration>

use std::borrow::Cow;
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{Method, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::Serialize;
use serde_json::{Map, Value as Json, json};

use super::answer::{Login, empty, json};
use super::face::{Choice, Face, Kind, Options, Sample, Somebody, Wrong};
use super::input::{Input, checked};
use super::native::{failed, require_json};
use super::{Asked, Code, Problem, Protocol, Question, Response};
use crate::action::{Action, Lookup, Object, Outcome, Profile, Request};
use crate::handler;

/// How it is declared. The plugin waits for ever; a person does not.
pub(super) static FACE: Face = Face {
    name: "keycloak",
    hook: "Keycloak user migration plugin (REST)",
    actions: &[Action::Login, Action::GetUser],
    time: Duration::from_secs(5),
    credentials: AUTHORIZATION,
    options: &[Choice {
        name: "omit",
        kind: Kind::List,
        required: false,
        about: "members that the plugin is too old for, as in `[id, totps, requiredActions]`",
    }],
    guide: GUIDE,
    sample: Some(sample),
    open,
};

/// What an answer may hold beside the name, the address and whether they are in order.
const OPTIONAL: [&str; 6] = ["id", "attributes", "roles", "groups", "requiredActions", "totps"];

fn open(options: &Options) -> Result<Box<dyn Protocol>, Wrong> {
    let omitted = options.list("omit");
    if let Some(stranger) = omitted.iter().find(|name| !OPTIONAL.contains(&name.as_str())) {
        let message = format!("`{stranger}` cannot be omitted; expected some of `{}`", OPTIONAL.join("`, `"));
        return Err(Wrong { option: "omit", message });
    }
    let omit = OPTIONAL.into_iter().filter(|name| omitted.iter().any(|omitted| omitted == name)).collect();
    Ok(Box::new(Keycloak { omit }))
}

const GUIDE: &str = "\
Put the JAR of keycloak-user-migration into Keycloak's `providers/`, then User federation > Add > User migration using a
REST client:
  Rest client URI (required)         {url}
  Rest client Bearer token auth      enabled
  Rest client Bearer token           {key}

Users come over one by one when they first log in. Older versions of the plugin take a user with members that they do not
know for nobody: then declare `options: { omit: [totps, requiredActions] }`.
";

/// What Java's `URLEncoder` encodes, but for the space, of which it makes a plus.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'.').remove(b'-').remove(b'*').remove(b'_');

fn sample(somebody: &Somebody<'_>) -> Sample {
    let user = utf8_percent_encode(somebody.identifier, ENCODED);
    let body = json!({ "password": somebody.password.expose() });
    Sample { tail: format!("/{user}"), ..Sample::json(&body) }
}

#[derive(Debug)]
struct Keycloak {
    omit: Vec<&'static str>,
}

impl Protocol for Keycloak {
    fn name(&self) -> &'static str {
        FACE.name
    }

    fn route(&self, method: &Method, tail: &str) -> Result<Action, Problem> {
        if tail.is_empty() || tail.contains('/') {
            return Err(Problem::new(Code::UnknownPath).with_detail("expected `/keycloak/{connector}/{user}`"));
        }
        match *method {
            Method::GET => Ok(Action::GetUser),
            Method::POST => Ok(Action::Login),
            _ => Err(Problem::method_not_allowed("GET, POST")),
        }
    }

    fn decode(&self, question: &Question<'_>) -> Result<Asked, Problem> {
        let identifier = checked("user", user(question.tail)?)?;
        if question.action == Action::GetUser {
            let omit = self.omit.clone();
            let by = Lookup::Identifier(identifier);
            let request = Request::GetUser { by, context: Object::new() };
            return Ok(Asked::new(request, move |answer| found(&omit, answer)));
        }
        require_json(question.headers)?;
        let mut body = Input::parse(question.body)?;
        body.only(&["password"])?;
        let request = Request::Login { identifier, password: body.password()?, context: Object::new() };
        Ok(Asked::new(request, verified))
    }
}

/// The user in the path, as Java's `URLEncoder` writes it: a plus is a space.
fn user(segment: &str) -> Result<String, Problem> {
    let spaced = segment.replace('+', " ");
    let decoded: Result<Cow<'_, str>, _> = percent_decode_str(&spaced).decode_utf8();
    decoded.map(Cow::into_owned).map_err(|_| Problem::invalid("user", "the user in the path is not UTF-8"))
}

fn verified(answer: Result<Outcome, handler::Error>) -> Response {
    match Login::of(answer) {
        Login::Right { .. } => empty(StatusCode::OK),
        Login::No(_) => empty(StatusCode::UNAUTHORIZED),
        Login::Doubt(problem) => problem,
    }
}

fn found(omit: &[&str], answer: Result<Outcome, handler::Error>) -> Response {
    match answer {
        Ok(Outcome::Found(profile)) => json(StatusCode::OK, &User::of(&profile, omit)),
        Ok(_) => empty(StatusCode::NOT_FOUND),
        Err(error) => failed(error.class).into_response(),
    }
}

/// A user as the plugin reads it; `enabled` and `emailVerified` are false for it when they are missing.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct User<'p> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'p str>,
    /// In lower case, as Keycloak keeps names: another spelling is another user to it.
    username: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'p str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_name: Option<&'p str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_name: Option<&'p str>,
    enabled: bool,
    email_verified: bool,
    #[serde(skip_serializing_if = "Map::is_empty")]
    attributes: Map<String, Json>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    roles: Vec<&'p str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    groups: Vec<&'p str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    required_actions: Vec<&'p str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    totps: Vec<Totp<'p>>,
}

impl<'p> User<'p> {
    fn of(profile: &'p Profile, omit: &[&str]) -> Self {
        let with = |name: &str| !omit.contains(&name);
        let texts = |name: &str, member: &str| if with(name) { profile.texts(member) } else { Vec::new() };
        let username = profile.text("username").or_else(|| profile.text("email")).unwrap_or(profile.user_id());
        Self {
            id: with("id").then(|| profile.user_id()),
            username: username.to_lowercase(),
            email: profile.text("email"),
            first_name: profile.text("given_name"),
            last_name: profile.text("family_name"),
            enabled: profile.flag("enabled").unwrap_or(true) && !profile.flag("blocked").unwrap_or(false),
            email_verified: profile.flag("email_verified").unwrap_or(false),
            attributes: if with("attributes") { attributes(profile) } else { Map::new() },
            roles: texts("roles", "roles"),
            groups: texts("groups", "groups"),
            required_actions: texts("requiredActions", "required_actions"),
            totps: if with("totps") { totps(profile) } else { Vec::new() },
        }
    }
}

/// What has no member of its own: the profile's other texts, and the user's own metadata. `app_metadata` is the operator's
/// and stays here, save for roles, groups and required actions.
fn attributes(profile: &Profile) -> Map<String, Json> {
    let own = ["phone_number", "name", "nickname", "picture"];
    let members = own.into_iter().filter_map(|name| Some((name, profile.members().get(name)?)));
    let metadata = profile.members().get("user_metadata").and_then(Json::as_object);
    let metadata = metadata.into_iter().flatten().map(|(name, value)| (name.as_str(), value));
    let list = |(name, value): (&str, &Json)| {
        let texts: Vec<Json> = match value {
            Json::Array(list) => list.iter().filter_map(text).collect(),
            one => text(one).into_iter().collect(),
        };
        (!texts.is_empty()).then(|| (name.to_owned(), Json::Array(texts)))
    };
    members.chain(metadata).filter_map(list).collect()
}

/// A value as the text that an attribute holds; objects have none.
fn text(value: &Json) -> Option<Json> {
    match value {
        Json::String(text) => Some(Json::String(text.clone())),
        Json::Bool(_) | Json::Number(_) => Some(Json::String(value.to_string())),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

/// A second factor that the user keeps.
#[derive(Serialize)]
struct Totp<'p> {
    name: &'static str,
    secret: &'p str,
    digits: u8,
    period: u8,
    algorithm: &'static str,
    encoding: &'static str,
}

fn totps(profile: &Profile) -> Vec<Totp<'_>> {
    let factors = profile.members().get("mfa_factors").and_then(Json::as_array);
    let secrets = factors.into_iter().flatten().filter_map(|factor| factor.get("totp")?.get("secret")?.as_str());
    let totp = |secret| Totp {
        name: "authenticator",
        secret,
        digits: 6,
        period: 30,
        algorithm: "HmacSHA1",
        encoding: "BASE32",
    };
    secrets.map(totp).collect()
}
