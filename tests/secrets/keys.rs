//! Of an API key nothing is kept but its digest.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use super::search::Search;
use crate::gateway::{Gateway, client};
use crate::people::{NO_LIMITS, PASSWORD, setup};
use crate::tokens::support::{ask, form};

/// Every file below a folder, with its content as text.
fn contents(folder: &Path) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(contents(&path));
        } else {
            all.push((
                path.display().to_string(),
                String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned(),
            ));
        }
    }
    all
}

/// What could betray the key: all of it, and its random part.
fn search() -> Search {
    let key = &client().key;
    // The random part may hold a `_` itself.
    let random = key.splitn(3, '_').nth(2).unwrap();
    Search::new(&[("key", key), ("random part", random)])
}

/// Everything that a gateway keeps and shows.
fn look_through(search: &mut Search, gateway: &Gateway) {
    for (path, text) in contents(gateway.folder()) {
        // An empty file holds nothing.
        if !text.is_empty() {
            search.through(&path, text);
        }
    }
    search.through("log", gateway.log());
    for path in ["/status", "/metrics"] {
        search.through(path, gateway.get(path).text);
    }
}

#[test]
fn nothing_that_a_gateway_writes_holds_a_key() {
    let settings =
        format!("{NO_LIMITS}audit: {{ to: 'file:audit.jsonl' }}\ntokens: {{ issuer: 'https://a.example' }}\n");
    let gateway = setup(&settings).env("USERBRIDGE_LOG", "trace").start();
    let known = json!({ "identifier": "ann@example.com", "password": PASSWORD });
    assert_eq!(gateway.call("people", "login", &known).code(), "user", "the digest is enough to know the key");
    let new = json!({ "email": "new@example.com", "password": "battery staple", "user_metadata": { "a": 1 } });
    gateway.call("people", "create", &new);
    gateway.call("nobody", "get_user", &json!({ "identifier": "x" }));
    assert_eq!(ask(gateway.address, &[], &form("")).status, 200);
    // A key in the wrong place, as clients send it.
    gateway.post(&format!("/v1/connectors/people/get_user?key={}", client().key), b"{}");
    gateway.eventually("the decisions are recorded", || {
        std::fs::read_to_string(gateway.folder().join("audit.jsonl")).is_ok_and(|text| text.lines().count() >= 2)
    });
    let mut keys = search();
    look_through(&mut keys, &gateway);
    keys.nothing();
    // The digest is what is kept.
    let settings = std::fs::read_to_string(gateway.folder().join("userbridge.yaml")).unwrap();
    assert!(settings.contains("sha256:"));
    // The control: a key that somebody keeps is found.
    std::fs::write(gateway.folder().join("notes"), format!("the key: {}", client().key)).unwrap();
    look_through(&mut keys, &gateway);
    assert!(keys.take().iter().all(|found| found.contains("notes")), "elsewhere, too");
}

#[test]
fn making_a_key_writes_it_nowhere_and_shows_it_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_userbridge"));
    command.args(["client", "new", "idp"]).current_dir(folder.path()).env("HOME", folder.path());
    let output = command.output().unwrap();
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    let key = text.split_whitespace().find(|word| word.starts_with("ub_idp_")).unwrap().to_owned();
    assert!(contents(folder.path()).is_empty(), "{:?}", contents(folder.path()));
    let (_, random) = key.rsplit_once('_').unwrap();
    assert_eq!(text.matches(random).count(), 1, "the settings that are printed beside it hold it as well");
    assert!(text.contains("sha256:"));
}
