//! FusionAuth's generic connector.
//!
//! Invariant: 200 with the user is "yes" and 404 is every "no"; a user's id is a UUID and the same at every login.
//! <https://fusionauth.io/docs/lifecycle/migrate-users/connectors/generic-connector>

use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{Method, StatusCode};
use serde::Serialize;
use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

use super::answer::{Login, empty, json};
use super::face::{Choice, Face, Kind, Options, Sample, Somebody, Wrong, from_address, one_post};
use super::input::Input;
use super::native::require_json;
use super::{Asked, Problem, Protocol, Question, Response};
use crate::action::{Action, Outcome, Profile, Request};
use crate::export::stable_id;
use crate::handler;

/// How it is declared. The connector's limits of time are its administrator's; under a second is ideal.
pub(super) static FACE: Face = Face {
    name: "fusionauth",
    hook: "FusionAuth generic connector",
    actions: &[Action::Login],
    time: Duration::from_millis(2500),
    credentials: AUTHORIZATION,
    options: &[
        Choice {
            name: "applications",
            kind: Kind::List,
            required: false,
            about: "ids of the applications that every user is registered for, beside the one that is logged into",
        },
        Choice {
            name: "namespace",
            kind: Kind::Text,
            required: false,
            about: "a UUID that ids which are no UUIDs are derived from (RFC 9562, version 5)",
        },
    ],
    guide: GUIDE,
    sample: Some(sample),
    open,
};

fn open(options: &Options) -> Result<Box<dyn Protocol>, Wrong> {
    let uuid = |option: &'static str, text: &str| {
        Uuid::try_parse(text).map_err(|_| Wrong { option, message: format!("`{text}` is no UUID") })
    };
    let namespace = options.text("namespace").map(|text| uuid("namespace", text)).transpose()?;
    let applications = options.list("applications").iter().map(|text| uuid("applications", text));
    Ok(Box::new(FusionAuth { namespace, applications: applications.collect::<Result<_, _>>()? }))
}

const GUIDE: &str = "\
Settings > Connectors > Add Generic connector
  Authentication URL        {url}
  Connect timeout           1000
  Read timeout              3000
  Authentication username   {client}
  Authentication password   {key}

Then Tenants > your tenant > Connectors > Add policy: this connector, domains `*`, Migrate user: on.
The user is registered for the application that is logged into; list others under `options: { applications: […] }`.
";

fn sample(somebody: &Somebody<'_>) -> Sample {
    Sample::json(&json!({
        "eventInfo": { "deviceName": "userbridge", "deviceType": "SERVER", "userAgent": "userbridge" },
        "loginId": somebody.identifier,
        "loginIdTypes": [],
        "newDevice": false,
        "noJWT": false,
        "password": somebody.password.expose(),
    }))
}

#[derive(Debug)]
struct FusionAuth {
    namespace: Option<Uuid>,
    applications: Vec<Uuid>,
}

impl Protocol for FusionAuth {
    fn name(&self) -> &'static str {
        FACE.name
    }

    fn route(&self, method: &Method, tail: &str) -> Result<Action, Problem> {
        one_post(method, tail)
    }

    fn decode(&self, question: &Question<'_>) -> Result<Asked, Problem> {
        require_json(question.headers)?;
        let mut body = Input::parse_deep(question.body)?;
        let (identifier, password) = (body.text("loginId")?, body.password()?);
        let application = body.optional_text("applicationId")?;
        let application = application.map(|text| Uuid::try_parse(&text)).transpose();
        let application = application.map_err(|_| Problem::invalid("applicationId", "expected a UUID"))?;
        let address = body.inner("eventInfo").ok().and_then(|mut info| info.optional_text("ipAddress").ok()?);
        let mut applications = self.applications.clone();
        applications.extend(application.filter(|application| !self.applications.contains(application)));
        let known = Known { namespace: self.namespace, applications, typed: identifier.clone() };
        let request = Request::Login { identifier, password, context: from_address(address) };
        Ok(Asked::new(request, move |answer| known.encode(answer)))
    }
}

/// What the answer needs of the question and of the settings.
struct Known {
    namespace: Option<Uuid>,
    applications: Vec<Uuid>,
    /// What the user typed: FusionAuth looks for it again in the answer.
    typed: String,
}

impl Known {
    fn encode(&self, answer: Result<Outcome, handler::Error>) -> Response {
        match Login::of(answer) {
            Login::Right { profile, outdated } => {
                json(StatusCode::OK, &Envelope { user: self.user(&profile, outdated) })
            }
            // FusionAuth knows no other "no", and reads no body.
            Login::No(_) => empty(StatusCode::NOT_FOUND),
            Login::Doubt(problem) => problem,
        }
    }

    fn user<'p>(&'p self, profile: &'p Profile, password_change_required: bool) -> User<'p> {
        let verified = profile.flag("email_verified").unwrap_or(false);
        let registration = |application_id: &Uuid| Registration {
            application_id: *application_id,
            roles: profile.texts("roles"),
            verified,
        };
        User {
            // The export's ids are the same: whoever was imported is found again.
            id: stable_id(self.namespace, profile.user_id()),
            email: self.as_typed(profile.text("email")),
            username: self.as_typed(profile.text("username")),
            active: true,
            verified,
            username_status: "ACTIVE",
            first_name: profile.text("given_name"),
            last_name: profile.text("family_name"),
            full_name: profile.text("name"),
            mobile_phone: profile.text("phone_number"),
            image_url: profile.text("picture"),
            birth_date: profile.text("birthdate"),
            timezone: profile.text("zoneinfo"),
            preferred_languages: profile.text("locale").into_iter().collect(),
            password_change_required,
            data: data(profile),
            registrations: self.applications.iter().map(registration).collect(),
        }
    }

    /// The name in the spelling that was typed, when it is the same name.
    fn as_typed<'p>(&'p self, name: Option<&'p str>) -> Option<&'p str> {
        name.map(|name| if name.to_lowercase() == self.typed.to_lowercase() { &self.typed } else { name })
    }
}

/// What FusionAuth keeps for the application: the user's own metadata and the id here.
fn data(profile: &Profile) -> Map<String, Json> {
    let metadata = profile.members().get("user_metadata").and_then(Json::as_object).cloned();
    let mut data = metadata.unwrap_or_default();
    data.insert("user_id".to_owned(), Json::String(profile.user_id().to_owned()));
    data
}

#[derive(Serialize)]
struct Envelope<'p> {
    user: User<'p>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct User<'p> {
    id: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'p str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<&'p str>,
    active: bool,
    verified: bool,
    username_status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_name: Option<&'p str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_name: Option<&'p str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    full_name: Option<&'p str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mobile_phone: Option<&'p str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_url: Option<&'p str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    birth_date: Option<&'p str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timezone: Option<&'p str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    preferred_languages: Vec<&'p str>,
    password_change_required: bool,
    data: Map<String, Json>,
    registrations: Vec<Registration<'p>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Registration<'p> {
    application_id: Uuid,
    roles: Vec<&'p str>,
    verified: bool,
}
