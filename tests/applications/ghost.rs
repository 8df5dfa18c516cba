//! What Ghost's own tables show beside what `schemas` asks of every definition, and that Ghost takes what is written.

use serde_json::json;
use userbridge::sql::Dialect;

use super::{Application, compared_by_node};
use crate::gateway::Setup;
use crate::stores::Store;

#[test]
fn mysql() {
    run(Dialect::Mysql, include_str!("../fixtures/ghost/ghost.mysql.sql"));
}

#[test]
fn sqlite() {
    run(Dialect::Sqlite, include_str!("../fixtures/ghost/ghost.sqlite.sql"));
}

fn run(dialect: Dialect, tables: &str) {
    let store = Store::new(dialect);
    store.script(tables);
    let definition = include_str!("../../connectors/ghost.yaml");
    let setup = Setup::new().definition("ghost.yaml", definition).env("GHOST_DATABASE_URL", &store.url);
    let ghost = Application { gateway: setup.start(), name: "ghost" };

    // Warned once, which keeps nobody out; the hash is of what bcryptjs makes of the letters.
    let zoe = ghost.login("zoe@example.com", "пароль-Zoë-🔑", "user").user();
    assert_eq!((&zoe["name"], &zoe["nickname"]), (&json!("Zoë"), &json!("zoe")));
    let refused = ghost.login("mia@example.com", "mia-secretly", "denied");
    assert_eq!(refused.detail(), "Your account has been suspended or locked");
    ghost.login("una@example.com", "una-secretly", "denied");

    let sessions = || store.one("SELECT count(*) FROM sessions", &[]);
    assert_eq!(sessions(), 1, "Bob's");
    let new = "ein Paßwort, neu 🔑";
    ghost.expect("change_password", json!({ "identifier": "ann@example.com", "password": "another one" }), "changed");
    assert_eq!(sessions(), 1);
    ghost.expect("change_password", json!({ "identifier": "BOB@example.com", "password": new }), "changed");
    assert_eq!(sessions(), 0);
    let taken = json!({ "email": "bob@example.com", "new_email": "ann@example.com" });
    ghost.expect("change_email", taken, "user_exists");

    let stored = store.one("SELECT password FROM users WHERE slug = 'bob'", &[]);
    let stored = stored.as_str().unwrap();
    assert!(stored.starts_with("$2b$10$"), "{stored}");
    // @tryghost/security calls nothing else to compare.
    assert_eq!(compared_by_node("bcryptjs", &[(new, stored), ("ein Passwort", stored)]), [true, false]);
}
