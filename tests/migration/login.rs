//! The first login and those after it.

use std::sync::Barrier;

use serde_json::json;

use super::{HASH, PASSWORD, World, definition, email};
use crate::gateway::Setup;
use crate::stores::text;

pub fn first(world: &World) {
    let id = world.user("first");
    let before = world.expect("shop", "get_user", json!({ "identifier": email("first") }), "user").user();
    assert!(!world.marked("first") && world.state("shop", &id).is_none());
    let first = world.login("shop", &email("first"), PASSWORD, "user").user();
    assert_eq!(first, before, "login and get_user give the same profile");
    assert_eq!(first["user_id"], json!(id));
    assert!(world.marked("first"));
    assert_eq!(world.state("shop", &id).as_deref(), Some("migrated"));
    let hash = "SELECT hash FROM userbridge_users WHERE connector = 'shop' AND user_id = ?";
    let hash = world.managed.one(hash, &[text(&id)]);
    assert!(hash.as_str().unwrap().starts_with("$argon2id$"), "{hash}");
    world.user("stays");
    world.without_legacy(|| {
        for name in [email("first"), "first".to_owned(), "+first".to_owned(), "FIRST@Example.com".to_owned()] {
            assert_eq!(world.login("shop", &name, PASSWORD, "user").user(), first);
            world.login("shop", &name, "wrong", "wrong_credentials");
        }
        // The control: whoever is not migrated needs the legacy store.
        world.login("shop", &email("stays"), PASSWORD, "misconfigured");
    });
}

pub fn refused_alike(world: &World) {
    world.user("refused-new");
    world.migrated("refused-here");
    let gone = world.migrated("refused-gone");
    world.expect("shop", "delete", json!({ "user_id": gone }), "changed");
    let answers: Vec<_> = ["refused-nobody", "refused-new", "refused-here", "refused-gone"]
        .map(|name| world.login("shop", &email(name), "wrong", "wrong_credentials"))
        .map(|reply| {
            let mut body = reply.json();
            body.as_object_mut().unwrap().remove("request_id");
            body.as_object_mut().unwrap().remove("instance");
            body
        })
        .into();
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");
    for name in ["refused-new", "refused-here"] {
        world.login("shop", &email(name), "", "wrong_credentials");
        world.login("shop", &email(name), &"x".repeat(5000), "wrong_credentials");
    }
    assert!(!world.marked("refused-new"), "a wrong password migrates nobody");
}

pub fn managed_password_counts(world: &World) {
    world.migrated("counts");
    world.legacy.run("UPDATE users SET password_hash = NULL WHERE username = ?", &[text("counts")]);
    world.login("shop", &email("counts"), PASSWORD, "user");
    world.legacy.run("UPDATE users SET password_hash = ? WHERE username = ?", &[text(HASH), text("counts")]);
    let body = json!({ "identifier": email("counts"), "password": "another password" });
    world.expect("shop", "change_password", body, "changed");
    world.login("shop", &email("counts"), PASSWORD, "wrong_credentials");
    world.login("shop", &email("counts"), "another password", "user");
    assert_eq!(world.column("counts", "password_hash"), json!(HASH), "the legacy row keeps what it had");
}

/// The profile does not show every name by which the legacy store finds somebody.
pub fn another_name(world: &World) {
    let id = world.migrated("another");
    // Unknown to the managed store until it is proven once.
    world.login("shop", "card-another", "wrong", "wrong_credentials");
    assert_eq!(world.login("shop", "card-another", PASSWORD, "user").user()["user_id"], json!(id));
    world.without_legacy(|| world.login("shop", "card-another", PASSWORD, "user"));
    // The other way round: the name that was typed at the first login is kept.
    world.user("typed");
    world.login("shop", "card-typed", PASSWORD, "user");
    world.without_legacy(|| {
        world.login("shop", "card-typed", PASSWORD, "user");
        world.login("shop", &email("typed"), PASSWORD, "user");
    });
    // An old password opens nothing, whatever the name.
    world.migrated("aged");
    let body = json!({ "identifier": email("aged"), "password": "another password" });
    world.expect("shop", "change_password", body, "changed");
    world.login("shop", "card-aged", PASSWORD, "wrong_credentials");
}

pub fn mark_is_repeated(world: &World) {
    let id = world.user("marked").replace("shop|", "");
    let managed = format!("marks|{id}");
    world.legacy.run("INSERT INTO marks (user_id) VALUES (?)", &[text(id.clone())]);
    world.legacy.script("ALTER TABLE marks RENAME TO marks_away");
    world.login("marks", &email("marked"), PASSWORD, "misconfigured");
    assert_eq!(world.state("marks", &managed).as_deref(), Some("pending"));
    // He is in the managed store already: his password there is the one that counts.
    world.legacy.run("UPDATE users SET password_hash = NULL WHERE username = ?", &[text("marked")]);
    world.login("marks", &email("marked"), "wrong", "wrong_credentials");
    world.login("marks", &email("marked"), PASSWORD, "misconfigured");
    world.legacy.script("ALTER TABLE marks_away RENAME TO marks");
    world.login("marks", &email("marked"), PASSWORD, "user");
    assert_eq!(world.state("marks", &managed).as_deref(), Some("migrated"));
    let marked = world.legacy.one("SELECT marked FROM marks WHERE user_id = ?", &[text(id)]);
    assert!([json!(true), json!(1)].contains(&marked));
}

pub fn mark_must_match(world: &World) {
    let id = world.user("unmarkable").replace("shop|", "marks|");
    world.login("marks", &email("unmarkable"), PASSWORD, "misconfigured");
    assert_eq!(world.state("marks", &id).as_deref(), Some("pending"), "and nothing is lost");
}

pub fn store_down(world: &World) {
    world.user("down");
    let folder = tempfile::tempdir().unwrap();
    let gateway = Setup::new()
        .env("LEGACY_URL", &world.legacy.url)
        .env("MANAGED_URL", format!("sqlite:{}/no/such/folder/managed.db", folder.path().display()))
        .definition("down.yaml", &definition("down", &[]))
        .without_databases()
        .start();
    let body = json!({ "identifier": email("down"), "password": PASSWORD });
    let reply = gateway.call("down", "login", &body);
    assert_eq!((reply.status, reply.code().as_str()), (503, "unavailable"), "{reply:?}");
    let found = gateway.call("down", "get_user", &json!({ "identifier": email("down") }));
    assert_eq!(found.code(), "unavailable");
    assert!(!world.marked("down"));
    // The control: the legacy store would have answered.
    world.login("shop", &email("down"), PASSWORD, "user");
}

pub fn many_at_once(world: &World) {
    for round in 0..5 {
        let name = format!("many{round}");
        let id = world.user(&name);
        let barrier = Barrier::new(6);
        std::thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    barrier.wait();
                    world.login("shop", &email(&name), PASSWORD, "user");
                });
            }
        });
        let count = "SELECT count(*) FROM userbridge_users WHERE connector = 'shop' AND user_id = ?";
        assert_eq!(world.managed.one(count, &[text(&id)]), json!(1));
        assert_eq!(world.state("shop", &id).as_deref(), Some("migrated"));
        assert!(world.marked(&name));
    }
}

pub fn rehash(world: &World) {
    let id = world.user("costly").replace("shop|", "costly|");
    world.login("costly", &email("costly"), PASSWORD, "user");
    let (select, this) = ("SELECT hash FROM userbridge_users WHERE connector = 'costly' AND user_id = ?", [text(&id)]);
    let strong = world.managed.one(select, &this);
    // As an earlier version of the definition would have written it.
    world.migrated("cheap");
    let cheap = world.managed.one(
        "SELECT hash FROM userbridge_users WHERE connector = 'shop' AND user_id = ?",
        &[text(format!("shop|{}", world.column("cheap", "id")))],
    );
    let update = "UPDATE userbridge_users SET hash = ? WHERE connector = 'costly' AND user_id = ?";
    world.managed.run(update, &[text(cheap.as_str().unwrap()), text(&id)]);
    world.login("costly", &email("costly"), "wrong", "wrong_credentials");
    assert_eq!(world.managed.one(select, &this), cheap);
    world.login("costly", &email("costly"), PASSWORD, "user");
    let replaced = world.managed.one(select, &this);
    let cost = |hash: &serde_json::Value| hash.as_str().unwrap().split('$').nth(3).unwrap().to_owned();
    assert!(replaced != cheap && cost(&replaced) == cost(&strong), "{replaced} {strong}");
    world.login("costly", &email("costly"), PASSWORD, "user");
    assert_eq!(world.managed.one(select, &this), replaced, "what is as it should be stays");
}

pub fn shared_name(world: &World) {
    world.migrated("shared");
    let id = world.user("sharing");
    world.legacy.run("UPDATE users SET email = ? WHERE username = ?", &[text(email("shared")), text("sharing")]);
    world.login("shop", "sharing", PASSWORD, "ambiguous_user");
    assert_eq!(world.state("shop", &id), None);
    assert!(!world.marked("sharing"));
}
