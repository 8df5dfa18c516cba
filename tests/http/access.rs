//! Who is let in.

use serde_json::json;
use userbridge::access::{Access, ClientSettings, KeyDigest, Settings};

use super::support::*;

const ANN: &[u8] = br#"{"identifier":"ann"}"#;

fn client(id: &str, scopes: &[&str]) -> ClientSettings {
    ClientSettings {
        secrets: vec![KeyDigest::of(&format!("ub_{id}_secret")), KeyDigest::of(&format!("{id}.other"))],
        scopes: scopes.iter().map(|scope| scope.parse().unwrap()).collect(),
        ..ClientSettings::new(id.parse().unwrap())
    }
}

fn authorization(value: &str) -> String {
    format!("authorization: {value}\r\n")
}

#[test]
fn keys_are_required() {
    let gateway = start_with(Settings { clients: vec![client("a", &["*:*"])], ..open() }, Default::default());
    let cases = [
        ("Bearer ub_a_secret", 200),
        ("bearer a.other", 200),
        ("Bearer ub_a_other", 401),
        ("Bearer a.secret", 401),
        ("Bearer ub_b_secret", 401),
        ("Bearer ub_a_secre", 401),
        ("Bearer", 401),
        ("Basic YTpzZWNyZXQ=", 401),
        ("", 401),
    ];
    for (value, status) in cases {
        let reply = gateway.connect().post("get_user", ANN, &authorization(value));
        assert_eq!(reply.status, status, "{value}");
        if status == 401 {
            assert_eq!(reply.code(), "unauthorized");
            assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
            assert_eq!(reply.header("x-userbridge-version"), None);
        }
    }
    let head = "POST /v1/connectors/acme/get_user HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n";
    assert_eq!(gateway.connect().write(head).reply().code(), "unauthorized");
    assert_eq!(gateway.calls(), 2);
}

#[test]
fn refusals_of_keys_are_the_same_bytes() {
    let gateway = start_with(Settings { clients: vec![client("a", &["*:*"])], ..open() }, Default::default());
    let reply = |value: &str| {
        let mut reply = gateway.connect().post("get_user", ANN, &authorization(value));
        reply.headers.retain(|(name, _)| !["x-request-id", "date"].contains(&name.as_str()));
        reply
    };
    assert_eq!(reply("Bearer ub_a_wrong"), reply("Bearer ub_nobody_wrong"));
}

#[test]
fn a_refusal_before_the_body_says_that_the_connection_ends() {
    let gateway = start_with(Settings { clients: vec![client("a", &["*:*"])], ..open() }, Default::default());
    let head = "POST /v1/connectors/acme/get_user HTTP/1.1\r\nhost: a\r\ncontent-length: 19\r\n\r\n";
    let refused = gateway.connect().write(head).reply();
    assert_eq!((refused.code().as_str(), refused.header("connection")), ("unauthorized", Some("close")));
    let answered = start().ask("get_user", &json!({"identifier": "ann"}));
    assert_eq!(answered.header("connection"), None);
}

#[test]
fn scopes_decide() {
    let clients = vec![
        client("login", &["acme:login"]),
        client("acme", &["acme:*"]),
        client("reader", &["*:get_user", "*:login"]),
        client("none", &[]),
    ];
    let gateway = start_with(Settings { clients, ..open() }, Default::default());
    let login = json!({"identifier": "ann", "password": "x"}).to_string();
    let cases = [
        ("login", "acme", "login", 200),
        ("login", "acme", "get_user", 403),
        ("login", "other", "login", 403),
        ("acme", "acme", "login", 200),
        ("acme", "acme", "get_user", 200),
        ("acme", "other", "get_user", 403),
        ("reader", "other", "get_user", 200),
        ("reader", "acme", "login", 200),
        ("reader", "acme", "delete", 403),
        ("none", "acme", "login", 403),
        // Without the scope, nothing is told of what exists.
        ("acme", "nobody", "login", 403),
    ];
    for (id, connector, action, status) in cases {
        let path = format!("/v1/connectors/{connector}/{action}");
        let body = if action == "login" { login.as_bytes() } else { ANN };
        let headers = authorization(&format!("Bearer ub_{id}_secret"));
        let reply = gateway.connect().write(request("POST", &path, body, &headers)).reply();
        assert_eq!(reply.status, status, "{id} asks {connector}:{action}");
        if status == 403 {
            assert_eq!(reply.code(), "forbidden");
        }
    }
}

/// The gateway's allowlist, the client's, whether the peer is a trusted proxy, its header, and the status.
type Case = (Option<&'static [&'static str]>, Option<&'static [&'static str]>, bool, &'static str, u16);

#[test]
fn addresses_decide() {
    let proxy = || vec!["127.0.0.1".parse().unwrap()];
    let cases: [Case; 16] = [
        (None, None, false, "", 200),
        (Some(&["127.0.0.0/8"]), None, false, "", 200),
        (Some(&["10.0.0.0/8"]), None, false, "", 403),
        (Some(&[]), None, false, "", 403),
        (None, Some(&["10.0.0.0/8"]), false, "", 403),
        (None, Some(&["127.0.0.1"]), false, "", 200),
        // An untrusted peer's header is not read.
        (Some(&["10.0.0.0/8"]), None, false, "x-forwarded-for: 10.0.0.1\r\n", 403),
        (Some(&["127.0.0.1"]), None, false, "x-forwarded-for: junk\r\n", 200),
        // A trusted peer's is.
        (Some(&["10.0.0.0/8"]), None, true, "x-forwarded-for: 10.0.0.1\r\n", 200),
        (Some(&["10.0.0.0/8"]), None, true, "x-forwarded-for: ::ffff:10.0.0.1\r\n", 200),
        (Some(&["10.0.0.0/8"]), None, true, "forwarded: for=\"10.0.0.1:99\";proto=https\r\n", 200),
        (Some(&["10.0.0.0/8"]), None, true, "x-forwarded-for: 10.0.0.1, 192.0.2.1\r\n", 403),
        (Some(&["10.0.0.0/8"]), None, true, "x-forwarded-for: 192.0.2.1\r\nx-forwarded-for: 10.0.0.1\r\n", 200),
        (None, None, true, "x-forwarded-for: junk\r\n", 403),
        (None, Some(&["10.0.0.0/8"]), true, "x-forwarded-for: 192.0.2.1\r\n", 403),
        (None, None, true, "x-forwarded-for: 10.0.0.1\r\nforwarded: for=10.0.0.2\r\n", 403),
    ];
    for (allowlist, own, trusted, header, status) in cases {
        let parsed = |list: &[&str]| list.iter().map(|network| network.parse().unwrap()).collect();
        let mut settings = Settings { allowlist: allowlist.map(parsed), ..open() };
        settings.clients[0].allowlist = own.map(parsed);
        settings.trusted_proxies = if trusted { proxy() } else { vec![] };
        let gateway = start_with(settings, Default::default());
        let reply = gateway.connect().post("get_user", ANN, header);
        assert_eq!(reply.status, status, "{allowlist:?} {own:?} {trusted} {header}");
        if status == 403 {
            assert_eq!(reply.code(), "forbidden");
        }
    }
}

#[test]
fn a_removed_client_is_refused_at_once() {
    let gateway = start();
    let mut connection = gateway.connect();
    assert_eq!(connection.post("get_user", ANN, "").status, 200);
    let without = Access::new(Settings { clients: vec![], ..open() }, Some(&gateway.access.load())).unwrap();
    gateway.access.store(without.into());
    assert_eq!(connection.post("get_user", ANN, "").status, 401);
}
