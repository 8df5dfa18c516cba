//! The access rules of the gateway's settings, parsed with their places.

pub(super) mod tokens;

use std::str::FromStr;

use self::tokens::{Declared, assertion_keys, declared};
use super::random;
use crate::access::{ClientId, ClientSettings, KeyDigest, Limits, Network, NewKey, Quota, Scope, Settings};
use crate::definition::{At, RawGateway};
use crate::diagnostic::{Code, Fault, Report, Source};

/// Parses every rule; all findings are reported at once. Tokens still need their keys.
pub(super) fn settings(raw: &RawGateway, source: &Source) -> Result<(Settings, Option<Declared>), Report> {
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
            let keys = assertion_keys(&client.keys, &mut faults);
            let trusted = raw.trusted_issuers.iter().any(|issuer| issuer.client.value == client.id.value);
            if client.secrets.is_empty() && client.keys.is_empty() && !trusted {
                let message = format!("client `{}` has no way to prove itself", client.id.value);
                let fault = Fault::new(Code::MissingKey, client.id.span.clone(), message);
                faults.push(fault.help("add `secrets`, as `userbridge client new` prints them"));
            }
            let limit = client.limit.as_ref().and_then(|at| one::<Quota>(at, &mut faults));
            let allowlist = (!client.allowlist.is_empty()).then_some(allowlist);
            Some(ClientSettings { secrets, assertion_keys: keys, scopes, allowlist, limit, ..ClientSettings::new(id?) })
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
    let tokens = declared(raw, &mut faults);
    if !faults.is_empty() {
        return Err(Report::new(source.clone(), faults.into_iter().map(Into::into).collect()));
    }
    let allowlist = (!raw.allowlist.is_empty()).then_some(allowlist);
    Ok((Settings { clients, allowlist, trusted_proxies, limits, tokens: None }, tokens))
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
