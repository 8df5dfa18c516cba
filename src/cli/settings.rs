//! The gateway's settings with everything that they refer to.
//!
//! Invariant: what `check` accepts is what `serve` starts with; both call [`load`].

use std::path::Path;

use super::access::faces::faces;
use super::access::ldap::directories;
use super::access::networks::NetworkFiles;
use super::access::{Rules, rules};
use super::tokens::{self, FirstKey, beside};
use super::{audit, tls};
use crate::access::{self, Access};
use crate::definition::{Gateway, Surroundings, check_gateway, read};
use crate::diagnostic::{Code, Fault, Report, Severity, Source};
use crate::protocol::Faces;
use crate::protocol::ldap::Directories;
use crate::server::Tls;

/// Settings that can be served.
pub(super) struct Ready {
    pub source: Source,
    pub gateway: Gateway,
    pub access: access::Settings,
    pub networks: NetworkFiles,
    pub faces: Faces,
    pub directories: Directories,
    pub audit: Option<crate::audit::Settings>,
    pub tls: Option<Tls>,
    /// LDAP's own; None where it has the gateway's.
    pub ldap_tls: Option<Tls>,
}

/// Reads a file of settings and all that it refers to: None when something about it is refused.
pub(super) fn load(
    path: &Path,
    variable: &dyn Fn(&str) -> Option<String>,
    first_key: FirstKey,
) -> (Option<Ready>, Report) {
    load_text(path, read(path), variable, first_key)
}

/// As [`load`], with what [`read`] gave for the file.
pub(super) fn load_text(
    path: &Path,
    read: Result<Source, Report>,
    variable: &dyn Fn(&str) -> Option<String>,
    first_key: FirstKey,
) -> (Option<Ready>, Report) {
    let source = match read {
        Ok(source) => source,
        Err(report) => return (None, report),
    };
    let gateway = match check_gateway(&source) {
        Ok(gateway) => gateway,
        Err(report) => return (None, report),
    };
    let surroundings = Surroundings { variable, directory: beside(path) };
    let mut faults = Vec::new();
    let ready = assemble(gateway, source.clone(), &surroundings, first_key, &mut faults);
    let report = Report::new(source, faults.into_iter().map(Into::into).collect());
    (ready.filter(|_| !report.is_fatal()), report)
}

fn assemble(
    gateway: Gateway,
    source: Source,
    surroundings: &Surroundings<'_>,
    first_key: FirstKey,
    faults: &mut Vec<Fault>,
) -> Option<Ready> {
    let mut networks = NetworkFiles::new(surroundings.directory);
    let raw = &gateway.raw;
    let Rules { mut settings, mut tokens } = rules(raw, &mut networks, faults);
    if raw.clients.is_empty() {
        let fault = Fault::new(Code::MissingKey, 0..0, "no client is declared, so nobody could call");
        faults.push(fault.help(
            "make one with: userbridge client new NAME --scope 'CONNECTOR:*'\n\
             or try things out with: userbridge serve --dev",
        ));
    }
    let faces = faces(raw, surroundings, faults);
    let directories = directories(raw, faults);
    let audit = audit::settings(raw, surroundings, faults);
    let ldap_tls = raw.ldap.as_ref().and_then(|ldap| ldap.value.tls.as_ref());
    let [tls, ldap_tls] = [raw.tls.as_ref(), ldap_tls].map(|declared| {
        let loaded = declared.map(|at| tls::load(&at.value, surroundings));
        loaded.transpose().map_err(|fault| faults.push(fault)).ok().flatten()
    });
    if faults.iter().any(|fault| fault.code.severity() == Severity::Error) {
        return None;
    }
    // Keys are made only for settings that are in order otherwise.
    let installed = tokens::read_keys(&mut tokens, surroundings.directory, first_key)
        .and_then(|()| tokens::install(&mut settings, tokens))
        .map_err(|problem| (raw.tokens.as_ref().map_or(0..0, |tokens| tokens.issuer.span.clone()), problem))
        .and_then(|()| {
            let rules = Access::new(settings.clone(), None);
            rules
                .map(drop)
                .map_err(|error| (raw.clients.first().map_or(0..0, |c| c.id.span.clone()), error.to_string()))
        });
    if let Err((span, problem)) = installed {
        faults.push(Fault::new(Code::InvalidValue, span, problem));
        return None;
    }
    networks.commit();
    Some(Ready { source, gateway, access: settings, networks, faces, directories, audit, tls, ldap_tls })
}
