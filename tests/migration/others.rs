//! The other actions, for users who are migrated and for those who are not.

use serde_json::json;

use super::{HASH, PASSWORD, World, email};
use crate::stores::text;

pub fn get_user(world: &World) {
    let id = world.user("getting");
    let by_id = || world.expect("shop", "get_user", json!({ "user_id": id }), "user").user();
    let by_name = |name: &str| world.expect("shop", "get_user", json!({ "identifier": name }), "user").user();
    let before = by_id();
    assert_eq!(before, by_name(&email("getting")));
    world.login("shop", "getting", PASSWORD, "user");
    world.without_legacy(|| {
        assert_eq!(by_id(), before);
        for name in [email("getting"), "Getting".to_owned(), "+getting".to_owned()] {
            assert_eq!(by_name(&name), before);
        }
    });
    // A name that only the legacy store knows leads to what the managed store says.
    let body = json!({ "email": email("getting"), "new_email": "got@example.com" });
    world.expect("shop", "change_email", body, "changed");
    assert_eq!(by_name("card-getting")["email"], json!("got@example.com"));
    world.expect("shop", "get_user", json!({ "identifier": "nobody@example.com" }), "not_found");
    world.expect("shop", "get_user", json!({ "user_id": "shop|999999" }), "not_found");
}

pub fn create(world: &World) {
    let body = json!({
        "email": "new@example.com", "username": "newcomer", "password": "a new password", "given_name": "Nea",
        "user_metadata": { "likes": ["tea"] },
    });
    let user = world.expect("shop", "create", body.clone(), "user").user();
    assert!(user["user_id"].as_str().unwrap().starts_with("shop|"), "{user}");
    assert_eq!((&user["email_verified"], &user["given_name"]), (&json!(false), &json!("Nea")));
    assert_eq!(world.legacy.one("SELECT count(*) FROM users WHERE username = 'newcomer'", &[]), json!(0));
    world.without_legacy(|| {
        let found = world.login("shop", "NEW@example.com", "a new password", "user").user();
        assert_eq!(found, user);
        assert_eq!(found["user_metadata"], json!({ "likes": ["tea"] }));
        world.login("shop", "newcomer", "wrong", "wrong_credentials");
    });
    world.expect("shop", "create", body, "user_exists");
    let body = json!({ "email": "third@example.com", "username": "NEWCOMER", "password": "a new password" });
    world.expect("shop", "create", body, "user_exists");
    world.expect("shop", "create", json!({ "email": "x@example.com", "nonsense": 1 }), "invalid_input");
    world.expect("shop", "create", json!({ "password": "a new password" }), "invalid_input");
    world.expect("shop", "create", json!({ "email": "keyless@example.com" }), "user");
    world.login("shop", "keyless@example.com", "", "wrong_credentials");
    world.login("shop", "keyless@example.com", "anything", "wrong_credentials");
}

pub fn create_taken(world: &World) {
    world.user("taken");
    for body in [
        json!({ "email": email("taken"), "password": "a new password" }),
        json!({ "email": "free@example.com", "username": "taken", "password": "a new password" }),
    ] {
        world.expect("shop", "create", body, "user_exists");
    }
    world.login("shop", &email("taken"), "a new password", "wrong_credentials");
    world.login("shop", &email("taken"), PASSWORD, "user");
}

pub fn changes(world: &World) {
    for migrated in [false, true] {
        let name = if migrated { "moved" } else { "moving" };
        let id = world.user(name);
        if migrated {
            world.login("shop", name, PASSWORD, "user");
        }
        let profile = || world.expect("shop", "get_user", json!({ "user_id": id }), "user").user();
        world.expect("shop", "verify", json!({ "email": email(name) }), "changed");
        assert_eq!(profile()["email_verified"], json!(true));
        let (new, phone) = (format!("{name}-2@example.com"), format!("+{name}2"));
        world.expect("shop", "change_email", json!({ "email": email(name), "new_email": new }), "changed");
        assert_eq!((&profile()["email"], &profile()["email_verified"]), (&json!(new), &json!(false)));
        let body = json!({ "email": new, "new_email": new, "verified": true });
        world.expect("shop", "change_email", body, "changed");
        assert_eq!(profile()["email_verified"], json!(true));
        let body = json!({ "phone_number": format!("+{name}"), "new_phone_number": phone, "verified": true });
        world.expect("shop", "change_phone_number", body, "changed");
        assert_eq!(profile()["phone_number"], json!(phone));
        let body = json!({ "username": name, "new_username": format!("{name}-2") });
        world.expect("shop", "change_username", body.clone(), "changed");
        assert_eq!(profile()["username"], json!(format!("{name}-2")));
        world.expect("shop", "change_username", body, "unchanged");
        world.expect("shop", "verify", json!({ "email": email(name) }), "unchanged");
        // What was changed before the first login follows the user.
        assert_eq!(world.login("shop", &new, PASSWORD, "user").user(), profile());
        assert_eq!(world.state("shop", &id).as_deref(), Some("migrated"));
        world.without_legacy(|| world.login("shop", &phone, PASSWORD, "user"));
        let legacy = world.legacy.one("SELECT email FROM users WHERE id = ?", &[text(id.replace("shop|", ""))]);
        assert_eq!(legacy == json!(new), !migrated, "a migrated user is changed in the managed store alone");
    }
}

pub fn old_address(world: &World) {
    let id = world.migrated("leaver");
    let body = json!({ "email": email("leaver"), "new_email": "left@example.com" });
    world.expect("shop", "change_email", body, "changed");
    // The legacy row still says the old address, with the same password.
    assert_eq!(world.column("leaver", "email"), json!(email("leaver")));
    world.login("shop", &email("leaver"), PASSWORD, "wrong_credentials");
    world.expect("shop", "get_user", json!({ "identifier": email("leaver") }), "not_found");
    world.expect("shop", "verify", json!({ "email": email("leaver") }), "unchanged");
    let reset = json!({ "identifier": email("leaver"), "password": "another password" });
    world.expect("shop", "change_password", reset, "unchanged");
    assert_eq!(world.login("shop", "left@example.com", PASSWORD, "user").user()["user_id"], json!(id));
    // Somebody else may have it, and then it is his alone.
    let body = json!({ "email": email("leaver"), "password": "somebody else" });
    let other = world.expect("shop", "create", body, "user").user();
    world.login("shop", &email("leaver"), PASSWORD, "wrong_credentials");
    let found = world.login("shop", &email("leaver"), "somebody else", "user").user();
    assert!(found == other && found["user_id"] != json!(id));
    world.login("shop", "left@example.com", PASSWORD, "user");
    // And back again, once it is free.
    let body = json!({ "email": email("leaver"), "new_email": "elsewhere@example.com" });
    world.expect("shop", "change_email", body, "changed");
    let body = json!({ "email": "left@example.com", "new_email": email("leaver") });
    world.expect("shop", "change_email", body, "changed");
    assert_eq!(world.login("shop", &email("leaver"), PASSWORD, "user").user()["user_id"], json!(id));
}

pub fn taken_address(world: &World) {
    world.migrated("wants");
    world.migrated("has");
    world.user("had");
    for taken in [email("has"), "HAS@example.com".to_owned(), email("had")] {
        world.expect("shop", "change_email", json!({ "email": email("wants"), "new_email": taken }), "user_exists");
    }
    let body = json!({ "email": email("had"), "new_email": email("has") });
    world.expect("shop", "change_email", body, "user_exists");
    world.login("shop", &email("wants"), PASSWORD, "user");
    assert_eq!(world.login("shop", &email("had"), PASSWORD, "user").user()["username"], json!("had"));
}

pub fn change_password(world: &World) {
    let reset = |name: &str, password: &str, code: &str| {
        world.expect("shop", "change_password", json!({ "identifier": email(name), "password": password }), code);
    };
    world.migrated("reset-late");
    reset("reset-late", "another password", "changed");
    world.login("shop", &email("reset-late"), PASSWORD, "wrong_credentials");
    world.login("shop", &email("reset-late"), "another password", "user");
    // Before the first login: migrated with the new password.
    let id = world.user("reset-early");
    reset("reset-early", "another password", "changed");
    assert_eq!(world.state("shop", &id).as_deref(), Some("migrated"));
    assert!(world.marked("reset-early"));
    assert_eq!(world.column("reset-early", "password_hash"), json!(HASH));
    world.without_legacy(|| {
        world.login("shop", &email("reset-early"), PASSWORD, "wrong_credentials");
        world.login("shop", "reset-early", "another password", "user");
    });
    reset("reset-nobody", "another password", "unchanged");
    reset("reset-early", "short", "rejected");
    world.user("reset-short");
    reset("reset-short", "short", "rejected");
    assert!(!world.marked("reset-short"));
}

pub fn delete(world: &World) {
    let id = world.migrated("deleted");
    world.expect("shop", "delete", json!({ "user_id": id }), "changed");
    assert_eq!(world.state("shop", &id).as_deref(), Some("deleted"));
    assert_eq!(world.column("deleted", "password_hash"), json!(HASH), "the legacy row is still there");
    for name in [email("deleted"), "deleted".to_owned(), "+deleted".to_owned(), "card-deleted".to_owned()] {
        world.login("shop", &name, PASSWORD, "wrong_credentials");
        world.expect("shop", "get_user", json!({ "identifier": name }), "not_found");
    }
    world.expect("shop", "get_user", json!({ "user_id": id }), "not_found");
    world.expect("shop", "delete", json!({ "user_id": id }), "unchanged");
    let reset = json!({ "identifier": email("deleted"), "password": "another password" });
    world.expect("shop", "change_password", reset, "unchanged");
    // Also not under a name that the legacy store gives him afterwards.
    world.legacy.run("UPDATE users SET email = 'reborn@example.com' WHERE username = ?", &[text("deleted")]);
    world.login("shop", "reborn@example.com", PASSWORD, "wrong_credentials");
    assert_eq!(world.state("shop", &id).as_deref(), Some("deleted"));
    let personal = "SELECT count(*) FROM userbridge_users WHERE user_id = ? AND (hash IS NOT NULL OR profile <> '{}')";
    assert_eq!(world.managed.one(personal, &[text(&id)]), json!(0), "a tombstone says nothing of the person");
}

pub fn delete_unmigrated(world: &World) {
    let id = world.user("deleted-early");
    world.expect("shop", "delete", json!({ "user_id": id }), "changed");
    world.login("shop", &email("deleted-early"), PASSWORD, "wrong_credentials");
    world.login("shop", "card-deleted-early", PASSWORD, "wrong_credentials");
    world.expect("shop", "get_user", json!({ "identifier": email("deleted-early") }), "not_found");
    assert_eq!(world.column("deleted-early", "password_hash"), json!(HASH));
    world.expect("shop", "delete", json!({ "user_id": id }), "unchanged");
    world.expect("shop", "delete", json!({ "user_id": "shop|999999" }), "unchanged");
    world.expect("shop", "delete", json!({ "user_id": "foreign|1" }), "invalid_input");
    world.expect("shop", "create", json!({ "email": email("deleted-early"), "password": "a new password" }), "user");
    world.login("shop", &email("deleted-early"), PASSWORD, "wrong_credentials");
    world.login("shop", &email("deleted-early"), "a new password", "user");
}
