//! TLS of the running gateway: its files, what is wrong with them, and their renewal.
//!
//! Invariant: material that cannot be used never takes the place of material that is in use.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use super::contents;
use crate::definition::{At, RawTls, Surroundings, secret, secret_file};
use crate::diagnostic::{Code, Fault, Report, Source, Span};
use crate::reload::{Digest, SETTLED, Settling, Trigger};
use crate::secret::Secret;
use crate::server::{Material, Part, Tls};

/// The largest file of certificates, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// A certificate that expires sooner is worth a line in the log.
const SOON: Duration = Duration::from_secs(14 * 24 * 3600);

/// TLS with what the section refers to.
///
/// # Errors
/// A file cannot be read or used, they do not belong together, or the certificate is not valid now.
pub(super) fn load(raw: &RawTls, surroundings: &Surroundings<'_>) -> Result<Tls, Fault> {
    judged(raw, &material(raw, surroundings)?)
}

fn judged(raw: &RawTls, material: &Material) -> Result<Tls, Fault> {
    let tls = Tls::new(material, SystemTime::now).map_err(|error| {
        let (span, help) = blamed(raw, error.part);
        Fault::new(Code::InvalidCertificate, span, error.to_string()).help(help)
    })?;
    valid_now(raw, &tls)?;
    Ok(tls)
}

fn material(raw: &RawTls, surroundings: &Surroundings<'_>) -> Result<Material, Fault> {
    let read = |at: &At<String>| {
        let path = surroundings.directory.join(&at.value);
        contents(&path, MAX_BYTES).map_err(|why| {
            let message = format!("cannot read `{}`: {why}", at.value);
            Fault::new(Code::InvalidCertificate, at.span.clone(), message)
                .help("the path counts from the settings' directory; the gateway's user must be able to read it")
        })
    };
    Ok(Material {
        certificate: read(&raw.certificate)?,
        key: Secret::new(secret(&raw.key.value, &raw.key.span, surroundings)?),
        client_ca: raw.client_ca.as_ref().map(read).transpose()?,
        client_certificates: raw.client_certificates(),
    })
}

/// Where the part at fault is declared, and how to mend it.
fn blamed(raw: &RawTls, part: Part) -> (Span, &'static str) {
    match part {
        Part::Certificate => {
            (raw.certificate.span.clone(), "write the chain as PEM, the gateway's own certificate first")
        }
        Part::Key => {
            (raw.key.span.clone(), "expected the private key of the first certificate in `certificate`, as PEM")
        }
        Part::ClientCa => {
            let at = raw.client_ca.as_ref().unwrap_or(&raw.certificate);
            (at.span.clone(), "write the authorities that sign callers' certificates as PEM")
        }
    }
}

fn valid_now(raw: &RawTls, tls: &Tls) -> Result<(), Fault> {
    let Some(valid) = tls.validity() else { return Ok(()) };
    let now = SystemTime::now();
    let shown = |time: SystemTime| DateTime::<Utc>::from(time).format("%Y-%m-%d %H:%M UTC").to_string();
    let refused = |message: String| {
        let fault = Fault::new(Code::InvalidCertificate, raw.certificate.span.clone(), message);
        Err(fault.help("renew the certificate; callers would refuse this one"))
    };
    match () {
        () if now >= valid.end => refused(format!("the certificate expired on {}", shown(valid.end))),
        () if now < valid.start => refused(format!("the certificate is not valid before {}", shown(valid.start))),
        () => Ok(()),
    }
}

/// Says so when the certificate has to be renewed soon.
pub(super) fn remind(tls: &Tls) {
    let left = tls.validity().and_then(|valid| valid.end.duration_since(SystemTime::now()).ok());
    if let Some(left) = left.filter(|left| *left < SOON) {
        tracing::warn!(hours = left.as_secs() / 3600, "the TLS certificate expires soon");
    }
}

/// The TLS in use, and whether its files still hold it.
pub(super) struct FollowedTls {
    tls: Arc<Tls>,
    /// Of the material that was decided upon last.
    digest: Digest,
    settling: Settling,
}

impl FollowedTls {
    pub fn new(tls: Arc<Tls>, raw: &RawTls, surroundings: &Surroundings<'_>) -> Self {
        Self { tls, digest: digest(&material(raw, surroundings)), settling: Settling::default() }
    }

    /// Takes changed material once it is believed; until then, how long to wait.
    pub fn look(
        &mut self,
        raw: &RawTls,
        source: &Source,
        surroundings: &Surroundings<'_>,
        trigger: Trigger,
        now: Instant,
    ) -> Option<Duration> {
        let material = material(raw, surroundings);
        let digest = digest(&material);
        if self.digest == digest {
            self.settling.done();
            return None;
        }
        let wait = self.settling.wait(digest, SETTLED, now);
        if wait.is_some() && trigger == Trigger::Disk {
            return wait;
        }
        self.digest = digest;
        self.settling.done();
        match material.and_then(|material| judged(raw, &material)) {
            Ok(new) => {
                remind(&new);
                self.tls.replace(new);
                tracing::info!("TLS uses the changed certificate; open connections keep the earlier one");
            }
            Err(fault) => {
                let report = Report::new(source.clone(), vec![fault.into()]);
                tracing::error!("TLS files refused, the last good ones stay:\n{}", report.render(false));
            }
        }
        None
    }
}

/// The files that the section refers to.
pub(super) fn files(raw: &RawTls, surroundings: &Surroundings<'_>) -> Vec<PathBuf> {
    let public = [Some(&raw.certificate), raw.client_ca.as_ref()];
    let public = public.into_iter().flatten().map(|at| surroundings.directory.join(&at.value));
    public.chain(secret_file(&raw.key.value, surroundings)).collect()
}

fn digest(material: &Result<Material, Fault>) -> Digest {
    match material {
        Ok(material) => material.digest(),
        Err(fault) => Sha256::digest(&fault.message).into(),
    }
}
