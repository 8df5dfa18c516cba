//! Where hashes are, what they look like, and when they are replaced.

use serde_json::json;
use userbridge::db::Value;

use super::{HASH, OTHER_HASH, OTHER_PASSWORD, PASSWORD, World};
use crate::stores::text;

pub(super) fn own(world: &World) {
    let email = "own@example.com";
    world.user("own");
    // sha256("secret" "pepper"), written by sha256sum.
    let digest = "37ed63206cdbaf3f6675549dadf40ba61f411d59ec57ec7c12e439a317d5d39b";
    world
        .store
        .run("UPDATE users SET legacy = ?, legacy_salt = 'pepper' WHERE email = ?", &[text(digest), text(email)]);
    world.login("own", email, "secret", "user");
    world.login("own", email, PASSWORD, "wrong_credentials");
    // change_password writes another format than create does, and its salt beside it.
    world.expect("own", "change_password", json!({ "identifier": email, "password": "second" }), "changed");
    assert_ne!(world.column(email, "legacy_salt"), "pepper");
    assert_eq!(world.column(email, "legacy").as_str().unwrap().len(), 64);
    assert_eq!(world.column(email, "password_hash"), HASH, "the other column is not touched");
    world.login("own", email, "second", "user");
    world.login("own", email, "secret", "wrong_credentials");
    world.expect("own", "create", json!({ "email": "own2@example.com", "password": "third" }), "created");
    assert!(world.column("own2@example.com", "legacy").as_str().unwrap().starts_with("$2"));
    world.login("own", "own2@example.com", "third", "user");
}

pub(super) fn bcrypt_limit(world: &World) {
    let create = |email: &str, password: &str, code: &str| {
        world.expect("own", "create", json!({ "email": email, "password": password }), code)
    };
    let reply = create("long@example.com", &"x".repeat(73), "rejected");
    assert_eq!(reply.json()["reason"], "invalid_password");
    assert!(reply.detail().contains("72"), "{reply:?}");
    assert_eq!(world.count("users WHERE email = 'long@example.com'"), 0);
    create("long@example.com", &"x".repeat(72), "created");
    create("umlauts@example.com", &"ü".repeat(37), "rejected");
    world.login("own", "long@example.com", &"x".repeat(72), "user");
}

pub(super) fn rehash(world: &World) {
    for (name, hash, password) in [("old-a", HASH, PASSWORD), ("old-b", OTHER_HASH, OTHER_PASSWORD)] {
        let email = format!("{name}@example.com");
        world.user_with_hash(name, text(hash));
        world.login("upgrade", &email, password, "user");
        let new = world.column(&email, "password_hash");
        assert!(new.as_str().unwrap().starts_with("$argon2id$v=19$"), "{name}");
        world.login("upgrade", &email, password, "user");
        assert_eq!(world.column(&email, "password_hash"), new, "what is current is not replaced");
        world.login("upgrade", &email, "wrong", "wrong_credentials");
    }
}

pub(super) fn rehash_needs_success(world: &World) {
    world.user("stays");
    let hash = || world.column("stays@example.com", "password_hash");
    world.login("upgrade", "stays@example.com", "wrong", "wrong_credentials");
    assert_eq!(hash(), HASH);
    world.store.run("UPDATE users SET status = 'blocked' WHERE username = 'stays'", &[]);
    world.login("upgrade", "stays@example.com", PASSWORD, "denied");
    assert_eq!(hash(), HASH);
    // Without `rehash: on_login` nothing is replaced.
    world.user("plain");
    world.login("shop", "plain", PASSWORD, "user");
    assert_eq!(world.column("plain@example.com", "password_hash"), HASH);
}

pub(super) fn rehash_fails(world: &World) {
    world.user("fails");
    world.login("failing-upgrade", "fails@example.com", PASSWORD, "user");
    assert_eq!(world.column("fails@example.com", "password_hash"), HASH);
    assert_eq!(world.column("fails@example.com", "status"), "active");
    let warned =
        |record: &serde_json::Value| record["level"] == "WARN" && record["fields"]["connector"] == "failing-upgrade";
    world.gateway.eventually("the operator is told", || world.gateway.records().iter().any(warned));
}

pub(super) fn rehash_compares(world: &World) {
    world.user("races");
    world.login("racing-upgrade", "races@example.com", PASSWORD, "user");
    assert_eq!(world.column("races@example.com", "password_hash"), OTHER_HASH, "the newer password stays");
    world.user_with_hash("nothing", Value::Null);
    world.login("racing-upgrade", "nothing@example.com", PASSWORD, "wrong_credentials");
}
