//! How identity providers ask and are answered: each protocol turns an HTTP request into a [`Request`] and an answer
//! into an HTTP response.
//!
//! Invariant: only this module knows status codes, and it sees no row. Unknown user and wrong password become the
//! same bytes; 401 and 404 are said only when the store said no, and every doubt is a 5xx.

mod answer;
mod b2c;
mod cas;
mod cognito;
mod entra;
mod entry;
mod face;
mod fusionauth;
mod input;
mod json;
mod jwe;
mod keycloak;
mod kinde;
mod kratos;
pub mod ldap;
mod logto;
mod native;
mod oauth2;
mod okta;
mod openapi;
mod parameters;
mod path;
mod problem;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method};

pub use self::entry::{Entered, Entry, Grant, Issuer, Place, Signed, TokenKind};
pub use self::face::{Choice, FACES, Face, Faces, Given, Kind, Mount, Options, Sample, Somebody, Wrong};
pub use self::native::Native;
pub use self::oauth2::metadata as oauth2_metadata;
pub use self::openapi::openapi;
pub use self::parameters::{Parameters, decoded, is_form};
pub use self::path::is_connector_name;
pub use self::problem::{Code, Problem};
use crate::action::{Action, Outcome, Request};
use crate::handler;

/// A complete answer.
pub type Response = http::Response<Bytes>;

/// One identity provider's way of asking and being answered.
pub trait Protocol: fmt::Debug + Send + Sync {
    /// The first segment of this protocol's paths; the name in logs.
    fn name(&self) -> &'static str;

    /// What is asked; `tail` is the path after the connector and its slash, empty when it ends there. Known before the
    /// body is read, so that scopes and limits come first. Where only the body says it, the action that is usual: the
    /// request's own is judged again.
    ///
    /// # Errors
    /// The path or the method is not one of this protocol's.
    fn route(&self, method: &Method, tail: &str) -> Result<Action, Problem>;

    /// Reads the question.
    ///
    /// # Errors
    /// The headers or the body are not as the protocol wants them.
    fn decode(&self, question: &Question<'_>) -> Result<Asked, Problem>;

    /// Whether reading a question takes so much work that it has its turn as hashing has.
    fn is_dear(&self) -> bool {
        false
    }

    /// What its caller has to show at this path.
    fn entry(&self, _tail: &str) -> Entry {
        Entry::Key
    }

    /// The action that a caller needs a scope for, to ask for this one.
    fn scope(&self, action: Action) -> Action {
        action
    }

    /// Whether it gives tokens to its callers, so that an [`Issuer`] is needed.
    fn gives_tokens(&self) -> bool {
        false
    }

    /// Whether nobody should need it any more, and nobody has said why it is needed here.
    fn is_discouraged(&self) -> bool {
        false
    }

    /// Writes why the request got no further than the gateway, to a caller who came in like this.
    fn refuse(&self, problem: Problem, _entry: Entry) -> Response {
        problem.into_response()
    }
}

/// One request as it arrived.
#[derive(Debug)]
pub struct Question<'q> {
    /// What the path asked for.
    pub action: Action,
    /// The path after the connector and its slash.
    pub tail: &'q str,
    /// The path's query, without its question mark.
    pub query: Option<&'q str>,
    /// What the caller has shown.
    pub entered: &'q Entered,
    /// Every header.
    pub headers: &'q HeaderMap,
    /// The whole body.
    pub body: &'q [u8],
}

/// A question that was understood, and who writes the answer to it.
pub struct Asked {
    /// What is asked of the connector.
    pub request: Request,
    /// Writes the answer of the store, or why there is none.
    pub encode: Encode,
}

impl Asked {
    /// A request and what writes the answer to it.
    pub fn new(
        request: Request,
        encode: impl FnOnce(Result<Outcome, handler::Error>) -> Response + Send + 'static,
    ) -> Self {
        Self { request, encode: Box::new(encode) }
    }
}

/// Writes one answer; whatever of the question the answer repeats, it holds.
pub type Encode = Box<dyn FnOnce(Result<Outcome, handler::Error>) -> Response + Send>;

/// Who answers at a path, and what is asked.
#[derive(Clone, Debug)]
pub struct Route<'p> {
    speaker: Speaker,
    /// The connector's name: well formed, but perhaps unknown.
    pub connector: &'p str,
    /// The path after the connector and its slash.
    pub tail: &'p str,
    /// What is asked of it.
    pub action: Action,
}

/// What speaks a protocol.
#[derive(Clone, Debug)]
enum Speaker {
    /// Always there.
    Native,
    /// Declared for a connector.
    Face(Arc<Mount>),
}

impl Route<'_> {
    /// What is spoken at this path.
    pub fn protocol(&self) -> &dyn Protocol {
        match &self.speaker {
            Speaker::Native => &Native,
            Speaker::Face(mount) => mount.protocol.as_ref(),
        }
    }

    /// What is declared of the face; None for the native protocol.
    pub fn face(&self) -> Option<&Arc<Mount>> {
        match &self.speaker {
            Speaker::Native => None,
            Speaker::Face(mount) => Some(mount),
        }
    }
}

/// Finds out who answers. The path is judged once, here, before anything else looks at it: whatever has two readings
/// (`//`, dot segments, encoded slashes and dots) has none. A face that is not declared is not there.
///
/// # Errors
/// No protocol has this path, or not with this method.
pub fn route<'p>(faces: &Faces, method: &Method, path: &'p str) -> Result<Route<'p>, Problem> {
    let unknown = || Problem::new(Code::UnknownPath).with_detail("nothing is served at this path");
    let (first, rest) = path::segments(path).ok_or_else(unknown)?;
    let (speaker, rest) = match rest.strip_prefix("connectors/") {
        Some(rest) if first == Native.name() => (Some(Speaker::Native), rest),
        _ => (None, rest),
    };
    let (connector, tail) = rest.split_once('/').unwrap_or((rest, ""));
    if !path::is_connector_name(connector) {
        return Err(unknown());
    }
    let speaker = speaker.or_else(|| faces.find(first, connector).map(Speaker::Face)).ok_or_else(unknown)?;
    let mut route = Route { speaker, connector, tail, action: Action::Login };
    route.action = route.protocol().route(method, tail)?;
    Ok(route)
}
