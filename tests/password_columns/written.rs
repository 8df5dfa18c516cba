//! New passwords in the format that the old application reads.

use serde_json::json;
use userbridge::sql::Dialect;

use super::{Connector, World, md5, sha1, sha256};

/// What is written, what it begins with, and what it must be for a password and the salt of its row, where that is
/// simple enough to say here.
type Case = (Connector, &'static str, Option<fn(&str, &str) -> String>);

const CASES: &[Case] = &[
    (Connector::new("bcrypt", "  formats: bcrypt\n  new: { format: bcrypt, cost: 5 }\n"), "$2b$05$", None),
    (Connector::new("phpass", "  formats: phpass\n  new: phpass\n"), "$P$B", None),
    (
        Connector::new("django", "  formats: django\n  new: { format: django, rounds: 20000 }\n"),
        "pbkdf2_sha256$20000$",
        None,
    ),
    (Connector::new("sha512-crypt", "  formats: sha512-crypt\n  new: sha512-crypt\n"), "$6$", None),
    (Connector::new("drupal7", "  formats: drupal7\n  new: drupal7\n"), "$S$", None),
    (Connector::new("identity", "  formats: aspnet-identity\n  new: aspnet-identity\n"), "AQAAAA", None),
    (
        Connector::new(
            "structured",
            "  salt: { column: password_salt }\n  formats: { digest: sha256, salt: { position: suffix } }\n  \
             new: { digest: sha256, salt: { position: suffix } }\n",
        ),
        "",
        Some(|password, salt| sha256(&format!("{password}{salt}"))),
    ),
    (
        Connector::new(
            "expression",
            "  salt: { column: password_salt }\n  formats: { expr: 'md5(md5($salt) . md5($pass))' }\n  \
             new: { expr: 'md5(md5($salt) . md5($pass))', salt: { length: 8 } }\n",
        ),
        "",
        Some(|password, salt| {
            assert_eq!(salt.len(), 8);
            md5(&format!("{}{}", md5(salt), md5(password)))
        }),
    ),
    (
        Connector::new(
            "peppered",
            "  salt: { column: password_salt }\n  formats: { expr: 'sha1($pepper . $salt . $pass)', pepper: { env: PEPPER_NEW } }\n  \
             new: { expr: 'sha1($pepper . $salt . $pass)', pepper: { env: PEPPER_NEW } }\n",
        ),
        "",
        Some(|password, salt| sha1(&format!("fresh{salt}{password}"))),
    ),
    (
        Connector::new(
            "split",
            "  formats: { digest: sha1, salt: { position: prefix }, split: ':' }\n  \
             new: { digest: sha1, salt: { position: prefix, length: 6 }, split: ':' }\n",
        ),
        "",
        None,
    ),
    (
        Connector::new(
            "long",
            "  formats: { format: bcrypt, prehash: sha256 }\n  new: { format: bcrypt, cost: 4, prehash: sha256 }\n",
        ),
        "$2b$04$",
        None,
    ),
];

#[test]
fn sqlite() {
    new_hashes_are_the_old_applications(Dialect::Sqlite);
}

#[test]
fn postgres() {
    new_hashes_are_the_old_applications(Dialect::Postgres);
}

#[test]
fn mysql() {
    new_hashes_are_the_old_applications(Dialect::Mysql);
}

fn new_hashes_are_the_old_applications(dialect: Dialect) {
    let connectors: Vec<_> = CASES.iter().map(|(connector, ..)| Connector { ..*connector }).collect();
    let world = World::new(dialect, &connectors);
    for (connector, begins, formula) in CASES {
        let (name, email) = (connector.name, format!("{}@example.com", connector.name));
        let stored = |password: &str| {
            let hash = world.hash("users", &email);
            assert!(hash.starts_with(begins), "{name}: {hash}");
            let salt = world.column("users", "password_salt", &email);
            assert_eq!(salt.is_string(), formula.is_some(), "{name}: {salt}");
            if let Some(formula) = formula {
                assert_eq!(hash, formula(password, salt.as_str().unwrap()), "{name}");
            }
            (hash, salt)
        };
        world.call(name, "create", &json!({ "email": email, "password": "first pässword" }), "created");
        let first = stored("first pässword");
        world.login(name, &email, "first pässword", "user");
        world.login(name, &email, "first password", "wrong_credentials");
        let change = |password: &str| json!({ "identifier": email, "password": password });
        world.call(name, "change_password", &change("second"), "changed");
        assert_ne!(stored("second"), first);
        world.login(name, &email, "second", "user");
        world.login(name, &email, "first pässword", "wrong_credentials");
        // The same password again: another salt.
        let second = stored("second");
        world.call(name, "change_password", &change("second"), "changed");
        assert_ne!(stored("second").0, second.0, "{name}");
    }
}
