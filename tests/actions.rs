//! All ten actions with all their outcomes, through HTTP: one table of cases for every database.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]

mod create;
mod hostile;
pub mod listing;
mod login;
mod lookup;
mod outage;
mod passwords;
mod quickstart;
mod secrets;
mod write;

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::{Value as Json, json};
use userbridge::db::Value;
use userbridge::sql::Dialect;

use crate::gateway::{Gateway, Reply, Setup};
use crate::stores::{Store, text};

/// The hash of [`PASSWORD`]: md5-crypt, because it is quick.
const HASH: &str = "$1$abcdefgh$vc.h.b7/b1zYYwJ7DKEQG1";
const PASSWORD: &str = "md5pass";

/// The hash of [`OTHER_PASSWORD`]: phpass.
const OTHER_HASH: &str = "$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0";
const OTHER_PASSWORD: &str = "test12345";

type Case = fn(&World);

/// What must hold on every database alike. A case uses users of its own, so their order does not matter.
const CASES: &[(&str, Case)] = &[
    ("login: the profile has its native types", login::authenticated),
    ("login: an unknown user and a wrong password are the same bytes", login::refused_alike),
    ("login: empty and overlong passwords are wrong passwords", login::unacceptable_passwords),
    ("login: no hash, no login", login::without_a_password),
    ("login: a hash that cannot be read is no answer", login::unreadable),
    ("login: two rows are no answer", login::ambiguous),
    ("login: a denied user gets the message", login::denied),
    ("login: `after` runs once, after a right password only", login::after),
    ("login: a failing `after` fails the login and is rolled back", login::after_fails),
    ("login: the database compares the password", login::in_database),
    ("get_user: by identifier", lookup::by_identifier),
    ("get_user: by id", lookup::by_user_id),
    ("get_user: two rows are no answer", lookup::ambiguous),
    ("get_user: ids that only look like a number match nothing", lookup::look_alikes),
    ("get_user, delete: ids that are texts are compared as texts", lookup::textual_ids),
    ("actions that are not declared, connectors that are not served", lookup::undeclared),
    ("create: the profile comes back, every field is stored", create::created),
    ("create: without a profile, by the generated key", create::generated_key),
    ("create: a taken name is user_exists", create::user_exists),
    ("create: a swallowed conflict is user_exists", create::swallowed_conflict),
    ("create: a rule of the store is a rejection", create::rejected),
    ("create: a failing second statement undoes the first", create::rolled_back),
    ("create: fields are closed and typed", create::fields),
    ("create: more than one row is no answer and is undone", create::too_many),
    ("create: without a password", create::without_password),
    ("list_users: pages lose and repeat nobody", listing::pages),
    ("list_users: ids that are texts, and no smallest one", listing::texts),
    ("list_users: cursors and limits are typed", listing::requests),
    ("list_users: pages that would lose users or never end are no answer", listing::disorder),
    ("verify", write::verify),
    ("change_password: the new one works, the old one does not", write::change_password),
    ("change_password: unacceptable passwords are rejected", write::unacceptable_passwords),
    ("change_email, change_username, change_phone_number", write::change_names),
    ("the verified flag", write::verified_flag),
    ("delete", write::delete),
    ("delete: ids that only look like a number match nothing", write::delete_look_alikes),
    ("delete: without any look-up, too", write::delete_alone),
    ("a change of two rows is no answer and is undone", write::too_many),
    ("passwords: an action may have its own column and format", passwords::own),
    ("passwords: bcrypt takes 72 bytes and no more", passwords::bcrypt_limit),
    ("rehash: an outdated hash is replaced after a login", passwords::rehash),
    ("rehash: only after a login that succeeds", passwords::rehash_needs_success),
    ("rehash: a failure does not fail the login", passwords::rehash_fails),
    ("rehash: a newer password is not overwritten", passwords::rehash_compares),
    ("secrets: never in any answer", secrets::hidden),
    ("hostile: strange names are names", hostile::strange_names),
    ("hostile: control characters are refused", hostile::control_characters),
    ("hostile: injections change nothing", hostile::injections),
];

#[test]
fn sqlite() {
    run(Dialect::Sqlite);
}

#[test]
fn postgres() {
    run(Dialect::Postgres);
}

#[test]
fn mysql() {
    run(Dialect::Mysql);
}

/// Runs every case, also when one fails.
fn run(dialect: Dialect) {
    let world = World::new(dialect);
    let mut failed = Vec::new();
    for (name, case) in CASES {
        if catch_unwind(AssertUnwindSafe(|| case(&world))).is_err() {
            eprintln!("^ {dialect}: {name}\n");
            failed.push(*name);
        }
    }
    // A request of its own marks the end of what the cases have written.
    let mark = world.call("absent", "login", json!({}));
    let mark = mark.header("x-request-id").unwrap();
    world.gateway.eventually("the log is complete", || world.gateway.log().contains(mark));
    let log = world.gateway.log();
    for secret in [PASSWORD, OTHER_PASSWORD, HASH, OTHER_HASH] {
        assert!(!log.contains(secret), "the log shows {secret}:\n{log}");
    }
    if !failed.is_empty() {
        panic!("{dialect}: {} of {} cases fail:\n  {}", failed.len(), CASES.len(), failed.join("\n  "));
    }
}

/// A store, and a gateway with many connectors to it.
struct World {
    dialect: Dialect,
    store: Store,
    gateway: Gateway,
}

macro_rules! definitions {
    ($($name:literal),* $(,)?) => {
        [$((concat!($name, ".yaml"), include_str!(concat!("actions/definitions/", $name, ".yaml")))),*]
    };
}

impl World {
    fn new(dialect: Dialect) -> Self {
        let store = Store::new(dialect);
        store.script(&schema(dialect));
        let setup = Setup::new().env("STORE_URL", &store.url).env("STORE_DIALECT", store.name());
        let definitions = definitions![
            "shop",
            "generated",
            "lenient",
            "loose",
            "wide",
            "indb",
            "partial",
            "own",
            "upgrade",
            "failing-upgrade",
            "racing-upgrade",
            "devices",
            "reaper",
            "repeating",
            "unlimited",
            "backwards"
        ];
        let gateway = definitions.iter().fold(setup, |setup, (name, text)| setup.definition(name, text)).start();
        Self { dialect, store, gateway }
    }

    /// Adds a user whose password is [`PASSWORD`]; the raw id.
    #[track_caller]
    fn user(&self, name: &str) -> i64 {
        self.user_with_hash(name, text(HASH))
    }

    #[track_caller]
    fn user_with_hash(&self, name: &str, hash: Value) -> i64 {
        let (email, phone) = (format!("{name}@example.com"), format!("+{name}"));
        self.store.run(
            "INSERT INTO users (email, username, phone_number, password_hash, given_name) VALUES (?, ?, ?, ?, ?)",
            &[text(&email), text(name), text(phone), hash, text(name)],
        );
        self.column(&email, "id").as_i64().unwrap()
    }

    /// A column of the user with this e-mail address.
    #[track_caller]
    fn column(&self, email: &str, column: &str) -> Json {
        self.store.one(&format!("SELECT {column} FROM users WHERE email = ?"), &[text(email)])
    }

    /// How many rows of a table fulfil a condition.
    #[track_caller]
    fn count(&self, of: &str) -> i64 {
        self.store.one(&format!("SELECT count(*) FROM {of}"), &[]).as_i64().unwrap()
    }

    fn call(&self, connector: &str, action: &str, body: Json) -> Reply {
        self.gateway.call(connector, action, &body)
    }

    /// Calls, and checks the answer's code and status.
    #[track_caller]
    fn expect(&self, connector: &str, action: &str, body: Json, code: &str) -> Reply {
        let reply = self.call(connector, action, body.clone());
        assert_eq!(reply.code(), code, "{connector} {action} {body}\n{reply:?}\n{}", self.last_reason());
        let status = match code {
            "user" | "listed" | "created" | "changed" | "unchanged" => 200,
            "invalid_input" => 400,
            "wrong_credentials" => 401,
            "denied" => 403,
            "not_found" => 404,
            "user_exists" => 409,
            "rejected" => 422,
            "unreadable_hash" | "ambiguous_user" | "misconfigured" => 500,
            "action_not_declared" => 501,
            "unknown_connector" | "unavailable" => 503,
            other => panic!("an unexpected code: {other}"),
        };
        assert_eq!(reply.status, status, "{reply:?}");
        reply
    }

    #[track_caller]
    fn login(&self, connector: &str, identifier: &str, password: &str, code: &str) -> Reply {
        self.expect(connector, "login", json!({ "identifier": identifier, "password": password }), code)
    }

    /// What the log says of the last request.
    fn last_reason(&self) -> Json {
        let records = self.gateway.records();
        records.into_iter().rfind(|record| record["fields"]["reason"].is_string()).unwrap_or_default()
    }
}

fn schema(dialect: Dialect) -> String {
    let (id, json) = match dialect {
        Dialect::Postgres => ("bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY", "jsonb"),
        Dialect::Mysql => ("bigint NOT NULL AUTO_INCREMENT PRIMARY KEY", "json"),
        Dialect::Sqlite => ("integer PRIMARY KEY AUTOINCREMENT", "json"),
    };
    include_str!("actions/schema.sql").replace(" ID", &format!(" {id}")).replace(" JSON", &format!(" {json}"))
}
