//! One record per request.
//!
//! Invariant: a record names who asked, what, of which version, and what came of it; never an identifier, a password
//! or anything else of a user.

use std::net::IpAddr;
use std::sync::Arc;

use http::{HeaderValue, StatusCode};
use tokio::time::Instant;

use super::metrics::{ConnectorMetrics, Metrics, Verdict};
use crate::access::Client;
use crate::action::Action;
use crate::protocol::Code;

/// What is known of a request so far.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) id: HeaderValue,
    pub(super) started: Instant,
    pub(super) address: IpAddr,
    pub(super) client: Option<Arc<Client>>,
    pub(super) action: Option<Action>,
    pub(super) connector: Option<Served>,
    /// Why, in words for the operator.
    pub(super) reason: Option<String>,
}

/// The connector and the version that a request began with.
#[derive(Debug)]
pub(super) struct Served {
    pub(super) metrics: Arc<ConnectorMetrics>,
    pub(super) version: HeaderValue,
}

impl Record {
    pub(super) fn new(id: HeaderValue, started: Instant, address: IpAddr) -> Self {
        Self { id, started, address, client: None, action: None, connector: None, reason: None }
    }

    /// Counts and logs what came of the request.
    pub(super) fn finish(&self, metrics: &Metrics, verdict: Verdict, status: StatusCode) {
        let duration = self.started.elapsed();
        if let (Some(served), Some(action)) = (&self.connector, self.action) {
            metrics.answered(&served.metrics, action, verdict, duration);
        }
        let text = |value: &HeaderValue| value.to_str().map(str::to_owned).unwrap_or_default();
        tracing::info!(
            target: "userbridge::request",
            request_id = text(&self.id),
            client = self.client.as_deref().map(Client::id),
            address = %self.address,
            connector = self.connector.as_ref().map(|served| served.metrics.name()),
            version = self.connector.as_ref().map(|served| text(&served.version)),
            action = self.action.map(Action::as_str),
            outcome = verdict.as_str(),
            status = status.as_u16(),
            reason = self.reason,
            duration_us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX),
            "request"
        );
    }

    /// Counts and logs that the request got no further than the gateway.
    pub(super) fn refuse(&self, metrics: &Metrics, code: Code) {
        if self.connector.is_none() {
            metrics.refused(code);
        }
        self.finish(metrics, code.into(), code.status());
    }
}
