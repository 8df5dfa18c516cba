//! What strangers type.

use serde_json::{Value as Json, json};

use super::{HASH, PASSWORD, World};
use crate::stores::text;

const INJECTIONS: [&str; 22] = [
    "' OR '1'='1",
    "' OR 1=1 --",
    "' OR 1=1 #",
    "\" OR \"\"=\"",
    "'; DROP TABLE users; --",
    "'; DELETE FROM users WHERE 'a'='a",
    "ann@example.com'--",
    "ann@example.com' OR email LIKE '%",
    "ann@example.com\\' OR 1=1 -- ",
    "\\' OR 1=1 OR '",
    "\\'; UPDATE users SET status='blocked'; -- ",
    "') UNION SELECT id, email, password_hash FROM users --",
    "0 UNION SELECT 1,2,3,4,5,6,7,8,9,10,11,12",
    "1; SELECT pg_sleep(10)",
    "' || (SELECT password_hash FROM users LIMIT 1) || '",
    "$1",
    "?",
    "{{ identifier }}",
    "{{ 7 * 7 }}",
    "{% if true %}x{% endif %}",
    "%",
    "$$; DROP TABLE users; $$",
];

pub(super) fn strange_names(world: &World) {
    let mut names: Vec<String> = [
        "O'Brien",
        "\"quoted\"",
        "100%",
        "_",
        "__",
        "back\\slash",
        "\\",
        "%s %d %n",
        "a`b",
        "`",
        "semi;colon",
        "\u{202e}gnp.exe\u{202c}",
        "\u{200f}עברית\u{200e}",
        "ﷺ",
        "Ω",
        "ß",
        "İ",
        "ı",
        "e\u{301}",
        "é",
        "👩‍👩‍👧‍👦",
        "𝒜𝓃𝓃",
        "null",
        "NULL",
        "true",
        "0",
        "-1",
        "1e9",
        "[object Object]",
        "<script>alert(1)</script>",
        "a b",
        "a  b",
        ":name",
        "@variable",
        "--",
        "/* */",
        "#",
        "x'41'",
        "U&'\\0041'",
        "E'\\n'",
        "\u{feff}bom",
        "\u{200b}",
        "\u{ffff}",
    ]
    .map(str::to_owned)
    .into();
    names.push("x".repeat(1000));
    names.push("ü".repeat(500));
    for (index, name) in names.iter().enumerate() {
        let user = format!("strange{index}");
        world.user(&user);
        world.store.run("UPDATE users SET handle = ? WHERE username = ?", &[text(name), text(&user)]);
    }
    for (index, name) in names.iter().enumerate() {
        let user = format!("strange{index}");
        let found = world.expect("shop", "get_user", json!({ "identifier": name }), "user").user();
        assert_eq!(found["username"], user, "{name:?}");
        let entered = world.login("shop", name, PASSWORD, "user").user();
        assert_eq!(entered["username"], user, "{name:?}");
    }
    let too_long = "x".repeat(1025);
    world.expect("shop", "get_user", json!({ "identifier": too_long }), "invalid_input");
}

pub(super) fn control_characters(world: &World) {
    for name in ["\0", "ann\0", "ann@example.com\0", "an\nn", "ann\r", "\u{7}", "\u{85}"] {
        let reply = world.expect("shop", "get_user", json!({ "identifier": name }), "invalid_input");
        assert!(["control character", "NUL"].iter().any(|word| reply.detail().contains(word)), "{reply:?}");
        world.login("shop", name, PASSWORD, "invalid_input");
        world.expect("shop", "change_email", json!({ "email": "ann@example.com", "new_email": name }), "invalid_input");
        world.expect("shop", "delete", json!({ "user_id": format!("shop|{name}") }), "invalid_input");
    }
    // Some databases end a text at NUL, others refuse it: it is refused everywhere.
    for (member, value) in [("given_name", json!("a\0b")), ("user_metadata", json!({ "deep": ["a\0b"] }))] {
        let body = json!({ "email": "nul@example.com", member: value });
        world.expect("shop", "create", body, "invalid_input");
    }
    assert_eq!(world.count("users WHERE email = 'nul@example.com'"), 0);
    // A password may hold anything, for it is hashed.
    world.login("shop", "ann", "md5pass\0", "wrong_credentials");
    world.expect("shop", "create", json!({ "email": "nul@example.com", "password": "a\0\u{7}\n\tb" }), "user");
    world.login("shop", "nul@example.com", "a\0\u{7}\n\tb", "user");
    world.login("shop", "nul@example.com", "a", "wrong_credentials");
    // Unless it is the database that compares it.
    let reply = world.call("indb", "login", json!({ "identifier": "ann@example.com", "password": "a\0b" }));
    assert!([400, 401].contains(&reply.status), "{reply:?}");
}

pub(super) fn injections(world: &World) {
    let digest = |world: &World| -> Vec<Json> {
        ["count(*)", "sum(visits)", "count(password_hash)", "min(status)", "max(status)", "max(id)"]
            .map(|what| world.store.one(&format!("SELECT {what} FROM users"), &[]))
            .into()
    };
    world.user("victim");
    let before = digest(world);
    for attack in INJECTIONS {
        world.login("shop", attack, PASSWORD, "wrong_credentials");
        world.login("shop", "victim", attack, "wrong_credentials");
        world.login("indb", "victim@example.com", attack, "wrong_credentials");
        world.expect("shop", "get_user", json!({ "identifier": attack }), "not_found");
        world.expect("shop", "get_user", json!({ "user_id": format!("shop|{attack}") }), "not_found");
        world.expect("shop", "verify", json!({ "email": attack }), "unchanged");
        world.expect("shop", "change_email", json!({ "email": attack, "new_email": "x@example.com" }), "unchanged");
        world.expect("shop", "change_username", json!({ "username": attack, "new_username": "x" }), "unchanged");
        world.expect("shop", "delete", json!({ "user_id": format!("shop|{attack}") }), "unchanged");
    }
    assert_eq!(digest(world), before);
    let attack = INJECTIONS[4];
    let body = json!({ "email": "injected@example.com", "given_name": attack, "user_metadata": { "x'--": attack } });
    let user = world.expect("shop", "create", body, "user").user();
    assert_eq!((&user["given_name"], &user["user_metadata"]), (&json!(attack), &json!({ "x'--": attack })));
    let body = json!({ "username": "victim", "new_username": attack });
    world.expect("shop", "change_username", body, "changed");
    assert_eq!(world.column("victim@example.com", "username"), attack);
    assert_eq!(world.column("victim@example.com", "password_hash"), HASH);
}
