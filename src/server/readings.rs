//! What is read at each scrape rather than counted.
//!
//! Invariant: whoever knows a number tells it through plain values, so the server needs to know neither the reloader
//! nor the hashing pool.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeGaugeValue, NoLabelSet};
use prometheus_client::metrics::MetricType;

use crate::db::PoolState;
use crate::handler::BreakerState;
use crate::hash::{BOUNDS, Distribution, Timings};
use crate::{access, audit};

/// The state of everything beside the server.
#[derive(Clone, Debug, Default)]
pub struct Readings {
    /// Each connector's last load.
    pub reloads: Vec<Reload>,
    /// The digest of everything that is served; tells instances with different files apart.
    pub config_hash: Option<String>,
    /// Registries that are still in use; more than two means that old requests do not end.
    pub generations: u64,
    /// When the watcher last looked at the files, in seconds since 1970.
    pub watcher_last_tick: Option<f64>,
    /// Each connector's connections.
    pub pools: Vec<(String, PoolState)>,
    /// Each connector's breaker.
    pub breakers: Vec<(String, BreakerState)>,
    /// How far each connector's migration has come.
    pub migrations: Vec<Moving>,
    /// Passwords that wait to be hashed.
    pub hash_queue_depth: u64,
    /// Tasks of the runtime that have not ended.
    pub tasks: u64,
    /// How long passwords waited to be hashed.
    pub hash_waits: Distribution,
    /// How long hashing them took.
    pub hash_work: Distribution,
    /// What became of audit records, where they are kept.
    pub audit: Option<audit::Totals>,
    /// When the gateway's TLS certificate expires, in seconds since 1970.
    pub certificate_expires: Option<f64>,
    /// Lines of the log that were lost because nobody took them.
    pub log_lines_dropped: u64,
}

/// A connector's last load.
#[derive(Clone, Debug)]
pub struct Reload {
    /// The connector.
    pub connector: String,
    /// Whether the file as it is now is what is served.
    pub successful: bool,
    /// When a load last succeeded, in seconds since 1970.
    pub last_success: f64,
}

/// How far a connector's migration has come.
#[derive(Clone, Debug, Default)]
pub struct Moving {
    /// The connector.
    pub connector: String,
    /// Users of each state in the managed store.
    pub users: Vec<(&'static str, u64)>,
    /// Users who are not migrated yet, where they are counted.
    pub remaining: Option<u64>,
    /// Users whose migration this process completed.
    pub completed: u64,
    /// Right logins that could not migrate their user, by class.
    pub failures: Vec<(&'static str, u64)>,
}

/// How long the stages of requests took that the server times itself.
#[derive(Debug, Default)]
pub(super) struct Stages {
    pub(super) body: Timings,
    pub(super) connector: Timings,
}

/// Asks for the readings at each scrape.
pub(super) struct Probe {
    access: access::Shared,
    stages: Arc<Stages>,
    readings: Box<dyn Fn() -> Readings + Send + Sync>,
}

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Probe").finish_non_exhaustive()
    }
}

type Series<V> = Vec<(Vec<(&'static str, String)>, V)>;

impl Probe {
    pub(super) fn new(
        access: access::Shared,
        stages: Arc<Stages>,
        readings: impl Fn() -> Readings + Send + Sync + 'static,
    ) -> Self {
        Self { access, stages, readings: Box::new(readings) }
    }

    fn limiter_keys(&self) -> Series<i64> {
        let access = self.access.load();
        let address = access.address_limiter().map(|limiter| ("address", limiter.keys()));
        let account = access.account_limiter().map(|limiter| limiter.keys());
        let accounts = account.map(|(sources, accounts)| [("account_source", sources), ("account", accounts)]);
        let keys = |(scope, keys): (&str, usize)| (vec![("scope", scope.to_owned())], whole(keys));
        address.into_iter().chain(accounts.into_iter().flatten()).map(keys).collect()
    }
}

impl Collector for Probe {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let readings = (self.readings)();
        let connector = |name: &str| vec![("connector", name.to_owned())];
        let reloads = |value: fn(&Reload) -> f64| -> Series<f64> {
            readings.reloads.iter().map(|reload| (connector(&reload.connector), value(reload))).collect()
        };
        let mut gauges = Readers(&mut encoder);
        gauges.add(
            "config_last_reload_successful",
            "Whether the connector's file as it is now is what is served",
            reloads(|reload| f64::from(u8::from(reload.successful))),
        )?;
        gauges.add(
            "config_last_reload_success_timestamp_seconds",
            "When the connector was last loaded",
            reloads(|reload| reload.last_success),
        )?;
        let hash: Series<i64> = readings.config_hash.iter().map(|hash| (vec![("hash", hash.clone())], 1)).collect();
        gauges.add("config_hash_info", "The digest of everything that is served", hash)?;
        gauges.add(
            "config_generations",
            "Registries that are still in use",
            vec![(vec![], readings.generations as i64)],
        )?;
        let tick: Series<f64> = readings.watcher_last_tick.iter().map(|tick| (vec![], *tick)).collect();
        gauges.add("watcher_last_tick_timestamp_seconds", "When the watcher last looked at the files", tick)?;
        gauges.add("pool_connections", "Connections to the database", pools(&readings.pools))?;
        let breakers: Series<i64> =
            readings.breakers.iter().map(|(name, state)| (connector(name), *state as i64)).collect();
        gauges.add("breaker_state", "Whether the database is asked: 0 yes, 1 probed now, 2 no", breakers)?;
        gauges.migrations(&readings.migrations)?;
        let depth = vec![(vec![], readings.hash_queue_depth as i64)];
        gauges.add("hash_queue_depth", "Passwords that wait to be hashed", depth)?;
        gauges.add("limiter_keys", "Keys that the limits hold", self.limiter_keys())?;
        let tasks = vec![(vec![], readings.tasks as i64)];
        gauges.add("runtime_tasks", "Tasks of the runtime that have not ended", tasks)?;
        let stages = [
            ("body", self.stages.body.read()),
            ("connector", self.stages.connector.read()),
            ("hash_wait", readings.hash_waits),
            ("hash", readings.hash_work),
        ];
        gauges.histograms("stage_duration_seconds", "How long the stages of requests took", "stage", &stages)?;
        gauges.count(
            "log_lines_dropped",
            "Log lines that standard error did not take",
            &[(vec![], readings.log_lines_dropped)],
        )?;
        if let Some(expires) = readings.certificate_expires {
            let series = vec![(vec![], expires)];
            gauges.add("tls_certificate_expiry_timestamp_seconds", "When the TLS certificate expires", series)?;
        }
        match &readings.audit {
            Some(totals) => gauges.audit(totals),
            None => Ok(()),
        }
    }
}

fn pools(pools: &[(String, PoolState)]) -> Series<i64> {
    let states = |(name, pool): &(String, PoolState)| {
        let idle = pool.open.saturating_sub(pool.busy);
        let labels = |state: &str| vec![("connector", name.clone()), ("state", state.to_owned())];
        [("idle", idle), ("busy", pool.busy), ("limit", pool.limit)].map(|(state, n)| (labels(state), whole(n)))
    };
    pools.iter().flat_map(states).collect()
}

fn whole(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

struct Readers<'e, 'w>(&'e mut DescriptorEncoder<'w>);

impl Readers<'_, '_> {
    fn add<V: EncodeGaugeValue>(&mut self, name: &str, help: &str, series: Series<V>) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        series.iter().try_for_each(|(labels, value)| match labels.is_empty() {
            true => metric.encode_gauge(value),
            false => metric.encode_family(labels)?.encode_gauge(value),
        })
    }

    fn count(&mut self, name: &str, help: &str, series: &[(Vec<(&'static str, String)>, u64)]) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        series.iter().try_for_each(|(labels, value)| match labels.is_empty() {
            true => metric.encode_counter::<NoLabelSet, _, f64>(value, None),
            false => metric.encode_family(labels)?.encode_counter::<NoLabelSet, _, f64>(value, None),
        })
    }

    fn histograms(
        &mut self,
        name: &str,
        help: &str,
        label: &'static str,
        series: &[(&str, Distribution)],
    ) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Histogram)?;
        series.iter().try_for_each(|(value, distribution)| {
            // The last class is the one beyond every bound.
            let bounds = BOUNDS.into_iter().chain([f64::INFINITY]);
            let classes: Vec<_> = bounds.zip(distribution.classes).collect();
            let labels = [(label, *value)];
            let mut family = metric.encode_family(&labels)?;
            family.encode_histogram::<NoLabelSet>(distribution.sum, distribution.count(), &classes, None)
        })
    }

    fn migrations(&mut self, all: &[Moving]) -> fmt::Result {
        if all.is_empty() {
            return Ok(());
        }
        let both = |moving: &Moving, label, value: &str| {
            vec![("connector", moving.connector.clone()), (label, value.to_owned())]
        };
        let users = all.iter().flat_map(|moving| {
            moving.users.iter().map(move |(state, count)| (both(moving, "state", state), *count as i64))
        });
        self.add("migration_users", "Users in the managed store", users.collect())?;
        let one = |moving: &Moving| vec![("connector", moving.connector.clone())];
        let remaining = all.iter().filter_map(|moving| Some((one(moving), moving.remaining? as i64)));
        self.add("migration_remaining_users", "Users who are not migrated yet", remaining.collect())?;
        let completed: Vec<_> = all.iter().map(|moving| (one(moving), moving.completed)).collect();
        self.count("migration_completed", "Users whose migration was completed", &completed)?;
        let failures: Vec<_> = all
            .iter()
            .flat_map(|moving| moving.failures.iter().map(move |(class, count)| (both(moving, "class", class), *count)))
            .collect();
        self.count("migration_failures", "Right logins that could not migrate their user", &failures)
    }

    fn audit(&mut self, totals: &audit::Totals) -> fmt::Result {
        let result = |result: &str, count| (vec![("result", result.to_owned())], count);
        let records =
            [result("written", totals.written), result("dropped", totals.dropped), result("denied", totals.denied)];
        self.count("audit_records", "What became of audit records; denied ones are of refused requests", &records)?;
        let failures = [(vec![], totals.failures)];
        self.count("audit_write_failures", "Attempts to write audit records that failed", &failures)?;
        self.add("audit_queue_depth", "Audit records that wait", vec![(vec![], totals.waiting as i64)])
    }
}
