//! Who may ask, from where, and how often: networks, clients with their scopes, and limits.
//!
//! Invariant: every doubt denies. A header that does not parse, an unknown key, a scope that is not granted and a
//! limiter that is full all refuse; nothing in here knows a status code or reads a clock.

mod account;
mod allowlist;
mod attempts;
mod authenticate;
mod certificate;
mod client;
mod forwarded;
pub mod issuer;
mod limit;
mod networks;
mod presented;
mod quota;
mod scope;
pub mod token;

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use http::HeaderMap;
use tokio::time::Instant;

pub use self::account::canonical;
pub use self::allowlist::{Allowlist, Network};
pub use self::attempts::{AccountLimiter, Attempt, Source};
pub use self::authenticate::{Authenticator, Caller, Unauthenticated};
use self::certificate::Certificates;
pub use self::certificate::{ClientCertificate, Mark};
pub use self::client::{Client, ClientId, KeyDigest, NewKey};
pub use self::forwarded::{Junk, TrustedProxies};
use self::issuer::TrustedIssuers;
pub use self::limit::{Limiter, RateLimited, Reservation};
pub use self::networks::parse_networks;
pub use self::presented::{Presented, client_id};
pub use self::quota::Quota;
pub use self::scope::Scope;
use self::token::{Authority, Credentials, PublicKey};

/// The access rules that are in force now; replaced as a whole on reload, so a removed client is refused at once.
pub type Shared = Arc<ArcSwap<Access>>;

/// Who may ask, from where, and how often, as it is declared.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The callers; none means that every request is refused.
    pub clients: Vec<ClientSettings>,
    /// The certificates that stand for clients in place of a key.
    pub certificates: Vec<(Mark, ClientId)>,
    /// The networks that may ask at all; `None` admits every address, an empty list admits none.
    pub allowlist: Option<Vec<Network>>,
    /// The proxies whose word on the client's address is taken.
    pub trusted_proxies: Vec<Network>,
    /// How often anybody may ask.
    pub limits: Limits,
    /// Which tokens are issued and believed; without them, keys alone are credentials.
    pub tokens: Option<token::Settings>,
}

/// One caller, as it is declared.
#[derive(Clone, Debug)]
pub struct ClientSettings {
    /// The name in keys, logs and metrics.
    pub id: ClientId,
    /// The digests of the keys that are accepted; two during a rotation.
    pub secrets: Vec<KeyDigest>,
    /// The keys that the client signs assertions with (`private_key_jwt`).
    pub assertion_keys: Vec<PublicKey>,
    /// What the client may ask; nothing else is allowed.
    pub scopes: Vec<Scope>,
    /// The networks that this client may ask from, beside the gateway's own allowlist.
    pub allowlist: Option<Vec<Network>>,
    /// This client's own limit in place of [`Limits::client`].
    pub limit: Option<Quota>,
}

impl ClientSettings {
    /// A client that may do nothing yet.
    pub fn new(id: ClientId) -> Self {
        Self { id, secrets: vec![], assertion_keys: vec![], scopes: vec![], allowlist: None, limit: None }
    }
}

/// How often anybody may ask; `None` switches a limit off.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Requests of one client.
    pub client: Option<Quota>,
    /// Requests of one address (IPv6: one /64) that did not authenticate.
    pub address: Option<Quota>,
    /// Logins and changes of one account in one connector, from one client and address, that were answered with
    /// "no"; see [`AccountLimiter`].
    pub account: Option<Quota>,
    /// Whether `context.ip` of a request is taken for the end user's address, in place of the client's, when attempts
    /// at accounts are counted.
    pub end_user_address: bool,
    /// The most addresses, and the most accounts, that are counted at a time.
    pub keys: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            client: Some(Quota::per_second(200)),
            address: Some(Quota::per_second(20)),
            account: Some(Quota::per_minute(10)),
            end_user_address: false,
            keys: 100_000,
        }
    }
}

/// Why settings cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsError(String);

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SettingsError {}

/// The rules in force.
#[derive(Debug)]
pub struct Access {
    authenticator: Authenticator,
    certificates: Certificates,
    allowlist: Option<Allowlist>,
    proxies: TrustedProxies,
    address: Option<Arc<Limiter>>,
    account: Option<Arc<AccountLimiter>>,
    end_user_address: bool,
    keys: usize,
}

impl Access {
    /// Puts settings in force. Counts of `previous` are kept wherever the quota stayed the same, so that a reload
    /// gives nobody a fresh set of attempts.
    ///
    /// # Errors
    /// Two clients with one id or one certificate, a network of all addresses among the trusted proxies, and tokens that
    /// cannot be: without a key to sign with, for a client that is not declared, or of ourselves as an issuer outside.
    pub fn new(settings: Settings, previous: Option<&Self>) -> Result<Self, SettingsError> {
        let Settings { clients, certificates, allowlist, trusted_proxies, limits, tokens } = settings;
        let proxies = TrustedProxies::new(trusted_proxies)?;
        let mut known = HashMap::with_capacity(clients.len());
        for client in clients {
            let before = previous.and_then(|access| access.authenticator.client(client.id.as_str()));
            let client = Client::new(client, limits.client, before);
            if let Some(twice) = known.insert(client.id().to_owned(), Arc::new(client)) {
                return Err(SettingsError(format!("client `{}` is declared twice; rename or remove one", twice.id())));
            }
        }
        let before = previous.map(|access| &access.authenticator);
        let (own, trusted) =
            tokens.map_or_else(|| Ok(Default::default()), |tokens| believed(tokens, &known, before))?;
        let carried = previous.filter(|access| access.keys == limits.keys);
        let limiter = |quota: Option<Quota>, before: Option<&Arc<Limiter>>| {
            let quota = quota?;
            let before = before.filter(|limiter| limiter.quota() == quota);
            Some(before.map_or_else(|| Arc::new(Limiter::new(quota, limits.keys)), Arc::clone))
        };
        let account = limits.account.map(|quota| {
            let before = carried.and_then(|access| access.account.as_ref()).filter(|limiter| limiter.quota() == quota);
            before.map_or_else(|| Arc::new(AccountLimiter::new(quota, limits.keys)), Arc::clone)
        });
        Ok(Self {
            authenticator: Authenticator::new(known, own, trusted),
            certificates: Certificates::new(certificates)?,
            allowlist: allowlist.map(Allowlist::new),
            proxies,
            address: limiter(limits.address, carried.and_then(|access| access.address.as_ref())),
            account,
            end_user_address: limits.end_user_address,
            keys: limits.keys,
        })
    }

    /// The rules behind one atomic pointer.
    pub fn shared(self) -> Shared {
        Arc::new(ArcSwap::from_pointee(self))
    }

    /// The address that the request comes from: the socket's, or what a trusted proxy says of it.
    ///
    /// # Errors
    /// A trusted proxy's header does not parse or has too many hops: the request is to be refused.
    pub fn client_address(&self, peer: IpAddr, headers: &HeaderMap) -> Result<IpAddr, Junk> {
        self.proxies.client_address(peer, headers)
    }

    /// Whether the gateway's allowlist admits the address.
    pub fn admits(&self, address: IpAddr) -> bool {
        self.allowlist.as_ref().is_none_or(|list| list.contains(address))
    }

    /// The caller that the headers prove, or where they hold no credentials the connection's certificate. A wrong key
    /// is wrong, whatever the certificate says. Waits only where [`Authenticator::authenticate`] does.
    ///
    /// # Errors
    /// There is no proof, or it is wrong.
    pub async fn caller(
        &self,
        headers: &HeaderMap,
        how: &Presented,
        certificate: Option<&Arc<ClientCertificate>>,
    ) -> Result<Caller, Unauthenticated> {
        match (self.authenticator.authenticate_as(headers, how).await, certificate) {
            (Err(Unauthenticated::Missing), Some(certificate)) => self.certified(certificate),
            (proved, _) => proved,
        }
    }

    /// The caller that a client's own credentials prove to us as this issuer (RFC 6749, section 2.3), or where there are
    /// none the connection's certificate (RFC 8705).
    ///
    /// # Errors
    /// There is no proof, or it is wrong.
    pub fn oauth_client(
        &self,
        credentials: Option<&Credentials>,
        issuer: &str,
        certificate: Option<&Arc<ClientCertificate>>,
    ) -> Result<Caller, Unauthenticated> {
        let authority = self.authenticator.authority().ok_or(Unauthenticated::Missing)?;
        match (credentials, certificate) {
            (Some(credentials), _) => authority.authenticate(&self.authenticator, credentials, issuer).map(Caller::of),
            (None, Some(certificate)) => self.certified(certificate),
            (None, None) => Err(Unauthenticated::Missing),
        }
    }

    /// The caller that a certificate proves.
    fn certified(&self, certificate: &ClientCertificate) -> Result<Caller, Unauthenticated> {
        if certificate.is_expired(Instant::now()) {
            return Err(Unauthenticated::ExpiredCertificate);
        }
        let id = self.certificates.client(certificate).ok_or(Unauthenticated::UnknownCertificate)?;
        let client = self.authenticator.client(id.as_str()).ok_or(Unauthenticated::UnknownCertificate)?;
        Ok(Caller::of(Arc::clone(client)))
    }

    /// The client of this id, if the text is one of its keys: for protocols whose callers say both. No token and no key
    /// of another client opens it.
    ///
    /// # Errors
    /// The client is not declared, or this is none of its keys.
    pub fn client_of_key(&self, id: &str, key: &str) -> Result<(Arc<Client>, KeyDigest), Unauthenticated> {
        let digest = KeyDigest::of(key);
        self.authenticator.client_with_key(id, &digest).map(|client| (client, digest))
    }

    /// What turns credentials into callers.
    pub fn authenticator(&self) -> &Authenticator {
        &self.authenticator
    }

    /// The limiter of addresses that do not authenticate.
    pub fn address_limiter(&self) -> Option<&Arc<Limiter>> {
        self.address.as_ref()
    }

    /// The limiter of accounts.
    pub fn account_limiter(&self) -> Option<&Arc<AccountLimiter>> {
        self.account.as_ref()
    }

    /// Whether clients are believed what they say of their users' addresses.
    pub fn trusts_end_user_address(&self) -> bool {
        self.end_user_address
    }
}

/// The issuers whose tokens are believed, ourselves among them.
fn believed(
    tokens: token::Settings,
    clients: &HashMap<String, Arc<Client>>,
    previous: Option<&Authenticator>,
) -> Result<(Option<Authority>, TrustedIssuers), SettingsError> {
    let token::Settings { own, trusted, outside } = tokens;
    for issuer in &trusted {
        if !clients.contains_key(issuer.client.as_str()) {
            let (issuer, client) = (&issuer.issuer, issuer.client.as_str());
            return Err(SettingsError(format!(
                "the tokens of {issuer} are for client `{client}`, which is not declared"
            )));
        }
        if own.as_ref().is_some_and(|own| own.issuer == issuer.issuer) {
            return Err(SettingsError(format!("{} is this gateway's own issuer; trust others only", issuer.issuer)));
        }
    }
    let own = match own {
        None => None,
        Some(settings) => {
            let own = Authority::new(settings, outside.clone(), previous.and_then(Authenticator::authority));
            Some(own.ok_or_else(|| SettingsError("there is no key to sign tokens with".to_owned()))?)
        }
    };
    Ok((own, TrustedIssuers::new(trusted, &outside, previous.map(Authenticator::trusted))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(quota: &str) -> Settings {
        let client = ClientSettings {
            secrets: vec![KeyDigest::of("ub_auth0_x")],
            scopes: vec!["acme:*".parse().unwrap()],
            ..ClientSettings::new("auth0".parse().unwrap())
        };
        let quota = Some(quota.parse().unwrap());
        let limits = Limits { client: quota, address: quota, account: quota, keys: 64, ..Limits::default() };
        Settings { clients: vec![client], limits, ..Settings::default() }
    }

    fn attempts(access: &Access) -> [bool; 3] {
        let now = tokio::time::Instant::now();
        let address = "192.0.2.1".parse().unwrap();
        [
            access.authenticator().client("auth0").unwrap().reserve().is_ok(),
            access.address_limiter().unwrap().reserve_address(address, now).is_ok(),
            access.account_limiter().unwrap().reserve("acme", "ann", Source { client: "auth0", address }, now).is_ok(),
        ]
    }

    #[test]
    fn a_reload_keeps_counts_while_quotas_stay() {
        let first = Access::new(settings("1/h"), None).unwrap();
        assert_eq!(attempts(&first), [true; 3]);
        let same = Access::new(settings("1/h"), Some(&first)).unwrap();
        assert_eq!(attempts(&same), [false; 3]);
        let changed = Access::new(settings("2/h"), Some(&same)).unwrap();
        assert_eq!(attempts(&changed), [true; 3]);
    }

    #[test]
    fn settings_that_cannot_hold_are_refused() {
        let mut twice = settings("1/h");
        twice.clients.push(twice.clients[0].clone());
        assert_eq!(
            Access::new(twice, None).unwrap_err().to_string(),
            "client `auth0` is declared twice; rename or remove one"
        );
        let everybody = Settings { trusted_proxies: vec!["0.0.0.0/0".parse().unwrap()], ..Settings::default() };
        assert!(Access::new(everybody, None).unwrap_err().to_string().contains("claim any address"));
    }

    #[test]
    fn without_an_allowlist_every_address_may_ask_and_with_an_empty_one_none() {
        let address = "192.0.2.1".parse().unwrap();
        let admits = |allowlist| Access::new(Settings { allowlist, ..settings("1/h") }, None).unwrap().admits(address);
        assert!(admits(None));
        assert!(!admits(Some(vec![])));
        assert!(admits(Some(vec!["192.0.2.0/24".parse().unwrap()])));
    }
}
