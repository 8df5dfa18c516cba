//! `check --grants`: what it prints is enough for every action, and every line of it is needed by the actions that it
//! names, and by no others.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;
use userbridge::sql::Dialect;

use super::{DEFINITION, SCHEMA, Scene};
use crate::gateway::{Gateway, Setup};

/// The hash of `md5pass`.
const HASH: &str = "$1$abcdefgh$vc.h.b7/b1zYYwJ7DKEQG1";

#[test]
fn postgres_grants_are_enough_and_none_is_too_much() {
    prove(Dialect::Postgres);
}

#[test]
fn mysql_grants_are_enough_and_none_is_too_much() {
    prove(Dialect::Mysql);
}

#[test]
fn sqlite_has_no_grants() {
    let scene = Scene::new(Dialect::Sqlite, SCHEMA, DEFINITION);
    assert!(scene.grants().is_empty());
    let output = scene.run(&scene.store.url, &["--grants"]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("SQLite has no privileges"), "{output:?}");
}

fn prove(dialect: Dialect) {
    let scene = Scene::new(dialect, SCHEMA, DEFINITION);
    if dialect == Dialect::Postgres {
        // Everybody may use this schema unless told otherwise.
        scene.store.script("REVOKE ALL ON SCHEMA public FROM PUBLIC");
    }
    let grants = scene.grants();
    assert!(grants.len() >= 8, "{grants:#?}");
    scene.grant();
    let setup = Setup::new().env("STORE_URL", &scene.url).definition("shop.yaml", DEFINITION);
    let gateway = setup.start();
    let mut round = 0;
    let mut failing = || {
        round += 1;
        failures(&scene, &gateway, round)
    };
    assert_eq!(failing(), BTreeSet::new(), "with all of {grants:#?}\n{}", gateway.log());
    for (statement, actions) in &grants {
        let revoke = statement.replacen("GRANT ", "REVOKE ", 1).replace(" TO ", " FROM ");
        scene.store.script(revoke.trim_end_matches(';'));
        let expected: BTreeSet<String> = actions.iter().cloned().collect();
        assert_eq!(failing(), expected, "without {statement}\n{}", gateway.log());
        scene.store.script(statement.trim_end_matches(';'));
    }
    assert_eq!(failing(), BTreeSet::new(), "with all of them again");
}

/// The actions that fail for want of a privilege; each one has a user of its own.
fn failures(scene: &Scene, gateway: &Gateway, round: usize) -> BTreeSet<String> {
    let email = |action: &str| format!("{action}{round}@example.com");
    let actions = ["login", "get_user", "verify", "change_password", "change_email", "change_username", "delete"];
    for action in actions {
        scene.store.script(&format!(
            "INSERT INTO users (email, username, password_hash) VALUES ('{}', '{action}{round}', '{HASH}')",
            email(action)
        ));
    }
    let id = scene.store.one(&format!("SELECT id FROM users WHERE email = '{}'", email("delete")), &[]);
    let id = id.as_i64().unwrap();
    let requests = [
        ("login", json!({ "identifier": email("login"), "password": "md5pass" }), "user"),
        ("get_user", json!({ "identifier": email("get_user") }), "user"),
        ("create", json!({ "email": email("create"), "password": "hello", "given_name": "Ann" }), "created"),
        ("verify", json!({ "email": email("verify") }), "changed"),
        ("change_password", json!({ "identifier": email("change_password"), "password": "hello" }), "changed"),
        ("change_email", json!({ "email": email("change_email"), "new_email": email("new") }), "changed"),
        (
            "change_username",
            json!({ "username": format!("change_username{round}"), "new_username": email("n") }),
            "changed",
        ),
        ("delete", json!({ "user_id": format!("shop|{id}") }), "changed"),
    ];
    let mut failing = BTreeSet::new();
    for (action, body, expected) in requests {
        let mut reply = gateway.call("shop", action, &body);
        // Out of reach or out of time is no word about privileges.
        for _ in 0..20 {
            if ![503, 504].contains(&reply.status) {
                break;
            }
            std::thread::sleep(Duration::from_millis(300));
            reply = gateway.call("shop", action, &body);
        }
        if reply.status >= 500 {
            eprintln!("{action}: {} {}", reply.status, reply.text);
            failing.insert(action.to_owned());
        } else {
            assert_eq!(reply.code(), expected, "{action}: {reply:?}");
        }
    }
    failing
}
