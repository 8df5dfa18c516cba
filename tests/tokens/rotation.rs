//! Keys and clients that change while requests run.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use rustix::process::Signal;

use super::support::*;
use crate::gateway::Gateway;

fn published(gateway: &Gateway) -> Vec<String> {
    let keys = send(gateway.address, "GET", "/.well-known/jwks.json", &[], b"").json();
    keys["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

fn signs(gateway: &Gateway) -> String {
    header_of(&ask(gateway.address, &[], &form("")).token())["kid"].as_str().unwrap().to_owned()
}

fn rotate(gateway: &Gateway) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_userbridge"));
    let output = command.args(["tokens", "rotate"]).current_dir(gateway.folder()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn keys_rotate_under_load_without_a_lost_request() {
    let limits = "limits: { client: 1000000/s }";
    let gateway = start(settings(", settle: 3s", "", limits));
    let (stop, calls, seen) = (AtomicBool::new(false), AtomicUsize::new(0), Mutex::new(Vec::<String>::new()));
    let address = gateway.address;
    let old = signs(&gateway);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !stop.load(Ordering::SeqCst) {
                    let token = ask(address, &[], &form("")).token();
                    let kid = header_of(&token)["kid"].as_str().unwrap().to_owned();
                    for _ in 0..5 {
                        let reply = call(address, &token);
                        assert_eq!(reply.status, 200, "{reply:?}");
                        calls.fetch_add(1, Ordering::SeqCst);
                    }
                    let mut seen = seen.lock().unwrap();
                    if !seen.contains(&kid) {
                        seen.push(kid);
                    }
                }
            });
        }
        rotate(&gateway);
        gateway.signal(Signal::HUP);
        gateway.eventually("the new key is published", || published(&gateway).len() == 2);
        // Published first, and no instance has signed with it.
        assert_eq!(signs(&gateway), old);
        gateway.eventually("the new key signs", || signs(&gateway) != old);
        // Half of them are told, half find out by themselves.
        std::thread::sleep(Duration::from_millis(1200));
        rotate(&gateway);
        gateway.eventually("a third key is published", || published(&gateway).len() == 3);
        gateway.eventually("the third key signs", || signs(&gateway) == published(&gateway)[0]);
        stop.store(true, Ordering::SeqCst);
    });
    assert_eq!(seen.lock().unwrap().len(), 3, "the load saw every key");
    assert!(calls.load(Ordering::SeqCst) > 20);
    // A key that is taken away takes its tokens with it.
    let token = ask(address, &[], &form("")).token();
    std::fs::remove_file(key_files(gateway.folder()).pop().unwrap()).unwrap();
    gateway.eventually("the third key is gone", || published(&gateway).len() == 2);
    assert_eq!(call(address, &token).status, 401);
    assert_eq!(call(address, &ask(address, &[], &form("")).token()).status, 200);
}

#[test]
fn keys_that_cannot_be_used_leave_the_good_ones_in_force() {
    let gateway = start(settings("", "", ""));
    let token = ask(gateway.address, &[], &form("")).token();
    let bad = gateway.folder().join("keys/999999999999.pem");
    std::fs::write(&bad, "no key").unwrap();
    gateway.eventually("the fault is logged", || gateway.log().contains("can be read by everybody"));
    assert_eq!(call(gateway.address, &token).status, 200);
    assert_eq!(published(&gateway).len(), 1);
    std::fs::remove_file(bad).unwrap();
    for file in key_files(gateway.folder()) {
        std::fs::remove_file(file).unwrap();
    }
    gateway.eventually("the fault is logged", || gateway.log().contains("holds no key"));
    assert_eq!(call(gateway.address, &token).status, 200);
    // No other key is made in the place of one that was lost: instances would drift apart.
    assert!(key_files(gateway.folder()).is_empty());
}

#[test]
fn a_key_that_is_given_is_used_and_can_be_followed() {
    let setup = crate::gateway::Setup::new().definition("tiny.yaml", TINY);
    let keys = setup.folder().join("keys");
    std::fs::create_dir(&keys).unwrap();
    // As `openssl genpkey -algorithm ed25519` wrote it.
    std::fs::write(keys.join("given.pem"), include_bytes!("given.pem")).unwrap();
    std::fs::set_permissions(keys.join("given.pem"), Permissions::from_mode(0o600)).unwrap();
    let gateway = setup.settings(settings(", settle: 0s", "", "")).start();
    let token = ask(gateway.address, &[], &form("")).token();
    assert_eq!(header_of(&token)["alg"], "EdDSA");
    assert_eq!(call(gateway.address, &token).status, 200);
    assert_eq!(key_files(gateway.folder()).len(), 1);
    rotate(&gateway);
    rotate(&gateway);
    gateway.eventually("three keys are published", || published(&gateway).len() == 3);
    gateway.eventually("the newest signs", || signs(&gateway) == published(&gateway)[0]);
    assert_eq!(header_of(&ask(gateway.address, &[], &form("")).token())["alg"], "ES256");
    assert_eq!(call(gateway.address, &token).status, 200);
}

#[test]
fn a_client_that_is_removed_or_may_less_is_held_to_that_at_once() {
    let key = "ub_other_0123456789abcdef0123456789abcdef";
    let digest = userbridge::access::KeyDigest::of(key);
    let entry = |scope: &str| format!("  - id: other\n    secrets: [\"{digest}\"]\n    scopes: [\"{scope}\"]\n");
    let gateway = start(settings("", &entry("tiny:*"), ""));
    let asked = format!("grant_type=client_credentials&client_id=other&client_secret={key}");
    let token = ask(gateway.address, &[], &asked).token();
    assert_eq!(call(gateway.address, &token).status, 200);
    let reload = |clients: &str, status: u16| {
        let reloads = || gateway.log().matches("are those of the changed settings").count();
        let before = reloads();
        std::fs::write(gateway.folder().join("userbridge.yaml"), settings("", clients, "")).unwrap();
        gateway.signal(Signal::HUP);
        gateway.eventually("the settings are in force", || reloads() > before);
        // The very next request, with a token that is not expired.
        assert_eq!(call(gateway.address, &token).status, status, "{clients}");
    };
    reload(&entry("tiny:login"), 403);
    reload(&entry("tiny:*"), 200);
    reload("", 401);
    assert_eq!(ask(gateway.address, &[], &asked).status, 401);
    // The same id again is the same client again.
    reload(&entry("tiny:*"), 200);
}
