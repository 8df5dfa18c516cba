//! The same on every kind of database, and what userinfo says when the store has changed its mind or says nothing.

use serde_json::json;
use userbridge::sql::Dialect;

use super::{ann, ask, form, proof, start, userinfo};
use crate::gateway::{Gateway, Setup, client};
use crate::people::{HASH, PASSWORD};
use crate::stores::Store;
use crate::tokens::support::{ISSUER, Signer, bare, claims_of, header_of, now};

fn definition(name: &str, url: &str) -> String {
    format!(
        "version: 1\nconnector: {name}\ndatabase: {{ url: '{url}' }}\n\
         password: {{ column: password_hash, formats: [phpass] }}\n\
         profile: {{ blocked: \"{{{{ state == 'off' }}}}\" }}\n\
         deny: [{{ when: \"{{{{ state == 'off' }}}}\", message: Ask the help desk }}]\n\
         actions:\n  login:\n    sql: SELECT id, email, given_name, state, password_hash FROM people WHERE email = {{{{ identifier }}}}\n  \
         get_user:\n    sql: SELECT id, email, given_name, state FROM people WHERE email = {{{{ identifier }}}}\n"
    )
}

fn gateway(setup: Setup, connectors: &[&str], more: &str) -> Gateway {
    let faces: String = connectors
        .iter()
        .map(|name| {
            let time = if *name == "silent" { ", timeout: 300ms" } else { "" };
            format!("  - {{ protocol: oauth2, connector: {name}{time}, options: {{ accept_discouraged: a test }} }}\n")
        })
        .collect();
    let settings = format!(
        "listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\ntokens: {{ issuer: \"{ISSUER}\" }}\nfaces:\n{faces}{more}clients:\n{}",
        client().yaml
    );
    setup.settings(settings).start()
}

fn answers_as_its_table_says(dialect: Dialect) {
    let store = Store::new(dialect);
    store.script(&format!(
        "CREATE TABLE people (id INTEGER PRIMARY KEY, email VARCHAR(100) UNIQUE, given_name VARCHAR(100), state VARCHAR(9),
         password_hash VARCHAR(100));
         INSERT INTO people VALUES (1, 'ann@example.com', 'Ann', 'on', '{HASH}'), (2, 'bob@example.com', 'Bob', 'off', '{HASH}'),
         (3, 'zoë@example.com', 'Zoë', 'on', '{HASH}')"
    ));
    let gateway = gateway(Setup::new().definition("people.yaml", &definition("people", &store.url)), &["people"], "");
    let address = gateway.address;
    let login = |name: &str, password: &str| ask(address, "people", &form(name, password, &proof()));
    let token = ann(address, "").token();
    let of_ann = json!({ "sub": "people|1", "given_name": "Ann", "email": "ann@example.com" });
    assert_eq!(userinfo(address, "people", &token).json(), of_ann);
    let zoe = login("zoë@example.com", PASSWORD).token();
    assert_eq!(userinfo(address, "people", &zoe).json()["given_name"], "Zoë");
    // The wrong and the unknown are alike to the byte, in their headers too.
    let wrong = bare(login("ann@example.com", "another"));
    assert_eq!(wrong, bare(login("nobody@example.com", PASSWORD)));
    assert_eq!(wrong.0, 400);
    let denied = login("bob@example.com", PASSWORD);
    assert_eq!(denied.json(), json!({ "error": "invalid_grant", "error_description": "Ask the help desk" }));
    // Nothing is as old as the token.
    store.script("UPDATE people SET given_name = 'Anna' WHERE id = 1");
    assert_eq!(userinfo(address, "people", &token).json()["given_name"], "Anna");
    let refused = |why: &str| {
        let reply = userinfo(address, "people", &token);
        assert_eq!(reply.error(), (401, "invalid_token".to_owned()), "{why}");
    };
    store.script("UPDATE people SET state = 'off' WHERE id = 1");
    refused("blocked");
    store.script("UPDATE people SET state = 'on' WHERE id = 1");
    assert_eq!(userinfo(address, "people", &token).status, 200);
    store.script("UPDATE people SET email = 'anna@example.com' WHERE id = 1");
    refused("renamed");
    store.script(
        "UPDATE people SET email = 'ann@example.com' WHERE id = 2; UPDATE people SET state = 'on' WHERE id = 2",
    );
    refused("another has the name");
    store.script("DELETE FROM people WHERE id IN (1, 2)");
    refused("gone");
    assert_eq!(userinfo(address, "people", &zoe).status, 200);
    store.script("DROP TABLE people");
    let reply = userinfo(address, "people", &zoe);
    assert_eq!((reply.status, &reply.json()["problem"]), (500, &json!("misconfigured")));
}

#[test]
fn sqlite_answers_as_its_table_says() {
    answers_as_its_table_says(Dialect::Sqlite);
}

#[test]
fn postgres_answers_as_its_table_says() {
    answers_as_its_table_says(Dialect::Postgres);
}

#[test]
fn mysql_answers_as_its_table_says() {
    answers_as_its_table_says(Dialect::Mysql);
}

#[test]
fn a_store_that_says_nothing_is_never_an_empty_answer() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = |address: std::net::SocketAddr| format!("postgres://nobody@{address}/none?sslmode=disable");
    let blind = definition("blind", "sqlite:blind.db?mode=rwc");
    let setup = Setup::new()
        .definition("down.yaml", &definition("down", &url(closed)))
        .definition("silent.yaml", &definition("silent", &url(silent.local_addr().unwrap())))
        .definition("blind.yaml", &blind[..blind.find("  get_user:").unwrap()])
        .without_databases();
    rusqlite::Connection::open(setup.folder().join("blind.db"))
        .unwrap()
        .execute_batch(&format!(
            "CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT UNIQUE, given_name TEXT, state TEXT, password_hash TEXT);
             INSERT INTO people VALUES (1, 'ann@example.com', 'Ann', 'on', '{HASH}')"
        ))
        .unwrap();
    let gateway = gateway(setup, &["down", "silent", "blind"], "");
    let address = gateway.address;
    let blind = ask(address, "blind", &form("ann@example.com", PASSWORD, &proof())).token();
    let reply = userinfo(address, "blind", &blind);
    assert_eq!((reply.error().1.as_str(), &reply.json()["problem"]), ("server_error", &json!("action_not_declared")));
    // As if they had answered a moment ago.
    let owner = Signer::of(&gateway);
    let token = |connector: &str| {
        let place = format!("{ISSUER}/oauth2/{connector}");
        let mut claims = claims_of(&blind);
        (claims["iss"], claims["aud"]) = (json!(place), json!(format!("{place}/userinfo")));
        claims["exp"] = json!(now() + 60);
        owner.sign(&header_of(&blind), &claims)
    };
    for (connector, status) in [("down", 503), ("silent", 504)] {
        let reply = userinfo(address, connector, &token(connector));
        assert_eq!(reply.error(), (status, "temporarily_unavailable".to_owned()), "{connector}");
        assert_eq!(reply.header("retry-after").is_some(), status == 503, "{connector}");
    }
}

#[test]
fn another_gateway_logs_in_through_the_face() {
    let behind = start("");
    let base = format!("http://{}/oauth2/people", behind.address);
    let port = behind.address.port();
    for way in ["basic", "post"] {
        let front = format!(
            "version: 1\nconnector: front\nupstream:\n  type: oauth2\n  token_url: {base}/token\n  \
             userinfo_url: {base}/userinfo\n  client_id: tests\n  client_secret: {{ env: CLIENT_SECRET }}\n  \
             client_authentication: {way}\n  scope: openid profile email\n  allow_private: true\n\
             profile: {{ username: '{{{{ preferred_username }}}}' }}\n"
        );
        let front = Setup::new().definition("front.yaml", &front).env("CLIENT_SECRET", &client().key).start();
        let login = |name: &str, password: &str| {
            front.call("front", "login", &json!({ "identifier": name, "password": password }))
        };
        let user = login("ann@example.com", PASSWORD).user();
        let expected = json!({ "user_id": "front|people|1", "email": "ann@example.com", "username": "ann" });
        assert_eq!(user, expected, "{way} {port}");
        for (name, password) in [("ann@example.com", "another one"), ("nobody@example.com", PASSWORD)] {
            assert_eq!(login(name, password).code(), "wrong_credentials", "{way} {name}");
        }
    }
}
