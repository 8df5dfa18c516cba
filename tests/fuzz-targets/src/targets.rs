//! What is done with the bytes of a fuzzer; each fails by panicking.
//!
//! Invariant: nothing here depends on the fuzzer, since the ordinary tests replay the corpus through it.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::LazyLock;

use http::{HeaderMap, HeaderValue};
use userbridge::access::{Network, TrustedProxies};
use userbridge::action::Action;
use userbridge::definition::{Surroundings, check, check_gateway};
use userbridge::diagnostic::Source;
use userbridge::hash::{Accept, FORMATS, FormatSpec, Policy, Spec, Stored, identify};
use userbridge::protocol::Native;
use userbridge::secret::Secret;
use userbridge::sql::{Dialect, Input, Scope, Statement, Use};

/// A target: what it is called, and what it does.
pub type Target = (&'static str, fn(&[u8]));

/// All of them, by the names of their folders in `corpus/`.
pub const ALL: [Target; 5] = [
    ("definition", definition),
    ("statement", statement),
    ("forwarded", forwarded),
    ("body", body),
    ("stored_hash", stored_hash),
];

/// The loader of definitions and that of the gateway's own settings: a refusal has a reason, which can be drawn.
pub fn definition(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let surroundings = Surroundings { variable: &|_| None, directory: Path::new("/nonexistent") };
    let (definition, report) = check(&Source::new("acme.yaml", text), &surroundings);
    assert_eq!(definition.is_some(), !report.is_fatal(), "refused without a reason, or the reverse");
    report.render(false);
    if let Err(report) = check_gateway(&Source::new("userbridge.yaml", text)) {
        assert!(report.is_fatal(), "settings are refused without a reason");
        report.render(false);
    }
}

/// The compiler of statements, for reading and for writing: every parameter stands in the text once.
pub fn statement(bytes: &[u8]) {
    let Ok(sql) = std::str::from_utf8(bytes) else { return };
    let (configuration, identifiers) = (Default::default(), BTreeMap::new());
    for dialect in Dialect::ALL {
        for used in [Use::Read, Use::Write] {
            let scope = Scope {
                source: sql,
                dialect,
                used,
                action: "login",
                inputs: &[("identifier", Input::Identifier)],
                configuration: &configuration,
                identifiers: &identifiers,
                steps: &[],
                row: false,
            };
            let Ok(statement) = Statement::compile(&scope) else { continue };
            statement.comparisons();
            assert!(!statement.text.contains("{{ identifier }}"), "a placeholder is left in {}", statement.text);
        }
    }
}

/// Addresses in the headers of proxies: one line of the input is one line of the headers, of both kinds by turns.
pub fn forwarded(bytes: &[u8]) {
    static PROXIES: LazyLock<Option<TrustedProxies>> =
        LazyLock::new(|| TrustedProxies::new(vec!["10.0.0.0/8".parse::<Network>().ok()?]).ok());
    let proxies = PROXIES.as_ref().expect("a network");
    let lines = || bytes.split(|byte| *byte == b'\n').filter_map(|line| HeaderValue::from_bytes(line).ok());
    let stranger = IpAddr::from(Ipv4Addr::new(192, 0, 2, 1));
    for name in ["x-forwarded-for", "forwarded"] {
        let mut headers = HeaderMap::new();
        for line in lines() {
            headers.append(name, line);
        }
        let _ = proxies.client_address(Ipv4Addr::new(10, 0, 0, 1).into(), &headers);
        assert_eq!(proxies.client_address(stranger, &headers).ok(), Some(stranger), "a stranger is believed");
    }
}

/// Bodies of requests, for every action: with a byte more they are none.
pub fn body(bytes: &[u8]) {
    for action in Action::ALL {
        if Native::request(action, bytes).is_ok() {
            assert!(Native::request(action, &[bytes, b"}"].concat()).is_err(), "trailing bytes are accepted");
        }
    }
}

/// Stored hashes, which a database may hold in any shape: read as every format that there is. Computing them would
/// take its time, and is capped elsewhere.
pub fn stored_hash(bytes: &[u8]) {
    static POLICIES: LazyLock<Vec<Policy>> = LazyLock::new(|| {
        let named = |name: &str| Accept::Formats(vec![FormatSpec::Named(name.to_owned())]);
        let accepted = FORMATS.iter().map(|format| named(format.name)).chain([Accept::Auto]);
        // Those that need a secret of the site are told apart by nothing but that.
        accepted.filter_map(|accept| Policy::compile(&Spec::new(accept, None)).ok()).collect()
    });
    assert!(POLICIES.len() > 20, "formats are missing");
    let secret = Secret::new(bytes);
    for salt in [None, Some(&secret)] {
        let stored = Stored { value: Some(&secret), salt, user: Some("ann"), realm: Some(""), ..Stored::default() };
        for policy in POLICIES.iter() {
            policy.memory_needed(Some(&stored));
            let _ = policy.describe(&stored);
        }
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        identify(text);
    }
}
