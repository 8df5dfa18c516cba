//! What the operator sees of a running gateway: its connectors, their databases and the pool of hashes.
//!
//! Invariant: nothing here is asked of a database; what is shown was noted when it happened.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};
use tokio::time::Instant;

use crate::audit;
use crate::cli::log;
use crate::hash::Budget;
use crate::registry::{Connector, Registry, Shared};
use crate::reload::{Change, ConnectorStatus, Reloader};
use crate::server::{Moving, Readings, Reload, Tls};

/// How long until statements that a database refused are prepared again.
const RETRY: Duration = Duration::from_secs(10);

/// The last attempt to prepare a connector's statements.
struct Prepared {
    at: Instant,
    problem: Option<String>,
}

/// What the operator sees.
pub(super) struct State {
    pub shared: Shared,
    budget: Arc<Budget>,
    journal: Option<Arc<audit::Audit>>,
    tls: Option<Arc<Tls>>,
    connectors: Mutex<Vec<ConnectorStatus>>,
    last_success: Mutex<BTreeMap<String, f64>>,
    databases: Mutex<BTreeMap<String, Prepared>>,
    tick: Mutex<f64>,
}

impl State {
    pub fn new(shared: Shared, budget: Arc<Budget>, journal: Option<Arc<audit::Audit>>, tls: Option<Arc<Tls>>) -> Self {
        Self {
            shared,
            budget,
            journal,
            tls,
            connectors: Mutex::default(),
            last_success: Mutex::default(),
            databases: Mutex::default(),
            tick: Mutex::default(),
        }
    }

    pub fn note(&self, reloader: &Reloader, change: &Change) {
        let now = seconds();
        *lock(&self.connectors) = reloader.status(Instant::now());
        let mut successes = lock(&self.last_success);
        successes.extend(change.published.iter().map(|(name, _)| (name.clone(), now)));
        for connector in self.shared.load().connectors() {
            successes.entry(connector.name.clone()).or_insert(now);
        }
        *lock(&self.tick) = now;
    }

    /// Whether the problem is another one than before.
    pub fn note_database(&self, name: &str, problem: Option<String>, at: Instant) -> bool {
        let before = lock(&self.databases).insert(name.to_owned(), Prepared { at, problem: problem.clone() });
        before.is_none_or(|before| before.problem != problem)
    }

    /// Connectors whose statements could not be prepared, and now may be.
    pub fn retried(&self, now: Instant) -> Vec<String> {
        let mut databases = lock(&self.databases);
        let due = databases.iter_mut().filter(|(_, last)| last.problem.is_some() && now >= last.at + RETRY);
        due.map(|(name, last)| {
            last.at = now;
            name.clone()
        })
        .collect()
    }

    pub fn readings(&self) -> Readings {
        let registry = self.shared.load_full();
        let successes = lock(&self.last_success);
        let connectors = lock(&self.connectors);
        let served = connectors.iter().filter_map(|status| Some((status.connector.clone()?, status)));
        Readings {
            reloads: served
                .map(|(connector, status)| Reload {
                    successful: status.refused.is_none() && status.missing_for.is_none(),
                    last_success: successes.get(&connector).copied().unwrap_or_default(),
                    connector,
                })
                .collect(),
            config_hash: Some(digest_of(&registry)),
            generations: Arc::strong_count(&registry).saturating_sub(1) as u64,
            watcher_last_tick: Some(*lock(&self.tick)),
            pools: registry.connectors().map(|c| (c.name.clone(), c.pool())).collect(),
            breakers: registry.connectors().map(|c| (c.name.clone(), c.breaker())).collect(),
            migrations: registry.connectors().filter_map(|connector| moving(connector)).collect(),
            hash_queue_depth: self.budget.state().queued as u64,
            tasks: tokio::runtime::Handle::try_current()
                .map_or(0, |runtime| runtime.metrics().num_alive_tasks() as u64),
            hash_waits: self.budget.waits(),
            hash_work: self.budget.work(),
            audit: self.journal.as_ref().map(|journal| journal.totals()),
            certificate_expires: self.tls.as_ref().and_then(|tls| Some(since_1970(tls.validity()?.end))),
            log_lines_dropped: log::dropped(),
        }
    }

    pub fn to_json(&self) -> serde_json::Value {
        let registry = self.shared.load_full();
        let databases = lock(&self.databases);
        let connectors = lock(&self.connectors);
        let list = connectors.iter().map(|status| {
            let served = status.connector.as_deref().and_then(|name| registry.connector(name));
            let pool = served.map(|connector| connector.pool());
            let database =
                status.connector.as_ref().and_then(|name| databases.get(name)).and_then(|last| last.problem.clone());
            let is_upstream = served.is_some_and(|connector| connector.definition().database().is_none());
            serde_json::json!({
                "connector": status.connector,
                "store": served.map(|_| if is_upstream { "upstream" } else { "database" }),
                "file": status.file.display().to_string(),
                "state": state_of(status),
                "version": status.version,
                "refused": status.refused,
                "missing_seconds": status.missing_for.map(|time| time.as_secs()),
                "database": {
                    "error": pool.as_ref().and_then(|pool| pool.last_error.clone()).or(database),
                    "open": pool.as_ref().map(|pool| pool.open),
                    "busy": pool.as_ref().map(|pool| pool.busy),
                    "limit": pool.as_ref().map(|pool| pool.limit),
                    "breaker": served.map(|connector| connector.breaker().as_str()),
                },
            })
        });
        serde_json::Value::Array(list.collect())
    }
}

/// How far a connector's migration has come, when it has one.
fn moving(connector: &Connector) -> Option<Moving> {
    let counters = connector.managed()?.counters();
    let seen = counters.seen().unwrap_or_default();
    Some(Moving {
        connector: connector.name.clone(),
        users: seen.counts.states.into_iter().collect(),
        remaining: seen.remaining,
        completed: counters.completed(),
        failures: counters.failures().into_iter().collect(),
    })
}

/// One short text for everything that is served: instances with different files differ in it.
fn digest_of(registry: &Registry) -> String {
    let mut hash = Sha256::new();
    for connector in registry.connectors() {
        hash.update(&connector.name);
        hash.update([0]);
        hash.update(&connector.version);
    }
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn state_of(status: &ConnectorStatus) -> &'static str {
    match (&status.connector, &status.refused, status.missing_for) {
        (None, ..) => "refused",
        (Some(_), Some(_), _) => "stale",
        (Some(_), None, Some(_)) => "missing",
        (Some(_), None, None) => "current",
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn seconds() -> f64 {
    since_1970(SystemTime::now())
}

fn since_1970(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}
