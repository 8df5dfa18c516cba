//! `login`.

use serde_json::json;
use userbridge::db::Value;

use super::{HASH, OTHER_PASSWORD, PASSWORD, World};
use crate::gateway::Reply;
use crate::stores::text;

pub(super) fn authenticated(world: &World) {
    let expected = json!({
        "user_id": "shop|1",
        "email": "ann@example.com",
        "email_verified": true,
        "username": "ann",
        "phone_number": "+15550001",
        "given_name": "Ann",
        "user_metadata": { "likes": ["tea", 7], "deep": { "er": null } },
        "visits": 3,
        "score": 2.5,
        "summary": "Ann came 3 times",
        "active": true,
        "app_metadata": { "plan": "gold", "rights": { "read": true, "write": true, "groups": ["users", "gold"] } },
    });
    for identifier in ["ann@example.com", "ann"] {
        let reply = world.login("shop", identifier, PASSWORD, "user");
        assert_eq!(reply.user(), expected);
        assert_eq!(reply.header("content-type"), Some("application/json"));
        assert_eq!(reply.header("cache-control"), Some("no-store"));
    }
    world.user("types");
    let user = world.login("shop", "types", PASSWORD, "user").user();
    assert_eq!(user["email_verified"], false);
    assert_eq!(user["score"], json!(null));
    assert_eq!(user["app_metadata"]["rights"]["write"], false);
}

pub(super) fn refused_alike(world: &World) {
    world.user("alike");
    let wrong = world.login("shop", "alike", "wrong", "wrong_credentials");
    let unknown = world.login("shop", "nobody", "wrong", "wrong_credentials");
    assert_eq!(shown(&wrong), shown(&unknown));
    assert_eq!(wrong.header("retry-after"), None);
    // Case and white space are part of a password.
    for password in ["MD5PASS", "md5pass ", " md5pass", "md5pas", "md5passs"] {
        assert_eq!(shown(&world.login("shop", "alike", password, "wrong_credentials")), shown(&unknown));
    }
}

/// Everything but what differs between any two answers.
fn shown(reply: &Reply) -> String {
    let constant = |(name, _): &&(String, String)| !["date", "x-request-id"].contains(&name.as_str());
    format!("{} {:?} {}", reply.status, reply.headers.iter().filter(constant).collect::<Vec<_>>(), reply.text)
}

pub(super) fn unacceptable_passwords(world: &World) {
    world.user("lengths");
    let unknown = shown(&world.login("shop", "nobody", "wrong", "wrong_credentials"));
    for password in [String::new(), "x".repeat(4096), "x".repeat(4097), "ü".repeat(2049), "x".repeat(60_000)] {
        let reply = world.login("shop", "lengths", &password, "wrong_credentials");
        assert_eq!(shown(&reply), unknown, "{} bytes", password.len());
    }
    world.expect("shop", "login", json!({ "identifier": "lengths", "password": null }), "invalid_input");
    world.expect("shop", "login", json!({ "identifier": "lengths", "password": 7 }), "invalid_input");
    world.expect("shop", "login", json!({ "identifier": "lengths" }), "invalid_input");
}

pub(super) fn without_a_password(world: &World) {
    let unknown = shown(&world.login("shop", "nobody", "wrong", "wrong_credentials"));
    let hashes = [Value::Null, text(""), text("!"), text("*"), text(format!("!{HASH}")), text("*LK*"), text("x")];
    for (index, hash) in hashes.into_iter().enumerate() {
        let name = format!("locked{index}");
        world.user_with_hash(&name, hash);
        for password in [PASSWORD, "!", "*", "x", ""] {
            let reply = world.login("shop", &name, password, "wrong_credentials");
            assert_eq!(shown(&reply), unknown, "{name}");
        }
    }
}

pub(super) fn unreadable(world: &World) {
    for (index, hash) in ["hunter2-in-plain-text", "$1$damaged", "$9$unknown$hash"].into_iter().enumerate() {
        let name = format!("unreadable{index}");
        world.user_with_hash(&name, text(hash));
        let reply = world.login("shop", &name, hash, "unreadable_hash");
        let members: Vec<_> = reply.json().as_object().unwrap().keys().cloned().collect();
        assert_eq!(members, ["type", "title", "status", "code"], "it says nothing of the hash");
        assert!(!world.gateway.log().contains(hash), "nor does the log");
    }
}

pub(super) fn ambiguous(world: &World) {
    world.user("twin-a");
    world.user("twin-b");
    world.store.run("UPDATE users SET given_name = 'Twin' WHERE username IN ('twin-a', 'twin-b')", &[]);
    world.login("loose", "Twin", PASSWORD, "ambiguous_user");
    world.login("loose", "Twin", "wrong", "ambiguous_user");
    world.login("loose", "Ann", PASSWORD, "user");
}

pub(super) fn denied(world: &World) {
    world.user("blocked");
    world.store.run("UPDATE users SET status = 'blocked' WHERE username = 'blocked'", &[]);
    let reply = world.login("shop", "blocked", PASSWORD, "denied");
    assert_eq!(reply.detail(), "This account is blocked, Ütz & Söhne \"GmbH\"");
    assert_eq!(world.column("blocked@example.com", "logins"), 0, "a denied login is none");
    // Who does not know the password does not learn that the account is blocked.
    world.login("shop", "blocked", "wrong", "wrong_credentials");
}

pub(super) fn after(world: &World) {
    let id = world.user("after");
    let logins = || world.column("after@example.com", "logins");
    world.login("shop", "after", "wrong", "wrong_credentials");
    assert_eq!(logins(), 0);
    world.login("shop", "after", PASSWORD, "user");
    assert_eq!(logins(), 1);
    let body =
        json!({ "identifier": "after", "password": PASSWORD, "context": { "note": "from a test", "more": [1] } });
    world.expect("shop", "login", body, "user");
    assert_eq!(logins(), 2);
    let notes = |note: &str| world.count(&format!("audit WHERE user_id = {id} AND note = '{note}'"));
    assert_eq!((notes("login"), notes("from a test")), (1, 1));
}

pub(super) fn after_fails(world: &World) {
    let id = world.user("afterfails");
    let body = json!({ "identifier": "afterfails", "password": PASSWORD, "context": { "note": "boom" } });
    world.expect("shop", "login", body, "misconfigured");
    assert_eq!(world.column("afterfails@example.com", "logins"), 0);
    assert_eq!(world.count(&format!("audit WHERE user_id = {id}")), 0);
    world.login("shop", "afterfails", PASSWORD, "user");
}

pub(super) fn in_database(world: &World) {
    world.user("indb");
    let stored = match world.dialect {
        userbridge::sql::Dialect::Sqlite => OTHER_PASSWORD,
        _ => "c06db68e819be6ec3d26c6038d8e8d1f",
    };
    let set = "UPDATE users SET legacy = ? WHERE username = 'indb'";
    world.store.run(set, &[text(stored)]);
    let user = world.login("indb", "indb@example.com", OTHER_PASSWORD, "user").user();
    assert_eq!(user["email"], "indb@example.com");
    for password in ["wrong", "", stored.split_at(5).0, "' OR '1'='1", &"x".repeat(4097)] {
        world.login("indb", "indb@example.com", password, "wrong_credentials");
    }
    world.login("indb", "nobody@example.com", OTHER_PASSWORD, "wrong_credentials");
    assert_eq!(world.column("indb@example.com", "logins"), 1);
    world.store.run("UPDATE users SET status = 'blocked' WHERE username = 'indb'", &[]);
    assert_eq!(world.login("indb", "indb@example.com", OTHER_PASSWORD, "denied").detail(), "Blocked");
}
