//! What is on disk is what is served: every kind of save, storms of them, and the faults in between, against the real
//! gateway while it answers.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

#[path = "reload/faults.rs"]
mod faults;
#[path = "reload/load.rs"]
mod load;
#[path = "reload/pools.rs"]
mod pools;
#[path = "reload/saves.rs"]
mod saves;
#[path = "reload/settings.rs"]
mod settings;
#[path = "reload/silence.rs"]
mod silence;
#[path = "reload/storm.rs"]
mod storm;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use crate::gateway::{Gateway, Setup};

/// How long after a save its content must be served.
const NOTICED: Duration = Duration::from_secs(3);

/// A definition that needs no table and shows its number in four places, which must agree in every answer. The
/// password is `hello`.
fn numbered(connector: &str, number: u32) -> String {
    format!(
        "version: 1
connector: {connector}
database: {{ url: 'sqlite:{connector}.db?mode=rwc' }}
password: {{ column: hash, formats: [bcrypt] }}
profile:
  app_metadata: {{ a: '{number}', b: '{number}' }}
actions:
  get_user:
    sql: SELECT 7 AS id, {{{{ identifier }}}} AS email, '{number}' AS name
  login:
    sql: SELECT 7 AS id, {{{{ identifier }}}} AS email, '{number}' AS name, '{HASH}' AS hash
deny:
  - {{ when: \"{{{{ email == 'locked' }}}}\", message: Locked {number} }}
"
    )
}

const HASH: &str = "$2y$04$oBop9oEj4hCukKE67Oegfeq/orJYhK0npdMPFEQpbooEmB5eoShlG";

/// The version that the gateway gives a text.
fn version(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// The one number that an answer shows.
#[track_caller]
fn number_in(user: &Json) -> u32 {
    let number = &user["name"];
    assert_eq!((number, number), (&user["app_metadata"]["a"], &user["app_metadata"]["b"]), "two versions in {user}");
    number.as_str().unwrap().parse().unwrap()
}

fn ask(gateway: &Gateway, connector: &str) -> u32 {
    number_in(&gateway.call(connector, "get_user", &json!({ "identifier": "ann" })).user())
}

/// Waits until the connector serves this number.
#[track_caller]
fn served(gateway: &Gateway, connector: &str, number: u32) {
    let what = format!("number {number} of {connector} is served");
    soon(gateway, &what, || {
        let reply = gateway.call(connector, "get_user", &json!({ "identifier": "ann" }));
        reply.status == 200 && number_in(&reply.user()) == number
    });
}

/// Waits until it is so, as long as a save may take.
#[track_caller]
fn soon(gateway: &Gateway, what: &str, so: impl Fn() -> bool) {
    let started = Instant::now();
    while !so() {
        assert!(started.elapsed() < NOTICED, "not in time: {what}\n{}\n{}", status(gateway), tail(&gateway.log()));
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The end of a log.
fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().filter(|line| !line.contains("userbridge::request")).collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

fn status(gateway: &Gateway) -> Json {
    gateway.get("/status").json()["connectors"].clone()
}

/// The status of the connector, or of the file that defines none, by the file's name.
fn status_of(gateway: &Gateway, file: &str) -> Json {
    let all = status(gateway);
    let mut list = all.as_array().unwrap().iter();
    list.find(|entry| entry["file"].as_str().unwrap().ends_with(file)).cloned().unwrap_or_default()
}

fn state_of(gateway: &Gateway, file: &str) -> String {
    status_of(gateway, file)["state"].as_str().unwrap_or("absent").to_owned()
}

/// How often the gateway logged this message.
fn logged(gateway: &Gateway, message: &str) -> usize {
    gateway.records().iter().filter(|record| record["fields"]["message"] == message).count()
}

/// Replaces a file as programs do that mean it: written aside, then renamed.
fn rename_over(path: &Path, text: &str) {
    let aside = path.with_extension("new");
    std::fs::write(&aside, text).unwrap();
    private(&aside);
    std::fs::rename(aside, path).unwrap();
}

/// A secret is taken from a file that only its owner can read.
fn private(path: &Path) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

fn quiet() -> Setup {
    // A record for each request would be all that there is to read.
    Setup::new().env("USERBRIDGE_LOG", "info,userbridge::request=warn").env("NO_COLOR", "1")
}
