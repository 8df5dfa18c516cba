//! Allowlists in files.

use std::time::Duration;

use serde_json::json;

use super::support::*;
use crate::gateway::{Gateway, Setup, check};

const KEPT: &str = "a file of networks is refused, its last good content stays";

fn setup(lines: &str, clients: &str, networks: &str) -> Setup {
    let setup = Setup::new().definition("tiny.yaml", TINY).settings(settings(lines, clients));
    std::fs::write(setup.folder().join("networks"), networks).unwrap();
    setup
}

fn status(gateway: &Gateway) -> u16 {
    gateway.call("tiny", "get_user", &body()).status
}

fn published(networks: &[&str]) -> String {
    json!({ "last_updated_at": "2026-01-01", "regions": {
        "EU": { "ipv4_cidrs": networks }, "US": { "ipv4_cidrs": ["203.0.113.0/24"] }
    } })
    .to_string()
}

#[test]
fn a_file_of_networks_is_followed_and_its_last_good_content_stays() {
    let gateway = setup("allowlist: [{ file: networks }]\n", "", "# us\n127.0.0.0/8 # loopback\n").start();
    let file = gateway.folder().join("networks");
    assert_eq!(status(&gateway), 200);
    for (number, broken) in
        ["", "# nothing\n", "127.0.0.0/8\n<html>\n", "10.0.0.7/8\n", "{\"regions\": {"].iter().enumerate()
    {
        std::fs::write(&file, broken).unwrap();
        gateway.eventually(broken, || logged(&gateway, KEPT) > number);
        assert_eq!(status(&gateway), 200, "{broken:?}");
    }
    std::fs::remove_file(&file).unwrap();
    gateway.eventually("it is said", || logged(&gateway, KEPT) > 5);
    assert_eq!(status(&gateway), 200);
    replace(&file, "10.0.0.0/8\n192.0.2.0/24\n");
    gateway.eventually("the new list is in force", || status(&gateway) == 403);
    std::fs::write(&file, "").unwrap();
    gateway.eventually("it is said", || logged(&gateway, KEPT) > 6);
    assert_eq!(status(&gateway), 403, "an empty file never means everybody");
    replace(&file, &published(&["127.0.0.1/32", "192.0.2.0/24"]));
    gateway.eventually("the published layout is read", || status(&gateway) == 200);
    // The first half of a plain list is a list, too: it is believed only when it stays so.
    std::fs::write(&file, "10.0.0.0/8\n").unwrap();
    std::thread::sleep(Duration::from_millis(400));
    std::fs::write(&file, "10.0.0.0/8\n127.0.0.0/8\n192.0.2.0/24\n").unwrap();
    for _ in 0..40 {
        assert_eq!(status(&gateway), 200);
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn regions_and_clients_have_lists_of_their_own() {
    let lines = "allowlist: [10.0.0.0/8, { file: networks, regions: [EU] }]\n";
    let gateway = setup(lines, "", &published(&["127.0.0.0/8"])).start();
    let (file, settings_file) = (gateway.folder().join("networks"), gateway.folder().join("userbridge.yaml"));
    assert_eq!(status(&gateway), 200);
    replace(&settings_file, &settings(&lines.replace("EU", "US"), ""));
    gateway.eventually("the other region is in force", || status(&gateway) == 403);
    replace(
        &settings_file,
        &settings("", "").replace("    scopes:", "    allowlist: [{ file: networks }]\n    scopes:"),
    );
    gateway.eventually("the client's own list admits", || status(&gateway) == 200);
    replace(&file, "10.0.0.0/8\n2001:db8::/32\n198.51.100.0/24\n");
    gateway.eventually("the client's own list is followed", || status(&gateway) == 403);
}

#[test]
fn a_broken_list_does_not_hold_back_the_rest_of_the_settings() {
    let other = "  - { id: other, secrets: ['sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824'], scopes: ['*:*'] }\n";
    let lines = "allowlist: [{ file: networks }]\n";
    let gateway = setup(lines, other, "127.0.0.0/8\n").start();
    std::fs::write(gateway.folder().join("networks"), "junk").unwrap();
    gateway.eventually("it is said", || logged(&gateway, KEPT) == 1);
    assert_eq!(status(&gateway), 200);
    replace(&gateway.folder().join("userbridge.yaml"), &format!("{HEAD}{lines}clients:\n{other}"));
    gateway.eventually("the client is removed all the same", || status(&gateway) == 401);
}

#[test]
fn lists_that_admit_nobody_or_cannot_be_read_are_found_before_the_start() {
    let cases = [
        ("allowlist: [{ file: networks }]\n", "", Some("there is no network in it")),
        ("allowlist: [{ file: networks }]\n", "10.0.0.0/8\njunk\n", Some("line 2: `junk` is no network")),
        ("allowlist: [{ file: absent }]\n", "", Some("cannot use the networks in `absent`")),
        ("allowlist: [{ file: connectors }]\n", "", Some("not a regular file")),
        (
            "allowlist: [{ file: networks, regions: [MARS] }]\n",
            "{\"regions\":{\"EU\":{\"ipv4_cidrs\":[\"10.0.0.0/8\"]}}}",
            Some("no region `MARS`"),
        ),
        ("allowlist: []\n", "", Some("an empty allowlist admits nobody")),
        ("allowlist: [10.0.0.7/8]\n", "", Some("bits set beyond its prefix")),
        ("allowlist: [{ file: networks }]\n", "127.0.0.0/8\n", None),
    ];
    for (lines, networks, problem) in cases {
        let setup = setup(lines, "", networks);
        let file = setup.folder().join("userbridge.yaml");
        write(&file, &settings(lines, ""));
        let (checked, code) = check(&file, &[]);
        match (setup.try_start(), problem) {
            (Ok(gateway), None) => assert_eq!((status(&gateway), code), (200, Some(0)), "{checked}"),
            (Err(refused), Some(problem)) => {
                assert_eq!((code, refused.code), (Some(1), Some(78)), "{checked}");
                assert!(checked.contains(problem) && refused.output.contains(problem), "{problem}: {checked}");
            }
            (started, _) => unreachable!("{problem:?}: {}", started.is_ok()),
        }
    }
}

#[test]
fn a_list_of_everything_is_a_warning() {
    let setup = setup("allowlist: [{ file: networks }]\n", "", "0.0.0.0/0\n");
    let file = setup.folder().join("userbridge.yaml");
    write(&file, &settings("allowlist: [{ file: networks }]\n", ""));
    let (checked, code) = check(&file, &[]);
    assert!(checked.contains("warning[open-allowlist]") && checked.contains("admits every address"), "{checked}");
    assert_eq!(code, Some(0));
    assert_eq!(setup.start().call("tiny", "get_user", &body()).status, 200);
}
