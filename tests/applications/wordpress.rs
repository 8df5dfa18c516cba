//! WordPress's own user tables, on MariaDB.

use serde_json::json;
use userbridge::sql::Dialect;

use super::{Application, checked_by, users};
use crate::gateway::Setup;
use crate::stores::{Store, text};

#[test]
fn mysql() {
    let store = Store::new(Dialect::Mysql);
    store.script(include_str!("../fixtures/wordpress/wordpress.mysql.sql"));
    let definition = include_str!("../../connectors/wordpress.yaml");
    let setup = Setup::new().definition("wordpress.yaml", definition).env("WORDPRESS_DATABASE_URL", &store.url);
    let wordpress = Application { gateway: setup.start(), name: "wordpress" };
    everyone_logs_in(&wordpress);
    look_ups(&wordpress);
    passwords(&wordpress, &store);
    new_users(&wordpress, &store);
    other_changes(&wordpress, &store);
}

fn everyone_logs_in(wordpress: &Application) {
    let list = users(include_str!("../fixtures/wordpress/users.tsv"));
    assert_eq!(list.len(), 10);
    for (index, user) in list.iter().enumerate() {
        let outcome = match (user.password, user.active) {
            ("", _) => "wrong_credentials",
            (_, true) => "user",
            (_, false) => "denied",
        };
        let reply = wordpress.login(user.username, user.password, outcome);
        if outcome == "user" {
            let profile = reply.user();
            assert_eq!(profile["user_id"], format!("wordpress|{}", index + 1));
            assert_eq!((&profile["email"], &profile["family_name"]), (&json!(user.email), &json!("Example")));
            assert_eq!(wordpress.login(&user.email.to_uppercase(), user.password, "user").user(), profile);
        }
        wordpress.login(user.username, &format!("{}x", user.password), "wrong_credentials");
    }
    assert_eq!(wordpress.login("gus", "gus-password", "denied").detail(), "This account is not active");
    wordpress.login("nobody", "x", "wrong_credentials");
}

fn look_ups(wordpress: &Application) {
    let ann = wordpress.expect("get_user", json!({ "identifier": "ann" }), "user").user();
    assert_eq!((&ann["name"], &ann["given_name"]), (&json!("Ann Example"), &json!("Ann")));
    assert_eq!(wordpress.expect("get_user", json!({ "user_id": "wordpress|1" }), "user").user(), ann);
    wordpress.lists(&ann);
    wordpress.expect("get_user", json!({ "identifier": "nobody" }), "not_found");
    for id in ["99", "1abc", " 1", "1.0", "01", "+1", "0", "-1", "18446744073709551615"] {
        wordpress.expect("get_user", json!({ "user_id": format!("wordpress|{id}") }), "not_found");
        wordpress.expect("delete", json!({ "user_id": format!("wordpress|{id}") }), "unchanged");
    }
}

fn passwords(wordpress: &Application, store: &Store) {
    let stored = |name: &str| -> String {
        let hash = store.one("SELECT user_pass FROM wp_users WHERE user_login = ?", &[text(name)]);
        hash.as_str().unwrap().to_owned()
    };
    let new = "ein Paßwort, neu 🔑";
    store.run("UPDATE wp_users SET user_activation_key = '1700000000:$P$x' WHERE user_login = 'dora'", &[]);
    wordpress.expect("change_password", json!({ "identifier": "dora", "password": new }), "changed");
    wordpress.expect("change_password", json!({ "identifier": "leo@example.com", "password": "leo's" }), "changed");
    wordpress.expect("change_password", json!({ "identifier": "nobody", "password": new }), "unchanged");
    wordpress.login("dora", new, "user");
    wordpress.login("dora", "dora-password", "wrong_credentials");
    assert_eq!(store.one("SELECT user_activation_key FROM wp_users WHERE user_login = 'dora'", &[]), "");
    let body = json!({ "email": "new@example.com", "username": "new", "password": "a password" });
    wordpress.expect("create", body, "created");
    wordpress.login("new@example.com", "a password", "user");

    let (dora, leo, fresh) = (stored("dora"), stored("leo"), stored("new"));
    assert!([&dora, &leo, &fresh].iter().all(|hash| hash.starts_with("$wp$2y$")), "{dora}");
    let pairs =
        [(&*dora, new), (&*leo, "leo's"), (&*fresh, "a password"), (&*dora, "dora-password"), (&*fresh, "a passwort")];
    let answers = checked_by("applications/check_wordpress.py", &pairs);
    assert_eq!(answers, [true, true, true, false, false], "as WordPress computes it");
}

fn new_users(wordpress: &Application, store: &Store) {
    let count = || store.one("SELECT count(*) FROM wp_users", &[]).as_i64().unwrap();
    let before = count();
    for body in [
        json!({ "username": "ANN", "email": "ann2@example.com", "password": "p" }),
        json!({ "username": "ann2", "email": "ann@EXAMPLE.com", "password": "p" }),
    ] {
        wordpress.expect("create", body, "user_exists");
    }
    assert_eq!(count(), before);
    wordpress.expect("create", json!({ "email": "Key.Less+x@example.com" }), "created");
    let user = wordpress.expect("get_user", json!({ "identifier": "Key.Less+x@example.com" }), "user").user();
    assert_eq!((&user["username"], &user["name"]), (&json!("Key.Less+x@example.com"), &json!("Key.Less+x")));
    wordpress.login("Key.Less+x@example.com", "", "wrong_credentials");
    let id = user["user_id"].as_str().unwrap().strip_prefix("wordpress|").unwrap().to_owned();
    let meta = |key: &str| {
        store.one("SELECT meta_value FROM wp_usermeta WHERE user_id = ? AND meta_key = ?", &[text(&id), text(key)])
    };
    assert_eq!((meta("wp_capabilities"), meta("wp_user_level")), (json!("a:1:{s:10:\"subscriber\";b:1;}"), json!("0")));
    let nicename = store.one("SELECT user_nicename FROM wp_users WHERE id = ?", &[text(&id)]);
    assert_eq!(nicename, "key-less-x");
    wordpress.expect("delete", json!({ "user_id": user["user_id"] }), "changed");
    assert_eq!(store.one("SELECT count(*) FROM wp_usermeta WHERE user_id = ?", &[text(&id)]), 0);
    assert_eq!(count(), before);
}

fn other_changes(wordpress: &Application, store: &Store) {
    let email = |from: &str, to: &str| json!({ "email": from, "new_email": to });
    wordpress.expect("change_email", email("carl@example.com", "charles@example.com"), "changed");
    wordpress.expect("change_email", email("charles@example.com", "charles@example.com"), "changed");
    wordpress.expect("change_email", email("carl@example.com", "x@example.com"), "unchanged");
    wordpress.expect("change_username", json!({ "username": "carl", "new_username": "charles" }), "changed");
    wordpress.expect("change_username", json!({ "username": "carl", "new_username": "x" }), "unchanged");
    let user = wordpress.login("charles", "carl-password", "user").user();
    assert_eq!(user["email"], "charles@example.com");
    wordpress.expect("delete", json!({ "user_id": user["user_id"] }), "changed");
    wordpress.expect("delete", json!({ "user_id": user["user_id"] }), "unchanged");
    assert_eq!(store.one("SELECT count(*) FROM wp_users", &[]), 10, "the fixture's ten, less carl, and the new one");
    wordpress.expect("verify", json!({ "email": "ann@example.com" }), "action_not_declared");
}
