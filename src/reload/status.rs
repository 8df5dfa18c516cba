//! What the operator is told.

use std::path::PathBuf;
use std::time::Duration;

use tokio::time::Instant;

use super::Reloader;

/// What the operator wants to know of one connector.
#[derive(Clone, Debug)]
pub struct ConnectorStatus {
    /// The name; None for a file that was never fine.
    pub connector: Option<String>,
    /// The file.
    pub file: PathBuf,
    /// The version that is served.
    pub version: Option<String>,
    /// Why the file's present content is not served, as `check` shows it.
    pub refused: Option<String>,
    /// How long the file has been gone.
    pub missing_for: Option<Duration>,
}

impl Reloader {
    /// What is served and what is refused, for the operator.
    pub fn status(&self, now: Instant) -> Vec<ConnectorStatus> {
        let served = self.connectors.iter().map(|(name, served)| {
            let refused = self.files.get(&served.file).and_then(|state| state.refused.as_ref());
            ConnectorStatus {
                connector: Some(name.clone()),
                file: served.file.clone(),
                version: Some(served.connector.version.clone()),
                refused: refused.map(|report| report.render(false)),
                missing_for: served.missing_since.map(|since| now.duration_since(since)),
            }
        });
        let never = self.files.iter().filter(|(_, state)| state.connector.is_none()).filter_map(|(file, state)| {
            let refused = state.refused.as_ref()?.render(false);
            Some(ConnectorStatus {
                connector: None,
                file: file.clone(),
                version: None,
                refused: Some(refused),
                missing_for: None,
            })
        });
        served.chain(never).collect()
    }
}
