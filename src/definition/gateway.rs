//! The gateway's own settings, read the same way as definitions.
//!
//! Invariant: shape and plain values only; what clients, networks and limits mean is for the layers that use them.

mod audit;
mod faces;
mod ldap;
mod listen;
mod networks;
mod tls;
mod tokens;

use std::net::SocketAddr;

use schemars::JsonSchema;
use serde::Deserialize;

pub use self::audit::RawAudit;
pub use self::faces::{RawFace, RawFaceOption};
pub use self::ldap::{LdapEncryption, LdapListen, RawDirectory, RawLdap};
pub use self::listen::Listen;
pub use self::networks::{RawNetwork, RawNetworkFile};
pub use self::tls::{ClientCertificates, RawTls};
pub use self::tokens::{RawJwk, RawTokens, RawTrustedIssuer};
use super::checker::Checker;
use super::yaml::{At, parse};
use crate::diagnostic::{Code, Fault, Report, Source};

/// The gateway's settings: where it listens, who may call, and how much.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawGateway {
    /// The address that answers requests, as in `0.0.0.0:8443` or `unix:/run/userbridge.sock`; `127.0.0.1:8080` unless
    /// said otherwise. Whoever calls through a Unix socket counts as 127.0.0.1 in allowlists and among proxies.
    pub listen: Option<At<String>>,
    /// The address of `/livez`, `/readyz`, `/metrics` and `/status`; `127.0.0.1:9443` unless said otherwise.
    pub admin: Option<At<String>>,
    /// The directory of the definitions, from this file's directory; `connectors` unless said otherwise. It is watched.
    pub connectors: Option<At<String>>,
    /// TLS on the address that answers requests; plain HTTP unless said otherwise. Adding or removing it needs a restart.
    pub tls: Option<At<RawTls>>,
    /// Networks that may call at all, as in `10.0.0.0/8`, and files of them; every network unless said otherwise.
    pub allowlist: Option<At<Vec<At<RawNetwork>>>>,
    /// Proxies whose `Forwarded` and `X-Forwarded-For` headers are believed; none unless said otherwise.
    #[serde(default)]
    pub trusted_proxies: Vec<At<String>>,
    /// Who may call.
    #[serde(default)]
    pub clients: Vec<RawClient>,
    /// The tokens that this gateway issues.
    pub tokens: Option<RawTokens>,
    /// Outside issuers whose tokens are believed; where several have the same issuer, the first one that fits decides.
    #[serde(default)]
    pub trusted_issuers: Vec<RawTrustedIssuer>,
    /// The connectors that speak identity providers' own protocols; without one, only `/v1` is served.
    #[serde(default)]
    pub faces: Vec<RawFace>,
    /// LDAP, at an address of its own; none unless said otherwise.
    pub ldap: Option<At<RawLdap>>,
    /// How often may be called.
    pub limits: Option<RawLimits>,
    /// How much memory and patience password hashing has.
    pub hashing: Option<RawHashing>,
    /// Where a record of every decision is kept.
    pub audit: Option<RawAudit>,
    /// How long one request may take, as in `2500ms`, which is the default; some identity providers wait 3 seconds.
    pub request_timeout: Option<At<String>>,
}

/// A caller.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawClient {
    /// The name in logs and in the first part of the key: letters, digits, `-` and `_`.
    pub id: At<String>,
    /// Digests of the keys that are valid, as `userbridge client new` prints them; several while keys are rotated.
    #[serde(default)]
    pub secrets: Vec<At<String>>,
    /// Public keys with which the caller signs assertions to get tokens (`private_key_jwt`).
    #[serde(default)]
    pub keys: Vec<RawJwk>,
    /// TLS certificates that stand for this client in place of a key: `sha256:…` (the digest of the DER), or what a
    /// certificate that `tls.client_ca` signed says: `dns:…`, `uri:…`, `email:…`, `ip:…` or `subject:CN=…`.
    #[serde(default)]
    pub certificates: Vec<At<String>>,
    /// What the caller may do: `{connector}:{action}`, with `*` for all.
    pub scopes: Vec<At<String>>,
    /// Networks from which this caller may call, and files of them; those of the gateway unless said otherwise.
    pub allowlist: Option<At<Vec<At<RawNetwork>>>>,
    /// How often this caller may call, as in `200/s`; `limits.client` unless said otherwise.
    pub limit: Option<At<String>>,
}

/// How often may be called.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawLimits {
    /// Requests of one client; `200/s` unless said otherwise.
    pub client: Option<At<String>>,
    /// Requests of one address that do not prove a client, and failed binds of LDAP; `20/s` unless said otherwise.
    pub address: Option<At<String>>,
    /// Failed attempts on one account of one connector from one client and address; `10/min` unless said otherwise.
    /// Five times as many from everywhere together, save from where the account's owner logged in before.
    pub account: Option<At<String>>,
    /// Whether `context.ip` of a login is believed to be the end user's address, so that attempts are counted by it and
    /// not by the client's own; not unless said otherwise. Clients must take it from their own connection.
    pub end_user_address: Option<At<bool>>,
}

/// How much memory and patience password hashing has.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawHashing {
    /// The most memory that hashes in progress may use together, as in `512MiB`, which is the default.
    pub memory: Option<At<String>>,
    /// How many hashes may wait; 256 unless said otherwise. Beyond, requests are answered with 503.
    pub queue: Option<At<u32>>,
    /// How many hashes are computed at once; as many as the machine has cores unless said otherwise.
    pub threads: Option<At<u32>>,
}

/// Settings whose plain values are checked.
#[derive(Debug)]
pub struct Gateway {
    /// As written.
    pub raw: RawGateway,
    /// Where requests are answered.
    pub listen: Listen,
    /// Where the gateway shows its state.
    pub admin: SocketAddr,
    /// Where LDAP is answered.
    pub ldap: Option<LdapListen>,
    /// The most memory for hashing, in bytes.
    pub hashing_memory: u64,
    /// How long one request may take.
    pub request_timeout: std::time::Duration,
}

/// Checks the settings' text; findings of the layers above are added by the caller.
pub fn check_gateway(source: &Source) -> Result<Gateway, Report> {
    let raw: RawGateway = parse(source).map_err(|diagnostic| Report::new(source.clone(), vec![diagnostic]))?;
    let mut checker = Checker::new(source);
    let listen = listen(raw.listen.as_ref(), "127.0.0.1:8080", &mut checker);
    let admin = address(raw.admin.as_ref(), "127.0.0.1:9443", &mut checker);
    if let Some(at) = &raw.tls {
        tls(at, &mut checker);
    }
    let ldap = raw.ldap.as_ref().and_then(|at| ldap::ldap(at, raw.tls.is_some(), &mut checker));
    let hashing = raw.hashing.as_ref();
    let memory = match hashing.and_then(|hashing| hashing.memory.as_ref()) {
        Some(at) => checker.take(bytes(at)),
        None => Some(512 << 20),
    };
    let timeout = match &raw.request_timeout {
        Some(at) => checker.take(super::duration(at)),
        None => Some(std::time::Duration::from_millis(2500)),
    };
    for at in hashing.iter().flat_map(|hashing| [&hashing.queue, &hashing.threads]).flatten() {
        if at.value == 0 || at.value > 100_000 {
            checker.push(Fault::new(Code::InvalidValue, at.span.clone(), "expected a number from 1 to 100000"));
        }
    }
    match (listen, admin, memory, timeout, checker.diagnostics.is_empty()) {
        (Some(listen), Some(admin), Some(hashing_memory), Some(request_timeout), true) => {
            Ok(Gateway { raw, listen, admin, ldap, hashing_memory, request_timeout })
        }
        _ => Err(Report::new(source.clone(), checker.diagnostics)),
    }
}

fn listen(at: Option<&At<String>>, default: &str, checker: &mut Checker<'_>) -> Option<Listen> {
    let parsed = at.map_or(default, |at| at.value.as_str()).parse().map_err(|problem: String| {
        Fault::new(Code::InvalidValue, at.map_or(0..0, |at| at.span.clone()), problem)
            .help("write it as in `0.0.0.0:8443`, `[::1]:8443` or `unix:/run/userbridge.sock`")
    });
    checker.take(parsed)
}

fn address(at: Option<&At<String>>, default: &str, checker: &mut Checker<'_>) -> Option<SocketAddr> {
    let text = at.map_or(default, |at| at.value.as_str());
    let parsed = text.parse().map_err(|_| {
        let span = at.map_or(0..0, |at| at.span.clone());
        Fault::new(Code::InvalidValue, span, format!("`{text}` is not an address with a port"))
            .help("write it as in `127.0.0.1:9443` or `[::1]:9443`")
    });
    checker.take(parsed)
}

/// What `tls:` says must make sense together; its files are for the layers above.
fn tls(at: &At<RawTls>, checker: &mut Checker<'_>) {
    let Some(said) = &at.value.client_certificates else { return };
    let span = said.span.clone();
    match (said.value, &at.value.client_ca) {
        (ClientCertificates::Required, None) => checker.push(
            Fault::new(Code::MissingKey, span, "`required` without a `client_ca` lets every certificate in")
                .help("add `client_ca: path`, or write `optional` for certificates that clients list by digest"),
        ),
        (ClientCertificates::Off, Some(authorities)) => checker.push(
            Fault::new(Code::ConflictingKeys, authorities.span.clone(), "no certificate is asked for")
                .help("remove `client_ca`, or write `client_certificates: optional`"),
        ),
        _ => {}
    }
}

/// An amount of memory such as `512MiB` or `2GiB`.
fn bytes(at: &At<String>) -> Result<u64, Fault> {
    let text = at.value.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let unit: Option<u64> = match text[digits..].trim() {
        "KiB" => Some(1 << 10),
        "MiB" => Some(1 << 20),
        "GiB" => Some(1 << 30),
        _ => None,
    };
    let amount = text[..digits].parse::<u64>().ok().zip(unit).and_then(|(number, unit)| number.checked_mul(unit));
    amount.filter(|bytes| *bytes >= 32 << 20).ok_or_else(|| {
        Fault::new(Code::InvalidValue, at.span.clone(), format!("`{text}` is not an amount of memory of 32MiB or more"))
            .help("write it as in `512MiB` or `2GiB`")
    })
}
