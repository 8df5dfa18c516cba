//! Numbers for Prometheus.
//!
//! Invariant: label sets are closed. Connectors' names come from the registry, never from a URL, and no label holds
//! anything of a user. A request records through handles that were resolved once per connector, action and outcome.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::readings::{Probe, Readings, Stages};
use super::tls::HandshakeFailure;
use crate::access;
use crate::action::{Action, Outcome};
use crate::hash::BOUNDS;
use crate::protocol::Code;

type Labels = Vec<(&'static str, String)>;

/// Everything that is counted.
pub struct Metrics {
    registry: Registry,
    requests: Family<Labels, Counter>,
    durations: Family<Labels, Histogram, fn() -> Histogram>,
    refusals: Box<[Counter]>,
    decisions: [[Counter; 2]; 3],
    panics: Counter,
    connections: Gauge,
    stages: Arc<Stages>,
    handshake_failures: [Counter; HandshakeFailure::ALL.len()],
    connectors: ArcSwap<HashMap<String, Arc<ConnectorMetrics>>>,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    /// Counts from zero; what others know is read from `readings` at each scrape.
    pub fn new(access: access::Shared, readings: impl Fn() -> Readings + Send + Sync + 'static) -> Self {
        let mut registry = Registry::with_prefix("userbridge");
        let requests = Family::<Labels, Counter>::default();
        registry.register("requests", "Requests by connector, action and outcome", requests.clone());
        let durations = Family::new_with_constructor((|| Histogram::new(BOUNDS)) as fn() -> Histogram);
        registry.register("request_duration_seconds", "From the request's head to its answer", durations.clone());
        let family = Family::<Labels, Counter>::default();
        registry.register("refusals", "Requests that reached no connector, by problem code", family.clone());
        let code = |code: &Code| family.get_or_create_owned(&vec![("code", code.to_string())]);
        let refusals = Code::ALL.iter().map(code).collect();
        let family = Family::<Labels, Counter>::default();
        registry.register("limiter_decisions", "Decisions of the limits", family.clone());
        let decisions = ["client", "address", "account"].map(|scope| {
            ["allowed", "refused"].map(|decision| {
                family.get_or_create_owned(&vec![("scope", scope.to_owned()), ("decision", decision.to_owned())])
            })
        });
        let panics = Counter::default();
        registry.register("panics", "Requests that a defect of the gateway ended", panics.clone());
        let connections = Gauge::default();
        registry.register("connections", "Connections that are open", connections.clone());
        let stages = Arc::new(Stages::default());
        let family = Family::<Labels, Counter>::default();
        registry.register(
            "tls_handshake_failures",
            "Connections that ended before a request, by reason",
            family.clone(),
        );
        let handshake_failures = HandshakeFailure::ALL
            .map(|failure| family.get_or_create_owned(&vec![("reason", failure.as_str().to_owned())]));
        registry.register_collector(Box::new(Probe::new(access, Arc::clone(&stages), readings)));
        let connectors = ArcSwap::default();
        Self {
            registry,
            requests,
            durations,
            refusals,
            decisions,
            panics,
            connections,
            stages,
            handshake_failures,
            connectors,
        }
    }

    /// The exposition, in the text format of OpenMetrics 1.0.
    ///
    /// # Errors
    /// A reading cannot be formatted.
    pub fn render(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }

    /// The handles of a connector of the registry.
    pub(super) fn connector(&self, name: &str) -> Arc<ConnectorMetrics> {
        if let Some(known) = self.connectors.load().get(name) {
            return Arc::clone(known);
        }
        let new = Arc::new(ConnectorMetrics::new(name));
        self.connectors.rcu(|known| {
            let mut known = HashMap::clone(known);
            known.entry(name.to_owned()).or_insert_with(|| Arc::clone(&new));
            known
        });
        // Another thread may have been first; its handles count the same series.
        self.connectors.load().get(name).map_or(new, Arc::clone)
    }

    /// Counts an answer or a refusal of a connector.
    pub(super) fn answered(&self, of: &ConnectorMetrics, action: Action, verdict: Verdict, duration: Duration) {
        let handles = &of.actions[action as usize];
        let labels = || vec![("connector", of.name.clone()), ("action", action.to_string())];
        let counter = handles.verdicts[verdict.0].get_or_init(|| {
            let mut labels = labels();
            labels.push(("outcome", verdict.as_str().to_owned()));
            self.requests.get_or_create_owned(&labels)
        });
        counter.inc();
        let histogram = handles.duration.get_or_init(|| self.durations.get_or_create_owned(&labels()));
        histogram.observe(duration.as_secs_f64());
    }

    /// Counts a request that reached no connector.
    pub(super) fn refused(&self, code: Code) {
        self.refusals[code as usize].inc();
    }

    /// Counts a decision of a limit.
    pub(super) fn limited(&self, scope: Limit, allowed: bool) {
        self.decisions[scope as usize][usize::from(!allowed)].inc();
    }

    /// Notes how long a stage of a request took.
    pub(super) fn stage(&self, stage: Stage, duration: Duration) {
        let timings = match stage {
            Stage::Body => &self.stages.body,
            Stage::Connector => &self.stages.connector,
        };
        timings.note(duration);
    }

    /// Counts a panic.
    pub(super) fn panicked(&self) {
        self.panics.inc();
    }

    /// Counts a connection that TLS ended.
    pub(super) fn handshake_failed(&self, failure: HandshakeFailure) {
        self.handshake_failures[failure as usize].inc();
    }

    /// Counts a connection for as long as the value lives.
    pub(super) fn connected(&self) -> Connected {
        self.connections.inc();
        Connected(self.connections.clone())
    }
}

/// An open connection.
#[derive(Debug)]
pub(super) struct Connected(Gauge);

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// The three limits.
#[derive(Clone, Copy, Debug)]
pub(super) enum Limit {
    Client,
    Address,
    Account,
}

impl Limit {
    /// The reason in records.
    pub(super) const fn reason(self) -> &'static str {
        match self {
            Self::Client => "client_limit",
            Self::Address => "address_limit",
            Self::Account => "account_limit",
        }
    }
}

/// The parts of a request that the server itself can time.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stage {
    /// Until the body was read.
    Body,
    /// Until the connector answered: its database and its hashing.
    Connector,
}

/// The handles of one connector.
#[derive(Debug)]
pub(super) struct ConnectorMetrics {
    name: String,
    actions: [ActionMetrics; Action::ALL.len()],
}

#[derive(Debug)]
struct ActionMetrics {
    verdicts: [OnceLock<Counter>; Verdict::COUNT],
    duration: OnceLock<Histogram>,
}

impl ConnectorMetrics {
    fn new(name: &str) -> Self {
        let action =
            |_| ActionMetrics { verdicts: [const { OnceLock::new() }; Verdict::COUNT], duration: OnceLock::new() };
        Self { name: name.to_owned(), actions: std::array::from_fn(action) }
    }

    /// The connector's name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

/// The outcome of a request as a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Verdict(usize);

impl Verdict {
    const POSITIVE: [&str; 6] = ["authenticated", "found", "created", "changed", "unchanged", "listed"];
    const COUNT: usize = Code::ALL.len() + Self::POSITIVE.len();

    /// The label in metrics and logs.
    pub(super) fn as_str(self) -> &'static str {
        match self.0.checked_sub(Code::ALL.len()) {
            Some(positive) => Self::POSITIVE[positive],
            None => Code::ALL[self.0].as_str(),
        }
    }
}

impl From<Code> for Verdict {
    fn from(code: Code) -> Self {
        Self(code as usize)
    }
}

impl From<&Outcome> for Verdict {
    fn from(outcome: &Outcome) -> Self {
        let positive = |index: usize| Self(Code::ALL.len() + index);
        match outcome {
            Outcome::Authenticated(_) => positive(0),
            Outcome::Found(_) => positive(1),
            Outcome::Created(_) => positive(2),
            Outcome::Changed => positive(3),
            Outcome::Unchanged => positive(4),
            Outcome::Listed(_) => positive(5),
            Outcome::WrongCredentials(_) => Code::WrongCredentials.into(),
            Outcome::Denied(_) => Code::Denied.into(),
            Outcome::NotFound => Code::NotFound.into(),
            Outcome::UserExists => Code::UserExists.into(),
            Outcome::Rejected(_) => Code::Rejected.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::{Denial, Object, Profile, Refusal, Rejection};

    #[test]
    fn verdicts_are_named_like_the_outcomes() {
        let profile = || Profile::new("1".to_owned(), Object::new());
        let outcomes = [
            Outcome::Authenticated(profile()),
            Outcome::WrongCredentials(Refusal::UnknownUser),
            Outcome::Denied(Denial::new("")),
            Outcome::Found(profile()),
            Outcome::NotFound,
            Outcome::Listed(crate::action::Page::default()),
            Outcome::Created(None),
            Outcome::UserExists,
            Outcome::Rejected(Rejection { code: "x", message: String::new() }),
            Outcome::Changed,
            Outcome::Unchanged,
        ];
        for outcome in outcomes {
            assert_eq!(Verdict::from(&outcome).as_str(), outcome.as_str());
        }
        for (index, code) in Code::ALL.iter().enumerate() {
            assert_eq!(*code as usize, index);
        }
        for (index, action) in Action::ALL.into_iter().enumerate() {
            assert_eq!(action as usize, index);
        }
    }
}
