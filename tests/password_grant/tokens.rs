//! What a token says, what it opens, and when it opens nothing any more.

use std::process::Command;

use serde_json::json;

use super::{ann, ask, form, proof, start, userinfo};
use crate::gateway::client;
use crate::people::PASSWORD;
use crate::tokens::support::{ID, ISSUER, Signer, claims_of, encode, header_of, key_files, now, send, with};

#[test]
fn a_token_says_whom_it_is_about_and_no_more() {
    let gateway = start("");
    let reply = ann(gateway.address, "&scope=openid%20email");
    let (answer, access) = (reply.json(), reply.token());
    let id = answer["id_token"].as_str().unwrap();
    let rest = with(answer.clone(), json!({ "access_token": null, "id_token": null }));
    assert_eq!(rest, json!({ "token_type": "Bearer", "expires_in": 600, "scope": "openid email" }));
    let place = format!("{ISSUER}/oauth2/people");
    let times = json!({ "iat": null, "exp": null, "jti": null });
    let claims = claims_of(&access);
    assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 600);
    assert_ne!(claims["jti"], claims_of(&ann(gateway.address, "").token())["jti"]);
    assert_eq!(
        with(claims, times.clone()),
        json!({
            "iss": place, "aud": format!("{place}/userinfo"), "sub": "people|1", "client_id": ID,
            "scope": "openid email", "username": "ann@example.com",
        })
    );
    assert_eq!(
        with(claims_of(id), times),
        json!({ "iss": place, "aud": ID, "sub": "people|1", "email": "ann@example.com" })
    );
    assert_eq!((&header_of(&access)["typ"], &header_of(id)["typ"]), (&json!("at+jwt"), &json!("JWT")));
    let keys = send(gateway.address, "GET", "/.well-known/jwks.json", &[], b"").json();
    assert_eq!((&header_of(&access)["kid"], &header_of(id)["kid"]), (&keys["keys"][0]["kid"], &keys["keys"][0]["kid"]));
}

#[test]
fn a_token_opens_its_own_userinfo_and_nothing_else() {
    let gateway = start("");
    let address = gateway.address;
    let reply = ann(address, "&scope=openid");
    let (user, id) = (reply.token(), reply.json()["id_token"].as_str().unwrap().to_owned());
    let machine = format!("grant_type=client_credentials{}", proof());
    let media = [("content-type", "application/x-www-form-urlencoded")];
    let machine = send(address, "POST", "/oauth/token", &media, machine.as_bytes()).token();
    let bearer = |path: &str, token: &str| {
        let authorization = format!("Bearer {token}");
        let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
        send(address, "POST", path, &headers, br#"{"identifier":"ann@example.com"}"#).status
    };
    // The controls.
    assert_eq!(userinfo(address, "people", &user).status, 200);
    assert_eq!(bearer("/v1/connectors/people/get_user", &machine), 200);
    // A user's token is no client's.
    for token in [&user, &id] {
        for path in ["/v1/connectors/people/get_user", "/v1/connectors/people/login", "/okta/people"] {
            assert_eq!(bearer(path, token), 401, "{path}");
        }
    }
    let reply = send(
        address,
        "POST",
        "/oauth2/people/token",
        &[("authorization", &format!("Bearer {user}")), media[0]],
        form("ann@example.com", PASSWORD, "").as_bytes(),
    );
    assert_eq!(reply.error(), (400, "invalid_request".to_owned()));
    // A client's token or key is no user's, nor is an ID token an access token.
    for token in [&machine, &id, &client().key] {
        let reply = userinfo(address, "people", token);
        assert_eq!(reply.error(), (401, "invalid_token".to_owned()), "{reply:?}");
    }
    // Another connector has other users, be it the same table.
    assert_eq!(userinfo(address, "other", &user).error(), (401, "invalid_token".to_owned()));
    let others = ask(address, "other", &form("ann@example.com", PASSWORD, &proof())).token();
    assert_eq!(userinfo(address, "people", &others).error(), (401, "invalid_token".to_owned()));
    assert_eq!(userinfo(address, "other", &others).status, 200);
    let log = gateway.log();
    assert!(![&user, &id, &machine, &others].into_iter().any(|token| log.contains(token)) && !log.contains(PASSWORD));
}

#[test]
fn a_token_that_is_not_right_in_every_way_opens_nothing() {
    let gateway = start("");
    let address = gateway.address;
    let token = ann(address, "").token();
    let (header, claims, owner) = (header_of(&token), claims_of(&token), Signer::of(&gateway));
    let place = format!("{ISSUER}/oauth2/people");
    let opens = |token: &str| userinfo(address, "people", token).status == 200;
    assert!(opens(&owner.sign(&header, &claims)), "the control");
    for (name, changes) in [
        ("expired", json!({ "iat": now() - 700, "exp": now() - 100 })),
        ("without an end", json!({ "exp": null })),
        ("from the future", json!({ "iat": now() + 100 })),
        ("of the gateway itself", json!({ "iss": ISSUER })),
        ("of another connector", json!({ "iss": format!("{ISSUER}/oauth2/other") })),
        ("for the gateway", json!({ "aud": ISSUER })),
        ("for another connector", json!({ "aud": format!("{ISSUER}/oauth2/other/userinfo") })),
        ("for others too", json!({ "aud": [format!("{place}/userinfo"), ISSUER] })),
        ("without an audience", json!({ "aud": null })),
        ("about nobody", json!({ "sub": null })),
        ("about another user", json!({ "sub": "people|2" })),
        ("without a name", json!({ "username": null })),
        ("with another's name", json!({ "username": "bob@example.com" })),
        ("without a client", json!({ "client_id": null })),
        ("of an unknown client", json!({ "client_id": "nobody" })),
        ("without a scope", json!({ "scope": null })),
        ("without an id", json!({ "jti": null })),
    ] {
        let reply = userinfo(address, "people", &owner.sign(&header, &with(claims.clone(), changes)));
        assert_eq!(reply.error(), (401, "invalid_token".to_owned()), "{name}");
        assert!(reply.header("www-authenticate").unwrap().contains("error=\"invalid_token\""), "{name}");
    }
    for (name, changes) in [
        ("an ID token", json!({ "typ": "JWT" })),
        ("of no type", json!({ "typ": null })),
        ("of an unknown key", json!({ "kid": "other" })),
        ("critical", json!({ "crit": ["b64"] })),
        ("of another algorithm", json!({ "alg": "EdDSA" })),
    ] {
        assert!(!opens(&owner.sign(&with(header.clone(), changes), &claims)), "{name}");
    }
    assert!(!opens(&Signer::new().sign(&header, &claims)), "signed by a stranger");
    let unsigned = encode(with(header, json!({ "alg": "none" })).to_string().as_bytes());
    assert!(!opens(&format!("{unsigned}.{}.", encode(claims.to_string().as_bytes()))), "alg none");
}

#[test]
fn keys_rotate_and_take_their_tokens_with_them() {
    let gateway = super::prepared("").start();
    let address = gateway.address;
    let settings = gateway.folder().join("userbridge.yaml");
    let text = std::fs::read_to_string(&settings).unwrap();
    let issuer = format!("issuer: \"{ISSUER}\"");
    std::fs::write(&settings, text.replace(&issuer, &format!("{issuer}, settle: 0s"))).unwrap();
    gateway.eventually("the settings are read", || gateway.log().contains("those of the changed settings"));
    let old = ann(address, "").token();
    let rotated = Command::new(env!("CARGO_BIN_EXE_userbridge"))
        .args(["tokens", "rotate"])
        .current_dir(gateway.folder())
        .output()
        .unwrap();
    assert!(rotated.status.success(), "{rotated:?}");
    let kid = |token: &str| header_of(token)["kid"].clone();
    gateway.eventually("the new key signs", || kid(&ann(address, "").token()) != kid(&old));
    let new = ann(address, "").token();
    assert_eq!([&old, &new].map(|token| userinfo(address, "people", token).status), [200, 200]);
    // Of two keys of one second, the newer has the longer name.
    let oldest = key_files(gateway.folder()).into_iter().min_by_key(|path| path.file_stem().map(ToOwned::to_owned));
    std::fs::remove_file(oldest.unwrap()).unwrap();
    gateway.eventually("the old key is gone", || userinfo(address, "people", &old).status == 401);
    assert_eq!(userinfo(address, "people", &new).status, 200);
}

#[test]
fn what_the_settings_take_away_is_gone_at_once() {
    let key = "ub_narrow_0123456789abcdef0123456789abcdef";
    let narrow = |scope: &str| {
        let digest = userbridge::access::KeyDigest::of(key);
        format!("  - id: narrow\n    secrets: [\"{digest}\"]\n    scopes: [\"{scope}\"]\n")
    };
    let gateway = start("");
    let address = gateway.address;
    let path = gateway.folder().join("userbridge.yaml");
    let settings = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{settings}{}", narrow("people:login"))).unwrap();
    let more = format!("&client_id=narrow&client_secret={key}");
    let get = || ask(address, "people", &form("ann@example.com", PASSWORD, &more));
    gateway.eventually("the client is there", || get().status == 200);
    let token = get().token();
    // What a login tells anyway, its client may hear again.
    assert_eq!(userinfo(address, "people", &token).status, 200);
    assert_eq!(ask(address, "other", &form("ann@example.com", PASSWORD, &more)).error().1, "unauthorized_client");
    std::fs::write(&path, format!("{settings}{}", narrow("people:get_user"))).unwrap();
    gateway.eventually("the scope is gone", || userinfo(address, "people", &token).error().1 == "insufficient_scope");
    assert_eq!(get().error(), (400, "unauthorized_client".to_owned()));
    std::fs::write(&path, &settings).unwrap();
    gateway.eventually("the client is gone", || userinfo(address, "people", &token).error().1 == "invalid_token");
    assert_eq!(get().error(), (401, "invalid_client".to_owned()));
    let token = ann(address, "").token();
    let declared = "  - { protocol: oauth2, connector: people, options: { accept_discouraged: a test } }\n";
    std::fs::write(&path, settings.replace(declared, "")).unwrap();
    gateway.eventually("the face is gone", || userinfo(address, "people", &token).status == 404);
    assert_eq!(ann(address, "").status, 404);
    for path in ["openid-configuration", "oauth-authorization-server"] {
        let status =
            |connector| send(address, "GET", &format!("/oauth2/{connector}/.well-known/{path}"), &[], b"").status;
        assert_eq!((status("people"), status("other")), (404, 200), "{path}");
    }
}
