//! What Strapi's own tables show beside what `schemas` asks of every definition, and that Strapi takes what is written.

use serde_json::json;
use userbridge::sql::Dialect;

use super::{Application, compared_by_node};
use crate::gateway::Setup;
use crate::stores::Store;

#[test]
fn mysql() {
    run(Dialect::Mysql, include_str!("../fixtures/strapi/strapi.mysql.sql"));
}

#[test]
fn postgres() {
    run(Dialect::Postgres, include_str!("../fixtures/strapi/strapi.postgres.sql"));
}

#[test]
fn sqlite() {
    run(Dialect::Sqlite, include_str!("../fixtures/strapi/strapi.sqlite.sql"));
}

fn run(dialect: Dialect, tables: &str) {
    let store = Store::new(dialect);
    store.script(tables);
    let definition = include_str!("../../connectors/strapi.yaml");
    let setup = Setup::new().definition("strapi.yaml", definition).env("STRAPI_DATABASE_URL", &store.url);
    let strapi = Application { gateway: setup.env("STRAPI_EMAIL_CONFIRMATION", "yes").start(), name: "strapi" };

    let zoe = strapi.login("zoë", "пароль-Zoë-🔑", "user").user();
    assert_eq!((&zoe["email"], &zoe["email_verified"]), (&json!("zoe@example.com"), &json!(true)));
    assert_eq!(strapi.login("ANN@example.com", "correct horse", "user").user()["username"], "ann", "not the other Ann");
    strapi.login("ann-2", "correct horse", "wrong_credentials");
    strapi.login("root@example.com", "Admin-password-1", "wrong_credentials");
    let refused = strapi.login("bob", "bob's secret", "denied");
    assert_eq!(refused.detail(), "Your account email is not confirmed");
    let refused = strapi.login("mia", "mia-password", "denied");
    assert_eq!(refused.detail(), "Your account has been blocked by an administrator");

    let password = "ein Paßwort, neu 🔑";
    let new = json!({ "username": "new", "email": "New@example.com", "password": "a first password" });
    let made = strapi.expect("create", new, "user").user();
    assert_eq!((&made["email"], &made["email_verified"]), (&json!("new@example.com"), &json!(false)));
    strapi.expect("change_password", json!({ "identifier": "bob", "password": password }), "changed");
    // A new row is as Strapi's own are: its times, its key, its role.
    let now = match dialect {
        Dialect::Mysql => "abs(timestampdiff(SECOND, created_at, utc_timestamp())) < 300",
        Dialect::Postgres => "abs(extract(epoch FROM (now() AT TIME ZONE 'UTC') - created_at)) < 300",
        Dialect::Sqlite => "abs(created_at - unixepoch() * 1000) < 300000",
    };
    let new = format!("SELECT count(*) FROM up_users WHERE username = 'new' AND {now} AND updated_at = created_at");
    assert_eq!(store.one(&new, &[]), 1);
    assert_eq!(store.one("SELECT count(*) FROM up_users WHERE length(document_id) = 24", &[]), 7, "Strapi's and ours");
    if dialect == Dialect::Sqlite {
        let types = "SELECT count(DISTINCT typeof(created_at) || typeof(updated_at)) FROM up_users";
        assert_eq!(store.one(types, &[]), 1);
    }
    let roles = "SELECT count(*) FROM up_users u JOIN up_users_role_lnk l ON l.user_id = u.id WHERE l.role_id = 1";
    assert_eq!(store.one(roles, &[]), 7);
    strapi.expect("delete", json!({ "user_id": made["user_id"] }), "changed");
    assert_eq!(store.one("SELECT count(*) FROM up_users_role_lnk", &[]), 6);

    let stored = store.one("SELECT password FROM up_users WHERE username = 'bob'", &[]);
    let stored = stored.as_str().unwrap();
    assert!(stored.starts_with("$2a$10$"), "{stored}");
    // The plugin's validatePassword calls nothing else.
    assert_eq!(compared_by_node("bcryptjs-2", &[(password, stored), ("ein Passwort", stored)]), [true, false]);
}
