//! Outdated hashes are replaced after a login, and never by something that opens nothing.

use userbridge::sql::Dialect;

use super::{Connector, World, md5, sha256};

/// The hash of [`PASSWORD`]: md5-crypt, because it is quick.
const HASH: &str = "$1$abcdefgh$vc.h.b7/b1zYYwJ7DKEQG1";
const PASSWORD: &str = "md5pass";

const REHASH: &str = "  formats: [argon2id, md5-crypt]\n  new: { format: argon2id, memory: 64, passes: 1 }\n  rehash: on_login\n  \
     rehash_sql: UPDATE TABLE SET password_hash = {{ password_hash }} WHERE id = {{ row.id }} AND password_hash = {{ stored_hash }}\n";

const CONNECTORS: &[Connector] = &[
    Connector::new("upgrade", REHASH),
    Connector { name: "narrow", password: REHASH, table: "narrow" },
    Connector { name: "mangled", password: REHASH, table: "mangled" },
    Connector::new(
        "salted",
        "  salt: { column: password_salt }\n  formats: { expr: 'md5($pass)', when: { column: password_salt, empty: true } }\n  \
         new: { digest: pbkdf2-sha256, rounds: 2000, salt: { encoding: hex } }\n  rehash: on_login\n  \
         rehash_sql: UPDATE users SET password_hash = {{ password_hash }}, password_salt = {{ password_salt }} WHERE id = {{ row.id }} AND password_hash = {{ stored_hash }}\n",
    ),
    Connector::new(
        "peppered",
        "  salt: { column: password_salt }\n  \
         formats: { digest: sha256, salt: { position: prefix }, pepper: [{ env: PEPPER_NEW }, { env: PEPPER_OLD }] }\n  \
         new: { digest: sha256, salt: { position: prefix }, pepper: [{ env: PEPPER_NEW }, { env: PEPPER_OLD }] }\n  \
         rehash: on_login\n  \
         rehash_sql: UPDATE users SET password_hash = {{ password_hash }}, password_salt = {{ password_salt }} WHERE id = {{ row.id }} AND password_hash = {{ stored_hash }}\n",
    ),
];

#[test]
fn sqlite() {
    old_hashes_are_replaced(Dialect::Sqlite);
}

#[test]
fn postgres() {
    old_hashes_are_replaced(Dialect::Postgres);
}

#[test]
fn mysql() {
    old_hashes_are_replaced(Dialect::Mysql);
}

fn old_hashes_are_replaced(dialect: Dialect) {
    let world = World::new(dialect, CONNECTORS);
    upgraded(&world);
    too_narrow(&world, dialect);
    cut_by_the_store(&world);
    with_a_salt(&world);
    peppers_rotate(&world);
}

fn upgraded(world: &World) {
    world.user("users", "old@example.com", HASH, None);
    world.login("upgrade", "old@example.com", "wrong", "wrong_credentials");
    assert_eq!(world.hash("users", "old@example.com"), HASH);
    world.login("upgrade", "old@example.com", PASSWORD, "user");
    let new = world.hash("users", "old@example.com");
    assert!(new.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{new}");
    world.login("upgrade", "old@example.com", PASSWORD, "user");
    assert_eq!(world.hash("users", "old@example.com"), new, "what is current is not replaced");
}

/// VARCHAR(60) and 97 characters of Argon2: PostgreSQL and our sessions on MySQL refuse it, SQLite has no widths.
fn too_narrow(world: &World, dialect: Dialect) {
    world.user("narrow", "narrow@example.com", HASH, None);
    world.login("narrow", "narrow@example.com", PASSWORD, "user");
    let stored = world.hash("narrow", "narrow@example.com");
    if dialect == Dialect::Sqlite {
        assert!(stored.starts_with("$argon2id$") && stored.len() > 60, "{stored}");
    } else {
        assert_eq!(stored, HASH);
        world.warns("narrow", "");
    }
    world.login("narrow", "narrow@example.com", PASSWORD, "user");
    world.login("narrow", "narrow@example.com", "wrong", "wrong_credentials");
    // A change that was asked for cannot be taken for done either.
    let change = serde_json::json!({ "identifier": "narrow@example.com", "password": "another" });
    let reply = world.gateway.call("narrow", "change_password", &change);
    if dialect == Dialect::Sqlite {
        assert_eq!(reply.code(), "changed");
    } else {
        assert_eq!(reply.code(), "rejected", "{reply:?}");
        world.login("narrow", "narrow@example.com", PASSWORD, "user");
    }
}

/// What the store itself cuts is read back before the commit, and undone.
fn cut_by_the_store(world: &World) {
    world.user("mangled", "cut@example.com", HASH, None);
    for _ in 0..2 {
        world.login("mangled", "cut@example.com", PASSWORD, "user");
        assert_eq!(world.hash("mangled", "cut@example.com"), HASH);
    }
    world.warns("mangled", "widen its column");
}

/// The salt goes with its hash.
fn with_a_salt(world: &World) {
    world.user("users", "plain@example.com", &md5(PASSWORD), None);
    world.login("salted", "plain@example.com", PASSWORD, "user");
    let hash = world.hash("users", "plain@example.com");
    let salt = world.column("users", "password_salt", "plain@example.com");
    assert_eq!((hash.len(), salt.as_str().map(str::len)), (64, Some(32)), "{hash} {salt}");
    world.login("salted", "plain@example.com", PASSWORD, "user");
    world.login("salted", "plain@example.com", "wrong", "wrong_credentials");
    assert_eq!(world.hash("users", "plain@example.com"), hash);
}

/// A hash with the old pepper opens, and is replaced by one with the first of the list.
fn peppers_rotate(world: &World) {
    let with = |pepper: &str, salt: &str| sha256(&format!("{salt}{PASSWORD}{pepper}"));
    world.user("users", "stale@example.com", &with("stale", "a1b2"), Some("a1b2"));
    world.user("users", "other@example.com", &with("other", "a1b2"), Some("a1b2"));
    world.user("users", "fresh@example.com", &with("fresh", "a1b2"), Some("a1b2"));
    world.login("peppered", "stale@example.com", "wrong", "wrong_credentials");
    world.login("peppered", "other@example.com", PASSWORD, "wrong_credentials");
    for email in ["stale@example.com", "fresh@example.com"] {
        world.login("peppered", email, PASSWORD, "user");
        let salt = world.column("users", "password_salt", email);
        assert_eq!(world.hash("users", email), with("fresh", salt.as_str().unwrap()), "{email}");
        assert_eq!(salt == "a1b2", email == "fresh@example.com", "only what is outdated is replaced");
        world.login("peppered", email, PASSWORD, "user");
        assert_eq!(world.column("users", "password_salt", email), salt);
    }
}
