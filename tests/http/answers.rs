//! What each outcome and each error looks like from outside.

use serde_json::json;

use super::support::*;

/// Action, body, status, and the body of the answer.
#[test]
fn positive_answers() {
    let gateway = start();
    let user = |name: &str| json!({"user": {"email": name, "email_verified": true, "user_id": "acme|7"}});
    let cases = [
        ("login", json!({"identifier": "ann", "password": "x"}), user("ann")),
        ("get_user", json!({"identifier": "ann"}), user("ann")),
        ("get_user", json!({"user_id": "acme|7"}), user("acme|7")),
        ("create", json!({"email": "ann"}), user("ann")),
        ("create", json!({"email": "bare"}), json!({"created": true})),
        ("verify", json!({"email": "ann"}), json!({"changed": true})),
        ("verify", json!({"email": "unmatched"}), json!({"changed": false})),
        ("change_password", json!({"identifier": "ann", "password": "x"}), json!({"changed": true})),
        ("change_email", json!({"email": "ann", "new_email": "b"}), json!({"changed": true})),
        ("change_username", json!({"username": "ann", "new_username": "b"}), json!({"changed": true})),
        ("change_phone_number", json!({"phone_number": "1", "new_phone_number": "2"}), json!({"changed": true})),
        ("delete", json!({"user_id": "acme|7"}), json!({"changed": true})),
    ];
    let mut client = gateway.connect();
    for (action, body, expected) in cases {
        let reply = client.post(action, body.to_string().as_bytes(), "");
        assert_eq!((reply.status, reply.json()), (200, expected), "{action} {body}");
        assert_eq!(reply.header("content-type"), Some("application/json"));
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        assert_eq!(reply.header("x-userbridge-version"), Some("v-7f3a"));
        assert!(reply.header("x-request-id").unwrap().starts_with("000000000000feed-"));
    }
}

#[test]
fn refusals_and_errors() {
    let gateway = start();
    let cases = [
        ("unknown", 401, "wrong_credentials", None),
        ("wrong", 401, "wrong_credentials", None),
        ("locked", 403, "denied", None),
        ("missing", 404, "not_found", None),
        ("taken", 409, "user_exists", None),
        ("weak", 422, "rejected", None),
        ("bad", 400, "invalid_input", None),
        ("undeclared", 501, "action_not_declared", None),
        ("down", 503, "unavailable", Some("1")),
        ("busy", 503, "overloaded", Some("1")),
        ("unsure", 503, "outcome_unknown", None),
        ("late", 504, "timeout", None),
        ("twice", 500, "ambiguous_user", None),
        ("unreadable", 500, "unreadable_hash", None),
        ("misfit", 500, "misconfigured", None),
        ("panic", 500, "internal", None),
    ];
    let mut client = gateway.connect();
    for action in ["login", "get_user"] {
        for (name, status, code, retry_after) in cases {
            let mut body = json!({"identifier": name});
            if action == "login" {
                body["password"] = json!("x");
            }
            let reply = client.post(action, body.to_string().as_bytes(), "");
            assert_eq!((reply.status, reply.code().as_str()), (status, code), "{action} {name}");
            assert_eq!(reply.header("retry-after"), retry_after, "{name}");
            assert_eq!(reply.header("cache-control"), Some("no-store"));
            assert_eq!(reply.header("x-userbridge-version"), Some("v-7f3a"));
            assert_eq!(reply.header("www-authenticate"), None, "{name}: only the client's own credentials");
            assert!(!reply.text().contains("secret.host"), "{name}: the operator's message stays inside");
        }
    }
    let denied = gateway.ask("login", &json!({"identifier": "locked", "password": "x"}));
    assert_eq!(denied.detail(), "This account is locked");
    let rejected = gateway.ask("change_password", &json!({"identifier": "weak", "password": "x"}));
    assert_eq!((rejected.json()["reason"].clone(), rejected.detail()), (json!("invalid_password"), "too short".into()));
    let invalid = gateway.ask("get_user", &json!({"identifier": "bad"}));
    assert_eq!((invalid.json()["field"].clone(), invalid.detail()), (json!("phone_number"), "no number".into()));
}

#[test]
fn unknown_user_and_wrong_password_are_the_same_bytes() {
    let gateway = start();
    let reply = |name: &str| {
        let mut reply = gateway.ask("login", &json!({"identifier": name, "password": "x"}));
        reply.headers.retain(|(name, _)| !["x-request-id", "date"].contains(&name.as_str()));
        reply
    };
    assert_eq!(reply("unknown"), reply("wrong"));
    assert_ne!(reply("unknown"), reply("ann"));
}

#[test]
fn paths_and_methods() {
    let gateway = start();
    let cases = [
        ("GET", "/v1/connectors/acme/login", 405, "method_not_allowed"),
        ("PUT", "/v1/connectors/acme/login", 405, "method_not_allowed"),
        ("OPTIONS", "/v1/connectors/acme/login", 405, "method_not_allowed"),
        ("POST", "/", 404, "unknown_path"),
        ("POST", "/v1", 404, "unknown_path"),
        ("POST", "/v1/connectors/acme", 404, "unknown_path"),
        ("POST", "/v1/connectors/acme/login/", 404, "unknown_path"),
        ("POST", "/v1/connectors/acme/log%69n", 404, "unknown_path"),
        ("POST", "/v1/connectors/acme/LOGIN", 404, "unknown_path"),
        ("POST", "/v1/connectors/acme/logout", 404, "unknown_path"),
        ("POST", "//v1/connectors/acme/login", 404, "unknown_path"),
        ("POST", "/v1//connectors/acme/login", 404, "unknown_path"),
        ("POST", "/v1/connectors/acme/../acme/login", 404, "unknown_path"),
        ("POST", "/v1/connectors/%2e%2e/connectors/acme/login", 404, "unknown_path"),
        ("POST", "/v1/connectors/acme%2flogin", 404, "unknown_path"),
        ("POST", "/v1/connectors/acme/login%00", 404, "unknown_path"),
        ("POST", "/v1/connectors/a_b/login", 404, "unknown_path"),
        ("POST", "/v1/connectors/nobody/login", 503, "unknown_connector"),
        ("POST", "/V1/connectors/acme/login", 404, "unknown_path"),
    ];
    let mut client = gateway.connect();
    for (method, path, status, code) in cases {
        let reply = client.write(request(method, path, b"{}", "")).reply();
        assert_eq!((reply.status, reply.code().as_str()), (status, code), "{method} {path}");
        let allow = (status == 405).then_some("POST");
        assert_eq!(reply.header("allow"), allow, "{method} {path}");
        assert_eq!(reply.header("x-userbridge-version"), None, "{path}: no connector answered");
    }
    let head = gateway.connect().write(request("HEAD", "/v1/connectors/acme/login", b"", "")).stream.try_clone();
    let mut text = String::new();
    let mut head = head.unwrap();
    head.set_read_timeout(Some(std::time::Duration::from_millis(200))).unwrap();
    let _ = std::io::Read::read_to_string(&mut head, &mut text);
    assert!(text.starts_with("HTTP/1.1 405"), "{text}");
    assert_eq!(gateway.calls(), 0);
    let unknown = client.write(request("POST", "/v1/connectors/nobody/login", b"{}", "")).reply();
    assert_eq!(unknown.header("retry-after"), Some("5"));
}

#[test]
fn a_panic_ends_one_request_only() {
    let gateway = start();
    let mut client = gateway.connect();
    for _ in 0..3 {
        assert_eq!(client.post("get_user", br#"{"identifier": "panic"}"#, "").status, 500);
        assert_eq!(client.post("login", br#"{"identifier": "panic", "password": ""}"#, "").status, 500);
        assert_eq!(client.post("get_user", br#"{"identifier": "ann"}"#, "").status, 200);
    }
    let metrics = gateway.metrics.render().unwrap();
    assert!(metrics.contains("userbridge_panics_total 6"), "{metrics}");
}

#[test]
fn an_ordinary_client_is_served() {
    let gateway = start();
    let url = format!("http://{}/v1/connectors/acme/login", gateway.address);
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let ask = |name: &str| {
        agent
            .post(&url)
            .header("authorization", format!("Bearer {KEY}"))
            .send_json(json!({"identifier": name, "password": "x", "context": {"ip": "192.0.2.1"}}))
            .unwrap()
    };
    let mut answer = ask("ann");
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.body_mut().read_json::<serde_json::Value>().unwrap()["user"]["user_id"], "acme|7");
    assert_eq!(ask("wrong").status(), 401);
    assert_eq!(gateway.seen()[0], r#"login "ann" password=Some(1) context={"ip":"192.0.2.1"}"#);
}
