//! `private_key_jwt`: clients that sign instead of keeping a secret.

use serde_json::{Value as Json, json};

use super::support::*;

fn form(assertion: &str) -> String {
    let kind = "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";
    format!("grant_type=client_credentials&client_assertion_type={kind}&client_assertion={assertion}")
}

fn claims(id: &str) -> Json {
    json!({ "iss": "signer", "sub": "signer", "aud": ISSUER, "exp": now() + 60, "iat": now(), "jti": id })
}

#[test]
fn a_signature_is_as_good_as_a_secret_once() {
    let (ec, rsa, stranger) = (Signer::new(), Signer::rsa(), Signer::new());
    let clients =
        format!("  - id: signer\n    keys: [{}, {}]\n    scopes: [\"tiny:get_user\"]\n", ec.jwk("a"), rsa.jwk("b"));
    let gateway = start(settings("", &clients, ""));
    let asked = |assertion: &str| ask(gateway.address, &[], &form(assertion));
    let header = json!({ "alg": "ES256" });
    let first = ec.sign(&header, &claims("1"));
    let token = asked(&first).token();
    assert_eq!(call(gateway.address, &token).status, 200);
    assert_eq!(claims_of(&token)["client_id"], "signer");
    assert_eq!(asked(&rsa.sign(&json!({ "alg": "RS256", "kid": "b" }), &claims("2"))).status, 200);
    let changed = |changes: Json| ec.sign(&header, &with(claims("3"), changes));
    let refused = [
        ("the same again", first.clone()),
        ("the same name again", ec.sign(&header, &with(claims("1"), json!({ "exp": now() + 50 })))),
        ("for the endpoint", changed(json!({ "aud": format!("{ISSUER}/oauth/token") }))),
        ("for others too", changed(json!({ "aud": [ISSUER, "https://other.example"] }))),
        ("of a stranger", stranger.sign(&header, &claims("4"))),
        ("of another client", changed(json!({ "iss": "tests", "sub": "tests" }))),
        ("for another client", changed(json!({ "sub": "tests" }))),
        ("for a year", changed(json!({ "exp": now() + 31_536_000 }))),
        ("expired", changed(json!({ "exp": now() - 61 }))),
        ("without a name", changed(json!({ "jti": null }))),
        ("an access token", ec.sign(&json!({ "alg": "ES256", "typ": "at+jwt" }), &claims("5"))),
        (
            "without a signature",
            format!("{}.{}.", encode(b"{\"alg\":\"none\"}"), encode(claims("6").to_string().as_bytes())),
        ),
        ("no token", "x".to_owned()),
    ];
    for (name, assertion) in refused {
        assert_eq!(asked(&assertion).error(), (401, "invalid_client".to_owned()), "{name}");
    }
    let by_name = |id: &str, jti: &str| format!("{}&client_id={id}", form(&ec.sign(&header, &claims(jti))));
    assert_eq!(ask(gateway.address, &[], &by_name("signer", "7")).status, 200);
    assert_eq!(ask(gateway.address, &[], &by_name("tests", "8")).status, 401);
    // Nothing of it is refused for good: the next assertion passes.
    assert_eq!(asked(&changed(json!({}))).status, 200);
}

#[test]
fn a_private_key_in_the_settings_is_refused_and_not_shown() {
    let jwk = with(Signer::new().jwk("a"), json!({ "d": "dG9wczNjcmV0" }));
    let clients = format!(
        "  - id: signer\n    keys:\n      - kty: EC\n        crv: P-256\n        x: {}\n        y: {}\n        d: {}\n    scopes: []\n",
        jwk["x"], jwk["y"], jwk["d"]
    );
    let setup = crate::gateway::Setup::new().definition("tiny.yaml", TINY).settings(settings("", &clients, ""));
    let refused = setup.env("NO_COLOR", "1").try_start().err().unwrap();
    assert_eq!(refused.code, Some(78));
    assert!(refused.output.contains("private part") && !refused.output.contains("dG9wczNjcmV0"), "{}", refused.output);
}
