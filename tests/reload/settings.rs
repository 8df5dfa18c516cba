//! The gateway's own settings while it runs.

use super::load::Load;
use super::*;
use crate::gateway::client;

const HEAD: &str = "listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\n";

/// Settings with a limit for accounts and these clients.
fn settings(account: &str, clients: &str) -> String {
    format!("{HEAD}limits: {{ client: 100000/s, account: {account} }}\nclients:\n{clients}")
}

fn other() -> &'static str {
    "  - id: other\n    secrets: ['sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824']\n    scopes: ['*:*']\n"
}

fn start(text: &str) -> Gateway {
    quiet().definition("twin.yaml", &numbered("twin", 1)).settings(text).start()
}

fn status_code(gateway: &Gateway) -> u16 {
    gateway.call("twin", "get_user", &json!({ "identifier": "ann" })).status
}

#[test]
fn a_removed_client_is_refused_and_an_added_one_admitted() {
    let both = settings("100000/s", &(client().yaml.clone() + other()));
    let gateway = start(&both);
    let file = gateway.folder().join("userbridge.yaml");
    assert_eq!(status_code(&gateway), 200);
    let begun = Instant::now();
    rename_over(&file, &settings("100000/s", other()));
    soon(&gateway, "the client is refused", || status_code(&gateway) == 401);
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    std::fs::write(&file, &both).unwrap();
    soon(&gateway, "the client is admitted", || status_code(&gateway) == 200);
}

#[test]
fn half_written_or_broken_settings_change_nothing() {
    let text = settings("100000/s", &(other().to_owned() + &client().yaml));
    let gateway = start(&text);
    let file = gateway.folder().join("userbridge.yaml");
    let load = Load::on(&gateway, "twin");
    for half in ["", HEAD, &settings("100000/s", other()), "clients: [", "klients: []\n"] {
        std::fs::write(&file, half).unwrap();
        std::thread::sleep(Duration::from_millis(600));
        std::fs::write(&file, &text).unwrap();
        std::thread::sleep(Duration::from_millis(600));
    }
    std::fs::remove_file(&file).unwrap();
    std::thread::sleep(Duration::from_millis(2500));
    std::fs::write(&file, &text).unwrap();
    load.end();
    let refusals = gateway.records().iter().filter(|record| record.to_string().contains("settings refused")).count();
    assert!(refusals >= 2, "{}", tail(&gateway.log()));
}

#[test]
fn what_needs_a_restart_is_said_and_not_done() {
    let text = settings("100000/s", &client().yaml);
    let gateway = start(&text);
    let file = gateway.folder().join("userbridge.yaml");
    let moved = text.replace("listen: 127.0.0.1:0", "listen: 127.0.0.1:1\nrequest_timeout: 9s");
    rename_over(&file, &moved);
    let said = "these settings need a restart; the old ones stay in force";
    soon(&gateway, "it is said", || logged(&gateway, said) == 1);
    let record = gateway.records().into_iter().find(|record| record["fields"]["message"] == said).unwrap();
    assert_eq!(record["fields"]["settings"], "listen, request_timeout");
    assert_eq!(status_code(&gateway), 200, "the old address answers");
}

#[test]
fn limits_remember_attempts_over_a_reload() {
    let text = settings("3/min", &client().yaml);
    let gateway = start(&text);
    let file = gateway.folder().join("userbridge.yaml");
    let attempt = || gateway.call("twin", "login", &json!({ "identifier": "bob", "password": "wrong" })).status;
    assert_eq!([attempt(), attempt(), attempt(), attempt()], [401, 401, 401, 429]);
    rename_over(&file, &(text.clone() + other()));
    let applied = "clients, networks, limits, faces and keys are those of the changed settings";
    soon(&gateway, "the settings are in force", || logged(&gateway, applied) == 1);
    assert_eq!(attempt(), 429, "the reload gave the attempts back");
    rename_over(&gateway.connectors().join("twin.yaml"), &numbered("twin", 2));
    served(&gateway, "twin", 2);
    assert_eq!(attempt(), 429);
    let carol = gateway.call("twin", "login", &json!({ "identifier": "carol", "password": "wrong" }));
    assert_eq!(carol.status, 401, "another account is another one");
}

#[test]
fn a_disabled_connector_is_refused_within_two_seconds() {
    let gateway = start(&settings("100000/s", &client().yaml));
    assert_eq!(status_code(&gateway), 200);
    let file = gateway.connectors().join("twin.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let begun = Instant::now();
    rename_over(&file, &format!("{text}disabled: true\n"));
    soon(&gateway, "it is refused", || status_code(&gateway) == 503);
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    rename_over(&file, &text);
    soon(&gateway, "it is served again", || status_code(&gateway) == 200);
}
