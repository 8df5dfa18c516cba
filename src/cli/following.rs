//! The gateway's settings while it runs: clients, networks, limits, keys and certificates follow their files, the rest
//! needs a restart.
//!
//! Invariant: settings that are refused change nothing. A file beside them that cannot be used leaves its last good
//! content in force, and does not hold back the rest.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use super::access::faces::faces;
use super::access::ldap::directories;
use super::access::networks::NetworkFiles;
use super::access::{Rules, rules};
use super::tls::FollowedTls;
use super::tokens::{self, FirstKey, beside};
use super::{tls, variable};
use crate::access::{self, Access};
use crate::definition::{At, Gateway, RawAudit, RawTls, Surroundings, check_gateway, read};
use crate::diagnostic::{Report, Source};
use crate::protocol::Faces;
use crate::protocol::ldap::Directories;
use crate::reload::{Digest, SETTLED, SETTLED_SMALLER, Settling, Trigger};
use crate::server::Tls;

/// The settings' file and what of it is in force.
pub(super) struct FollowedSettings {
    path: PathBuf,
    /// The settings in force, and their text.
    gateway: Gateway,
    source: Source,
    access: access::Shared,
    start_only: StartOnly,
    networks: NetworkFiles,
    faces: Arc<ArcSwap<Faces>>,
    directories: Arc<ArcSwap<Directories>>,
    tls: Option<FollowedTls>,
    ldap_tls: Option<FollowedTls>,
    /// Of the content that was decided upon last, with that of the files of networks.
    digest: Digest,
    settling: Settling,
    /// The keys that sign tokens, as they were read last.
    keys: Result<Vec<String>, String>,
}

impl FollowedSettings {
    /// Follows the file from the content that is in force.
    pub fn new(
        path: PathBuf,
        source: Source,
        gateway: Gateway,
        access: access::Shared,
        networks: NetworkFiles,
    ) -> Self {
        let start_only = StartOnly::of(&gateway);
        let digest = digest(&source, &networks);
        let keys = Ok(access.load().authenticator().authority().map_or_else(Vec::new, |own| own.key_ids()));
        let settling = Settling::default();
        let (faces, directories) = (Arc::default(), Arc::default());
        let (tls, ldap_tls) = (None, None);
        Self {
            path,
            gateway,
            source,
            access,
            start_only,
            networks,
            faces,
            directories,
            tls,
            ldap_tls,
            digest,
            settling,
            keys,
        }
    }

    /// Keeps these faces current, too.
    pub fn with_faces(self, faces: Arc<ArcSwap<Faces>>) -> Self {
        Self { faces, ..self }
    }

    /// Follows the files of this TLS, too.
    pub fn with_tls(mut self, tls: Option<Arc<Tls>>) -> Self {
        let surroundings = Surroundings { variable: &variable, directory: beside(&self.path) };
        let declared = self.gateway.raw.tls.as_ref();
        self.tls = tls.zip(declared).map(|(tls, raw)| FollowedTls::new(tls, &raw.value, &surroundings));
        self
    }

    /// Keeps LDAP's directories current, too, and follows the files of its own TLS.
    pub fn with_ldap(mut self, directories: Arc<ArcSwap<Directories>>, tls: Option<Arc<Tls>>) -> Self {
        let surroundings = Surroundings { variable: &variable, directory: beside(&self.path) };
        let declared = tls.zip(ldap_tls(&self.gateway));
        self.ldap_tls = declared.map(|(tls, raw)| FollowedTls::new(tls, raw, &surroundings));
        self.directories = directories;
        self
    }

    /// Every file whose change may change something.
    pub fn files(&self) -> Vec<PathBuf> {
        let surroundings = Surroundings { variable: &variable, directory: beside(&self.path) };
        let declared = self.gateway.raw.tls.iter().map(|raw| &raw.value).chain(ldap_tls(&self.gateway));
        let tls = declared.flat_map(|raw| tls::files(raw, &surroundings));
        let networks = self.networks.paths().map(ToOwned::to_owned);
        std::iter::once(self.path.clone()).chain(networks).chain(tls).collect()
    }

    /// Puts changed settings in force once they are believed; until then, how long to wait.
    pub fn look(&mut self, trigger: Trigger, now: Instant) -> Option<Duration> {
        let settings = self.look_at_settings(trigger, now);
        let surroundings = Surroundings { variable: &variable, directory: beside(&self.path) };
        let tls = match (&mut self.tls, &self.gateway.raw.tls) {
            (Some(tls), Some(raw)) => tls.look(&raw.value, &self.source, &surroundings, trigger, now),
            _ => None,
        };
        let ldap = match (&mut self.ldap_tls, ldap_tls(&self.gateway)) {
            (Some(tls), Some(raw)) => tls.look(raw, &self.source, &surroundings, trigger, now),
            _ => None,
        };
        settings.into_iter().chain(tls).chain(ldap).min()
    }

    fn look_at_settings(&mut self, trigger: Trigger, now: Instant) -> Option<Duration> {
        let Ok(source) = read(&self.path) else { return None };
        let checked = check(&source, &mut self.networks, beside(&self.path));
        let digest = digest(&source, &self.networks);
        if self.digest == digest {
            self.settling.done();
            if let Ok(checked) = checked {
                self.look_at_keys(checked, source);
            }
            return None;
        }
        // The first half of a file would take clients or networks away from one moment to the next.
        let (networks, in_force) = self.networks.counts();
        let fewer_clients = |new: &Gateway| new.raw.clients.len() < self.gateway.raw.clients.len();
        let smaller = checked.as_ref().is_ok_and(|new| fewer_clients(&new.gateway) || networks < in_force);
        let settled = if smaller { SETTLED_SMALLER } else { SETTLED };
        let wait = self.settling.wait(digest, settled, now);
        if wait.is_some() && trigger == Trigger::Disk {
            return wait;
        }
        self.digest = digest;
        self.settling.done();
        match checked {
            Ok(mut checked) => {
                self.keys = self.read_keys(&mut checked);
                self.put(checked, source);
            }
            Err(report) => tracing::error!("settings refused, the last good ones stay:\n{}", report.render(false)),
        }
        None
    }

    /// Keys are added and removed beside the settings, not in them.
    fn look_at_keys(&mut self, mut checked: Checked, source: Source) {
        let keys = self.read_keys(&mut checked);
        if keys != self.keys {
            self.keys = keys;
            self.put(checked, source);
        }
    }

    fn read_keys(&self, checked: &mut Checked) -> Result<Vec<String>, String> {
        let first = match self.access.load().authenticator().authority() {
            None => FirstKey::Make,
            Some(_) => FirstKey::Refuse,
        };
        tokens::read_keys(&mut checked.rules.tokens, beside(&self.path), first)?;
        Ok(tokens::key_ids(checked.rules.tokens.as_ref()))
    }

    fn put(&mut self, checked: Checked, source: Source) {
        let Checked { gateway, rules: Rules { mut settings, tokens }, faces, directories } = checked;
        let changed = self.start_only.differences(&StartOnly::of(&gateway));
        if !changed.is_empty() {
            tracing::warn!(settings = changed.join(", "), "these settings need a restart; the old ones stay in force");
        }
        let new = self.keys.as_ref().map(|_| ()).map_err(Clone::clone);
        let new = new
            .and_then(|()| tokens::install(&mut settings, tokens))
            .and_then(|()| Access::new(settings, Some(&self.access.load())).map_err(|error| error.to_string()));
        match new {
            Ok(new) => {
                for problem in self.networks.commit() {
                    tracing::error!(problem, "a file of networks is refused, its last good content stays");
                }
                (self.gateway, self.source) = (gateway, source);
                tokens::warm(&new);
                self.access.store(Arc::new(new));
                self.faces.store(Arc::new(faces));
                self.directories.store(Arc::new(directories));
                tracing::info!("clients, networks, limits, faces and keys are those of the changed settings");
            }
            Err(error) => tracing::error!(%error, "settings refused, the last good ones stay"),
        }
    }
}

/// Settings that are in order, but for the keys and certificates that stand beside them.
struct Checked {
    gateway: Gateway,
    rules: Rules,
    faces: Faces,
    directories: Directories,
}

/// The TLS that LDAP has for itself.
fn ldap_tls(gateway: &Gateway) -> Option<&RawTls> {
    gateway.raw.ldap.as_ref().and_then(|ldap| ldap.value.tls.as_ref()).map(|at| &at.value)
}

fn check(source: &Source, networks: &mut NetworkFiles, directory: &Path) -> Result<Checked, Report> {
    networks.begin();
    let gateway = check_gateway(source)?;
    let mut faults = Vec::new();
    let rules = rules(&gateway.raw, networks, &mut faults);
    let faces = faces(&gateway.raw, &Surroundings { variable: &variable, directory }, &mut faults);
    let directories = directories(&gateway.raw, &mut faults);
    let report = Report::new(source.clone(), faults.into_iter().map(Into::into).collect());
    if report.is_fatal() { Err(report) } else { Ok(Checked { gateway, rules, faces, directories }) }
}

fn digest(source: &Source, networks: &NetworkFiles) -> Digest {
    let mut hash = Sha256::new();
    hash.update((source.text.len() as u64).to_le_bytes());
    hash.update(source.text.as_bytes());
    networks.digest(&mut hash);
    hash.finalize().into()
}

/// Settings that are read at the start only, as text, by their keys.
struct StartOnly([(&'static str, String); 8]);

impl StartOnly {
    fn of(gateway: &Gateway) -> Self {
        let raw = &gateway.raw;
        let hashing = raw.hashing.as_ref();
        let number = |at: Option<&crate::definition::At<u32>>| at.map(|at| at.value);
        let threads = number(hashing.and_then(|hashing| hashing.threads.as_ref()));
        let queue = number(hashing.and_then(|hashing| hashing.queue.as_ref()));
        Self([
            ("listen", gateway.listen.to_string()),
            ("admin", gateway.admin.to_string()),
            ("connectors", raw.connectors.as_ref().map(|at| at.value.clone()).unwrap_or_default()),
            ("hashing", format!("{} {threads:?} {queue:?}", gateway.hashing_memory)),
            ("request_timeout", format!("{:?}", gateway.request_timeout)),
            // Its files and what it asks of callers are followed.
            ("tls", raw.tls.is_some().to_string()),
            // Its directories and the files of its certificate are followed.
            ("ldap", format!("{:?} {}", gateway.ldap, ldap_tls(gateway).is_some())),
            ("audit", raw.audit.as_ref().map(audit).unwrap_or_default()),
        ])
    }

    /// The keys whose values are others.
    fn differences(&self, other: &Self) -> Vec<&'static str> {
        self.0.iter().zip(&other.0).filter(|(one, other)| one.1 != other.1).map(|(one, _)| one.0).collect()
    }
}

fn audit(raw: &RawAudit) -> String {
    let text = |at: &Option<At<String>>| at.as_ref().map(|at| at.value.clone());
    let key = raw.key.as_ref().map(|at| [&at.value.env, &at.value.file, &at.value.credential].map(text));
    let queue = raw.queue.as_ref().map(|at| at.value);
    format!("{} {:?} {:?} {key:?} {queue:?}", raw.to.value, text(&raw.on_failure), text(&raw.identifiers))
}
