//! A checked upstream: everything that is needed to ask it, with nothing left to check.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Method};
use serde_json::Value as Json;

use crate::action::Action;
use crate::outbound::{Network, Origin};
use crate::secret::Secret;
use crate::sql::Part;

/// Another tenant or service that answers for its users.
#[derive(Debug)]
pub struct Upstream {
    /// How it is reached.
    pub network: Network,
    /// How long it may take for one request.
    pub timeout: Duration,
    /// What it is.
    pub kind: UpstreamKind,
    /// Equal when connections and tokens of an earlier version may be used on.
    pub fingerprint: Fingerprint,
}

/// A digest of how an upstream is reached and of the gateway's credentials there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(pub(super) [u8; 32]);

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A fast hash over a secret would be an oracle for guesses.
        f.write_str("[fingerprint]")
    }
}

/// What answers.
#[derive(Debug)]
pub enum UpstreamKind {
    /// An Auth0 tenant.
    Auth0(Auth0),
    /// A server with the password grant and a userinfo endpoint.
    OAuth2(OAuth2),
    /// A plain web service.
    Http(Service),
}

/// An Auth0 tenant.
#[derive(Debug)]
pub struct Auth0 {
    /// Where it is.
    pub origin: Origin,
    /// The gateway's client there.
    pub client: Client,
    /// The database connection whose users these are.
    pub connection: String,
    /// The management API's audience.
    pub audience: String,
    /// What a login asks for.
    pub scope: String,
    /// The actions that are declared.
    pub actions: BTreeSet<Action>,
}

/// The gateway as a client of a token endpoint.
#[derive(Clone, Debug)]
pub struct Client {
    /// Its public name.
    pub id: String,
    /// Its secret.
    pub secret: Secret,
}

/// A server with the password grant and a userinfo endpoint.
#[derive(Debug)]
pub struct OAuth2 {
    /// The token endpoint: host and path.
    pub token: (Origin, String),
    /// The userinfo endpoint: host and path.
    pub userinfo: (Origin, String),
    /// The gateway's client there.
    pub client: Client,
    /// Whether the client authenticates with HTTP Basic authentication.
    pub basic: bool,
    /// What a login asks for.
    pub scope: String,
}

/// A plain web service.
#[derive(Debug)]
pub struct Service {
    /// Where it is.
    pub origin: Origin,
    /// What every path begins with; no `/` at its end.
    pub base: String,
    /// Headers of every request; their values are secret.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The request of each declared action.
    pub actions: BTreeMap<Action, Exchange>,
}

/// One request, and what its answers mean.
#[derive(Debug)]
pub struct Exchange {
    /// The method.
    pub method: Method,
    /// The segments of the path behind the base.
    pub path: Vec<Vec<Part>>,
    /// The parameters of the query.
    pub query: Vec<(String, Vec<Part>)>,
    /// The body.
    pub body: Option<Body>,
    /// What each status means.
    pub outcomes: BTreeMap<u16, Meaning>,
    /// Where the user stands in the answer; empty for the whole.
    pub user: Vec<String>,
}

/// The body of a request.
#[derive(Debug)]
pub enum Body {
    /// A JSON document.
    Json(Tree),
    /// The fields of a form.
    Form(Vec<(String, Vec<Part>)>),
}

/// A JSON document with values of the request in it.
#[derive(Debug)]
pub enum Tree {
    /// A value that does not depend on the request.
    Constant(Json),
    /// A text, or the value of one expression with its type.
    Phrase(Vec<Part>),
    /// A list.
    List(Vec<Tree>),
    /// An object, in the order of the file.
    Object(Vec<(String, Tree)>),
}

/// What a status means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// The password is right; the user is in the answer.
    Authenticated,
    /// The password is wrong.
    WrongCredentials,
    /// The password is right, but this user may not log in; what the user is told.
    Denied(String),
    /// The user is in the answer.
    Found,
    /// There is no such user.
    NotFound,
    /// The user was added.
    Created,
    /// Such a user exists already.
    UserExists,
    /// The service's rules refuse a value; what the caller is told.
    Rejected(String),
    /// The change was made.
    Changed,
    /// Nothing was changed.
    Unchanged,
}

impl Upstream {
    /// Whether this action is declared.
    pub fn declares(&self, action: Action) -> bool {
        match &self.kind {
            UpstreamKind::Auth0(auth0) => auth0.actions.contains(&action),
            UpstreamKind::OAuth2(_) => action == Action::Login,
            UpstreamKind::Http(service) => service.actions.contains_key(&action),
        }
    }

    /// The hosts that are asked, the one that counts first.
    pub fn origins(&self) -> Vec<&Origin> {
        match &self.kind {
            UpstreamKind::Auth0(auth0) => vec![&auth0.origin],
            UpstreamKind::OAuth2(oauth2) if oauth2.token.0 == oauth2.userinfo.0 => vec![&oauth2.token.0],
            UpstreamKind::OAuth2(oauth2) => vec![&oauth2.token.0, &oauth2.userinfo.0],
            UpstreamKind::Http(service) => vec![&service.origin],
        }
    }

    /// The type in definitions.
    pub const fn type_name(&self) -> &'static str {
        match self.kind {
            UpstreamKind::Auth0(_) => "auth0",
            UpstreamKind::OAuth2(_) => "oauth2",
            UpstreamKind::Http(_) => "http",
        }
    }
}
