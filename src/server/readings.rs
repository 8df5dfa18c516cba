//! What is read at each scrape rather than counted.
//!
//! Invariant: whoever knows a number tells it through plain values, so the server needs to know neither the reloader
//! nor the hashing pool.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeGaugeValue};
use prometheus_client::metrics::MetricType;

use crate::access;
use crate::db::PoolState;
use crate::handler::BreakerState;

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
    /// Passwords that wait to be hashed.
    pub hash_queue_depth: u64,
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

/// Asks for the readings at each scrape.
pub(super) struct Probe {
    access: access::Shared,
    readings: Box<dyn Fn() -> Readings + Send + Sync>,
}

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Probe").finish_non_exhaustive()
    }
}

type Series<V> = Vec<(Vec<(&'static str, String)>, V)>;

impl Probe {
    pub(super) fn new(access: access::Shared, readings: impl Fn() -> Readings + Send + Sync + 'static) -> Self {
        Self { access, readings: Box::new(readings) }
    }

    fn limiter_keys(&self) -> Series<i64> {
        let access = self.access.load();
        let limiters = [("address", access.address_limiter()), ("account", access.account_limiter())];
        let keys = |(scope, limiter): (&str, Option<&std::sync::Arc<access::Limiter>>)| {
            limiter.map(|limiter| (vec![("scope", scope.to_owned())], whole(limiter.keys())))
        };
        limiters.into_iter().filter_map(keys).collect()
    }
}

impl Collector for Probe {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let readings = (self.readings)();
        let connector = |name: &str| vec![("connector", name.to_owned())];
        let reloads = |value: fn(&Reload) -> f64| -> Series<f64> {
            readings.reloads.iter().map(|reload| (connector(&reload.connector), value(reload))).collect()
        };
        let mut gauges = Gauges(&mut encoder);
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
        let depth = vec![(vec![], readings.hash_queue_depth as i64)];
        gauges.add("hash_queue_depth", "Passwords that wait to be hashed", depth)?;
        gauges.add("limiter_keys", "Keys that the limits hold", self.limiter_keys())
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

struct Gauges<'e, 'w>(&'e mut DescriptorEncoder<'w>);

impl Gauges<'_, '_> {
    fn add<V: EncodeGaugeValue>(&mut self, name: &str, help: &str, series: Series<V>) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        series.iter().try_for_each(|(labels, value)| match labels.is_empty() {
            true => metric.encode_gauge(value),
            false => metric.encode_family(labels)?.encode_gauge(value),
        })
    }
}
