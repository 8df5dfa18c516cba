//! A row that belongs to another name is nobody's.

use serde_json::json;
use userbridge::sql::Dialect;

use super::support::{alone, database, definition, setup, start};
use crate::gateway::Gateway;

fn found(gateway: &Gateway, identifier: &str) -> [String; 2] {
    let looked_up = gateway.call("acme", "get_user", &json!({ "identifier": identifier }));
    let login = gateway.call("acme", "login", &json!({ "identifier": identifier, "password": "hello" }));
    [looked_up.code(), login.code()]
}

const YES: [&str; 2] = ["user", "user"];
const NO: [&str; 2] = ["not_found", "wrong_credentials"];

/// Names that MariaDB's default collation takes for `user1@example.com`.
const LOOKALIKES: [&str; 3] = ["üser1@example.com", "user1@example.com ", "ùsér1@éxample.com"];

#[test]
fn a_row_of_another_name_is_nobodys_on_a_lenient_database() {
    let _turn = alone();
    let url = database(Dialect::Mysql);
    let gateway = start(&url);
    assert_eq!(found(&gateway, "user1@example.com"), YES);
    assert_eq!(found(&gateway, "USER1@example.com"), YES);
    LOOKALIKES.iter().for_each(|name| assert_eq!(found(&gateway, name), NO, "{name:?}"));
    for name in LOOKALIKES {
        let body = json!({ "identifier": name, "password": "of somebody else" });
        assert_eq!(gateway.call("acme", "change_password", &body).code(), "unchanged", "{name:?}");
    }
    assert_eq!(found(&gateway, "user1@example.com"), YES, "the password is the old one");
    gateway.eventually("a warning", || gateway.log().contains("a row of another identifier counts as no row"));
    // The control: the database does find a row for each of these names.
    let lenient = definition("acme") + "lookup: { match: database }\n";
    let gateway = setup().definition("acme.yaml", &lenient).env("URL_ACME", &url).start();
    LOOKALIKES.iter().for_each(|name| assert_eq!(found(&gateway, name), YES, "{name:?}"));
    let exact = definition("acme") + "lookup: { match: exact }\n";
    let gateway = setup().definition("acme.yaml", &exact).env("URL_ACME", &url).start();
    assert_eq!((found(&gateway, "user1@example.com"), found(&gateway, "USER1@example.com")), (own(YES), own(NO)));
}

#[test]
fn strict_databases_find_no_such_row() {
    let _turn = alone();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("users.db");
    let connection = rusqlite::Connection::open(&file).unwrap();
    let table = "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT COLLATE NOCASE UNIQUE, password_hash TEXT);
         CREATE TABLE audit (email TEXT, n INTEGER, hash TEXT);
         INSERT INTO users VALUES (1, 'user1@example.com', '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824')";
    connection.execute_batch(table).unwrap();
    for (url, other_case) in [(database(Dialect::Postgres), NO), (format!("sqlite:{}", file.display()), YES)] {
        let gateway = start(&url);
        assert_eq!(found(&gateway, "user1@example.com"), YES, "{url}");
        assert_eq!(found(&gateway, "USER1@example.com"), other_case, "{url}");
        LOOKALIKES.iter().for_each(|name| assert_eq!(found(&gateway, name), NO, "{url}: {name:?}"));
    }
}

fn own(codes: [&str; 2]) -> [String; 2] {
    codes.map(str::to_owned)
}
