//! Users who move into a managed store: every action before and after, on every database on either side.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]

mod bulk;
mod crash;
mod login;
mod others;
mod policy;
mod reach;

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::{Value as Json, json};
use userbridge::sql::Dialect;

use crate::gateway::{Gateway, Reply, Setup};
use crate::stores::{Store, text};

/// The hash of [`PASSWORD`]: md5-crypt, because it is quick.
const HASH: &str = "$1$abcdefgh$vc.h.b7/b1zYYwJ7DKEQG1";
const PASSWORD: &str = "md5pass";

type Case = fn(&World);

/// What must hold on every pair of databases. A case uses users of its own, so their order does not matter.
const CASES: &[(&str, Case)] = &[
    ("login: the first one migrates, and nothing asks the legacy store again", login::first),
    ("login: whoever is refused is refused alike", login::refused_alike),
    ("login: whatever the legacy store holds later, the managed password counts", login::managed_password_counts),
    ("login: another name of the same user", login::another_name),
    ("login: the mark fails, and is repeated", login::mark_is_repeated),
    ("login: a mark that matches no row is no migration", login::mark_must_match),
    ("login: without the managed store nobody is answered", login::store_down),
    ("login: many at once make one user", login::many_at_once),
    ("login: an outdated hash is replaced", login::rehash),
    ("login: two users with one name are no answer", login::shared_name),
    ("get_user: migrated or not, the same profile", others::get_user),
    ("create: into the managed store", others::create),
    ("create: a name of an unmigrated user is taken", others::create_taken),
    ("create: what a new password must be like", policy::new_passwords),
    ("verify, change_email, change_username, change_phone_number", others::changes),
    ("change_email: the old address neither finds nor resurrects", others::old_address),
    ("change_email: a taken address", others::taken_address),
    ("change_password: after the first login and before", others::change_password),
    ("delete: a tombstone refuses, under every name", others::delete),
    ("delete: a user who never logged in", others::delete_unmigrated),
    ("unmigrated: by the declared policy", policy::unmigrated),
    ("unmigrated: who is locked cannot reset the way in", policy::locked),
    ("two connectors share a store", policy::shared_store),
    ("secrets: never in any answer", policy::secrets),
];

#[test]
fn sqlite_to_postgres() {
    run(Dialect::Sqlite, Dialect::Postgres);
}

#[test]
fn postgres_to_mysql() {
    run(Dialect::Postgres, Dialect::Mysql);
}

#[test]
fn mysql_to_sqlite() {
    run(Dialect::Mysql, Dialect::Sqlite);
}

/// Runs every case, also when one fails.
fn run(legacy: Dialect, managed: Dialect) {
    let world = World::new(legacy, managed);
    let mut failed = Vec::new();
    for (name, case) in CASES {
        if catch_unwind(AssertUnwindSafe(|| case(&world))).is_err() {
            eprintln!("^ {legacy} to {managed}: {name}\n");
            failed.push(*name);
        }
    }
    let log = world.gateway.log();
    for secret in [PASSWORD, HASH, "$argon2id$"] {
        assert!(!log.contains(secret), "the log shows {secret}:\n{log}");
    }
    assert!(
        failed.is_empty(),
        "{legacy} to {managed}: {} of {} fail:\n  {}",
        failed.len(),
        CASES.len(),
        failed.join("\n  ")
    );
}

/// A legacy store, a managed store, and a gateway between them.
struct World {
    legacy: Store,
    managed: Store,
    gateway: Gateway,
}

/// The usual definition under another name, with something else in it.
pub fn definition(name: &str, change: &[(&str, &str)]) -> String {
    let text = include_str!("migration/shop.yaml").replace("NAME", name);
    change.iter().fold(text, |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    })
}

impl World {
    fn new(legacy: Dialect, managed: Dialect) -> Self {
        let (legacy, managed) = (legacy_store(legacy), Store::new(managed));
        let mut setup = Setup::new().env("LEGACY_URL", &legacy.url).env("MANAGED_URL", &managed.url);
        for (name, text) in definitions() {
            setup = setup.definition(&format!("{name}.yaml"), &text);
        }
        std::fs::write(setup.folder().join("connectors/breached.txt"), policy::breached()).unwrap();
        Self { legacy, managed, gateway: setup.start() }
    }

    /// Adds a user to the legacy store whose password is [`PASSWORD`]; the id with its prefix is that of `shop`.
    #[track_caller]
    fn user(&self, name: &str) -> String {
        let (email, phone, card) = (format!("{name}@example.com"), format!("+{name}"), format!("card-{name}"));
        self.legacy.run(
            "INSERT INTO users (email, username, phone_number, card, password_hash) VALUES (?, ?, ?, ?, ?)",
            &[text(&email), text(name), text(phone), text(card), text(HASH)],
        );
        format!("shop|{}", self.column(name, "id"))
    }

    /// Adds a user who has logged in once.
    #[track_caller]
    fn migrated(&self, name: &str) -> String {
        let id = self.user(name);
        self.login("shop", &email(name), PASSWORD, "user");
        id
    }

    /// A column of a user in the legacy store.
    #[track_caller]
    fn column(&self, name: &str, column: &str) -> Json {
        self.legacy.one(&format!("SELECT {column} FROM users WHERE username = ?"), &[text(name)])
    }

    #[track_caller]
    fn marked(&self, name: &str) -> bool {
        [json!(true), json!(1)].contains(&self.column(name, "migrated"))
    }

    /// What the managed store says of a user of a connector.
    #[track_caller]
    fn state(&self, connector: &str, id: &str) -> Option<String> {
        let sql = "SELECT state FROM userbridge_users WHERE connector = ? AND user_id = ?";
        let rows = self.managed.rows(sql, &[text(connector), text(id)]);
        rows.first().map(|row| row.value("state").unwrap().to_text().unwrap())
    }

    /// Makes the legacy users unreachable meanwhile: whatever asks for one fails.
    fn without_legacy<T>(&self, work: impl FnOnce() -> T) -> T {
        self.legacy.script("ALTER TABLE users RENAME TO users_away");
        let done = catch_unwind(AssertUnwindSafe(work));
        self.legacy.script("ALTER TABLE users_away RENAME TO users");
        done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    #[track_caller]
    fn expect(&self, connector: &str, action: &str, body: Json, code: &str) -> Reply {
        let reply = self.gateway.call(connector, action, &body);
        assert_eq!(reply.code(), code, "{connector} {action} {body}\n{reply:?}\n{}", self.last_reason());
        reply
    }

    #[track_caller]
    fn login(&self, connector: &str, identifier: &str, password: &str, code: &str) -> Reply {
        self.expect(connector, "login", json!({ "identifier": identifier, "password": password }), code)
    }

    fn last_reason(&self) -> Json {
        let records = self.gateway.records();
        records.into_iter().rfind(|record| record["fields"]["reason"].is_string()).unwrap_or_default()
    }
}

fn email(name: &str) -> String {
    format!("{name}@example.com")
}

/// A legacy store with an empty table of users.
pub fn legacy_store(dialect: Dialect) -> Store {
    let store = Store::new(dialect);
    let id = match dialect {
        Dialect::Postgres => "bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY",
        Dialect::Mysql => "bigint NOT NULL AUTO_INCREMENT PRIMARY KEY",
        Dialect::Sqlite => "integer PRIMARY KEY AUTOINCREMENT",
    };
    store.script(&include_str!("migration/legacy.sql").replace(" ID", &format!(" {id}")));
    store
}

fn definitions() -> Vec<(&'static str, String)> {
    let mark = "UPDATE {{ users }} SET migrated = true WHERE id = {{ user_id }}";
    let store = "store: \"{{ configuration.managed }}\"";
    let cheap = "password: { new: { format: argon2id, memory: 1024, passes: 1 } }";
    let with = |more: &str| format!("{mark}\n  {more}");
    vec![
        ("shop", definition("shop", &[])),
        ("marks", definition("marks", &[(mark, "UPDATE marks SET marked = true WHERE user_id = {{ user_id }}")])),
        ("emails", definition("emails", &[(mark, &with("identifiers: [email]"))])),
        (
            "costly",
            definition("costly", &[(cheap, "password: { new: { format: argon2id, memory: 2048, passes: 2 } }")]),
        ),
        (
            "legacy",
            definition(
                "legacy",
                &[(mark, &with("unmigrated: { change_password: legacy, create: legacy, delete: legacy }"))],
            ),
        ),
        (
            "refuse",
            definition(
                "refuse",
                &[(
                    mark,
                    &with(
                        "unmigrated: { change_password: refuse, verify: refuse, change_email: refuse, change_username: refuse, \
                   change_phone_number: refuse }",
                    ),
                )],
            ),
        ),
        (
            "locking",
            definition(
                "locking",
                &[(
                    "actions:\n",
                    "deny: [{ when: \"{{ plan == 'locked' }}\", message: This account is locked }]\nactions:\n",
                )],
            ),
        ),
        (
            "strict",
            definition(
                "strict",
                &[(
                    cheap,
                    "password: { new: { format: argon2id, memory: 1024, passes: 1 }, min_length: 10, max_length: 20, breached: breached.txt }",
                )],
            ),
        ),
        ("other", definition("other", &[(store, store)])),
    ]
}
