//! `POST /oauth/token`, and what is published beside it.

use base64ct::{Base64, Encoding};
use serde_json::json;

use super::support::*;
use crate::gateway::client;

#[test]
fn a_client_gets_a_token_and_calls_with_it() {
    let gateway = start(settings("", "", ""));
    let basic = format!("Basic {}", Base64::encode_string(format!("{ID}:{}", client().key).as_bytes()));
    let by_header = ask(gateway.address, &[("authorization", &basic)], "grant_type=client_credentials");
    let by_form = ask(gateway.address, &[], &form("&scope=tiny:get_user+tiny:login&audience=ignored"));
    for (reply, scope) in [(&by_header, "*:*"), (&by_form, "tiny:get_user tiny:login")] {
        let answer = reply.json();
        let token = reply.token();
        let rest = with(answer, json!({ "access_token": null }));
        assert_eq!(rest, json!({ "token_type": "Bearer", "expires_in": 600, "scope": scope }));
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        assert_eq!(reply.header("pragma"), Some("no-cache"));
        assert_eq!(call(gateway.address, &token).status, 200);
        let (header, claims) = (header_of(&token), claims_of(&token));
        assert_eq!((&header["typ"], &header["alg"]), (&json!("at+jwt"), &json!("ES256")));
        assert_eq!((&claims["iss"], &claims["aud"]), (&json!(ISSUER), &json!(ISSUER)));
        assert_eq!((&claims["sub"], &claims["client_id"], &claims["scope"]), (&json!(ID), &json!(ID), &json!(scope)));
        assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 600);
    }
    assert_ne!(claims_of(&by_header.token())["jti"], claims_of(&by_form.token())["jti"]);
    // The key itself stays a credential, and the token's scope is the limit of the token.
    assert_eq!(call(gateway.address, &client().key).status, 200);
    let login = ask(gateway.address, &[], &form("&scope=tiny:login")).token();
    let reply = call(gateway.address, &login);
    assert_eq!((reply.status, &reply.json()["code"]), (403, &json!("forbidden")));
    assert!(!gateway.log().contains(&login) && !gateway.log().contains(&client().key));
}

#[test]
fn what_is_wrong_is_told_in_the_words_of_the_standard() {
    let clients = "  - id: narrow\n    secrets: [\"sha256:0000000000000000000000000000000000000000000000000000000000000000\"]\n    scopes: [\"tiny:login\"]\n";
    let gateway = start(settings("", clients, ""));
    let wrong = format!("Basic {}", Base64::encode_string(format!("{ID}:ub_{ID}_wrong").as_bytes()));
    let stranger = format!("Basic {}", Base64::encode_string(b"nobody:ub_nobody_wrong"));
    let right = format!("Basic {}", Base64::encode_string(format!("{ID}:{}", client().key).as_bytes()));
    let cases: Vec<(&str, String, (u16, &str))> = vec![
        ("", form("&scope=tiny:get_user"), (200, "")),
        ("", String::new(), (401, "invalid_client")),
        ("", form("").replace("grant_type=client_credentials&", ""), (400, "invalid_request")),
        ("", form("").replace("client_credentials", "password"), (400, "unsupported_grant_type")),
        ("", form("&scope=openid"), (400, "invalid_scope")),
        ("", form("&scope=%20"), (400, "invalid_scope")),
        ("", form("&scope=tiny:login&scope=tiny:login"), (400, "invalid_request")),
        ("", form("&grant_type=client_credentials"), (400, "invalid_request")),
        ("", form("&x=%ff"), (400, "invalid_request")),
        ("", form("&resource=https://other.example"), (400, "invalid_target")),
        ("", form(&format!("&resource={ISSUER}")), (200, "")),
        ("", form("").replace(&client().key, "ub_tests_wrong"), (401, "invalid_client")),
        ("", form("").replace("client_id=tests", "client_id=narrow"), (401, "invalid_client")),
        (&right, "grant_type=client_credentials".to_owned(), (200, "")),
        (&right, form(""), (400, "invalid_request")),
        (&wrong, "grant_type=client_credentials".to_owned(), (401, "invalid_client")),
        (&stranger, "grant_type=client_credentials".to_owned(), (401, "invalid_client")),
        ("Bearer x", "grant_type=client_credentials".to_owned(), (400, "invalid_request")),
    ];
    for (authorization, body, (status, error)) in &cases {
        let headers: Vec<_> =
            Some(("authorization", *authorization)).filter(|(_, value)| !value.is_empty()).into_iter().collect();
        let reply = ask(gateway.address, &headers, body);
        assert_eq!(reply.error(), (*status, (*error).to_owned()), "{authorization} {body}: {reply:?}");
        assert_eq!(reply.header("cache-control"), Some("no-store"), "{body}");
        let challenge = reply.header("www-authenticate").is_some_and(|value| value.starts_with("Basic "));
        assert_eq!(challenge, *status == 401 && !authorization.is_empty(), "{authorization} {body}");
    }
    // Who is not known and who is wrong are told the same.
    let told = |header: &str| bare(ask(gateway.address, &[("authorization", header)], "grant_type=client_credentials"));
    assert_eq!(told(&wrong), told(&stranger));
    let reply = send(gateway.address, "POST", "/oauth/token", &[("content-type", "application/json")], b"{}");
    assert_eq!(reply.error(), (400, "invalid_request".to_owned()));
    let reply = ask(gateway.address, &[], &form(&format!("&x={}", "x".repeat(20_000))));
    assert_eq!(reply.status, 413);
    let reply = send(gateway.address, "GET", "/oauth/token", &[], b"");
    assert_eq!((reply.status, reply.header("allow")), (405, Some("POST")));
}

#[test]
fn a_client_gets_no_more_than_it_has() {
    let key = "ub_narrow_0123456789abcdef0123456789abcdef";
    let digest = userbridge::access::KeyDigest::of(key);
    let clients = format!(
        "  - id: narrow\n    secrets: [\"{digest}\"]\n    scopes: [\"tiny:login\", \"other:*\"]\n  - id: far\n    secrets: [\"{}\"]\n    scopes: [\"*:*\"]\n    allowlist: [10.0.0.0/8]\n",
        userbridge::access::KeyDigest::of("ub_far_x")
    );
    let gateway = start(settings("", &clients, ""));
    let ask = |scope: &str| {
        let form = format!("grant_type=client_credentials&client_id=narrow&client_secret={key}{scope}");
        ask(gateway.address, &[], &form)
    };
    assert_eq!(ask("").json()["scope"], "tiny:login other:*");
    assert_eq!(ask("&scope=other:get_user").json()["scope"], "other:get_user");
    for scope in ["*:*", "tiny:*", "*:login", "tiny:get_user", "tiny:login%20tiny:get_user"] {
        assert_eq!(ask(&format!("&scope={scope}")).error(), (400, "invalid_scope".to_owned()), "{scope}");
    }
    assert_eq!(call(gateway.address, &ask("").token()).status, 403);
    let far = "grant_type=client_credentials&client_id=far&client_secret=ub_far_x";
    assert_eq!(super::support::ask(gateway.address, &[], far).error(), (400, "unauthorized_client".to_owned()));
}

#[test]
fn failures_count_against_the_address_and_successes_do_not() {
    let gateway = start(settings("", "", "limits: { address: 5/h, client: 1000000/s }"));
    for _ in 0..10 {
        assert_eq!(ask(gateway.address, &[], &form("")).status, 200);
        // Who has proved itself has not failed, whatever it asked for.
        assert_eq!(ask(gateway.address, &[], &form("&scope=openid")).status, 400);
    }
    let wrong = form("").replace(&client().key, "ub_tests_wrong");
    for _ in 0..5 {
        assert_eq!(ask(gateway.address, &[], &wrong).status, 401);
    }
    let reply = ask(gateway.address, &[], &wrong);
    assert_eq!(reply.status, 429);
    assert!(reply.header("retry-after").unwrap().parse::<u32>().unwrap() > 0);
}

#[test]
fn the_clients_limit_holds_for_tokens_too() {
    let gateway = start(settings("", "", "limits: { client: 2/h }"));
    assert_eq!([0, 1, 2].map(|_| ask(gateway.address, &[], &form("")).status), [200, 200, 429]);
    assert!(ask(gateway.address, &[], &form("")).header("retry-after").is_some());
}

#[test]
fn keys_and_metadata_are_published() {
    let gateway = start(settings(", algorithm: EdDSA, lifetime: 5m, audience: \"urn:users\"", "", ""));
    let get = |path: &str| send(gateway.address, "GET", path, &[], b"");
    let metadata = get("/.well-known/oauth-authorization-server").json();
    assert_eq!(metadata["issuer"], ISSUER);
    assert_eq!(metadata["token_endpoint"], format!("{ISSUER}/oauth/token"));
    assert_eq!(metadata["jwks_uri"], format!("{ISSUER}/.well-known/jwks.json"));
    assert_eq!(metadata["grant_types_supported"], json!(["client_credentials"]));
    let keys = get("/.well-known/jwks.json");
    assert_eq!(keys.header("content-type"), Some("application/json"));
    let token = ask(gateway.address, &[], &form("")).token();
    let (key, header) = (&keys.json()["keys"][0], header_of(&token));
    assert_eq!((&key["kid"], &key["alg"], &key["kty"]), (&header["kid"], &json!("EdDSA"), &json!("OKP")));
    assert!(key.get("d").is_none());
    assert_eq!(claims_of(&token)["aud"], "urn:users");
    assert_eq!(call(gateway.address, &token).status, 200);
    for path in ["/oauth/token/", "/oauth", "/.well-known/oauth-authorization-server/x", "/.well-known/"] {
        assert_eq!(get(path).status, 404, "{path}");
    }
    let mode = |path: &std::path::Path| {
        use std::os::unix::fs::PermissionsExt;
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    };
    assert_eq!(key_files(gateway.folder()).iter().map(|path| mode(path)).collect::<Vec<_>>(), [0o600]);
}

#[test]
fn without_the_section_there_are_no_tokens() {
    let gateway = crate::gateway::Setup::new().definition("tiny.yaml", TINY).start();
    for path in ["/oauth/token", "/.well-known/jwks.json", "/.well-known/oauth-authorization-server"] {
        assert_eq!(send(gateway.address, "GET", path, &[], b"").status, 404, "{path}");
    }
    assert!(!gateway.folder().join("keys").exists());
}
