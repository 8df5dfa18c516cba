//! How identity providers ask and are answered: each protocol turns an HTTP request into a [`Request`] and an answer
//! into an HTTP response.
//!
//! Invariant: only this module knows status codes, and it sees no row. Unknown user and wrong password become the
//! same bytes; 401 and 404 are said only when the store said no, and every doubt is a 5xx.

mod input;
mod json;
mod native;
mod openapi;
mod path;
mod problem;

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, Method};

pub use self::native::Native;
pub use self::openapi::openapi;
pub use self::problem::{Code, Problem};
use crate::action::{Action, Outcome, Request};
use crate::handler;

/// A complete answer.
pub type Response = http::Response<Bytes>;

/// One identity provider's way of asking and being answered.
pub trait Protocol: fmt::Debug + Send + Sync {
    /// The first segment of this protocol's paths; the name in logs.
    fn name(&self) -> &'static str;

    /// Whom the request is for; `rest` is the path after the first segment and its slash. Known before the body is
    /// read, so that scopes and limits come first.
    ///
    /// # Errors
    /// The path or the method is not one of this protocol's.
    fn route<'p>(&self, method: &Method, rest: &'p str) -> Result<Target<'p>, Problem>;

    /// Reads the question.
    ///
    /// # Errors
    /// The headers or the body are not as the protocol wants them.
    fn decode(&self, action: Action, headers: &HeaderMap, body: &[u8]) -> Result<Request, Problem>;

    /// Writes the answer of the store, or why there is none.
    fn encode(&self, answer: Result<Outcome, handler::Error>) -> Response;

    /// Writes why the request got no further than the gateway.
    fn refuse(&self, problem: Problem) -> Response {
        problem.into_response()
    }
}

/// What a path asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target<'p> {
    /// The connector's name: well formed, but perhaps unknown.
    pub connector: &'p str,
    /// What is asked of it.
    pub action: Action,
}

/// A request's protocol and target.
pub type Route<'p> = (&'static dyn Protocol, Target<'p>);

/// Every protocol that is spoken.
static PROTOCOLS: [&dyn Protocol; 1] = [&Native];

/// Finds out who answers. The path is judged once, here, before anything else looks at it: whatever has two readings
/// (`//`, dot segments, encoded slashes and dots) has none.
///
/// # Errors
/// No protocol has this path, or not with this method.
pub fn route<'p>(method: &Method, path: &'p str) -> Result<Route<'p>, Problem> {
    let unknown = || Problem::new(Code::UnknownPath).with_detail("nothing is served at this path");
    let (first, rest) = path::segments(path).ok_or_else(unknown)?;
    let protocol = PROTOCOLS.into_iter().find(|protocol| protocol.name() == first).ok_or_else(unknown)?;
    Ok((protocol, protocol.route(method, rest)?))
}
