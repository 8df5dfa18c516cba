//! The way of one request: address, path, client, limits, body, question, answer.
//!
//! Invariant: whatever is cheap and refuses stands before whatever is dear. No body is read before its client is
//! known (save where it holds the proof, see [`super::entrance`]), nothing is parsed before the client's limit, and no
//! connector works before the account's. A request keeps the connector that it found first; a change, once begun, runs to its end whatever becomes of its connection.

use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::header::{CONNECTION, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Request as HttpRequest, Version};
use hyper::body::Incoming;
use tokio::sync::watch;
use tokio::time::Instant;

use super::accept::Service;
use super::connectors::{Answer, Connectors};
use super::entrance::{Entrance, Rejected};
use super::metrics::{Connected, Limit, Metrics, Stage, Verdict};
use super::panic::caught;
use super::readiness::Readiness;
use super::record::{Record, Served};
use super::span::Spans;
use super::tls::HandshakeFailure;
use super::trace::{RequestIds, TRACERESPONSE};
use super::{Settings, body, oauth};
use crate::access::{self, Access, Attempt, Caller, RateLimited, Source, Unauthenticated};
use crate::action::{Action, Outcome, Request};
use crate::audit::Audit;
use crate::handler;
use crate::protocol::{self, Asked, Code, Encode, Entered, Entry, Faces, Mount, Problem, Question, Response, Route};

/// Everything that answering needs.
#[derive(Debug)]
pub struct Gateway<C> {
    connectors: C,
    access: access::Shared,
    metrics: Arc<Metrics>,
    readiness: Arc<Readiness>,
    settings: Settings,
    ids: RequestIds,
    audit: Option<Arc<Audit>>,
    spans: Option<Spans>,
    faces: Arc<ArcSwap<Faces>>,
    /// Watched by whatever outlives its connection.
    work: watch::Sender<()>,
}

impl<C: Connectors> Gateway<C> {
    /// A gateway to these connectors. `instance` is random and makes request ids differ between processes.
    pub fn new(
        connectors: C,
        access: access::Shared,
        metrics: Arc<Metrics>,
        readiness: Arc<Readiness>,
        settings: Settings,
        instance: u64,
    ) -> Self {
        let (ids, work) = (RequestIds::new(instance), watch::Sender::new(()));
        let faces = Arc::default();
        Self { connectors, access, metrics, readiness, settings, ids, audit: None, spans: None, faces, work }
    }

    /// Keeps a record of every decision in this journal.
    pub fn with_audit(self, audit: Option<Arc<Audit>>) -> Self {
        Self { audit, ..self }
    }

    /// Speaks the protocols of these faces, too.
    pub fn with_faces(self, faces: Arc<ArcSwap<Faces>>) -> Self {
        Self { faces, ..self }
    }

    /// Gives what it answered to whoever exports traces; of those that begin here, this share.
    pub fn with_spans(self, spans: Spans, share: f64) -> Self {
        Self { spans: Some(spans), ids: self.ids.sampling(share), ..self }
    }

    /// The limits of its listeners.
    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Whether it takes requests.
    pub(super) fn readiness(&self) -> &Readiness {
        &self.readiness
    }

    async fn respond(self: Arc<Self>, head: &Parts, body: Incoming, mut record: Record) -> Response {
        if let Some(page) = oauth::Page::at(&self.access.load(), &self.faces, head.uri.path()) {
            return self.respond_to_oauth(page, head, body, record).await;
        }
        let mut body = Some(body);
        let ready = match self.prepare(head, &mut body, &mut record).await {
            Ok(ready) => ready,
            Err(refused) => {
                let Refused { code, mut response } = *refused;
                record.refuse(&self.metrics, code, response.status());
                if body.is_some_and(|body| !body::has_arrived(body)) {
                    response.extensions_mut().insert(Unread);
                }
                return labelled(response, &record);
            }
        };
        if matches!(ready.request.action(), Action::GetUser | Action::ListUsers) {
            return self.answer(ready, record).await;
        }
        // A client that leaves must neither stop a change half-way nor leave an attempt uncounted.
        let work = self.work.subscribe();
        let answered = tokio::spawn(async move {
            let response = self.answer(ready, record).await;
            drop(work);
            response
        });
        answered.await.unwrap_or_else(|_| Problem::new(Code::Internal).into_response())
    }

    /// Tokens and what is published about them; outside of every protocol and connector.
    async fn respond_to_oauth(&self, page: oauth::Page, head: &Parts, body: Incoming, mut record: Record) -> Response {
        let access = self.access.load_full();
        if let Err(problem) = self.admit_address(&access, head, &mut record) {
            record.refuse(&self.metrics, problem.code(), problem.code().status());
            return problem.into_response();
        }
        oauth::answer(page, &access, &self.settings, &self.metrics, head, body, record).await
    }

    /// Everything up to the question; see the order in the module's invariant.
    async fn prepare(
        &self,
        head: &Parts,
        body: &mut Option<Incoming>,
        record: &mut Record,
    ) -> Result<Ready<C::Connector>, Box<Refused>> {
        let access = self.access.load_full();
        self.admit_address(&access, head, record)?;
        let faces = self.faces.load();
        let route = protocol::route(&faces, &head.method, head.uri.path())?;
        let entry = route.protocol().entry(route.tail);
        let refused = |problem: Problem| {
            let (code, response) = (problem.code(), route.protocol().refuse(problem, entry));
            Box::new(Refused { code, response })
        };
        record.action = Some(route.action);
        record.protocol = Some(route.protocol().name());
        let (caller, entered) = self.admit_client(&access, head, &route, body, record).await.map_err(refused)?;
        let Some(connector) = self.connectors.find(route.connector) else {
            return Err(refused(Problem::new(Code::UnknownConnector)));
        };
        let version = HeaderValue::from_str(connector.version()).unwrap_or(HeaderValue::from_static("invalid"));
        record.connector = Some(Served { metrics: self.metrics.connector(route.connector), version });
        let begun = Instant::now();
        let bytes = match body.take() {
            Some(body) => {
                body::read(body, self.settings.max_body, self.settings.body_timeout).await.map_err(refused)?
            }
            None => Bytes::new(),
        };
        self.metrics.stage(Stage::Body, begun.elapsed());
        let (action, tail, query) = (route.action, route.tail, head.uri.query());
        let question = Question { action, tail, query, entered: &entered, headers: &head.headers, body: &bytes };
        let Asked { request, encode } = route.protocol().decode(&question).map_err(refused)?;
        let action = request.action();
        if action != route.action {
            record.action = Some(action);
            may(&caller, route.connector, route.protocol().scope(action), record).map_err(refused)?;
        }
        record.about(&request);
        let attempt = self.reserve_account(&access, route.connector, &request, record).map_err(refused)?;
        if let Err(unwritable) = record.reserve(action) {
            if let Some(attempt) = attempt {
                attempt.give_back();
            }
            record.reason = Some(unwritable.to_string());
            return Err(refused(Problem::new(Code::AuditUnavailable)));
        }
        let face = route.face().cloned();
        Ok(Ready { face, entry, encode, connector, request, attempt })
    }

    /// Finds out where the request comes from, and whether anybody there may ask.
    fn admit_address(&self, access: &Access, head: &Parts, record: &mut Record) -> Result<(), Problem> {
        let forbidden = || Problem::new(Code::Forbidden).with_detail("this address may not ask");
        let address = access.client_address(record.address, &head.headers).map_err(|junk| {
            record.reason = Some(junk.to_string());
            record.class = Some("malformed_forwarding");
            forbidden()
        })?;
        record.address = address;
        match access.admits(address) {
            true => Ok(()),
            false => {
                record.reason = Some("the address is not in the allowlist".to_owned());
                record.class = Some("address_not_allowed");
                Err(forbidden())
            }
        }
    }

    /// Finds out who asks, and whether this client may ask this, from here, now.
    async fn admit_client(
        &self,
        access: &Arc<Access>,
        head: &Parts,
        route: &Route<'_>,
        body: &mut Option<Incoming>,
        record: &mut Record,
    ) -> Result<(Caller, Entered), Problem> {
        // Only requests that do not authenticate count against the address: an identity provider sends all of its
        // requests from a few addresses.
        let attempt = access
            .address_limiter()
            .map(|limiter| {
                let decision = limiter.reserve_address(record.address, record.started);
                self.decided(Limit::Address, decision, record)
            })
            .transpose()?;
        let entrance = Entrance { access, settings: &self.settings, head, route };
        let (caller, entered) = match entrance.enter(body).await {
            Ok(entered) => entered,
            Err(Rejected::Problem(problem)) => return Err(problem),
            Err(Rejected::Unauthenticated(reason)) => {
                record.class = Some(reason.class());
                record.reason = Some(reason.to_string());
                return Err(match reason {
                    Unauthenticated::KeysUnavailable => {
                        Problem::new(Code::Unavailable).with_detail("the token's issuer cannot be reached")
                    }
                    Unauthenticated::Missing => Problem::new(Code::Unauthorized),
                    _ if route.protocol().entry(route.tail) == Entry::Token => Problem::invalid_token(),
                    _ => Problem::new(Code::Unauthorized),
                });
            }
        };
        if let Some(attempt) = attempt {
            attempt.give_back();
        }
        let client = record.authenticated(Arc::clone(&caller.client), &head.headers);
        if !client.admits(record.address) {
            record.reason = Some("the address is not in the client's allowlist".to_owned());
            record.class = Some("client_address_not_allowed");
            return Err(Problem::new(Code::Forbidden).with_detail("this client may not ask from this address"));
        }
        may(&caller, route.connector, route.protocol().scope(route.action), record)?;
        self.decided(Limit::Client, client.reserve(), record)?;
        Ok((caller, entered))
    }

    /// Counts the attempt before its work. Looking up is no attempt at anything and stands on the hot path; how much
    /// may be looked up is the client's limit.
    fn reserve_account(
        &self,
        access: &Access,
        connector: &str,
        request: &Request,
        record: &mut Record,
    ) -> Result<Option<Attempt>, Problem> {
        let (Some(limiter), Some(account)) = (access.account_limiter(), request.account()) else { return Ok(None) };
        if request.action() == Action::GetUser {
            return Ok(None);
        }
        let end_user = if access.trusts_end_user_address() { end_user_address(request) } else { None };
        let client = record.client.as_ref().map_or("", |client| client.id());
        let source = Source { client, address: end_user.unwrap_or(record.address) };
        let reserved = limiter.reserve(connector, account, source, Instant::now());
        self.decided(Limit::Account, reserved, record).map(Some)
    }

    fn decided<T>(&self, limit: Limit, decision: Result<T, RateLimited>, record: &mut Record) -> Result<T, Problem> {
        self.metrics.limited(limit, decision.is_ok());
        decision.map_err(|limited| {
            record.class = Some(limit.reason());
            Problem::rate_limited(limited.retry_after)
        })
    }

    /// Asks the connector and writes its answer.
    async fn answer(&self, ready: Ready<C::Connector>, mut record: Record) -> Response {
        let Ready { face, entry, encode, connector, request, attempt } = ready;
        let begun = Instant::now();
        let time = face.as_ref().map_or(self.settings.budget, |face| face.time.min(self.settings.budget));
        let answer = caught(connector.answer(request, begun + time)).await;
        self.metrics.stage(Stage::Connector, begun.elapsed());
        if let Some(attempt) = attempt {
            settle(attempt, answer.as_ref().ok());
        }
        let (verdict, response) = match answer {
            Ok(answer) => {
                if let Ok(outcome) = &answer {
                    record.answered(outcome);
                }
                let (verdict, reason) = verdict(&answer);
                (record.reason, record.class) = reason;
                (verdict, encode(answer))
            }
            Err(_) => {
                self.metrics.panicked();
                record.class = Some("panic");
                let problem = Problem::new(Code::Internal);
                let response = match face {
                    Some(face) => face.protocol.refuse(problem, entry),
                    None => problem.into_response(),
                };
                (Code::Internal.into(), response)
            }
        };
        record.finish(&self.metrics, verdict, response.status());
        labelled(response, &record)
    }
}

impl<C: Connectors> Service for Gateway<C> {
    async fn call(self: Arc<Self>, request: HttpRequest<Incoming>, peer: IpAddr) -> Response {
        let started = Instant::now();
        let (head, body) = request.into_parts();
        let (id, trace) = self.ids.next();
        let trace = trace.of(&head.headers);
        let record = Record::new(id.clone(), trace, started, peer.to_canonical(), self.audit.clone())
            .exported(self.spans.clone());
        let metrics = Arc::clone(&self.metrics);
        let mut response = caught(self.respond(&head, body, record)).await.unwrap_or_else(|_| {
            metrics.panicked();
            metrics.refused(Code::Internal);
            tracing::error!(request_id = ?id, "panic");
            Problem::new(Code::Internal).into_response()
        });
        response.headers_mut().insert(X_REQUEST_ID, id);
        if is_last(&head, &response) {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    fn opened(&self) -> Option<Connected> {
        Some(self.metrics.connected())
    }

    fn handshake_failed(&self, failure: HandshakeFailure) {
        self.metrics.handshake_failed(failure);
    }

    async fn finished(&self) {
        self.work.closed().await;
    }
}

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const X_USERBRIDGE_VERSION: HeaderName = HeaderName::from_static("x-userbridge-version");

/// A request that a connector can answer.
struct Ready<A> {
    face: Option<Arc<Mount>>,
    entry: Entry,
    encode: Encode,
    connector: Arc<A>,
    request: Request,
    attempt: Option<Attempt>,
}

/// A refusal, in the words of its face once that is known. Boxed, since it is large and rare.
struct Refused {
    code: Code,
    response: Response,
}

impl From<Problem> for Box<Refused> {
    fn from(problem: Problem) -> Self {
        Self::new(Refused { code: problem.code(), response: problem.into_response() })
    }
}

/// Whether the caller may ask this of this connector.
fn may(caller: &Caller, connector: &str, action: Action, record: &mut Record) -> Result<(), Problem> {
    if caller.may(connector, action) {
        return Ok(());
    }
    let detail = format!("the client has no scope for `{connector}:{action}`");
    record.reason = Some(detail.clone());
    record.class = Some("missing_scope");
    Err(Problem::new(Code::Forbidden).with_detail(detail))
}

/// Whether the attempt counts: not when it succeeded, or could not be answered (a panic included).
fn settle(attempt: Attempt, answer: Option<&Result<Outcome, handler::Error>>) {
    match answer {
        None | Some(Err(_)) => attempt.give_back(),
        Some(Ok(outcome)) => match outcome {
            Outcome::Authenticated(_) => attempt.succeed(),
            Outcome::Found(_) | Outcome::Created(_) | Outcome::Changed | Outcome::Listed(_) => attempt.give_back(),
            Outcome::WrongCredentials(_)
            | Outcome::Denied(_)
            | Outcome::NotFound
            | Outcome::UserExists
            | Outcome::Rejected(_)
            | Outcome::Unchanged => {}
        },
    }
}

/// The address that the client states as its user's.
fn end_user_address(request: &Request) -> Option<IpAddr> {
    match request {
        Request::Login { context, .. } | Request::GetUser { context, .. } => context.get("ip")?.as_str()?.parse().ok(),
        _ => None,
    }
}

/// The operator's reason, in words and as one of a closed set.
type Reason = (Option<String>, Option<&'static str>);

/// The label of an answer, and the operator's reason.
fn verdict(answer: &Result<Outcome, handler::Error>) -> (Verdict, Reason) {
    match answer {
        Ok(outcome @ Outcome::WrongCredentials(refusal)) => (outcome.into(), (None, Some(refusal.as_str()))),
        Ok(outcome @ Outcome::Denied(denial)) => (outcome.into(), (None, Some(denial.reason.as_str()))),
        Ok(outcome @ Outcome::Rejected(rejection)) => (outcome.into(), (None, Some(rejection.code))),
        Ok(outcome) => (outcome.into(), (None, None)),
        Err(error) => (Code::of(&error.class).into(), (Some(error.message.clone()), Some(error.class.as_str()))),
    }
}

/// Says which version of the connector answered, and under which trace that is recorded.
fn labelled(mut response: Response, record: &Record) -> Response {
    if let Some(trace) = record.trace.response() {
        response.headers_mut().insert(TRACERESPONSE, trace);
    }
    if let Some(served) = &record.connector {
        response.headers_mut().insert(X_USERBRIDGE_VERSION, served.version.clone());
    }
    response
}

/// Whether the connection has to end after this answer: bytes may still come that belong to this request, or that
/// [`super::framing`] has not looked at.
fn is_last(head: &Parts, response: &Response) -> bool {
    let cut = [Code::RequestTimeout.status(), Code::TooLarge.status()].contains(&response.status());
    let unread = response.extensions().get::<Unread>().is_some();
    head.version < Version::HTTP_2 && (cut || unread || head.headers.contains_key(TRANSFER_ENCODING))
}

/// Marks an answer that was given before the body was read; the connection must not be used again.
#[derive(Clone, Copy)]
struct Unread;
