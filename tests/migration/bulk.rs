//! The commands: what they count, copy, write, delete and lift, on every pair of databases.

use std::process::Output;

use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};
use userbridge::sql::Dialect;

use super::{HASH, PASSWORD, definition, email, legacy_store};
use crate::gateway::{Gateway, Setup, program};
use crate::stores::{Store, text};

/// More than two pages of an import.
const USERS: usize = 1203;

pub struct Bulk {
    pub legacy: Store,
    pub managed: Store,
    pub gateway: Gateway,
}

/// SHA-256 of salt and password, in hex.
pub fn salted(salt: &str, password: &str) -> String {
    Sha256::digest(format!("{salt}{password}")).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Bulk {
    fn new(legacy: Dialect, managed: Dialect) -> Self {
        let (legacy, managed) = (legacy_store(legacy), Store::new(managed));
        let gateway = Setup::new()
            .env("LEGACY_URL", &legacy.url)
            .env("MANAGED_URL", &managed.url)
            .definition("shop.yaml", &definition("shop", &[]))
            .start();
        Self { legacy, managed, gateway }
    }

    /// Adds users: by turns with md5-crypt, a salted digest, and no password.
    fn fill(&self, numbers: std::ops::Range<usize>) {
        let rows: Vec<String> = numbers
            .map(|n| {
                let (hash, salt) = match n % 3 {
                    0 => (format!("'{HASH}'"), "NULL".to_owned()),
                    1 => (format!("'{}'", salted("pepper", &format!("password {n}"))), "'pepper'".to_owned()),
                    _ => ("NULL".to_owned(), "NULL".to_owned()),
                };
                format!("('u{n}@example.com', 'u{n}', '+{n}', {hash}, {salt})")
            })
            .collect();
        let insert = "INSERT INTO users (email, username, phone_number, password_hash, salt) VALUES";
        self.legacy.script(&format!("{insert} {}", rows.join(", ")));
    }

    fn command(&self, arguments: &[&str]) -> Output {
        let mut command = program();
        command
            .arg("migration")
            .args(arguments)
            .args(["--connectors", "connectors"])
            .current_dir(self.gateway.folder());
        command.env("LEGACY_URL", &self.legacy.url).env("MANAGED_URL", &self.managed.url).output().unwrap()
    }

    /// What a command says as JSON.
    #[track_caller]
    fn json(&self, arguments: &[&str], code: i32) -> Json {
        let output = self.command(&[arguments, &["--format", "json"]].concat());
        let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert_eq!(output.status.code(), Some(code), "{arguments:?}\n{out}\n{err}");
        serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}\n{err}"))
    }

    #[track_caller]
    fn login(&self, name: &str, password: &str, code: &str) {
        let body = json!({ "identifier": email(name), "password": password });
        let reply = self.gateway.call("shop", "login", &body);
        assert_eq!(reply.code(), code, "{name}: {reply:?}");
    }

    #[track_caller]
    fn number(&self, sql: &str) -> u64 {
        self.managed.one(sql, &[]).as_u64().unwrap()
    }

    fn id(&self, name: &str) -> String {
        format!("shop|{}", self.legacy.one("SELECT id FROM users WHERE username = ?", &[text(name)]))
    }
}

fn everything(legacy: Dialect, managed: Dialect) {
    let bulk = Bulk::new(legacy, managed);
    bulk.fill(0..USERS);
    bulk.login("u0", PASSWORD, "user");
    let gone = bulk.id("u3");
    assert_eq!(bulk.gateway.call("shop", "delete", &json!({ "user_id": gone })).code(), "changed");
    import(&bulk);
    imported_users_log_in(&bulk);
    status(&bulk);
    export(&bulk);
    purge(&bulk);
    forget(&bulk, &gone);
}

fn import(bulk: &Bulk) {
    // Two users with one address: the second is named, and stays.
    bulk.legacy.run("UPDATE users SET email = ? WHERE username = ?", &[text(email("u4")), text("u1201")]);
    let first = bulk.json(&["import", "shop"], 1);
    let expected = json!({ "copied": USERS - 3, "present": 2, "denied": 0, "failed": 1 });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(first[name], *value, "{name}: {first}");
    }
    assert!(first["sample"][0].as_str().unwrap().starts_with(&bulk.id("u1201")), "{first}");
    assert_eq!(bulk.number("SELECT count(*) FROM userbridge_users"), USERS as u64 - 1);
    let states = "SELECT count(*) FROM userbridge_users WHERE state = 'imported'";
    assert_eq!(bulk.number(states), USERS as u64 - 3);
    // What was there before stays as it was, and an import goes on where it was.
    bulk.fill(USERS..USERS + 30);
    let second = bulk.json(&["import", "shop"], 0);
    assert_eq!((&second["copied"], &second["present"]), (&json!(30), &json!(0)), "{second}");
    let again = bulk.json(&["import", "shop", "--restart"], 1);
    assert_eq!((&again["copied"], &again["present"]), (&json!(0), &json!(USERS + 29)), "{again}");
}

fn imported_users_log_in(bulk: &Bulk) {
    bulk.login("u3", PASSWORD, "wrong_credentials");
    for (name, password) in [("u6", PASSWORD), ("u7", "password 7")] {
        let id = bulk.id(name);
        let user = "SELECT state, hash, legacy FROM userbridge_users WHERE user_id = ?";
        bulk.login(name, "wrong", "wrong_credentials");
        let before = &bulk.managed.rows(user, &[text(&id)])[0];
        assert_eq!(before.value("state"), Some(&text("imported")));
        // The legacy hash counts no more: what was copied does.
        bulk.legacy.run("UPDATE users SET password_hash = NULL WHERE username = ?", &[text(name)]);
        bulk.login(name, password, "user");
        let after = &bulk.managed.rows(user, &[text(&id)])[0];
        assert_eq!(after.value("state"), Some(&text("migrated")));
        assert!(after.value("hash").unwrap().to_text().unwrap().starts_with("$argon2id$"));
        assert_eq!(after.value("legacy").unwrap().to_text(), None);
        bulk.login(name, password, "user");
        bulk.login(name, "wrong", "wrong_credentials");
    }
    bulk.login("u8", "", "wrong_credentials");
    bulk.login("u8", "anything", "wrong_credentials");
}

fn status(bulk: &Bulk) {
    let status = bulk.json(&["status", "shop"], 0);
    let imported = USERS + 30 - 3 - 2;
    for (name, value) in [
        ("migrated", 3),
        ("imported", imported),
        ("tombstones", 1),
        ("native", 0),
        ("pending", 0),
        ("remaining", USERS + 30 - 3),
    ] {
        assert_eq!(status[name], json!(value), "{name}: {status}");
    }
    let days: u64 = status["days"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(days, 3);
    let output = bulk.command(&["status", "shop"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("migrated") && text.contains(&imported.to_string()), "{text}");
    assert_eq!(bulk.command(&["status", "nobody"]).status.code(), Some(2));
}

fn export(bulk: &Bulk) {
    let output = bulk.command(&["export", "shop"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let lines: Vec<Json> =
        String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), USERS + 30 - 2, "everybody but the tombstone and who could not be copied");
    let of = |name: &str| lines.iter().find(|line| line["profile"]["username"] == name).unwrap();
    assert!(of("u6")["hash"].as_str().unwrap().starts_with("$argon2id$"));
    assert_eq!((&of("u9")["hash"], &of("u9")["state"]), (&json!(HASH), &json!("imported")));
    assert_eq!(of("u10")["hash"], Json::Null, "its salt is in a column of its own");
    let notes = String::from_utf8(output.stderr).unwrap();
    assert!(notes.contains(&format!("{}: ", bulk.id("u10"))), "{notes}");
    let folder = tempfile::tempdir().unwrap();
    for (layout, users, hash) in [
        ("auth0", "", "/custom_password_hash/algorithm"),
        ("keycloak", "/users", "/credentials/0/type"),
        ("fusionauth", "/users", "/active"),
    ] {
        let path = folder.path().join(format!("{layout}.json"));
        let output = bulk.command(&["export", "shop", "--for", layout, "--output", path.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        // Some take a thousand users at once: the others are in a second file.
        let files = [path, folder.path().join(format!("{layout}-2.json"))];
        let list: Vec<Json> = files
            .iter()
            .filter_map(|path| std::fs::read_to_string(path).ok())
            .flat_map(|text| {
                let document: Json = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{layout}: {error}"));
                document.pointer(users).unwrap().as_array().unwrap().clone()
            })
            .collect();
        assert_eq!(list.len(), lines.len(), "{layout}");
        let ann = list.iter().find(|user| user.to_string().contains("\"u6@example.com\"")).unwrap();
        assert!(ann.pointer(hash).is_some(), "{layout}: {ann}");
    }
    let kratos = bulk.command(&["export", "shop", "--for", "kratos"]);
    let kratos: Vec<Json> =
        String::from_utf8(kratos.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let hashed = |user: &&Json| user["credentials"]["password"]["config"]["hashed_password"].is_string();
    assert_eq!(kratos.len(), lines.len());
    assert!(kratos.iter().filter(hashed).count() > 0 && kratos.iter().filter(|user| !hashed(user)).count() > 0);
    let okta = bulk.command(&["export", "shop", "--for", "okta"]);
    let okta: Vec<Json> =
        String::from_utf8(okta.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(okta.iter().all(|user| user["credentials"]["password"]["hook"]["type"] == "default"));
}

fn purge(bulk: &Bulk) {
    let rows = |bulk: &Bulk| bulk.legacy.one("SELECT count(*) FROM users", &[]).as_u64().unwrap();
    let before = rows(bulk);
    let dry = bulk.json(&["purge", "shop"], 0);
    assert_eq!((&dry["rows"], &dry["dry_run"]), (&json!(3), &json!(true)), "{dry}");
    assert_eq!(dry["sample"].as_array().unwrap().len(), 3);
    assert_eq!(rows(bulk), before, "a dry run deletes nothing");
    // The first surprise ends it: a row that says that its user has not moved.
    let update = |marked: &str| {
        bulk.legacy.script(&format!("UPDATE users SET migrated = {marked} WHERE username IN ('u0', 'u6', 'u7')"));
    };
    update("false");
    let stopped = bulk.json(&["purge", "shop", "--yes"], 1);
    assert!(stopped["deleted"] == 0 && stopped["surprise"].as_str().unwrap().contains("not marked"), "{stopped}");
    assert_eq!(rows(bulk), before);
    update("true");
    let one = bulk.json(&["purge", "shop", "--yes", "--limit", "1"], 0);
    assert_eq!((&one["deleted"], rows(bulk)), (&json!(1), before - 1), "{one}");
    // A run that was ended between the deletion and its note goes on.
    bulk.managed.script("UPDATE userbridge_users SET purged_at = NULL");
    let rest = bulk.json(&["purge", "shop", "--yes"], 0);
    assert_eq!((&rest["deleted"], &rest["gone"], rows(bulk)), (&json!(2), &json!(1), before - 3), "{rest}");
    assert_eq!(bulk.legacy.one("SELECT count(*) FROM archive", &[]), json!(3));
    let again = bulk.json(&["purge", "shop", "--yes"], 0);
    assert_eq!((&again["deleted"], rows(bulk)), (&json!(0), before - 3), "{again}");
    for (name, password) in [("u0", PASSWORD), ("u6", PASSWORD), ("u7", "password 7")] {
        bulk.login(name, password, "user");
    }
    assert_eq!(bulk.json(&["status", "shop"], 0)["purged"], json!(3));
}

fn forget(bulk: &Bulk, gone: &str) {
    bulk.login("u3", PASSWORD, "wrong_credentials");
    let output = bulk.command(&["forget", "shop", gone]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    bulk.login("u3", PASSWORD, "user");
    assert_eq!(bulk.command(&["forget", "shop", gone]).status.code(), Some(1));
    assert_eq!(bulk.command(&["forget", "shop", "shop|999999"]).status.code(), Some(1));
    bulk.login("u3", PASSWORD, "user");
}

#[test]
fn bulk_sqlite_to_postgres() {
    everything(Dialect::Sqlite, Dialect::Postgres);
}

#[test]
fn bulk_postgres_to_mysql() {
    everything(Dialect::Postgres, Dialect::Mysql);
}

#[test]
fn bulk_mysql_to_sqlite() {
    everything(Dialect::Mysql, Dialect::Sqlite);
}
