//! MediaWiki's own user table, with a user for each of its kinds of hashes.

use serde_json::json;
use userbridge::sql::Dialect;

use super::Application;
use crate::gateway::Setup;
use crate::stores::Store;

const USERS: [(&str, &str, u32); 6] = [
    ("Root", "an admin pass 7", 1),
    ("Ann", "correct horse", 3),
    ("Bob", "bob's \"secret\" \\ &amp; ü", 4),
    ("Carl", "carl-password", 5),
    ("Dora", "dora-password", 6),
    ("Eva", "eva-password", 7),
];

#[test]
fn mysql() {
    let tables = include_str!("../fixtures/mediawiki/mediawiki.mysql.sql");
    run(Dialect::Mysql, tables, "user", "SELECT CAST(user_password AS char) FROM user WHERE user_name = 'Eva'");
}

#[test]
fn postgres() {
    let tables = include_str!("../fixtures/mediawiki/mediawiki.postgres.sql");
    let stored = "SELECT user_password FROM mediawiki.\"user\" WHERE user_name = 'Eva'";
    run(Dialect::Postgres, tables, "mediawiki.user", stored);
}

#[test]
fn sqlite() {
    let tables = include_str!("../fixtures/mediawiki/mediawiki.sqlite.sql");
    // As text: MediaWiki would not find what was stored as a blob.
    let stored = "SELECT user_password FROM user WHERE user_name = 'Eva' AND typeof(user_password) = 'text'";
    run(Dialect::Sqlite, tables, "user", stored);
}

fn run(dialect: Dialect, tables: &str, table: &str, stored: &str) {
    let store = Store::new(dialect);
    store.script(tables);
    let definition = include_str!("../../connectors/mediawiki.yaml");
    let setup = Setup::new().definition("mediawiki.yaml", definition).env("MEDIAWIKI_DATABASE_URL", &store.url);
    let wiki = Application { gateway: setup.env("MEDIAWIKI_USER_TABLE", table).start(), name: "mediawiki" };
    for (name, password, id) in USERS {
        let user = wiki.login(name, password, "user").user();
        assert_eq!((&user["user_id"], &user["username"]), (&json!(format!("mediawiki|{id}")), &json!(name)));
        // The first letter is a capital one, whatever was typed.
        wiki.login(&name.to_lowercase(), password, "user");
        wiki.login(name, &format!("{password}x"), "wrong_credentials");
        assert_eq!(wiki.expect("get_user", json!({ "identifier": name }), "user").user(), user);
        assert_eq!(wiki.expect("get_user", json!({ "user_id": user["user_id"] }), "user").user(), user);
        wiki.lists(&user);
    }
    // The account that MediaWiki itself writes with has no password.
    wiki.login("MediaWiki default", "", "wrong_credentials");
    wiki.login("Nobody", "x", "wrong_credentials");
    wiki.expect("change_password", json!({ "identifier": "Nobody", "password": "x" }), "unchanged");
    wiki.expect("change_password", json!({ "identifier": "Eva", "password": "eva's new one" }), "changed");
    wiki.login("Eva", "eva's new one", "user");
    wiki.login("Eva", "eva-password", "wrong_credentials");
    let stored = store.one(stored, &[]);
    assert!(stored.as_str().is_some_and(|hash| hash.starts_with(":pbkdf2:sha512:30000:64:")), "{stored}");
    // None of these users has an address.
    let change = json!({ "email": "eva@example.com", "new_email": "eva@example.org" });
    wiki.expect("change_email", change, "unchanged");
    wiki.expect("verify", json!({ "email": "eva@example.com" }), "unchanged");
}
