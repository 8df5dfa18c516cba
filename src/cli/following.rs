//! The gateway's settings while it runs: clients, networks and limits follow the file, the rest needs a restart.
//!
//! Invariant: settings that are refused change nothing.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use super::access::tokens::Declared;
use super::tokens;
use crate::access::{self, Access};
use crate::definition::{Gateway, check_gateway, read};
use crate::diagnostic::{Report, Source};
use crate::reload::{Digest, SETTLED, SETTLED_SMALLER, Settling, Trigger};

/// The settings' file and what of it is in force.
pub(super) struct FollowedSettings {
    pub path: PathBuf,
    access: access::Shared,
    start_only: StartOnly,
    /// Of the content that was decided upon last.
    digest: Digest,
    settling: Settling,
    clients: usize,
    /// The keys that sign tokens, as they were read last.
    keys: Result<Vec<String>, String>,
}

impl FollowedSettings {
    /// Follows the file from the content that is in force.
    pub fn new(path: PathBuf, text: &str, gateway: &Gateway, access: access::Shared) -> Self {
        let (start_only, clients) = (StartOnly::of(gateway), gateway.raw.clients.len());
        let digest = digest(text);
        let keys = Ok(access.load().authenticator().authority().map_or_else(Vec::new, |own| own.key_ids()));
        Self { path, access, start_only, digest, settling: Settling::default(), clients, keys }
    }

    /// Puts changed settings in force once they are believed; until then, how long to wait.
    pub fn look(&mut self, trigger: Trigger, now: Instant) -> Option<Duration> {
        let Ok(source) = read(&self.path) else { return None };
        let digest = digest(&source.text);
        let checked = check(&source);
        if self.digest == digest {
            self.settling.done();
            if let Ok(checked) = checked {
                self.look_at_keys(checked);
            }
            return None;
        }
        // The first half of a file would take clients away from one moment to the next.
        let smaller = checked.as_ref().is_ok_and(|checked| checked.gateway.raw.clients.len() < self.clients);
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
                self.put(checked);
            }
            Err(report) => tracing::error!("settings refused, the last good ones stay:\n{}", report.render(false)),
        }
        None
    }

    /// Keys are added and removed beside the settings, not in them.
    fn look_at_keys(&mut self, mut checked: Checked) {
        let keys = self.read_keys(&mut checked);
        if keys != self.keys {
            self.keys = keys;
            self.put(checked);
        }
    }

    fn read_keys(&self, checked: &mut Checked) -> Result<Vec<String>, String> {
        let first = self.access.load().authenticator().authority().is_none();
        tokens::read_keys(&mut checked.tokens, tokens::beside(&self.path), first)?;
        Ok(tokens::key_ids(checked.tokens.as_ref()))
    }

    fn put(&mut self, checked: Checked) {
        let Checked { gateway, mut settings, tokens } = checked;
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
                self.clients = gateway.raw.clients.len();
                tokens::warm(&new);
                self.access.store(Arc::new(new));
                tracing::info!("clients, networks, limits and keys are those of the changed settings");
            }
            Err(error) => tracing::error!(%error, "settings refused, the last good ones stay"),
        }
    }
}

/// Settings that are in order, but for the keys that stand beside them.
struct Checked {
    gateway: Gateway,
    settings: access::Settings,
    tokens: Option<Declared>,
}

fn check(source: &Source) -> Result<Checked, Report> {
    let gateway = check_gateway(source)?;
    let (settings, tokens) = super::access::settings(&gateway.raw, source)?;
    Ok(Checked { gateway, settings, tokens })
}

fn digest(text: &str) -> Digest {
    Sha256::digest(text.as_bytes()).into()
}

/// Settings that are read at the start only, as text, by their keys.
struct StartOnly([(&'static str, String); 5]);

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
        ])
    }

    /// The keys whose values are others.
    fn differences(&self, other: &Self) -> Vec<&'static str> {
        self.0.iter().zip(&other.0).filter(|(one, other)| one.1 != other.1).map(|(one, _)| one.0).collect()
    }
}
