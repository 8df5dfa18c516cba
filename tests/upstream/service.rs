//! A plain web service: where values go, and what statuses mean.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::stand_in::{Act, Seen, StandIn, json as answer};
use crate::gateway::{Gateway, Setup};

const ACTIONS: &str = r#"
    login:
      path: /login
      body: { json: { user: "{{ identifier | lower }}", pass: "{{ password }}", from: "{{ context.ip }}", app: [web, 7] } }
      outcomes: { 200: authenticated, 401: wrong_credentials, 404: not_found, 423: { outcome: denied, message: Locked } }
      user: data.user
    get_user:
      path: /users
      query: { name: "{{ identifier }}", tenant: "{{ configuration.tenant }}" }
      outcomes: { 200: found, 404: not_found }
    create:
      path: /users
      body: { form: { mail: "{{ email }}", secret: "{{ password }}", phone: "{{ phone_number }}", plan: "{{ app_metadata.plan }}" } }
      outcomes: { 201: created, 204: created, 409: user_exists, 422: { outcome: rejected, message: Too short } }
    verify:
      method: PUT
      path: /users/{{ email }}/verified
      outcomes: { 204: changed, 404: unchanged }
    change_email:
      method: PATCH
      path: "/users/mail:{{ email }}"
      body: { json: { to: "{{ new_email }}", verified: "{{ verified }}", note: "was {{ email }}" } }
      outcomes: { 200: changed, 404: not_found, 409: user_exists }
    delete:
      method: DELETE
      path: /users/{{ user_id }}
      outcomes: { 204: changed, 404: unchanged }
"#;

fn definition(port: u16, more: &str) -> String {
    format!(
        "version: 1\nconnector: web\nconfiguration: {{ tenant: a&b }}\nupstream:\n  type: http\n  \
         base_url: http://127.0.0.1:{port}/api/\n  allow_private: true\n  headers:\n    authorization: \"Bearer {{{{ configuration.tenant }}}}\"\n    \
         x-key: {{ env: WEB_KEY }}\n{more}  actions:{ACTIONS}"
    )
}

fn start(act: impl Fn(&Seen) -> Act + Send + Sync + 'static) -> (StandIn, Gateway) {
    let server = StandIn::plain(act);
    let text = definition(server.address.port(), "");
    let gateway = Setup::new().definition("web.yaml", &text).env("WEB_KEY", "k3y").start();
    (server, gateway)
}

fn user() -> Json {
    json!({ "id": 7, "email": "ann@example.com", "email_verified": "yes", "secret": "x", "username": 12 })
}

#[test]
fn values_go_where_the_definition_says_and_nowhere_else() {
    let (server, gateway) = start(|seen| match seen.line().as_str() {
        "POST /api/login" => answer(200, json!({ "data": { "user": user() } })),
        "GET /api/users" => answer(200, json!([user()])),
        "POST /api/users" => answer(201, user()),
        _ => Act::Plain(if seen.method == "PATCH" { 200 } else { 204 }, "", Vec::new()),
    });
    server.take();
    let call = |action: &str, body: Json| {
        let reply = gateway.call("web", action, &body);
        assert_eq!(reply.status, 200, "{action}: {}", reply.json());
        let mut seen = server.take();
        assert_eq!(seen.len(), 1);
        (reply.json(), seen.remove(0))
    };
    let hostile = "Ann\"}, {\"x\": {{ 7 }} \u{1F600}/../?&=#%00+";
    let (body, seen) =
        call("login", json!({ "identifier": hostile, "password": "p\"\\\u{1F600}", "context": { "ip": "192.0.2.1" } }));
    let expected = json!({ "user_id": "web|7", "email": "ann@example.com", "email_verified": true, "username": "12" });
    assert_eq!(body["user"], expected);
    let sent =
        json!({ "user": hostile.to_lowercase(), "pass": "p\"\\\u{1F600}", "from": "192.0.2.1", "app": ["web", 7] });
    assert_eq!((seen.json(), seen.header("content-type")), (sent, Some("application/json")));
    assert_eq!((seen.header("authorization"), seen.header("x-key")), (Some("Bearer a&b"), Some("k3y")));
    let (_, seen) = call("login", json!({ "identifier": "a", "password": "b" }));
    assert_eq!(seen.json()["from"], Json::Null);

    let (_, seen) = call("get_user", json!({ "identifier": hostile }));
    assert_eq!(
        (seen.parameter("name").unwrap().as_str(), seen.parameter("tenant").unwrap().as_str()),
        (hostile, "a&b")
    );
    assert_eq!(seen.target.matches(['&', '?', '#']).count(), 2, "{}", seen.target);

    let (_, seen) = call(
        "create",
        json!({ "email": "a&b=c@example.com", "password": "+ %26&x=y", "app_metadata": { "plan": "gold" } }),
    );
    assert_eq!(seen.header("content-type"), Some("application/x-www-form-urlencoded"));
    let field = |name: &str| seen.field(name);
    assert_eq!(field("mail").unwrap(), "a&b=c@example.com");
    assert_eq!((field("secret").unwrap().as_str(), field("plan").unwrap().as_str()), ("+ %26&x=y", "gold"));
    assert_eq!((field("phone"), field("x")), (None, None));

    let (_, seen) = call("verify", json!({ "email": "a/../b?c#d;e %2f@x" }));
    assert_eq!(seen.target, "/api/users/a%2F..%2Fb%3Fc%23d%3Be%20%252f%40x/verified");
    let (_, seen) = call("change_email", json!({ "email": "../a", "new_email": "b", "verified": false }));
    assert_eq!(seen.target, "/api/users/mail:..%2Fa");
    assert_eq!(seen.json(), json!({ "to": "b", "verified": false, "note": "was ../a" }));
    let (_, seen) = call("delete", json!({ "user_id": "web|a b" }));
    assert_eq!(seen.line(), "DELETE /api/users/a%20b");
    // What would lead elsewhere is not sent at all.
    for id in ["web|.", "web|..", "web|", "other|7"] {
        assert_eq!(gateway.call("web", "delete", &json!({ "user_id": id })).json()["code"], "invalid_input", "{id}");
    }
    assert_eq!(server.take().len(), 0);
}

#[test]
fn statuses_mean_what_is_declared_and_others_are_doubt() {
    let (server, gateway) = start(|seen| {
        // The name says what to answer.
        let name = seen.parameter("name").or_else(|| Some(seen.json()["user"].as_str()?.to_owned())).unwrap();
        let json_head = "content-type: application/json\r\n";
        match name.as_str() {
            "ok" if seen.method == "POST" => answer(200, json!({ "data": { "user": user() } })),
            "ok" => answer(200, user()),
            "nobody" => answer(200, json!([])),
            "two" => answer(200, json!([user(), user()])),
            "null" => answer(200, Json::Null),
            "no-id" => answer(200, json!({ "email": "a", "data": { "user": { "email": "a" } } })),
            "text" => Act::Plain(200, "content-type: text/plain\r\n", user().to_string().into_bytes()),
            "broken" => Act::Plain(200, json_head, b"{\"id\": 7".to_vec()),
            "deep" => Act::Plain(200, json_head, [vec![b'['; 100_000], vec![b']'; 100_000]].concat()),
            "huge" => Act::Plain(200, json_head, vec![b' '; 300 * 1024]),
            "endless" => {
                let chunk = [b"8000\r\n".to_vec(), vec![b' '; 0x8000], b"\r\n".to_vec()].concat();
                Act::Raw(
                    [
                        b"HTTP/1.1 200 X\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
                            .to_vec(),
                        chunk.repeat(20),
                    ]
                    .concat(),
                )
            }
            "slow" => Act::Slow(Duration::from_millis(2400), Box::new(answer(200, user()))),
            "reset" => Act::Reset,
            "page" => Act::Plain(404, "content-type: text/html; charset=utf-8\r\n", b"<html>".to_vec()),
            "moved" => Act::Plain(302, "location: http://127.0.0.1:1/\r\n", Vec::new()),
            "not-http" => Act::Raw(b"SSH-2.0-x\r\n\r\n".to_vec()),
            status => answer(status.parse().unwrap(), json!({})),
        }
    });
    let code = |action: &str, name: &str| {
        let body = json!({ "identifier": name });
        let body = if action == "login" { json!({ "identifier": name, "password": "p" }) } else { body };
        let reply = gateway.call("web", action, &body);
        match reply.status {
            200 => "yes".to_owned(),
            _ => reply.json()["code"].as_str().unwrap().to_owned(),
        }
    };
    for (name, login, found) in [
        ("ok", "yes", "yes"),
        ("401", "wrong_credentials", "misconfigured"),
        ("404", "wrong_credentials", "not_found"),
        ("423", "denied", "misconfigured"),
        ("204", "misconfigured", "misconfigured"),
        ("400", "misconfigured", "misconfigured"),
        ("403", "misconfigured", "misconfigured"),
        ("429", "unavailable", "unavailable"),
        ("500", "unavailable", "unavailable"),
        ("503", "unavailable", "unavailable"),
        ("nobody", "misconfigured", "not_found"),
        ("two", "misconfigured", "ambiguous_user"),
        ("null", "misconfigured", "misconfigured"),
        ("no-id", "misconfigured", "misconfigured"),
        ("text", "misconfigured", "misconfigured"),
        ("broken", "misconfigured", "misconfigured"),
        ("deep", "misconfigured", "misconfigured"),
        ("huge", "misconfigured", "misconfigured"),
        ("endless", "misconfigured", "misconfigured"),
        ("page", "misconfigured", "misconfigured"),
        ("moved", "misconfigured", "misconfigured"),
        ("reset", "unavailable", "unavailable"),
        // Answers in between, lest so many failures in a row open the breaker.
        ("ok", "yes", "yes"),
        ("not-http", "unavailable", "unavailable"),
        ("ok", "yes", "yes"),
        ("slow", "timeout", "timeout"),
        ("ok", "yes", "yes"),
    ] {
        server.take();
        assert_eq!(code("login", name), login, "login {name}");
        assert_eq!(server.take().len(), 1, "a login is sent once: {name}");
        assert_eq!(code("get_user", name), found, "get_user {name}");
        assert!(server.take().len() <= 2, "{name}");
    }
}

#[test]
fn a_write_without_an_answer_has_an_unknown_outcome_and_is_sent_once() {
    let (server, gateway) = start(|seen| match seen.target.as_str() {
        "/api/users/reset" => Act::Reset,
        "/api/users/slow" => Act::Slow(Duration::from_millis(2400), Box::new(Act::Reset)),
        "/api/users/502" => Act::Plain(502, "", Vec::new()),
        "/api/users/503" => Act::Plain(503, "", Vec::new()),
        "/api/users/404" => Act::Plain(404, "", Vec::new()),
        _ => Act::Plain(204, "", Vec::new()),
    });
    for (id, expected) in [
        ("7", None),
        ("reset", Some("outcome_unknown")),
        ("slow", Some("outcome_unknown")),
        ("502", Some("outcome_unknown")),
        ("503", Some("unavailable")),
        ("7", None),
    ] {
        server.take();
        let reply = gateway.call("web", "delete", &json!({ "user_id": format!("web|{id}") })).json();
        assert_eq!(reply["code"].as_str(), expected, "{id}: {reply}");
        assert_eq!(server.take().len(), 1, "{id}");
    }
    let reply = gateway.call("web", "delete", &json!({ "user_id": "web|404" })).json();
    assert_eq!(reply, json!({ "changed": false }));
}
