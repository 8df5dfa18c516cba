//! `list_users`.

use serde_json::{Value as Json, json};

use super::World;

/// A connector's users, page by page; what is between two pages must be neither lost nor repeated.
#[track_caller]
pub fn all(page: impl Fn(Json) -> Json, limit: usize) -> Vec<Json> {
    let mut users = Vec::new();
    let mut after = Json::Null;
    loop {
        let answer = page(json!({ "after": after, "limit": limit }));
        let found = answer["users"].as_array().unwrap_or_else(|| panic!("no page: {answer}"));
        users.extend(found.iter().cloned());
        after = answer["next"].clone();
        if after.is_null() {
            assert!(found.len() < limit, "a full page says where the next one begins");
            return users;
        }
        assert_eq!((found.len(), &after), (limit, &users[users.len() - 1]["user_id"]));
    }
}

pub(super) fn pages(world: &World) {
    for number in 0..5 {
        world.user(&format!("paged{number}"));
    }
    let page = |body: Json| world.expect("shop", "list_users", body, "listed").json();
    let total = usize::try_from(world.count("users")).unwrap();
    let whole = page(json!({ "limit": 1000 }));
    assert_eq!((whole["users"].as_array().unwrap().len(), &whole["next"]), (total, &Json::Null));
    for limit in [1, 2, 3, total, total + 1] {
        assert_eq!(Json::Array(all(page, limit)), whole["users"], "in pages of {limit}");
    }
    let ann = world.expect("shop", "get_user", json!({ "identifier": "ann" }), "user").user();
    assert!(page(json!({}))["users"].as_array().unwrap().contains(&ann), "a page of a hundred is the default");
    // Gaps are no end, and a cursor may be that of a user who is gone.
    let at = whole["users"].as_array().unwrap().iter().position(|user| user["username"] == "paged0").unwrap();
    let gone = &whole["users"][at]["user_id"];
    world.expect("shop", "delete", json!({ "user_id": gone }), "changed");
    let rest = page(json!({ "after": gone, "limit": 1 }));
    assert_eq!(rest["users"][0], whole["users"][at + 1]);
    let last = &whole["users"][total - 1]["user_id"];
    assert_eq!(page(json!({ "after": last })), json!({ "users": [], "next": null }));
}

pub(super) fn texts(world: &World) {
    let page = |body: Json| world.expect("devices", "list_users", body, "listed").json();
    world.store.run("DELETE FROM devices WHERE id = '01'", &[]);
    world.store.run(
        "INSERT INTO devices (id, email) VALUES ('01', NULL), ('o''brien', NULL), ('ä b', NULL), ('Z', NULL)",
        &[],
    );
    let ids: Vec<Json> = all(page, 2).iter().map(|user| user["user_id"].clone()).collect();
    assert_eq!(ids, ["devices|01", "devices|1", "devices|Z", "devices|o'brien", "devices|ä b"]);
    world.store.run("DELETE FROM devices WHERE email IS NULL", &[]);
}

pub(super) fn requests(world: &World) {
    for (body, field) in [
        (json!({ "limit": 0 }), "limit"),
        (json!({ "limit": 1001 }), "limit"),
        (json!({ "limit": -1 }), "limit"),
        (json!({ "limit": 1.5 }), "limit"),
        (json!({ "limit": "10" }), "limit"),
        (json!({ "after": 7 }), "after"),
        (json!({ "after": "7" }), "after"),
        (json!({ "after": "other|7" }), "after"),
        (json!({ "after": "shop|7 OR 1=1" }), "after"),
        (json!({ "after": "shop|01" }), "after"),
        (json!({ "after": "shop|" }), "after"),
        (json!({ "offset": 7 }), "offset"),
    ] {
        let reply = world.expect("shop", "list_users", body, "invalid_input");
        assert_eq!(reply.json()["field"], field, "{reply:?}");
    }
    world.expect("loose", "list_users", json!({}), "action_not_declared");
}

/// Statements that pass for pages, but would lose users or never end.
pub(super) fn disorder(world: &World) {
    for connector in ["repeating", "unlimited", "backwards"] {
        let reply = world.expect(connector, "list_users", json!({ "limit": 2 }), "misconfigured");
        assert!(!reply.text.contains("order"), "{reply:?}");
    }
    world.gateway.eventually("the reasons are logged", || {
        let log = world.gateway.log();
        log.contains("not in the order of `id`") && log.contains("more than 2 rows")
    });
}
