//! Tokens of an issuer outside: an Auth0 tenant's machine-to-machine tokens, and a host that misbehaves.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value as Json, json};

use super::support::*;
use crate::gateway::Gateway;

const AUDIENCE: &str = "https://users.example.com/api";

/// A client without keys of its own, and an issuer with a tenant's habits.
fn tenant(host: &Host, more: &str) -> (String, String) {
    let clients = "  - id: auth0\n    scopes: [\"tiny:*\"]\n".to_owned();
    let issuer = format!(
        "trusted_issuers:\n  - issuer: \"{}\"\n    audience: {AUDIENCE}\n    client: auth0\n    {more}\nlimits: {{ address: 1000000/s, client: 1000000/s }}",
        host.url()
    );
    (clients, issuer)
}

const SUFFIX: &str = "subject_suffix: \"@clients\"";

fn trusting(host: &Host, more: &str) -> Gateway {
    let (clients, issuer) = tenant(host, more);
    start(settings("", &clients, &issuer))
}

fn header(kid: &str) -> Json {
    json!({ "alg": "RS256", "typ": "JWT", "kid": kid })
}

/// What a tenant's token says.
fn claims(host: &Host) -> Json {
    json!({
        "iss": host.url(), "sub": "aBcDeF@clients", "aud": AUDIENCE, "iat": now(), "exp": now() + 86_400,
        "scope": "tiny:get_user unrelated", "gty": "client-credentials", "azp": "aBcDeF",
    })
}

#[test]
fn a_tenants_machines_may_call_and_its_people_may_not() {
    let signer = Signer::rsa();
    let host = Host::new(&[signer.jwk("k1")]);
    let gateway = trusting(&host, SUFFIX);
    let sign = |changes: Json| signer.sign(&header("k1"), &with(claims(&host), changes));
    let status = |changes: Json| call(gateway.address, &sign(changes)).status;
    assert_eq!(status(json!({})), 200);
    assert_eq!(status(json!({ "aud": [AUDIENCE, format!("{}userinfo", host.url())] })), 200);
    assert_eq!(status(json!({ "scope": "tiny:login" })), 403);
    assert_eq!(status(json!({ "scope": "*:*" })), 200);
    assert_eq!(status(json!({ "scope": null })), 403);
    let refused = bare(call(gateway.address, "eyJ.eyJ."));
    for (name, changes) in [
        ("a person", json!({ "sub": "auth0|7" })),
        ("nobody", json!({ "sub": "@clients" })),
        ("no subject", json!({ "sub": null })),
        ("an ID token", json!({ "aud": "aBcDeF" })),
        ("no audience", json!({ "aud": null })),
        ("expired", json!({ "exp": now() - 61 })),
        ("exp as text", json!({ "exp": (now() + 60).to_string() })),
        ("from the future", json!({ "iat": now() + 120 })),
        ("another issuer", json!({ "iss": "https://evil.example/" })),
        ("without the slash", json!({ "iss": host.url().trim_end_matches('/') })),
        // Ours, by its name, but not by its key.
        ("ourselves", json!({ "iss": ISSUER, "aud": ISSUER })),
    ] {
        assert_eq!(bare(call(gateway.address, &sign(changes))), refused, "{name}");
    }
    let ec = Signer::new();
    for (name, token) in [
        ("another key", ec.sign(&header("k1"), &claims(&host))),
        ("another algorithm", ec.sign(&with(header("k1"), json!({ "alg": "ES256" })), &claims(&host))),
        ("PS256", signer.sign(&with(header("k1"), json!({ "alg": "PS256" })), &claims(&host))),
        ("HS256", signer.sign(&with(header("k1"), json!({ "alg": "HS256" })), &claims(&host))),
        ("no type", signer.sign(&with(header("k1"), json!({ "typ": null })), &claims(&host))),
        (
            "an assertion",
            signer.sign(&with(header("k1"), json!({ "typ": "client-authentication+jwt" })), &claims(&host)),
        ),
        ("no key", signer.sign(&with(header("k1"), json!({ "kid": null })), &claims(&host))),
    ] {
        assert_eq!(bare(call(gateway.address, &token)), refused, "{name}");
    }
    // Only the issuer's keys believe the issuer's tokens.
    let own = Signer::of(&gateway);
    let kid = send(gateway.address, "GET", "/.well-known/jwks.json", &[], b"").json()["keys"][0]["kid"].clone();
    let token = own.sign(&json!({ "alg": "ES256", "typ": "at+jwt", "kid": kid }), &claims(&host));
    assert_eq!(bare(call(gateway.address, &token)), refused);
}

#[test]
fn scopes_come_from_where_the_settings_say() {
    let signer = Signer::rsa();
    let host = Host::new(&[signer.jwk("k1")]);
    let cases = [
        ("scopes: [\"tiny:get_user\"]", json!({ "scope": null }), 200),
        ("scopes: [\"tiny:login\"]", json!({ "scope": "*:*" }), 403),
        // What the client may not, no token may.
        ("scopes: [\"*:*\"]", json!({}), 200),
        ("scope_claim: permissions", json!({ "permissions": ["x", "tiny:get_user"], "scope": null }), 200),
        ("scope_claim: permissions", json!({ "permissions": ["x"] }), 403),
        ("scope_map: { \"read:users\": [\"tiny:get_user\"] }", json!({ "scope": "read:users" }), 200),
        ("scope_map: { \"read:users\": [\"tiny:get_user\"] }", json!({ "scope": "tiny:get_user" }), 403),
    ];
    for (more, changes, status) in cases {
        let gateway = trusting(&host, &format!("{SUFFIX}\n    {more}"));
        let token = signer.sign(&header("k1"), &with(claims(&host), changes.clone()));
        assert_eq!(call(gateway.address, &token).status, status, "{more} {changes}");
    }
    let (clients, issuer) = tenant(&host, "subjects: [\"aBcDeF@clients\"]\n    scopes: [\"*:*\"]");
    let gateway = start(settings("", &clients.replace("tiny:*", "tiny:login"), &issuer));
    let token = |sub: &str| signer.sign(&header("k1"), &with(claims(&host), json!({ "sub": sub })));
    assert_eq!(call(gateway.address, &token("aBcDeF@clients")).status, 403);
    assert_eq!(call(gateway.address, &token("other@clients")).status, 401);
    // The client is gone, the token is not: refused at the next request.
    let before = gateway.log().matches("are those of the changed settings").count();
    std::fs::write(gateway.folder().join("userbridge.yaml"), settings("", "", "")).unwrap();
    gateway.signal(Signal::HUP);
    gateway.eventually("the settings are in force", || {
        gateway.log().matches("are those of the changed settings").count() > before
    });
    assert_eq!(call(gateway.address, &token("aBcDeF@clients")).status, 401);
}

#[test]
fn the_issuers_rotation_is_followed_and_unknown_keys_cost_one_fetch() {
    let (old, new) = (Signer::rsa(), Signer::new());
    let host = Host::new(&[old.jwk("k1")]);
    let gateway = trusting(&host, &format!("{SUFFIX}\n    algorithms: [RS256, ES256]\n    cool_down: 3s"));
    gateway.eventually("the keys are fetched before anybody needs them", || host.asked() == 1);
    let old = old.sign(&header("k1"), &claims(&host));
    let new_token = new.sign(&json!({ "alg": "ES256", "typ": "at+jwt", "kid": "k2" }), &claims(&host));
    assert_eq!(call(gateway.address, &old).status, 200);
    host.publish(&[Signer::rsa().jwk("k1"), new.jwk("k2")]);
    std::thread::sleep(Duration::from_millis(3100));
    // The first request with the new key is the one that fetches it.
    assert_eq!(call(gateway.address, &new_token).status, 200);
    assert_eq!((call(gateway.address, &old).status, host.asked()), (200, 2));
    std::thread::sleep(Duration::from_millis(3100));
    let (started, refused) = (std::time::Instant::now(), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (refused, host) = (&refused, &host);
            let address = gateway.address;
            scope.spawn(move || {
                for number in 0..250 {
                    let kid = format!("unknown-{thread}-{number}");
                    let token =
                        Signer::new().sign(&json!({ "alg": "ES256", "typ": "at+jwt", "kid": kid }), &claims(host));
                    refused.fetch_add(usize::from(call(address, &token).status == 401), Ordering::SeqCst);
                }
            });
        }
    });
    assert_eq!(refused.load(Ordering::SeqCst), 1000);
    let cool_downs = started.elapsed().as_secs_f32() / 3.0;
    assert!(host.asked() - 2 <= cool_downs as usize + 1, "{} fetches in {cool_downs} cool-downs", host.asked() - 2);
    assert_eq!(call(gateway.address, &new_token).status, 200);
}

#[test]
fn a_host_that_misbehaves_is_outlived_by_the_keys_at_hand() {
    let signer = Signer::rsa();
    let host = Host::new(&[signer.jwk("k1")]);
    let gateway = trusting(&host, &format!("{SUFFIX}\n    refresh: 1s\n    cool_down: 1s\n    stale: 1h"));
    let token = signer.sign(&header("k1"), &claims(&host));
    assert_eq!(call(gateway.address, &token).status, 200);
    let elsewhere = Host::new(&[signer.jwk("k1")]);
    let redirect = format!("HTTP/1.1 302 Found\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n", elsewhere.url());
    let huge = [b"HTTP/1.1 200 OK\r\ncontent-length: 104857600\r\n\r\n".to_vec(), vec![b' '; 4 << 20]].concat();
    let faults = [
        (Behaviour::Down, "HTTP"),
        (Behaviour::Silent, "no answer within 2 seconds"),
        (Behaviour::Bytes(redirect.into_bytes()), "redirects are not followed"),
        (Behaviour::Bytes(huge), "above 262144 bytes"),
        (Behaviour::Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{\"keys\":[".to_vec()), "incomplete"),
        (
            Behaviour::Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n{\"keys\":[]}".to_vec()),
            "no key that can be used",
        ),
        (Behaviour::Bytes(b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n".to_vec()), "status 500"),
    ];
    for (behaviour, error) in faults {
        host.behave(behaviour);
        let alarmed = || {
            gateway.records().iter().any(|record| {
                record["level"] == "WARN" && record["fields"]["error"].as_str().is_some_and(|text| text.contains(error))
            })
        };
        gateway.eventually(error, || {
            assert_eq!(call(gateway.address, &token).status, 200, "{error}");
            alarmed()
        });
    }
    assert_eq!(elsewhere.asked(), 0);
    // A key that the host cannot be asked about is refused, and soon.
    let unknown = signer.sign(&header("k2"), &claims(&host));
    let started = std::time::Instant::now();
    assert_eq!(call(gateway.address, &unknown).status, 401);
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[test]
fn without_any_keys_the_answer_is_neither_yes_nor_no() {
    let signer = Signer::rsa();
    let host = Host::new(&[]);
    host.behave(Behaviour::Down);
    let gateway = trusting(&host, &format!("{SUFFIX}\n    cool_down: 1s\n    refresh: 1s\n    stale: 1s"));
    let token = signer.sign(&header("k1"), &claims(&host));
    let reply = call(gateway.address, &token);
    assert_eq!((reply.status, &reply.json()["code"]), (503, &json!("unavailable")));
    assert!(reply.header("retry-after").is_some());
    // Everybody else is served.
    assert_eq!(call(gateway.address, &ask(gateway.address, &[], &form("")).token()).status, 200);
    host.publish(&[signer.jwk("k1")]);
    gateway.eventually("the keys are back", || call(gateway.address, &token).status == 200);
    // Keys beyond their limit are not used.
    host.behave(Behaviour::Down);
    gateway.eventually("the keys are too old", || call(gateway.address, &token).status == 503);
    gateway.eventually("the operator is told", || gateway.log().contains("its tokens are refused"));
}

#[test]
fn settings_that_trust_too_much_are_refused() {
    let issuer =
        |lines: &str| format!("trusted_issuers:\n  - issuer: https://a.example/\n    audience: x\n    {lines}");
    let cases = [
        (issuer("client: tests"), "expected `subject_suffix`, `subjects` or the application under `claims`"),
        (issuer("client: tests\n    subjects: [\"*\"]"), "would admit the issuer's users too"),
        (issuer(&format!("client: nobody\n    {SUFFIX}")), "client `nobody` is not declared"),
        (issuer(&format!("client: tests\n    {SUFFIX}\n    algorithms: [HS256]")), "proves nothing about who signed"),
        (issuer(&format!("client: tests\n    {SUFFIX}\n    algorithms: [none]")), "proves nothing about who signed"),
        (issuer(&format!("client: tests\n    {SUFFIX}\n    jwks: http://a.example/keys")), "expected `https`"),
        (issuer(&format!("client: tests\n    {SUFFIX}\n    stale: 30d")), "is not a time from 0s to 168h"),
        (issuer(&format!("client: tests\n    {SUFFIX}\n    scopes: [\"a:b\"]")), "is no action"),
        (
            issuer(&format!("client: tests\n    {SUFFIX}\n    scopes: [\"a:*\"]\n    scope_claim: x")),
            "conflicting-keys",
        ),
        (issuer(&format!("client: tests\n    {SUFFIX}")).replace("https://a.example/", ISSUER), "own issuer"),
        (issuer("client: tests\n    claims: { tid: x }"), "the issuer signs tokens for its users too"),
        (
            issuer(
                "client: tests\n    claims: { azp: x }\n    jwks: https://a.example/k\n    metadata: https://a.example/m",
            ),
            "conflicting-keys",
        ),
        (issuer("client: tests\n    claims: { azp: x }\n    metadata: http://a.example/m"), "expected `https`"),
    ];
    for (lines, expected) in cases {
        refused(&settings("", "", &lines), expected);
    }
    for (tokens, expected) in [
        (", lifetime: 1h", "is not a time from 5m to 15m"),
        (", algorithm: RS256", "tokens are signed with `ES256` or `EdDSA`"),
        (", keys: /dev/null/keys", "/dev/null/keys"),
    ] {
        refused(&settings(tokens, "", ""), expected);
    }
    for (issuer, expected) in [
        ("https://users.example.com/", "ends with a slash"),
        ("http://users.example.com", "expected `https`"),
        ("https://users.example.com?a", "a query"),
        ("HTTPS://users.example.com", "would be written"),
        ("users", "not an address"),
    ] {
        refused(&settings("", "", "").replace(ISSUER, issuer), expected);
    }
    refused(&settings("", "  - id: empty\n    scopes: []\n", ""), "has no way to prove itself");
}

fn refused(settings: &str, expected: &str) {
    let setup = crate::gateway::Setup::new().definition("tiny.yaml", TINY).settings(settings).env("NO_COLOR", "1");
    let refused = setup.try_start().err().unwrap();
    assert_eq!(refused.code, Some(78), "{expected}");
    assert!(refused.output.contains(expected), "{expected}:\n{}", refused.output);
}
