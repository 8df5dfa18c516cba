//! The `upstream:` block as written: another tenant or service that answers for its users over HTTP.
//!
//! Invariant: as of the whole mirror. The keys of every type stand side by side, so that each keeps its place; which of
//! them belong together is checked later.

use std::borrow::Cow;
use std::fmt;

use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::shape::{by_shape, schema_of_shapes};
use super::{RawReference, RawSetting, RawTemplate};
use crate::definition::yaml::At;

/// Another tenant or service that answers for its users over HTTP, in the place of a database.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawUpstream {
    /// What answers: `auth0`, `oauth2` or `http`.
    #[serde(rename = "type")]
    pub kind: At<RawUpstreamType>,
    /// How long the upstream may take for one request, as in `2s`; 2s unless said otherwise.
    pub timeout: Option<At<String>>,
    /// The most connections that the gateway opens: 1 to 1000; 10 unless said otherwise.
    pub max_connections: Option<At<u32>>,
    /// The path of further authorities in PEM whose certificates are believed, from this file's directory.
    pub ca: Option<At<String>>,
    /// Whether the upstream may be on this machine or in a private network; false unless said otherwise.
    pub allow_private: Option<At<bool>>,
    /// Whether plain HTTP may leave this machine, for `oauth2` and `http`; false unless said otherwise.
    pub allow_insecure: Option<At<bool>>,
    /// `auth0`: the tenant's domain, as in `acme.eu.auth0.com`.
    pub domain: Option<At<String>>,
    /// `auth0`: the database connection whose users these are.
    pub connection: Option<At<String>>,
    /// `auth0`: the management API's audience; `https://{domain}/api/v2/` unless said otherwise, which a tenant with a
    /// custom domain must.
    pub audience: Option<At<String>>,
    /// `auth0`, `oauth2`: the gateway's own client id there.
    pub client_id: Option<At<String>>,
    /// `auth0`, `oauth2`: its secret.
    pub client_secret: Option<At<RawReference>>,
    /// `oauth2`: how the client authenticates (RFC 6749, section 2.3.1): `basic` unless said otherwise, or `post`.
    pub client_authentication: Option<At<RawClientAuthentication>>,
    /// `auth0`, `oauth2`: what a login asks for; `openid profile email` unless said otherwise.
    pub scope: Option<At<String>>,
    /// `oauth2`: the token endpoint.
    pub token_url: Option<At<String>>,
    /// `oauth2`: the endpoint that tells who a user is (OpenID Connect Core, section 5.3).
    pub userinfo_url: Option<At<String>>,
    /// `http`: what the addresses of all actions begin with.
    pub base_url: Option<At<String>>,
    /// `http`: headers of every request; secrets come from the environment or from files.
    #[serde(default)]
    pub headers: IndexMap<String, At<RawSetting>>,
    /// `auth0`: the names of the actions, `login` and `get_user` unless said otherwise. `http`: the request of each action.
    pub actions: Option<At<RawUpstreamActions>>,
}

/// What answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RawUpstreamType {
    /// An Auth0 tenant: the password-realm grant and the management API.
    Auth0,
    /// A server with the password grant (RFC 6749, section 4.3) and a userinfo endpoint.
    Oauth2,
    /// A plain web service.
    Http,
}

/// How a client authenticates at a token endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RawClientAuthentication {
    /// With HTTP Basic authentication.
    #[default]
    Basic,
    /// With `client_id` and `client_secret` in the body.
    Post,
}

/// The actions of an upstream: their names, or the request of each.
#[derive(Debug)]
pub enum RawUpstreamActions {
    /// Their names.
    Names(Vec<At<String>>),
    /// The request of each.
    Requests(Box<RawExchanges>),
}

/// The request of each action; an action that is not declared is refused.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawExchanges {
    /// Verifies a password; supplies `identifier`, `password` and `context`.
    pub login: Option<At<RawExchange>>,
    /// Finds a user; supplies `identifier` and `context`.
    pub get_user: Option<At<RawExchange>>,
    /// Adds a user; supplies `email`, `username`, `phone_number`, `password`, `user_metadata`, `app_metadata`.
    pub create: Option<At<RawExchange>>,
    /// Marks an e-mail address as verified; supplies `email`.
    pub verify: Option<At<RawExchange>>,
    /// Sets a password; supplies `identifier` (also as `email`) and `password`.
    pub change_password: Option<At<RawExchange>>,
    /// Sets an e-mail address; supplies `email`, `new_email` and `verified`.
    pub change_email: Option<At<RawExchange>>,
    /// Sets a user name; supplies `username` and `new_username`.
    pub change_username: Option<At<RawExchange>>,
    /// Sets a phone number; supplies `phone_number`, `new_phone_number` and `verified`.
    pub change_phone_number: Option<At<RawExchange>>,
    /// Removes a user; supplies `user_id`, without its prefix.
    pub delete: Option<At<RawExchange>>,
}

/// One request, and what its answers mean.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawExchange {
    /// The method; `GET` for `get_user` and `POST` for the others unless said otherwise.
    pub method: Option<At<RawMethod>>,
    /// The path behind `base_url`; a value such as `{{ user_id }}` becomes a part of one segment.
    pub path: At<String>,
    /// The parameters of the query; one whose value is absent from the request is left out.
    #[serde(default)]
    pub query: IndexMap<String, At<String>>,
    /// The body.
    pub body: Option<RawBody>,
    /// What each status means: `authenticated`, `wrong_credentials`, `denied`, `found`, `not_found`, `created`,
    /// `user_exists`, `rejected`, `changed` or `unchanged`. A status that is not named is no answer but an error.
    pub outcomes: At<IndexMap<u16, At<RawOutcome>>>,
    /// Where the user stands in the answer, as in `data.user`; the whole answer unless said otherwise. In a list there
    /// may be one user, or none.
    pub user: Option<At<String>>,
}

/// The body of a request; one of the two.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawBody {
    /// A JSON document; a text that is exactly one `{{ value }}` keeps the value's type.
    pub json: Option<At<RawTemplate>>,
    /// The fields of a form (`application/x-www-form-urlencoded`).
    pub form: Option<At<IndexMap<String, At<String>>>>,
}

/// The method of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum RawMethod {
    /// Reads.
    Get,
    /// Does something.
    Post,
    /// Puts something in a place.
    Put,
    /// Changes a part.
    Patch,
    /// Removes.
    Delete,
}

/// What a status means.
#[derive(Debug)]
pub enum RawOutcome {
    /// The outcome's name.
    Name(String),
    /// With a message.
    Full(RawFullOutcome),
}

/// What a status means, with a message.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawFullOutcome {
    /// The outcome's name: `denied` or `rejected`.
    pub outcome: At<String>,
    /// What the user is told.
    pub message: At<String>,
}

by_shape!(RawUpstreamActions, "a list of actions' names, or a mapping of their requests",
    list RawUpstreamActions::Names, map |map| RawUpstreamActions::Requests(Box::new(map)));
by_shape!(RawOutcome, "an outcome's name, or `{ outcome: name, message: text }`",
    text(text) Ok(RawOutcome::Name(text.to_owned())), map RawOutcome::Full);

schema_of_shapes!(
    RawUpstreamActions,
    "RawUpstreamActions",
    "The names of the actions, or the request of each.",
    |generator| [generator.subschema_for::<Vec<String>>(), generator.subschema_for::<RawExchanges>()]
);
schema_of_shapes!(RawOutcome, "RawOutcome", "What a status means.", |generator| [
    json_schema!({ "type": "string" }),
    generator.subschema_for::<RawFullOutcome>()
]);
