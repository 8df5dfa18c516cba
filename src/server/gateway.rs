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
use http::{HeaderMap, HeaderName, HeaderValue, Request as HttpRequest, Version};
use hyper::body::Incoming;
use tokio::sync::watch;
use tokio::time::Instant;

use super::accept::Service;
use super::asking::may;
use super::connectors::Connectors;
use super::entrance::{Entrance, Rejected};
use super::metrics::{Connected, Metrics, Stage};
use super::panic::caught;
use super::readiness::Readiness;
use super::record::Record;
use super::span::Spans;
use super::tls::HandshakeFailure;
use super::trace::{RequestIds, TRACERESPONSE};
use super::{Settings, body, oauth};
use crate::access::{self, Access, Attempt, Caller, Unauthenticated};
use crate::action::{Action, Request};
use crate::audit::Audit;
use crate::hash::Budget;
use crate::protocol::{self, Asked, Code, Encode, Entered, Entry, Faces, Mount, Problem, Response, Route};

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
    pool: Option<Arc<Budget>>,
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
        Self {
            connectors,
            access,
            metrics,
            readiness,
            settings,
            ids,
            audit: None,
            spans: None,
            faces,
            pool: None,
            work,
        }
    }

    /// Keeps a record of every decision in this journal.
    pub fn with_audit(self, audit: Option<Arc<Audit>>) -> Self {
        Self { audit, ..self }
    }

    /// Speaks the protocols of these faces, too.
    pub fn with_faces(self, faces: Arc<ArcSwap<Faces>>) -> Self {
        Self { faces, ..self }
    }

    /// Does what is dear in the pool in which passwords are hashed.
    pub fn with_pool(self, pool: Arc<Budget>) -> Self {
        Self { pool: Some(pool), ..self }
    }

    /// Gives what it answered to whoever exports traces; of those that begin here, this share.
    pub fn with_spans(self, spans: Spans, share: f64) -> Self {
        Self { spans: Some(spans), ids: self.ids.sampling(share), ..self }
    }

    /// The limits of its listeners.
    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(super) fn connectors(&self) -> &C {
        &self.connectors
    }

    pub(super) fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// The rules in force now.
    pub(super) fn access(&self) -> Arc<Access> {
        self.access.load_full()
    }

    /// The record of a request that begins now.
    pub(super) fn record(&self, peer: IpAddr, headers: &HeaderMap) -> Record {
        let (id, trace) = self.ids.next();
        Record::new(id, trace.of(headers), Instant::now(), peer.to_canonical(), self.audit.clone())
            .exported(self.spans.clone())
    }

    pub(super) fn pool(&self) -> Option<&Arc<Budget>> {
        self.pool.as_ref()
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
        let connector = self.find(route.connector, record).map_err(refused)?;
        let begun = Instant::now();
        let bytes = match body.take() {
            Some(body) => {
                body::read(body, self.settings.max_body, self.settings.body_timeout).await.map_err(refused)?
            }
            None => Bytes::new(),
        };
        self.metrics.stage(Stage::Body, begun.elapsed());
        let deadline = self.deadline(&route, record);
        let asked = self.decode(&route, head, entered, bytes, deadline, record).await;
        let Asked { request, encode } = asked.map_err(refused)?;
        let action = request.action();
        if action != route.action {
            record.action = Some(action);
            let scope = route.protocol().scope(action);
            may(caller.may(route.connector, scope), route.connector, scope, record).map_err(refused)?;
        }
        let attempt = self.reserve(&access, route.connector, &request, record).map_err(refused)?;
        let face = route.face().cloned();
        Ok(Ready { face, entry, encode, connector, request, attempt, deadline })
    }

    /// When the answer has to be there. A provider counts from when it asked, whatever came before the question.
    fn deadline(&self, route: &Route<'_>, record: &Record) -> Instant {
        match route.face() {
            Some(face) => record.started + face.time.min(self.settings.budget),
            None => Instant::now() + self.settings.budget,
        }
    }

    /// Finds out where the request comes from, and whether anybody there may ask.
    fn admit_address(&self, access: &Access, head: &Parts, record: &mut Record) -> Result<(), Problem> {
        let address = access.client_address(record.address, &head.headers).map_err(|junk| {
            record.reason = Some(junk.to_string());
            record.class = Some("malformed_forwarding");
            Problem::new(Code::Forbidden).with_detail("this address may not ask")
        })?;
        record.address = address;
        self.admit_source(access, record)
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
        let attempt = self.reserve_address(access, record)?;
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
        self.admit_from(&client, record)?;
        let scope = route.protocol().scope(route.action);
        may(caller.may(route.connector, scope), route.connector, scope, record)?;
        self.reserve_client(&client, record)?;
        Ok((caller, entered))
    }

    /// Asks the connector and writes its answer.
    async fn answer(&self, ready: Ready<C::Connector>, mut record: Record) -> Response {
        let Ready { face, entry, encode, connector, request, attempt, deadline } = ready;
        let (verdict, answer) = self.ask(connector, request, attempt, deadline, &mut record).await;
        let response = match answer {
            Ok(answer) => encode(answer),
            Err(()) => {
                let problem = Problem::new(Code::Internal);
                match face {
                    Some(face) => face.protocol.refuse(problem, entry),
                    None => problem.into_response(),
                }
            }
        };
        record.finish(&self.metrics, verdict, response.status());
        labelled(response, &record)
    }
}

impl<C: Connectors> Service for Gateway<C> {
    async fn call(self: Arc<Self>, request: HttpRequest<Incoming>, peer: IpAddr) -> Response {
        let (head, body) = request.into_parts();
        let record = self.record(peer, &head.headers);
        let id = record.id.clone();
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
    deadline: Instant,
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
