//! Users who move from a service to a managed store.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value as Json, json};

use super::stand_in::{Act, Seen, StandIn, json as answer};
use crate::gateway::{Gateway, Setup, check};

const PASSWORD: &str = "correct horse";

fn definition(port: u16, migration: &str) -> String {
    format!(
        r#"
version: 1
connector: web
upstream:
  type: http
  base_url: http://127.0.0.1:{port}/
  allow_private: true
  actions:
    login:
      path: /login
      body: {{ json: {{ user: "{{{{ identifier }}}}", pass: "{{{{ password }}}}" }} }}
      outcomes: {{ 200: authenticated, 401: wrong_credentials }}
    get_user:
      path: /users
      query: {{ name: "{{{{ identifier }}}}" }}
      outcomes: {{ 200: found, 404: not_found }}
migration:
  store: sqlite:managed.db
  identifiers: [email]
{migration}"#
    )
}

/// A service that knows Ann, and whether it still answers.
fn service(seen: &Seen, up: &AtomicBool) -> Act {
    let ann = json!({ "id": 7, "email": "ann@example.com", "name": "Ann" });
    if !up.load(Ordering::SeqCst) {
        return Act::Plain(503, "", Vec::new());
    }
    match seen.line().as_str() {
        "POST /login" => {
            let sent = seen.json();
            let right = sent["user"] == "ann@example.com" && sent["pass"] == PASSWORD;
            if right { answer(200, ann) } else { Act::Plain(401, "", Vec::new()) }
        }
        "GET /users" if seen.parameter("name").as_deref() == Some("ann@example.com") => answer(200, ann),
        _ => Act::Plain(404, "", Vec::new()),
    }
}

fn login(gateway: &Gateway, identifier: &str, password: &str) -> (u16, Json) {
    let reply = gateway.call("web", "login", &json!({ "identifier": identifier, "password": password }));
    (reply.status, reply.json())
}

#[test]
fn users_leave_a_service_at_their_first_login() {
    let up = Arc::new(AtomicBool::new(true));
    let state = Arc::clone(&up);
    let server = StandIn::plain(move |seen| service(seen, &state));
    let setup = Setup::new().definition("web.yaml", &definition(server.address.port(), ""));
    let gateway = setup.without_databases().start();
    let code = |answer: (u16, Json)| answer.1["code"].as_str().unwrap_or("user").to_owned();

    assert_eq!(code(login(&gateway, "ann@example.com", "wrong")), "wrong_credentials");
    assert_eq!(code(login(&gateway, "bob@example.com", PASSWORD)), "wrong_credentials");
    let (status, body) = login(&gateway, "ann@example.com", PASSWORD);
    assert_eq!((status, &body["user"]["user_id"]), (200, &json!("web|7")), "{body}\n{}", gateway.log());
    server.take();

    // From then on the service is not asked for her, and need not be there.
    up.store(false, Ordering::SeqCst);
    assert_eq!(code(login(&gateway, "ann@example.com", PASSWORD)), "user");
    assert_eq!(code(login(&gateway, "ann@example.com", "wrong")), "wrong_credentials");
    let changed = gateway.call(
        "web",
        "change_password",
        &json!({ "identifier": "ann@example.com", "password": "battery staple" }),
    );
    assert_eq!(changed.code(), "changed");
    assert_eq!(code(login(&gateway, "ann@example.com", PASSWORD)), "wrong_credentials");
    assert_eq!(code(login(&gateway, "ann@example.com", "battery staple")), "user");
    assert_eq!(server.take().len(), 0, "a user who has moved is asked for");
    // The control: for whoever has not moved it is asked, and its silence is no "no".
    assert_eq!(code(login(&gateway, "bob@example.com", PASSWORD)), "unavailable");

    // A deleted user does not come back although the service has her still.
    up.store(true, Ordering::SeqCst);
    assert_eq!(gateway.call("web", "delete", &json!({ "user_id": "web|7" })).code(), "changed");
    assert_eq!(code(login(&gateway, "ann@example.com", PASSWORD)), "wrong_credentials");
}

#[test]
fn what_needs_rows_is_refused_beside_an_upstream() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("web.yaml");
    let text = definition(1, "  mark: UPDATE users SET moved = 1 WHERE id = {{ user_id }}\n  remaining: SELECT 1\n");
    std::fs::write(&path, text).unwrap();
    let (output, exit) = check(&path, &[("NO_COLOR", "1")]);
    assert_eq!(exit, Some(1), "{output}");
    for key in ["mark", "remaining"] {
        assert!(output.contains(&format!("an `upstream` has no rows for `{key}`")), "{output}");
    }
    std::fs::write(&path, definition(1, "")).unwrap();
    assert_eq!(check(&path, &[]).1, Some(0), "{}", check(&path, &[]).0);
}
