//! Django's own user table, on SQLite and PostgreSQL.

use serde_json::{Value as Json, json};
use userbridge::sql::Dialect;

use super::{Application, checked_by, users};
use crate::gateway::Setup;
use crate::stores::{Store, text};

const CHECK: &str = "fixtures/django/check_password.py";

#[test]
fn sqlite() {
    run(Dialect::Sqlite, include_str!("../fixtures/django/django.sqlite.sql"));
}

#[test]
fn postgres() {
    run(Dialect::Postgres, include_str!("../fixtures/django/django.postgres.sql"));
}

fn run(dialect: Dialect, tables: &str) {
    let store = Store::new(dialect);
    store.script(tables);
    let definition = include_str!("../../connectors/django.yaml");
    let setup = Setup::new().definition("django.yaml", definition).env("DJANGO_DATABASE_URL", &store.url);
    let django = Application { gateway: setup.start(), name: "django" };
    everyone_logs_in(&django, &store);
    look_ups(&django);
    passwords(&django, &store);
    new_users(&django, &store);
    other_changes(&django, &store);
}

fn everyone_logs_in(django: &Application, store: &Store) {
    let list = users(include_str!("../fixtures/django/users.tsv"));
    assert_eq!(list.len(), 14);
    for (index, user) in list.iter().enumerate() {
        let outcome = match (user.password, user.active) {
            ("", _) => "wrong_credentials",
            (_, true) => "user",
            (_, false) => "denied",
        };
        let reply = django.login(user.username, user.password, outcome);
        if outcome == "user" {
            let profile = reply.user();
            assert_eq!(profile["user_id"], format!("django|{}", index + 1));
            assert_eq!(profile["email"], user.email);
            assert_eq!(profile["app_metadata"], json!({ "is_staff": false, "is_superuser": false }));
            assert_eq!(profile["name"], format!("{} Example", profile["given_name"].as_str().unwrap()));
            // Ann's hash has a million rounds: once right and once wrong are enough.
            if user.username != "ann" {
                assert_eq!(django.login(&user.email.to_uppercase(), user.password, "user").user(), profile);
            }
        }
        django.login(user.username, &format!("{}x", user.password), "wrong_credentials");
        let logged_in = store.one("SELECT last_login FROM auth_user WHERE username = ?", &[text(user.username)]);
        assert_eq!(logged_in != Json::Null, outcome == "user", "{}", user.username);
    }
    assert_eq!(django.login("mia", "mia-password", "denied").detail(), "This account is inactive");
    django.login("nobody", "x", "wrong_credentials");
}

fn look_ups(django: &Application) {
    let zoe = django.expect("get_user", json!({ "identifier": "zoë" }), "user").user();
    assert_eq!((&zoe["given_name"], &zoe["email"]), (&json!("Zoë"), &json!("zoe@example.com")));
    assert_eq!(django.expect("get_user", json!({ "user_id": "django|14" }), "user").user(), zoe);
    django.lists(&zoe);
    // Inactive users exist.
    django.expect("get_user", json!({ "identifier": "mia@example.com" }), "user");
    django.expect("get_user", json!({ "identifier": "nobody" }), "not_found");
    for id in ["99", "1abc", " 1", "1.0", "01", "+1"] {
        django.expect("get_user", json!({ "user_id": format!("django|{id}") }), "not_found");
        django.expect("delete", json!({ "user_id": format!("django|{id}") }), "unchanged");
    }
}

fn passwords(django: &Application, store: &Store) {
    let stored = |name: &str| -> String {
        let hash = store.one("SELECT password FROM auth_user WHERE username = ?", &[text(name)]);
        hash.as_str().unwrap().to_owned()
    };
    let new = "ein Paßwort, neu 🔑";
    django.expect("change_password", json!({ "identifier": "KAY@example.com", "password": new }), "changed");
    django.login("kay", new, "user");
    django.login("kay", "kay-password", "wrong_credentials");
    let body = json!({ "email": "New@example.com", "username": "new", "password": "a password" });
    let user = django.expect("create", body, "user").user();
    assert_eq!((&user["email"], &user["username"]), (&json!("New@example.com"), &json!("new")));
    assert_eq!(django.login("new@example.com", "a password", "user").user(), user);

    let (kay, fresh) = (stored("kay"), stored("new"));
    assert!(kay.starts_with("pbkdf2_sha256$"), "{kay}");
    let pairs = [(&*kay, new), (&*fresh, "a password"), (&*kay, "kay-password"), (&*fresh, "a passwort")];
    assert_eq!(checked_by(CHECK, &pairs), [true, true, false, false], "Django itself agrees");
}

fn new_users(django: &Application, store: &Store) {
    let count = || store.one("SELECT count(*) FROM auth_user", &[]).as_i64().unwrap();
    let before = count();
    for body in [
        json!({ "username": "ann", "email": "ann2@example.com" }),
        json!({ "username": "ann2", "email": "ANN@example.com" }),
        json!({ "email": "bob.case@example.com" }),
    ] {
        django.expect("create", body, "user_exists");
    }
    assert_eq!(count(), before);
    let user = django.expect("create", json!({ "email": "keyless@example.com" }), "user").user();
    assert_eq!(user["username"], "keyless@example.com");
    django.login("keyless@example.com", "!", "wrong_credentials");
    django.expect("create", json!({ "username": "nameless" }), "user");
    django.expect("create", json!({ "username": "x", "phone_number": "+1", "nickname": "y" }), "invalid_input");
    assert_eq!(count(), before + 2);
}

fn other_changes(django: &Application, store: &Store) {
    let email = |from: &str, to: &str| json!({ "email": from, "new_email": to });
    django.expect("change_email", email("CARL@example.com", "charles@example.com"), "changed");
    django.expect("change_email", email("carl@example.com", "x@example.com"), "unchanged");
    let username = |from: &str, to: &str| json!({ "username": from, "new_username": to });
    django.expect("change_username", username("carl", "dora"), "user_exists");
    django.expect("change_username", username("carl", "charles"), "changed");
    django.expect("change_username", username("charles", "charles"), "changed");
    let carl = django.login("charles", "carl-password", "user").user();
    assert_eq!(carl["email"], "charles@example.com");
    // Carl has a group and a permission.
    django.expect("delete", json!({ "user_id": carl["user_id"] }), "changed");
    django.expect("delete", json!({ "user_id": carl["user_id"] }), "unchanged");
    for table in ["auth_user_groups", "auth_user_user_permissions"] {
        assert_eq!(store.one(&format!("SELECT count(*) FROM {table}"), &[]), 1, "bob's");
    }
    django.expect("verify", json!({ "email": "ann@example.com" }), "action_not_declared");
    let body = json!({ "phone_number": "+1", "new_phone_number": "+2" });
    django.expect("change_phone_number", body, "action_not_declared");
}
