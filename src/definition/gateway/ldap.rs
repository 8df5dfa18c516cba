//! The LDAP face as it is declared: where it listens, how it is encrypted, and which connector is which directory.

use std::net::SocketAddr;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{RawTls, tls};
use crate::definition::checker::Checker;
use crate::definition::yaml::At;
use crate::diagnostic::{Code, Fault, Span};

/// Connectors as read-only LDAP directories, at an address of their own.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawLdap {
    /// The address that answers LDAP, as in `0.0.0.0:636`. Changing it needs a restart.
    pub listen: At<String>,
    /// The certificate and its key; those of the gateway's own `tls` unless said otherwise. Without either, only an
    /// address of this machine (loopback) is served.
    pub tls: Option<At<RawTls>>,
    /// Whether connections begin without encryption and must ask for it (StartTLS) before anything else, as at port 389;
    /// they are encrypted from the beginning (LDAPS) unless said otherwise.
    pub starttls: Option<At<bool>>,
    /// The directories; they follow this file while the gateway runs.
    pub directories: Vec<RawDirectory>,
}

/// A connector's users as a directory: `uid=…,ou=people,{base}`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawDirectory {
    /// The name above all entries, as in `dc=example,dc=com`; no other directory's may be inside of it.
    pub base: At<String>,
    /// The connector that answers.
    pub connector: At<String>,
    /// The client that users' binds count as: its scopes, networks and limit hold. It needs the scope
    /// `{connector}:login`; whoever searches binds as `cn={client},{base}` with a key of its own.
    pub client: At<String>,
    /// The member of profiles that users are named by: `email`, `username` or `phone_number`. The connector's `login` and
    /// `get_user` must find users by it; `email` unless said otherwise.
    pub uid: Option<At<String>>,
    /// The list in profiles, or in their `app_metadata`, that becomes `memberOf`, as in `roles`; none unless said
    /// otherwise.
    pub member_of: Option<At<String>>,
}

/// Where LDAP is answered, and how it is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LdapListen {
    /// The address.
    pub address: SocketAddr,
    /// How connections are encrypted.
    pub encryption: LdapEncryption,
}

/// How LDAP connections are encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LdapEncryption {
    /// Not at all, which only loopback addresses may be.
    Plain,
    /// From the beginning: LDAPS.
    Implicit,
    /// Once the client asks for it, which it must.
    StartTls,
}

/// Checks the address and that passwords do not cross a network in the clear.
pub(super) fn ldap(at: &At<RawLdap>, gateway_tls: bool, checker: &mut Checker<'_>) -> Option<LdapListen> {
    let raw = &at.value;
    if let Some(own) = &raw.tls {
        tls(own, checker);
    }
    if raw.directories.is_empty() {
        let fault = Fault::new(Code::MissingKey, at.span.clone(), "no directory is declared, so LDAP has no users");
        checker.push(fault.help("add `directories: [{ base: \"dc=example,dc=com\", connector: …, client: … }]`"));
    }
    let address: Option<SocketAddr> = checker.take(raw.listen.value.parse().map_err(|_| {
        let message = format!("`{}` is not an address with a port", raw.listen.value);
        Fault::new(Code::InvalidValue, raw.listen.span.clone(), message)
            .help("write it as in `0.0.0.0:636` or `[::1]:389`")
    }));
    let starttls = raw.starttls.as_ref().filter(|at| at.value);
    let encryption = match (raw.tls.is_some() || gateway_tls, starttls) {
        (true, None) => LdapEncryption::Implicit,
        (true, Some(_)) => LdapEncryption::StartTls,
        (false, Some(said)) => {
            checker.push(without_certificate(said.span.clone(), "StartTLS needs a certificate"));
            return None;
        }
        (false, None) => LdapEncryption::Plain,
    };
    let address = address?;
    if encryption == LdapEncryption::Plain && !address.ip().is_loopback() {
        let message = format!("passwords would cross the network to {address} in the clear");
        checker.push(without_certificate(raw.listen.span.clone(), &message));
        return None;
    }
    Some(LdapListen { address, encryption })
}

fn without_certificate(span: Span, message: &str) -> Fault {
    Fault::new(Code::MissingKey, span, message)
        .help("add `tls: { certificate: path, key: { file: path } }` here or to the gateway")
}
