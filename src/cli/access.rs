//! The access rules of the gateway's settings, parsed with their places.

use std::str::FromStr;

use super::random;
use crate::access::{ClientId, ClientSettings, KeyDigest, Limits, Network, NewKey, Quota, Scope, Settings};
use crate::definition::{At, RawGateway};
use crate::diagnostic::{Code, Fault, Report, Source};

/// Parses every rule; all findings are reported at once.
pub(super) fn settings(raw: &RawGateway, source: &Source) -> Result<Settings, Report> {
    let mut faults = Vec::new();
    let networks = |list: &[At<String>], faults: &mut Vec<Fault>| -> Vec<Network> { all(list, faults) };
    let limits = raw.limits.as_ref();
    let defaults = Limits::default();
    let clients = raw
        .clients
        .iter()
        .filter_map(|client| {
            let id = one::<ClientId>(&client.id, &mut faults);
            let secrets = all::<KeyDigest>(&client.secrets, &mut faults);
            let scopes = all::<Scope>(&client.scopes, &mut faults);
            let allowlist = networks(&client.allowlist, &mut faults);
            let limit = client.limit.as_ref().and_then(|at| one::<Quota>(at, &mut faults));
            let allowlist = (!client.allowlist.is_empty()).then_some(allowlist);
            Some(ClientSettings { id: id?, secrets, scopes, allowlist, limit })
        })
        .collect();
    let mut quota = |at: Option<&At<String>>, default: Option<Quota>| match at {
        Some(at) => one::<Quota>(at, &mut faults),
        None => default,
    };
    let limits = Limits {
        client: quota(limits.and_then(|l| l.client.as_ref()), defaults.client),
        address: quota(limits.and_then(|l| l.address.as_ref()), defaults.address),
        account: quota(limits.and_then(|l| l.account.as_ref()), defaults.account),
        end_user_address: limits.and_then(|l| l.end_user_address.as_ref()).is_some_and(|at| at.value),
        keys: defaults.keys,
    };
    let allowlist = networks(&raw.allowlist, &mut faults);
    let trusted_proxies = networks(&raw.trusted_proxies, &mut faults);
    if !faults.is_empty() {
        return Err(Report::new(source.clone(), faults.into_iter().map(Into::into).collect()));
    }
    Ok(Settings { clients, allowlist: (!raw.allowlist.is_empty()).then_some(allowlist), trusted_proxies, limits })
}

/// One client that may do everything, with a new key.
pub(super) fn throw_away() -> Result<(Settings, String), String> {
    let id: ClientId = "dev".parse().map_err(|_| "the client id is refused".to_owned())?;
    let key = NewKey::new(&id, &random()?);
    let scopes = vec!["*:*".parse().map_err(|_| "the scope is refused".to_owned())?];
    let client = ClientSettings { id, secrets: vec![key.digest], scopes, allowlist: None, limit: None };
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
