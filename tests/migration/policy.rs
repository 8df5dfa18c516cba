//! What a definition decides: who may be changed where, and what passwords must be like.

use serde_json::json;
use sha1::{Digest, Sha1};

use super::{HASH, PASSWORD, World, email};
use crate::stores::text;

/// A sorted file of breached passwords, as "Have I Been Pwned" publishes them.
pub fn breached() -> String {
    let digest = |text: &str| Sha1::digest(text).iter().map(|byte| format!("{byte:02X}")).collect::<String>();
    let mut lines: Vec<_> =
        (0..2000).map(|n| format!("breached number {n}")).map(|text| format!("{}:7\r\n", digest(&text))).collect();
    lines.sort();
    lines.concat()
}

pub fn new_passwords(world: &World) {
    let create = |name: &str, password: &str, code: &str| {
        let body = json!({ "email": email(name), "password": password });
        world.expect("strict", "create", body, code)
    };
    for (password, why) in [
        ("ninechars", "at least 10"),
        ("äöüäöüäöü", "at least 10"),
        ("a password that is too long", "at most 20"),
        ("breached number 0", "breach"),
        ("breached number 999", "breach"),
        ("breached number 1999", "breach"),
    ] {
        let reply = create("strict", password, "rejected");
        assert!(reply.detail().contains(why), "{password}: {reply:?}");
        assert!(!reply.detail().contains(password), "{reply:?}");
    }
    create("strict", "breached number 2000", "user");
    create("strict-2", "äöüäöüäöüä", "user");
    let reset = |password: &str, code: &str| {
        let body = json!({ "identifier": email("strict"), "password": password });
        world.expect("strict", "change_password", body, code);
    };
    reset("breached number 1", "rejected");
    reset("breached nowhere", "changed");
    world.login("strict", &email("strict"), "breached nowhere", "user");
    // A password that was proven is taken as it is.
    world.user("strict-old");
    world.login("strict", &email("strict-old"), PASSWORD, "user");
}

pub fn unmigrated(world: &World) {
    world.user("refuses");
    let reset = json!({ "identifier": email("refuses"), "password": "another password" });
    for (action, body) in [
        ("change_password", reset.clone()),
        ("verify", json!({ "email": email("refuses") })),
        ("change_email", json!({ "email": email("refuses"), "new_email": "r@example.com" })),
        ("change_username", json!({ "username": "refuses", "new_username": "r" })),
        ("change_phone_number", json!({ "phone_number": "+refuses", "new_phone_number": "+r" })),
    ] {
        let reply = world.expect("refuse", action, body, "rejected");
        assert_eq!(reply.json()["reason"], json!("not_migrated"), "{reply:?}");
    }
    world.login("refuse", &email("refuses"), PASSWORD, "user");
    world.expect("refuse", "change_password", reset, "changed");

    let id = world.user("remains").replace("shop|", "legacy|");
    let reset = json!({ "identifier": email("remains"), "password": "another password" });
    world.expect("legacy", "change_password", reset, "changed");
    assert_eq!(world.state("legacy", &id), None);
    assert_ne!(world.column("remains", "password_hash"), json!(HASH));
    world.login("legacy", &email("remains"), PASSWORD, "wrong_credentials");
    world.login("legacy", &email("remains"), "another password", "user");
    world.expect("legacy", "create", json!({ "email": email("there"), "username": "there" }), "created");
    assert_eq!(world.column("there", "email"), json!(email("there")));
    let there = format!("legacy|{}", world.column("there", "id"));
    world.expect("legacy", "delete", json!({ "user_id": there }), "changed");
    assert_eq!(world.legacy.one("SELECT count(*) FROM users WHERE username = 'there'", &[]), json!(0));
    assert_eq!(world.state("legacy", &there).as_deref(), Some("deleted"));
}

pub fn locked(world: &World) {
    let id = world.user("locked").replace("shop|", "locking|");
    world.legacy.run("UPDATE users SET plan = 'locked' WHERE username = ?", &[text("locked")]);
    world.login("locking", &email("locked"), PASSWORD, "denied");
    let reset = json!({ "identifier": email("locked"), "password": "another password" });
    world.expect("locking", "change_password", reset, "changed");
    assert_eq!(world.state("locking", &id), None, "the new password is in the legacy store, where the rule is");
    world.login("locking", &email("locked"), "another password", "denied");
    world.legacy.run("UPDATE users SET plan = 'free' WHERE username = ?", &[text("locked")]);
    world.login("locking", &email("locked"), "another password", "user");
}

pub fn shared_store(world: &World) {
    let id = world.migrated("both");
    let other = id.replace("shop|", "other|");
    assert_eq!(world.state("other", &other), None);
    world.login("other", &email("both"), PASSWORD, "user");
    world.expect("shop", "delete", json!({ "user_id": id }), "changed");
    world.login("shop", &email("both"), PASSWORD, "wrong_credentials");
    world.login("other", &email("both"), PASSWORD, "user");
}

pub fn secrets(world: &World) {
    world.migrated("secret");
    let reply = world.expect("shop", "get_user", json!({ "identifier": "secret" }), "user");
    let text = reply.json().to_string();
    assert!(!text.contains("argon2") && !text.contains(HASH) && !text.contains("hash"), "{text}");
}
