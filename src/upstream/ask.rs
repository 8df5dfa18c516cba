//! One request's questions to the upstream: sent within its deadline, traced, and never repeated when that could do harm.
//!
//! Invariant: no error and no trace holds a value of the request or of the answer.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Method};
use serde_json::Value as Json;
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::link::Link;
use crate::action::{Class, Error, Object};
use crate::outbound::{self, Answer, ErrorKind, Origin, Request};

/// The deepest JSON that is read; profiles are flat.
const MAX_DEPTH: usize = 32;

/// What is asked while one request is answered.
pub(super) struct Ask<'a> {
    pub link: &'a Arc<Link>,
    pub deadline: Instant,
    pub trace: Option<&'a Trace>,
}

/// The questions of one request, in the order in which they ended.
#[derive(Debug, Default)]
pub struct Trace(Mutex<Vec<Call>>);

/// One question to the upstream.
#[derive(Clone, Debug)]
pub struct Call {
    /// Method, host and path, with the names of values in the place of values.
    pub what: String,
    /// The time that it took, waiting included.
    pub elapsed: Duration,
    /// The status of the answer; or why there is none.
    pub status: Result<u16, String>,
}

impl Trace {
    /// Takes the questions out.
    pub fn take(&self) -> Vec<Call> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What becomes of a question that got no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    /// It changes nothing: it may be asked again.
    Read,
    /// It verifies a password, which counts as an attempt: it is asked once.
    Login,
    /// It changes something: it is asked once, and without an answer the outcome is not known.
    Write,
}

/// A question.
pub(super) struct Question<'a> {
    pub weight: Weight,
    pub origin: &'a Origin,
    pub method: Method,
    pub target: String,
    /// The path with the names of values in the place of values.
    pub shown: &'a str,
    pub headers: Vec<(HeaderName, HeaderValue)>,
    pub body: Option<(&'static str, Zeroizing<Vec<u8>>)>,
}

impl Ask<'_> {
    /// The upstream's answer, whatever its status.
    pub async fn ask(&self, question: Question<'_>) -> Result<Answer, Error> {
        let weight = question.weight;
        let again = (weight == Weight::Read && question.body.is_none()).then(|| question.repeated());
        let first = self.once(question).await;
        match (first, again) {
            // A kept connection that the other end closed at that moment; reading twice does no harm.
            (Err(error), Some(again)) if error.kind == ErrorKind::Lost && Instant::now() < self.deadline => {
                self.once(again).await
            }
            (result, _) => result,
        }
        .map_err(|error| unanswered(&error, weight))
    }

    async fn once(&self, question: Question<'_>) -> Result<Answer, outbound::Error> {
        let began = Instant::now();
        let what = format!("{} {}{}", question.method, question.origin.base(), question.shown);
        let result = self.link.send(question.request(), self.deadline).await;
        if let Some(trace) = self.trace {
            let status = result.as_ref().map(|answer| answer.status).map_err(ToString::to_string);
            let call = Call { what, elapsed: began.elapsed(), status };
            trace.0.lock().unwrap_or_else(PoisonError::into_inner).push(call);
        }
        result
    }

    /// Opens a connection to a host.
    pub async fn reach(&self, origin: &Origin) -> Result<(), Error> {
        let reached = self.link.reach(origin, self.deadline).await;
        reached.map_err(|error| unanswered(&error, Weight::Read))
    }
}

impl Question<'_> {
    fn repeated(&self) -> Self {
        Self {
            weight: self.weight,
            origin: self.origin,
            method: self.method.clone(),
            target: self.target.clone(),
            shown: self.shown,
            headers: self.headers.clone(),
            body: None,
        }
    }

    fn request(self) -> Request {
        let mut headers = self.headers;
        headers.push((ACCEPT, HeaderValue::from_static("application/json")));
        let body = self.body.map(|(media_type, body)| {
            headers.push((CONTENT_TYPE, HeaderValue::from_static(media_type)));
            body
        });
        Request {
            origin: self.origin.clone(),
            method: self.method,
            target: self.target,
            headers,
            body: body.unwrap_or_default(),
        }
    }
}

/// What a question without an answer means to the request.
fn unanswered(error: &outbound::Error, weight: Weight) -> Error {
    let class = match error.kind {
        kind if weight == Weight::Write && kind.may_have_arrived() => Class::OutcomeUnknown,
        ErrorKind::Unreachable | ErrorKind::Lost => Class::Unavailable,
        ErrorKind::Exhausted => Class::Overloaded,
        ErrorKind::Late | ErrorKind::Silent => Class::Timeout,
        ErrorKind::TooLarge => Class::Misconfigured,
    };
    Error::new(class, format!("the upstream: {error}"))
}

/// What a status means that says nothing about the user.
pub(super) fn doubt(answer: &Answer, weight: Weight) -> Error {
    let status = answer.status;
    let (class, what) = match status {
        // The gateway in front of the upstream gave up, or the upstream failed on its way.
        408 | 500 | 502 | 504 if weight == Weight::Write => {
            (Class::OutcomeUnknown, "it failed while it changed something")
        }
        429 => (Class::Unavailable, "it asks to be left alone for a while"),
        408 | 500..=599 => (Class::Unavailable, "it has a fault of its own"),
        300..=399 => (Class::Misconfigured, "redirects are not followed"),
        _ => (Class::Misconfigured, "it does not do what the definition expects of it"),
    };
    Error::new(class, format!("the upstream answers with status {status}: {what}"))
}

/// The JSON of an answer.
pub(super) fn json(answer: &Answer) -> Result<Json, Error> {
    let media_type = answer.media_type.as_str();
    if media_type != "application/json" && !media_type.ends_with("+json") {
        return Err(misconfigured("the upstream's answer is no JSON by its content type"));
    }
    if depth(&answer.body) > MAX_DEPTH {
        return Err(misconfigured("the upstream's answer is nested too deeply"));
    }
    serde_json::from_slice(&answer.body).map_err(|_| misconfigured("the upstream's answer is no JSON"))
}

/// The JSON object of an answer.
pub(super) fn object(answer: &Answer) -> Result<Object, Error> {
    match json(answer)? {
        Json::Object(object) => Ok(object),
        _ => Err(misconfigured("the upstream's answer is no JSON object")),
    }
}

pub(super) fn misconfigured(message: impl Into<String>) -> Error {
    Error::new(Class::Misconfigured, message)
}

/// The deepest nesting of a JSON text, without building it.
fn depth(text: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_text, mut escaped) = (0_usize, 0, false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'[' | b'{' if !in_text => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_count_outside_of_texts_only() {
        assert_eq!(depth(br#"{"a":[{"b":"[[[\"[["}],"c":{}}"#), 3);
        assert_eq!(depth(b"7"), 0);
        assert_eq!(depth(&[b'['; 100]), 100);
    }
}
