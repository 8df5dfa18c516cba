//! Who may ask, how often, and what is recorded of it.

use serde_json::json;

use super::{FACES, ann, ask, form, proof, start, userinfo};
use crate::gateway::client;
use crate::people::PASSWORD;
use crate::tokens::support::{ISSUER, Signer, now, send};

#[test]
fn what_is_published_says_what_is_there() {
    let gateway = start("");
    let get = |path: &str| send(gateway.address, "GET", path, &[], b"");
    let found = get("/oauth2/people/.well-known/openid-configuration");
    let place = format!("{ISSUER}/oauth2/people");
    let expected = json!({
        "issuer": place, "token_endpoint": format!("{place}/token"), "userinfo_endpoint": format!("{place}/userinfo"),
        "jwks_uri": format!("{ISSUER}/.well-known/jwks.json"),
        "scopes_supported": ["openid", "profile", "email", "phone"],
        "claims_supported": ["name", "given_name", "family_name", "nickname", "preferred_username", "picture", "updated_at",
            "email", "email_verified", "phone_number", "phone_number_verified", "sub"],
        "grant_types_supported": ["password", "http://auth0.com/oauth/grant-type/password-realm"],
        "response_types_supported": [], "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256", "EdDSA"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["ES256", "EdDSA", "RS256", "PS256"],
    });
    assert_eq!((found.status, found.json()), (200, expected));
    for path in [
        "/oauth2/people/.well-known/oauth-authorization-server",
        "/.well-known/oauth-authorization-server/oauth2/people",
    ] {
        assert_eq!(get(path).text, found.text, "{path}");
    }
    for path in ["/oauth2/nobody/.well-known/openid-configuration", "/okta/people/.well-known/openid-configuration"] {
        assert_eq!(get(path).status, 404, "{path}");
    }
    let reply = send(gateway.address, "POST", "/oauth2/people/.well-known/openid-configuration", &[], b"");
    assert_eq!((reply.status, reply.header("allow")), (405, Some("GET, HEAD")));
    for (method, path, allow) in [("GET", "token", "POST"), ("DELETE", "userinfo", "GET, POST")] {
        let reply = send(gateway.address, method, &format!("/oauth2/people/{path}"), &[], b"");
        assert_eq!((reply.status, reply.header("allow")), (405, Some(allow)), "{path}");
    }
}

#[test]
fn what_fails_counts_against_the_address_and_what_succeeds_does_not() {
    let gateway = start("limits: { address: 6/h, client: 1000000/s, account: 1000000/s }\n");
    let address = gateway.address;
    let token = ann(address, "").token();
    for _ in 0..10 {
        assert_eq!(ann(address, "").status, 200);
        assert_eq!(userinfo(address, "people", &token).status, 200);
        // A wrong password is no stranger's doing: the client has proved itself.
        assert_eq!(ask(address, "people", &form("ann@example.com", "another", &proof())).status, 400);
    }
    let wrong = form("ann@example.com", PASSWORD, "&client_id=tests&client_secret=ub_tests_wrong");
    assert_eq!(ask(address, "people", &wrong).status, 401);
    assert_eq!(ask(address, "people", &form("ann@example.com", PASSWORD, "")).status, 401);
    assert_eq!(ask(address, "people", &format!("{wrong}&username=x")).status, 400);
    assert_eq!(ask(address, "people", &format!("x={}", "x".repeat(20_000))).status, 413);
    assert_eq!(userinfo(address, "people", "no-token").status, 401);
    assert_eq!(userinfo(address, "people", "eyJ.eyJ.x").status, 401);
    // Six have failed: whoever is there now waits, before anything is read.
    for reply in [ask(address, "people", &wrong), ann(address, ""), userinfo(address, "people", &token)] {
        assert_eq!(reply.error(), (429, "temporarily_unavailable".to_owned()));
        assert!(reply.header("retry-after").unwrap().parse::<u32>().unwrap() > 0);
    }
}

#[test]
fn accounts_and_clients_have_their_limits_here_too() {
    let gateway = start("limits: { account: 3/h, address: 1000000/s, client: 1000000/s }\n");
    let address = gateway.address;
    let wrong = |path: &str, name: &str| {
        let body = form(name, "another", &proof());
        let media = [("content-type", "application/x-www-form-urlencoded")];
        send(address, "POST", path, &media, body.as_bytes())
    };
    assert_eq!(wrong("/oauth2/people/token", "ann@example.com").status, 400);
    assert_eq!(wrong("/oauth2/people/oauth/token", "ANN@example.com").status, 400);
    assert_eq!(wrong("/oauth2/people/realms/x/protocol/openid-connect/token", " ann@example.com").status, 400);
    // Its attempts are used up under every address and spelling, and over /v1; the right password does not help.
    let reply = ann(address, "");
    assert_eq!(reply.error(), (429, "temporarily_unavailable".to_owned()));
    assert!(reply.header("retry-after").unwrap().parse::<u32>().unwrap() > 0);
    let body = json!({ "identifier": "ann@example.com", "password": PASSWORD });
    assert_eq!(gateway.call("people", "login", &body).status, 429);
    assert_eq!(wrong("/oauth2/people/token", "bob@example.com").status, 400);

    let gateway = start("limits: { client: 3/h, address: 1000000/s, account: 1000000/s }\n");
    let token = ann(gateway.address, "").token();
    let statuses = [0, 1, 2].map(|_| userinfo(gateway.address, "people", &token).status);
    assert_eq!(statuses, [200, 200, 429]);
    assert_eq!(ann(gateway.address, "").status, 429);
}

#[test]
fn clients_keep_to_their_networks_and_prove_themselves_by_signature_too() {
    let signer = Signer::new();
    let key = signer.jwk("a");
    let more = format!(
        "  - id: signer\n    keys: [{key}]\n    scopes: [\"people:login\"]\n  - id: far\n    secrets: [\"{}\"]\n    \
         scopes: [\"*:*\"]\n    allowlist: [10.0.0.0/8]\n",
        userbridge::access::KeyDigest::of("ub_far_x")
    );
    let listen = "listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\n";
    let settings = format!("{listen}tokens: {{ issuer: \"{ISSUER}\" }}\n{FACES}clients:\n{}{more}", client().yaml);
    let gateway = super::prepared("").settings(settings).start();
    let address = gateway.address;
    let reply = ask(address, "people", &form("ann@example.com", PASSWORD, "&client_id=far&client_secret=ub_far_x"));
    assert_eq!(reply.error(), (400, "unauthorized_client".to_owned()));
    let kind = "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";
    let signed = |audience: &str, jti: &str, more: &str| {
        let claims =
            json!({ "iss": "signer", "sub": "signer", "aud": audience, "exp": now() + 60, "iat": now(), "jti": jti });
        let assertion = signer.sign(&json!({ "alg": "ES256", "kid": "a" }), &claims);
        let proof = format!("&client_assertion_type={kind}&client_assertion={assertion}{more}");
        ask(address, "people", &form("ann@example.com", PASSWORD, &proof))
    };
    let place = format!("{ISSUER}/oauth2/people");
    let reply = signed(&place, "1", "");
    assert_eq!(userinfo(address, "people", &reply.token()).status, 200);
    for (audience, jti, more) in [
        (place.as_str(), "1", ""),
        (ISSUER, "2", ""),
        (&format!("{place}/token"), "3", ""),
        (&format!("{ISSUER}/oauth2/other"), "4", ""),
        (&place, "5", "&client_id=tests"),
    ] {
        assert_eq!(signed(audience, jti, more).error(), (401, "invalid_client".to_owned()), "{audience} {jti}");
    }
}

#[test]
fn every_request_is_recorded_and_counted_and_nothing_secret_with_it() {
    let gateway = start("audit: { to: 'file:audit.jsonl' }\n");
    let address = gateway.address;
    let token = ann(address, "&scope=openid").token();
    assert_eq!(ask(address, "people", &form("ann@example.com", "some other guess", &proof())).status, 400);
    assert_eq!(ask(address, "people", &form("nobody@example.com", PASSWORD, &proof())).status, 400);
    assert_eq!(ask(address, "people", &form("ann@example.com", PASSWORD, "")).status, 401);
    assert_eq!(userinfo(address, "people", &token).status, 200);
    assert_eq!(userinfo(address, "people", "eyJ.eyJ.x").status, 401);
    let expected = [
        json!(["login", "authenticated", 200, "tests", null]),
        json!(["login", "wrong_credentials", 400, "tests", "wrong_password"]),
        json!(["login", "wrong_credentials", 400, "tests", "unknown_user"]),
        json!(["login", "unauthorized", 401, null, "missing credentials"]),
        json!(["get_user", "found", 200, "tests", null]),
        json!(["get_user", "unauthorized", 401, null, "the token is malformed"]),
    ];
    let records = || {
        let all = gateway.records().into_iter().map(|record| record["fields"].clone());
        let requests = all.filter(|fields| fields["message"] == "request" && fields["protocol"] == "oauth2");
        let member = |fields: &serde_json::Value, name: &str| fields.get(name).cloned().unwrap_or_default();
        requests
            .map(|fields| json!(["action", "outcome", "status", "client", "reason"].map(|name| member(&fields, name))))
            .collect::<Vec<_>>()
    };
    gateway.eventually("all is logged", || records().len() == expected.len());
    assert_eq!(records(), expected);
    let journal = || std::fs::read_to_string(gateway.folder().join("audit.jsonl")).unwrap_or_default();
    gateway.eventually("all is recorded", || journal().lines().count() >= expected.len());
    let metrics = gateway.get("/metrics").text;
    for (action, outcome, count) in
        [("login", "authenticated", 1), ("login", "wrong_credentials", 2), ("get_user", "found", 1)]
    {
        let label = |name: &str, value: &str| format!("{name}=\"{value}\"");
        let labels = [label("connector", "people"), label("action", action), label("outcome", outcome)];
        let line = metrics.lines().find(|line| {
            line.starts_with("userbridge_requests_total") && labels.iter().all(|label| line.contains(label.as_str()))
        });
        assert!(line.is_some_and(|line| line.ends_with(&format!(" {count}"))), "{action} {outcome}: {line:?}");
    }
    for text in [gateway.log(), journal(), metrics] {
        for secret in [PASSWORD, "some other guess", &token, &client().key] {
            assert!(!text.contains(secret), "{secret}");
        }
    }
}
