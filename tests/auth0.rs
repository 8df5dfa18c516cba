//! Auth0's scripts in `examples/auth0`, run by Node.js in a sandbox that has their sandbox's rules.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use userbridge::sql::Dialect;

use crate::gateway::{Gateway, Setup, client, program};
use crate::programs::says;
use crate::stores::Store;

const DEFINITION: &str = include_str!("../examples/quickstart/users.yaml");

/// What every script ends with.
const SHARED: &str = "  // ---- From here to the end, every script is the same. ----";

#[test]
fn the_sandbox_catches_what_auth0_forbids() {
    says(&mut node("controls.mjs"), "controls hold\n");
}

#[test]
fn every_doubt_is_a_plain_error_and_every_no_has_its_own() {
    says(&mut node("faults.mjs"), "faults hold\n");
}

#[test]
fn sqlite() {
    every_action(Dialect::Sqlite, include_str!("../examples/quickstart/schema.sqlite.sql"));
}

#[test]
fn postgres() {
    every_action(Dialect::Postgres, include_str!("../examples/quickstart/schema.postgres.sql"));
}

#[test]
fn mysql() {
    every_action(Dialect::Mysql, include_str!("../examples/quickstart/schema.mysql.sql"));
}

#[test]
fn limits_are_never_a_wrong_password() {
    let store = Store::new(Dialect::Sqlite);
    store.script(include_str!("../examples/quickstart/schema.sqlite.sql"));
    let (gateway, base) = gateway(&store, "limits: { account: 3/min }\n", "");
    says(node("limits.mjs").args([&base, "tests", &client().key]), "limits hold\n");
    drop(gateway);
}

#[test]
fn the_scripts_share_one_text_and_fit_the_sandbox() {
    let texts: Vec<(PathBuf, String)> = std::fs::read_dir(scripts())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "js"))
        .map(|path| (path.clone(), std::fs::read_to_string(path).unwrap()))
        .collect();
    assert_eq!(texts.len(), 9, "{texts:?}");
    let shared = |text: &str| text.split_once(SHARED).map(|(_, shared)| shared.to_owned());
    let first = shared(&texts[0].1).unwrap();
    for (path, text) in &texts {
        assert_eq!(shared(text).as_ref(), Some(&first), "{}", path.display());
        // The Deploy CLI replaces these in scripts, too.
        assert!(!text.contains("##") && !text.contains("@@") && !text.contains("console"), "{}", path.display());
        assert!(text.len() < 10_000, "{}", path.display());
    }
}

/// The files that install the scripts name each of them, and the settings that they read.
#[test]
fn what_installs_the_scripts_names_them_all() {
    let folder = scripts();
    let database: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(folder.join("database.json")).unwrap()).unwrap();
    let options = &database["options"];
    let listed = options["customScripts"].as_object().unwrap();
    assert_eq!(listed.len(), 7, "the names that the Deploy CLI knows");
    for (action, path) in listed {
        assert_eq!(path, &format!("./{action}.js"));
        assert!(folder.join(format!("{action}.js")).exists());
    }
    let terraform = std::fs::read_to_string(folder.join("../../main.tf")).unwrap();
    let readme = std::fs::read_to_string(folder.join("../../README.md")).unwrap();
    for action in userbridge::action::Action::ALL.into_iter().filter(|action| action.as_str() != "list_users") {
        assert!(terraform.contains(&format!("{action}")), "{action}");
        assert!(readme.contains(&format!("{action}.js")), "{action}");
    }
    let script = std::fs::read_to_string(folder.join("create.js")).unwrap();
    let read =
        script.split(|c: char| !c.is_ascii_uppercase() && c != '_').filter(|name| name.starts_with("USERBRIDGE_"));
    let needed = ["USERBRIDGE_URL", "USERBRIDGE_CONNECTOR", "USERBRIDGE_CLIENT_ID", "USERBRIDGE_CLIENT_SECRET"];
    for name in read {
        assert!(readme.contains(name), "{name}");
    }
    for name in needed {
        assert!(
            script.contains(name) && terraform.contains(name) && !options["configuration"][name].is_null(),
            "{name}"
        );
    }
}

fn every_action(dialect: Dialect, schema: &str) {
    let store = Store::new(dialect);
    store.script(schema);
    let stranger = key("stranger");
    let (gateway, base) = gateway(&store, "", &stranger.1);
    says(node("actions.mjs").args([&base, "tests", &client().key, &stranger.0]), "actions hold\n");
    let log = gateway.log();
    for secret in ["a new password", &client().key, &stranger.0] {
        assert!(!log.contains(secret), "{log}");
    }
}

/// A gateway that issues tokens, with the quick start on this store, and on a database that is down.
fn gateway(store: &Store, limits: &str, clients: &str) -> (Gateway, String) {
    // The port is known before the gateway binds it; another program may take it in between, once in a blue moon.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let base = format!("http://127.0.0.1:{port}");
    let settings = format!(
        "listen: 127.0.0.1:{port}\nadmin: 127.0.0.1:0\nrequest_timeout: 30s\n{limits}tokens: {{ issuer: \"{base}\" }}\n\
         clients:\n{}{clients}",
        client().yaml
    );
    // Nobody listens on port 1.
    let down = DEFINITION
        .replace("connector: users", "connector: down")
        .replace("prefix: \"users|\"", "prefix: \"down|\"")
        .replace("\"{{ configuration.database_url }}\"", "\"mysql://nobody@127.0.0.1:1/nothing\"");
    let down = &down[..down.find("\ntests:").unwrap() + 1];
    let setup = Setup::new().definition("users.yaml", DEFINITION).definition("down.yaml", down).settings(settings);
    let gateway = setup.env("USERS_DATABASE_URL", &store.url).without_databases().start();
    (gateway, base)
}

/// Another client's key and its entry under `clients:`, with scopes for something else.
fn key(id: &str) -> (String, String) {
    let output = program().args(["client", "new", id]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (keys, yaml): (Vec<&str>, Vec<&str>) =
        text.lines().filter(|line| !line.starts_with('#')).partition(|line| !line.starts_with(' '));
    (keys[0].to_owned(), yaml.join("\n").replace("\"*:*\"", "\"other:*\"") + "\n")
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/auth0/databases/userbridge")
}

fn node(script: &str) -> Command {
    let mut command = Command::new("node");
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/auth0").join(script));
    command
}
