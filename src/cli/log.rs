//! Where log records go: standard error, as text for people and as JSON for machines.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use super::variable;

/// Starts logging; `USERBRIDGE_LOG` sets the level, as in `debug` or `userbridge=trace`.
pub(super) fn start() {
    let level = variable("USERBRIDGE_LOG").unwrap_or_else(|| "info".to_owned());
    let filter = EnvFilter::try_new(&level).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start in one process keeps the first.
    let _ = if std::io::stderr().is_terminal() { builder.try_init() } else { builder.json().try_init() };
}
