//! The settings' section about LDAP, parsed with its places.

use std::collections::BTreeSet;

use crate::access::Scope;
use crate::action::Action;
use crate::definition::{At, RawDirectory, RawGateway};
use crate::diagnostic::{Code, Fault};
use crate::protocol::is_connector_name;
use crate::protocol::ldap::{Directories, Directory, Dn, Naming, Overlap};

/// Every directory that is declared and in order; all findings are reported at once.
pub(in crate::cli) fn directories(raw: &RawGateway, faults: &mut Vec<Fault>) -> Directories {
    let mut directories = Directories::default();
    for declared in raw.ldap.iter().flat_map(|ldap| &ldap.value.directories) {
        let Some(directory) = directory(declared, raw, faults) else { continue };
        if let Err(overlap) = directories.add(directory) {
            let base = &declared.base;
            let (message, help) = match overlap {
                Overlap::Twice => (format!("`{}` is the base of a directory already", base.value), "remove one"),
                Overlap::Inside => (
                    format!("`{}` is inside of another directory's base, or around it", base.value),
                    "give each directory a base of its own, as in `ou=staff,dc=example,dc=com` and \
                     `ou=customers,dc=example,dc=com`",
                ),
                Overlap::Reserved => {
                    (format!("`{}` is a name that every LDAP server has", base.value), "write `dc=example,dc=com`")
                }
            };
            faults.push(Fault::new(Code::InvalidValue, base.span.clone(), message).help(help));
        }
    }
    directories
}

fn directory(raw: &RawDirectory, gateway: &RawGateway, faults: &mut Vec<Fault>) -> Option<Directory> {
    let base = Dn::parse(&raw.base.value).map_err(|invalid| {
        let message = format!("`{}` is no distinguished name: {invalid}", raw.base.value);
        faults.push(
            Fault::new(Code::InvalidValue, raw.base.span.clone(), message)
                .help("write it as in `dc=example,dc=com` (RFC 4514)"),
        );
    });
    if !is_connector_name(&raw.connector.value) {
        let message = format!("`{}` cannot be a connector's name", raw.connector.value);
        faults.push(Fault::new(Code::InvalidValue, raw.connector.span.clone(), message));
    }
    client(raw, gateway, faults);
    let uid = raw.uid.as_ref().map_or(Some(Naming::default()), |at| naming(at, faults));
    let member_of = raw.member_of.as_ref().map(|at| at.value.clone());
    let (connector, client) = (raw.connector.value.clone(), raw.client.value.clone());
    Some(Directory { base: base.ok()?, connector, client, uid: uid?, member_of })
}

/// The client must be one that may check passwords.
fn client(raw: &RawDirectory, gateway: &RawGateway, faults: &mut Vec<Fault>) {
    let (at, connector) = (&raw.client, &raw.connector.value);
    let Some(client) = gateway.clients.iter().find(|client| client.id.value == at.value) else {
        let known: BTreeSet<_> = gateway.clients.iter().map(|client| client.id.value.as_str()).collect();
        let fault = Fault::new(Code::InvalidValue, at.span.clone(), format!("no client `{}` is declared", at.value));
        let fault = fault.did_you_mean(&at.value, known.iter().copied());
        faults.push(fault.help(format!("make one with: userbridge client new NAME --scope '{connector}:login'")));
        return;
    };
    let scopes: Vec<Scope> = client.scopes.iter().filter_map(|scope| scope.value.parse().ok()).collect();
    if !scopes.iter().any(|scope| scope.grants(connector, Action::Login)) {
        let message = format!("client `{}` has no scope for `{connector}:login`, so no user could bind", at.value);
        let fault = Fault::new(Code::InvalidValue, at.span.clone(), message);
        faults.push(fault.help(format!("add `{connector}:login` to its `scopes`")));
    }
}

fn naming(at: &At<String>, faults: &mut Vec<Fault>) -> Option<Naming> {
    let names = || Naming::ALL.into_iter().map(Naming::as_str);
    let found = Naming::ALL.into_iter().find(|naming| naming.as_str() == at.value);
    if found.is_none() {
        let list = names().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let message = format!("users cannot be named by `{}`; expected one of {list}", at.value);
        let fault = Fault::new(Code::InvalidValue, at.span.clone(), message);
        faults.push(fault.did_you_mean(&at.value, names()));
    }
    found
}
