//! The quick start, as it is shipped: its definition on its schema, on every database.

use serde_json::{Value as Json, json};
use userbridge::sql::Dialect;

use crate::gateway::{Gateway, Reply, Setup};
use crate::stores::Store;

#[test]
fn sqlite() {
    run(Dialect::Sqlite, include_str!("../../examples/quickstart/schema.sqlite.sql"));
}

#[test]
fn postgres() {
    run(Dialect::Postgres, include_str!("../../examples/quickstart/schema.postgres.sql"));
}

#[test]
fn mysql() {
    run(Dialect::Mysql, include_str!("../../examples/quickstart/schema.mysql.sql"));
}

#[test]
fn its_settings_are_refused_only_for_want_of_a_client() {
    let setup = Setup::new().definition("users.yaml", include_str!("../../examples/quickstart/users.yaml"));
    let folder = setup.folder().to_owned();
    std::fs::rename(folder.join("connectors/users.yaml"), folder.join("users.yaml")).unwrap();
    let settings = include_str!("../../examples/quickstart/userbridge.yaml");
    let refused = setup.settings(settings).try_start().err().expect("a refusal");
    assert!(refused.output.contains("no client is declared"), "{}", refused.output);
    assert_eq!(refused.output.matches("error[").count(), 1, "{}", refused.output);
}

fn run(dialect: Dialect, schema: &str) {
    let store = Store::new(dialect);
    store.script(schema);
    let definition = include_str!("../../examples/quickstart/users.yaml");
    let gateway = Setup::new().definition("users.yaml", definition).env("USERS_DATABASE_URL", &store.url).start();
    let call = |action: &str, body: Json, code: &str| expect(&gateway, action, body, code);
    let login = |identifier: &str, password: &str, code: &str| {
        call("login", json!({ "identifier": identifier, "password": password }), code)
    };

    let ann = json!({
        "user_id": "users|1", "email": "ann@example.com", "username": "ann", "phone_number": "+15550100001",
        "email_verified": true, "phone_verified": false, "app_metadata": { "plan": "gold" },
    });
    for name in ["ann@example.com", "ANN@example.com", "ann", "+15550100001"] {
        assert_eq!(login(name, "hello", "user").user(), ann);
        assert_eq!(call("get_user", json!({ "identifier": name }), "user").user(), ann);
    }
    assert_ne!(store.one("SELECT last_login FROM users WHERE id = 1", &[]), Json::Null);
    assert_eq!(call("get_user", json!({ "user_id": "users|1" }), "user").user(), ann);
    let listed = super::listing::all(|body| call("list_users", body, "listed").json(), 1);
    assert_eq!(listed[0], ann);
    login("ann", "Hello", "wrong_credentials");
    login("bob@example.com", "wrong", "wrong_credentials");
    assert_eq!(login("bob@example.com", "hello", "denied").detail(), "This account is locked");

    let body = json!({ "email": "Carl@Example.com", "username": "carl", "password": "a password" });
    let carl = call("create", body.clone(), "user").user();
    assert_eq!((&carl["email"], &carl["app_metadata"]), (&json!("carl@example.com"), &json!({ "plan": "free" })));
    call("create", body, "user_exists");
    call("create", json!({ "email": "d@example.com", "username": "d@d", "password": "p" }), "rejected");
    call("verify", json!({ "email": "Carl@example.com" }), "changed");
    assert_eq!(login("carl", "a password", "user").user()["email_verified"], true);
    call("change_password", json!({ "identifier": "carl", "password": "another" }), "changed");
    login("carl", "a password", "wrong_credentials");
    login("carl", "another", "user");
    call("change_email", json!({ "email": "carl@example.com", "new_email": "Ann@example.com" }), "user_exists");
    call("change_email", json!({ "email": "carl@example.com", "new_email": "C@example.com" }), "changed");
    call("change_username", json!({ "username": "carl", "new_username": "ann" }), "user_exists");
    call("change_username", json!({ "username": "carl", "new_username": "charles" }), "changed");
    let user = login("charles", "another", "user").user();
    assert_eq!((&user["email"], &user["email_verified"]), (&json!("c@example.com"), &json!(false)));
    let phone = |old: &str, new: &str| json!({ "phone_number": old, "new_phone_number": new, "verified": true });
    call("change_phone_number", phone("+15550100001", "+15550100009"), "changed");
    call("change_phone_number", phone("+15550100001", "+15550100009"), "unchanged");
    assert_eq!(login("+15550100009", "hello", "user").user()["phone_verified"], true);
    call("delete", json!({ "user_id": user["user_id"] }), "changed");
    call("delete", json!({ "user_id": user["user_id"] }), "unchanged");
    call("delete", json!({ "user_id": "users|1abc" }), "unchanged");
    assert_eq!(store.one("SELECT count(*) FROM users", &[]), 2);
}

#[track_caller]
fn expect(gateway: &Gateway, action: &str, body: Json, code: &str) -> Reply {
    let reply = gateway.call("users", action, &body);
    assert_eq!(reply.code(), code, "{action} {body} {reply:?}");
    reply
}
