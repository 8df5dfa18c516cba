//! What a tenant says instead of yes, and that only one of it is "wrong password".

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::auth0::TOKEN;
use super::stand_in::{Act, json as answer, response};
use super::tenant::{ALL, Tenant};

fn refusal(status: u16, error: &str, description: &str) -> Act {
    answer(status, json!({ "error": error, "error_description": description }))
}

#[test]
fn only_what_says_so_is_a_wrong_password() {
    let tenant = Tenant::start();
    let gateway = tenant.gateway("");
    let login = || gateway.call("tenant", "login", &json!({ "identifier": "ann", "password": "hello" }));
    let html = || b"<html>busy</html>".to_vec();
    let cases: Vec<(Act, u16, &str)> = vec![
        (refusal(403, "invalid_grant", "Wrong email or password."), 401, "wrong_credentials"),
        (refusal(401, "invalid_user_password", "Wrong email or password."), 401, "wrong_credentials"),
        (refusal(403, "unauthorized", "user is blocked"), 403, "denied"),
        (refusal(401, "unauthorized", "Please pay first"), 403, "denied"),
        (refusal(403, "access_denied", "Not on Sundays"), 403, "denied"),
        (refusal(403, "mfa_required", "Multifactor authentication required"), 403, "denied"),
        (refusal(403, "password_leaked", "This password was disclosed"), 403, "denied"),
        (refusal(429, "too_many_attempts", "Your account has been blocked"), 503, "unavailable"),
        (refusal(403, "too_many_attempts", "Your account has been blocked"), 503, "unavailable"),
        (refusal(429, "too_many_requests", "Global limit has been reached"), 503, "unavailable"),
        (refusal(403, "requires_verification", "Suspicious request"), 503, "unavailable"),
        (Act::Plain(429, "retry-after: 7\r\n", html()), 503, "unavailable"),
        (Act::Plain(500, "", html()), 503, "unavailable"),
        (Act::Plain(502, "content-type: text/html\r\n", html()), 503, "unavailable"),
        (refusal(503, "temporarily_unavailable", ""), 503, "unavailable"),
        (refusal(401, "access_denied", "Unauthorized"), 500, "misconfigured"),
        (refusal(401, "invalid_client", ""), 500, "misconfigured"),
        (refusal(403, "unauthorized_client", "Grant type not allowed"), 500, "misconfigured"),
        (refusal(400, "invalid_request", "unknown realm"), 500, "misconfigured"),
        (refusal(403, "something_new", ""), 500, "misconfigured"),
        (Act::Plain(403, "content-type: text/html\r\n", html()), 500, "misconfigured"),
        (Act::Plain(403, "content-type: application/json\r\n", b"{".to_vec()), 500, "misconfigured"),
        (Act::Plain(302, "location: https://evil.example/\r\n", Vec::new()), 500, "misconfigured"),
        (Act::Plain(404, "", Vec::new()), 500, "misconfigured"),
        (answer(200, json!({ "access_token": "no ID token" })), 500, "misconfigured"),
        (answer(200, json!({ "id_token": "a.b" })), 500, "misconfigured"),
        (answer(200, json!(["a"])), 500, "misconfigured"),
        (Act::Plain(200, "content-type: text/html\r\n", html()), 500, "misconfigured"),
        (Act::Reset, 503, "unavailable"),
        (Act::Raw(response(200, "content-type: application/json\r\n", b"{}")[..40].to_vec()), 503, "unavailable"),
    ];
    for (act, status, code) in cases {
        tenant.server.take();
        let shown = format!("{act:?}");
        tenant.force(TOKEN, act);
        let reply = login();
        assert_eq!((reply.status, reply.json()["code"].as_str().unwrap()), (status, code), "{shown}");
        // A login is an attempt: it is made once, whatever becomes of it.
        assert_eq!(tenant.server.take().len(), 1, "{shown}");
    }
    // The control: nothing of this has locked anybody out.
    assert_eq!(login().status, 200);
    let message = |act: Act| {
        tenant.force(TOKEN, act);
        login().json()["detail"].as_str().unwrap().to_owned()
    };
    assert_eq!(message(refusal(403, "unauthorized", "user is blocked")), "user is blocked");
}

#[test]
fn an_id_token_counts_for_this_client_this_issuer_and_this_time_only() {
    let tenant = Tenant::start();
    let gateway = tenant.gateway("");
    let login = |claims: Json| {
        tenant.state.lock().unwrap().claims = claims;
        gateway.call("tenant", "login", &json!({ "identifier": "ann", "password": "hello" })).status
    };
    for claims in [
        json!({ "iss": "https://evil.example/" }),
        json!({ "aud": "another-client" }),
        json!({ "aud": ["another-client", "a-third"] }),
        json!({ "exp": 1_700_000_000 }),
        json!({ "exp": null }),
        json!({ "sub": "google-oauth2|ann" }),
        json!({ "sub": "auth0|" }),
        json!({ "sub": 7 }),
    ] {
        assert_eq!(login(claims.clone()), 500, "{claims}");
    }
    assert_eq!(login(json!({ "aud": ["a-third", super::tenant::ID] })), 200);
    assert_eq!(login(json!({})), 200);
}

#[test]
fn doubt_about_a_user_is_an_error_and_a_write_is_sent_once() {
    let tenant = Tenant::start();
    let gateway = tenant.gateway(ALL);
    let code = |action: &str, body: Json| {
        let reply = gateway.call("tenant", action, &body).json();
        reply["code"].as_str().unwrap_or_else(|| panic!("{reply}")).to_owned()
    };
    let find = || code("get_user", json!({ "identifier": "ann@example.com" }));
    let verify = || code("verify", json!({ "email": "ann@example.com" }));
    for (status, expected) in [
        (404, "misconfigured"),
        (403, "misconfigured"),
        (429, "unavailable"),
        (500, "unavailable"),
        (302, "misconfigured"),
    ] {
        tenant.force("GET /api/v2/users-by-email", Act::Plain(status, "", Vec::new()));
        assert_eq!(find(), expected, "{status}");
    }
    tenant.force("GET /api/v2/users-by-email", Act::Plain(200, "content-type: application/json\r\n", b"{}".to_vec()));
    assert_eq!(find(), "misconfigured");
    let page = Act::Plain(404, "content-type: text/html\r\n", b"<html>".to_vec());
    tenant.force("GET /api/v2/users/auth0%7Cann", page);
    assert_eq!(code("get_user", json!({ "user_id": "tenant|ann" })), "misconfigured");
    for (act, expected) in [
        (Act::Reset, "outcome_unknown"),
        (Act::Plain(500, "", Vec::new()), "outcome_unknown"),
        (Act::Plain(502, "", Vec::new()), "outcome_unknown"),
        (Act::Plain(503, "", Vec::new()), "unavailable"),
        (Act::Plain(429, "", Vec::new()), "unavailable"),
        (Act::Plain(403, "", Vec::new()), "misconfigured"),
        (Act::Slow(Duration::from_millis(2500), Box::new(Act::Reset)), "outcome_unknown"),
    ] {
        tenant.server.take();
        let shown = format!("{act:?}");
        tenant.force("PATCH", act);
        assert_eq!(verify(), expected, "{shown}");
        let patches = tenant.server.take().into_iter().filter(|seen| seen.method == "PATCH").count();
        assert!(patches <= 1, "{shown}: {patches}");
    }
    assert_eq!(gateway.call("tenant", "verify", &json!({ "email": "ann@example.com" })).status, 200);
    // Not declared, not asked.
    let reading = tenant.gateway("");
    tenant.server.take();
    assert_eq!(reading.call("tenant", "delete", &json!({ "user_id": "tenant|ann" })).status, 501);
    tenant.server.assert_asked(&[]);
}

#[test]
fn a_management_api_that_wants_quiet_gets_it_and_logins_go_on() {
    let tenant = Tenant::start();
    let gateway = tenant.gateway("");
    let find = || gateway.call("tenant", "get_user", &json!({ "identifier": "ann@example.com" })).status;
    assert_eq!(find(), 200);
    tenant.force("GET /api/v2/users-by-email", Act::Plain(429, "retry-after: 3\r\n", Vec::new()));
    assert_eq!(find(), 503);
    tenant.server.take();
    assert_eq!((find(), find()), (503, 503));
    tenant.server.assert_asked(&[]);
    let login = json!({ "identifier": "ann", "password": "hello" });
    assert_eq!(gateway.call("tenant", "login", &login).status, 200);
    std::thread::sleep(Duration::from_millis(3200));
    assert_eq!(find(), 200);
}

#[test]
fn no_secret_is_logged() {
    let tenant = Tenant::start();
    let gateway = tenant.gateway(ALL);
    let secrets = ["hunter2-hunter2", super::tenant::SECRET, "management-token"];
    for act in [refusal(403, "mfa_required", ""), Act::Reset, Act::Plain(400, "", b"hunter2-hunter2".to_vec())] {
        tenant.force(TOKEN, act);
        let body = json!({ "identifier": "ann", "password": "hunter2-hunter2" });
        let text = gateway.call("tenant", "login", &body).json().to_string();
        assert!(secrets.iter().all(|secret| !text.contains(secret)), "{text}");
    }
    gateway.call("tenant", "create", &json!({ "email": "c@example.com", "password": "hunter2-hunter2" }));
    let status = gateway.get("/status").json().to_string() + &gateway.get("/metrics").text;
    let text = gateway.log() + &status;
    assert!(text.contains("tenant"), "{text}");
    assert!(secrets.iter().all(|secret| !text.contains(secret)), "{text}");
}
