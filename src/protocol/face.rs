//! Faces: the protocols of identity providers' own hooks, each declared for a connector.
//!
//! Invariant: what is not declared is not there. A face only decodes and encodes; a new one is a file beside this and
//! a row in [`FACES`].

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::header::CONTENT_TYPE;
use http::{HeaderName, Method};
use serde_json::Value as Json;
use zeroize::Zeroizing;

use super::{Code, Problem, Protocol};
use crate::action::{Action, Object};
use crate::secret::{Password, Secret};

/// Every face that can be declared, by name.
#[rustfmt::skip]
pub static FACES: &[&Face] = &[
    &super::okta::FACE,
    &super::kratos::FACE,
    &super::keycloak::FACE,
    &super::fusionauth::FACE,
    &super::cas::FACE,
    &super::cognito::FACE,
    &super::logto::FACE,
    &super::kinde::FACE,
    &super::b2c::FACE,
    &super::entra::FACE,
    &super::oauth2::FACE,
];

/// One provider's hook: how it is declared, and what it becomes.
#[derive(Debug)]
pub struct Face {
    /// The name in the settings and the first segment of its paths.
    pub name: &'static str,
    /// The hook's name at its provider.
    pub hook: &'static str,
    /// What it asks of connectors.
    pub actions: &'static [Action],
    /// How long an answer may take: below the provider's own patience.
    pub time: Duration,
    /// The header in which its caller proves itself: bare, `Bearer` or `Basic` in `authorization`, bare in another.
    pub credentials: HeaderName,
    /// What can be said in its `options`.
    pub options: &'static [Choice],
    /// What is entered at the provider, with `{url}`, `{host}`, `{connector}`, `{key}` and `{basic}` for this gateway's.
    pub guide: &'static str,
    /// The provider's own request about somebody; None when nobody else can make it.
    pub sample: Option<fn(&Somebody<'_>) -> Sample>,
    /// Makes the face of its options, which are of their kinds and complete.
    pub open: fn(&Options) -> Result<Box<dyn Protocol>, Wrong>,
}

impl Face {
    /// The face of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        FACES.iter().copied().find(|face| face.name == name)
    }
}

/// A hook that is one POST to the connector's own path.
pub(super) fn one_post(method: &Method, tail: &str) -> Result<Action, Problem> {
    match (tail, method) {
        ("", &Method::POST) => Ok(Action::Login),
        ("", _) => Err(Problem::method_not_allowed("POST")),
        _ => Err(Problem::new(Code::UnknownPath).with_detail("expected nothing after the connector's name")),
    }
}

/// The context of a request that came from this address, where the provider says it.
pub(super) fn from_address(address: Option<String>) -> Object {
    address.map(|ip| Object::from_iter([("ip".to_owned(), Json::String(ip))])).unwrap_or_default()
}

/// Whom a sample asks about.
#[derive(Clone, Copy, Debug)]
pub struct Somebody<'s> {
    /// What a person types.
    pub identifier: &'s str,
    /// The password.
    pub password: &'s Password,
    /// The id of the client that asks.
    pub client: &'s str,
    /// The client's key.
    pub key: &'s str,
}

/// A request as the provider sends it, but for the caller's own credential unless it says so.
#[derive(Debug)]
pub struct Sample {
    /// The method.
    pub method: Method,
    /// The path after the connector, with its slash.
    pub tail: String,
    /// Further headers.
    pub headers: Vec<(HeaderName, String)>,
    /// The body; it may hold the password.
    pub body: Zeroizing<String>,
    /// Whether it holds the caller's credential.
    pub proved: bool,
}

impl Sample {
    /// A POST of this JSON to the connector's own path.
    pub(super) fn json(body: &Json) -> Self {
        let headers = vec![(CONTENT_TYPE, "application/json".to_owned())];
        let body = Zeroizing::new(body.to_string());
        Self { method: Method::POST, tail: String::new(), headers, body, proved: false }
    }
}

/// One option of a face.
#[derive(Clone, Copy, Debug)]
pub struct Choice {
    /// The key.
    pub name: &'static str,
    /// What may be written.
    pub kind: Kind,
    /// Whether the face cannot do without.
    pub required: bool,
    /// What it is for, in one sentence.
    pub about: &'static str,
}

/// What an option's value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One text.
    Text,
    /// A list of texts.
    List,
    /// A secret, which comes from the environment or a file.
    Secret,
}

impl Kind {
    /// In words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::List => "a list",
            Self::Secret => "`{ file: path }`, `{ env: NAME }` or `{ credential: NAME }`",
        }
    }
}

/// What the settings say of a face's options.
#[derive(Debug, Default)]
pub struct Options(BTreeMap<String, Given>);

/// An option's value.
pub enum Given {
    /// One text.
    Text(String),
    /// A list of texts.
    List(Vec<String>),
    /// A secret.
    Secret(Secret),
}

impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => text.fmt(f),
            Self::List(list) => list.fmt(f),
            Self::Secret(_) => f.write_str("Secret"),
        }
    }
}

impl Given {
    /// What its value is.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Text(_) => Kind::Text,
            Self::List(_) => Kind::List,
            Self::Secret(_) => Kind::Secret,
        }
    }
}

impl FromIterator<(String, Given)> for Options {
    fn from_iter<I: IntoIterator<Item = (String, Given)>>(options: I) -> Self {
        Self(options.into_iter().collect())
    }
}

impl Options {
    /// The text of this name.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.0.get(name) {
            Some(Given::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// The list of this name; empty when it is not said.
    pub fn list(&self, name: &str) -> &[String] {
        match self.0.get(name) {
            Some(Given::List(list)) => list,
            _ => &[],
        }
    }

    /// The secret of this name.
    pub fn secret(&self, name: &str) -> Option<&Secret> {
        match self.0.get(name) {
            Some(Given::Secret(secret)) => Some(secret),
            _ => None,
        }
    }
}

/// An option's value that cannot be used.
#[derive(Debug)]
pub struct Wrong {
    /// The option.
    pub option: &'static str,
    /// What was found and what was expected; never a secret.
    pub message: String,
}

/// A face as it is declared for a connector.
#[derive(Debug)]
pub struct Mount {
    /// Decodes and encodes.
    pub protocol: Box<dyn Protocol>,
    /// The header in which its caller proves itself.
    pub credentials: HeaderName,
    /// How long an answer may take.
    pub time: Duration,
}

/// Every face that is declared.
#[derive(Debug, Default)]
pub struct Faces(BTreeMap<(&'static str, String), Arc<Mount>>);

impl Faces {
    /// Adds the face of a connector; false when that connector has one of this name already.
    pub fn mount(&mut self, connector: &str, mount: Mount) -> bool {
        let key = (mount.protocol.name(), connector.to_owned());
        self.0.insert(key, Arc::new(mount)).is_none()
    }

    /// The face of this name, if it is declared for this connector.
    pub fn find(&self, name: &str, connector: &str) -> Option<Arc<Mount>> {
        let face = Face::named(name)?;
        self.0.get(&(face.name, connector.to_owned())).cloned()
    }

    /// The name and the connector of each.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str, &Arc<Mount>)> {
        self.0.iter().map(|((name, connector), mount)| (*name, connector.as_str(), mount))
    }
}
