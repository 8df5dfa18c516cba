//! Keeps what is served equal to what is on disk: watch, load, compile, swap, or keep the last good and say why.
//!
//! Invariant: a broken, empty or vanished file never takes a connector out of service by itself, and never touches
//! another connector. A new registry is built aside and swapped in by one store.

mod settle;
mod status;
mod watch;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

pub use self::settle::{Digest, SETTLED, SETTLED_SMALLER, Settling};
pub use self::status::ConnectorStatus;
pub use self::watch::{Next, Trigger, follow};
use crate::definition::{Definition, Loaded, files, load_text, read};
use crate::diagnostic::{Code, Fault, Report, Source};
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
    /// Whether the directory could be read; None before the first pass.
    readable: Option<bool>,
    shared: Shared,
}

/// What is known of one file.
#[derive(Default)]
struct FileState {
    /// Of the content that was decided upon last, and of the files that it refers to.
    digest: Option<Digest>,
    /// Content that differs from that.
    settling: Settling,
    /// The files that the served version refers to.
    references: Vec<PathBuf>,
    /// The text of the served version.
    text: Arc<str>,
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

/// Content that is to be decided upon.
struct Fresh {
    digest: Digest,
    loaded: Loaded,
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
    /// Content was seen that is not believed yet: when to look again.
    pub again: Option<Duration>,
}

/// Why a vanished file is not acted upon yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletion {
    /// Vanished connectors are removed when their grace is over, unless more than half are gone at once.
    Careful,
    /// The operator has confirmed: vanished connectors are removed now, and content is believed as it is.
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
            readable: None,
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

    /// Every file whose change may change a definition.
    pub fn watched(&self) -> impl Iterator<Item = &Path> {
        let references = self.files.values().flat_map(|state| &state.references);
        self.files.keys().chain(references).map(PathBuf::as_path)
    }

    /// Compares the directory with what is served, and publishes what changed for the better.
    pub fn pass(&mut self, now: Instant, deletion: Deletion) -> Change {
        let mut change = Change::default();
        let present = match files(&self.directory) {
            Ok(present) => present,
            Err(error) => {
                self.note_unreadable(&error, now);
                return change;
            }
        };
        // At the start there is nothing yet that could go on.
        let careful = self.readable.is_some() && deletion == Deletion::Careful;
        self.readable = Some(true);
        self.files.retain(|path, _| present.contains(path));
        let mut fresh: Vec<_> =
            present.into_iter().filter_map(|path| self.look(path, careful, now, &mut change)).collect();
        self.refuse_duplicates(&mut fresh);
        for fresh in fresh {
            self.decide(fresh, &mut change);
        }
        let newly_missing = self.note_missing(now);
        self.remove_missing(now, deletion, newly_missing, &mut change);
        if !change.published.is_empty() || !change.removed.is_empty() {
            let connectors = self.connectors.values().map(|served| Arc::clone(&served.connector));
            self.shared.store(Arc::new(Registry::new(connectors)));
        }
        change
    }

    /// Reads one file once; its content when that is new and believed.
    fn look(&mut self, path: PathBuf, careful: bool, now: Instant, change: &mut Change) -> Option<Fresh> {
        let read = read(&path);
        let text = read.as_ref().map(|source| Arc::clone(&source.text)).unwrap_or_default();
        let state = self.files.entry(path.clone()).or_default();
        let digest = digest(&read, &state.references);
        let same = state.digest == Some(digest);
        if same {
            state.settling.done();
            // What a refused file needs may have come meanwhile: another file's name, a secret.
            state.refused.as_ref()?;
        }
        let mut unsettled = |settled| {
            let wait = (careful && !same).then(|| state.settling.wait(digest, settled, now)).flatten();
            change.again = change.again.into_iter().chain(wait).min();
            wait.is_some()
        };
        if unsettled(SETTLED) {
            return None;
        }
        let loaded = load_text(&path, read, &*self.variable);
        let served = state.connector.as_ref().and_then(|name| self.connectors.get(name));
        let smaller = loaded.definition.as_ref().zip(served).is_some_and(|(new, served)| {
            is_beginning(&text, &state.text) || lacks_something(new, served.connector.definition())
        });
        if smaller && unsettled(SETTLED_SMALLER) {
            return None;
        }
        Some(Fresh { digest, loaded })
    }

    /// Of two files that define one connector, the one that is served goes first, then the one whose name does.
    fn refuse_duplicates(&self, fresh: &mut [Fresh]) {
        let mut claims: BTreeMap<String, PathBuf> = BTreeMap::new();
        for (path, state) in &self.files {
            let undecided = fresh.iter().any(|fresh| fresh.loaded.path == *path && fresh.loaded.definition.is_some());
            if let Some(name) = state.connector.as_ref().filter(|_| !undecided) {
                claims.insert(name.clone(), path.clone());
            }
        }
        let is_served = |loaded: &Loaded| {
            let name = loaded.definition.as_ref().map(|definition| &definition.name);
            name.and_then(|name| self.connectors.get(name)).is_some_and(|served| served.file == loaded.path)
        };
        fresh.sort_by_key(|fresh| !is_served(&fresh.loaded));
        for Fresh { loaded, .. } in fresh {
            let Some(name) = loaded.definition.as_ref().map(|definition| definition.name.clone()) else { continue };
            let claimed = claims.entry(name).or_insert_with(|| loaded.path.clone());
            if *claimed != loaded.path {
                loaded.refuse_as_duplicate_of(claimed);
            }
        }
    }

    /// Serves new content, or remembers why not.
    fn decide(&mut self, fresh: Fresh, change: &mut Change) {
        let Fresh { digest, loaded } = fresh;
        let path = loaded.path.clone();
        let text = Arc::clone(&loaded.report.source.text);
        let references = loaded.definition.as_ref().map(|definition| definition.references.clone());
        let published = self.publish(loaded, change);
        let state = self.files.entry(path).or_default();
        let same = state.digest.replace(digest) == Some(digest);
        state.settling.done();
        match published {
            Ok(name) => {
                // With other references the digest is another one: the next pass sees that and finds nothing new.
                state.references = references.unwrap_or_default();
                state.connector = Some(name);
                state.text = text;
                state.refused = None;
            }
            Err(report) => {
                let known = state.refused.as_ref().is_some_and(|known| known.render(false) == report.render(false));
                if !(same && known) {
                    change.refused.push(report.clone());
                }
                state.refused = Some(report);
            }
        }
    }

    /// Opens a definition's connector and puts it in the place of the earlier version.
    fn publish(&mut self, loaded: Loaded, change: &mut Change) -> Result<String, Report> {
        let Loaded { path, definition, report } = loaded;
        let Some(definition) = definition else { return Err(report) };
        let name = definition.name.clone();
        let before = self.connectors.get_mut(&name);
        if let Some(served) = before
            && served.connector.definition().fingerprint == definition.fingerprint
        {
            served.missing_since = None;
            served.file = path;
            return Ok(name);
        }
        let before = self.connectors.get(&name).map(|served| Arc::clone(&served.connector));
        let connector = Connector::open(definition, self.resources.clone(), before.as_deref()).map_err(|error| {
            let fault = Fault::new(Code::InvalidUrl, 0..0, format!("cannot open the user store: {error}"));
            Report::new(report.source, vec![fault.help("check its address").into()])
        })?;
        change.published.push((name.clone(), connector.version.clone()));
        self.connectors
            .insert(name.clone(), Served { connector: Arc::new(connector), file: path, missing_since: None });
        Ok(name)
    }

    /// An unmounted volume says nothing about the connectors.
    fn note_unreadable(&mut self, error: &std::io::Error, now: Instant) {
        for served in self.connectors.values_mut() {
            served.missing_since.get_or_insert(now);
        }
        if self.readable.replace(false) != Some(false) {
            let directory = self.directory.display();
            tracing::error!(%directory, %error, "cannot read the directory of definitions; serving on");
        }
    }

    /// A connector is missing while no file that is there defines it, or defined it when it was last fine. Whether
    /// one has become so.
    fn note_missing(&mut self, now: Instant) -> bool {
        let mut newly = false;
        for (name, served) in &mut self.connectors {
            let defined = self.files.values().any(|state| state.connector.as_ref() == Some(name));
            match (defined, served.missing_since) {
                (true, _) => served.missing_since = None,
                (false, None) => {
                    newly = true;
                    served.missing_since = Some(now);
                    tracing::warn!(connector = name, file = %served.file.display(), "the file has vanished; serving on");
                }
                (false, Some(_)) => {}
            }
        }
        newly
    }

    fn remove_missing(&mut self, now: Instant, deletion: Deletion, newly: bool, change: &mut Change) {
        let missing = self.connectors.values().filter(|served| served.missing_since.is_some()).count();
        if missing * 2 > self.connectors.len() && deletion == Deletion::Careful {
            if newly {
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
}

/// Whether a text may be the first part of another one: it is, or it does not end its last line as the other does.
fn is_beginning(text: &str, of: &str) -> bool {
    (text.len() < of.len() && of.starts_with(text)) || (of.ends_with('\n') && !text.ends_with('\n'))
}

/// Whether a definition has fewer parts of some kind than another one.
fn lacks_something(new: &Definition, old: &Definition) -> bool {
    let login = |d: &Definition| d.login.as_ref().map_or(0, |login| 1 + login.after.len());
    let get_user = |d: &Definition| {
        d.get_user.as_ref().map_or([0; 2], |g| [&g.by_identifier, &g.by_user_id].map(|s| usize::from(s.is_some())))
    };
    let create = |d: &Definition| d.create.as_ref().map_or(0, |create| create.write.steps.len());
    let migrates = |d: &Definition| usize::from(d.migration.is_some());
    let kinds = |d: &Definition| {
        let [by_identifier, by_user_id] = get_user(d);
        [
            login(d),
            by_identifier,
            by_user_id,
            create(d),
            d.deny.len(),
            d.profile.len(),
            d.secret_columns.len(),
            migrates(d),
        ]
    };
    let fewer_steps = old
        .writes
        .iter()
        .any(|(action, write)| new.writes.get(action).map_or(0, |write| write.steps.len()) < write.steps.len());
    fewer_steps || kinds(new).into_iter().zip(kinds(old)).any(|(new, old)| new < old)
}

/// A digest of what was read and of the files that it refers to; files that cannot be read count as such.
fn digest(read: &Result<Source, Report>, references: &[PathBuf]) -> Digest {
    let mut hash = Sha256::new();
    let mut part = |kind: u8, bytes: &[u8]| {
        hash.update([kind]);
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    match read {
        Ok(source) => part(0, source.text.as_bytes()),
        Err(report) => part(1, report.render(false).as_bytes()),
    }
    for path in references {
        // FIFOs and devices would block.
        let regular = std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
        match regular.then(|| std::fs::read(path)) {
            Some(Ok(bytes)) => part(2, &bytes),
            _ => part(3, &[]),
        }
    }
    hash.finalize().into()
}
