//! One record per request: in the log always, in the journal where one is declared.
//!
//! Invariant: each request that was begun has exactly one record, also when its client left or the gateway has a
//! defect. The log's names who asked, what, of which version, and what came of it; never anything of a user.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, StatusCode};
use tokio::time::Instant;

use super::metrics::{ConnectorMetrics, Metrics, Verdict};
use super::span::{Span, Spans};
use super::trace::Trace;
use crate::access::Client;
use crate::action::{Action, Outcome, Request};
use crate::audit::{Audit, Entry, Slot, Unwritable};
use crate::protocol::Code;

/// What is known of a request so far.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) id: HeaderValue,
    pub(super) trace: Trace,
    pub(super) started: Instant,
    pub(super) address: IpAddr,
    pub(super) client: Option<Arc<Client>>,
    pub(super) action: Option<Action>,
    /// What is spoken.
    pub(super) protocol: Option<&'static str>,
    pub(super) connector: Option<Served>,
    /// Why, in words for the operator.
    pub(super) reason: Option<String>,
    /// Why, as one of a closed set.
    pub(super) class: Option<&'static str>,
    journal: Option<Journal>,
    spans: Option<Spans>,
    finished: bool,
}

/// The connector and the version that a request began with.
#[derive(Debug)]
pub(super) struct Served {
    pub(super) metrics: Arc<ConnectorMetrics>,
    pub(super) version: HeaderValue,
}

/// What only the journal's record holds.
#[derive(Debug)]
struct Journal {
    audit: Arc<Audit>,
    slot: Option<Slot>,
    identifier: Option<String>,
    user_id: Option<String>,
}

impl Record {
    pub(super) fn new(
        id: HeaderValue,
        trace: Trace,
        started: Instant,
        address: IpAddr,
        audit: Option<Arc<Audit>>,
    ) -> Self {
        let journal = audit.map(|audit| Journal { audit, slot: None, identifier: None, user_id: None });
        let (client, action, connector, reason, class) = (None, None, None, None, None);
        Self {
            id,
            trace,
            started,
            address,
            client,
            action,
            protocol: None,
            connector,
            reason,
            class,
            journal,
            spans: None,
            finished: false,
        }
    }

    /// Gives it to these when it is finished.
    pub(super) fn exported(self, spans: Option<Spans>) -> Self {
        let mut record = self;
        record.spans = spans;
        record
    }

    /// The client proved who it is: the request is on its behalf, and belongs to its trace.
    pub(super) fn authenticated(&mut self, client: Arc<Client>, headers: &HeaderMap) -> Arc<Client> {
        self.trace.adopt(headers);
        Arc::clone(self.client.insert(client))
    }

    /// Notes whom the request is about.
    pub(super) fn about(&mut self, request: &Request) {
        if let Some(journal) = &mut self.journal {
            journal.identifier = request.account().map(str::to_owned);
        }
    }

    /// Makes sure, before the action is begun, that its record can be kept.
    pub(super) fn reserve(&mut self, action: Action) -> Result<(), Unwritable> {
        let Some(journal) = &mut self.journal else { return Ok(()) };
        journal.slot = Some(journal.audit.reserve(action).inspect_err(|_| self.class = Some("audit_unwritable"))?);
        Ok(())
    }

    /// Notes the user that the store named.
    pub(super) fn answered(&mut self, outcome: &Outcome) {
        let profile = match outcome {
            Outcome::Authenticated(profile) | Outcome::Found(profile) | Outcome::Created(Some(profile)) => profile,
            _ => return,
        };
        if let Some(journal) = &mut self.journal {
            journal.user_id = Some(profile.user_id().to_owned());
        }
    }

    /// Counts and records what came of the request.
    pub(super) fn finish(&mut self, metrics: &Metrics, verdict: Verdict, status: StatusCode) {
        let duration = self.started.elapsed();
        if let (Some(served), Some(action)) = (&self.connector, self.action) {
            metrics.answered(&served.metrics, action, verdict, duration);
        }
        self.write(verdict.as_str(), Some(status), duration);
    }

    /// Counts and records that the request got no further than the gateway.
    pub(super) fn refuse(&mut self, metrics: &Metrics, code: Code, status: StatusCode) {
        if self.connector.is_none() {
            metrics.refused(code);
        }
        self.finish(metrics, code.into(), status);
    }

    /// Records what came of a request that is about no connector.
    pub(super) fn conclude(&mut self, outcome: &'static str, status: StatusCode) {
        self.write(outcome, Some(status), self.started.elapsed());
    }

    fn write(&mut self, outcome: &'static str, status: Option<StatusCode>, duration: Duration) {
        self.finished = true;
        let duration_us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        tracing::info!(
            target: "userbridge::request",
            request_id = text(&self.id),
            trace_id = %self.trace,
            client = self.client.as_deref().map(Client::id),
            address = %self.address,
            connector = self.connector.as_ref().map(|served| served.metrics.name()),
            version = self.connector.as_ref().map(|served| text(&served.version)),
            action = self.action.map(Action::as_str),
            protocol = self.protocol,
            outcome,
            status = status.map(|status| status.as_u16()),
            reason = self.reason.as_deref().or(self.class),
            duration_us,
            "request"
        );
        if let Some(spans) = self.spans.as_ref().filter(|_| self.trace.is_sampled()) {
            // What nobody takes in time is lost: no request waits for an exporter.
            let _ = spans.try_send(self.span(outcome, status, duration));
        }
        let Some(Journal { audit, slot, identifier, user_id }) = self.journal.take() else { return };
        let entry = Entry {
            time: std::time::SystemTime::UNIX_EPOCH,
            request_id: text(&self.id).to_owned(),
            trace_id: self.trace.to_string(),
            client: self.client.as_ref().map(|client| client.id().to_owned()),
            connector: self.connector.as_ref().map(|served| served.metrics.name().to_owned()),
            version: self.connector.as_ref().map(|served| text(&served.version).to_owned()),
            action: self.action,
            user_id,
            identifier,
            outcome,
            reason: self.class,
            duration_us,
            address: self.address,
        };
        audit.record(slot, entry);
    }

    fn span(&self, outcome: &'static str, status: Option<StatusCode>, duration: Duration) -> Span {
        Span {
            trace: self.trace.id,
            id: self.trace.span,
            parent: self.trace.parent,
            action: self.action,
            client: self.client.as_ref().map(|client| client.id().to_owned()),
            connector: self.connector.as_ref().map(|served| served.metrics.name().to_owned()),
            version: self.connector.as_ref().map(|served| text(&served.version).to_owned()),
            outcome,
            reason: self.class,
            status: status.map(|status| status.as_u16()),
            duration,
        }
    }
}

impl Drop for Record {
    /// Nobody waits for the answer any more, or there is none.
    fn drop(&mut self) {
        if !self.finished {
            let outcome = if std::thread::panicking() { Code::Internal.as_str() } else { "abandoned" };
            self.write(outcome, None, self.started.elapsed());
        }
    }
}

fn text(value: &HeaderValue) -> &str {
    value.to_str().unwrap_or_default()
}
