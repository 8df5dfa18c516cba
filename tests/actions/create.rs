//! `create`.

use serde_json::json;
use userbridge::sql::Dialect;

use super::World;

pub(super) fn created(world: &World) {
    let body = json!({
        "email": "new@example.com", "username": "new", "phone_number": "+4930123", "password": "a new password",
        "given_name": "Zoë", "plan": "gold", "visits": 41, "score": 0.125, "newsletter": true, "tags": ["a", {"b": 1}],
        "user_metadata": { "colour": "green", "n": [1, 2.5, null] }, "app_metadata": { "source": { "name": "signup" } },
    });
    let user = world.expect("shop", "create", body, "user").user();
    let id = world.column("new@example.com", "id");
    assert_eq!(
        user,
        json!({
            "user_id": format!("shop|{id}"), "email": "new@example.com", "email_verified": false, "username": "new",
            "phone_number": "+4930123", "given_name": "Zoë", "visits": 41, "score": 0.125,
            "user_metadata": { "colour": "green", "n": [1, 2.5, null] },
            "summary": "Zoë came 41 times", "active": true,
            "app_metadata": { "plan": "gold", "rights": { "read": true, "write": true, "groups": ["users", "gold"] } },
        })
    );
    assert_eq!(world.column("new@example.com", "newsletter"), true);
    assert_eq!(world.column("new@example.com", "handle"), r#"["a",{"b":1}]"#);
    assert_eq!(world.count(&format!("audit WHERE user_id = {id} AND note = 'signup'")), 1);
    assert!(world.column("new@example.com", "password_hash").as_str().unwrap().starts_with("$argon2id$"));
    assert_eq!(world.login("shop", "new", "a new password", "user").user(), user);
    world.login("shop", "new", "a new passwort", "wrong_credentials");
}

pub(super) fn generated_key(world: &World) {
    let reply = world.call("generated", "create", json!({ "email": "generated@example.com" }));
    let id = world.column("generated@example.com", "id");
    match world.dialect {
        // It needs RETURNING, and so there is a row.
        Dialect::Postgres => assert_eq!(reply.user(), json!({ "user_id": format!("generated|{id}") })),
        _ => assert_eq!(reply.code(), "created"),
    }
    assert_eq!(world.count(&format!("audit WHERE user_id = {id} AND note = 'generated'")), 1);
}

pub(super) fn user_exists(world: &World) {
    world.user("taken");
    let users = world.count("users");
    for body in [
        json!({ "email": "taken@example.com", "password": "p" }),
        json!({ "email": "other@example.com", "username": "taken", "password": "p" }),
        json!({ "phone_number": "+taken", "password": "p" }),
    ] {
        world.expect("shop", "create", body, "user_exists");
    }
    assert_eq!(world.count("users"), users);
    world.login("shop", "taken", super::PASSWORD, "user");
}

pub(super) fn swallowed_conflict(world: &World) {
    let body = json!({ "email": "lenient@example.com", "user_metadata": { "name": "Lena" } });
    world.expect("lenient", "create", body.clone(), "created");
    world.expect("lenient", "create", body, "user_exists");
    assert_eq!(world.column("lenient@example.com", "given_name"), "Lena");
}

pub(super) fn rejected(world: &World) {
    let body = json!({ "email": "rejected@example.com", "plan": "platinum", "password": "p" });
    let reply = world.expect("shop", "create", body, "rejected");
    assert_eq!(reply.json()["reason"], "constraint_violation");
    assert!(!reply.text.contains("platinum") && !reply.text.contains("plan"), "{reply:?}");
    assert_eq!(world.count("users WHERE email = 'rejected@example.com'"), 0);
}

pub(super) fn rolled_back(world: &World) {
    let body = json!({ "email": "undone@example.com", "app_metadata": { "source": { "name": "boom" } } });
    world.expect("shop", "create", body, "rejected");
    assert_eq!(world.count("users WHERE email = 'undone@example.com'"), 0);
    world.expect("shop", "create", json!({ "email": "undone@example.com" }), "user");
}

pub(super) fn fields(world: &World) {
    let with = |name: &str, value| {
        let mut body = json!({ "email": "fields@example.com", "password": "p" });
        body[name] = value;
        body
    };
    let refused = |name: &str, value| {
        let reply = world.expect("shop", "create", with(name, value), "invalid_input");
        assert_eq!(reply.json()["field"], name);
        reply.detail()
    };
    assert!(refused("given_nme", json!("x")).contains("did you mean `given_name`?"));
    assert!(refused("emial", json!("x")).contains("did you mean `email`?"));
    assert!(refused("zzz", json!("x")).contains("no such field"));
    assert!(refused("visits", json!("7")).contains("integer"));
    assert!(refused("visits", json!(7.5)).contains("integer"));
    assert!(refused("given_name", json!(7)).contains("text"));
    assert!(refused("newsletter", json!(1)).contains("boolean"));
    assert!(refused("score", json!("2.5")).contains("number"));
    assert!(refused("user_metadata", json!("x")).contains("object"));
    assert!(refused("email", json!(7)).contains("string"));
    if world.dialect != Dialect::Sqlite {
        // It fits its type, but not its column.
        world.expect("shop", "create", with("visits", json!(i64::MAX)), "invalid_input");
    }
    assert_eq!(world.count("users WHERE email = 'fields@example.com'"), 0);
}

pub(super) fn too_many(world: &World) {
    world.user("many-a");
    world.user("many-b");
    world.store.run("UPDATE users SET given_name = 'Many' WHERE username IN ('many-a', 'many-b')", &[]);
    let users = world.count("users");
    world.expect("loose", "create", json!({ "email": "Copy", "username": "Many" }), "ambiguous_user");
    assert_eq!(world.count("users"), users);
    world.expect("loose", "create", json!({ "email": "Copy", "username": "Nobody" }), "user_exists");
}

pub(super) fn without_password(world: &World) {
    let user = world.expect("shop", "create", json!({ "username": "keyless" }), "user").user();
    assert_eq!((&user["username"], &user["email"]), (&json!("keyless"), &json!(null)));
    world.login("shop", "keyless", "anything", "wrong_credentials");
    world.expect("shop", "create", json!({ "password": "nobody" }), "invalid_input");
    for password in [String::new(), "x".repeat(4097)] {
        let reply = world.expect("shop", "create", json!({ "username": "refused", "password": password }), "rejected");
        assert_eq!(reply.json()["reason"], "invalid_password");
        assert!(reply.detail().contains("4096"), "{reply:?}");
    }
    assert_eq!(world.count("users WHERE username = 'refused'"), 0);
}
