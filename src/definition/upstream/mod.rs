//! The `upstream:` part of a definition: which type, which keys belong to it, and where it is.
//!
//! Invariant: the hosts are fixed here, and none of them is private or spoken to in the clear unless that is declared.

mod exchange;
mod model;

use std::collections::BTreeSet;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use rustls::RootCertStore;
use serde_json::{Map, Value as Json};
use sha2::{Digest, Sha256};

pub use self::model::{
    Auth0, Body, Client, Exchange, Fingerprint, Meaning, OAuth2, Service, Tree, Upstream, UpstreamKind,
};
use super::checker::Checker;
use super::raw::{RawClientAuthentication, RawSetting, RawUpstream, RawUpstreamActions, RawUpstreamType as Type};
use super::secrets::{resolve, secret, secret_file};
use super::settings::{Surroundings, duration, render};
use super::yaml::At;
use crate::action::Action;
use crate::diagnostic::{Code, Fault, Span};
use crate::outbound::{Network, Origin, Unfit, authorities};
use crate::secret::Secret;

/// What a login asks for.
const SCOPE: &str = "openid profile email";

/// What the check of an upstream can rely on.
pub(super) struct Ground<'a> {
    pub configuration: &'a Map<String, Json>,
    pub surroundings: &'a Surroundings<'a>,
}

/// Checks the block.
pub(super) fn upstream(raw: &At<RawUpstream>, ground: &Ground<'_>, checker: &mut Checker<'_>) -> Option<Upstream> {
    let block = &raw.value;
    foreign_keys(block, checker);
    let connections = match &block.max_connections {
        Some(at) if !(1..=1000).contains(&at.value) => {
            let message = format!("{} connections, expected 1 to 1000", at.value);
            checker.push(Fault::new(Code::InvalidValue, at.span.clone(), message).help("10 suits most upstreams"));
            None
        }
        at => Some(at.as_ref().map_or(10, |at| at.value)),
    };
    let timeout = match &block.timeout {
        Some(at) => checker.take(duration(at)),
        None => Some(Duration::from_secs(2)),
    };
    let trusted = ca(block.ca.as_ref(), ground, checker);
    let kind = match block.kind.value {
        Type::Auth0 => auth0(raw, ground, checker).map(UpstreamKind::Auth0),
        Type::Oauth2 => oauth2(raw, ground, checker).map(UpstreamKind::OAuth2),
        Type::Http => service(raw, ground, checker).map(UpstreamKind::Http),
    };
    let (trusted, digest) = trusted?;
    let allow_private = block.allow_private.as_ref().is_some_and(|at| at.value);
    let network = Network { max_connections: connections? as usize, authorities: trusted, allow_private };
    let (kind, timeout) = (kind?, timeout?);
    let fingerprint = fingerprint(&kind, &network, &digest);
    Some(Upstream { network, timeout, kind, fingerprint })
}

/// Keys that mean nothing to the declared type.
fn foreign_keys(block: &RawUpstream, checker: &mut Checker<'_>) {
    let span = |at: &At<String>| at.span.clone();
    let keys: [(&str, &[Type], Option<Span>); 13] = [
        ("domain", &[Type::Auth0], block.domain.as_ref().map(span)),
        ("connection", &[Type::Auth0], block.connection.as_ref().map(span)),
        ("audience", &[Type::Auth0], block.audience.as_ref().map(span)),
        ("client_id", &[Type::Auth0, Type::Oauth2], block.client_id.as_ref().map(span)),
        ("client_secret", &[Type::Auth0, Type::Oauth2], block.client_secret.as_ref().map(|at| at.span.clone())),
        ("scope", &[Type::Auth0, Type::Oauth2], block.scope.as_ref().map(span)),
        ("client_authentication", &[Type::Oauth2], block.client_authentication.as_ref().map(|at| at.span.clone())),
        ("token_url", &[Type::Oauth2], block.token_url.as_ref().map(span)),
        ("userinfo_url", &[Type::Oauth2], block.userinfo_url.as_ref().map(span)),
        ("base_url", &[Type::Http], block.base_url.as_ref().map(span)),
        ("headers", &[Type::Http], block.headers.values().next().map(|at| at.span.clone())),
        ("actions", &[Type::Auth0, Type::Http], block.actions.as_ref().map(|at| at.span.clone())),
        ("allow_insecure", &[Type::Oauth2, Type::Http], block.allow_insecure.as_ref().map(|at| at.span.clone())),
    ];
    let kind = block.kind.value;
    for (key, types, span) in keys {
        let Some(span) = span.filter(|_| !types.contains(&kind)) else { continue };
        let message = format!("`{key}` means nothing to `type: {}`", name(kind));
        let types: Vec<&str> = types.iter().map(|one| name(*one)).collect();
        let fault = Fault::new(Code::ConflictingKeys, checker.key_span(key, &span), message);
        checker.push(fault.help(format!("remove it; it belongs to `type: {}`", types.join("` and `type: "))));
    }
}

const fn name(kind: Type) -> &'static str {
    match kind {
        Type::Auth0 => "auth0",
        Type::Oauth2 => "oauth2",
        Type::Http => "http",
    }
}

/// A text that must be there, with the configuration's values in it.
fn needed(
    key: &str,
    at: Option<&At<String>>,
    raw: &At<RawUpstream>,
    ground: &Ground<'_>,
    checker: &mut Checker<'_>,
) -> Option<(String, Span)> {
    let Some(at) = at else {
        let message = format!("`type: {}` needs `{key}`", name(raw.value.kind.value));
        checker.missing("upstream", &raw.span, message, format!("add `{key}: …`"));
        return None;
    };
    let text = render(at, ground.configuration, checker)?;
    if text.trim().is_empty() {
        checker.push(Fault::new(Code::InvalidValue, at.span.clone(), "this is empty").help("give it a value"));
        return None;
    }
    Some((text, at.span.clone()))
}

/// An origin and a path that may be asked.
fn address(
    key: &str,
    at: Option<&At<String>>,
    raw: &At<RawUpstream>,
    ground: &Ground<'_>,
    checker: &mut Checker<'_>,
) -> Option<(Origin, String)> {
    let (text, span) = needed(key, at, raw, ground, checker)?;
    let (origin, path) = checker.take(Origin::parse(&text).map_err(|unfit| misfit(&unfit, span.clone())))?;
    judged(&origin, &span, raw, checker)?;
    Some((origin, path))
}

/// Refuses an origin that may not be asked, and warns of one that is asked in the clear.
fn judged(origin: &Origin, span: &Span, raw: &At<RawUpstream>, checker: &mut Checker<'_>) -> Option<()> {
    let said = |at: &Option<At<bool>>| at.as_ref().is_some_and(|at| at.value);
    let (private, insecure) = (said(&raw.value.allow_private), said(&raw.value.allow_insecure));
    checker.take(origin.may_be_asked(private, insecure).map_err(|unfit| misfit(&unfit, span.clone())))?;
    if !origin.tls && !origin.is_this_machine() {
        let message = "passwords travel in the clear: anybody on the way can read them";
        checker
            .push(Fault::new(Code::UnencryptedConnection, span.clone(), message).help("write `https`; see also `ca`"));
    }
    Some(())
}

fn misfit(unfit: &Unfit, span: Span) -> Fault {
    match unfit {
        Unfit::Invalid(problem) => {
            Fault::new(Code::InvalidUrl, span, *problem).help("as in `https://users.example.com`")
        }
        Unfit::Unencrypted => Fault::new(
            Code::InvalidUrl,
            span,
            "plain HTTP to another machine: passwords would be read on the way",
        )
        .help("write `https`, with `ca: …` for a private authority; `allow_insecure: true` accepts it all the same"),
        Unfit::Private => {
            Fault::new(Code::PrivateAddress, span, "this is an address of this machine or of a private network")
                .help("say `allow_private: true` when the upstream really is there")
        }
    }
}

fn client(raw: &At<RawUpstream>, ground: &Ground<'_>, checker: &mut Checker<'_>) -> Option<Client> {
    let id = needed("client_id", raw.value.client_id.as_ref(), raw, ground, checker);
    let Some(at) = &raw.value.client_secret else {
        let message = format!("`type: {}` needs `client_secret`", name(raw.value.kind.value));
        checker.missing("upstream", &raw.span, message, "add `client_secret: { env: NAME }`");
        return None;
    };
    checker.secret_files.extend(secret_file(&at.value, ground.surroundings));
    let text = checker.take(secret(&at.value, &at.span, ground.surroundings))?;
    if text.is_empty() {
        let fault = Fault::new(Code::MissingSecret, at.span.clone(), "this secret is empty");
        checker.push(fault.help("give it a value"));
        return None;
    }
    let secret = Secret::new(text);
    checker.secrets.push(secret.clone());
    Some(Client { id: id?.0, secret })
}

fn scope(raw: &At<RawUpstream>, ground: &Ground<'_>, checker: &mut Checker<'_>) -> Option<String> {
    match &raw.value.scope {
        Some(at) => render(at, ground.configuration, checker),
        None => Some(SCOPE.to_owned()),
    }
}

fn auth0(raw: &At<RawUpstream>, ground: &Ground<'_>, checker: &mut Checker<'_>) -> Option<Auth0> {
    let block = &raw.value;
    let domain = needed("domain", block.domain.as_ref(), raw, ground, checker);
    let origin = domain.and_then(|(domain, span)| {
        let parsed = Origin::parse(&format!("https://{domain}")).ok().filter(|(_, path)| path == "/");
        let Some((origin, _)) = parsed.filter(|_| !domain.contains('/')) else {
            let message = format!("`{domain}` is no domain");
            checker.push(
                Fault::new(Code::InvalidValue, span, message)
                    .help("write it without `https://`, as in `acme.eu.auth0.com`"),
            );
            return None;
        };
        judged(&origin, &span, raw, checker).map(|()| origin)
    });
    let client = client(raw, ground, checker);
    let connection = needed("connection", block.connection.as_ref(), raw, ground, checker);
    let scope = scope(raw, ground, checker);
    if let (Some(scope), Some(at)) = (&scope, &block.scope)
        && !scope.split(' ').any(|word| word == "openid")
    {
        let message = "without `openid` the tenant does not say who has logged in";
        checker.push(Fault::new(Code::InvalidValue, at.span.clone(), message).help("add `openid`"));
    }
    let audience = match &block.audience {
        Some(at) => render(at, ground.configuration, checker),
        None => origin.as_ref().map(|origin| format!("{}/api/v2/", origin.base())),
    };
    let actions = names(block.actions.as_ref(), checker);
    Some(Auth0 {
        origin: origin?,
        client: client?,
        connection: connection?.0,
        audience: audience?,
        scope: scope?,
        actions: actions?,
    })
}

/// The names of the declared actions.
fn names(raw: Option<&At<RawUpstreamActions>>, checker: &mut Checker<'_>) -> Option<BTreeSet<Action>> {
    let Some(at) = raw else { return Some(BTreeSet::from([Action::Login, Action::GetUser])) };
    let RawUpstreamActions::Names(list) = &at.value else {
        let fault = Fault::new(Code::WrongType, at.span.clone(), "expected a list of actions' names");
        checker.push(fault.help("the requests are known: write `actions: [login, get_user]`"));
        return None;
    };
    let mut actions = BTreeSet::new();
    for at in list {
        match at.value.parse::<Action>() {
            // A tenant's search ends after a thousand users: what could be listed is not all.
            Ok(action) if action != Action::ListUsers => drop(actions.insert(action)),
            _ => {
                let known = Action::ALL.into_iter().filter(|action| *action != Action::ListUsers);
                let known: Vec<_> = known.map(Action::as_str).collect();
                let message = format!("`{}` is no action, expected one of `{}`", at.value, known.join("`, `"));
                let fault = Fault::new(Code::InvalidValue, at.span.clone(), message);
                checker.push(fault.did_you_mean(&at.value, known));
            }
        }
    }
    if list.is_empty() {
        checker.missing("actions", &at.span, "no action is declared", "declare `login` or `get_user` at least");
    }
    Some(actions)
}

fn oauth2(raw: &At<RawUpstream>, ground: &Ground<'_>, checker: &mut Checker<'_>) -> Option<OAuth2> {
    let block = &raw.value;
    let token = address("token_url", block.token_url.as_ref(), raw, ground, checker);
    let userinfo = address("userinfo_url", block.userinfo_url.as_ref(), raw, ground, checker);
    let client = client(raw, ground, checker);
    let scope = scope(raw, ground, checker);
    let authentication = block.client_authentication.as_ref().map_or_else(Default::default, |at| at.value);
    Some(OAuth2 {
        token: token?,
        userinfo: userinfo?,
        client: client?,
        basic: authentication == RawClientAuthentication::Basic,
        scope: scope?,
    })
}

fn service(raw: &At<RawUpstream>, ground: &Ground<'_>, checker: &mut Checker<'_>) -> Option<Service> {
    let block = &raw.value;
    let base = address("base_url", block.base_url.as_ref(), raw, ground, checker);
    let headers: Vec<_> = block.headers.iter().map(|(name, at)| header(name, at, ground, checker)).collect();
    let actions = match &block.actions {
        Some(At { value: RawUpstreamActions::Requests(requests), span }) => {
            exchange::exchanges(requests, span, ground, checker)
        }
        Some(at) => {
            let fault = Fault::new(Code::WrongType, at.span.clone(), "expected the request of each action");
            checker.push(fault.help("write `login: { path: …, outcomes: { 200: authenticated } }`"));
            None
        }
        None => {
            let help = "declare `login` or `get_user` at least";
            checker.missing("upstream", &raw.span, "`type: http` needs the request of each action", help);
            None
        }
    };
    let (origin, path) = base?;
    let base = path.trim_end_matches('/').to_owned();
    Some(Service { origin, base, headers: headers.into_iter().collect::<Option<_>>()?, actions: actions? })
}

/// A header; its value is taken for a secret, wherever it comes from.
fn header(
    name: &str,
    at: &At<RawSetting>,
    ground: &Ground<'_>,
    checker: &mut Checker<'_>,
) -> Option<(HeaderName, HeaderValue)> {
    let refuse = |span: Span, message: String, help: &str| Fault::new(Code::InvalidValue, span, message).help(help);
    let ours =
        ["host", "content-length", "content-type", "transfer-encoding", "connection", "user-agent", "te", "upgrade"];
    let known = HeaderName::try_from(name).ok().filter(|known| !ours.contains(&known.as_str()));
    let Some(known) = known else {
        let span = checker.key_span(name, &at.span);
        checker.push(refuse(span, format!("`{name}` is no header that can be set here"), "remove it"));
        return None;
    };
    let text = match &at.value {
        RawSetting::Literal(Json::String(text)) => {
            render(&At { value: text.clone(), span: at.span.clone() }, ground.configuration, checker)?
        }
        RawSetting::Literal(value) => value.to_string(),
        RawSetting::Reference(reference) => {
            checker.secret_files.extend(secret_file(reference, ground.surroundings));
            match checker.take(resolve(reference, &at.span, ground.surroundings))? {
                Json::String(text) => text,
                other => other.to_string(),
            }
        }
    };
    checker.secrets.push(Secret::new(text.as_str()));
    let Ok(mut value) = HeaderValue::try_from(text) else {
        let message = format!("the value of `{name}` cannot stand in a header");
        checker.push(refuse(at.span.clone(), message, "headers are one line of plain characters"));
        return None;
    };
    value.set_sensitive(true);
    Some((known, value))
}

/// The authorities of a file, and a digest of them.
fn ca(at: Option<&At<String>>, ground: &Ground<'_>, checker: &mut Checker<'_>) -> Option<(RootCertStore, Vec<u8>)> {
    let Some(at) = at else { return Some((RootCertStore::empty(), Vec::new())) };
    let path = ground.surroundings.directory.join(&at.value);
    checker.secret_files.push(path.clone());
    let refuse = |problem: String| {
        let message = format!("cannot use `{}`: {problem}", at.value);
        Fault::new(Code::InvalidCertificate, at.span.clone(), message)
            .help("the path is read from the definition's directory; the file holds certificates in PEM")
    };
    let read = super::read(&path);
    let pem = checker.take(read.map_err(|_| refuse("it cannot be read".to_owned())))?.text;
    checker.secrets.push(Secret::new(pem.as_bytes()));
    let found = checker.take(authorities(pem.as_bytes()).map_err(refuse))?;
    Some((found, pem.as_bytes().to_vec()))
}

fn fingerprint(kind: &UpstreamKind, network: &Network, authorities: &[u8]) -> Fingerprint {
    let mut hash = Sha256::new();
    hash.update(format!("{} {}", network.max_connections, network.allow_private));
    let mut part = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    part(authorities);
    match kind {
        UpstreamKind::Auth0(Auth0 { origin, client, audience, .. }) => {
            part(format!("auth0 {origin:?} {audience} {}", client.id).as_bytes());
            part(client.secret.expose());
        }
        UpstreamKind::OAuth2(OAuth2 { token, userinfo, .. }) => {
            part(format!("oauth2 {:?} {:?}", token.0, userinfo.0).as_bytes());
        }
        UpstreamKind::Http(Service { origin, .. }) => part(format!("http {origin:?}").as_bytes()),
    }
    Fingerprint(hash.finalize().into())
}
