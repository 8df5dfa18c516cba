//! The journal of the running gateway: its settings, its key and its signals.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::signal::unix::{SignalKind, signal};

use super::access::one;
use super::random;
use crate::access::canonical;
use crate::audit::{Audit, Identifiers, OnFailure, Settings, Shown, Target};
use crate::definition::{At, RawGateway, RawReference, Surroundings, secret};
use crate::diagnostic::{Code, Fault};
use crate::secret::Secret;

/// How long the end of the process waits for the sink.
const PATIENCE: Duration = Duration::from_secs(2);

/// The key of identifiers has no fewer bytes.
const SHORTEST_KEY: usize = 16;

/// Checks the section; None when there is none, or when something about it was found.
pub(super) fn settings(raw: &RawGateway, surroundings: &Surroundings<'_>, faults: &mut Vec<Fault>) -> Option<Settings> {
    let raw = raw.audit.as_ref()?;
    let to = one::<Target>(&raw.to, faults);
    let on_failure = match &raw.on_failure {
        Some(at) => one::<OnFailure>(at, faults),
        None => Some(OnFailure::DenyWrites),
    };
    let shown = match &raw.identifiers {
        Some(at) => one::<Shown>(at, faults),
        None => Some(Shown::default()),
    };
    let queue = match &raw.queue {
        Some(at) if !(1..=1_000_000).contains(&at.value) => {
            faults.push(Fault::new(Code::InvalidValue, at.span.clone(), "expected a number from 1 to 1000000"));
            None
        }
        at => Some(at.as_ref().map_or(8192, |at| at.value as usize)),
    };
    let identifiers = match (shown?, &raw.key) {
        (Shown::Plain, None) => Some(Identifiers::Plain),
        (Shown::Plain, Some(at)) => {
            faults.push(Fault::new(Code::ConflictingKeys, at.span.clone(), "plain identifiers need no key"));
            None
        }
        (Shown::Hashed, at) => key(at.as_ref(), surroundings, faults).map(Identifiers::Hashed),
    };
    let to = to?.from_directory(surroundings.directory);
    let (clock, canonical) = (SystemTime::now, canonical);
    Some(Settings { to, on_failure: on_failure?, identifiers: identifiers?, queue: queue?, clock, canonical })
}

fn key(at: Option<&At<RawReference>>, surroundings: &Surroundings<'_>, faults: &mut Vec<Fault>) -> Option<Secret> {
    let Some(at) = at else {
        let drawn = random::<32>().map_err(|problem| Fault::new(Code::MissingSecret, 0..0, problem));
        return drawn.map_err(|fault| faults.push(fault)).ok().map(Secret::new);
    };
    let text = secret(&at.value, &at.span, surroundings);
    let text = text.map_err(|fault| faults.push(fault)).ok()?;
    if text.len() < SHORTEST_KEY {
        let found = format!("the key has {} bytes, expected at least {SHORTEST_KEY}", text.len());
        let help = "make one: `openssl rand -hex 32`";
        faults.push(Fault::new(Code::InvalidValue, at.span.clone(), found).help(help));
        return None;
    }
    Some(Secret::new(text))
}

/// Opens the sink, and opens it anew at each SIGHUP, after the log rotation moved the file away.
pub(super) fn start(settings: Option<Settings>) -> Result<Option<Arc<Audit>>, String> {
    let Some(settings) = settings else { return Ok(None) };
    let to = settings.to.to_string();
    let failed = |e: std::io::Error| format!("error: cannot write audit records to {to}: {e}\nhelp: see `audit.to`\n");
    let mut hangup = signal(SignalKind::hangup()).map_err(failed)?;
    let audit = Audit::start(settings).map_err(failed)?;
    let reopened = Arc::downgrade(&audit);
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            let Some(audit) = reopened.upgrade() else { return };
            audit.reopen();
        }
    });
    Ok(Some(audit))
}

/// Writes what waits, before the process ends.
pub(super) fn end(audit: Option<&Arc<Audit>>) {
    if let Some(audit) = audit
        && !audit.close(PATIENCE)
    {
        tracing::error!(records = audit.totals().waiting, "audit records are lost: they could not be written in time");
    }
}
