//! The access rules of the gateway's settings, parsed with their places.

pub(super) mod faces;
pub(super) mod ldap;
pub(super) mod networks;
pub(super) mod tokens;

use std::str::FromStr;

use self::networks::NetworkFiles;
use self::tokens::{Declared, assertion_keys, declared};
use super::random;
use crate::access::{ClientId, ClientSettings, KeyDigest, Limits, Mark, Network, NewKey, Quota, Scope, Settings};
use crate::definition::{At, ClientCertificates, RawClient, RawGateway, RawNetwork};
use crate::diagnostic::{Code, Fault};

/// What the settings say of access.
pub(super) struct Rules {
    pub settings: Settings,
    /// Tokens still need their keys.
    pub tokens: Option<Declared>,
}

/// Parses every rule; all findings are reported at once.
pub(super) fn rules(raw: &RawGateway, files: &mut NetworkFiles, faults: &mut Vec<Fault>) -> Rules {
    files.begin();
    let mut reader = Reader { raw, files, faults };
    let mut certificates = Vec::new();
    let clients = raw.clients.iter().filter_map(|client| reader.client(client, &mut certificates)).collect();
    let limits = reader.limits();
    let allowlist = reader.networks(raw.allowlist.as_ref());
    let trusted_proxies = all(&raw.trusted_proxies, reader.faults);
    let tokens = declared(raw, reader.faults);
    Rules { settings: Settings { clients, certificates, allowlist, trusted_proxies, limits, tokens: None }, tokens }
}

struct Reader<'a> {
    raw: &'a RawGateway,
    files: &'a mut NetworkFiles,
    faults: &'a mut Vec<Fault>,
}

impl Reader<'_> {
    fn client(&mut self, raw: &RawClient, certificates: &mut Vec<(Mark, ClientId)>) -> Option<ClientSettings> {
        let id = one::<ClientId>(&raw.id, self.faults);
        let secrets = all::<KeyDigest>(&raw.secrets, self.faults);
        let scopes = all::<Scope>(&raw.scopes, self.faults);
        let allowlist = self.networks(raw.allowlist.as_ref());
        let assertion_keys = assertion_keys(&raw.keys, self.faults);
        let marks = self.marks(&raw.certificates);
        let trusted = self.raw.trusted_issuers.iter().any(|issuer| issuer.client.value == raw.id.value);
        let proofs = [raw.secrets.is_empty(), raw.keys.is_empty(), raw.certificates.is_empty(), !trusted];
        if proofs.into_iter().all(|absent| absent) {
            let message = format!("client `{}` has no way to prove itself", raw.id.value);
            let fault = Fault::new(Code::MissingKey, raw.id.span.clone(), message);
            self.faults.push(fault.help("add `secrets`, as `userbridge client new` prints them"));
        }
        let limit = raw.limit.as_ref().and_then(|at| one::<Quota>(at, self.faults));
        let id = id?;
        certificates.extend(marks.into_iter().map(|mark| (mark, id.clone())));
        Some(ClientSettings { secrets, assertion_keys, scopes, allowlist, limit, ..ClientSettings::new(id) })
    }

    /// The marks of a client's certificates, which TLS must ask for.
    fn marks(&mut self, list: &[At<String>]) -> Vec<Mark> {
        let tls = self.raw.tls.as_ref().map(|at| &at.value);
        let asked = tls.is_some_and(|tls| tls.client_certificates() != ClientCertificates::Off);
        let authority = tls.is_some_and(|tls| tls.client_ca.is_some());
        let mut marks = Vec::new();
        for at in list {
            let Some(mark) = one::<Mark>(at, self.faults) else { continue };
            if !asked {
                let fault = Fault::new(Code::MissingKey, at.span.clone(), "no caller is asked for a certificate");
                self.faults.push(fault.help("add `client_certificates: optional` or `client_ca: path` under `tls:`"));
            } else if mark.needs_authority() && !authority {
                let message = "anybody can write this name into a certificate of their own";
                self.faults.push(
                    Fault::new(Code::MissingKey, at.span.clone(), message)
                        .help("add `client_ca: path` under `tls:`, or write `sha256:` and the certificate's digest"),
                );
            }
            marks.push(mark);
        }
        marks
    }

    /// The networks of an allowlist and of its files; None where there is no allowlist.
    fn networks(&mut self, list: Option<&At<Vec<At<RawNetwork>>>>) -> Option<Vec<Network>> {
        let list = list?;
        if list.value.is_empty() {
            let fault = Fault::new(Code::InvalidValue, list.span.clone(), "an empty allowlist admits nobody");
            self.faults.push(fault.help("list networks, or remove `allowlist` to admit every address"));
        }
        let mut networks = Vec::new();
        for at in &list.value {
            let found = match &at.value {
                RawNetwork::Network(text) => {
                    let at = At { value: text.clone(), span: at.span.clone() };
                    one::<Network>(&at, self.faults).into_iter().collect()
                }
                RawNetwork::File(file) => {
                    self.files.read(file).map_err(|fault| self.faults.push(fault)).unwrap_or_default()
                }
            };
            if let Some(open) = found.iter().find(|network| network.is_everything()) {
                let message = format!("`{open}` admits every address");
                let fault = Fault::new(Code::OpenAllowlist, at.span.clone(), message);
                self.faults.push(fault.help("name the networks of the callers, or remove the allowlist"));
            }
            networks.extend(found);
        }
        Some(networks)
    }

    fn limits(&mut self) -> Limits {
        let (limits, defaults) = (self.raw.limits.as_ref(), Limits::default());
        let mut quota = |at: Option<&At<String>>, default: Option<Quota>| match at {
            Some(at) => one::<Quota>(at, self.faults),
            None => default,
        };
        Limits {
            client: quota(limits.and_then(|l| l.client.as_ref()), defaults.client),
            address: quota(limits.and_then(|l| l.address.as_ref()), defaults.address),
            account: quota(limits.and_then(|l| l.account.as_ref()), defaults.account),
            end_user_address: limits.and_then(|l| l.end_user_address.as_ref()).is_some_and(|at| at.value),
            keys: defaults.keys,
        }
    }
}

/// One client that may do everything, with a new key.
pub(super) fn throw_away() -> Result<(Settings, String), String> {
    let id: ClientId = "dev".parse().map_err(|_| "the client id is refused".to_owned())?;
    let key = NewKey::new(&id, &random()?);
    let scopes = vec!["*:*".parse().map_err(|_| "the scope is refused".to_owned())?];
    let client = ClientSettings { secrets: vec![key.digest], scopes, ..ClientSettings::new(id) };
    Ok((Settings { clients: vec![client], ..Settings::default() }, key.key.to_string()))
}

fn all<T: FromStr<Err: std::fmt::Display>>(list: &[At<String>], faults: &mut Vec<Fault>) -> Vec<T> {
    list.iter().filter_map(|at| one(at, faults)).collect()
}

pub(super) fn one<T: FromStr<Err: std::fmt::Display>>(at: &At<String>, faults: &mut Vec<Fault>) -> Option<T> {
    at.value
        .parse()
        .map_err(|e: T::Err| faults.push(Fault::new(Code::InvalidValue, at.span.clone(), e.to_string())))
        .ok()
}
