//! The actions that change or remove a user.

use serde_json::{Value as Json, json};
use userbridge::sql::Dialect;

use super::lookup::LOOK_ALIKES;
use super::{HASH, PASSWORD, World};

pub(super) fn verify(world: &World) {
    world.user("verify");
    let body = json!({ "email": "verify@example.com" });
    world.expect("shop", "verify", body.clone(), "changed");
    assert_eq!(world.column("verify@example.com", "email_verified"), true);
    // The row is matched, although nothing changes.
    world.expect("shop", "verify", body, "changed");
    world.expect("shop", "verify", json!({ "email": "nobody@example.com" }), "unchanged");
    assert_eq!(
        world.expect("shop", "get_user", json!({ "identifier": "verify" }), "user").user()["email_verified"],
        true
    );
}

pub(super) fn change_password(world: &World) {
    world.user("change");
    world.login("shop", "change", PASSWORD, "user");
    let new = "ein neues Paßwort 🔑";
    let body = json!({ "identifier": "change@example.com", "password": new });
    world.expect("shop", "change_password", body.clone(), "changed");
    let first = world.column("change@example.com", "password_hash");
    world.login("shop", "change", new, "user");
    world.login("shop", "change", PASSWORD, "wrong_credentials");
    // The same password again is a change, with another salt.
    world.expect("shop", "change_password", body, "changed");
    assert_ne!(world.column("change@example.com", "password_hash"), first);
    world.login("shop", "change", new, "user");
    // By its other name, and by another column.
    world.expect("shop", "change_password", json!({ "email": "change", "password": "third" }), "changed");
    world.login("shop", "change", "third", "user");
    world.expect("shop", "change_password", json!({ "identifier": "nobody", "password": "x" }), "unchanged");
}

pub(super) fn unacceptable_passwords(world: &World) {
    world.user("keep");
    for password in [String::new(), "x".repeat(4097)] {
        let body = json!({ "identifier": "keep@example.com", "password": password });
        let reply = world.expect("shop", "change_password", body, "rejected");
        assert_eq!(reply.json()["reason"], "invalid_password");
    }
    assert_eq!(world.column("keep@example.com", "password_hash"), HASH);
    let longest = "x".repeat(4096);
    let body = json!({ "identifier": "keep@example.com", "password": longest });
    world.expect("shop", "change_password", body, "changed");
    world.login("shop", "keep", &longest, "user");
    world.login("shop", "keep", &longest[1..], "wrong_credentials");
}

pub(super) fn change_names(world: &World) {
    world.user("names");
    world.user("occupied");
    let rows: [(&str, [&str; 2], [&str; 3]); 3] = [
        ("change_email", ["email", "new_email"], ["names@example.com", "names2@example.com", "occupied@example.com"]),
        ("change_username", ["username", "new_username"], ["names", "names2", "occupied"]),
        ("change_phone_number", ["phone_number", "new_phone_number"], ["+names", "+names2", "+occupied"]),
    ];
    for (action, [old_key, new_key], [old, new, occupied]) in rows {
        let body = |from: &str, to: &str| -> Json { json!({ old_key: from, new_key: to }) };
        world.expect("shop", action, body(old, occupied), "user_exists");
        world.expect("shop", action, body(old, new), "changed");
        world.expect("shop", action, body(old, new), "unchanged");
        world.expect("shop", action, body(new, new), "changed");
        assert_eq!(world.count(&format!("users WHERE {old_key} = '{new}'")), 1);
        world.expect("shop", action, json!({ old_key: new }), "invalid_input");
        world.expect("shop", action, body(new, ""), "invalid_input");
        if action != "change_email" {
            // Longer than its column.
            let reply = world.call("shop", action, body(new, &"7".repeat(500)));
            let expected = if world.dialect == Dialect::Sqlite { 200 } else { 422 };
            assert_eq!(reply.status, expected, "{reply:?}");
        }
    }
    world.login("shop", "names2@example.com", PASSWORD, "user");
}

pub(super) fn verified_flag(world: &World) {
    world.user("flag");
    let email = |verified: Json, expected: bool| {
        let body = json!({ "email": "flag@example.com", "new_email": "flag@example.com", "verified": verified });
        world.expect("shop", "change_email", body, "changed");
        assert_eq!(world.column("flag@example.com", "email_verified"), expected);
    };
    let phone = |verified: Json, expected: bool| {
        let body = json!({ "phone_number": "+flag", "new_phone_number": "+flag", "verified": verified });
        world.expect("shop", "change_phone_number", body, "changed");
        assert_eq!(world.column("flag@example.com", "phone_verified"), expected);
    };
    for (verified, expected) in [(json!(true), true), (json!(false), false), (json!(true), true), (Json::Null, false)] {
        email(verified.clone(), expected);
        phone(verified, expected);
    }
    let body = json!({ "email": "flag@example.com", "new_email": "f", "verified": "yes" });
    world.expect("shop", "change_email", body, "invalid_input");
}

pub(super) fn delete(world: &World) {
    let id = world.user("delete");
    world.store.run(&format!("INSERT INTO sessions (user_id) VALUES ({id}), ({id}), (1)"), &[]);
    let body = json!({ "user_id": format!("shop|{id}") });
    world.expect("shop", "delete", body.clone(), "changed");
    assert_eq!(world.count("users WHERE username = 'delete'"), 0);
    assert_eq!(world.count(&format!("sessions WHERE user_id = {id}")), 0);
    assert_eq!(world.count("sessions WHERE user_id = 1"), 1);
    world.expect("shop", "delete", body, "unchanged");
    for foreign in [format!("{id}"), format!("other|{id}"), "shop".to_owned()] {
        world.expect("shop", "delete", json!({ "user_id": foreign }), "invalid_input");
    }
}

pub(super) fn delete_look_alikes(world: &World) {
    let users = world.count("users WHERE id <> 0");
    for id in LOOK_ALIKES {
        if id != "0" {
            world.expect("shop", "delete", json!({ "user_id": format!("shop|{id}") }), "unchanged");
        }
    }
    assert_eq!(world.count("users WHERE id <> 0"), users);
    world.expect("shop", "get_user", json!({ "user_id": "shop|1" }), "user");
}

pub(super) fn delete_alone(world: &World) {
    let id = world.user("reaped");
    let users = world.count("users");
    for look_alike in LOOK_ALIKES.iter().filter(|id| **id != "0") {
        let reply = world.call("reaper", "delete", json!({ "user_id": look_alike }));
        assert_eq!(world.count("users"), users, "{look_alike:?}: {reply:?}");
        assert_ne!(reply.code(), "changed", "{look_alike:?}");
    }
    let body = json!({ "user_id": format!("{id}") });
    if world.dialect == Dialect::Mysql {
        // Whatever is bound could match another user's row there: the operator has to say what ids are.
        world.expect("reaper", "delete", body, "misconfigured");
    } else {
        world.expect("reaper", "delete", body, "changed");
        assert_eq!(world.count("users"), users - 1);
    }
}

pub(super) fn too_many(world: &World) {
    let id = world.user("both-a");
    world.user("both-b");
    world.store.run("UPDATE users SET given_name = 'Both' WHERE username IN ('both-a', 'both-b')", &[]);
    let rows = [
        ("verify", json!({ "email": "Both" })),
        ("change_password", json!({ "identifier": "Both", "password": "x" })),
        ("change_email", json!({ "email": "Both", "new_email": "x" })),
        ("delete", json!({ "user_id": format!("loose|{id}") })),
    ];
    for (action, body) in rows {
        world.expect("loose", action, body, "ambiguous_user");
    }
    let untouched = "given_name = 'Both' AND visits = 0 AND handle IS NULL AND NOT email_verified";
    assert_eq!(world.count(&format!("users WHERE {untouched} AND password_hash = '{HASH}'")), 2);
}
