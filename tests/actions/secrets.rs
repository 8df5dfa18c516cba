//! Columns that no answer may show.

use serde_json::json;

use super::{HASH, PASSWORD, World};
use crate::gateway::Setup;
use crate::stores::text;

pub(super) fn hidden(world: &World) {
    let insert = "INSERT INTO members (email, nickname, note) VALUES ('wide@example.com', ?, 'seen')";
    world.store.run(insert, &[text(HASH)]);
    let id = world.store.one("SELECT id FROM members WHERE email = 'wide@example.com'", &[]);
    let expected = json!({
        "user_id": format!("wide|{id}"), "email": "wide@example.com", "name": "seen",
        "everything": { "note": "seen", "list": ["SEEN"] },
    });
    let replies = [
        world.login("wide", "wide@example.com", PASSWORD, "user"),
        world.expect("wide", "get_user", json!({ "identifier": "wide@example.com" }), "user"),
        world.expect("wide", "get_user", json!({ "user_id": format!("wide|{id}") }), "user"),
    ];
    for reply in replies {
        assert_eq!(reply.user(), expected);
    }
    let reply = world.expect("wide", "create", json!({ "email": "wide2@example.com", "password": "p" }), "user");
    assert_eq!(reply.user()["email"], "wide2@example.com");
    assert!(!reply.text.contains("argon2") && reply.user()["nickname"].is_null(), "{reply:?}");
    assert_eq!(world.count("members WHERE nickname LIKE '$argon2id$%'"), 1);
}

#[test]
fn a_profile_or_rule_that_reads_a_secret_column_is_refused() {
    let wide = include_str!("definitions/wide.yaml");
    for template in ["{{ nickname }}", "x{{ nickname | upper }}", "{{ [nickname] }}", "{{ nickname if note else '' }}"]
    {
        let profile = wide.replace("name: \"{{ note }}\"", &format!("name: \"{template}\""));
        let rule = format!("{wide}deny:\n  - {{ when: \"{template}\", message: m }}\n");
        for text in [profile, rule] {
            let setup = Setup::new().env("STORE_URL", "sqlite:absent.db").env("STORE_DIALECT", "sqlite");
            let refused = setup.definition("wide.yaml", &text).try_start().err().expect(template);
            assert!(refused.output.contains("secret-in-profile"), "{template}: {}", refused.output);
        }
    }
}
