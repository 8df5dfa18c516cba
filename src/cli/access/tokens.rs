//! The settings' sections about tokens, parsed with their places.

use std::collections::HashMap;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use url::Url;

use super::{all, one};
use crate::access::issuer::{self, APPLICATION, Granting, KeySettings, SubjectRule};
use crate::access::token::{Algorithm, AuthoritySettings, Jwk, PublicKey, TokenType};
use crate::access::{ClientId, Scope};
use crate::definition::{At, RawGateway, RawJwk, RawTokens, RawTrustedIssuer};
use crate::diagnostic::{Code, Fault, Span};
use crate::server::Fetcher;

/// The tokens that are declared, still without the keys that sign them.
#[derive(Debug)]
pub(in crate::cli) struct Declared {
    pub own: Option<Own>,
    pub trusted: Vec<issuer::Settings>,
}

/// Our own tokens, and where their keys are.
#[derive(Debug)]
pub(in crate::cli) struct Own {
    pub settings: AuthoritySettings,
    /// As written: relative to the settings' directory.
    pub directory: PathBuf,
    /// Of the key that is made when there is none.
    pub algorithm: Algorithm,
}

/// Everything about tokens; None when there is nothing.
pub(in crate::cli) fn declared(raw: &RawGateway, faults: &mut Vec<Fault>) -> Option<Declared> {
    if raw.tokens.is_none() && raw.trusted_issuers.is_empty() {
        return None;
    }
    let own = raw.tokens.as_ref().and_then(|tokens| own(tokens, faults));
    let known: Vec<&str> = raw.clients.iter().map(|client| client.id.value.as_str()).collect();
    let trusted = raw.trusted_issuers.iter().filter_map(|issuer| {
        if raw.tokens.as_ref().is_some_and(|own| own.issuer.value == issuer.issuer.value) {
            faults.push(invalid(&issuer.issuer, "this is the gateway's own issuer, whose tokens are believed anyway"));
        }
        let below = raw.tokens.as_ref().and_then(|own| issuer.issuer.value.strip_prefix(own.issuer.value.as_str()));
        if below.is_some_and(|rest| rest.starts_with("/oauth2/")) {
            let message =
                "the tokens of this gateway's own `oauth2` face are about users and open nothing but userinfo";
            faults.push(invalid(&issuer.issuer, message));
        }
        trusted(issuer, &known, faults)
    });
    Some(Declared { own, trusted: trusted.collect() })
}

fn own(raw: &RawTokens, faults: &mut Vec<Fault>) -> Option<Own> {
    let issuer = checked(identifier(&raw.issuer), faults);
    let minute = 60;
    let lifetime = time(raw.lifetime.as_ref(), 10 * minute, 5 * minute..=15 * minute, faults);
    let settle = time(raw.settle.as_ref(), minute, 0..=60 * minute, faults);
    let algorithm = match raw.algorithm.as_ref() {
        None => Some(Algorithm::Es256),
        Some(at) => match one::<Algorithm>(at, faults) {
            Some(algorithm @ (Algorithm::Es256 | Algorithm::EdDsa)) => Some(algorithm),
            Some(_) => {
                faults.push(invalid(at, "tokens are signed with `ES256` or `EdDSA`"));
                None
            }
            None => None,
        },
    };
    let directory = PathBuf::from(raw.keys.as_ref().map_or("keys", |at| at.value.as_str()));
    let issuer = issuer?;
    let audience = raw.audience.as_ref().map_or_else(|| issuer.clone(), |at| at.value.clone());
    let settings = AuthoritySettings { issuer, audience, lifetime: lifetime?, settle: settle?, keys: Vec::new() };
    Some(Own { settings, directory, algorithm: algorithm? })
}

/// An issuer identifier of our own (RFC 8414, section 2).
fn identifier(at: &At<String>) -> Result<String, Fault> {
    let text = at.value.as_str();
    let help = "write the address by which callers know this gateway, as in `https://users.example.com`";
    let wrong = |why: &str| invalid(at, format!("`{text}` is no issuer identifier: {why}")).help(help);
    let url: Url = text.parse().map_err(|_| wrong("it is not an address"))?;
    Fetcher::may_fetch(&url).map_err(|why| wrong(&why))?;
    // Compared character by character, so what is written must be what is meant.
    let canonical = url.as_str().strip_suffix('/').unwrap_or(url.as_str());
    match (text.ends_with('/'), url.query().or(url.fragment()), text == canonical) {
        (true, ..) => Err(wrong("it ends with a slash")),
        (_, Some(_), _) => Err(wrong("it has a query or a fragment")),
        (.., false) => Err(wrong(&format!("it would be written `{canonical}`"))),
        _ => Ok(text.to_owned()),
    }
}

fn trusted(raw: &RawTrustedIssuer, clients: &[&str], faults: &mut Vec<Fault>) -> Option<issuer::Settings> {
    let client = one::<ClientId>(&raw.client, faults);
    if client.is_some() && !clients.contains(&raw.client.value.as_str()) {
        let fault = invalid(&raw.client, format!("client `{}` is not declared under `clients:`", raw.client.value));
        faults.push(fault.did_you_mean(&raw.client.value, clients.iter().copied()));
    }
    let subjects = subjects(raw, faults);
    let granting = granting(raw, faults);
    let algorithms = all::<Algorithm>(&raw.algorithms, faults);
    let types = all::<TokenType>(&raw.types, faults);
    let keys = key_settings(raw, faults);
    if raw.audience.value.is_empty() {
        faults.push(invalid(&raw.audience, "an empty audience means nobody"));
    }
    Some(issuer::Settings {
        issuer: raw.issuer.value.clone(),
        audience: raw.audience.value.clone(),
        algorithms: if raw.algorithms.is_empty() { vec![Algorithm::Rs256] } else { algorithms },
        types: if raw.types.is_empty() { vec![TokenType::AccessToken, TokenType::Jwt] } else { types },
        subjects: subjects?,
        claims: raw.claims.iter().map(|(name, at)| (name.clone(), at.value.clone())).collect(),
        client: client?,
        granting: granting?,
        keys: keys?,
    })
}

fn subjects(raw: &RawTrustedIssuer, faults: &mut Vec<Fault>) -> Option<SubjectRule> {
    let suffix = raw.subject_suffix.as_ref().map(|at| At { value: format!("*{}", at.value), span: at.span.clone() });
    let patterns: Vec<&At<String>> = suffix.iter().chain(&raw.subjects).collect();
    if patterns.is_empty() && APPLICATION.iter().any(|name| raw.claims.contains_key(*name)) {
        return Some(SubjectRule::anyone());
    }
    if patterns.is_empty() {
        let message = "expected `subject_suffix`, `subjects` or the application under `claims`: the issuer signs tokens for its users too";
        let help = "for machine-to-machine tokens of Auth0 write `subject_suffix: \"@clients\"`";
        faults.push(Fault::new(Code::MissingKey, raw.issuer.span.clone(), message).help(help));
        return None;
    }
    for at in &patterns {
        if let Err(message) = SubjectRule::new([at.value.as_str()]) {
            faults.push(invalid(at, message));
        }
    }
    SubjectRule::new(patterns.iter().map(|at| at.value.as_str())).ok()
}

fn granting(raw: &RawTrustedIssuer, faults: &mut Vec<Fault>) -> Option<Granting> {
    let always = all::<Scope>(&raw.scopes, faults);
    if let Some(first) = raw.scopes.first() {
        if raw.scope_claim.is_some() || raw.scope_map.is_some() {
            let message =
                "`scopes` are given whatever the token says, so `scope_claim` and `scope_map` have no meaning";
            faults.push(Fault::new(Code::ConflictingKeys, first.span.clone(), message));
            return None;
        }
        return Some(Granting::Always(always));
    }
    let claim = raw.scope_claim.as_ref().map_or("scope", |at| at.value.as_str()).to_owned();
    let Some(map) = &raw.scope_map else { return Some(Granting::Claim(claim)) };
    let words: HashMap<_, _> = map.iter().map(|(word, scopes)| (word.clone(), all::<Scope>(scopes, faults))).collect();
    Some(Granting::Map { claim, words })
}

fn key_settings(raw: &RawTrustedIssuer, faults: &mut Vec<Fault>) -> Option<KeySettings> {
    if let (Some(_), Some(at)) = (&raw.jwks, &raw.metadata) {
        let message = "`jwks` says where the keys are, so `metadata` have no meaning";
        faults.push(Fault::new(Code::ConflictingKeys, at.span.clone(), message).help("remove one"));
    }
    let (at, text) = match raw.jwks.as_ref().or(raw.metadata.as_ref()) {
        Some(at) => (at, at.value.clone()),
        None => (&raw.issuer, format!("{}/.well-known/jwks.json", raw.issuer.value.trim_end_matches('/'))),
    };
    let url = text.parse::<Url>().map_err(|_| "it is not an address".to_owned());
    let url = url.and_then(|url| Fetcher::may_fetch(&url).map(|()| url));
    let url = url.map_err(|why| {
        invalid(at, format!("keys cannot be fetched from `{text}`: {why}"))
            .help("write the address of the keys as `jwks`")
    });
    let (minute, hour) = (60, 3600);
    let refresh = time(raw.refresh.as_ref(), 10 * minute, 1..=24 * hour, faults);
    let cool_down = time(raw.cool_down.as_ref(), 15, 1..=10 * minute, faults);
    let stale = time(raw.stale.as_ref(), 24 * hour, 0..=7 * 24 * hour, faults);
    let metadata_of = raw.metadata.as_ref().map(|_| raw.issuer.value.clone());
    let url = checked(url, faults)?;
    Some(KeySettings { url, metadata_of, refresh: refresh?, cool_down: cool_down?, stale: stale? })
}

/// The keys of a client's assertions.
pub(in crate::cli) fn assertion_keys(raw: &[RawJwk], faults: &mut Vec<Fault>) -> Vec<PublicKey> {
    let key = |raw: &RawJwk| -> Result<PublicKey, Fault> {
        if raw.d.is_some() {
            let fault = invalid(&raw.kty, "this key has its private part `d`, which belongs to the caller alone");
            return Err(fault.help("replace the key, and write only its public part here"));
        }
        let jwk = Jwk {
            kty: raw.kty.value.clone(),
            crv: raw.crv.clone(),
            x: raw.x.clone(),
            y: raw.y.clone(),
            n: raw.n.clone(),
            e: raw.e.clone(),
            kid: raw.kid.clone(),
            alg: raw.alg.clone(),
            usage: raw.usage.clone(),
        };
        PublicKey::from_jwk(&jwk).map_err(|why| invalid(&raw.kty, why))
    };
    raw.iter().filter_map(|raw| checked(key(raw), faults)).collect()
}

/// A time such as `500ms`, `15s`, `10m` or `24h`, between so many seconds.
fn time(
    at: Option<&At<String>>,
    default: u64,
    seconds: std::ops::RangeInclusive<u64>,
    faults: &mut Vec<Fault>,
) -> Option<Duration> {
    let Some(at) = at else { return Some(Duration::from_secs(default)) };
    let text = at.value.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let unit = match &text[digits..] {
        "s" => Some(1),
        "m" => Some(60),
        "h" => Some(3600),
        _ => None,
    };
    let number = u64::from_str(&text[..digits]).ok().zip(unit).and_then(|(number, unit)| number.checked_mul(unit));
    match number.filter(|number| seconds.contains(number)) {
        Some(number) => Some(Duration::from_secs(number)),
        None => {
            let (least, most) = (shown(*seconds.start()), shown(*seconds.end()));
            faults.push(
                invalid(at, format!("`{text}` is not a time from {least} to {most}"))
                    .help("write a whole number with its unit, as in `15s`, `10m` or `24h`"),
            );
            None
        }
    }
}

fn shown(seconds: u64) -> String {
    match seconds {
        0 => "0s".to_owned(),
        _ if seconds.is_multiple_of(3600) => format!("{}h", seconds / 3600),
        _ if seconds.is_multiple_of(60) => format!("{}m", seconds / 60),
        _ => format!("{seconds}s"),
    }
}

fn checked<T>(result: Result<T, Fault>, faults: &mut Vec<Fault>) -> Option<T> {
    result.map_err(|fault| faults.push(fault)).ok()
}

fn invalid(at: &At<String>, message: impl Into<String>) -> Fault {
    let span: Span = at.span.clone();
    Fault::new(Code::InvalidValue, span, message)
}
