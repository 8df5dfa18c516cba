//! MediaWiki's own user table, on MariaDB, with a user for each of its kinds of hashes.

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
    let store = Store::new(Dialect::Mysql);
    store.script(include_str!("../fixtures/mediawiki/mediawiki.mysql.sql"));
    let definition = include_str!("../../connectors/mediawiki.yaml");
    let setup = Setup::new().definition("mediawiki.yaml", definition).env("MEDIAWIKI_DATABASE_URL", &store.url);
    let wiki = Application { gateway: setup.start(), name: "mediawiki" };
    for (name, password, id) in USERS {
        let user = wiki.login(name, password, "user").user();
        assert_eq!((&user["user_id"], &user["username"]), (&json!(format!("mediawiki|{id}")), &json!(name)));
        // The first letter is a capital one, whatever was typed.
        wiki.login(&name.to_lowercase(), password, "user");
        wiki.login(name, &format!("{password}x"), "wrong_credentials");
    }
    // The account that MediaWiki itself writes with has no password.
    wiki.login("MediaWiki default", "", "wrong_credentials");
    wiki.expect("change_password", json!({ "identifier": "Eva", "password": "eva's new one" }), "changed");
    wiki.login("Eva", "eva's new one", "user");
    wiki.login("Eva", "eva-password", "wrong_credentials");
    let stored = store.one("SELECT CAST(user_password AS char) FROM user WHERE user_name = 'Eva'", &[]);
    assert!(stored.as_str().is_some_and(|hash| hash.starts_with(":pbkdf2:sha512:30000:64:")), "{stored}");
}
