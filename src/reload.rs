//! Keeps what is served equal to what is on disk: watch, load, compile, swap, or keep the last good and say why.
//!
//! Invariant: a broken, empty or vanished file never takes a connector out of service by itself, and never touches
//! another connector. A new registry is built aside and swapped in by one store.

mod watch;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

pub use self::watch::{Trigger, follow};
use crate::definition::{Loaded, files, load_file};
use crate::diagnostic::Report;
use crate::handler::Resources;
use crate::registry::{Connector, Registry, Shared};

/// How long a connector is served on after its file has vanished.
pub const GRACE: Duration = Duration::from_secs(30);

/// Reads the values that definitions refer to.
pub type Variable = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Loads definitions and publishes the registry that is served.
pub struct Reloader {
    directory: PathBuf,
    resources: Resources,
    variable: Variable,
    files: BTreeMap<PathBuf, FileState>,
    connectors: BTreeMap<String, Served>,
    shared: Shared,
}

/// What is known of one file.
struct FileState {
    /// Of the file's bytes and of the files that it refers to.
    digest: [u8; 32],
    /// The connector that the file defines, or defined when it was last fine.
    connector: Option<String>,
    /// Why the file's present content is not served.
    refused: Option<Report>,
}

/// One connector in service.
struct Served {
    connector: Arc<Connector>,
    file: PathBuf,
    missing_since: Option<Instant>,
}

/// What a pass over the directory changed.
#[derive(Debug, Default)]
pub struct Change {
    /// Connectors that are new or have a new version.
    pub published: Vec<(String, String)>,
    /// Connectors that are served no longer.
    pub removed: Vec<String>,
    /// Files whose new content is refused.
    pub refused: Vec<Report>,
}

impl Change {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.published.is_empty() && self.removed.is_empty() && self.refused.is_empty()
    }
}

/// Why a vanished file is not acted upon yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletion {
    /// Vanished connectors are removed when their grace is over, unless more than half are gone at once.
    Careful,
    /// The operator has confirmed: vanished connectors are removed now.
    Confirmed,
}

impl Reloader {
    /// A reloader that has loaded nothing yet.
    pub fn new(directory: impl Into<PathBuf>, resources: Resources, variable: Variable) -> Self {
        Self {
            directory: directory.into(),
            resources,
            variable,
            files: BTreeMap::new(),
            connectors: BTreeMap::new(),
            shared: Arc::new(ArcSwap::from_pointee(Registry::default())),
        }
    }

    /// The registry that is served; later passes replace what it points to.
    pub fn shared(&self) -> Shared {
        Arc::clone(&self.shared)
    }

    /// The directory of the definitions.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Compares the directory with what is served, and publishes what changed for the better.
    pub fn pass(&mut self, now: Instant, deletion: Deletion) -> Change {
        let mut change = Change::default();
        let Ok(present) = files(&self.directory) else {
            // An unmounted volume says nothing about the connectors.
            if !self.connectors.is_empty() {
                tracing::error!(directory = %self.directory.display(), "cannot read the directory of definitions; serving on");
            }
            return change;
        };
        for path in &present {
            self.visit(path, &mut change);
        }
        self.files.retain(|path, _| present.contains(path));
        self.note_missing(now);
        self.remove_missing(now, deletion, &mut change);
        if !change.published.is_empty() || !change.removed.is_empty() {
            let connectors = self.connectors.values().map(|served| Arc::clone(&served.connector));
            self.shared.store(Arc::new(Registry::new(connectors)));
        }
        change
    }

    /// Loads one file if its bytes are new.
    fn visit(&mut self, path: &Path, change: &mut Change) {
        let references = self.references(path);
        let digest = digest(path, &references);
        if let Some(known) = self.files.get(path)
            && known.digest == digest
        {
            return;
        }
        let variable = Arc::clone(&self.variable);
        let mut loaded = load_file(path, &*variable);
        if let Some(other) = self.owner(&loaded, path) {
            loaded.refuse_as_duplicate_of(&other);
        }
        let earlier = self.files.get(path).and_then(|state| state.connector.clone());
        let state = match self.publish(loaded, change) {
            Ok(name) => FileState {
                digest: self::digest(path, &self.references_of(&name)),
                connector: Some(name),
                refused: None,
            },
            Err(report) => {
                change.refused.push(report.clone());
                FileState { digest, connector: earlier, refused: Some(report) }
            }
        };
        self.files.insert(path.to_owned(), state);
    }

    /// Another file that is there and defines the same connector.
    fn owner(&self, loaded: &Loaded, path: &Path) -> Option<PathBuf> {
        let name = &loaded.definition.as_ref()?.name;
        let served = self.connectors.get(name)?;
        (served.file != path && served.file.exists()).then(|| served.file.clone())
    }

    /// Opens a definition's connector and puts it in the place of the earlier version.
    fn publish(&mut self, loaded: Loaded, change: &mut Change) -> Result<String, Report> {
        let Loaded { path, definition, report } = loaded;
        let Some(definition) = definition else { return Err(report) };
        let name = definition.name.clone();
        let earlier = self.connectors.get_mut(&name);
        if let Some(served) = earlier
            && served.connector.definition().fingerprint == definition.fingerprint
        {
            served.missing_since = None;
            served.file = path;
            return Ok(name);
        }
        let before = self.connectors.get(&name).map(|served| Arc::clone(&served.connector));
        let connector = match Connector::open(definition, self.resources.clone(), before.as_deref()) {
            Ok(connector) => Arc::new(connector),
            Err(error) => {
                tracing::error!(connector = name, %error, "cannot open the database");
                return Err(report);
            }
        };
        change.published.push((name.clone(), connector.version.clone()));
        self.connectors.insert(name.clone(), Served { connector, file: path, missing_since: None });
        Ok(name)
    }

    /// A connector is missing while no file that is there defines it, or defined it when it was last fine.
    fn note_missing(&mut self, now: Instant) {
        for (name, served) in &mut self.connectors {
            let defined = self.files.values().any(|state| state.connector.as_ref() == Some(name));
            match (defined, served.missing_since) {
                (true, _) => served.missing_since = None,
                (false, None) => {
                    served.missing_since = Some(now);
                    tracing::warn!(connector = name, file = %served.file.display(), "the file has vanished; serving on");
                }
                (false, Some(_)) => {}
            }
        }
    }

    fn remove_missing(&mut self, now: Instant, deletion: Deletion, change: &mut Change) {
        let missing = self.connectors.values().filter(|served| served.missing_since.is_some()).count();
        let massive = missing * 2 > self.connectors.len();
        if massive && deletion == Deletion::Careful {
            if missing > 0 {
                tracing::warn!(
                    missing,
                    "more than half of the definitions have vanished; SIGHUP confirms their removal"
                );
            }
            return;
        }
        self.connectors.retain(|name, served| {
            let over = served.missing_since.is_some_and(|since| now.duration_since(since) >= GRACE);
            let keep = served.missing_since.is_none() || (deletion == Deletion::Careful && !over);
            if !keep {
                tracing::warn!(connector = name, "removed, because its file has vanished");
                change.removed.push(name.clone());
            }
            keep
        });
    }

    /// The files that the connector of this path refers to.
    fn references(&self, path: &Path) -> Vec<PathBuf> {
        self.files
            .get(path)
            .and_then(|state| state.connector.as_ref())
            .map_or(Vec::new(), |name| self.references_of(name))
    }

    fn references_of(&self, name: &str) -> Vec<PathBuf> {
        self.connectors.get(name).map_or(Vec::new(), |served| served.connector.definition().references.clone())
    }

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
        let never =
            self.files.iter().filter(|(_, state)| state.connector.is_none()).map(|(file, state)| ConnectorStatus {
                connector: None,
                file: file.clone(),
                version: None,
                refused: state.refused.as_ref().map(|report| report.render(false)),
                missing_for: None,
            });
        served.chain(never).collect()
    }
}

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

/// A digest of a file and of those that it refers to; files that cannot be read count as such.
fn digest(path: &Path, references: &[PathBuf]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for path in std::iter::once(path).chain(references.iter().map(PathBuf::as_path)) {
        // FIFOs and devices would block.
        let regular = std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
        match regular.then(|| std::fs::read(path)) {
            Some(Ok(bytes)) => {
                hash.update((bytes.len() as u64).to_le_bytes());
                hash.update(bytes);
            }
            _ => hash.update(u64::MAX.to_le_bytes()),
        }
    }
    hash.finalize().into()
}
