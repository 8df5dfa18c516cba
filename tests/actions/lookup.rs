//! `get_user`.

use serde_json::{Value as Json, json};
use userbridge::sql::Dialect;

use super::World;

/// Texts that some database takes for the number 1 or 0 when it compares them with one.
pub(super) const LOOK_ALIKES: [&str; 17] =
    ["1abc", "0", " 1", "1 ", "1.0", "1e0", "+1", "01", "0x1", "1;", "-0", "١", "１", "1_0", "true", "abc", "1\u{a0}"];

pub(super) fn by_identifier(world: &World) {
    world.user("found");
    let user = world.expect("shop", "get_user", json!({ "identifier": "found@example.com" }), "user").user();
    assert_eq!(user["username"], "found");
    assert_eq!(user["email_verified"], false);
    assert_eq!(
        user["app_metadata"],
        json!({ "plan": "free", "rights": { "read": true, "write": false, "groups": ["users", "free"] } })
    );
    let login = world.login("shop", "found", super::PASSWORD, "user").user();
    assert_eq!(user, login, "login and get_user give the same profile");
    world.expect("shop", "get_user", json!({ "identifier": "nobody@example.com" }), "not_found");
    world.expect("shop", "get_user", json!({ "identifier": "found", "context": { "ip": "192.0.2.1" } }), "user");
    world.expect("shop", "get_user", json!({ "identifier": "" }), "invalid_input");
    world.expect("shop", "get_user", json!({}), "invalid_input");
    world.expect("shop", "get_user", json!({ "identifier": "a", "user_id": "shop|1" }), "invalid_input");
}

pub(super) fn by_user_id(world: &World) {
    let id = world.user("byid");
    let user = world.expect("shop", "get_user", json!({ "user_id": format!("shop|{id}") }), "user").user();
    assert_eq!((&user["user_id"], &user["username"]), (&json!(format!("shop|{id}")), &json!("byid")));
    world.expect("shop", "get_user", json!({ "user_id": "shop|987654321" }), "not_found");
    world.expect("shop", "get_user", json!({ "user_id": "shop|99999999999999999999999" }), "not_found");
    world.expect("shop", "get_user", json!({ "user_id": "shop|-1" }), "not_found");
    for foreign in ["1", "other|1", "shop", "SHOP|1", "|1", "shopp|1"] {
        let reply = world.expect("shop", "get_user", json!({ "user_id": foreign }), "invalid_input");
        assert_eq!(reply.json()["field"], "user_id");
        assert!(reply.detail().contains("`shop|`"), "{reply:?}");
    }
    world.expect("shop", "get_user", json!({ "user_id": "shop|" }), "not_found");
}

pub(super) fn ambiguous(world: &World) {
    world.user("pair-a");
    world.user("pair-b");
    world.store.run("UPDATE users SET given_name = 'Pair' WHERE username IN ('pair-a', 'pair-b')", &[]);
    let reply = world.expect("loose", "get_user", json!({ "identifier": "Pair" }), "ambiguous_user");
    assert!(!reply.text.contains("pair"), "{reply:?}");
}

pub(super) fn look_alikes(world: &World) {
    world.store.run(&zero(world), &[]);
    for id in LOOK_ALIKES {
        if id != "0" {
            world.expect("shop", "get_user", json!({ "user_id": format!("shop|{id}") }), "not_found");
        }
    }
    world.expect("shop", "get_user", json!({ "user_id": "shop|0" }), "user");
    world.expect("shop", "get_user", json!({ "user_id": "shop|1" }), "user");
}

/// A user whose id is 0: every text that is no number equals it on MySQL.
fn zero(world: &World) -> String {
    let update = "UPDATE users SET id = 0 WHERE id = ";
    format!("{update}{}", world.user("zero"))
}

pub(super) fn textual_ids(world: &World) {
    let email = |id: &str, code: &str| -> Json {
        let reply = world.expect("devices", "get_user", json!({ "user_id": format!("devices|{id}") }), code);
        reply.json()["user"]["email"].clone()
    };
    assert_eq!(email("1", "user"), "one@example.com");
    assert_eq!(email("01", "user"), "zero-one@example.com");
    for id in ["001", "1.0", " 1", "1 ", "0", "1abc"] {
        email(id, "not_found");
        world.expect("devices", "delete", json!({ "user_id": format!("devices|{id}") }), "unchanged");
    }
    world.expect("devices", "delete", json!({ "user_id": "devices|01" }), "changed");
    assert_eq!(world.count("devices WHERE id = '1'"), 1);
    if world.dialect != Dialect::Sqlite {
        // A text that is longer than its column is nobody's.
        email(&"7".repeat(200), "not_found");
    }
}

pub(super) fn undeclared(world: &World) {
    world.expect("partial", "get_user", json!({ "identifier": "ann@example.com" }), "user");
    world.expect("partial", "get_user", json!({ "user_id": "partial|1" }), "action_not_declared");
    let bodies = [
        ("login", json!({ "identifier": "a", "password": "b" })),
        ("create", json!({ "email": "a@example.com", "password": "b" })),
        ("verify", json!({ "email": "a@example.com" })),
        ("change_password", json!({ "identifier": "a", "password": "b" })),
        ("change_email", json!({ "email": "a", "new_email": "b" })),
        ("change_username", json!({ "username": "a", "new_username": "b" })),
        ("change_phone_number", json!({ "phone_number": "a", "new_phone_number": "b" })),
        ("delete", json!({ "user_id": "partial|1" })),
    ];
    for (action, body) in bodies {
        world.expect("partial", action, body.clone(), "action_not_declared");
        let reply = world.expect("absent", action, body, "unknown_connector");
        assert!(reply.header("retry-after").is_some());
    }
    assert_eq!(world.call("partial", "destroy", json!({})).status, 404);
}
