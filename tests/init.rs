//! `userbridge init`, through the command line; what it writes serves.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::json;
use userbridge::sql::Dialect;

use crate::gateway::Setup;
use crate::stores::Store;

const HASH: &str = "$1$abcdefgh$vc.h.b7/b1zYYwJ7DKEQG1";
const PASSWORD: &str = "md5pass";

/// Exit code, standard output and standard error.
fn run(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_userbridge")).args(arguments).current_dir(folder).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn names() -> Vec<String> {
    let files = std::fs::read_dir(root().join("connectors")).unwrap();
    let names = files.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter_map(|name| name.strip_suffix(".yaml").map(str::to_owned)).collect();
    names.sort();
    names
}

#[test]
fn the_list_of_templates_is_current() {
    let lines: String =
        names().iter().map(|n| format!("    (\"{n}\", include_str!(\"../../../connectors/{n}.yaml\")),\n")).collect();
    let file = root().join("src/cli/init/known.rs");
    let text = std::fs::read_to_string(&file).unwrap();
    let (head, _) = text.split_once("= &[\n").unwrap();
    let current = format!("{head}= &[\n{lines}];\n");
    if option_env!("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&file, &current).unwrap();
    }
    assert_eq!(text, current, "connectors/ has changed: run the tests with UPDATE_SNAPSHOTS=1");
}

#[test]
fn every_template_is_listed_and_passes_check_under_another_name() {
    let folder = tempfile::tempdir().unwrap();
    let (code, list, _) = run(folder.path(), &["init"]);
    assert_eq!(code, 0);
    for name in names() {
        assert!(list.contains(&format!("\n  {name} ")), "{name}: {list}");
        let other = format!("my-{name}");
        let (code, said, error) = run(folder.path(), &["init", &name, "--name", &other, "--env", "MY_URL"]);
        assert_eq!(code, 0, "{name}: {said}{error}");
        let file = folder.path().join(format!("connectors/{other}.yaml"));
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains(&format!("connector: {other}\n")) && text.contains("{ env: MY_URL, default: "), "{text}");
    }
    let (code, text, _) = run(folder.path(), &["check"]);
    assert!(code == 0, "{text}");
    let (code, text, _) = run(folder.path(), &["test"]);
    assert!(code == 0 && !text.contains("no tests"), "{text}");
}

#[test]
fn nothing_is_overwritten_and_no_password_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let url = "postgres://app:s3cr3t-pw@db.example/app";
    let (code, said, error) = run(folder.path(), &["init", "django", "--database", url]);
    assert!(code == 0 && said.contains("set DJANGO_DATABASE_URL") && !said.contains("s3cr3t"), "{said}{error}");
    let file = folder.path().join("connectors/django.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(!text.contains("s3cr3t") && text.contains("database_url: { env: DJANGO_DATABASE_URL }\n"), "{text}");
    std::fs::write(&file, "mine").unwrap();
    let (code, _, error) = run(folder.path(), &["init", "django"]);
    assert!(code == 1 && error.contains("--force"), "{error}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
    assert_eq!(run(folder.path(), &["init", "django", "--force"]).0, 0);
    assert!(std::fs::read_to_string(&file).unwrap().contains("connector: django"));
    let (code, out, _) = run(folder.path(), &["init", "django", "--output", "-"]);
    assert!(code == 0 && out.contains("connector: django\n") && !out.contains("written: "));
    for (arguments, code, word) in [
        (&["init", "djngo"][..], 2, "did you mean `django`"),
        (&["init", "table", "--table", "users"], 2, "--hash COLUMN"),
        (&["init", "table", "--table", "users", "--hash", "h"], 2, "--identifier COLUMN"),
        (
            &["init", "table", "--table", "u", "--hash", "h", "--salt", "s", "--identifier", "e"],
            2,
            "--format FORMAT beside --salt",
        ),
        (&["init", "django", "--database", "gopher://x"], 2, "unknown scheme"),
        (&["init", "django", "--env", "A B"], 2, "no name of an environment variable"),
        (&["init", "django", "--name", "a b"], 1, "error[invalid"),
        (
            &["init", "table", "--table", "u", "--hash", "h", "--identifier", "e", "--format", "bcrpyt"],
            1,
            "error[unknown-format]",
        ),
        (&["init", "--from", "env:NOT_SET_ANYWHERE"], 2, "is not set"),
        (&["init", "--from", "postgres://u:s3cr3t@127.0.0.1:1/d"], 1, "cannot be read"),
    ] {
        let (found, _, error) = run(folder.path(), arguments);
        assert!(found == code && error.contains(word) && !error.contains("s3cr3t"), "{arguments:?}: {found} {error}");
    }
}

const DIALECTS: [Dialect; 3] = [Dialect::Sqlite, Dialect::Postgres, Dialect::Mysql];

fn key(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Postgres => "integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY",
        Dialect::Mysql => "integer AUTO_INCREMENT PRIMARY KEY",
        Dialect::Sqlite => "INTEGER PRIMARY KEY",
    }
}

/// Serves the definitions; for each logs Ann in, changes her password and logs her in again.
fn serves(definitions: &[(String, String)]) {
    let setup =
        definitions.iter().fold(Setup::new(), |setup, (name, text)| setup.definition(&format!("{name}.yaml"), text));
    let gateway = setup.start();
    for (connector, text) in definitions {
        let login =
            |password: &str| gateway.call(connector, "login", &json!({ "identifier": "ann", "password": password }));
        let reply = login(PASSWORD);
        assert_eq!(reply.status, 200, "{text}\n{}", reply.text);
        assert_eq!(login("wrong").status, 401);
        let change = json!({ "identifier": "ann", "password": "changed-it" });
        let reply = gateway.call(connector, "change_password", &change);
        assert_eq!(reply.status, 200, "{text}\n{}", reply.text);
        assert_eq!((login("changed-it").status, login(PASSWORD).status), (200, 401), "{text}");
    }
}

#[test]
fn a_table_of_ones_own_logs_its_users_in() {
    for dialect in DIALECTS {
        let store = Store::new(dialect);
        store.script(&format!(
            "CREATE TABLE people (pk {}, mail varchar(100) UNIQUE, nick varchar(50) UNIQUE, plan varchar(20), secret varchar(255));
             INSERT INTO people (mail, nick, plan, secret) VALUES ('ann@example.com', 'ann', 'gold', '{HASH}')",
            key(dialect)
        ));
        let folder = tempfile::tempdir().unwrap();
        let flags =
            ["--table", "people", "--id", "pk", "--identifier", "mail", "--identifier", "nick", "--hash", "secret"];
        let more = ["--format", "bcrypt", "--format", "md5-crypt", "--column", "plan", "--database", &store.url];
        let all: Vec<&str> = ["init", "table"].iter().chain(&flags).chain(&more).copied().collect();
        let (code, said, error) = run(folder.path(), &all);
        assert_eq!(code, 0, "{dialect}: {said}{error}");
        let (code, text, _) = run(folder.path(), &["check", "--strict", "connectors/people.yaml"]);
        assert_eq!(code, 0, "{dialect}: {text}");
        let text = std::fs::read_to_string(folder.path().join("connectors/people.yaml")).unwrap();
        serves(&[("people".to_owned(), text)]);
    }
}

/// Tables that no template knows: the columns, and how Ann's row is.
const TABLES: &[(&str, &str, &str)] = &[
    ("users", "id KEY, email varchar(120) UNIQUE NOT NULL, password_hash varchar(120)", "email, password_hash"),
    (
        "accounts",
        "account_id KEY, login varchar(50) UNIQUE, passwd varchar(100), created_at timestamp NULL",
        "login, passwd",
    ),
    (
        "member",
        "member_id KEY, user_name varchar(50) UNIQUE, pwd varchar(100), pwd_reset_token varchar(100)",
        "user_name, pwd",
    ),
    (
        "tbl_customer",
        "customer_id KEY, email_address varchar(80) UNIQUE, first_name varchar(40), cust_pass varchar(100)",
        "email_address, cust_pass",
    ),
    (
        "people",
        "uid KEY, nickname varchar(40) UNIQUE, encrypted_password varchar(200), must_be char(3) NOT NULL DEFAULT 'x'",
        "nickname, encrypted_password",
    ),
    (
        "app_user",
        "id KEY, username varchar(40) UNIQUE, email varchar(80) UNIQUE, email_verified_at timestamp NULL, pass varchar(100)",
        "username, pass",
    ),
];

#[test]
fn without_a_format_every_stored_value_that_says_its_own_is_taken() {
    for format in [&[][..], &["--format", "auto"]] {
        let store = Store::new(Dialect::Sqlite);
        store.script(&format!(
            "CREATE TABLE people (id integer PRIMARY KEY, email varchar(90) UNIQUE NOT NULL, password_hash varchar(200));
             INSERT INTO people (email, password_hash) VALUES ('ann', '{HASH}')"
        ));
        let folder = tempfile::tempdir().unwrap();
        let table = ["init", "table", "--table", "people", "--identifier", "email", "--hash", "password_hash"];
        let more = ["--name", "found", "--database", &store.url, "--output", "found.yaml"];
        let (code, said, error) = run(folder.path(), &[&table[..], &more, format].concat());
        assert_eq!(code, 0, "{said}{error}");
        let (code, said, _) = run(folder.path(), &["check", "--connect", "found.yaml"]);
        assert_eq!(code, 0, "{said}");
        serves(&[("found".to_owned(), std::fs::read_to_string(folder.path().join("found.yaml")).unwrap())]);
    }
}

#[test]
fn a_look_at_a_database_finds_the_table_of_users() {
    for dialect in DIALECTS {
        let (mut definitions, mut stores) = (Vec::new(), Vec::new());
        for (table, columns, into) in TABLES {
            let name = format!("found-{}", definitions.len());
            let store = Store::new(dialect);
            store.script(&format!(
                "CREATE TABLE {table} ({});
                 CREATE TABLE orders (id {key}, customer varchar(20), hash varchar(64), email varchar(80));
                 CREATE TABLE user_sessions (id {key}, token varchar(100), password_seen_at timestamp NULL);
                 INSERT INTO {table} ({into}) VALUES ('ann', '{HASH}')",
                columns.replace("KEY", key(dialect)),
                key = key(dialect)
            ));
            let folder = tempfile::tempdir().unwrap();
            let (code, said, error) =
                run(folder.path(), &["init", "--from", &store.url, "--output", "found.yaml", "--name", &name]);
            assert_eq!(code, 0, "{dialect} {table}: {said}{error}");
            assert!(error.contains(&format!("taken: `{table}`, certain enough")), "{dialect} {table}: {error}");
            assert!(error.contains("md5-crypt") && !error.contains(HASH), "{dialect} {table}: {error}");
            let (code, text, _) = run(folder.path(), &["check", "--connect", "found.yaml"]);
            assert_eq!(code, 0, "{dialect} {table}: {text}");
            definitions.push((name, std::fs::read_to_string(folder.path().join("found.yaml")).unwrap()));
            stores.push(store);
        }
        serves(&definitions);
        let empty = Store::new(dialect);
        empty.script("CREATE TABLE orders (id integer, total integer)");
        let (code, _, error) = run(Path::new("."), &["init", "--from", &empty.url, "--output", "-"]);
        assert!(code == 1 && error.contains("no table looks like one of users"), "{dialect}: {error}");
    }
}

/// Every schema of an application that is known, under the usual prefix and under another one.
#[test]
fn known_applications_are_recognised_by_their_tables() {
    let fixtures = root().join("tests/fixtures");
    let folders = std::fs::read_dir(fixtures).unwrap().map(|entry| entry.unwrap().path());
    let files = folders.flat_map(|folder| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()));
    let mut files: Vec<_> = files.collect();
    files.sort();
    let mut recognised = BTreeSet::new();
    let mut wrong = Vec::new();
    for file in &files {
        let name = file.file_name().unwrap().to_str().unwrap();
        let [application, database, "sql"] = name.split('.').collect::<Vec<_>>()[..] else { continue };
        let dialect = match database {
            "postgres" => Dialect::Postgres,
            "mysql" => Dialect::Mysql,
            "sqlite" => Dialect::Sqlite,
            _ => continue,
        };
        let store = Store::new(dialect);
        store.script(&std::fs::read_to_string(file).unwrap());
        let out = tempfile::tempdir().unwrap();
        let (code, _, error) = run(out.path(), &["init", "--from", &store.url, "--output", "a.yaml"]);
        let text = std::fs::read_to_string(out.path().join("a.yaml")).unwrap_or_default();
        let works = || {
            let asked = ["try", "a.yaml", "get_user", "--identifier", "nobody@example.com", "--format", "json"];
            let (_, told, error) = run(out.path(), &asked);
            told.contains("\"outcome\": \"not_found\"") || !error.is_empty() && panic_with(&error)
        };
        // Errors only: the owner's powers and the applications' own habits are warnings.
        let (connected, said, _) = run(out.path(), &["check", "--connect", "a.yaml"]);
        if code == 0 && text.contains(&format!("connector: {application}\n")) && works() && connected == 0 {
            recognised.insert(application.to_owned());
        } else {
            wrong.push(format!("{name}: {error}\n{said}"));
        }
    }
    assert!(recognised.len() >= 15 && wrong.is_empty(), "{} recognised; not:\n{}", recognised.len(), wrong.join("\n"));
}

#[expect(clippy::panic, reason = "a helper of tests fails the test")]
fn panic_with(text: &str) -> bool {
    panic!("{text}")
}

#[test]
fn tables_outside_the_search_path_are_found_and_named_with_their_schema() {
    let store = Store::new(Dialect::Postgres);
    store.script(&format!(
        "CREATE SCHEMA shop; CREATE TABLE shop.people (id {}, email varchar(90) UNIQUE NOT NULL, password_hash varchar(200));
         INSERT INTO shop.people (email, password_hash) VALUES ('ann', '{HASH}')",
        key(Dialect::Postgres)
    ));
    let folder = tempfile::tempdir().unwrap();
    let (code, _, error) =
        run(folder.path(), &["init", "--from", &store.url, "--output", "found.yaml", "--name", "found"]);
    assert!(code == 0 && error.contains("taken: `shop.people`"), "{error}");
    let (code, said, _) = run(folder.path(), &["check", "--connect", "found.yaml"]);
    assert_eq!(code, 0, "{said}");
    serves(&[("found".to_owned(), std::fs::read_to_string(folder.path().join("found.yaml")).unwrap())]);
}

#[test]
fn the_list_of_templates_is_there_for_programs() {
    let folder = tempfile::tempdir().unwrap();
    let (code, list, _) = run(folder.path(), &["init", "--format", "json"]);
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    let listed: Vec<&str> =
        list["templates"].as_array().unwrap().iter().map(|template| template["name"].as_str().unwrap()).collect();
    assert_eq!((code, listed), (0, names().iter().map(String::as_str).collect()));
    assert!(list["templates"][0]["about"].as_str().unwrap().len() > 20);
    assert_eq!(run(folder.path(), &["init", "--format", "yaml"]).0, 2);
}

#[test]
fn a_table_prefix_of_the_sites_own_is_found() {
    let sql = std::fs::read_to_string(root().join("tests/fixtures/schemas/joomla.mysql.sql")).unwrap();
    let store = Store::new(Dialect::Mysql);
    store.script(&sql.replace("jos_", "x7k_"));
    let folder = tempfile::tempdir().unwrap();
    let (code, _, error) = run(folder.path(), &["init", "--from", &store.url, "--output", "a.yaml"]);
    let text = std::fs::read_to_string(folder.path().join("a.yaml")).unwrap_or_default();
    assert!(code == 0 && text.contains("JOOMLA_TABLE_PREFIX, default: \"x7k_\" }"), "{error}\n{text}");
    let (_, told, _) = run(folder.path(), &["try", "a.yaml", "get_user", "--identifier", "nobody", "--format", "json"]);
    assert!(told.contains("not_found"), "{told}");
}
